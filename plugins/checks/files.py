"""Checks of files before their pixels: damaged, not a picture, too large to be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from animekit.cleaning.check import FOREIGN, UNOPENED, Check, Finding, Measures, Picture, Reason
from animekit.config import Params
from animekit.hookspecs import hookimpl
from animekit.images.decode import MAX_PIXELS
from animekit.images.formats import KINDS, suffix_of

if TYPE_CHECKING:
    import pandas as pd

DAMAGED = ("empty", "truncated", "damaged")


class Corrupt(Check):
    """Find files that are not one whole picture: empty, truncated, damaged."""

    name = "corrupt"
    reasons: ClassVar[tuple[Reason, ...]] = (Reason("corrupt", "reject", "corrupt"), UNOPENED)

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the files that the decoder or the system refused, and why."""
        rows = table[["error_kind", "error"]].itertuples()
        found = dict.fromkeys(DAMAGED, self.reasons[0]) | {"unreadable": UNOPENED}
        return [Finding(row, found[kind], note=note) for row, kind, note in rows if kind in found]


class WrongType(Check):
    """Find files of other formats, or no picture, or not what they seem.

    A JPEG that is called .png is decoded all the same, so it is kept and only noted: throwing it
    away would cost some scraped folders a tenth of their pictures. Transparency that was put on
    white, and the other frames of an animation, are noted too.
    """

    name = "type"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("not_image", "reject", "not an image"),
        FOREIGN,
        Reason("extension", "note", "wrong extension"),
        Reason("transparent", "note", "transparent, put on white"),
        Reason("animated", "note", "animated, first frame taken"),
    )
    measures = ("clear", "moves")
    forks = True

    def measure(self, picture: Picture) -> Measures:
        """Return 1 or 0 for a picture with transparency, and for one with several frames."""
        return {"clear": int(picture.decoded.clear), "moves": int(picture.decoded.moves)}

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the files whose content is not what their name and first frame say."""
        found = []
        names = ["name", "format", "error_kind", "error", "clear", "moves"]
        for row, name, format_, kind, error, clear, moves in table[names].itertuples():
            suffix = suffix_of(name)
            if kind == "foreign":
                found.append(Finding(row, FOREIGN, note=error))
            elif kind == "format":
                found.append(Finding(row, self.reason("not_image"), note=error))
            elif not kind and suffix and KINDS.get(suffix) != format_:
                note = f"a {format_} that is called {suffix}"
                found.append(Finding(row, self.reason("extension"), note=note))
            found += [
                Finding(row, self.reason(reason))
                for reason, measure in (("transparent", clear), ("animated", moves))
                if measure == 1
            ]
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
