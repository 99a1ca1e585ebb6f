"""Checks of light and colour: badly exposed, without colours, or almost one colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np
from pydantic import Field

from animekit.cleaning.check import Check, Finding, Measures, Picture, Reason
from animekit.config import Params
from animekit.hookspecs import hookimpl

if TYPE_CHECKING:
    import pandas as pd

CLIPPED = 4
"""Levels from black and from white that count as clipped."""
PART = 0.05
"""Share of the pixels that may lie beyond "the darkest" and "the brightest"."""


class ExposureParams(Params):
    """Where too dark, too bright and too hard begin."""

    dark: float = Field(
        100, ge=0, le=255, description="level that 5 % of the pixels must be brighter than"
    )
    bright: float = Field(
        190, ge=0, le=255, description="level that 5 % of the pixels must be darker than"
    )
    clipped: float = Field(
        0.9, gt=0, le=1, description="share of the pixels that may be black or white"
    )


class Exposure(Check):
    """Find pictures that are too dark, washed out, or clipped nearly everywhere.

    The defaults flag 11 dark and 33 washed-out ones of 11,991 course faces, 2 washed-out ones of
    13,000 of the extra data, none of 1,989 of getchu64 and a dark one of 70 whole illustrations.
    A white or black background is no fault: `clipped` is for what has hardly anything else.
    """

    name = "exposure"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("dark", "review", "too dark", worst="lowest"),
        Reason("bright", "review", "washed out"),
        Reason("clipped", "review", "clipped to black and white"),
    )
    measures: ClassVar[tuple[str, ...]] = ("darkest", "brightest", "clipped")
    forks = True
    shown: ClassVar[tuple[str, ...]] = measures
    Params = ExposureParams
    params: ExposureParams

    def measure(self, picture: Picture) -> Measures:
        """Return the levels that 5 % lie below and above, and the clipped share."""
        counts = cv2.calcHist([picture.small_grey], [0], None, [256], [0, 256]).ravel()
        shares = np.cumsum(counts) / counts.sum()
        inside = shares[255 - CLIPPED - 1] - shares[CLIPPED]
        return {
            "darkest": int(np.searchsorted(shares, PART)),
            "brightest": int(np.searchsorted(shares, 1 - PART)),
            "clipped": round(float(1 - inside), 4),
        }

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures whose levels lie beyond the limits."""
        limits = self.params
        self.thresholds = limits.model_dump()
        found = []
        for name, measure, limit in (
            ("dark", -table["brightest"], -limits.dark),
            ("bright", table["darkest"], limits.bright),
            ("clipped", table["clipped"], limits.clipped),
        ):
            beyond = measure[measure > limit].abs()
            found += [
                Finding(row, self.reason(name), float(score), abs(limit))
                for row, score in zip(beyond.index, beyond, strict=True)
            ]
        return found


class MonoParams(Params):
    """How much colour a picture must have."""

    threshold: float = Field(
        4.0, ge=0, description="levels by which colours must leave one line, as grey and sepia do"
    )


class Mono(Check):
    """Find pictures without colours: grey, sepia, or of one tint.

    The colours of such a picture lie on one line in RGB. `colour` is how far they leave the best
    one, in levels (root mean square), so that sepia and JPEG noise count as no colour too. It flags
    67 of 11,991 course faces, none of 13,000 of the extra data or 1,989 of getchu64.
    """

    name = "mono"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("mono", "review", "greyscale or one tint", worst="lowest"),
    )
    measures: ClassVar[tuple[str, ...]] = ("colour",)
    forks = True
    shown: ClassVar[tuple[str, ...]] = ("colour",)
    Params = MonoParams
    params: MonoParams

    def measure(self, picture: Picture) -> Measures:
        """Return how far the colours leave one line in RGB."""
        planes = cv2.split(picture.small)
        mean = np.array(cv2.mean(picture.small)[:3])
        products = np.diag([cv2.norm(plane, cv2.NORM_L2SQR) for plane in planes])
        for a, b in ((0, 1), (0, 2), (1, 2)):  # 2ab = a^2 + b^2 - (a - b)^2, in whole numbers
            apart = cv2.norm(planes[a], planes[b], cv2.NORM_L2SQR)
            products[a, b] = products[b, a] = (products[a, a] + products[b, b] - apart) / 2
        covariance = products / planes[0].size - np.outer(mean, mean)
        spread = np.linalg.eigvalsh(covariance)
        return {"colour": round(float(np.sqrt(max(0.0, spread[0] + spread[1]))), 3)}

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures with less colour than the threshold."""
        limit = self.params.threshold
        self.thresholds = {"colour": limit}
        low = table["colour"][table["colour"] < limit]
        return [
            Finding(row, self.reasons[0], float(score), limit)
            for row, score in zip(low.index, low, strict=True)
        ]


class FlatParams(Params):
    """How much of a picture may be one colour."""

    contrast: float = Field(
        6.0, ge=0, description="standard deviation that one channel must have, in levels"
    )
    share: float = Field(0.9, gt=0, le=1, description="share of the pixels that may be one colour")


class Flat(Check):
    """Find pictures that are almost one colour.

    Of 11,991 course faces one is: hardly anything can be seen in it.
    """

    name = "flat"
    reasons: ClassVar[tuple[Reason, ...]] = (Reason("flat", "review", "almost one colour"),)
    measures: ClassVar[tuple[str, ...]] = ("spread", "share")
    forks = True
    shown: ClassVar[tuple[str, ...]] = measures
    Params = FlatParams
    params: FlatParams

    def measure(self, picture: Picture) -> Measures:
        """Return the largest contrast and the share of the commonest colour."""
        spread = float(cv2.meanStdDev(picture.small)[1].max())
        height, width = picture.small.shape[:2]
        # 16 levels a channel
        counts = cv2.calcHist([picture.small], [0, 1, 2], None, [16] * 3, [0, 256] * 3)
        share = counts.max() / (height * width)
        return {"spread": round(spread, 2), "share": round(float(share), 4)}

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures without contrast or with one colour nearly everywhere."""
        limits = self.params
        self.thresholds = limits.model_dump()
        flat = table[(table["spread"] < limits.contrast) | (table["share"] > limits.share)]
        return [
            Finding(
                row, self.reasons[0], float(share), limits.share, f"contrast {spread:.1f} levels"
            )
            for row, share, spread in zip(flat.index, flat["share"], flat["spread"], strict=True)
        ]


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the checks in."""
    return [Exposure, Mono, Flat]
