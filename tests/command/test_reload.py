"""Files that change."""

from pathlib import Path

import pytest
import trio

from hump_trio.command.reload import ReloadError, check_watchfiles, watch_folders
from tests.support.loopback import PATIENCE_SECONDS, wait_until


def test_the_library_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks it is told how to get it."""
    check_watchfiles([Path()])
    monkeypatch.setattr("hump_trio.command.reload.find_spec", lambda name: None)
    with pytest.raises(ReloadError, match=r"pip install 'hump-trio\[reload\]'"):
        check_watchfiles([Path()])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Is named, instead of being watched in vain."""
    with pytest.raises(ReloadError, match=r"there is no folder .*/nowhere"):
        check_watchfiles([tmp_path, tmp_path / "nowhere"])


async def test_python_files_are_watched(tmp_path: Path) -> None:
    """Those in folders below too, but not others and not hidden ones, until it is cancelled."""
    sends, changes = trio.open_memory_channel[list[str]](100)
    wanted = tmp_path / "package" / "a.py"
    for each in (wanted, tmp_path / ".venv" / "b.py", tmp_path / "c.txt"):
        each.parent.mkdir(exist_ok=True)
        each.write_text("old")
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_folders, [tmp_path], sends.send_nowait)
            found = None
            while found is None:  # until it watches
                (tmp_path / ".venv" / "b.py").write_text("new")
                (tmp_path / "c.txt").write_text("new")
                wanted.write_text("new")
                with trio.move_on_after(0.3):
                    found = await changes.receive()
            assert found == [str(wanted)]
            nursery.cancel_scope.cancel()


async def test_a_folder_that_isnt_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """That is said, and nothing else ends of it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_folders, [tmp_path / "nowhere"], print)
        await wait_until(lambda: "files can't be watched" in caplog.text)
        nursery.cancel_scope.cancel()
