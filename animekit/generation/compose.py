"""Composing: the wishes for one picture turned into the recipe of each of its images."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from animekit import plugins
from animekit.errors import UsageError
from animekit.generation import choose_model
from animekit.generation.best_of import check as best_of_check
from animekit.generation.best_of import select
from animekit.generation.draw import draw
from animekit.generation.plan import FILL, ROWS, Asked, Plan, crossed, paired, read, settled, varied
from animekit.generation.recipe import Layout
from animekit.labels.attributes import Attributes, Attrs
from animekit.labels.prompt import Prompt
from animekit.models import sampling, tagger
from animekit.runs.run import Loaded
from animekit.seeds import MAX_IMAGES, check_seeds, format_seeds, parse_seeds

if TYPE_CHECKING:
    from animekit.plugins import Registry

Seeds = Iterable[int] | str | None
MOST = 1000
"""Candidates of one image."""

_CODE = re.compile(r"code\d+")


@dataclass(frozen=True)
class Wish:
    """What is wished for one picture, in the words of `generation.generate`."""

    prompts: Asked = None
    seeds: Seeds = None
    num: int | None = None
    per_prompt: int | None = None
    seed: int = 0
    random: tuple[str, ...] = ()
    matrix: Sequence[str] | None = None
    vary: str | None = None
    best_of: int = 1

    @property
    def told(self) -> bool:
        """Whether only a model that is told what to draw will do."""
        return self.prompts is not None or not all(map(_CODE.fullmatch, self.names))

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes that are named."""
        return (*(self.matrix or ()), *self.random, *(() if self.vary is None else (self.vary,)))

    def check(self, *, noise: bool, labels: bool) -> None:
        """Raise UsageError for wishes that cannot be had together."""
        if self.matrix is not None and len(self.matrix) != 2:
            raise UsageError("a matrix has two attributes", "write them as hair,eyes")
        if not 1 <= self.best_of <= MOST:
            raise UsageError(f"cannot choose the best of {self.best_of}", f"use 2 to {MOST:,}")
        if noise and self.seeds is not None:
            raise UsageError("seeds and noise are two sources of z", "give one of them")
        swept = self.matrix is not None or self.vary is not None
        best = self.best_of > 1
        pairs = {
            "matrix and vary": self.matrix is not None and self.vary is not None,
            "best-of and a sweep, which keeps its seed": best and swept,
            "best-of and noise": best and noise,
            "best-of and labels": best and labels,
            "noise and a sweep, which needs seeds": noise and swept,
            "labels and prompts": labels and (self.prompts is not None or swept or self.random),
        }
        for what, clash in pairs.items():
            if clash:
                raise UsageError(f"{what} do not go together", "give one of them")


def told(loaded: Loaded, wish: Wish, attributes: Attributes) -> list[Prompt]:
    """Return the prompts of a wish, read with the words that the model knows.

    Raises UnusableError where it is told nothing, ConfigError for names and words that it does not
    know.
    """
    if wish.told and not attributes.vocabulary.labels:
        what = "a prompt" if wish.prompts is not None else "an attribute"
        raise choose_model.deaf(loaded, what)
    for name in wish.names:
        if not attributes.names:
            raise choose_model.codeless(loaded, name)
        attributes.check(name)
    return read(wish.prompts, attributes.vocabulary)


def arranged(
    wish: Wish, prompts: Sequence[Prompt], attributes: Attributes, rows: int | None = None
) -> tuple[Plan, list[Sequence[int]] | None]:
    """Return the images that are wished, and what seeds each is chosen from, if any.

    `rows` counts the noise from a file; its first row then has the seed where seeds begin.
    """
    if rows is not None:
        numbers = range(wish.seed, wish.seed + rows)
        plan = paired(prompts, numbers, per_prompt=wish.per_prompt)
        if len(plan.cells) != rows:
            raise UsageError(
                f"{len(prompts)} prompts do not go with {rows} rows of noise",
                "give one prompt, or as many as rows",
            )
        return plan, None
    fill = ROWS if wish.vary else 1 if wish.matrix else FILL
    seeds = chosen(wish.seeds, wish.num)
    if wish.best_of > 1:
        return _pooled(wish, prompts, seeds, fill)
    plan = paired(
        prompts,
        seeds,
        num=wish.num,
        per_prompt=wish.per_prompt,
        first=wish.seed,
        fill=fill,
    )
    if wish.vary is not None:
        plan = varied(plan, wish.vary, attributes)
    if wish.matrix is not None:
        plan = crossed(plan, wish.matrix[0], wish.matrix[1], attributes)
    return plan, None


def _pooled(
    wish: Wish, prompts: Sequence[Prompt], seeds: tuple[int, ...] | None, fill: int
) -> tuple[Plan, list[Sequence[int]]]:
    """Give each image its own seeds to choose from, one pool after the other."""
    n = wish.best_of
    if seeds is not None and len(seeds) % n:
        raise UsageError(
            f"{len(seeds)} seeds do not make pools of {n}", f"give a multiple of {n} seeds"
        )
    plan = paired(
        prompts,
        None if seeds is None else seeds[::n],
        num=wish.num,
        per_prompt=wish.per_prompt,
        fill=fill,
    )
    count = len(plan.cells)
    pool: Sequence[int] = range(wish.seed, wish.seed + count * n) if seeds is None else seeds
    if len(pool) != count * n:
        raise UsageError(
            f"{len(pool):,} seeds are not {n} for each of {count:,} images",
            f"give {count * n:,} seeds, or none",
        )
    pools = [pool[at : at + n] for at in range(0, len(pool), n)]
    cells = [replace(cell, seed=own[0]) for cell, own in zip(plan.cells, pools, strict=True)]
    return replace(plan, cells=cells), pools


def compose(
    loaded: Loaded,
    wish: Wish,
    truncation: float,
    rows: int | None,
    registry: Registry | None = None,
) -> dict[str, Any]:
    """Return what a recipe says of a wish: all but how it begins."""
    attributes = sampling.attributes_of(sampling.as_generating(loaded.model))
    prompts = told(loaded, wish, attributes)
    plan, pools = arranged(wish, prompts, attributes, rows)
    attrs = settled(plan.cells, attributes, loaded.frequencies(), wish.random)
    facts = spoken(plan, attrs)
    if wish.vary is not None:
        facts["vary"] = attributes.check(wish.vary)
    if wish.matrix is not None:
        facts["matrix"] = tuple(attributes.check(name) for name in wish.matrix)
    if rows is None:
        facts["seeds"] = format_seeds([cell.seed for cell in plan.cells])
    if pools is not None:
        best_of_check(attributes.names, loaded.name)
        reader = tagger.load(plugins.load() if registry is None else registry)
        make = partial(draw, loaded.model, truncation=truncation)
        choices = select(pools, attrs, make, reader)
        facts |= {
            "best_of": wish.best_of,
            "seeds": format_seeds([choice.seed for choice in choices]),
            "candidates": [format_seeds(choice.candidates) for choice in choices],
            "scores": [choice.score for choice in choices],
        }
    return facts


def spoken(plan: Plan, attrs: Sequence[Attrs]) -> dict[str, Any]:
    """Return prompts, attributes and layout as a recipe holds them."""
    facts: dict[str, Any] = {}
    if any(cell.prompt for cell in plan.cells):
        facts["prompts"] = [cell.prompt.text if cell.prompt else None for cell in plan.cells]
    if any(attrs):
        facts["attrs"] = list(attrs)
    if plan.heads or plan.sides:
        facts["layout"] = Layout(
            style="table", columns=plan.columns, heads=plan.heads, sides=plan.sides
        )
    elif plan.columns:
        facts["layout"] = Layout(columns=plan.columns)
    return facts


def begun(loaded: Loaded, truncation: float | None, *, noise: bool = False) -> dict[str, Any]:
    """Return how every recipe begins: version, weights and truncation.

    Left out, it is the model's own; noise from a file is taken as it is.
    """
    if truncation is None:
        truncation = 1.0 if noise else sampling.own_truncation(loaded.model)
    if not (truncation > 0 and math.isfinite(truncation)):
        raise UsageError(f"truncation {truncation} is not above 0", "use a number such as 0.7")
    about = {"version": version("animekit"), "model": loaded.weights}
    return {**about, "truncation": truncation}


def chosen(seeds: Seeds, num: int | None = None) -> tuple[int, ...] | None:
    """Return seeds as numbers, None without any; UsageError for no good ones."""
    if seeds is None:
        if num is not None and not 1 <= num <= MAX_IMAGES:
            raise UsageError(f"cannot make {num} images", f"ask for 1 to {MAX_IMAGES:,}")
        return None
    found = check_seeds(parse_seeds(seeds) if isinstance(seeds, str) else seeds)
    if not found:
        raise UsageError("no seeds", "write seeds as 7, 3,17,42 or 0-24")
    return found
