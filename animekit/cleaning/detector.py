"""Detector: finds anime faces in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from animekit.config import Params
from animekit.plugins import Component

if TYPE_CHECKING:
    import numpy as np

    from animekit.errors import AnimekitError


class Detector(Component):
    """Finds anime faces in a picture."""

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
