"""Sets of images: what is odd about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.errors import AnimekitError
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.image_set import ImageSet, open_images
from animekit.plugins import Registry
from tests.evaluation.support import codes, drawn


def test_copies_are_named(few: Registry) -> None:
    reals = drawn(100)
    images = np.concatenate([drawn(90, seed=1).images, reals.images[:6], reals.images[:4]])
    found = evaluate(ImageSet("fakes", images), reals, metrics=["shift"], registry=few)
    said = {oddity.code: oddity.message for oddity in found.oddities}
    assert "4 images are copies of others" in said["data.duplicates"]
    assert "10 images are, pixel for pixel" in said["data.copied"]


def test_the_same_set_on_both_sides_is_said(few: Registry) -> None:
    found = evaluate(drawn(60, name="copy"), drawn(60), metrics=["shift"], registry=few)
    assert "data.same" in codes(found)


def test_images_of_several_sizes_need_a_size(few: Registry, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    Image.new("RGB", (50, 30)).save(tmp_path / "b.png")
    with pytest.raises(AnimekitError, match="several sizes.*1 of 40x40, 1 of 50x30"):
        open_images(str(tmp_path), None, few)
    found = open_images(str(tmp_path), 16, few)
    assert found.images.shape == (2, 16, 16, 3)
    assert "2 of 2 images were brought to 16x16" in found.oddities[0].message


def test_what_is_transparent_or_moves_is_said_and_counted(few: Registry, tmp_path: Path) -> None:
    for index in range(3):
        Image.new("RGBA", (16, 16), (200, 9, index, 90)).save(tmp_path / f"{index}.png")
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("blue", "green")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = open_images(str(tmp_path), None, few)
    said = {oddity.code: oddity.message for oddity in found.oddities}
    assert "3 images can be transparent; what is so was put on white" in said["data.transparent"]
    assert "1 animations; the first frame was taken" in said["data.animated"]
    assert found.facts["alpha"] == 3
    assert found.facts["sizes"] == {"16x16": 5}  # of two formats, with and without alpha
