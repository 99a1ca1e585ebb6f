"""Check for duplicates: the same file, the same pixels, or nearly the same picture."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from animekit.cleaning.check import Check, Finding, Measures, Picture, Reason
from animekit.config import Params
from animekit.hookspecs import hookimpl
from animekit_plugins.checks._phash import THUMB, perceptual_hash, replaced, thumbnail

if TYPE_CHECKING:
    import pandas as pd

LOSSLESS = ("PNG", "BMP")
FLAT = 4.0
"""Contrast in levels below which a perceptual hash is noise: only exact copies are looked for."""
PAIRS = 1 << 16
"""Pairs and texts that are looked at in one go."""


class DuplicateParams(Params):
    """How near is near, and which picture of a group is kept."""

    distance: int | None = Field(
        4, ge=0, le=16, description="bits of 64 by which near duplicates may differ; none for exact"
    )
    colour: float = Field(
        16.0, gt=0, description="colour difference that near duplicates may have, in levels"
    )
    keep: Literal["best", "first"] = Field(
        "best", description="best: area, sharpness, lossless, name; first: by name"
    )


class Duplicate(Check):
    """Find copies and near copies, and keep the best one of each group.

    A near copy differs in at most `distance` bits of a 64-bit perceptual hash and, on a thumbnail
    of 8x8, by at most `colour` levels (root mean square). Each picture that goes is itself near
    the one that is kept, so a chain of neighbours does not go as one. Looked at by eye: of 11,985
    course faces 81 pairs are near, each one drawing, some with another mouth or eye; 12,842 of the
    extra data have 31 pairs within 4 bits, none one drawing, and all over 22 levels apart.
    """

    name = "duplicate"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("duplicate", "reject", "exact duplicate", worst="lowest"),
        Reason("near_duplicate", "reject", "near duplicate", worst="lowest"),
    )
    measures: ClassVar[tuple[str, ...]] = ("pixels", "phash", "thumb", "detail", "contrast")
    forks = True
    last: ClassVar[bool] = True
    Params = DuplicateParams
    params: DuplicateParams

    def measure(self, picture: Picture) -> Measures:
        """Return hashes, a thumbnail, and what tells a good copy from a bad one."""
        digest = hashlib.sha256(repr(picture.pixels.shape).encode())
        digest.update(np.ascontiguousarray(picture.pixels).data)
        thumb = thumbnail(picture.small)
        return {
            "pixels": digest.hexdigest()[:32],
            "phash": f"{perceptual_hash(picture.small_grey):016x}",
            "thumb": base64.b64encode(thumb.tobytes()).decode("ascii"),
            # steps of a quarter of an octave: less is no difference that one sees
            "detail": round(4 * math.log2(max(picture.sharpness, 1e-3))),
            "contrast": round(picture.contrast, 2),
        }

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures that go, each with its group and the one that is kept."""
        distance, colour = self.params.distance, self.params.colour
        self.thresholds = {} if distance is None else {"distance": distance, "colour": colour}
        rows = self._ordered(table, np.flatnonzero(table["width"].to_numpy() > 0))
        goes = _exact(table["pixels"], rows)
        bits: dict[int, int] = {}
        if distance is not None:
            copies = np.fromiter(goes, np.int64, len(goes))
            near = self._near(table, rows[~np.isin(rows, copies)])
            bits = _bits(table["phash"], near)
            goes |= near
        return self._findings(table, goes, bits)

    def _ordered(self, table: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Return rows in the order in which pictures are kept, the best first."""
        kept = table[["flagged", "format", "detail", "width", "height"]].iloc[rows]
        wanted = kept["flagged"].map({"reject": 2, "review": 1}).fillna(0)
        keys = [wanted]
        if self.params.keep == "best":
            lossless = kept["format"].isin(LOSSLESS)
            # the noise of a codec looks like a step of detail
            detail = kept["detail"] + lossless
            keys += [-kept["width"] * kept["height"], -detail, ~lossless]
        return rows[np.lexsort([rows, *reversed(keys)])]

    def _near(self, table: pd.DataFrame, rows: np.ndarray) -> dict[int, int]:
        """Return for each row that is near a better one the one that is kept."""
        rows = rows[table["contrast"].to_numpy()[rows] >= FLAT]
        texts, small = table["phash"], table["thumb"]
        hashes = np.fromiter((int(text, 16) for text in _each(texts, rows)), np.uint64, len(rows))

        def alike(first: np.ndarray, second: np.ndarray) -> np.ndarray:
            items, places = np.unique([first, second], return_inverse=True)
            data = b"".join(map(base64.b64decode, _each(small, rows[items])))
            thumbs = np.frombuffer(data, np.uint8).reshape(len(items), THUMB * THUMB * 3)
            found = np.empty(len(first), bool)
            for start in range(0, len(first), PAIRS):
                one, other = places[:, start : start + PAIRS]
                difference = thumbs[one].astype(np.float32) - thumbs[other]
                found[start : start + PAIRS] = (
                    np.square(difference).mean(axis=1) <= self.params.colour**2
                )
            return found

        near = replaced(hashes, self.params.distance or 0, alike)
        pairs = {int(rows[item]): int(rows[kept]) for item, kept in near.items()}
        return dict(sorted(pairs.items()))

    def _findings(
        self, table: pd.DataFrame, goes: dict[int, int], bits: dict[int, int]
    ) -> list[Finding]:
        names = table["name"]
        found = []
        groups: dict[int, int] = {}
        for row in sorted(goes):
            kept = goes[row]
            while kept in goes:  # the best of the exact copies went as a near copy
                kept = goes[kept]
            group = groups.setdefault(kept, len(groups) + 1)
            exact = row not in bits
            reason = self.reason("duplicate" if exact else "near_duplicate")
            same = (
                "same file" if table["sha256"][row] == table["sha256"][goes[row]] else "same pixels"
            )
            words = f"{same} as" if exact else f"{bits[row]} of 64 bits from"
            note = f"{words} {names[goes[row]]}"
            score, limit = float(bits.get(row, 0)), float(self.params.distance or 0)
            found.append(Finding(row, reason, score, limit, note, group, kept))
        return found


def _each(texts: pd.Series[str], rows: np.ndarray) -> Iterator[str]:
    """Yield the texts of rows, some at a time: pandas copies what it takes."""
    for start in range(0, len(rows), PAIRS):
        yield from texts.iloc[rows[start : start + PAIRS]]


def _exact(pixels: pd.Series[str], rows: np.ndarray) -> dict[int, int]:
    """Return for each row whose pixels are those of another one the best of these.

    The rows are in the order in which pictures are kept.
    """
    codes = pixels.iloc[rows].factorize()[0]
    first = rows[np.unique(codes, return_index=True)[1][codes]]
    goes = rows != first
    return dict(zip(rows[goes].tolist(), first[goes].tolist(), strict=True))


def _bits(hashes: pd.Series[str], goes: dict[int, int]) -> dict[int, int]:
    """Return by how many bits each row differs from the one that is kept."""
    return {
        row: (int(hashes[row], 16) ^ int(hashes[kept], 16)).bit_count()
        for row, kept in goes.items()
    }


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the check in."""
    return [Duplicate]
