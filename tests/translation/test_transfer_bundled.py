"""The bundled translators: apples and oranges both ways, and hair colours of faces."""

from __future__ import annotations

import colorsys
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from animekit import transfer
from animekit.cli import app
from animekit.images.decode import decode
from animekit.images.pixels import resize, to_float
from animekit.labels.tags import EYES, HAIR
from animekit.models import tagger, weights
from animekit.plugins import Registry
from animekit.translation.weights import find_weights

EXACT = {"device": "cpu", "precision": "fp32"}


def hue(path: Path) -> float:
    """Return the hue of the most vivid pixels of a picture, in degrees from -60 to 300."""
    pixels = np.asarray(Image.open(path).convert("HSV").resize((64, 64)), np.float32).reshape(-1, 3)
    vivid = pixels[pixels[:, 1] * pixels[:, 2] > 0.35 * 255**2]
    angle = vivid[:, 0] * 360 / 256
    warm = np.where(angle > 300, angle - 360, angle)
    return float(np.median(warm[warm < 75]))


def test_hue_tells_red_from_orange(tmp_path: Path) -> None:
    for degrees in (0, 10, 30):
        colour = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(degrees / 360, 0.9, 0.9))
        Image.new("RGB", (32, 32), colour).save(tmp_path / "c.png")
        assert hue(tmp_path / "c.png") == pytest.approx(degrees, abs=2)


def test_without_data_the_examples_change_their_fruit(registry: Registry) -> None:
    made = transfer("cyclegan", "apple2orange", registry=registry, size="128", html=False, **EXACT)
    assert (made.done, made.failed, made.columns) == (12, [], ["a2b", "b2a"])
    for item in made.items:
        before, after = hue(item.source), hue(item.out)
        if item.column == "a2b":
            assert 29 < after < 45 and after > before + 5, item.out
        else:
            assert -15 < after < 16 and after < before - 12, item.out


def test_the_way_back_is_near_the_beginning(registry: Registry) -> None:
    named = find_weights("cyclegan", "apple2orange", registry)
    folder = weights.examples("cyclegan-apple2orange")
    assert folder is not None
    for domain, way in (("testA", "a2b"), ("testB", "b2a")):
        path = sorted((folder / domain).iterdir())[1]
        image = resize(decode(path), 128)
        pictures = to_float(torch.from_numpy(image[None]))
        there, back = named.model.translate(pictures, way), named.model.cycle(pictures, way)
        assert (back - pictures).abs().mean() < 0.7 * (there - pictures).abs().mean()


def test_the_command_says_whose_pictures_it_takes() -> None:
    words = ["transfer", "cyclegan", "apple2orange", "--limit", "1", "--size", "64", "--no-html"]
    found = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert found.exit_code == 0
    assert "no pictures were named: taking the 2 examples that come with" in found.stderr
    own = Path("apple2orange")
    for domain in ("testA", "testB"):
        (own / domain).mkdir(parents=True)
        Image.new("RGB", (40, 40), "red").save(own / domain / "own.png")
    found = CliRunner().invoke(app, [*words, "--json"], env={"COLUMNS": "200"})
    items = json.loads(found.stdout)["data"]["items"]
    assert [Path(item["in"]).name for item in items] == ["own.png", "own.png"]


def test_every_example_face_gets_the_hair_that_is_asked_for(registry: Registry) -> None:
    asked = ["blue", "purple", "green", "blonde"]
    texts = [f"{colour} hair" for colour in asked]
    made = transfer("stargan", "hair", registry=registry, attrs=texts, html=False, **EXACT)
    assert (made.done, made.pictures) == (8, 8)
    reader = tagger.load(registry)
    right = 0
    for colour in asked:
        paths = [item.out for item in made.items if item.column == f"{colour}_hair"]
        images = np.stack([decode(path).transpose(2, 0, 1) for path in paths])
        right += int((reader.read(images)["hair"] == HAIR.index(colour)).sum())
    assert right >= 28  # of 32


def test_a_face_keeps_its_eyes_and_its_skin(registry: Registry) -> None:
    transfer("stargan", "hair", registry=registry, attrs=["purple hair"], html=False, **EXACT)
    folder = weights.examples("stargan-hair")
    assert folder is not None
    reader = tagger.load(registry)
    pairs = []
    for path in sorted((folder / "test").iterdir()):
        (out,) = Path("transfers").rglob(path.name)
        pairs.append((decode(path), decode(out)))
    sides = [np.stack([image.transpose(2, 0, 1) for image in s]) for s in zip(*pairs, strict=True)]
    eyes = [reader.read(images)["eyes"] for images in sides]
    assert (eyes[0] == eyes[1]).sum() >= 5, [(EYES[a], EYES[b]) for a, b in zip(*eyes, strict=True)]
    cheek = slice(40, 48), slice(26, 38)
    moved = [np.abs(a[cheek].astype(int) - b[cheek]).mean() for a, b in pairs]
    assert np.median(moved) < 25
