"""Close codes."""

import pytest

from hump_trio.websocket.failures import WebSocketFailure, check_close_code


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
def test_codes_that_a_close_may_carry(code: int) -> None:
    """Those of the RFC and of the registry, and those for libraries and programs."""
    check_close_code(code)


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000])
def test_codes_that_it_may_not(code: int) -> None:
    """Those without a meaning, and words for what happened without a Close."""
    with pytest.raises(ValueError, match=f"can't carry the code {code}"):
        check_close_code(code)


def test_a_failure_holds_its_evidence() -> None:
    """The Close that answers it has its code and its reason."""
    failure = WebSocketFailure(1009, "too long")
    assert (failure.code, failure.reason) == (1009, "too long")
