"""Sheets of the same noise: rows, columns, labels, and what cannot be drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animekit.comparison.same_noise import same_noise
from animekit.errors import UnusableError, UsageError
from animekit.generation.generate import generate
from animekit.plugins import Registry
from animekit.runs.run import Run
from animekit.training.train import train

Tiny = Callable[..., Run]
LABELLED: dict[str, Any] = {"size": 32, "batch_size": 4, "steps": 0, "threads": 1, "eval_every": 0}


@pytest.fixture
def told(tmp_path: Path, registry: Registry) -> Callable[..., Run]:
    """Return a training on drawn faces with labels, of some hair colours."""

    def make(hair: str, model: str = "acgan") -> Run:
        params = {"g_channels": 4, "d_channels": 4, "z_dim": 8}
        data = f"synthetic:hair={hair},count=40"
        runs = tmp_path / "runs"
        return train(model, data, params=params, registry=registry, runs=runs, **LABELLED)

    return make


def test_a_row_is_what_generate_draws_from_these_seeds(tiny: Tiny, registry: Registry) -> None:
    runs = {"a": tiny("gan", steps=1), "b": tiny("lsgan", steps=1)}
    sheet = same_noise(runs, "3,7", registry=registry)
    for label, run in runs.items():
        own = generate(run, seeds="3,7", registry=registry)
        assert np.array_equal(sheet.rows[label].images, own.images)
    assert np.array_equal(sheet.rows["a"].z, sheet.rows["b"].z)
    assert sheet.heads == ("seed 3", "seed 7") and not sheet.notes and not sheet.left_out


def test_models_with_labels_get_the_same_ones_in_a_column(
    tiny: Tiny, told: Callable[..., Run], registry: Registry
) -> None:
    both = told("blonde|blue")
    runs = {"both": both, "other": told("blue|red", "cwgangp"), "free": tiny(steps=1)}
    sheet = same_noise(runs, [0, 1, 2, 3], registry=registry)
    first, second = sheet.rows["both"].how.attrs, sheet.rows["other"].how.attrs
    assert first is not None and second is not None
    for wanted, given in zip(first, second, strict=True):
        assert given["hair"] == "blue" or wanted["hair"] == "blonde"
        assert {k: v for k, v in wanted.items() if k != "hair"}.items() <= given.items()
    assert {each["hair"] for each in first} == {"blonde", "blue"}
    assert "other does not know blonde hair" in sheet.notes[0]
    assert sheet.notes[-1] == "without labels, so asked for nothing: free"
    assert sheet.heads[0].startswith(f"{first[0]['hair']} hair")
    own = generate(both, seeds="0-3", registry=registry)
    assert np.array_equal(own.images, sheet.rows["both"].images)


def test_what_cannot_be_drawn_is_told_apart(tiny: Tiny, registry: Registry) -> None:
    runs: dict[str, Run | str] = {"gan": tiny(steps=1), "gone": "no-such-weights"}
    runs["changes"] = "cyclegan-apple2orange"
    sheet = same_noise(runs, "0", registry=registry)
    assert list(sheet.rows) == ["gan"]
    assert sheet.left_out["changes"] == "cyclegan makes no images from noise"
    assert "no-such-weights" in sheet.left_out["gone"]
    with pytest.raises(UnusableError, match="none of these can be drawn from noise: gone"):
        same_noise({"gone": "no-such-weights"}, registry=registry)


def test_noise_of_another_length_is_said(tiny: Tiny, registry: Registry) -> None:
    runs = {"short": tiny(steps=0), "long": tiny(steps=0, z_dim=9)}
    (note,) = same_noise(runs, "0", registry=registry).notes
    assert note.endswith("8 numbers in short; 9 numbers in long")


def test_the_picture_has_a_row_a_run_and_is_not_written_over_others(
    tiny: Tiny, registry: Registry, tmp_path: Path
) -> None:
    sheet = same_noise({"a": tiny(steps=0), "b": tiny(steps=0)}, "0-2", registry=registry)
    path = sheet.save(tmp_path / "sheet.png")
    with Image.open(path) as image:
        assert image.height > 2 * 64 and image.width > 3 * 64
    sheet.save(path)
    path.write_bytes(b"mine")
    with pytest.raises(UnusableError, match="animekit did not make it"):
        sheet.save(path)
    with pytest.raises(UsageError, match="65 columns"):
        same_noise({}, range(65), registry=registry)
