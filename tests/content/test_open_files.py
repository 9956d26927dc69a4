"""Files that are open for clients are counted, whichever thread opens and closes them."""

from threading import Thread

from hump_trio.content.open_files import OPEN_FILES


def test_files_are_counted_in_any_thread() -> None:
    """Each is counted from its opening to its closing, and none twice."""
    before = OPEN_FILES.count
    threads = [Thread(target=OPEN_FILES.add) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert OPEN_FILES.count == before + 20
    for _ in range(20):
        OPEN_FILES.remove()
    assert OPEN_FILES.count == before
