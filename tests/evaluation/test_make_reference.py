"""The making of references."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from animekit.errors import UnusableError
from animekit.evaluation import reference
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.make_reference import make_reference
from animekit.plugins import Registry
from tests.evaluation.support import SIZE, brighter, drawn


def test_a_reference_stands_in_for_the_real_images(few: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "reals"
    folder.mkdir()
    for index, image in enumerate(drawn(200).images):
        Image.fromarray(image).save(folder / f"{index}.png")
    made = make_reference(str(folder), "noise32", metrics=["shift"], registry=few)
    path = made.save(tmp_path / "noise32.safetensors")
    read = reference.load(path)
    assert (read.count, read.size, list(read.metrics)) == (100, SIZE, ["shift"])
    fakes = brighter(drawn(150, seed=3), 20)
    found = evaluate(fakes, str(path), metrics=["shift"], registry=few)
    assert found.value("shift") == pytest.approx(20, abs=1)
    assert found.real.values["shift"].n == 100
    assert abs(found.real.values["shift"].value or 9) < 1
    assert found.provenance["real"]["kind"] == "reference"


def test_a_metric_that_flat_pictures_do_not_have_is_left_out(
    registry: Registry, tmp_path: Path
) -> None:
    for index in range(40):
        Image.new("RGB", (32, 32), (index * 5, 100, 50)).save(tmp_path / f"{index}.png")
    asked = {"num": 10, "registry": registry, "repeats": 2, "threads": 1}
    made = make_reference(str(tmp_path), "flat", metrics=["swd", "ms_ssim"], **asked)
    assert list(made.metrics) == ["ms_ssim"] == list(made.floor)
    assert made.metrics["ms_ssim"]["seed"] == 0  # of the first draw, as its arrays are
    assert "no pixel differs" in made.left_out["swd"]
    assert list(reference.load(made.save(tmp_path / "flat.safetensors")).metrics) == ["ms_ssim"]
    with pytest.raises(UnusableError, match="nothing that a metric could keep: swd: real pictures"):
        make_reference(str(tmp_path), "flat", metrics=["swd"], **asked)
