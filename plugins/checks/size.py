"""Check of size and shape: too small to train on, or a strip."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from animekit.cleaning.check import Check, Finding, Reason, parse_range
from animekit.config import Params
from animekit.hookspecs import hookimpl

if TYPE_CHECKING:
    import pandas as pd


class SizeParams(Params):
    """The smallest side, and how long or tall a picture may be."""

    min: int = Field(64, ge=1, description="pixels that the shorter side must have")
    aspect: str = Field("0.5..2", description="allowed width / height")

    @field_validator("aspect")
    @classmethod
    def _is_range(cls, value: str) -> str:
        parse_range(value)
        return value


class Size(Check):
    """Find pictures that are too small, or much longer than they are tall."""

    name = "size"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("too_small", "reject", "too small", worst="lowest"),
        Reason("aspect", "review", "unusual shape"),
    )
    Params = SizeParams
    params: SizeParams

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures with a side or a shape out of bounds."""
        low, high = parse_range(self.params.aspect)
        self.thresholds = {"min": self.params.min, "aspect_min": low, "aspect_max": high}
        found = []
        readable = table[table["width"] > 0]
        sides = zip(readable.index, readable["width"], readable["height"], strict=True)
        for row, width, height in sides:
            side, aspect, shape = min(width, height), width / height, f"{width} x {height}"
            if side < self.params.min:
                found.append(Finding(row, self.reason("too_small"), side, self.params.min, shape))
            if not low <= aspect <= high:
                limit = low if aspect < low else high
                # how many times beyond the limit, so that tall and wide can be compared
                score = round(max(low / aspect, aspect / high), 3)
                note = f"{shape}, width / height {aspect:.3g}, limit {limit:g}"
                found.append(Finding(row, self.reason("aspect"), score, 1.0, note))
        return found


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the check in."""
    return [Size]
