"""Anime faces by the course's LBP cascade, plain and with the border repeated."""

from __future__ import annotations

import threading

import cv2
import numpy as np
from pydantic import Field

from animekit.cleaning.cascade import NEIGHBOURS, SCALE, SMALLEST, Cascade, equalised, find_cascade
from animekit.cleaning.detector import Detector
from animekit.config import Params
from animekit.errors import AnimekitError
from animekit.hookspecs import hookimpl

PAD = 0.25
"""Share of each side by which the border is repeated: room for windows round faces cut off."""


class LBPParams(Params):
    """Which cascade looks, and how; the course's setting by default."""

    cascade: str | None = Field(None, description="cascade XML, else the one of animekit models")
    scale: float = Field(SCALE, ge=1.01, description="from one size of faces to the next")
    neighbours: int = Field(
        NEIGHBOURS, ge=0, description="windows that a face needs more of than this"
    )
    smallest: int = Field(SMALLEST, ge=1, description="side in pixels of smallest faces")


class LBP(Detector):
    """Find anime faces with the course's LBP cascade and setting.

    The cascade is nagadomi's lbpcascade_animeface.xml, which `animekit models pull` brings. It
    misses faces that touch the border. A score is the number of windows that a box was joined from.
    """

    name = "lbp"
    forks = True
    Params = LBPParams
    params: LBPParams

    def __init__(self, params: LBPParams | None = None) -> None:
        super().__init__(params)
        self._lock = threading.Lock()
        self._cascade: Cascade | None = None

    def missing(self) -> AnimekitError | None:
        """Return the error that says how to get the cascade, where there is none."""
        try:
            find_cascade(self.params.cascade)
        except AnimekitError as error:
            return error
        return None

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Return boxes float32 [N, 5] (x, y, width, height, windows), most windows first.

        Raises NotFoundError where there is no cascade, and UnusableError where it is damaged.
        """
        return self._found(equalised(image))

    def _found(self, grey: np.ndarray) -> np.ndarray:
        params = self.params
        boxes, counts = self._load().find(grey, params.scale, params.neighbours, params.smallest)
        return np.column_stack([boxes, counts]).astype(np.float32)

    def _load(self) -> Cascade:
        with self._lock:
            if self._cascade is None:
                self._cascade = Cascade(find_cascade(self.params.cascade))
        return self._cascade


class PaddedLBP(LBP):
    """Find anime faces with the LBP cascade, also those that touch the border.

    The picture's border is repeated by a quarter of each side; boxes are cut to the picture.
    """

    name = "lbp-padded"

    def _found(self, grey: np.ndarray) -> np.ndarray:
        height, width = grey.shape
        down, right = round(PAD * height), round(PAD * width)
        padded = cv2.copyMakeBorder(grey, down, down, right, right, cv2.BORDER_REPLICATE)
        boxes = super()._found(padded)
        starts = np.maximum(boxes[:, :2] - [right, down], 0)
        ends = np.minimum(boxes[:, :2] + boxes[:, 2:4] - [right, down], [width, height])
        boxes[:, :2], boxes[:, 2:4] = starts, ends - starts
        return boxes[(boxes[:, 2:4] > 0).all(axis=1)]


@hookimpl
def animekit_detectors() -> list[type[Detector]]:
    """Bring the detectors in."""
    return [LBP, PaddedLBP]
