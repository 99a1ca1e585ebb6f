"""Finding files, measuring them on several threads, and remembering what was measured."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from animekit.cleaning import measure as measuring
from animekit.cleaning._workers import lazy
from animekit.cleaning.cache import MeasureCache
from animekit.cleaning.check import Check, Measures, Picture, Reason
from animekit.cleaning.measure import FILES_A_TASK, MeasureColumn, Table, key_of, measure
from animekit.data.survey import File, survey
from animekit.errors import (
    DataError,
    DeviceError,
    NotFoundError,
    PluginError,
    Stopped,
    UnusableError,
)
from tests.support import fill, picture


class Red(Check):
    """Find red pictures."""

    name = "red"
    reasons: ClassVar[tuple[Reason, ...]] = (Reason("red", "review", "red"),)
    measures: ClassVar[tuple[str, ...]] = ("red", "text")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.strength = "1"

    def key(self) -> str:
        return self.strength

    def measure(self, picture: Picture) -> Measures:
        self.seen.append(picture.name)
        return {"red": float(picture.pixels[..., 0].mean()), "text": picture.sha256[:4]}


class Batches(Red):
    """Sees how many pictures come at a time."""

    name = "batches"
    measures: ClassVar[tuple[str, ...]] = ("count",)

    def measure_many(self, pictures: Sequence[Picture]) -> list[Measures]:
        self.seen += [str(len(pictures))]
        return [{"count": len(pictures)}] * len(pictures)


def files(folder: Path, count: int = 40) -> Path:
    return fill(folder, *(f"{index:03d}.png" for index in range(count)))


def look(folder: Path, place: Path, *checks: Check, **options: object) -> Table:
    with MeasureCache(place) as cache:
        return measure(folder, survey(folder).files, checks, cache, **options)  # type: ignore[arg-type]


# Finding files


def test_a_survey_has_the_names_that_a_data_set_has(tmp_path: Path) -> None:
    from animekit_plugins.datasets.folder import Folder

    fill(tmp_path, "b.png", "sub/deep/a.JPG", "sub/c.webp", "plain", ".hidden.png", ".x/d.png")
    (tmp_path / "tags.csv").write_text("0,red hair\n")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    found = survey(tmp_path)
    assert [file.name for file in found.files] == ["b.png", "plain", "sub/c.webp", "sub/deep/a.JPG"]
    dataset = Folder(str(tmp_path))
    assert [file.name for file in found.files] == [dataset.name_of(i) for i in range(len(dataset))]
    assert found.ignored == {".csv": 1, ".db": 1}
    assert found.files[0].bytes == (tmp_path / "b.png").stat().st_size


def test_links_are_followed_inside_the_folder_and_refused_outside(tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside", "secret.png")
    top = fill(tmp_path / "top", "a.png", "sub/b.png")
    (top / "to_a.png").symlink_to(top / "a.png")
    (top / "sub" / "up").symlink_to(top)
    (top / "out.png").symlink_to(outside / "secret.png")
    (top / "folder").symlink_to(outside)
    (top / "nothing.png").symlink_to(top / "gone.png")
    found = survey(top)
    assert [file.name for file in found.files] == ["a.png", "sub/b.png", "to_a.png"]
    assert {item.name: item.reason for item in found.skipped} == {
        "out.png": "a link that leads out of the folder",
        "folder": "a link that leads out of the folder",
        "nothing.png": "a link to nothing",
    }


def test_a_link_to_the_folder_itself_may_be_named(tmp_path: Path) -> None:
    top = fill(tmp_path / "top", "a.png")
    (tmp_path / "link").symlink_to(top)
    assert [file.name for file in survey(tmp_path / "link").files] == ["a.png"]


def test_where_there_is_nothing_to_clean_it_is_said_what_was_seen(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        survey(tmp_path / "nowhere")
    (tmp_path / "x.txt").write_text("no")
    with pytest.raises(DataError, match=r"found 1 \.txt"):
        survey(tmp_path)
    (tmp_path / "faces.zip").write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        survey(tmp_path / "faces.zip")
    assert str(caught.value.hint).startswith("unpack it first: animekit data pack")


# Measuring


@pytest.mark.parametrize("workers", [1, 3])
def test_every_row_has_its_own_measures(tmp_path: Path, workers: int) -> None:
    folder = files(tmp_path / "data")
    (folder / "010.png").write_bytes(b"")
    seen: list[tuple[int, int]] = []
    table = look(
        folder, tmp_path / "cache", Red(), workers=workers, progress=lambda *at: seen.append(at)
    )
    frame = table.frame()
    assert frame["name"].tolist() == [f"{index:03d}.png" for index in range(40)]
    good = frame.drop(index=10)
    assert good["red.red"].tolist() == [float(index) for index in good.index]
    assert (good["width"] == 8).all() and (good["error"] == "").all()
    assert (good["format"] == "PNG").all()
    assert frame["error_kind"][10] == "empty" and frame["width"][10] == 0
    assert np.isnan(frame["red.red"][10])
    assert seen[0] == (0, 40) and seen[-1] == (40, 40)
    assert seen == sorted(seen)


def test_pictures_come_in_batches_that_are_small_where_pictures_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = files(tmp_path / "data", FILES_A_TASK + 1)
    check = Batches()
    look(folder, tmp_path / "a", check, workers=1)
    assert check.seen == [str(FILES_A_TASK), "1"]
    monkeypatch.setattr(measuring, "PIXELS_A_BATCH", 3 * 64)
    check.seen.clear()
    look(folder, tmp_path / "b", check, workers=1)
    assert check.seen == ["3"] * 5 + ["1", "1"]


def test_only_a_few_pictures_are_held_at_a_time(tmp_path: Path) -> None:
    alive = 0
    most = 0
    lock = threading.Lock()

    class Held(Red):
        def measure_many(self, pictures: Sequence[Picture]) -> list[Measures]:
            nonlocal most
            with lock:
                most = max(most, alive)
            return [{"red": 0.0, "text": ""}] * len(pictures)

    class Counted(Picture):
        def __init__(self, *args: object) -> None:
            nonlocal alive
            super().__init__(*args)  # type: ignore[arg-type]
            with lock:
                alive += 1

        def __del__(self) -> None:
            nonlocal alive
            with lock:
                alive -= 1

    folder = files(tmp_path / "data", 200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "Picture", Counted)
        look(folder, tmp_path / "cache", Held(), workers=2)
    assert FILES_A_TASK <= most <= 3 * FILES_A_TASK


def test_a_check_that_fails_names_itself_and_the_picture(tmp_path: Path) -> None:
    class Broken(Red):
        def measure(self, picture: Picture) -> Measures:
            raise ZeroDivisionError("no")

    class Lost(Red):
        def measure(self, picture: Picture) -> Measures:
            return {"red": float("nan"), "text": ""}

    class Wordy(Red):
        def measure(self, picture: Picture) -> Measures:
            return {"blue": 1.0}

    folder = files(tmp_path / "data", 2)
    with pytest.raises(ZeroDivisionError) as caught:
        look(folder, tmp_path / "cache", Broken())
    assert any("check red measured 000.png" in note for note in caught.value.__notes__)
    with pytest.raises(PluginError, match=r"gave \['blue'\], not \['red', 'text'\]"):
        look(folder, tmp_path / "cache", Wordy())
    with pytest.raises(PluginError, match="gave NaN for 000.png"):
        look(folder, tmp_path / "cache", Lost())


def test_numbers_of_numpy_are_kept_as_plain_ones(tmp_path: Path) -> None:
    class Numpy(Red):
        def measure(self, picture: Picture) -> Measures:
            return {"red": np.float32(0.5), "text": np.array([1, 2])}

    folder = files(tmp_path / "data", 1)
    look(folder, tmp_path / "cache", Numpy())
    frame = look(folder, tmp_path / "cache", Numpy()).frame()
    assert frame["red.red"].tolist() == [0.5] and frame["red.text"].tolist() == [[1, 2]]


def test_torch_has_one_thread_while_pictures_are_measured(tmp_path: Path) -> None:
    import torch

    class Threads(Red):
        def measure(self, picture: Picture) -> Measures:
            return {"red": torch.get_num_threads(), "text": ""}

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        table = look(files(tmp_path / "data", 2), tmp_path / "cache", Threads())
        assert table.frame()["red.red"].tolist() == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_workers_take_short_turns_at_the_interpreter(tmp_path: Path) -> None:
    class Turns(Red):
        def measure(self, picture: Picture) -> Measures:
            return {"red": sys.getswitchinterval(), "text": ""}

    before = sys.getswitchinterval()
    table = look(files(tmp_path / "data", 2), tmp_path / "cache", Turns())
    assert (table.frame()["red.red"] < 0.001).all()
    assert sys.getswitchinterval() == before >= 0.001


# Processes


class Forked(Red):
    """Says in which process it looks."""

    name = "forked"
    forks = True
    measures: ClassVar[tuple[str, ...]] = ("red", "process")

    def measure(self, picture: Picture) -> Measures:
        return {"red": float(picture.pixels[..., 0].mean()), "process": os.getpid()}


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of so many files that processes look at them, where there can be any."""
    if sys.platform != "linux":
        pytest.skip("processes are forked on Linux alone")
    monkeypatch.setattr(measuring, "FEWEST_FORKED", 60)
    return files(tmp_path / "data", 60)


def test_many_files_are_looked_at_in_processes_with_the_measures_of_threads(
    many: Path, tmp_path: Path
) -> None:
    apart = look(many, tmp_path / "a", Forked(), workers=2).frame()
    here = look(many, tmp_path / "b", Forked(), workers=1).frame()
    assert os.getpid() not in set(apart.pop("forked.process"))
    assert set(here.pop("forked.process")) == {os.getpid()}
    assert apart.equals(here)


def test_processes_know_what_was_measured_before(many: Path, tmp_path: Path) -> None:
    look(many, tmp_path / "cache", Forked(), workers=1)
    for path in sorted(many.iterdir()):
        path.rename(many / f"new{path.name}")
    (many / "new007.png").write_bytes(picture(200))
    table = look(many, tmp_path / "cache", Forked(), workers=2)
    assert table.decoded == 1
    other = table.frame()["forked.process"] != os.getpid()
    assert other[other].index.tolist() == [7]


def test_a_check_that_says_nothing_of_processes_stays_in_this_one(
    many: Path, tmp_path: Path
) -> None:
    check = Red()
    look(many, tmp_path / "cache", check, Forked(), workers=2)
    assert len(check.seen) == 60


def test_what_fails_in_a_process_fails_as_it_would_here(many: Path, tmp_path: Path) -> None:
    class Broken(Forked):
        def measure(self, picture: Picture) -> Measures:
            raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError) as caught:
        look(many, tmp_path / "cache", Broken(), workers=2)
    assert any("check forked measured" in note for note in caught.value.__notes__)


def test_a_process_that_is_killed_ends_it_with_one_line(many: Path, tmp_path: Path) -> None:
    class Killed(Forked):
        def measure(self, picture: Picture) -> Measures:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

    with pytest.raises(DeviceError, match="ended from outside") as caught:
        look(many, tmp_path / "cache", Killed(), workers=2)
    assert "--workers 1" in str(caught.value.hint)


def test_processes_leave_signals_to_the_one_that_began_them(many: Path, tmp_path: Path) -> None:
    class Signalled(Forked):
        def measure(self, picture: Picture) -> Measures:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            return super().measure(picture)

    frame = look(many, tmp_path / "cache", Signalled(), workers=2).frame()
    assert frame["forked.red"].tolist() == [float(index) for index in range(60)]


# Remembering


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    folder, cache, check = files(tmp_path / "data"), tmp_path / "cache", Red()
    first = look(folder, cache, check)
    assert (first.decoded, len(check.seen)) == (40, 40)
    second = look(folder, cache, check)
    assert (second.decoded, len(check.seen)) == (0, 40)
    assert second.frame().equals(first.frame())
    assert len(list(cache.iterdir())) == 1  # nothing new, no new file


def test_a_renamed_file_is_known_by_its_content_and_a_changed_one_is_not(tmp_path: Path) -> None:
    folder, cache, check = files(tmp_path / "data", 4), tmp_path / "cache", Red()
    look(folder, cache, check)
    (folder / "000.png").rename(folder / "other.png")
    status = (folder / "001.png").stat()
    (folder / "001.png").write_bytes(picture(99))
    os.utime(folder / "001.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    check.seen.clear()
    table = look(folder, cache, check)
    assert check.seen == ["001.png"]
    assert table.frame()["red.red"].tolist() == [99.0, 2.0, 3.0, 0.0]


def test_other_parameters_and_other_versions_are_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache, check, other = files(tmp_path / "data", 3), tmp_path / "cache", Red(), Batches()
    look(folder, cache, check)
    check.strength = "2"
    look(folder, cache, check)
    assert len(check.seen) == 6
    monkeypatch.setattr(Red, "version", 2)
    look(folder, cache, check)
    assert len(check.seen) == 9
    look(folder, cache, check, other)
    assert len(check.seen) == 9 and other.seen == ["3"]
    assert key_of(check) == "red/2/2"


def test_lines_that_a_kill_cut_off_or_a_disk_spoilt_are_passed_over(tmp_path: Path) -> None:
    folder, cache, check = files(tmp_path / "data", 6), tmp_path / "cache", Red()
    whole = look(folder, cache, check).frame()
    path = next(cache.iterdir())
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        again = Red()
        for extra in list(cache.iterdir()):
            if extra != path:
                extra.unlink()
        assert look(folder, cache, again).frame().equals(whole)
        assert len(again.seen) + data[:length].count(b"}\n") == 6
    path.write_bytes(data.replace(b'"red"', b'"re\xff'))
    assert look(folder, cache, Red()).frame().equals(whole)


def test_a_stop_keeps_what_is_done_and_the_next_call_goes_on(tmp_path: Path) -> None:
    folder, cache = files(tmp_path / "data", 120), tmp_path / "cache"

    def stop(done: int, total: int) -> None:
        if done >= 48:
            signal.raise_signal(signal.SIGINT)

    first = Red()
    with pytest.raises(Stopped, match=r"stopped after \d+ of 120 pictures") as caught:
        look(folder, cache, first, workers=1, progress=stop)
    assert caught.value.exit_code == 130
    assert 48 <= len(first.seen) < 120
    second = Red()
    table = look(folder, cache, second)
    assert set(first.seen) | set(second.seen) == {file.name for file in survey(folder).files}
    assert len(second.seen) <= 120 - 48
    assert table.frame()["red.red"].tolist() == [float(index) for index in range(120)]


def test_a_killed_process_loses_nothing_that_was_reported(tmp_path: Path) -> None:
    folder, cache = files(tmp_path / "data", 120), tmp_path / "cache"
    pid = os.fork()
    if pid == 0:

        def die(done: int, total: int) -> None:
            if done >= 60:
                os.kill(os.getpid(), signal.SIGKILL)

        look(folder, cache, Red(), workers=1, progress=die)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    check = Red()
    table = look(folder, cache, check)
    assert len(check.seen) <= 60
    assert table.frame()["red.red"].tolist() == [float(index) for index in range(120)]


def test_two_processes_may_write_at_the_same_time(tmp_path: Path) -> None:
    file = [File(f"{index}.png", 1, 1) for index in range(2)]
    with MeasureCache(tmp_path) as one, MeasureCache(tmp_path) as two:
        one.put(file[0], "a" * 64, {"red/1/": {"red": 1.0}})
        two.put(file[1], "b" * 64, {"red/1/": {"red": 2.0}})
        two.put(file[0], "a" * 64, {"red/1/": {"red": 1.0}, "blue/1/": {"blue": 3.0}})
    with MeasureCache(tmp_path) as both:
        assert [both.sha256(item) for item in file] == ["a" * 64, "b" * 64]
        assert both.get("a" * 64) == {"red/1/": {"red": 1.0}, "blue/1/": {"blue": 3.0}}
        assert both.sha256(File("0.png", 2, 1)) is None
        assert both.sha256(File("0.png", 1, 2)) is None


def test_a_cache_that_cannot_be_written_says_where_else(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(UnusableError) as caught:
        look(files(tmp_path / "data", 2), tmp_path / "cache" / "x", Red())
    assert "--out" in str(caught.value.hint)


def test_pictures_of_two_threads_do_not_wait_for_each_other() -> None:
    both = threading.Barrier(2, timeout=20)

    class Meeting(Picture):
        @lazy
        def met(self) -> int:
            """The place at which both threads are within this attribute at once."""
            return both.wait()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: Meeting(name, b"").met, ["a", "b"]))
    assert sorted(found) == [0, 1]


LONG, LONGER = "a" * 32, "b" * 40


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        [1, None, 3],
        [1, 2.5, None],
        [2.5, None, 1],
        [True, False, True],
        [1 << 70, 2, 3],
        [LONG, LONG[::-1], LONG],
        [LONG, None, LONG],
        [LONG, LONGER, None],
        [LONG, "ä" * 32, "short"],
        [LONG, "a\0" * 16, 5],
        ["", LONG, "JPEG"],
        [5, LONG, None],
        [[[1.5, 2.0]], None, []],
        [None, None, None],
    ],
    ids=str,
)
def test_a_column_gives_back_what_was_put_as_pandas_would_have_it(values: list[Any]) -> None:
    column = MeasureColumn(len(values))
    for row in (1, 2, 0):
        if values[row] is not None:
            column.put(row, values[row])
    found, plain = column.series(), pd.Series(values)
    if not isinstance(found, pd.Series):
        assert plain.isna().all() and math.isnan(found)
    else:
        pd.testing.assert_series_equal(found, plain)
