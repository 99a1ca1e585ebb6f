"""What a list shows of runs: states, best numbers, orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from animekit.errors import UsageError
from animekit.runs.run import Run
from animekit.runs.summary import BEST, Best, own_values, summaries, summary


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Run]:
    """Return what writes a run folder of some rows, without training it."""

    def make(number: int = 1, rows: tuple[dict[str, float], ...] = (), **config: object) -> Run:
        options = {"steps": 10, "minutes": None, **config.pop("options", {})}  # type: ignore[dict-item]
        data = {"name": "discs", "used": 24}
        values = {"model": "gan", "options": options, "data": data, **config}
        run = Run.create("gan", f"n{number}", values, tmp_path / "runs")
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (run.path / "metrics.jsonl").write_text(text)
        return run

    return make


def test_a_run_has_the_state_that_its_reach_lock_and_last_word_say(
    made: Callable[..., Run],
) -> None:
    half = ({"step": 5, "seconds": 70.0},)
    assert summary(made(rows=({"step": 10, "seconds": 1.0},))).state == "finished"
    assert summary(made(rows=half, options={"steps": None, "minutes": 1})).state == "finished"
    run = made(rows=half)
    assert summary(run).state == "interrupted"
    log = run.path / "log.txt"
    log.write_text("2026-01-01 00:00:00 step 5 rollback: not finite\n")
    assert summary(run).state == "interrupted"
    log.write_text(log.read_text() + "2026-01-01 00:00:01 step 5 stopped: alike\n")
    assert summary(run).state == "stopped"
    log.write_text(log.read_text() + "2026-01-01 00:00:01 step 5 diverged: for good\nodd\n")
    assert summary(run).state == "diverged"
    with filelock.FileLock(run.path / ".lock"):
        assert summary(run).state == "running"
    (run.path / "config.json").write_text("{}")
    assert summary(run).state == "damaged"


def test_the_best_is_the_lowest_of_training_until_an_evaluation_says_more(
    made: Callable[..., Run],
) -> None:
    rows = (
        {"step": 2, "eval/swd_avg": 30.0, "eval/swd_16": 9.0},
        {"step": 4, "eval/swd_avg": 20.0, "eval/swd_16": 10.0, "floor/swd_avg": 2.0},
        {"step": 6, "eval/swd_avg": 25.0, "eval/swd_16": 1.0},
        {"eval/swd_avg": "of another program"},
    )
    run = made(rows=rows)
    best = summary(run).best
    assert best[BEST] == Best(20.0, 2.0, 4, "training") and best["swd_16"].value == 10.0
    line = {"values": {"swd_avg": 21.5, "ms_ssim": None}, "real": {"swd_avg": 3}, "step": 6}
    (run.path / "evaluations.jsonl").write_text(json.dumps(line) + "\n{odd\n[]\n")
    assert summary(run).best[BEST] == Best(21.5, 3.0, 6, "evaluate")
    assert "ms_ssim" not in summary(run).best


def test_runs_are_sorted_and_chosen(made: Callable[..., Run], tmp_path: Path) -> None:
    for number, (steps, score) in enumerate([(3, 5.0), (10, None), (7, 4.0)]):
        row = {"step": steps, "seconds": 1.0 * number}
        rows = (row, {"step": steps, "eval/swd_avg": score}) if score else (row,)
        made(number, rows)

    def order(**how: object) -> list[int]:
        return [int(each.id[:4]) for each in summaries(tmp_path / "runs", **how)]  # type: ignore[arg-type]

    assert order() == [1, 2, 3] and order(sort="-id") == [3, 2, 1]
    assert order(sort="steps") == [1, 3, 2] and order(sort="-time") == [3, 2, 1]
    assert order(sort="best") == [3, 1, 2] and order(sort="-swd_avg") == [1, 3, 2]
    assert order(states=["finished"]) == [2]
    with pytest.raises(UsageError, match='cannot sort by "stesp". Did you mean "steps"'):
        order(sort="stesp")
    with pytest.raises(UsageError, match='no state "finishd". Did you mean "finished"'):
        order(states=["finishd"])


def test_what_is_not_the_presets_own_is_what_somebody_said() -> None:
    config = {
        "options": {"steps": 5, "size": 64},
        "params": {"lr": 1, "z_dim": 8, "g_channels": 4},
        "origins": {"steps": "--steps", "size": "default", "lr": "preset cpu", "z_dim": "my.toml"}
        | {"g_channels": "networks of preset course"},
    }
    assert own_values(config) == {"steps": (5, "--steps"), "z_dim": (8, "my.toml")}
