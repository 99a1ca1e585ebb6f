"""The training loop: how it stops, reports, goes on, and what it refuses."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animekit.errors import DataError, DeviceError, Stopped, Terminated
from animekit.images.pixels import resize
from animekit.runs import checkpoint
from animekit.runs.checkpoint import newest_sound, steps_of
from animekit.runs.names import list_runs
from animekit.runs.run import Run
from animekit.training.logger import Logger
from animekit.training.train import GRID

Train = Callable[..., Run]
Watch = Callable[..., Any]


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def newest_step(run: Run) -> int:
    return int(newest_sound(run.path).name)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [(signal.SIGINT, Stopped, 130), (signal.SIGTERM, Terminated, 143)],
)
def test_one_signal_saves_and_stops_and_the_run_can_go_on(
    tiny: Train,
    tmp_path: Path,
    number: signal.Signals,
    kind: type[Stopped],
    code: int,
    stop_at: Watch,
) -> None:
    before = signal.getsignal(number)
    watch = stop_at(2, number)
    with pytest.raises(kind) as caught:
        tiny(steps=6, loggers=[watch])
    assert type(caught.value) is kind and caught.value.exit_code == code
    assert signal.getsignal(number) == before
    run = Run.newest(runs=tmp_path / "runs")
    assert "stopped at step 3" in caught.value.message
    assert str(caught.value.hint).endswith(f"animekit train gan --resume {run.path}")
    assert newest_step(run) == 3, "the step that was under way is finished and saved"
    assert watch.told[-1] == ("close", kind)
    tiny(resume=True, steps=6)
    straight = tiny(steps=6)
    for name in ("model.safetensors", "ema.safetensors"):
        a, b = (newest_sound(r.path) / name for r in (run, straight))
        assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interrupt_stops_at_once(
    tiny: Train, tmp_path: Path, first: signal.Signals, watcher: Watch
) -> None:
    def twice() -> None:
        signal.raise_signal(first)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        tiny(steps=6, loggers=[watcher({2: twice})])
    assert signal.getsignal(signal.SIGINT) == before
    run = Run.newest(runs=tmp_path / "runs")
    assert newest_step(run) == 0, "nothing was saved"
    tiny(resume=run.path, steps=3)
    assert [row["step"] for row in run.metrics()] == [1, 2, 3]


def test_a_second_sigterm_still_waits_for_the_save(
    tiny: Train, tmp_path: Path, stop_at: Watch
) -> None:
    with pytest.raises(Terminated):
        tiny(steps=6, loggers=[stop_at(2, signal.SIGTERM, times=3)])
    assert newest_step(Run.newest(runs=tmp_path / "runs")) == 3


def test_a_signal_in_the_last_step_changes_nothing(tiny: Train, stop_at: Watch) -> None:
    assert newest_step(tiny(steps=2, loggers=[stop_at(2, signal.SIGINT)])) == 2


def test_training_works_in_a_thread_that_gets_no_signals(tiny: Train) -> None:
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(tiny(steps=1)))
    thread.start()
    thread.join()
    assert newest_step(runs[0]) == 1


class Clock:
    """A time that passes only where a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(
            "animekit.training.train.time", SimpleNamespace(monotonic=lambda: self.now)
        )

    def advance(self, seconds: float) -> None:
        self.now += seconds


def test_a_run_whose_time_runs_out_while_it_samples_still_saves_its_last_step(
    tiny: Train, watcher: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    class Slow(watcher):  # type: ignore[misc]
        def picture(self, step: int, name: str, image: np.ndarray, path: Path) -> None:
            clock.advance(61 if step == 3 else 0)

    run = tiny(minutes=1, sample_every=1, loggers=[Slow()])
    assert run.metrics()[-1]["step"] == newest_step(run) == 4
    assert (run.samples / "000004.png").is_file()
    assert run.config["options"]["steps"] is None


def test_minutes_count_over_all_parts_of_a_run(
    tiny: Train, watcher: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    slow = [watcher({step: lambda: clock.advance(10) for step in range(20)})]
    run = tiny(minutes=0.5, loggers=slow)
    assert newest_step(run) == 4, "the fourth step is the first to end after half a minute"
    tiny(resume=run.path, loggers=slow)
    assert newest_step(run) == 4, "its time was used up"
    tiny(resume=run.path, minutes=1, loggers=slow)
    assert newest_step(run) == 7
    assert run.metrics()[-1]["seconds"] == pytest.approx(60)


def test_no_steps_at_all_still_make_a_run(tiny: Train, registry: Any) -> None:
    run = tiny(steps=0)
    assert [path.name for path in steps_of(run.path)] == ["000000"]
    assert sorted(path.name for path in run.samples.iterdir()) == ["000000.png", "reals.png"]
    assert run.metrics() == []
    assert run.model(registry).name == "gan"
    tiny(resume=run.path, steps=1)
    assert newest_step(run) == 1


def test_loggers_hear_everything_in_order(tiny: Train, watcher: Watch) -> None:
    watch = watcher()
    run = tiny(steps=3, log_every=2, loggers=[watch])
    assert watch.words("start") == ["gan"]
    assert watch.words("log") == [2, 3]
    assert watch.words("picture") == ["reals", "000000", "000003"]
    assert watch.told[-1] == ("close", type(None))
    stats = next(entry[2] for entry in watch.told if entry[0] == "log")
    assert {"d/real", "d/fake", "g/adv", "seconds", "images", "img_s"} <= stats.keys()
    assert (stats["images"], stats["generator_updates"]) == (8, 2)
    assert [row["step"] for row in run.metrics()] == [2, 3]
    assert "saved step 3" in (run.path / "log.txt").read_text()


def test_a_logger_that_raises_is_dropped_and_training_goes_on(tiny: Train, watcher: Watch) -> None:
    class Broken(Logger):
        """Raises wherever it is asked."""

        name = "broken"

        def __init__(self, method: str) -> None:
            super().__init__()
            self.calls = 0
            setattr(self, method, self.fail)

        def fail(self, *arguments: Any) -> None:
            self.calls += 1
            raise RuntimeError("no display")

    broken = [Broken(method) for method in ("start", "log", "picture", "note", "close", "log")]
    sound = watcher()
    run = tiny(steps=2, loggers=[*broken, sound])
    assert newest_step(run) == 2 and sound.told[-1] == ("close", type(None))
    assert [logger.calls for logger in broken] == [1] * 6, "once each, then off"
    assert (run.path / "log.txt").read_text().count("logger Broken failed and is off") == 6


def test_a_full_disk_that_stops_the_reports_is_one_clear_line(
    tiny: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("animekit.training.reporter.write_png", full)
    with pytest.raises(DeviceError, match="No space left on device") as caught:
        tiny(steps=1)
    assert caught.value.exit_code == 6


def test_pictures_are_made_from_step_0_and_have_the_sizes_of_their_grids(tiny: Train) -> None:
    run = tiny(steps=3, sample_every=1)
    sizes = {path.name: opened(path).shape[1::-1] for path in run.samples.iterdir()}
    side = GRID * 32
    assert sizes == {
        **{f"{step:06d}.png": (side, side) for step in range(4)},
        "reals.png": (side, 3 * 32),  # 24 real pictures fill three rows
    }
    assert opened(run.path / "timeline.png").shape == (96 + 16, 4 * (96 + 2) - 2, 3)
    with Image.open(run.path / "timeline.gif") as gif:
        assert (gif.size, gif.n_frames) == ((side, side), 4)  # type: ignore[attr-defined]


def test_samples_come_from_fixed_noise_so_that_they_can_be_compared(tiny: Train) -> None:
    still = {"g_norm": "none", "init": "he", "lr": 1e-12, "ema_decay": 0.0}
    run = tiny(steps=2, sample_every=1, **still)
    first, *_, last = (opened(path).astype(int) for path in sorted(run.samples.glob("0*")))
    assert np.abs(first - last).max() <= 1, "the same weights, the same noise, the same pictures"
    assert np.abs(first[:32, :32] - first[:32, 32:64]).mean() > 2, "two seeds, two pictures"


def test_the_reals_are_the_data_at_the_size_of_the_run(tiny: Train, pictures: Path) -> None:
    run = tiny(steps=0, crop=8)
    reals = opened(run.samples / "reals.png")
    assert reals.shape == (3 * 32, 8 * 32, 3)
    first = resize(opened(sorted(pictures.iterdir())[0]), 32)
    assert np.abs(reals[:32, :32].astype(int) - first).mean() < 8


def test_an_empty_folder_makes_no_run(tiny: Train, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError):
        tiny(data=tmp_path / "none", steps=1)
    assert list_runs(tmp_path / "runs", complete=False) == []


def test_every_checkpoint_that_is_reported_is_there(tiny: Train) -> None:
    run = tiny(steps=5, save_every=2, keep_checkpoints=2)
    assert [path.name for path in steps_of(run.path)] == ["000004", "000005"]
    assert checkpoint.pointer(run.path, "last") == "000005"
