"""Pictures: decode anything safely, resize by one rule, lay out, and write PNG and GIF.

Pillow decodes: OpenCV is half as fast again on JPEG, with the same pixels, but writes a line to
stderr for each damaged file and takes some that Pillow knows to be broken.
"""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from animekit.errors import DataError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
KINDS = dict(zip(EXTENSIONS, ("PNG", "JPEG", "JPEG", "WEBP", "BMP", "GIF"), strict=True))
FORMATS = tuple(dict.fromkeys(KINDS.values()))
MAX_PIXELS = 40_000_000
MAX_BYTES = 64 * 1024 * 1024
_TOO_LARGE = f"larger than {MAX_BYTES >> 20} MB"
_TURNED_BY = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}  # where Pillow looks

# OpenCV's own threads fight with the pool that decodes and with torch.
cv2.setNumThreads(1)


class Header(NamedTuple):
    """What an image file says before it is decoded: pixels, and such as "JPEG"."""

    width: int
    height: int
    format: str


class ImageError(DataError):
    """One image cannot be used; `reason` says why in a few words, without its name."""

    def __init__(self, name: str, reason: str, kind: str) -> None:
        super().__init__(
            f"{name}: {reason}" if name else reason,
            "animekit clean FOLDER finds such files",
            code=f"image.{kind}",
        )
        self.reason = reason


class _Quiet:
    """Silences Python warnings while at least one thread decodes.

    `warnings.catch_warnings` in each thread would restore the filters of another thread; counting
    the threads makes the first one in save the filters and the last one out restore them.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.saved = warnings.catch_warnings()
                self.saved.__enter__()
                warnings.simplefilter("ignore")

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.saved.__exit__(None, None, None)


quiet = _Quiet()


def decode(source: Path | bytes, name: str = "") -> np.ndarray:
    """Decode one image file to uint8 RGB [H, W, 3]; `name` names it in errors.

    The header is read first, so that a small file cannot ask for much memory. EXIF rotation is
    applied, transparency is put on white, and of an animation the first frame is taken. Raises
    ImageError (a DataError) for anything that is not one whole image; no warning leaks out.
    """
    data = source if isinstance(source, bytes) else read_image_file(source, name)
    if not isinstance(source, bytes):
        name = name or str(source)
    if not data:
        raise ImageError(name, "empty file (0 bytes)", "empty")
    if len(data) > MAX_BYTES:
        raise ImageError(name, _TOO_LARGE, "too_large")
    try:
        with quiet, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(name, _too_many(width * height), "too_large")
            return _pixels(image)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise ImageError(name, _too_many(int(pixels[0]) if pixels else 0), "too_large") from None
    except UnidentifiedImageError:
        raise ImageError(name, _what_it_is(data), "format") from None
    except Exception as error:
        # Decoders of damaged data raise nearly anything: OSError, SyntaxError, struct.error, ...
        if "truncated" in str(error).lower():
            raise ImageError(name, "truncated", "truncated") from None
        raise ImageError(name, f"damaged ({error})", "damaged") from None


def header(data: bytes) -> Header | None:
    """Return what an image file says of itself, undecoded; None for no image."""
    try:
        with quiet, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return Header(*image.size, str(image.format))
    except Exception:  # a header of a damaged file can make Pillow raise nearly anything
        return None


def read_image_file(path: Path, name: str = "") -> bytes:
    """Return the bytes of a file that may be an image.

    Raises ImageError where it cannot be read or is too large.
    """
    name = name or str(path)
    try:
        with path.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise ImageError(name, _TOO_LARGE, "too_large")
            return file.readall()
    except OSError as error:
        raise ImageError(name, f"cannot be read: {error.strerror or error}", "unreadable") from None


def _too_many(pixels: int) -> str:
    return f"{pixels:,} pixels, more than the {MAX_PIXELS:,} allowed"


def _what_it_is(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not an image"
    if head.isascii() and b"\0" not in head:
        return "text, not an image"
    return "not an image in a format that animekit reads"


def _pixels(image: Image.Image) -> np.ndarray:
    image.load()
    if image.mode.startswith("I"):
        # 16-bit grey keeps its high byte, as Pillow does with 16-bit RGB.
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2)
    image = _rotated(image)
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        image = Image.alpha_composite(white, colours)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _rotated(image: Image.Image) -> Image.Image:
    if not _TURNED_BY & image.info.keys():
        return image  # nothing can speak of a rotation: most pictures, at a third of the time
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # The pixels are whole: damaged EXIF only means that no rotation is known.
        return image


def sniff(data: bytes) -> str:
    """Return the picture format that a file's first bytes speak of, "" if none.

    >>> sniff(b"GIF89a"), sniff(b"<html>")
    ('GIF', '')
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return "BMP" if data.startswith(b"BM") else ""
