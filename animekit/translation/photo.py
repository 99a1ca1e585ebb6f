"""Photo: one picture as it is translated, with its transparency, read and written whole."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image

from animekit.files import writing
from animekit.images.decode import format_of, is_animated, read_with, upright

Alpha = Literal["keep", "white", "drop"]
# quality at which what a network drew is written
QUALITY: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 6},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "method": 3},
}
# formats that hold an alpha channel of 256 values
WITH_ALPHA = ("PNG", "WEBP")


@dataclass(frozen=True)
class Photo:
    """One picture: colours uint8 [H, W, 3], and alpha uint8 [H, W] or None.

    `profile` is the ICC profile of an RGB file, which gives the numbers their meaning.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    format: str = "PNG"
    profile: bytes | None = None
    # whether the file holds more than this one frame
    moves: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def resized(self, width: int, height: int) -> Photo:
        """Return the picture at another size: down by area averaging, up bicubic."""
        if (width, height) == self.size:
            return self
        alpha = None if self.alpha is None else _scaled(self.alpha, width, height)
        return replace(self, pixels=_scaled(self.pixels, width, height), alpha=alpha)

    def showing(self, pixels: np.ndarray) -> Photo:
        """Return this picture with other colours of the same size."""
        return replace(self, pixels=pixels)

    def flat(self) -> np.ndarray:
        """Return the colours uint8 [H, W, 3] with what is transparent put on white."""
        return self.pixels if self.alpha is None else on_white(self.pixels, self.alpha)


def on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Put colours uint8 [H, W, 3] with an alpha [H, W] on white.

    >>> on_white(np.zeros((1, 1, 3), np.uint8), np.array([[51]], np.uint8)).ravel().tolist()
    [204, 204, 204]
    """
    share = alpha.astype(np.uint16)[..., None]
    mixed = pixels.astype(np.uint16) * share + 255 * (255 - share)
    return ((mixed + 127) // 255).astype(np.uint8)


def read_photo(data: bytes, name: str, alpha: Alpha = "keep") -> Photo:
    """Decode one picture as a network should see it; `name` names it in errors.

    EXIF rotation is applied, and every mode becomes RGB, as `images.decode` does it. With `keep`
    transparent parts lie on white and the alpha is kept aside; `white` forgets the alpha then;
    `drop` takes the colours as they are stored below it. Of an animation this is the first frame.
    Raises ImageError as `images.decode` does, whose limits hold.
    """
    return read_with(lambda image: frame(image, alpha, moves=is_animated(image)), data, name)


def frame(image: Image.Image, alpha: Alpha, *, moves: bool) -> Photo:
    """Return the frame at which an open file stands."""
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    kind, image = format_of(image), upright(image)
    if image.mode == "RGB":
        return Photo(np.array(image), None, kind, profile, moves)
    both = np.array(image)
    colours, clear = np.ascontiguousarray(both[..., :3]), np.ascontiguousarray(both[..., 3])
    if alpha == "drop":
        return Photo(colours, None, kind, profile, moves)
    flat = on_white(colours, clear)
    kept = clear if alpha == "keep" and clear.min() < 255 else None
    return Photo(flat, kept, kind, profile, moves)


def as_image(photo: Photo, kind: str) -> Image.Image:
    """Return a picture for Pillow, on white where the format has no alpha."""
    if photo.alpha is None:
        return Image.fromarray(photo.pixels)
    if kind in WITH_ALPHA or kind == "GIF":
        return Image.fromarray(np.dstack([photo.pixels, photo.alpha]))
    return Image.fromarray(photo.flat())


def encode(photo: Photo, kind: str) -> bytes:
    """Return the bytes of a picture in a format such as "PNG".

    Nothing of the source's metadata goes along but its ICC profile.
    """
    buffer = io.BytesIO()
    settings = dict(QUALITY.get(kind, {}))
    if photo.profile is not None and kind in ("PNG", "JPEG", "WEBP"):
        settings["icc_profile"] = photo.profile
    as_image(photo, kind).save(buffer, kind, **settings)
    return buffer.getvalue()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that there is never a part of it under its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as temporary:
        temporary.write_bytes(data)


def _scaled(image: np.ndarray, width: int, height: int) -> np.ndarray:
    smaller = width * height < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=method))
