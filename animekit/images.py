"""Pictures: decode anything safely, resize by one rule, lay out, and write PNG and GIF.

Pillow decodes: OpenCV is half as fast again on JPEG, with the same pixels, but writes a line to
stderr for each damaged file and takes some that Pillow knows to be broken.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from animekit.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

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


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Cut the centre square out of [H, W, 3] and scale it to [size, size, 3].

    Down by area averaging, up bicubic.

    >>> resize(np.full((3, 8, 3), 7, np.uint8), 2).shape
    (2, 2, 3)
    """
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=method))


def mirror(images: np.ndarray) -> np.ndarray:
    """Flip each of [N, H, W, 3] left to right.

    >>> mirror(np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)).ravel().tolist()
    [3, 4, 5, 0, 1, 2]
    """
    if not len(images):
        return images
    # One call for all: the images stand on each other as one tall image.
    tall = images.reshape(-1, *images.shape[2:])
    return np.asarray(cv2.flip(tall, 1)).reshape(images.shape)


def to_float(images: Tensor) -> Tensor:
    """Turn uint8 [N, H, W, C] into float32 [N, C, H, W] in [-1, 1].

    The memory stays in the order of the bytes, which is channels_last.
    """
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> np.ndarray:
    """Turn [N, C, H, W] in [-1, 1] into uint8 [N, H, W, 3].

    Values outside are clamped, halves are rounded up, and grey is repeated to three channels.
    """
    scaled = images.detach().float().clamp(-1.0, 1.0).add(1.0).mul(127.5).add(0.5).floor()
    pixels = np.ascontiguousarray(scaled.byte().permute(0, 2, 3, 1).cpu().numpy())
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels


def grid(
    images: np.ndarray, columns: int, gap: int = 0, background: int | Sequence[int] = 255
) -> np.ndarray:
    """Lay images [N, H, W, 3] out row by row, `gap` pixels apart.

    >>> grid(np.zeros((3, 4, 4, 3), np.uint8), columns=2, gap=1).shape
    (9, 9, 3)
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    sheet = np.empty(shape, np.uint8)
    sheet[:] = np.asarray(background, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def course_figure(images: np.ndarray) -> np.ndarray:
    """Draw up to 25 images [N, H, W, 3] as the course's figure, RGBA [480, 640, 4].

    The geometry is that of `plt.subplots(5, 5)` with its defaults: 640x480 pixels on white, cells
    of 63.7 pixels at left 90.9 + 102.62 column and top 57.6 + 76.47 row, here on whole pixels.
    """
    if len(images) > 25:
        raise ValueError(f"the course figure has 25 cells, got {len(images)} images")
    figure = np.full((480, 640, 4), 255, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, 5)
        top, left = round(57.6 + 76.47 * row), round(90.9 + 102.62 * column)
        figure[top : top + 64, left : left + 64, :3] = resize(image, 64)
    return figure


def strip(images: np.ndarray, labels: Sequence[str] | None = None) -> np.ndarray:
    """Lay images [N, H, W, 3] out in one row, with a small caption under each."""
    row = grid(images, columns=len(images), gap=2)
    if labels is None:
        return row
    height, width = images.shape[1:3]
    canvas = Image.new("RGB", (row.shape[1], height + 16), "white")
    canvas.paste(Image.fromarray(row), (0, 0))
    draw = ImageDraw.Draw(canvas)
    longest = max(labels, key=len)
    sizes = (ImageFont.load_default(size) for size in (11, 10, 9, 8))
    font = next((font for font in sizes if draw.textlength(longest, font) <= width), None)
    for index, label in enumerate(labels):
        place = (index * (width + 2) + width // 2, height + 8)
        draw.text(place, label, "black", font or ImageFont.load_default(7), anchor="mm")
    return np.array(canvas)


def _save(path: Path | str, save: Callable[[Path], None]) -> None:
    """Let `save` write beside `path`, and move the file there when all went well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        save(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _as_picture(image: np.ndarray) -> Image.Image:
    pixels = np.asarray(image)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)


def write_png(path: Path | str, image: np.ndarray, text: Mapping[str, str] | None = None) -> None:
    """Write an image as a PNG with text in its metadata.

    The image is uint8 [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]. Atomic, and the same input gives
    the same bytes.
    """
    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_text(key, value)
    picture = _as_picture(image)
    _save(path, lambda to: picture.save(to, "PNG", pnginfo=info, compress_level=6))


def read_png_text(path: Path | str) -> dict[str, str]:
    """Return the text metadata of a PNG; raises ImageError where it is not one."""
    try:
        with quiet, Image.open(path, formats=("PNG",)) as image:
            text: dict[Any, Any] = getattr(image, "text", {})
            return {str(key): str(value) for key, value in text.items()}
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(str(path), f"not a readable PNG ({error})", "format") from None


def write_gif(path: Path | str, frames: Sequence[np.ndarray], fps: float) -> None:
    """Write uint8 frames [H, W, 3] of one size as a GIF that loops for ever.

    Each frame has its own palette of 256 colours. Atomic, and the same input gives the same bytes.
    GIF counts in 1/100 s and viewers slow down below 2, so the rate ends at 50 frames a second.
    """
    if not len(frames):
        raise ValueError("a GIF needs at least one frame")
    pictures = [
        _as_picture(frame).convert("RGB").quantize(256, Image.Quantize.MEDIANCUT)
        for frame in frames
    ]
    duration = max(20, round(100 / fps) * 10)
    _save(
        path,
        lambda to: pictures[0].save(
            to, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0
        ),
    )
