"""Faces: the parts of a picture that the network sees, and how they are put back.

Weights that change hair know faces of one size, cut out tightly: with more of what surrounds them
they paint the surroundings. So a face is found, shrunk or enlarged to that size, and translated;
what the network changed is brought back to the picture's own scale and added, less towards the
border of the crop. Lines stay as sharp as they were, and outside of the crop no pixel moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from animekit.data.spec import ImageSpec
from animekit.hub.convert import CELEBA
from animekit.labels.tags import NAMES
from animekit.labels.words import words_of

if TYPE_CHECKING:
    from animekit.plugins import Registry

# share of the side of a crop, as the weights learned from, that the box of its face takes
SHARE = 0.81
# share of a side over which a change fades out towards what was not looked at
FADE = 0.1
# share of a picture from which on a crop of it is the picture itself
NEARLY = 0.6
# least side in pixels of what the network sees
LEAST = 16
# labels by which photographs of people are told: no detector of drawn faces finds those
PHOTOGRAPHS = frozenset((*CELEBA, "Gray_Hair"))


@dataclass(frozen=True)
class Part:
    """What the network sees: a picture as it is, or a box of it at another size.

    `pixels` are uint8 [h, w, 3]; `look` is what tells the labels, uint8 too. `box` is left, top,
    right and bottom in pixels of the picture, None for a picture that is seen as it is.
    """

    pixels: np.ndarray
    look: np.ndarray
    box: tuple[int, int, int, int] | None = None


def knows_drawn_faces(spec: ImageSpec) -> bool:
    """Say whether labels are of drawn faces.

    They are colours of hair or eyes, and not spelt as CelebA spells them.

    >>> knows_drawn_faces(ImageSpec(64, labels=("red hair", "hat"), groups=(1, 1)))
    True
    """
    known = any(" ".join(words_of(label)) in NAMES for label in spec.labels)
    return known and not PHOTOGRAPHS & set(spec.labels)


class FaceFinder:
    """Cuts the faces out of pictures, at the size that weights know."""

    def __init__(self, registry: Registry, detector: str, size: int, multiple: int) -> None:
        self.size, self.multiple = size, multiple
        self.detector = registry.get("detector", detector)()
        error = self.detector.missing()
        if error is not None:
            raise error

    def parts(self, pixels: np.ndarray) -> list[Part]:
        """Return a part for each face of a picture uint8 [H, W, 3], [] without one.

        A picture of the weights' own size is a face, without a look at it.
        """
        height, width = pixels.shape[:2]
        if (height, width) == (self.size, self.size):
            return [Part(pixels, pixels)]
        boxes = self.detector.detect(pixels)
        return [self._part(pixels, box) for box in boxes]

    def _part(self, pixels: np.ndarray, box: np.ndarray) -> Part:
        height, width = pixels.shape[:2]
        crop = float(max(box[2], box[3])) / SHARE
        left, top, right, bottom = inside = _inside(box, crop, width, height)
        look = pixels[top:bottom, left:right]
        if (right - left) * (bottom - top) >= NEARLY * width * height:
            return whole_part(pixels, self.size, self.multiple, look)
        return _seen(pixels, look, inside, self.size / crop, self.multiple)


def whole_part(
    pixels: np.ndarray, size: int, multiple: int, look: np.ndarray | None = None
) -> Part:
    """Return a picture whose shorter side is brought to the size that weights know."""
    height, width = pixels.shape[:2]
    look = pixels if look is None else look
    if min(height, width) == size:
        return Part(pixels, look)
    return _seen(pixels, look, (0, 0, width, height), size / min(height, width), multiple)


def restored(pixels: np.ndarray, parts: Sequence[Part], made: Sequence[np.ndarray]) -> np.ndarray:
    """Return a picture uint8 [H, W, 3] in which parts became what was made of them."""
    if len(parts) == 1 and parts[0].box is None:
        return made[0]
    height, width = pixels.shape[:2]
    change = np.zeros((height, width, 3), np.float32)
    share = np.zeros((height, width, 1), np.float32)  # over 1 where two parts overlap
    for part, drawn in zip(parts, made, strict=True):
        left, top, right, bottom = part.box or (0, 0, width, height)
        moved = resized(drawn.astype(np.float32) - part.pixels, right - left, bottom - top)
        down = _faded(bottom - top, top > 0, bottom < height)
        across = _faded(right - left, left > 0, right < width)
        weight = (down[:, None] * across)[..., None]  # [h, w, 1]
        change[top:bottom, left:right] += weight * moved
        share[top:bottom, left:right] += weight
    found = np.rint(pixels + change / np.maximum(share, 1))
    return np.clip(found, 0, 255).astype(np.uint8)


def resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return an image [H, W, 3] at another size: down by area averaging, up bicubic."""
    if (height, width) == pixels.shape[:2]:
        return pixels
    smaller = width * height < pixels.shape[0] * pixels.shape[1]
    rule = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=rule))


def _inside(box: np.ndarray, side: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the square of a side round the middle of a box, cut to the picture."""
    x, y = float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)
    left, top = max(0, round(x - side / 2)), max(0, round(y - side / 2))
    right, bottom = min(width, round(x + side / 2)), min(height, round(y + side / 2))
    return min(left, width - 1), min(top, height - 1), max(right, 1), max(bottom, 1)


def _seen(
    pixels: np.ndarray,
    look: np.ndarray,
    box: tuple[int, int, int, int],
    scale: float,
    multiple: int,
) -> Part:
    """Return a box of a picture at a scale, with sides that the network divides."""
    left, top, right, bottom = box
    wide, tall = (
        max(LEAST, round(side * scale / multiple) * multiple)
        for side in (right - left, bottom - top)
    )
    return Part(resized(pixels[top:bottom, left:right], wide, tall), look, box)


def _faded(length: int, begins: bool, ends: bool) -> np.ndarray:  # noqa: FBT001  # two borders
    """Return how much a change counts along a side, float32 [length]: less at open borders."""
    along = (np.arange(length, dtype=np.float32) + 0.5) / length / FADE
    left = np.clip(along, 0, 1) if begins else np.ones(length, np.float32)
    right = np.clip(along[::-1], 0, 1) if ends else np.ones(length, np.float32)
    rise = np.minimum(left, right)
    return (rise * rise * (3 - 2 * rise)).astype(np.float32)
