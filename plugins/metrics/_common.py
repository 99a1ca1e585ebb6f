"""What the metrics share: pictures that are checked, and a map over single-threaded workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from torch import Tensor

from animekit.errors import DataError
from animekit.models.features import single_threads

Map = Callable[[Callable[[int], Any], range], list[Any]]


class Meter:
    """Tells the share of some work that is done, from whichever worker did it."""

    def __init__(self, tell: Callable[[float], None], total: int) -> None:
        self._tell, self._total, self._done = tell, total, 0
        self._lock = Lock()

    def add(self, amount: int) -> None:
        """Tell that so much more of the total is done."""
        with self._lock:  # the listener is called by one worker at a time, never with less
            self._done += amount
            self._tell(min(1.0, self._done / self._total))


def checked(images: np.ndarray | Tensor, which: str, least: int = 1) -> np.ndarray:
    """Return pictures as an array [N, 3, H, W] without a copy; grey is repeated.

    Raises DataError unless they are uint8 [N, 3, H, W] or [N, 1, H, W] with N at least `least`.
    """
    array = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in (1, 3):
        raise DataError(
            f"{which} pictures are {array.dtype} {list(array.shape)}",
            "give uint8 [N, 3, H, W]",
            code="metric.images",
        )
    if len(array) < least:
        raise DataError(
            f"{which} pictures: {len(array)}, where at least {least} are needed",
            "give more, as in --num 1000",
            code="metric.count",
        )
    return np.broadcast_to(array, (len(array), 3, *array.shape[2:]))


def square(images: np.ndarray | Tensor, which: str, least: int = 1) -> np.ndarray:
    """Return images as an array [N, 3, S, S]; DataError for others or too few."""
    pictures = checked(images, which, least)
    height, width = pictures.shape[2:]
    if height != width:
        raise DataError(
            f"{which} pictures are {width} x {height} px, not square",
            "resize them to one side, as in --size 64",
            code="metric.size",
        )
    return pictures


@contextmanager
def workers() -> Iterator[Map]:
    """Yield a map over as many threads as torch has, each with one torch thread.

    Each task is then computed in one way only, so that results do not depend on the number of
    threads; and many small products are faster so.
    """
    with single_threads() as pool:
        yield lambda task, items: list(pool.map(task, items))
