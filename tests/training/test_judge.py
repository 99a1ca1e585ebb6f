"""The judge of a training says why it has no number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.runs.run import Run
from animekit.training.judge import Judge


def test_flat_real_images_leave_a_training_without_a_best_and_it_says_so(
    tiny: Callable[..., Run], tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for index in range(8):
        Image.new("RGB", (32, 32), (9, 9, 9)).save(flat / f"{index}.png")
    run = tiny(data=flat, steps=2, eval_every=1, eval_num=64)
    log = (run.path / "log.txt").read_text("utf-8")
    assert log.count("swd_avg is undefined: real pictures:") == 1
    assert "no best checkpoint is kept" in log
    assert not (run.path / "checkpoints" / "best").exists()


def test_a_number_that_is_not_finite_is_no_best_and_is_told(
    tiny: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Judge, "scores", lambda self, fakes: {self.key: np.nan})
    run = tiny(steps=2, eval_every=1, eval_num=64)
    assert "swd_avg is undefined: it is not finite" in (run.path / "log.txt").read_text("utf-8")
