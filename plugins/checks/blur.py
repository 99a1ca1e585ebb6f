"""Check for blur: pictures with less fine detail than the rest of the data set."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from animekit.cleaning.check import Check, Finding, Measures, Picture, Reason, sharpness, shrunk
from animekit.config import Params
from animekit.hookspecs import hookimpl

if TYPE_CHECKING:
    import pandas as pd

TAIL = 3.5
"""Standard deviations, in the logarithm, below the median at which the low tail begins."""
LEAST, MOST = 0.30, 0.42
"""Bounds of "auto", and LEAST where there are too few pictures to speak of a tail."""
FEWEST = 50


class BlurParams(Params):
    """Where sharp ends, and at which size that is judged."""

    threshold: float | Literal["auto"] = Field(
        "auto", description="sharpness below which a picture is blurred; auto: this set's low tail"
    )
    side: int = Field(
        64, ge=16, description="pixels of the longer side at which sharpness is judged"
    )


class Blur(Check):
    """Find pictures that are still blurred when they are reduced to 64 pixels.

    Sharpness is the standard deviation of the Laplacian over that of the picture itself. Seen on
    the course's faces and on getchu64: below 0.30 a face is a smear, from 0.42 on it is only soft,
    so "auto" stays between these two. It flags 9 of 11,991 course faces, 3 of 13,000 of the extra
    data and 20 of 1,989 of getchu64 (drawings that were enlarged), each of them soft to the eye.
    """

    name = "blur"
    reasons: ClassVar[tuple[Reason, ...]] = (Reason("blur", "review", "blurred", worst="lowest"),)
    measures: ClassVar[tuple[str, ...]] = ("sharpness",)
    forks = True
    shown: ClassVar[tuple[str, ...]] = ("sharpness",)
    Params = BlurParams
    params: BlurParams

    def key(self) -> str:
        """Return the size at which sharpness is judged."""
        return str(self.params.side)

    def measure(self, picture: Picture) -> Measures:
        """Return the sharpness at the wanted size."""
        return {"sharpness": round(sharpness(shrunk(picture.small_grey, self.params.side)), 4)}

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures below the threshold, which "auto" takes from all of them."""
        seen = table["sharpness"].dropna()
        limit = self.params.threshold
        limit = _low_tail(seen.to_numpy(np.float64)) if limit == "auto" else limit
        self.thresholds = {"sharpness": limit}
        low = seen[seen < limit]
        return [
            Finding(row, self.reasons[0], score, limit)
            for row, score in zip(low.index, low, strict=True)
        ]


def _low_tail(values: np.ndarray) -> float:
    """Return where the low tail of some sharpnesses begins, by their median and spread."""
    if len(values) < FEWEST:
        return LEAST
    logs = np.log(np.maximum(values, 1e-6))
    median = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - median)))  # of a normal distribution
    return round(min(MOST, max(LEAST, math.exp(median - TAIL * spread))), 4)


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the check in."""
    return [Blur]
