"""History: what a run's files say of its numbers, its marks and what real images get."""

from __future__ import annotations

import json
from pathlib import Path

from animekit.runs.history import History, Mark, Series, read_history
from animekit.runs.run import Run

ROWS = [
    {"step": 10, "d/adv": 1.5, "d/acc_real": 0.75, "d/grad": 2, "seconds": 1.0, "epoch": 0.1},
    {"step": 20, "d/adv": 1.0, "d/acc_real": 1.0, "d/grad": 3, "time/data": 0.1},
    {"step": 20, "alarm/sure": 1.0, "eval/swd_avg": 90.0, "floor/swd_avg": 12.5},
]


def run_of(path: Path, rows: list[dict[str, object]] = ROWS, log: str = "") -> Run:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text("{}")
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "log.txt").write_text(log)
    return Run(path)


def test_a_series_has_the_steps_of_its_key(tmp_path: Path) -> None:
    history = read_history(run_of(tmp_path))
    assert history.series["d/adv"] == Series((10, 20), (1.5, 1.0))
    assert history.series["swd_avg"] == Series((20,), (90.0,))
    assert history.series["time/data"].steps == (20,)


def test_a_history_says_what_its_keys_are(tmp_path: Path) -> None:
    history = read_history(run_of(tmp_path))
    assert history.metrics == ["swd_avg"] and history.losses == ["d/adv"]
    assert history.measures == ["d/acc_real", "d/grad", "time/data"]


def test_the_floor_of_its_own_evaluations_counts(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    line = {"record": "0001", "real": {"swd_avg": 9.0, "ms_ssim": 0.3, "fd": None}, "n": 100}
    (tmp_path / "evaluations.jsonl").write_text(json.dumps(line) + '\n[1]\n{"real": 3}\n{"re')
    assert read_history(run).floors == {"swd_avg": 12.5, "ms_ssim": 0.3}


def test_marks_are_what_the_log_says(tmp_path: Path) -> None:
    log = (
        "2026-01-01 10:00:00 step 10 checkpoint: saved step 10\n"
        "2026-01-01 10:00:00 step 10 resume: going on from step 10\n"
        "a word of somebody else: step 3 resume: no\n"
        "2026-01-01 10:00:08 step 1200 alarm: fakes are alike\n"
        "2026-01-01 10:00:09 step 19 rollback: not finite at step 19: back to step 1,000 with\n"
    )
    log += "2026-01-01 10:00:10 step 1100 alarm: fakes are alike\n"
    found = read_history(run_of(tmp_path, log=log)).marks
    assert found == (Mark(10, "resume"), Mark(1000, "roll-back"), Mark(1100, "alarm"))


def test_a_mark_that_was_taken_back_is_none(tmp_path: Path) -> None:
    log = "".join(
        f"2026-01-01 10:00:0{n} step {step} resume: going on\n"
        for n, step in enumerate((10, 30, 20, 20))
    )
    found = read_history(run_of(tmp_path, log=log)).marks
    assert found == (Mark(10, "resume"), Mark(20, "resume"))


def test_a_run_without_files_has_an_empty_history(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert read_history(Run(tmp_path)) == History()


def test_lines_of_strangers_are_passed_over(tmp_path: Path) -> None:
    odd = [{"lr": 3}, {"step": "x", "d/adv": 1}, {"step": 1, "d/adv": 2.0, "lr": 3}]
    huge = "2026-01-01 10:00:00 step " + "9" * 5000 + " resume: no\n\xff\n"
    history = read_history(run_of(tmp_path, [dict(row) for row in odd], huge))
    assert history.series == {"d/adv": Series((1,), (2.0,))} and history.marks == ()
