"""Detector: finds anime faces in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from animekit.config import Params
from animekit.plugins import Component, broken

if TYPE_CHECKING:
    from animekit.errors import AnimekitError


class Detector(Component):
    """Finds anime faces in a picture."""

    must_define = ("detect",)
    forks: bool = False
    """Whether `detect` may run in a forked process: no threads, GPU or connections of its own."""

    def __init__(self, params: Params | None = None) -> None:
        self.params = params if params is not None else self.Params()

    def missing(self) -> AnimekitError | None:
        """Return the error that `detect` would raise on this machine, for want of a file."""
        return None

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Return boxes float32 [N, 5]: x, y, width, height (px), score, best first.

        The image is RGB, uint8 [H, W, 3]. Safe to be called from several threads.
        """
        raise NotImplementedError


def boxes_of(detector: Detector, image: np.ndarray) -> np.ndarray:
    """Return what a detector finds; PluginError where that is no array [N, 5]."""
    found = detector.detect(image)
    try:
        boxes = np.asarray(found, np.float32)
    except (TypeError, ValueError):
        boxes = np.zeros(1, np.float32)
    if boxes.size == 0:
        return np.zeros((0, 5), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise broken(detector, "detect", found, "boxes [N, 5]: x, y, width, height, score")
    return boxes
