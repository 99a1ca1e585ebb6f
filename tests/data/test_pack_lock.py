"""A store that several want at once is built once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from animekit.data.pack import Pack, pack
from animekit.data.store import lock as module
from animekit.errors import DataError
from animekit_plugins.datasets.folder import Folder


class _Slow(Folder):
    """A folder whose pictures take a moment each, and are counted."""

    drawn = 0
    fails = False
    seen = threading.Event()

    def render(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray | None]:
        type(self).drawn += 1
        self.seen.set()
        time.sleep(0.02)
        if self.fails:
            raise RuntimeError("the first builder broke")
        return super().render(index, size)


@pytest.fixture
def slow(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> _Slow:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    _Slow.drawn, _Slow.fails, _Slow.seen = 0, False, threading.Event()
    return _Slow(str(pictures))


def test_one_builds_and_the_others_wait_and_take_what_it_made(slow: _Slow, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def second() -> Pack:
        slow.seen.wait(10)
        return pack(slow, 16, folder=tmp_path, progress=lambda *done: told.append(done))

    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(second)
        made = pack(slow, 16, folder=tmp_path)
        taken = waiting.result()
    assert slow.drawn == 24
    assert taken.folder == made.folder
    assert made.notes == ()
    assert "another process has just made them" in taken.notes[0]
    assert told
    assert all(0 <= done <= total == 24 for done, total in told)
    assert [path.name for path in tmp_path.iterdir()] == [made.folder.name]


def test_the_next_one_builds_where_the_first_breaks(
    slow: _Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Slow, "fails", True)

    def second() -> Pack:
        slow.seen.wait(10)
        time.sleep(0.01)
        return pack(Folder(slow.where), 16, folder=tmp_path)

    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(second)
        with pytest.raises(RuntimeError):
            pack(slow, 16, folder=tmp_path)
        assert len(waiting.result()) == 24


def test_a_disk_without_locks_builds_as_before(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("flock")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert len(pack(Folder(str(pictures)), 16, folder=tmp_path)) == 24


def test_an_error_of_the_pictures_is_not_one_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="no usable image"):
        pack(Folder(str(tmp_path / "set")), 16, folder=tmp_path / "packs")
