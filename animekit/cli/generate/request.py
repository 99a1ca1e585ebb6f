"""What `animekit generate` was asked for: its options as typed, held against each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from animekit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from animekit.generation.result import Generated

DEFAULT = Path("samples/gan.png")
WITH_PROMPTS = Path("samples/cgan.png")

Options = Mapping[str, object]
"""Options by flag; None stands for one that is not given."""


@dataclass(frozen=True)
class Wishes:
    """The options of the command, as they were typed."""

    model: str | None
    num: int | None
    seeds: str | None
    checkpoint: str
    trunc: float | None
    noise: Path | None
    like: Path | None
    prompt: Sequence[str] | None
    prompts: Path | None
    per_prompt: str | None
    random: str | None
    matrix: str | None
    vary: str | None
    best_of: int | None
    interpolate: str | None
    frames: int
    mode: str
    loop: bool
    out: Path | None
    grid: str | None
    tile: int | None
    style: str | None
    gif: bool
    fps: float | None
    each: Path | None
    save_noise: Path | None

    def __post_init__(self) -> None:
        """Refuse two wishes of which one would win silently."""
        if self.like is not None:
            given = [flag for flag, value in self._told().items() if value]
            if given:
                raise UsageError(
                    f"--like brings its own seeds and prompts, and {given[0]} others",
                    "leave the others out",
                )
            return
        sources = {"--seeds": self.seeds, "--noise": self.noise, "--interpolate": self.interpolate}
        self._one_of(sources, "are two sources of noise")
        self._one_of({"--prompt": self.prompt, "--prompts": self.prompts}, "both bring prompts")
        self._one_of({"--matrix": self.matrix, "--vary": self.vary}, "both make a table")
        if self.matrix or self.vary:
            others: Options = {"--interpolate": self.interpolate, "--grid": self.grid}
            self._one_of({"a table": True, **others, "--noise": self.noise}, "do not go together")
        if self.interpolate is not None:
            others = {"--random": self.random, "--best-of": self.best_of, "--num": self.num}
            others = {"--interpolate": True, **others, "--per-prompt": self.per_prompt}
            self._one_of(others, "do not go together")

    def _told(self) -> Options:
        return {
            "--seeds": self.seeds,
            "--interpolate": self.interpolate,
            "--num": self.num,
            "--prompt": self.prompt,
            "--prompts": self.prompts,
            "--per-prompt": self.per_prompt,
            "--random": self.random,
            "--matrix": self.matrix,
            "--vary": self.vary,
            "--best-of": self.best_of,
        }

    @staticmethod
    def _one_of(options: Options, problem: str) -> None:
        given = [flag for flag, value in options.items() if value not in (None, [], ())]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given[:2])} {problem}", "give one of them")

    def shape(self) -> tuple[int, int] | None:
        """Return columns and rows of --grid."""
        if self.grid is None:
            return None
        found = re.fullmatch(r"(\d+)[x×](\d+)", self.grid.strip().lower())
        if found is None or "0" in found.groups():
            raise UsageError(f'cannot read --grid "{self.grid}"', "write columns x rows, as in 5x5")
        return int(found[1]), int(found[2])

    def each_prompt(self) -> int | None:
        """Return the images of each prompt; None stands for auto."""
        if self.per_prompt is None or self.per_prompt == "auto":
            return None
        if not self.per_prompt.isdecimal() or not int(self.per_prompt):
            raise UsageError(
                f'cannot read --per-prompt "{self.per_prompt}"', "write auto, or a number from 1 on"
            )
        return int(self.per_prompt)

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the attributes that --random or --matrix names."""
        text = getattr(self, name)
        names = tuple(part.strip() for part in (text or "").split(","))
        if text is not None and not all(names):
            raise UsageError(
                f'cannot read --{name} "{text}"', f"write attributes, as in --{name} hair,eyes"
            )
        return names if text is not None else ()

    @property
    def told(self) -> bool:
        """Whether what to draw was said by name."""
        return bool(self.prompt or self.prompts or self.random or self.matrix or self.vary)

    def target(self, drawn: Generated | None = None) -> Path | None:
        """Return where the picture goes; None where only single images were asked for."""
        if self.out is not None or (self.each is not None and not self.gif):
            return self.out
        how = None if drawn is None else drawn.how
        layout = None if how is None else how.layout
        moving = self.gif or (layout is not None and layout.style == "gif")
        told = self.told or (how is not None and how.prompts is not None)
        place = WITH_PROMPTS if told else DEFAULT
        return place.with_suffix(".gif") if moving else place
