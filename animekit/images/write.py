"""Writing: pictures, whole or not at all, with text in them, over nothing of the user's."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from animekit.errors import UnusableError, UsageError
from animekit.files import as_error, writing
from animekit.images import film
from animekit.images.decode import MAX_PIXELS, ImageError, quiet

MOST_PIXELS = 2 * MAX_PIXELS  # of a picture whose text is read: a grid with its titles has less


def _save(path: Path | str, save: Callable[[Path], None]) -> None:
    """Let `save` write beside `path`, and move the file there when all went well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as temporary:
        save(temporary)


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


def png_bytes(image: np.ndarray) -> bytes:
    """Return an image, as `write_png` takes it, as the bytes of a PNG."""
    buffer = io.BytesIO()
    _as_picture(image).save(buffer, "PNG")
    return buffer.getvalue()


def read_png_text(path: Path | str) -> dict[str, str]:
    """Return the text metadata of a PNG; raises ImageError where it is not one."""
    try:
        with quiet, Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > MOST_PIXELS:  # the text may stand behind the pixels
                raise ValueError("it is larger than animekit draws")
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


def write_jpeg(path: Path | str, image: np.ndarray, comment: str, quality: int) -> None:
    """Write an image uint8 [H, W, 3] as a JPEG with a comment; atomic."""
    picture = _as_picture(image).convert("RGB")
    text = comment.encode("utf-8")
    _save(
        path,
        lambda to: picture.save(to, "JPEG", quality=quality, subsampling=0, comment=text),
    )


KEY = "animekit"
"""The tEXt key of a PNG, and the first word of the comment of a GIF or JPEG."""
COMMENTED = {".gif": "GIF", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""Formats that hold a comment, by ending."""


def may_replace(path: Path, suffix: str, *, overwrite: bool) -> None:
    """Refuse another kind of name, a folder, and a file that animekit did not make."""
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path} does not end in {suffix}", f"name a {suffix} file")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"name a {suffix} file in it")
    if path.exists() and not overwrite and own_text(path) is None:
        raise UnusableError(
            f"{path} exists and animekit did not make it",
            "--yes replaces it; --out writes elsewhere",
            code="file.exists",
        )


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Make the folder of a file; what the system refuses becomes one clear error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise as_error(error, "--out writes elsewhere", doing="write", where=path) from None


def own_text(path: Path) -> str | None:
    """Return what animekit wrote into a PNG, GIF or JPEG; None for others."""
    if path.suffix.lower() in film.ENDINGS:
        word, _, text = film.comment_of(path).partition(" ")
        return text if word == KEY else None
    if path.suffix.lower() in COMMENTED:
        try:
            with quiet, Image.open(path, formats=(COMMENTED[path.suffix.lower()],)) as image:
                comment = bytes(image.info.get("comment", b"")).decode("utf-8", "replace")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return None
        word, _, text = comment.partition(" ")
        return text if word == KEY else None
    try:
        return read_png_text(path).get(KEY)
    except ImageError:
        return None


def with_comment(gif: bytes, text: str) -> bytes:
    """Put a comment behind the header and the common palette of a GIF89a."""
    start = 13 + (3 << (gif[10] & 7) + 1 if gif[10] & 0x80 else 0)
    data = text.encode("ascii")
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    comment = b"\x21\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return gif[:start] + comment + gif[start:]
