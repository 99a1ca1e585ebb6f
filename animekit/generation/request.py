"""What is asked for one picture: checked against itself before a model is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from animekit.errors import UsageError
from animekit.generation.directions import Wish, strengths_of
from animekit.generation.interpolation import Interpolation
from animekit.generation.recipe import MAX_CANDIDATES, MAX_TRUNCATION
from animekit.labels.lines import Prompts
from animekit.runs.run import Loaded, Run
from animekit.seeds import MAX_IMAGES, check_seeds, parse_seeds

Where = str | Path | Run | Loaded | None
Seeds = Iterable[int] | str
Noise = str | Path | np.ndarray | Sequence[str | Path]

STRENGTH = 3.0  # standard deviations of noise by which it is moved, where nobody says
LONGEST = 150  # letters of a direction
_CODE = re.compile(r"code\d+")


@dataclass(frozen=True)
class GenerateRequest:
    """What is asked for one picture, in the words of `animekit.generate`.

    With `interpolation` the images lie between those of the seeds, with `film` between the values
    of a sweep or of strengths, each seed in a place of its own. Raises UsageError for what
    cannot be had, or cannot be had together.
    """

    model: Where = None
    checkpoint: str | int = "best"
    device: str | None = None
    threads: int | None = None
    prompts: Prompts | None = None
    seeds: Seeds | None = None
    num: int | None = None
    per_prompt: int | None = None
    seed: int = 0
    grid: tuple[int, int] | None = None
    random: str | Iterable[str] | None = None
    sweep: str | Iterable[str] | None = None
    best_of: int = 1
    classifier: str | None = None
    noise: Noise | None = None
    labels: Tensor | np.ndarray | None = None
    truncation: float | None = None
    interpolation: Interpolation | None = None
    more: str | Iterable[str] | None = None
    less: str | Iterable[str] | None = None
    strength: str | float | Sequence[float] | None = None
    film: Interpolation | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that make no picture, and options of which one would be ignored."""
        if self.num is not None and not 1 <= self.num <= MAX_IMAGES:
            raise UsageError(f"cannot make {self.num} images", f"ask for 1 to {MAX_IMAGES:,}")
        if self.cells is not None and not 1 <= self.cells <= MAX_IMAGES:
            raise UsageError(f"a grid of {self.cells} images", f"ask for 1 to {MAX_IMAGES:,}")
        if not 1 <= self.best_of <= MAX_CANDIDATES:
            raise UsageError(
                f"cannot choose the best of {self.best_of}", f"use 2 to {MAX_CANDIDATES:,}"
            )
        if self.classifier is not None and self.best_of < 2 and not self.wishes:
            raise UsageError("--classifier says who chooses, and nothing is chosen", "--best-of 8")
        if self.truncation is not None and not 0 < self.truncation <= MAX_TRUNCATION:
            raise UsageError(
                f"truncation {self.truncation} is not above 0, or is over {MAX_TRUNCATION:g}",
                "use a number such as 0.7",
            )
        if len(self.swept) > 2:
            raise UsageError(
                f"a sweep over {len(self.swept)} attributes", "sweep one, or two: hair,eyes"
            )
        if self.numbers is not None and self.noise is not None:
            raise UsageError("seeds and noise are two sources of z", "give one of them")
        self._check_moves()
        for what, clash in self._clashes().items():
            if clash:
                raise UsageError(f"{what} do not go together", "give one of them")

    def _check_moves(self) -> None:
        if self.strength is not None and not self.wishes:
            raise UsageError("--strength of what?", "--more smile, or --less smile")
        if self.film is not None and len(self.strengths) < 2 and len(self.swept) != 1:
            raise UsageError(
                "a film needs what changes in it", "--more smile --strength -3,3, or --sweep hair"
            )

    def _clashes(self) -> dict[str, bool]:
        sweep, best = bool(self.swept), self.best_of > 1
        noise, labels = self.noise is not None, self.labels is not None
        return {
            "best-of and a sweep, which keeps its seed": best and sweep,
            "best-of and noise": best and noise,
            "best-of and labels": best and labels,
            "noise and a sweep, which needs seeds": noise and sweep,
            "labels and prompts": labels and (self.prompts is not None or bool(self.names)),
            "a sweep and --grid": sweep and self.grid is not None,
            "best-of and a direction": best and bool(self.wishes),
            "several strengths and a sweep": len(self.strengths) > 1 and sweep,
            "several strengths and --grid": len(self.strengths) > 1 and self.grid is not None,
            **{
                f"--interpolate and {option}": self.interpolation is not None and given
                for option, given in (
                    ("a sweep", sweep),
                    ("--random", bool(self.drawn)),
                    ("--best-of", best),
                    ("--num", self.num is not None),
                    ("--per-prompt", self.per_prompt is not None),
                    ("labels", labels),
                    ("several strengths", len(self.strengths) > 1),
                )
            },
        }

    @cached_property
    def numbers(self) -> tuple[int, ...] | None:
        """The seeds as numbers, None where they are left to the library."""
        if self.seeds is None:
            return None
        found = check_seeds(parse_seeds(self.seeds) if isinstance(self.seeds, str) else self.seeds)
        if not found:
            raise UsageError("no seeds", "write seeds as 7, 3,17,42 or 0-24")
        return found

    @cached_property
    def swept(self) -> tuple[str, ...]:
        """The attributes all values of which are shown: none, one, or rows and columns."""
        return names_of(self.sweep, "sweep")

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """The attributes that alone are drawn anew for each image."""
        return names_of(self.random, "random")

    @cached_property
    def wishes(self) -> tuple[Wish, ...]:
        """The directions in which noise is moved."""
        found = []
        for sign, given in ((1, self.more), (-1, self.less)):
            texts = [given] if isinstance(given, str) else given or ()
            found += [Wish(" ".join(text.split()), sign) for text in texts]
        if not all(wish.text and len(wish.text) <= LONGEST for wish in found):
            raise UsageError("a direction without a word, or of too many", "--more smile")
        return tuple(found)

    @cached_property
    def strengths(self) -> tuple[float, ...]:
        """How far noise is moved, in standard deviations; () where it is not."""
        if not self.wishes:
            return ()
        return strengths_of(STRENGTH if self.strength is None else self.strength)

    @property
    def names(self) -> tuple[str, ...]:
        """All attributes that are named."""
        return (*self.swept, *self.drawn)

    @property
    def cells(self) -> int | None:
        """How many images the grid holds."""
        return None if self.grid is None else self.grid[0] * self.grid[1]

    @property
    def needs_labels(self) -> bool:
        """Whether only a model with labels can do it; codes are in the noise of any."""
        return self.prompts is not None or not all(map(_CODE.fullmatch, self.names))


def check_grid(count: int, grid: tuple[int, int]) -> None:
    """Raise UsageError where so many images do not fit into columns x rows."""
    columns, rows = grid
    if count > columns * rows:
        raise UsageError(
            f"{count} images do not fit into a grid of {columns}x{rows}",
            f"use --grid {columns}x{-(-count // columns)}, leave it out, or ask for fewer",
        )


def names_of(names: str | Iterable[str] | None, option: str) -> tuple[str, ...]:
    """Return attributes that are given as a list or as text.

    >>> names_of("hair, eyes", "sweep"), names_of(["smile"], "sweep"), names_of(None, "sweep")
    (('hair', 'eyes'), ('smile',), ())
    """
    if names is None:
        return ()
    parts = names.split(",") if isinstance(names, str) else names
    found = tuple(part.strip() for part in parts)
    if not all(found):
        raise UsageError(
            f'cannot read --{option} "{names}"', f"write attributes, as in --{option} hair,eyes"
        )
    return found


def sweep_of(
    sweep: str | Iterable[str] | None, matrix: str | Sequence[str] | None, vary: str | None
) -> tuple[str, ...]:
    """Return the attributes of a sweep; `matrix` and `vary` are its older names."""
    given = [names for names in (sweep, matrix, vary) if names is not None]
    if len(given) > 1:
        raise UsageError("sweep, matrix and vary are names of one thing", "give one of them")
    if matrix is not None and len(names_of(matrix, "matrix")) != 2:
        raise UsageError("a matrix has two attributes", "write them as hair,eyes")
    if vary is not None and len(names_of(vary, "vary")) != 1:
        raise UsageError("one attribute can vary", "--sweep takes one or two")
    return names_of(given[0], "sweep") if given else ()
