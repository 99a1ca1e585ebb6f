"""Pictures: decode anything of a stranger's safely into RGB that stands upright, on white.

Pillow decodes: OpenCV is half as fast again on JPEG, with the same pixels, but writes a line to
stderr for each damaged file and takes some that Pillow knows to be broken.
"""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from animekit.errors import DataError
from animekit.images.formats import FORMATS, convert_hint, foreign_words, unread_words

MAX_PIXELS = 40_000_000
MAX_BYTES = 64 * 1024 * 1024
MAX_SCANS = 100
"""Passes over one JPEG: encoders write ten, and each pass of a small bomb takes as long."""
_TOO_LARGE = f"larger than {MAX_BYTES >> 20} MB"
_TURNED_BY = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}  # where Pillow looks
# chunks of a PNG that say nothing about its pixels and may be damaged or far too large
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
T = TypeVar("T")

# OpenCV's own threads fight with the pool that decodes and with torch.
cv2.setNumThreads(1)


class Header(NamedTuple):
    """What an image file says before it is decoded: pixels, and such as "JPEG".

    `alpha`: it can be transparent, and what is so lies on white. `moves`: it has more frames than
    the first one, which is what is read.
    """

    width: int
    height: int
    format: str
    alpha: bool = False
    moves: bool = False


class Decoded(NamedTuple):
    """One picture: uint8 RGB [H, W, 3], and what was left behind.

    `clear`: some of it was transparent, and lies on white now. `moves`: it is the first frame of
    several.
    """

    pixels: np.ndarray
    clear: bool = False
    moves: bool = False


class ImageError(DataError):
    """One image cannot be used; `reason` says why in a few words, without its name."""

    def __init__(self, name: str, reason: str, kind: str, hint: str = "") -> None:
        super().__init__(
            f"{name}: {reason}" if name else reason,
            hint or "animekit clean FOLDER finds such files",
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
    return decode_whole(data, name or ("" if isinstance(source, bytes) else str(source))).pixels


def decode_whole(data: bytes, name: str = "") -> Decoded:
    """Decode as `decode` does, and say too whether it was transparent or moves."""
    return read_with(_flat, data, name)


def read_with(use: Callable[[Image.Image], T], data: bytes, name: str) -> T:
    """Return what `use` makes of an open image; whatever goes wrong is an ImageError.

    A PNG of which only texts or other extras are damaged is read without these.
    """
    if not data:
        raise ImageError(name, "empty file (0 bytes)", "empty")
    if len(data) > MAX_BYTES:
        raise ImageError(name, _TOO_LARGE, "too_large")
    try:
        return _open(use, data, name)
    except ImageError:
        raise
    except Exception as error:
        problem, sound = _problem(error, data, name), _without_texts(data)
    if sound is None:
        raise problem
    try:
        return _open(use, sound, name)
    except Exception:
        raise problem from None


def _problem(error: Exception, data: bytes, name: str) -> ImageError:
    """Return what an error of a decoder means; damaged data make them raise nearly anything."""
    words = str(error)
    if isinstance(error, Image.DecompressionBombError):
        pixels = re.search(r"\d+", words)
        return ImageError(name, _too_many(int(pixels[0]) if pixels else 0), "too_large")
    if isinstance(error, UnidentifiedImageError):
        return _unknown(data, name)
    if "truncated" in words.lower():
        return ImageError(name, "truncated", "truncated")
    return ImageError(name, f"damaged ({words})", "damaged")


def _open(use: Callable[[Image.Image], T], data: bytes, name: str) -> T:
    if data.startswith(b"\xff\xd8") and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        raise ImageError(name, f"a bomb: {scans:,} scans of one JPEG", "too_large")
    with quiet, Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageError(name, _too_many(width * height), "too_large")
        return use(image)


def header(data: bytes) -> Header | None:
    """Return what an image file says of itself, undecoded; None for no image."""

    def said(image: Image.Image) -> Header:
        moves = is_animated(image)
        return Header(*image.size, format_of(image), image.has_transparency_data, moves)

    try:
        with quiet, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return said(image)
    except Exception:  # a header of a damaged file can make Pillow raise nearly anything
        sound = _without_texts(data)
    try:
        return None if sound is None else _open(said, sound, "")
    except Exception:
        return None


def is_animated(image: Image.Image) -> bool:
    """Say whether an open file has more frames than one, without counting them.

    What cameras put beside a JPEG is no second frame.
    """
    return format_of(image) != "JPEG" and bool(getattr(image, "is_animated", False))


def format_of(image: Image.Image) -> str:
    """Return the name of an open file's format: that of a camera, MPO, is a JPEG."""
    return "JPEG" if image.format == "MPO" else str(image.format)


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


def _unknown(data: bytes, name: str) -> ImageError:
    """Return the error of what no decoder takes: another format, or no picture."""
    words, foreign = unread_words(name, data), foreign_words(name, data)
    hint = convert_hint([name]) if foreign else ""
    if "Git LFS" in words:
        hint = "git lfs pull gets the picture"
    return ImageError(name, words, "foreign" if foreign else "format", hint)


def _without_texts(data: bytes) -> bytes | None:
    """Return a PNG without its texts and damaged extras; None where there are none."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, chunk = data[at + 4 : at + 8], data[at:end]
        extra = kind[:1].islower() and kind != b"tRNS"
        broken = extra and zlib.crc32(chunk[4:-4]).to_bytes(4, "big") != chunk[-4:]
        if kind not in _TEXTS and not broken:
            kept.append(chunk)
        at = end
    sound = b"".join(kept) + data[at:]
    return None if len(sound) == len(data) else sound


def _flat(image: Image.Image) -> Decoded:
    moves = is_animated(image)
    image = upright(image)
    clear = False
    if image.mode == "RGBA":
        alpha = image.getchannel("A").getextrema()
        clear = alpha[0] != 255
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    return Decoded(np.array(image), clear, moves)


def upright(image: Image.Image) -> Image.Image:
    """Return the frame at which a file stands as RGB, or RGBA if it has an alpha.

    It has 8 bits a channel, of deeper ones the high byte, and is turned as its EXIF says. This is
    the one way from all modes and all kinds of transparency.
    """
    bits = _bits(image)  # known until it is loaded
    image.load()
    image = _turned(image)
    key = image.info.get("transparency")
    if image.mode.startswith("I"):
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        grey = Image.fromarray((deep >> 8).astype(np.uint8))
        if not isinstance(key, int):
            return grey.convert("RGB")
        alpha = Image.fromarray(np.where(deep == key, 0, 255).astype(np.uint8))
        return Image.merge("RGBA", (grey, grey, grey, alpha))
    if isinstance(key, int) and image.mode == "L":
        # a PNG speaks of its own bits, 1 to 8, and Pillow has spread the pixels over 0 to 255
        most = (1 << bits) - 1
        image.info["transparency"] = (key & most) * 255 // most
    elif isinstance(key, tuple) and image.mode == "RGB":
        image.info["transparency"] = tuple(v >> 8 if bits == 16 else v & 255 for v in key)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "La":  # which Pillow turns into nothing else
        image = image.convert("LA")
    return image.convert("RGBA")


def _bits(image: Image.Image) -> int:
    """Return the bits a channel of an open file that was not loaded yet: 8 if not said."""
    tiles = getattr(image, "tile", None)
    raw = str(tiles[0].args) if tiles else ""
    found = re.search(r";(\d+)", raw)
    return int(found[1]) if found and image.format == "PNG" else 8


def _turned(image: Image.Image) -> Image.Image:
    if not _TURNED_BY & image.info.keys():
        return image  # nothing can speak of a rotation: most pictures, at a third of the time
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # The pixels are whole: damaged EXIF only means that no rotation is known.
        return image
