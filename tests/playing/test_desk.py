"""Desks: what a page asks for is what generate and transfer make."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import animekit
from animekit.errors import AnimekitError
from animekit.images.write import png_bytes
from animekit.models.sampling import noise_of_seeds
from animekit.playing import desk as desks
from animekit.playing.desk import DrawingDesk, TranslatingDesk
from animekit.plugins import Registry
from animekit.runs.run import load_model


@pytest.fixture(scope="module")
def drawing(registry: Registry) -> DrawingDesk:
    return DrawingDesk(load_model("cfaces64", registry), "cpu")


@pytest.fixture(scope="module")
def face(registry: Registry) -> np.ndarray:
    found: np.ndarray = animekit.generate("faces64", seeds=[3], registry=registry).images[0]
    return found


def test_the_face_of_noise_and_labels_is_that_of_generate(
    drawing: DrawingDesk, registry: Registry
) -> None:
    made = animekit.generate("cfaces64", seeds=[7], prompts="blue hair red eyes", registry=registry)
    labels = np.zeros(23, "<f4")
    names = list(drawing.model.spec.labels)
    labels[[names.index("blue hair"), names.index("red eyes")]] = 1
    body = made.z.astype("<f4").tobytes() + labels.tobytes()
    service = drawing.services["draw"]
    assert service.most == 8 * len(body)
    for count in (1, 3):
        pixels = np.frombuffer(service.answer({}, body * count), np.uint8)
        pixels = pixels.reshape(count, 64, 64, 4)
        assert (pixels[..., :3] == made.images[0]).all() and (pixels[..., 3] == 255).all()


def test_the_noise_of_a_seed_is_that_of_generate(drawing: DrawingDesk) -> None:
    found = np.frombuffer(drawing.noise({"seed": "7"}, b""), "<f4")
    assert np.array_equal(found, noise_of_seeds(drawing.model, [7])[0])


@pytest.mark.parametrize("seed", ["", "-1", "1,2", "0-999999", "x", str(2**63)])
def test_what_is_no_seed_is_refused(drawing: DrawingDesk, seed: str) -> None:
    with pytest.raises(AnimekitError):
        drawing.noise({"seed": seed}, b"")


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 340, b"\0" * 352, np.full(87, np.nan, "<f4").tobytes()]
)
def test_other_numbers_than_a_face_takes_are_refused(drawing: DrawingDesk, body: bytes) -> None:
    with pytest.raises(AnimekitError):
        drawing.draw({}, body)


def test_a_direction_is_that_of_transfer(
    registry: Registry, face: np.ndarray, tmp_path: Path
) -> None:
    desk = TranslatingDesk(load_model("cyclegan-apple2orange", registry), registry, "cpu")
    config = desk.config()
    assert config["directions"] == ["a2b", "b2a"] and not config["attributes"]
    found = desk.translate({"to": "b2a"}, png_bytes(face))
    out = io.BytesIO()
    animekit.transfer(
        *("cyclegan", "apple2orange", io.BytesIO(png_bytes(face)), out),
        direction="b2a",
        device="cpu",
        ext="png",
        registry=registry,
    )
    with Image.open(io.BytesIO(found)) as one, Image.open(out) as other:
        assert one.size == (64, 64) and np.array_equal(np.asarray(one), np.asarray(other))
    with pytest.raises(AnimekitError, match="no such direction"):
        desk.translate({"to": "c2d"}, png_bytes(face))


def test_an_attribute_is_that_of_transfer(registry: Registry, face: np.ndarray) -> None:
    desk = TranslatingDesk(load_model("stargan-hair", registry), registry, "cpu")
    (hair,) = desk.config()["attributes"]
    assert hair["name"] == "hair" and "blue" in hair["values"]
    large = np.kron(face, np.ones((4, 4, 1), np.uint8))
    found = desk.translate({"is.hair": "blue"}, png_bytes(large))
    out = io.BytesIO()
    animekit.transfer(
        *("stargan", "hair", io.BytesIO(png_bytes(large)), out),
        attrs=["blue hair"],
        device="cpu",
        ext="png",
        registry=registry,
    )
    with Image.open(io.BytesIO(found)) as one, Image.open(out) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
    for words in ({"is.hair": "plaid"}, {"is.nose": "1"}):
        with pytest.raises(AnimekitError):
            desk.translate(words, png_bytes(large))


def test_what_is_no_picture_or_too_large_is_refused(registry: Registry) -> None:
    desk = TranslatingDesk(load_model("cyclegan-apple2orange", registry), registry, "cpu")
    with pytest.raises(AnimekitError, match="the picture"):
        desk.translate({}, b"no picture")
    wide = png_bytes(np.zeros((1, desks.LONGEST + 1, 3), np.uint8))
    with pytest.raises(AnimekitError, match="2049x1"):
        desk.translate({}, wide)
