"""Decoding: every mode and format becomes RGB, and what is not one whole image is named."""

from __future__ import annotations

import csv
import io
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from animekit.errors import DataError
from animekit.images.decode import MAX_BYTES, ImageError, decode

# Of the files in shared/data/corrupt, those that are not one whole image, and why.
BAD = {
    "._0.jpg": "not an image",
    "Thumbs.db": "not an image",
    "bomb_header_20000x12000.png": "240,000,000 pixels",
    "bomb_header_60000x60000.png": "3,600,000,000 pixels",
    "float.tiff": "not an image in a format that animekit reads",
    "html_error_page.png": "an HTML page",
    "png_bad_crc.png": "damaged",
    "png_truncated.png": "truncated",
    "random_bytes.jpg": "truncated",
    "text_renamed.jpg": "text, not an image",
    "truncated_half.jpg": "truncated",
    "truncated_header.jpg": "truncated",
    "truncated_tail.jpg": "truncated",
    "zero_bytes.jpg": "empty file",
}


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def one_pixel(mode: str, colour: object, format: str = "PNG", **options: object) -> list[int]:
    return decode(encoded(Image.new(mode, (2, 2), colour), format, **options))[0, 0].tolist()


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGB", (10, 20, 30), [10, 20, 30]),
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("I;16", 0x8040, [128, 128, 128]),
        ("LA", (0, 0), [255, 255, 255]),
        ("LA", (100, 255), [100, 100, 100]),
        ("RGBA", (200, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
    ],
)
def test_every_mode_becomes_rgb_on_white(mode: str, colour: object, seen: list[int]) -> None:
    assert one_pixel(mode, colour) == seen


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    assert decode(encoded(image))[0, 0].tolist() == [9, 8, 7]
    assert decode(encoded(image, transparency=1))[0, 0].tolist() == [255, 255, 255]
    assert decode(encoded(image, "GIF", transparency=1))[0, 0].tolist() == [255, 255, 255]


def test_cmyk_is_converted() -> None:
    assert one_pixel("CMYK", (0, 0, 0, 0), "JPEG") == [255, 255, 255]
    assert one_pixel("CMYK", (0, 0, 0, 255), "JPEG") == [0, 0, 0]


def test_exif_rotation_is_applied_and_damaged_exif_is_not_an_error() -> None:
    image = Image.new("RGB", (4, 2), "black")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    assert decode(encoded(image, "JPEG", exif=exif)).shape == (4, 2, 3)
    assert decode(encoded(image, "JPEG", exif=b"Exif\0\0nonsense")).shape == (2, 4, 3)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_rotation_is_found_wherever_a_format_keeps_it(format: str) -> None:
    image = Image.new("RGB", (4, 2), "black")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(image, format, exif=exif)).shape == (4, 2, 3)
    if format != "PNG":  # Pillow writes none there
        xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
        assert decode(encoded(image, format, xmp=xmp)).shape == (4, 2, 3)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for format in ("GIF", "PNG", "WEBP"):
        options = {"save_all": True, "append_images": frames[1:]}
        if format == "WEBP":
            options["lossless"] = True
        assert decode(encoded(frames[0], format, **options))[0, 0].tolist() == [255, 0, 0]


def test_a_plain_jpeg_decodes_to_the_pixels_of_pillow() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(pixels), "JPEG", quality=80)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode(data), np.asarray(image))


@pytest.mark.parametrize(
    ("data", "reason", "code"),
    [
        (b"", "empty file (0 bytes)", "image.empty"),
        (b"<!DOCTYPE html><title>404</title>", "an HTML page, not an image", "image.format"),
        (b"just words", "text, not an image", "image.format"),
        (bytes(range(256)), "not an image in a format that animekit reads", "image.format"),
        (b"\xff" * (MAX_BYTES + 1), "larger than 64 MB", "image.too_large"),
        (encoded(Image.new("F", (2, 2)), "TIFF"), "not an image in a format", "image.format"),
    ],
)
def test_what_is_not_an_image_is_named(data: bytes, reason: str, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data, "a/b.png")
    assert caught.value.reason.startswith(reason)
    assert caught.value.message == f"a/b.png: {caught.value.reason}"
    assert caught.value.code == code
    assert isinstance(caught.value, DataError)
    assert caught.value.exit_code == 4


def test_an_error_names_the_file_that_was_given(tmp_path: Path) -> None:
    path = tmp_path / "顔.png"
    with pytest.raises(ImageError, match=r"顔\.png: cannot be read: No such file"):
        decode(path)
    path.mkdir()
    with pytest.raises(ImageError, match=r"顔\.png: cannot be read: Is a directory"):
        decode(path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_truncated_image_is_refused_and_never_half_grey(format: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(pixels), format)
    for part in (0.2, 0.5, 0.9):
        with pytest.raises(ImageError):
            decode(data[: int(len(data) * part)])


def test_a_small_file_cannot_ask_for_much_memory() -> None:
    chunk = io.BytesIO()
    Image.new("1", (9000, 9000)).save(chunk, "PNG")  # 81 million pixels in about 10 kB
    assert len(chunk.getvalue()) < 20_000
    with pytest.raises(ImageError, match="81,000,000 pixels, more than the 40,000,000 allowed"):
        decode(chunk.getvalue())


@given(st.data())
def test_random_damage_never_raises_anything_but_image_error(data: st.DataObject) -> None:
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    format = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF"]))
    damaged = bytearray(encoded(Image.fromarray(pixels), format))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode(bytes(damaged))
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


def test_decoding_in_threads_leaves_the_warning_filters_as_they_were() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([1, 2, 3])
    noisy = encoded(image, transparency=b"\x80" * 4)  # Pillow warns about such palettes
    before = list(warnings.filters)

    def work() -> None:
        for _ in range(50):
            decode(noisy)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


@pytest.mark.data
def test_every_file_made_to_break_loaders_decodes_or_says_why(
    shared_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "corrupt"
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    assert len(names) > 40
    for name in names:
        reason = BAD.get(name)
        if reason is None:
            assert decode(folder / name).shape[2] == 3, name
            continue
        with pytest.raises(ImageError) as caught:
            decode(folder / name)
        assert caught.value.reason.startswith(reason), name
    assert capfd.readouterr() == ("", "")


@pytest.mark.data
def test_variants_of_one_real_face_decode_to_nearly_the_same_pixels(shared_data: Path) -> None:
    folder = shared_data / "corrupt"
    with Image.open(folder / "animated.png") as image:
        first = np.asarray(image.convert("RGB")).astype(int)
    for name in ("animated.webp", "no_extension"):
        assert np.abs(decode(folder / name) - first).mean() < 6, name
    upright = decode(folder / "bitmap.bmp").astype(int)
    assert np.abs(decode(folder / "exif_rotate6.jpg") - upright).mean() < 6
    high = decode(folder / "UPPERCASE.JPG").astype(int)
    assert np.abs(decode(folder / "rgb16.png") - high).mean() < 6
