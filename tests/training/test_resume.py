"""Exact resume: a run that was cut, stopped or killed ends as the run that was not, bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit.device import Crowd
from animekit.errors import ConfigError, NotFoundError, Stopped, UnusableError
from animekit.files import write_atomic
from animekit.runs import checkpoint
from animekit.runs.checkpoint import newest_sound
from animekit.runs.run import Run
from tests.attacks import kill_runs

Train = Callable[..., Run]
Watch = Callable[..., Any]
ROOT = Path(__file__).parents[2]
TOTAL = 7
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "batch norm": ("gan", {}),
    "n_critic 3": ("wgangp", {"n_critic": 3}),
    "rounds of two lengths": ("wgan", {"n_critic": 1, "n_critic_first": 2, "first_again": 2}),
    "G more often": ("lsgan", {"n_gen": 2, "optimizer": "rmsprop"}),
    "rmsprop and clipping": ("wgan", {"n_critic": 2}),
    "spectral norm": ("gan", {"spectral_norm": True}),
    "dropout": ("gan", {"g_dropout": 0.4}),
    "dropout and noise in pictures too": (
        "gan",
        {"g_dropout": 0.4, "g_dropout_sampling": True, "g_noise": 0.1, "label_flip": 0.2},
    ),
    "mixed batches, pixels from 0": (
        "wgangp",
        {"n_critic": 1, "d_norm": "batch", "d_batches": "mixed", "g_output": "sigmoid"},
    ),
    "noise on what D sees": ("gan", {"instance_noise": 0.1, "real_label": (0.8, 1.2)}),
    "crop and flip": ("lsgan", {"crop": 8, "mirror": True}),
    "bf16": ("wgangp", {"precision": "bf16", "n_critic": 2}),
    "fp16 with its scales": ("wgangp", {"precision": "fp16", "n_critic": 2}),
}


def newest_step(run: Run) -> int:
    return int(newest_sound(run.path).name)


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_that_is_cut_every_second_step_equals_a_straight_one(tiny: Train, name: str) -> None:
    model, values = RECIPES[name]
    straight = tiny(model, steps=TOTAL, **values)
    cut = tiny(model, steps=1, **values)
    for steps in range(3, TOTAL + 1, 2):
        tiny(model, resume=cut.path, steps=steps)
    assert kill_runs.differences(straight, cut) == []


@pytest.mark.parametrize("name", ["batch norm", "n_critic 3"])
def test_wherever_a_run_is_cut_it_goes_on_the_same(tiny: Train, name: str) -> None:
    model, values = RECIPES[name]
    straight = tiny(model, steps=5, **values)
    for cut_at in range(5):
        cut = tiny(model, steps=cut_at, **values)
        tiny(model, resume=cut.path, steps=5)
        assert kill_runs.differences(straight, cut) == [], f"cut at step {cut_at}"


def test_the_comparison_sees_another_seed_and_a_missing_step(tiny: Train) -> None:
    one, other, shorter = tiny(steps=2), tiny(steps=2, seed=1), tiny(steps=1)
    found = kill_runs.differences(one, other)
    assert any("model.safetensors" in line for line in found)
    assert any("ema.safetensors" in line for line in found)
    assert any("optimizers" in line for line in found)
    assert any("metrics.jsonl" in line for line in found)
    assert kill_runs.differences(one, shorter) != []


def test_forgetting_the_optimisers_would_be_seen(
    tiny: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, cut = tiny(steps=4), tiny(steps=2)
    read = checkpoint.read_state

    def forgetful(folder: Path) -> dict[str, Any]:
        state = read(folder)
        for optimizer in state["optimizers"].values():
            for values in optimizer["state"].values():
                values["exp_avg"].zero_()
        return state

    monkeypatch.setattr(checkpoint, "read_state", forgetful)
    tiny(resume=cut.path, steps=4)
    assert any("model.safetensors" in line for line in kill_runs.differences(straight, cut))


def test_two_runs_of_one_recipe_are_equal(tiny: Train) -> None:
    assert kill_runs.differences(tiny(steps=3), tiny(steps=3)) == []


def test_a_resumed_run_reports_each_step_once(tiny: Train) -> None:
    run = tiny(steps=5)
    path = run.path / "metrics.jsonl"
    # As if the process had died behind the reports of steps 6 and 7, before the next checkpoint.
    path.write_text(path.read_text() + '{"step": 6, "d/real": 9.0}\n{"step": 7, "d/re')
    (run.samples / "000006.png").write_bytes(b"from a future that never was")
    tiny(resume=run.path, steps=8)
    assert [row["step"] for row in run.metrics()] == list(range(1, 9))
    assert run.metrics()[5]["d/real"] != 9.0
    assert not (run.samples / "000006.png").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_runs_killed_at_random_moments_end_as_the_run_that_was_not(tmp_path: Path) -> None:
    outcome = kill_runs.trial(tmp_path, kills=6, seed=0, models=["gan", "crop"])
    assert outcome.equal == outcome.runs >= 2, outcome.lines
    assert len(outcome.kills) == 6
    assert any(kill.half for kill in outcome.kills)


@pytest.mark.slow
def test_new_processes_killed_at_random_moments_end_as_the_run_that_was_not(tmp_path: Path) -> None:
    outcome = kill_runs.trial(tmp_path, kills=8, seed=1, models=["wgangp", "bf16"], fresh=True)
    assert outcome.equal == outcome.runs >= 2, outcome.lines
    assert len(outcome.kills) == 8


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_every_model_killed_at_random_moments_ends_as_the_run_that_was_not(tmp_path: Path) -> None:
    outcome = kill_runs.trial(tmp_path, kills=2 * len(kill_runs.recipes()), seed=2)
    assert outcome.equal == outcome.runs, outcome.lines
    assert sum(kill.half for kill in outcome.kills) > len(outcome.kills) // 4


def test_more_steps_can_be_asked_for_and_are_remembered(tiny: Train, stop_at: Watch) -> None:
    run = tiny(steps=1)
    watch = stop_at(2, signal.SIGINT)
    with pytest.raises(Stopped):
        tiny(resume=run.path, steps=5, loggers=[watch])
    tiny(resume=run.path)
    assert newest_step(run) == 5, "a bare --resume goes on to where the last one wanted to go"
    assert run.config["options"]["steps"] == 5
    assert run.config["params"]["g_channels"] == 4


def test_fewer_steps_than_are_done_do_nothing(tiny: Train) -> None:
    run = tiny(steps=3)
    before = (newest_sound(run.path) / "manifest.json").read_bytes()
    tiny(resume=run.path, steps=2)
    assert (newest_sound(run.path) / "manifest.json").read_bytes() == before
    assert [row["step"] for row in run.metrics()] == [1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [{"lr": 0.1}, {"batch_size": 8}, {"seed": 1}, {"betas": (0.0, 0.9)}, {"mirror": True}],
)
def test_what_a_step_computes_cannot_change_on_the_way(tiny: Train, change: dict[str, Any]) -> None:
    run = tiny(steps=1)
    key = next(iter(change))
    with pytest.raises(ConfigError, match=f"^{key} of run {run.id} is .* cannot become") as caught:
        tiny(resume=run.path, steps=2, **change)
    assert "these can change:" in str(caught.value.hint) and " steps " in str(caught.value.hint)
    assert newest_step(run) == 1


def test_the_same_values_again_are_no_change(tiny: Train, pictures: Path) -> None:
    run = tiny(steps=1, betas=(0.0, 0.9))
    values = {"lr": 2e-4, "betas": [0, 0.9], "batch_size": 4, "data": pictures}
    tiny(resume=run.path, steps=2, **values)
    assert newest_step(run) == 2


def test_an_unknown_value_on_resume_gets_the_nearest_known_one(tiny: Train) -> None:
    run = tiny(steps=1)
    with pytest.raises(ConfigError, match='Did you mean "keep_checkpoints"'):
        tiny(resume=run.path, params={"keep_checkpoint": 2})


def test_another_model_cannot_go_on_with_a_run(tiny: Train) -> None:
    run = tiny(steps=1)
    with pytest.raises(UnusableError, match="trains gan, not wgan") as caught:
        tiny("wgan", resume=run.path)
    assert f"animekit train gan --resume {run.id}" in str(caught.value.hint)


def test_data_that_changed_or_went_are_refused(tiny: Train, pictures: Path, tmp_path: Path) -> None:
    data = shutil.copytree(pictures, tmp_path / "faces")
    run = tiny(data=data, steps=1)
    first, second = sorted(data.iterdir())[:2]
    pixels = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(UnusableError, match="has 24 images as before, but some of them, or their"):
        tiny(resume=run.path, steps=2)
    first.unlink()
    with pytest.raises(UnusableError, match="had 24 images, now 23"):
        tiny(resume=run.path, steps=2)
    first.write_bytes(pixels)
    tiny(resume=run.path, steps=2)
    shutil.rmtree(data)
    with pytest.raises(NotFoundError):
        tiny(resume=run.path, steps=3)
    assert newest_step(run) == 2


def test_data_that_moved_can_be_named_anew(tiny: Train, pictures: Path, tmp_path: Path) -> None:
    data = shutil.copytree(pictures, tmp_path / "faces")
    run = tiny(data=data, steps=1)
    moved = data.rename(tmp_path / "moved")
    tiny(resume=run.path, data=moved, steps=2)
    assert newest_step(run) == 2


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(tiny: Train) -> None:
    run, straight = tiny(steps=0), tiny(steps=2)
    shutil.rmtree(run.checkpoints)
    run.checkpoints.mkdir()
    (run.samples / "reals.png").unlink()
    tiny(resume=run.path, steps=2)
    a, b = (newest_sound(r.path) / "model.safetensors" for r in (run, straight))
    assert a.read_bytes()[-1000:] == b.read_bytes()[-1000:]
    assert (run.samples / "reals.png").is_file()


def test_a_run_that_lost_its_checkpoints_is_not_begun_again(tiny: Train) -> None:
    run = tiny(steps=2)
    shutil.rmtree(run.checkpoints)
    run.checkpoints.mkdir()
    with pytest.raises(UnusableError, match="no usable checkpoint"):
        tiny(resume=run.path, steps=3)
    assert len(run.metrics()) == 2


@pytest.mark.parametrize("damaged", [["000003"], ["000002", "000003"]])
def test_a_damaged_newest_checkpoint_is_said_and_the_steps_come_again(
    tiny: Train, watcher: Watch, damaged: list[str]
) -> None:
    run, straight = tiny(steps=3, save_every=1), tiny(steps=4, save_every=1)
    for name in damaged:
        file = run.checkpoints / name / "state.pt"
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    watch, taken = watcher(), f"{3 - len(damaged):06d}"
    tiny(resume=run.path, steps=4, loggers=[watch])
    (words,) = [entry[2] for entry in watch.told if entry[:2] == ("note", "warning")]
    assert " ".join(damaged) in words and f"damaged: going on from {taken}" in words
    assert words in (run.path / "log.txt").read_text()
    assert kill_runs.differences(straight, run) == []


def test_another_machine_is_a_warning(tiny: Train, watcher: Watch) -> None:
    run = tiny(steps=1)
    config = run.config
    config["environment"] |= {"torch": "1.0", "cpu_capability": "ABACUS"}
    config["resolved"]["threads"] = 64
    write_atomic(run.path / "config.json", json.dumps(config))
    watch = watcher()
    tiny(resume=run.path, steps=2, loggers=[watch])
    warnings = " ".join(entry[2] for entry in watch.told if entry[:2] == ("note", "warning"))
    assert "torch was 1.0" in warnings and "ABACUS" in warnings and "threads was 64" in warnings


def test_a_run_goes_on_with_its_threads_however_busy_the_machine_is(
    tiny: Train, watcher: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    crowd = Crowd(free=1, since=time.monotonic())
    for place in ("device.CROWD", "training.job.CROWD"):
        monkeypatch.setattr(f"animekit.{place}", crowd)
    for place in ("device.cores", "training.job.cores", "training.resume.cores"):
        monkeypatch.setattr(f"animekit.{place}", lambda: 2)

    def warnings(watch: Any) -> str:
        return " ".join(entry[2] for entry in watch.told if entry[:2] == ("note", "warning"))

    run = tiny("gan", steps=1, threads=None, loggers=[first := watcher()])
    assert run.config["resolved"]["threads"] == 1 and "takes 1 of 2 cores" in warnings(first)
    crowd.free = 2
    tiny(resume=run.path, steps=2, loggers=[second := watcher()])
    assert Run(run.path).config["resolved"]["threads"] == 1 and warnings(second) == ""
    tiny(resume=run.path, steps=3, threads=2, loggers=[third := watcher()])
    assert "threads was 1 and is 2" in warnings(third)


def test_two_trainers_cannot_share_a_run_folder(
    tiny: Train, tmp_path: Path, watcher: Watch
) -> None:
    refused: list[UnusableError] = []

    def intrude() -> None:
        with pytest.raises(UnusableError, match="being trained by another process") as caught:
            tiny(resume=Run.newest(runs=tmp_path / "runs").path, steps=9)
        refused.append(caught.value)

    run = tiny(steps=2, loggers=[watcher({1: intrude})])
    assert len(refused) == 1 and refused[0].exit_code == 4
    assert [row["step"] for row in run.metrics()] == [1, 2]
    tiny(resume=run.path, steps=3)  # the lock is gone with its holder


def test_the_lock_goes_with_a_failed_training_whose_error_is_kept(tiny: Train) -> None:
    run = tiny(steps=1)
    with pytest.raises(ConfigError) as kept:
        tiny(resume=run.path, lr=0.5)
    tiny(resume=run.path, steps=2)
    assert kept.value.__traceback__ is not None and newest_step(run) == 2


@pytest.mark.parametrize("place", [0, 1, 5])
def test_a_damaged_report_costs_that_report_and_the_old_file_is_kept(
    tiny: Train, watcher: Watch, place: int
) -> None:
    run = tiny(steps=6)
    path = run.path / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lines[place] = "X" + lines[place][1:]
    damaged = "".join(lines)
    path.write_text(damaged)
    watch = watcher()
    tiny(resume=run.path, steps=8, loggers=[watch])
    assert [row["step"] for row in run.metrics()] == [s for s in range(1, 9) if s != place + 1]
    kept = run.path / "metrics-damaged-1.jsonl"
    assert kept.read_text() == damaged
    (words,) = [entry[2] for entry in watch.told if entry[:2] == ("note", "warning")]
    assert "1 line of" in words and kept.name in words
    tiny(resume=run.path, steps=9)
    assert not (run.path / "metrics-damaged-2.jsonl").exists()


def test_runs_that_cannot_be_written_are_refused_before_pictures_are_read(
    tmp_path: Path, tiny: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: object) -> None:
        raise AssertionError("pictures were read")

    monkeypatch.setattr("animekit.training.resume.new_job", never)
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(UnusableError, match="runs is in the way"):
        tiny(steps=1)
