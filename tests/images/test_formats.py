"""Formats: one list says what is read, what is known and not read, and what is no picture."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image, features

from animekit.images.decode import ImageError, decode
from animekit.images.formats import (
    EXTENSIONS,
    FOREIGN,
    KINDS,
    convert_hint,
    foreign_words,
    sniff,
    use_of,
    what_it_is,
)

WRITTEN = {
    "TIFF": ".tif",
    "AVIF": ".avif",
    "JPEG2000": ".jp2",
    "PPM": ".ppm",
    "TGA": ".tga",
    "PCX": ".pcx",
    "ICO": ".ico",
    "QOI": ".qoi",
    "DDS": ".dds",
    "SGI": ".sgi",
    "EPS": ".eps",
    "XBM": ".xbm",
    "DIB": ".dib",
    "ICNS": ".icns",
}
NEEDS = {"AVIF": "avif", "JPEG2000": "jpg_2000"}
# what Pillow cannot write, by the first bytes that its makers promise
BYTES = {
    ".heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
    ".jxl": b"\xff\x0a" + bytes(range(60)),
    ".psd": b"8BPS\0\1" + bytes(60),
    ".svg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    ".xcf": b"gimp xcf file\0" + bytes(40),
    ".exr": b"v/1\x01" + bytes(40),
    ".cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64),
}


def written(format: str) -> bytes:
    if format in NEEDS and not features.check(NEEDS[format]):
        pytest.skip(f"this Pillow writes no {format}")
    image = Image.radial_gradient("L").resize((32, 32))
    buffer = io.BytesIO()
    image.convert("1" if format == "XBM" else "RGB").save(buffer, format)
    return buffer.getvalue()


def test_an_ending_is_read_or_foreign_and_never_both() -> None:
    assert set(EXTENSIONS) <= set(KINDS)
    assert not set(KINDS) & set(FOREIGN)
    assert all(ending == ending.lower() and ending[0] == "." for ending in (*KINDS, *FOREIGN))


@pytest.mark.parametrize("format", WRITTEN)
def test_a_valid_picture_of_another_format_is_foreign_by_any_name(format: str) -> None:
    data = written(format)
    for name in (f"a{WRITTEN[format]}", f"A{WRITTEN[format].upper()}"):
        assert use_of(name, lambda: data) == "foreign"
        with pytest.raises(ImageError, match="is not a format that animekit reads") as caught:
            decode(data, name)
        assert caught.value.code == "image.foreign"
        assert "magick mogrify -format png" in str(caught.value.hint)
    if sniff(data):  # by its content too, whatever its name
        assert use_of("plain", lambda: data) == "foreign"
        with pytest.raises(ImageError) as caught:
            decode(data, "a.png")
        assert caught.value.code == "image.foreign"


@pytest.mark.parametrize("ending", BYTES)
def test_formats_that_pillow_does_not_write_are_known_too(ending: str) -> None:
    data = BYTES[ending]
    assert ending in FOREIGN
    assert foreign_words(f"a{ending}", data) == f"{ending} is not a format that animekit reads"
    assert foreign_words("a.jpg", data)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_content_decides_where_a_name_speaks_of_a_format_that_is_not_read(format: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, format)
    for name in ("a.tif", "a.heic", "plain"):
        assert use_of(name, buffer.getvalue) == "read"
    assert decode(buffer.getvalue(), "a.tif").shape == (4, 4, 3)


def test_the_head_is_asked_for_only_where_the_name_does_not_decide() -> None:
    def never() -> bytes:
        raise AssertionError("the file was opened")

    names = ("a.png", "a.JFIF", "a.jpe", "a.apng", "a.zip", "a.tar.gz", "a.txt", "tags.csv")
    uses = [use_of(name, never) for name in names]
    assert uses == ["read"] * 4 + ["archive"] * 2 + [""] * 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html><title>404</title>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
        (bytes(257) + b"ustar\x0000", "a tar archive"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video"),
        (b"just words", "text"),
        (bytes(100), ""),
    ],
)
def test_what_is_no_picture_is_named_for_what_it_is(data: bytes, words: str) -> None:
    assert what_it_is(data) == words
    assert not foreign_words("a.png", data)
    with pytest.raises(ImageError, match=words or "not an image in a format") as caught:
        decode(data, "a.png")
    assert caught.value.code == "image.format"
    if words in ("an HTML page", "a Git LFS pointer"):  # such a name does not help
        assert not foreign_words("a.tif", data)


def test_an_archive_of_pictures_is_no_picture() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", b"x")
    with pytest.raises(ImageError, match="a zip archive, not an image"):
        decode(buffer.getvalue(), "a.png")


def test_random_bytes_are_hardly_ever_taken_for_a_picture() -> None:
    import random

    chance = random.Random(0)
    assert sum(bool(sniff(chance.randbytes(64))) for _ in range(20_000)) < 5


def test_the_way_to_convert_names_each_ending_once() -> None:
    names = ["x/a.tif", "b.tif", "c.TGA"]
    assert convert_hint(names, "faces").endswith("-format png faces/*.TGA faces/*.tif")
    assert convert_hint([]) == ""


def test_the_docs_name_what_is_read() -> None:
    page = Path(__file__).parents[2] / "docs" / "howto" / "own-folder.md"
    text = page.read_text("utf-8")
    assert all(ending in text for ending in (*EXTENSIONS, ".jfif", ".tif", ".avif"))
