"""The client of a connection; how it waits is tested with the lanes."""

from hump_trio.server.http1.peer import Nobody


def test_nobody() -> None:
    """Nobody owes anything."""
    nobody = Nobody()
    assert (nobody.peer_state(), nobody.acked_bytes(), nobody.fully_acked()) == ("open", 0, True)
    assert nobody.answer_bytes() == 0
