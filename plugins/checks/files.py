"""Checks of files before their pixels: damaged, not a picture, too large to be opened."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from animekit.cleaning.check import Check, Finding, Reason
from animekit.config import Params
from animekit.data.survey import FOREIGN
from animekit.hookspecs import hookimpl
from animekit.images.decode import KINDS, MAX_PIXELS

if TYPE_CHECKING:
    import pandas as pd

DAMAGED = ("empty", "truncated", "damaged", "unreadable")


class Corrupt(Check):
    """Find files that are not one whole picture: empty, truncated, damaged."""

    name = "corrupt"
    reasons: ClassVar[tuple[Reason, ...]] = (Reason("corrupt", "reject", "corrupt"),)

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the files that the decoder refused, with its own reason."""
        damaged = table[table["error_kind"].isin(DAMAGED)]
        notes = zip(damaged.index, damaged["error"], strict=True)
        return [Finding(row, self.reasons[0], note=note) for row, note in notes]


class WrongType(Check):
    """Find files that are no picture, or whose extension says another format.

    A JPEG that is called .png is decoded all the same, so it is kept and only noted: throwing it
    away would cost some scraped folders a tenth of their pictures.
    """

    name = "type"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("not_image", "reject", "not an image"),
        Reason("unread_extension", "review", "extension is not read"),
        Reason("extension", "note", "wrong extension"),
    )

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the files whose first bytes and extension do not make one picture."""
        columns = zip(
            table.index,
            table["name"],
            table["format"],
            table["error_kind"],
            table["error"],
            strict=True,
        )
        found = []
        for row, name, format_, kind, error in columns:
            suffix = PurePosixPath(name).suffix.lower()
            unread = f"{suffix} is not a format that animekit reads"
            if kind == "format":
                note = unread if suffix in FOREIGN else error
                found.append(Finding(row, self.reason("not_image"), note=note))
            elif not kind and suffix in FOREIGN:
                note = f"{unread}, but the file is a {format_}: rename it"
                found.append(Finding(row, self.reason("unread_extension"), note=note))
            elif not kind and suffix and KINDS.get(suffix) != format_:
                note = f"a {format_} that is called {suffix}"
                found.append(Finding(row, self.reason("extension"), note=note))
        return found


class BombParams(Params):
    """How large a picture may be."""

    max_pixels: int = Field(
        MAX_PIXELS, ge=1, le=MAX_PIXELS, description="pixels above which a picture is a bomb"
    )


class Bomb(Check):
    """Find pictures that would take very much memory, without decoding them."""

    name = "bomb"
    reasons: ClassVar[tuple[Reason, ...]] = (Reason("bomb", "reject", "too large to open"),)
    Params = BombParams
    params: BombParams

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the files over the limits on pixels and on bytes."""
        limit = self.params.max_pixels
        self.thresholds = {"max_pixels": limit}
        pixels = table["width"] * table["height"]
        found = []
        for row in table.index[(table["error_kind"] == "too_large") | (pixels > limit)]:
            count = int(pixels[row])
            note = table["error"][row] or f"{count:,} pixels, more than the {limit:,} allowed"
            found.append(Finding(row, self.reasons[0], count or None, limit, note))
        return found


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the checks in."""
    return [Corrupt, WrongType, Bomb]
