"""Check, the base of what `animekit clean` looks for, and the picture that it looks at.

A check works in two steps. `measure` sees one picture and gives a few cheap numbers, which are kept
by content; `judge` sees the numbers of all pictures and says which ones to flag. So a threshold can
change without a second look at any picture, "auto" can mean the low tail of this very data set, and
a search for duplicates is one more judge.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import cv2
import numpy as np

from animekit.cleaning._workers import lazy
from animekit.config import Params
from animekit.images.decode import Decoded, ImageError, decode_whole
from animekit.images.formats import sniff
from animekit.plugins import Component

if TYPE_CHECKING:
    import pandas as pd

    from animekit.errors import AnimekitError
    from animekit.plugins import Registry

Tier = Literal["reject", "review", "note"]
Measures = dict[str, Any]
"""Named numbers, texts or lists of numbers: what JSON can hold, and no NaN."""

TIERS: tuple[Tier, ...] = ("reject", "review", "note")
"""From the most severe: never wanted, for a person to look at, kept and only noted."""
SMALL_SIDE = 128
"""Pixels of the longer side of the picture on which colours and sharpness are measured."""


@dataclass(frozen=True)
class Reason:
    """Why a picture can be flagged: its name, its tier, and the words for it.

    The name is also a folder's and a sheet's name. `worst` says which scores are furthest from
    what is wanted, for the order of a contact sheet.
    """

    name: str
    tier: Tier
    words: str
    worst: Literal["lowest", "highest"] = "highest"


FOREIGN = Reason("foreign_format", "review", "a format that animekit does not read")
UNOPENED = Reason("unopened", "review", "cannot be opened: not ours to read")
"""A file may be whole and wanted, and be flagged for these: it stays where it is by default."""


@dataclass(frozen=True)
class Finding:
    """One picture is flagged for one reason: its row in the table, and why.

    `threshold` is what the score was held against. Duplicates also name their group and the row
    of the picture that is kept in their place.
    """

    row: int
    reason: Reason
    score: float | None = None
    threshold: float | None = None
    note: str = ""
    group: int | None = None
    kept: int | None = None


@dataclass(frozen=True)
class Context:
    """What a check may want to know before it begins: folder, tags, plugins."""

    folder: Path
    registry: Registry
    tags: Path | None = None
    warnings: list[str] = field(default_factory=list)


class Picture:
    """One file, decoded at most once, and what several checks want to know of it.

    Everything is computed when it is first asked for. Arrays are shared: do not write to them.
    One thread looks at one picture.
    """

    def __init__(self, name: str, data: bytes, error: ImageError | None = None) -> None:
        self.name = name
        self.data = data
        self.was_read = error is None
        self._error = error

    @property
    def error(self) -> ImageError | None:
        """Why the file cannot be read or decoded; None where it can."""
        if self._error is None and "decoded" not in self.__dict__:
            try:
                self.__dict__["decoded"] = decode_whole(self.data, self.name)
            except ImageError as problem:
                self._error = problem
        return self._error

    @lazy
    def decoded(self) -> Decoded:
        """Pixels, and whether it was transparent or moves; raises ImageError."""
        if self.error is not None:
            raise self.error
        value: Decoded = self.__dict__["decoded"]
        return value

    @property
    def pixels(self) -> np.ndarray:
        """RGB, uint8 [H, W, 3]; raises ImageError where the file cannot be decoded."""
        return self.decoded.pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @lazy
    def sha256(self) -> str:
        """Hex hash of the file."""
        return hashlib.sha256(self.data).hexdigest()

    @lazy
    def format(self) -> str:
        """The format that the first bytes speak of, as in "JPEG"; "" where none is known."""
        return sniff(self.data)

    @lazy
    def grey(self) -> np.ndarray:
        """Luma, uint8 [H, W]."""
        return cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)

    @lazy
    def equalised(self) -> np.ndarray:
        """Luma with a flat histogram, uint8 [H, W]."""
        return cv2.equalizeHist(self.grey)

    @lazy
    def small(self) -> np.ndarray:
        """RGB with a longer side of at most 128 pixels, area-averaged: uint8 [h, w, 3]."""
        return shrunk(self.pixels, SMALL_SIDE)

    @lazy
    def small_grey(self) -> np.ndarray:
        """Luma of `small`, uint8 [h, w]."""
        if self.small is self.pixels:
            return self.grey
        return cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY)

    @lazy
    def contrast(self) -> float:
        """Standard deviation of the luma of `small`, in levels."""
        return contrast(self.small_grey)

    @lazy
    def sharpness(self) -> float:
        """Sharpness of `small`."""
        return _detail(self.small_grey, self.contrast)


def contrast(grey: np.ndarray) -> float:
    """Return the standard deviation of a grey picture, in levels."""
    return float(cv2.meanStdDev(grey)[1][0, 0])


def sharpness(grey: np.ndarray) -> float:
    """Return the standard deviation of the Laplacian over that of the picture itself.

    Divided by the contrast, so that a pale picture is not called blurred: 0 to about 6, and about
    0.5 to 1.5 for a drawn face at 64 pixels.
    """
    return _detail(grey, contrast(grey))


def _detail(grey: np.ndarray, levels: float) -> float:
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    return contrast(edges) / max(levels, 1.0)


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """Return the picture with a longer side of at most `side` pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class Check(Component):
    """What `animekit clean` looks for in one image, or in all."""

    must_define = ("judge",)
    reasons: ClassVar[tuple[Reason, ...]] = ()
    """All that it can find."""
    version: ClassVar[int] = 1
    """Raise it when `measure` would give other numbers for the same picture."""
    measures: ClassVar[tuple[str, ...]] = ()
    """The names of what `measure` gives."""
    shown: ClassVar[tuple[str, ...]] = ()
    """Those of them that the manifest shows for every picture, flagged or not."""
    last: ClassVar[bool] = False
    """Whether it is judged after the others, and sees in `flagged` what they found."""
    by_default: ClassVar[bool] = True
    """Whether it runs where no checks are named."""

    forks: bool = False
    """Whether `measure` may run in a forked process: no threads, GPU or connections of its own."""

    def __init__(self, params: Params | None = None) -> None:
        self.params = params if params is not None else self.Params()
        self.thresholds: dict[str, float] = {}
        """What `judge` held the scores against, by name; "auto" is a number here."""

    def missing(self, context: Context) -> AnimekitError | None:
        """Return the error that the check would end with on this machine or data set."""
        return None

    def begin(self, context: Context) -> None:
        """Get ready; called once, before anything is measured or judged."""

    def key(self) -> str:
        """Return the parameters that `measure` depends on, in a few characters."""
        return ""

    def measure(self, picture: Picture) -> Measures:
        """Return numbers of one decoded picture.

        They may depend on its content and on what `key()` names, and on nothing else. Called from
        several threads. Pictures that cannot be decoded are not measured.
        """
        return {}

    def measure_many(self, pictures: Sequence[Picture]) -> list[Measures]:
        """Return the measures of several pictures; override where a batch is faster."""
        return [self.measure(picture) for picture in pictures]

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return what is found in all pictures.

        The table has one row for each file, numbered from 0 in the order of the names, with the
        columns `name`, `bytes`, `sha256`, `width`, `height` (0 where it cannot be decoded),
        `format`, `error`, `error_kind` (both "" where it can), `flagged` ("", or the worst tier
        so far) and this check's measures, which are NaN or None where there are none.
        """
        raise NotImplementedError

    def reason(self, name: str) -> Reason:
        """Return one of its reasons by name."""
        return next(reason for reason in self.reasons if reason.name == name)


def parse_range(text: str) -> tuple[float, float]:
    """Read "0.5..2", "1..", "..3" or "1" as the least and the most allowed.

    >>> parse_range("1..")
    (1.0, inf)
    """
    low, dots, high = text.strip().partition("..")
    number = r"\d+(\.\d*)?|\.\d+"
    parts = [part.strip() for part in (low, high)]
    if not any(parts) or any(part and not re.fullmatch(number, part) for part in parts):
        raise ValueError(f'"{text}" is no range; write 1.. or 0.5..2')
    least = float(parts[0]) if parts[0] else 0.0
    most = float(parts[1]) if parts[1] else (math.inf if dots else least)
    if least > most:
        raise ValueError(f'"{text}" is no range: {least:g} is more than {most:g}')
    return least, most
