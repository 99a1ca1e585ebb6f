"""Alarms of a training run: told once, kept over a resume, and an end where asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animekit.errors import AlarmError
from animekit.models.collapse import Verdict
from animekit.runs.run import Run
from animekit.runs.summary import summary
from animekit.training import scoring
from animekit.training.watch import Lookout
from tests.conftest import Watcher

COLLAPSE = Verdict("collapse", "the samples are alike: mode collapse", "collapse")


@pytest.fixture
def collapsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at samples say collapse from step 4 on."""
    monkeypatch.setattr(scoring, "YOUNG", 0)

    def verdict(self: Lookout, fakes: np.ndarray, training: Any) -> Any:
        assert fakes.shape[:2] == (64, 3) and fakes.dtype == np.uint8
        row = {"eval/ms_ssim": 0.5, "eval/twins": 0.1}
        return row, COLLAPSE if training.step >= 4 else Verdict("none", "")

    monkeypatch.setattr(Lookout, "verdict", verdict)
    monkeypatch.setattr("animekit.training.job.PICTURES", 64)


def rows_of(run: Run) -> list[dict[str, Any]]:
    text = (run.path / "metrics.jsonl").read_text("utf-8")
    timed = {"seconds", "img_s"}
    rows = [json.loads(line) for line in text.splitlines()]
    return [
        {k: v for k, v in row.items() if k not in timed and not k.startswith("time/")}
        for row in rows
    ]


@pytest.mark.usefixtures("collapsing")
def test_an_alarm_is_told_once_in_the_log_the_reports_and_to_loggers(
    tiny: Callable[..., Run],
) -> None:
    watcher = Watcher()
    run = tiny(steps=8, sample_every=2, data="synthetic:80", loggers=[watcher])
    log = (run.path / "log.txt").read_text("utf-8")
    assert log.count("step 4 alarm: the samples are alike: mode collapse") == 1
    assert log.count("alarm") == 1
    assert [note for note in watcher.told if note[:2] == ("note", "alarm")] == [
        ("note", "alarm", COLLAPSE.text)
    ]
    alarmed = [row["step"] for row in rows_of(run) if "alarm/collapse" in row]
    assert alarmed == [4, 6, 8]


@pytest.mark.usefixtures("collapsing")
def test_a_run_ends_on_collapse_saved_and_goes_on_where_it_was(
    tiny: Callable[..., Run], tmp_path: Path
) -> None:
    whole = tiny(steps=8, sample_every=2, save_every=4, data="synthetic:80")
    with pytest.raises(AlarmError, match="stopped at step 4, everything is saved") as caught:
        tiny(
            steps=8,
            sample_every=2,
            save_every=4,
            data="synthetic:80",
            stop_on="collapse",
            runs=tmp_path / "other",
        )
    assert (caught.value.exit_code, caught.value.code) == (7, "alarm.collapse")
    assert "--stop-on none" in str(caught.value.hint)
    (path,) = (each for each in (tmp_path / "other").iterdir() if each.is_dir())
    assert (path / "checkpoints" / "last").read_text("utf-8").strip() == "000004"
    assert summary(Run(path)).state == "stopped"
    with pytest.raises(AlarmError, match="stopped at step 6"):  # it has not recovered
        tiny(resume=path, runs=tmp_path / "other")
    run = tiny(resume=path, runs=tmp_path / "other", stop_on="none")
    assert rows_of(run)[-1] == rows_of(whole)[-1]
    last = [(each.path / "checkpoints" / "000008" / "model.safetensors") for each in (run, whole)]
    assert last[0].read_bytes() == last[1].read_bytes()
    assert (run.path / "log.txt").read_text("utf-8").count(" alarm: ") == 1  # told before


@pytest.mark.usefixtures("collapsing")
def test_an_end_at_a_step_without_a_report_has_one(tiny: Callable[..., Run]) -> None:
    with pytest.raises(AlarmError, match="step 6"):
        tiny(steps=9, sample_every=3, log_every=9, data="synthetic:80", stop_on="any")


def test_looking_changes_no_bit_of_a_training(
    tiny: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tiny(steps=4, sample_every=1, data="synthetic:80")
    monkeypatch.setattr(scoring, "YOUNG", 0)
    seen = tiny(steps=4, sample_every=1, data="synthetic:80")
    assert any("eval/twins" in row for row in rows_of(seen))
    for name in ("model", "ema"):
        weights = [each.path / f"checkpoints/000004/{name}.safetensors" for each in (plain, seen)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
    pictures = [each.path / "samples" / "000004.png" for each in (plain, seen)]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_before_25600_images_nothing_is_said(tiny: Callable[..., Run]) -> None:
    run = tiny(steps=2, sample_every=1, data="synthetic:80")
    assert not any("eval/twins" in row for row in rows_of(run))
