"""Decoding: every mode and format becomes RGB, and what is not one whole image is named."""

from __future__ import annotations

import csv
import io
import struct
import threading
import time
import warnings
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from animekit.errors import DataError
from animekit.images.decode import (
    MAX_BYTES,
    MAX_SCANS,
    ImageError,
    decode,
    decode_whole,
    header,
    upright,
)
from animekit.translation.photo import read_photo

# Of the files in shared/data/corrupt, those that are not one whole image, and why.
BAD = {
    "._0.jpg": "not an image",
    "Thumbs.db": "not an image",
    "bomb_header_20000x12000.png": "240,000,000 pixels",
    "bomb_header_60000x60000.png": "3,600,000,000 pixels",
    "float.tiff": ".tiff is not a format that animekit reads",
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


HIGH, WIDE = 6, 5
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(pixels: np.ndarray, kind: int, *extras: bytes) -> bytes:
    """Write uint8 or uint16 [H, W, C] as a PNG of a colour type, which Pillow cannot for all."""
    height, width = pixels.shape[:2]
    bits = 8 * pixels.dtype.itemsize
    rows = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + b"".join(extras) + chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + body + chunk(b"IEND", b"")


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))


def drawn(channels: int) -> np.ndarray:
    """Return uint8 [H, W, C] without two equal pixels but for the first two, which are the key."""
    chance = np.random.default_rng(channels)
    pixels = chance.integers(1, 255, (HIGH, WIDE, channels), dtype=np.uint8)
    pixels[0, 0] = pixels[HIGH - 1, 1] = 77
    return pixels


KEYS = {0: struct.pack(">H", 77), 2: struct.pack(">HHH", 77, 77, 77)}
DEEP_KEYS = {0: struct.pack(">H", 77 * 257), 2: struct.pack(">HHH", *[77 * 257] * 3)}
PNG_KINDS = {0: 1, 2: 3, 4: 2, 6: 4}  # channels of a colour type


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("see_through", [False, True])
@pytest.mark.parametrize("kind", PNG_KINDS)
def test_sixteen_bits_are_the_same_picture_as_eight(
    kind: int, see_through: bool, orientation: int
) -> None:
    pixels = drawn(PNG_KINDS[kind])
    keyed = see_through and kind in KEYS
    if kind in (4, 6) and not see_through:
        pixels[..., -1] = 255
    extras = [[turned(orientation)] for _ in range(2)]
    if keyed:
        extras[0].insert(0, chunk(b"tRNS", KEYS[kind]))
        extras[1].insert(0, chunk(b"tRNS", DEEP_KEYS[kind]))
    shallow = raw_png(pixels, kind, *extras[0])
    deep = raw_png(pixels.astype(np.uint16) * 257, kind, *extras[1])
    expected, found = decode_whole(shallow), decode_whole(deep)
    assert found.pixels.shape == ((WIDE, HIGH) if orientation > 4 else (HIGH, WIDE)) + (3,)
    assert np.abs(found.pixels.astype(int) - expected.pixels).max() <= 1
    assert found.clear == expected.clear == see_through
    for alpha in ("keep", "white", "drop"):  # the way of `transfer`
        one, other = (read_photo(data, "", alpha) for data in (shallow, deep))
        assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1
        assert (one.alpha is None) == (other.alpha is None) == (alpha != "keep" or not see_through)
        assert one.alpha is None or np.array_equal(one.alpha, other.alpha)
    if keyed:
        corner = (found.pixels == 255).all(axis=2)
        assert corner.sum() == 2


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_transparent_grey_of_a_png_with_few_bits_is_found(bits: int) -> None:
    most = (1 << bits) - 1
    head = struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0)
    row = int("".join(f"{most if at % 2 else 0:0{bits}b}" for at in range(8)), 2)
    body = chunk(b"IDAT", zlib.compress(b"\0" + row.to_bytes(bits, "big")))
    for key, seen in ((0, [255] * 8), (most, [0, 255] * 4)):
        data = SIGNATURE + chunk(b"IHDR", head) + chunk(b"tRNS", struct.pack(">H", key)) + body
        found = decode_whole(data + chunk(b"IEND", b""))
        assert found.pixels[0, :, 0].tolist() == seen
        assert found.clear


MODES = {
    **dict.fromkeys(("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB", "I", "F"), False),
    **dict.fromkeys(("I;16", "I;16B", "RGBX"), False),
    **dict.fromkeys(("LA", "La", "PA", "RGBA", "RGBa"), True),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_pillow_becomes_rgb_and_can_be_turned(mode: str) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (HIGH, WIDE), dtype=np.uint8)
    if mode == "1":
        grey = np.where(grey > 127, 255, 0).astype(np.uint8)
    plain = Image.fromarray(grey)
    if mode.startswith("I"):
        deep = grey.astype({"I": "<i4", "I;16": "<u2", "I;16B": ">u2"}[mode]) * 257
        image = Image.frombytes(mode, (WIDE, HIGH), deep.tobytes())
    elif mode in ("La", "RGBa"):
        opaque = {"La": "LA", "RGBa": "RGBA"}[mode]
        image = plain.convert(opaque).convert(mode)
    else:
        image = plain.convert("RGB").convert(mode) if mode == "LAB" else plain.convert(mode)
    image.info["exif"] = Image.Exif()
    exif = Image.Exif()
    exif[0x0112] = 6
    image.info["exif"] = exif.tobytes()
    made = upright(image)
    assert made.mode == ("RGBA" if MODES[mode] else "RGB")
    expected = np.rot90(grey, -1)
    assert np.abs(np.asarray(made)[..., 0].astype(int) - expected).max() <= (
        3 if mode == "LAB" else 1
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGBA"),
        ("PNG", "P"),
        ("PNG", "1"),
    ],
)
def test_every_orientation_is_undone_in_every_format(
    format: str, mode: str, orientation: int
) -> None:
    corners = Image.new("L", (32, 16), 0)
    corners.paste(255, (0, 0, 16, 8))  # white above on the left
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(corners.convert("RGB").convert(mode), format, exif=exif))
    method = [None, None, 0, 3, 1, 5, 4, 6, 2][orientation]
    expected = np.asarray(corners if method is None else corners.transpose(method))
    assert found.shape[:2] == expected.shape
    assert np.abs(found[..., 0].astype(int) - expected).mean() < 20


def test_transparency_of_a_palette_and_of_half_a_picture_is_told() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    assert decode_whole(encoded(image, transparency=bytes([0, 128]))).clear
    assert not decode_whole(encoded(image, transparency=0)).clear  # a colour that nothing has
    assert not decode_whole(encoded(Image.new("RGBA", (4, 4), "red"))).clear
    assert header(encoded(Image.new("RGBA", (4, 4)))) == (4, 4, "PNG", True, False)


def test_frames_are_told_and_what_a_camera_adds_is_none() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for format in ("GIF", "PNG", "WEBP"):
        moving = encoded(frames[0], format, save_all=True, append_images=frames[1:])
        assert decode_whole(moving).moves and header(moving).moves
        assert not decode_whole(encoded(frames[0], format)).moves
    photo = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert header(photo) == (4, 4, "JPEG", False, False)
    assert not decode_whole(photo).moves and not read_photo(photo, "").moves
    assert read_photo(photo, "").format == "JPEG"


@cache
def text_chunks() -> dict[str, bytes]:
    broken = bytearray(chunk(b"tEXt", b"Comment\0hello"))
    broken[-1] ^= 1
    bomb = b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9)
    return {
        "a wrong sum": bytes(broken),
        "no zlib": chunk(b"zTXt", b"Comment\0\0not zlib at all"),
        "an unknown method": chunk(b"zTXt", b"Comment\0\7" + zlib.compress(b"x")),
        "a bomb": chunk(b"zTXt", bomb),
        "a profile bomb": chunk(b"iCCP", bomb),
        "many bombs": chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000))) * 100,
        "no end of its keyword": chunk(b"iTXt", b"x" * 80),
        "bad UTF-8": chunk(b"iTXt", b"a\0\0\0\0\0\xff\xfe"),
        "an unknown extra": chunk(b"abCd", b"x")[:-1] + b"!",
    }


@pytest.mark.parametrize("what", text_chunks())
@pytest.mark.parametrize("last", [False, True])
def test_a_png_with_a_bad_text_is_read(what: str, last: bool) -> None:
    pixels = drawn(3)
    data, extra = raw_png(pixels, 2), text_chunks()[what]
    end = len(data) - 12 if last else 33
    data = data[:end] + extra + data[end:]
    began = time.process_time()
    assert np.array_equal(decode(data), pixels)
    assert np.array_equal(read_photo(data, "").pixels, pixels)
    assert header(data)[:3] == (WIDE, HIGH, "PNG")
    assert time.process_time() - began < 2


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"tRNS"])
def test_a_png_whose_pixels_are_in_doubt_is_still_refused(kind: bytes) -> None:
    data = bytearray(raw_png(drawn(3), 2, chunk(b"tRNS", KEYS[2]), chunk(b"tEXt", b"a\0b")))
    start = data.index(kind)
    data[start + 4 + int.from_bytes(data[start - 4 : start], "big") // 2] ^= 1
    with pytest.raises(ImageError):
        decode(bytes(data))


def test_a_jpeg_of_a_thousand_scans_is_a_bomb() -> None:
    data = encoded(Image.new("L", (512, 512)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert decode(data[:-2] + scan * 50 + data[-2:]).shape == (512, 512, 3)
    with pytest.raises(ImageError, match="scans of one JPEG") as caught:
        decode(data[:-2] + scan * (MAX_SCANS + 1) + data[-2:])
    assert caught.value.code == "image.too_large"


def test_the_first_frame_of_a_hundred_thousand_costs_what_one_costs() -> None:
    frame = b"\x21\xf9\4\0\0\0\0\0\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    data = b"GIF89a\1\0\1\0\x80\0\0\xff\0\0\0\0\0" + frame * 100_000 + b";"
    began = time.process_time()
    assert decode_whole(data).moves and header(data).moves and read_photo(data, "").moves
    assert time.process_time() - began < 1


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
        (encoded(Image.new("F", (2, 2)), "TIFF"), "TIFF is not a format", "image.foreign"),
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
