"""Photos: colours, transparency and formats come through a translation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animekit.translation.result import Transferred
from tests.translation.pictures import BLUE, RED, colour, paint, tree


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 33), (31, 5), (64, 64)])
def test_every_size_comes_back_whole(
    size: tuple[int, int], swap: Callable[..., Transferred]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save("a.png")
    swap("a.png")
    with Image.open("out/a.png") as image:
        assert np.array_equal(np.asarray(image), pixels[..., ::-1])


def test_transparency_is_kept_or_white_or_dropped(swap: Callable[..., Transferred]) -> None:
    image = Image.new("RGBA", (8, 8), (*RED, 255))
    image.paste((*RED, 0), (0, 0, 4, 8))
    image.save("a.png")
    swap("a.png")
    with Image.open("out/a.png") as made:
        assert made.mode == "RGBA"
        assert made.getpixel((6, 4)) == (*BLUE, 255)
        assert made.getpixel((1, 4))[3] == 0
    swap("a.png", alpha="white", out="white")
    with Image.open("white/a.png") as made:
        assert (made.mode, made.getpixel((1, 4))) == ("RGB", (255, 255, 255))
    swap("a.png", alpha="drop", out="drop")
    with Image.open("drop/a.png") as made:
        assert (made.mode, made.getpixel((1, 4))) == ("RGB", BLUE)
    swap("a.png", ext="jpg", out="jpg")
    with Image.open("jpg/a.jpg") as made:
        assert min(made.getpixel((1, 4))) > 250  # type: ignore[type-var]


def test_rotation_is_honoured_and_other_metadata_left_out(
    swap: Callable[..., Transferred],
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    paint("a.jpg", size=(30, 10), exif=exif, icc_profile=b"a profile")
    swap("a.jpg")
    with Image.open("out/a.jpg") as made:
        assert made.size == (10, 30)
        assert not made.getexif()
        assert made.info.get("icc_profile") == b"a profile"


@pytest.mark.parametrize(
    ("mode", "value", "name", "expected"),
    [
        ("L", 90, "a.png", (90, 90, 90)),
        ("I;16", 90 * 256 + 7, "a.png", (90, 90, 90)),
        ("CMYK", (0, 255, 255, 0), "a.jpg", (0, 0, 254)),
        ("1", 1, "a.png", (255, 255, 255)),
    ],
)
def test_other_kinds_of_pictures_become_rgb(
    mode: str, value: Any, name: str, expected: Any, swap: Callable[..., Transferred]
) -> None:
    paint(name, value, mode=mode)
    swap(name)
    assert np.abs(np.subtract(colour(f"out/{name}"), expected)).max() <= 2


def test_the_format_follows_the_extension(swap: Callable[..., Transferred]) -> None:
    for name in ("a.png", "b.jpg", "c.webp", "d.bmp", "e.gif"):
        paint(f"in/{name}")
    paint("in/lying.png", format="JPEG")
    swap("in")
    formats = {}
    for name in tree("in"):
        with Image.open(Path("out") / name) as image:
            formats[name] = image.format
    assert list(formats.values()) == ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PNG"]
    swap("in/a.png", "in/b.jpg", ext="webp", suffix="_x", out="webp", html=False)
    assert tree("webp") == ["a_x.webp", "b_x.webp"]
