"""What was read before is kept, within limits that a hostile client can't pass."""

from hump_trio.http1.memo import MEMO, Memo, remember

ENTRY_COUNT = 1024
KEY_LENGTH = 256


def test_a_reading_is_kept() -> None:
    """Unless what was read is too long; a memo of its own shares nothing with that of servers."""
    memo = Memo()
    remember(memo.names, "Host", "host")
    remember(memo.lines, b"a" * KEY_LENGTH, ("a", "b"))
    remember(memo.lines, b"a" * (KEY_LENGTH + 1), ("a", "b"))
    assert (memo.names, list(memo.lines)) == ({"Host": "host"}, [b"a" * KEY_LENGTH])
    assert memo.names is not MEMO.names


def test_a_full_memo_is_emptied() -> None:
    """Whatever comes, memory stays small, and readings that come later are kept as before."""
    memo = Memo()
    for number in range(ENTRY_COUNT):
        remember(memo.names, f"a{number}", "")
    assert len(memo.names) == ENTRY_COUNT
    remember(memo.names, "b", "b")
    assert memo.names == {"b": "b"}
