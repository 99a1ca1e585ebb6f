"""Options: what is asked of a translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from animekit.errors import UsageError
from animekit.translation.photo import Alpha
from animekit.translation.plan import Existing


@dataclass(frozen=True)
class Wishes:
    """How pictures are to be translated and written.

    `size` is keep, fit (the model's own size) or pixels of the shorter side.
    """

    direction: str | None = None
    attrs: Sequence[str] = ()
    known: str | None = None
    size: str = "keep"
    tile: bool | None = None
    tile_size: int = 512
    alpha: Alpha = "keep"
    ext: str = "same"
    suffix: str = ""
    existing: Existing = "refuse"
    limit: int | None = None
    html: bool = True
    reconstruct: int | None = 100
    """Of how many pictures the page shows the way back; None for all."""
    gpu: str = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.size not in ("keep", "fit") and not (
            self.size.isdecimal() and 8 <= int(self.size) <= 8192
        ):
            raise UsageError(f'cannot read --size "{self.size}"', "--size keep|fit|8..8192")
        for name, known in (("alpha", ("keep", "white", "drop")), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise UsageError(f'--{name} "{getattr(self, name)}"', f"one of {' '.join(known)}")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit} leaves nothing", "--limit 1 or more, or all")
        if not 256 <= self.tile_size <= 4096:
            raise UsageError(f"--tile-size {self.tile_size}", "256 to 4096 pixels")


PRECISIONS = ("auto", "fp32", "bf16")
