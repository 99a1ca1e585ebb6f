"""The detector of anime faces that comes with animekit."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.cleaning.detector import Detector
from animekit.config import Params
from animekit.errors import AnimekitError, CheckpointError, DataError
from animekit.hookspecs import hookimpl
from animekit.models import weights

from ._finder import LARGEST, PAD, SMALLEST, STRIDE, Finder, boxes_of, merge

VERSION = 3  # raise it whenever other boxes come out of the same weights
WEIGHTS = weights.BUNDLED / "facefinder.safetensors"
MAX_PIXELS = 4_000_000  # of the largest size of a picture that is looked at: bounds memory and time
FILLS = 1.1  # a face may be this much of the shorter side of its picture: it then is cut off
SHARE = 0.81  # of the side of the crops that the network learned from: their face boxes
LOOK = 64  # side in pixels of a crop at the second look: the face is 52 of them
FIRST = 0.75  # of that side at the first look at a crop: the face is 39 px, and half the work
FIRST_PAD = 8  # pixels of border at that look: the middle of the face is not out there
SURE = 3.0  # a logit from which on the first look at a crop is enough
AGAIN = 2  # crops that are looked at a second time together
STACK = 16  # small pictures that go through the network together


class OwnParams(Params):
    """What counts as a face, and down to which size faces are looked for."""

    threshold: float = Field(0.6, gt=0, lt=1, description="lowest score of a face")
    sure: float = Field(
        0.85, ge=0, lt=1, description="lowest score of small faces in whole pictures"
    )
    smallest: int = Field(24, ge=12, description="side in pixels of the smallest faces")
    crop: int = Field(
        128, ge=0, description="pictures with a shorter side up to this are crops of one face"
    )
    crop_share: float = Field(
        0.375, gt=0, le=1, description="smallest faces in crops, as a share of the shorter side"
    )
    step: float = Field(1.6, gt=1, le=2.3, description="ratio of two sizes of a picture")
    overlap: float = Field(0.4, gt=0, lt=1, description="overlap of boxes that are one face")
    weights: Path | None = Field(None, description="weights of your own training")


class Own(Detector):
    """Find anime faces in whole pictures and tight crops; nothing to download.

    A small network looks at a picture in several sizes, so that each face is 24 to 56 px in one of
    them; the border is repeated outward, since faces of tight crops touch it. Boxes are square, lie
    between the LBP cascade's (larger) and one round chin, brow and ears, and may reach over the
    edge. A crop is first looked at small, where half its side is the smallest face, and where that
    does not show one clear face it is looked at again, larger and mirrored too. Faces of less than
    0.375 of its side are not found there, so a tiny face in a scene does not make it a crop of a
    face. What seems a face in a whole picture is looked at again as a crop, a small one in two
    sizes; the lowest score counts, and that of a small one must be higher. Faces are upright.
    Pictures over 4 megapixels are first made smaller. What is found depends neither on threads nor
    on other pictures.
    """

    name = "own"
    forks = True
    Params = OwnParams
    params: OwnParams

    def __init__(self, params: OwnParams | None = None) -> None:
        super().__init__(params)
        self._finder: Finder | None = None
        self._sha256 = ""
        self._lock = threading.Lock()

    def missing(self) -> AnimekitError | None:
        """Return the error that the weights give, if they cannot be read."""
        try:
            self._load()
        except AnimekitError as error:
            return error
        return None

    def identity(self) -> str:
        """Return a hex hash of the weights, the parameters and the version of the code."""
        self._load()
        known = (VERSION, self._sha256, self.params.model_dump_json(exclude={"weights"}))
        return hashlib.sha256(repr(known).encode()).hexdigest()

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Return boxes float32 [N, 5] (x, y, width, height, score), best score first.

        The picture is RGB uint8 [H, W, 3]; raises DataError for anything else.
        """
        _check(image)
        return self._detect([image], 1)[0]

    def detect_many(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what `detect` does for each picture; equal sizes go faster together.

        Small pictures go through the network in stacks of a fixed number, so that the boxes of one
        are the same bits whatever stands beside it; `detect` may differ from them by rounding.
        """
        shapes: dict[tuple[int, int], list[int]] = {}
        for index, image in enumerate(images):
            _check(image)
            shapes.setdefault((image.shape[0], image.shape[1]), []).append(index)
        found: dict[int, np.ndarray] = {}
        for shape, indices in shapes.items():
            count = STACK if min(shape) <= self.params.crop else 1
            for start in range(0, len(indices), count):
                part = indices[start : start + count]
                boxes = self._detect([images[index] for index in part], count)
                found.update(zip(part, boxes, strict=True))
        return [found[index] for index in range(len(images))]

    def _detect(self, images: list[np.ndarray], count: int) -> list[np.ndarray]:
        """Return the boxes of pictures of one shape, in a stack of `count`."""
        height, width = images[0].shape[:2]
        if min(height, width) <= self.params.crop:
            found = self._in_crops(images, count)
        else:
            found = [
                self._sure(image, boxes)
                for image, boxes in zip(images, self._in_pictures(images, count), strict=True)
            ]
        return [boxes.astype(np.float32) for boxes in found]

    def _in_crops(self, images: list[np.ndarray], count: int) -> list[np.ndarray]:
        """Return the boxes of crops of one shape, each looked at until there is no doubt.

        The second looks have a fixed number too, so that they do not depend on other pictures.
        """
        finder, (scale,) = self._load(), self._scales(*images[0].shape[:2])
        maps = _said(finder, _stack(images, FIRST * scale, count, FIRST_PAD))[: len(images)]
        found = self._boxes(maps, FIRST * scale, FIRST_PAD)
        best = maps[:, 0].reshape(len(maps), -1).max(axis=1)
        doubtful = [k for k, boxes in enumerate(found) if best[k] < SURE or len(boxes) != 1]
        again = min(AGAIN, count)
        for start in range(0, len(doubtful), again):
            rows = doubtful[start : start + again]
            stack = _stack([images[row] for row in rows], scale, again, PAD)
            maps = _said_twice(finder, stack)[: len(rows)]
            for row, boxes in zip(rows, self._boxes(maps, scale, PAD), strict=True):
                found[row] = boxes
        return found

    def _in_pictures(self, images: list[np.ndarray], count: int) -> list[np.ndarray]:
        """Return the boxes of whole pictures of one shape, in all sizes at the first look."""
        finder, params = self._load(), self.params
        found: list[list[np.ndarray]] = [[] for _ in images]
        for scale in self._scales(*images[0].shape[:2]):
            maps = _said(finder, _stack(images, scale, count, PAD))
            for boxes, more in zip(found, boxes_of(maps, scale, params.threshold), strict=False):
                boxes.append(more)
        return [merge(np.concatenate(boxes), params.overlap) for boxes in found]

    def _boxes(self, maps: np.ndarray, scale: float, pad: int) -> list[np.ndarray]:
        """Return the merged boxes of each of some maps [count, 4, H, W]."""
        several = boxes_of(maps, scale, self.params.threshold, pad)
        return [merge(boxes, self.params.overlap) for boxes in several]

    def _sure(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the boxes that are faces also as crops of their own, with the lowest score.

        At the first look a fold of cloth may pass for a face; framed like a crop it seldom does.
        For a face that would be too small for a crop there are thousands of places: it must seem
        one in a second size too, and more surely.
        """
        if not len(boxes):
            return boxes
        params, boxes = self.params, boxes.copy()
        small = boxes[:, 2] < params.crop_share * min(image.shape[:2])
        for side, rows in (
            (LOOK, np.arange(len(boxes))),
            (round(FIRST * LOOK), np.flatnonzero(small)),
        ):
            if len(rows):
                crops = [_framed(image, box, side) for box in boxes[rows]]
                logits = _said_twice(self._load(), _stack(crops, 1.0, len(crops), PAD))[:, 0]
                best = logits.reshape(len(rows), -1).max(axis=1).astype(np.float64)
                boxes[rows, 4] = np.minimum(boxes[rows, 4], 1 / (1 + np.exp(-best)))
        least = np.where(small, max(params.threshold, params.sure), params.threshold)
        boxes = boxes[boxes[:, 4] >= least]
        return boxes[np.argsort(-boxes[:, 4], kind="stable")]

    def _scales(self, height: int, width: int) -> list[float]:
        """Return the scales at which every face is once 24 to 56 px; one alone for crops."""
        shorter = min(height, width)
        smallest = float(self.params.smallest)
        if shorter <= self.params.crop:
            return [SMALLEST / max(smallest, self.params.crop_share * shorter)]
        scales = [min(SMALLEST / smallest, (MAX_PIXELS / (height * width)) ** 0.5)]
        while LARGEST / scales[-1] < FILLS * shorter:
            scales.append(scales[-1] / self.params.step)
        return scales

    def _load(self) -> Finder:
        with self._lock:
            if self._finder is None:
                self._finder, self._sha256 = _read(self.params.weights or WEIGHTS)
        return self._finder


def _read(path: Path) -> tuple[Finder, str]:
    """Return the network with the weights of a file, and the file's sha256."""
    tensors, about, digest = weights.read(path)
    finder = Finder()
    try:
        finder.load_state_dict({name: value.float() for name, value in tensors.items()})
    except RuntimeError:
        raise CheckpointError(
            f"{path} does not hold a network of the detector own",
            f"it says that it is of {about.get('model', 'nothing')}; leave weights out",
        ) from None
    for weight in finder.parameters():
        weight.requires_grad_(False)
        if weight.ndim == 4:
            weight.data = weight.contiguous(memory_format=torch.channels_last)
    return finder.eval(), digest


def _check(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise DataError(
            f"a detector takes RGB pictures, not {image.dtype} {list(image.shape)}",
            "give uint8 [height, width, 3]",
        )


def _framed(image: np.ndarray, box: np.ndarray, side: int = LOOK) -> np.ndarray:
    """Return the square round a box as a tight crop of `side` px, the picture's border repeated."""
    height, width = image.shape[:2]
    wide = box[2] / SHARE
    left, top = (round(float(box[k] + box[2 + k] / 2 - wide / 2)) for k in (0, 1))
    right, bottom = left + max(1, round(wide)), top + max(1, round(wide))
    x, y = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    part = image[y : max(bottom, y + 1), x : max(right, x + 1)]
    above, before = max(0, y - top), max(0, x - left)
    below = max(0, bottom - y - part.shape[0])
    after = max(0, right - x - part.shape[1])
    part = cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_REPLICATE)
    rule = cv2.INTER_AREA if part.shape[0] > side else cv2.INTER_LINEAR
    return cv2.resize(part, (side, side), interpolation=rule)


def _stack(images: list[np.ndarray], scale: float, count: int, pad: int) -> Tensor:
    """Return pictures of one shape at a scale, borders repeated: [count, 3, H, W] in [-1, 1]."""
    height, width = (max(1, round(length * scale)) for length in images[0].shape[:2])
    rule = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    bottom, right = (pad + -length % STRIDE for length in (height, width))
    stack = np.zeros((count, height + pad + bottom, width + pad + right, 3), np.uint8)
    for place, image in zip(stack, images, strict=False):
        small = cv2.resize(image, (width, height), interpolation=rule)
        cv2.copyMakeBorder(small, pad, bottom, pad, right, cv2.BORDER_REPLICATE, dst=place)
    pixels = torch.from_numpy(stack).permute(0, 3, 1, 2)  # channels last as it stands
    return pixels.float().div_(127.5).sub_(1)


def _said(finder: Finder, stack: Tensor) -> np.ndarray:
    """Return the maps [count, 4, H / 8, W / 8]."""
    with torch.inference_mode():
        return finder(stack).float().numpy()


def _said_twice(finder: Finder, stack: Tensor) -> np.ndarray:
    """Return the mean of the maps of the pictures and of their mirror images.

    Only for crops, where the score alone decides: two views are surer than one.
    """
    both = torch.cat([stack, stack.flip(3)]).contiguous(memory_format=torch.channels_last)
    plain, mirrored = np.split(_said(finder, both), 2)
    other = mirrored[..., ::-1].copy()
    other[:, 1] *= -1  # a face to the right of a cell is to the left of it in the mirror
    return (plain + other) / 2


@hookimpl
def animekit_detectors() -> list[type[Detector]]:
    """Return the detector that comes with animekit."""
    return [Own]
