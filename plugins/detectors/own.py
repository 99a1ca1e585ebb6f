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

from animekit import weights
from animekit.components import Detector
from animekit.config import Params
from animekit.errors import AnimekitError, CheckpointError, DataError
from animekit.hookspecs import hookimpl

from ._finder import LARGEST, PAD, SMALLEST, STRIDE, Finder, boxes_of, merge

VERSION = 2  # raise it whenever other boxes come out of the same weights
WEIGHTS = weights.BUNDLED / "facefinder.safetensors"
MAX_PIXELS = 4_000_000  # of the largest size of a picture that is looked at: bounds memory and time
FILLS = 1.1  # a face may be this much of the shorter side of its picture: it then is cut off
SHARE = 0.81  # of the side of the crops that the network learned from: their face boxes
LOOK = 64  # side in pixels of a crop at the second look: the face is 52 of them
SURE = 4.0  # a logit from which on one look at a crop is enough, for a face or against it
AGAIN = 4  # crops that are looked at a second time together
STACK = 16  # small pictures that go through the network together


class OwnParams(Params):
    """What counts as a face, and down to which size faces are looked for."""

    threshold: float = Field(0.6, gt=0, lt=1, description="lowest score of a face")
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
    edge. A crop is looked at in one size, and mirrored too where that leaves doubt: faces of less
    than 0.375 of its side are not found there, so a tiny face in a scene does not make it a crop of
    a face. What seems a face in a whole picture is looked at again as a crop, and the lower score
    counts. Faces are upright.
    Pictures over 4 megapixels are first made smaller. What is found depends neither on threads nor
    on other pictures.
    """

    name = "own"
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
        finder, params = self._load(), self.params
        found: list[list[np.ndarray]] = [[] for _ in images]
        height, width = images[0].shape[:2]
        crop = min(height, width) <= params.crop
        for scale in self._scales(height, width):
            stack = _stack(images, scale, count)
            maps = _said_until_sure(finder, stack) if crop else _said(finder, stack)
            for boxes, said in zip(found, maps, strict=False):
                boxes.append(boxes_of(said, scale, params.threshold))
        merged = [merge(np.concatenate(boxes), params.overlap) for boxes in found]
        if not crop:
            merged = [
                self._sure(image, boxes) for image, boxes in zip(images, merged, strict=False)
            ]
        return [boxes.astype(np.float32) for boxes in merged]

    def _sure(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the boxes that are faces also as crops of their own, with the lower score.

        At the first look a fold of cloth may pass for a face; framed like a crop it seldom does.
        """
        if not len(boxes):
            return boxes
        crops = [_framed(image, box) for box in boxes]
        logits = _said_twice(self._load(), _stack(crops, 1.0, len(crops)))[:, 0]
        again = 1 / (1 + np.exp(-logits.reshape(len(boxes), -1).max(axis=1).astype(np.float64)))
        boxes = np.column_stack([boxes[:, :4], np.minimum(boxes[:, 4], again)])
        boxes = boxes[boxes[:, 4] >= self.params.threshold]
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


def _framed(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the square round a box as a tight crop of `LOOK` px, the picture's border repeated."""
    height, width = image.shape[:2]
    side = box[2] / SHARE
    left, top = (round(float(box[k] + box[2 + k] / 2 - side / 2)) for k in (0, 1))
    right, bottom = left + max(1, round(side)), top + max(1, round(side))
    x, y = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    part = image[y : max(bottom, y + 1), x : max(right, x + 1)]
    above, before = max(0, y - top), max(0, x - left)
    below = max(0, bottom - y - part.shape[0])
    after = max(0, right - x - part.shape[1])
    part = cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_REPLICATE)
    rule = cv2.INTER_AREA if part.shape[0] > LOOK else cv2.INTER_LINEAR
    return cv2.resize(part, (LOOK, LOOK), interpolation=rule)


def _stack(images: list[np.ndarray], scale: float, count: int) -> Tensor:
    """Return pictures of one shape at a scale, borders repeated: [count, 3, H, W] in [-1, 1]."""
    height, width = (max(1, round(length * scale)) for length in images[0].shape[:2])
    rule = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    bottom, right = (PAD + -length % STRIDE for length in (height, width))
    stack = np.zeros((count, height + PAD + bottom, width + PAD + right, 3), np.uint8)
    for place, image in zip(stack, images, strict=False):
        small = cv2.resize(image, (width, height), interpolation=rule)
        cv2.copyMakeBorder(small, PAD, bottom, PAD, right, cv2.BORDER_REPLICATE, dst=place)
    pixels = torch.from_numpy(stack).permute(0, 3, 1, 2)  # channels last as it stands
    return pixels.float().div_(127.5).sub_(1)


def _said(finder: Finder, stack: Tensor) -> np.ndarray:
    """Return the maps [count, 4, H / 8, W / 8]."""
    with torch.inference_mode():
        return finder(stack).float().numpy()


def _said_twice(finder: Finder, stack: Tensor, first: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of the maps of the pictures, `first` if known, and of their mirror images.

    Only for crops, where the score alone decides: two views are surer than one.
    """
    mirrored = stack.flip(3).contiguous(memory_format=torch.channels_last)
    other = _said(finder, mirrored)[..., ::-1].copy()
    other[:, 1] *= -1  # a face to the right of a cell is to the left of it in the mirror
    return ((_said(finder, stack) if first is None else first) + other) / 2


def _said_until_sure(finder: Finder, stack: Tensor) -> np.ndarray:
    """Return the maps of crops, each averaged with its mirror image's where one look leaves doubt.

    The second looks have a fixed number too, so that they do not depend on other pictures either.
    """
    maps = _said(finder, stack)
    best = maps[:, 0].reshape(len(maps), -1).max(axis=1)
    doubtful = np.flatnonzero(np.abs(best) < SURE)
    count = min(AGAIN, len(stack))
    for start in range(0, len(doubtful), count):
        rows = doubtful[start : start + count]
        both = _said_twice(finder, stack[np.resize(rows, count)], maps[np.resize(rows, count)])
        maps[rows] = both[: len(rows)]
    return maps


@hookimpl
def animekit_detectors() -> list[type[Detector]]:
    """Return the detector that comes with animekit."""
    return [Own]
