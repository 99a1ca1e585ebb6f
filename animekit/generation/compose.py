"""From a request to its plan, and from the plan to the recipe that draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit import plugins
from animekit.errors import UsageError
from animekit.generation import best_of, choose_model
from animekit.generation.directions import direction, needs_reading
from animekit.generation.draw import draw_seeds
from animekit.generation.latents import Latents, is_drawn, latents_of, words_of
from animekit.generation.plan import (
    FACES,
    FILL,
    ROWS,
    GeneratePlan,
    attrs_of,
    crossed,
    paired,
    strengthened,
    swept,
)
from animekit.generation.recipe import Layout, NoiseFile, Recipe, Shift
from animekit.generation.request import GenerateRequest, check_grid
from animekit.labels.attributes import Attributes, Attrs
from animekit.labels.lines import Prompt, parse_prompts
from animekit.models import sampling, tagger
from animekit.runs.classifier import load_classifier
from animekit.runs.run import Loaded
from animekit.seeds import format_seeds
from animekit.text import clipped

if TYPE_CHECKING:
    from animekit.plugins import Registry


def plan_of(request: GenerateRequest, loaded: Loaded) -> GeneratePlan:
    """Return what would be drawn; prompts and noise are read here, once.

    Raises UnusableError where the model takes no labels and some are asked for, ConfigError for
    names and words that it does not know, UsageError where prompts, seeds and noise do not fit.
    """
    model = sampling.as_generating(loaded.model)
    attributes = sampling.attributes_of(model)
    prompts = _read_prompts(request, loaded, attributes)
    if request.noise is not None:
        found = latents_of(request.noise, model)
        plan, count = _of_noise(request, prompts, found), len(found.z)
    elif request.interpolation is not None:
        plan = _points(request.numbers or (), prompts)
    elif request.best_of > 1:
        if request.classifier is None:  # of another one it is known when it is loaded
            best_of.check(attributes.names, loaded.name)
        plan = _pooled(request, prompts)
        count = len(plan.cells)
    else:
        plan = _of_seeds(request, prompts, attributes)
        count = len(plan.cells)
    if request.strengths:
        plan = strengthened(plan, request.strengths)
        count *= len(request.strengths)
    if request.film is not None:
        request.film.check(plan.columns or 1)
        count = request.film.frames * (len(plan.cells) // (plan.columns or 1))
    if request.interpolation is not None:
        count = request.interpolation.frames
        request.interpolation.check(len(plan.cells))
    if request.grid is not None:
        check_grid(count, request.grid)
    return replace(
        plan,
        attrs=attrs_of(plan.cells, attributes, loaded.frequencies(), request.drawn),
        text=_words(request, count, len(prompts)),
        origin=loaded.origin,
    )


def recipe_of(
    request: GenerateRequest,
    plan: GeneratePlan,
    loaded: Loaded,
    registry: Registry | None = None,
) -> Recipe:
    """Return all that is needed to draw a plan, now and later.

    Where the best of several seeds is asked for, they are drawn and judged here.
    """
    attributes = sampling.attributes_of(sampling.as_generating(loaded.model))
    truncation = request.truncation
    if truncation is None:  # noise from a file is taken as it is
        truncation = 1.0 if plan.noise is not None else sampling.own_truncation(loaded.model)
    path = request.interpolation or request.film
    names = tuple(attributes.check(name) for name in request.swept)
    recipe = Recipe(
        version=version("animekit"),
        model=loaded.weights,
        mode=path.mode if path is not None else "seeds" if plan.noise is None else "noise",
        seeds=format_seeds([cell.seed for cell in plan.cells]) if plan.noise is None else None,
        noise=_noise_file(request, plan),
        truncation=truncation,
        frames=None if path is None else path.frames,
        loop=None if path is None else path.loop,
        paths=None if request.film is None else len(plan.cells) // (plan.columns or 1),
        labels=_rows(request.labels),
        prompts=_texts(plan),
        attrs=plan.attrs if any(plan.attrs) and request.labels is None else None,
        matrix=(names[0], names[1]) if len(names) == 2 else None,
        vary=names[0] if len(names) == 1 else None,
        layout=None if request.film is not None else layout_of(request, plan),
    )
    if request.wishes:
        recipe = _with_direction(recipe, request, plan, loaded, registry)
    if plan.pools is None:
        return recipe
    return _with_choices(recipe, plan.pools, plan.attrs, loaded, registry, request.classifier)


def layout_of(request: GenerateRequest, plan: GeneratePlan) -> Layout | None:
    """Return columns and titles where the plan or the grid say them."""
    if plan.heads or plan.sides:
        return Layout(style="table", columns=plan.columns, heads=plan.heads, sides=plan.sides)
    columns = plan.columns if request.grid is None else request.grid[0]
    return None if columns is None else Layout(columns=columns)


def _read_prompts(request: GenerateRequest, loaded: Loaded, attributes: Attributes) -> list[Prompt]:
    """Return the prompts in the words of the model, after a look at all names that are given."""
    if request.needs_labels and not attributes.vocabulary.labels:
        what = "a prompt" if request.prompts is not None else "an attribute"
        raise choose_model.without_labels(loaded, what)
    for name in request.names:
        if not attributes.names:
            raise choose_model.without_codes(loaded, name)
        attributes.check(name)
    if request.prompts is None:
        return []
    return parse_prompts(request.prompts, attributes.vocabulary)


def _of_seeds(
    request: GenerateRequest, prompts: Sequence[Prompt], attributes: Attributes
) -> GeneratePlan:
    """Put prompts and seeds together, and a sweep over them."""
    plan = paired(
        prompts,
        request.numbers,
        num=request.num,
        per_prompt=request.per_prompt,
        first=request.seed,
        fill=_fill(request),
    )
    match request.swept:
        case (name,):
            return swept(plan, name, attributes)
        case (rows, columns):
            return crossed(plan, rows, columns, attributes)
        case _:
            return plan


def _of_noise(request: GenerateRequest, prompts: Sequence[Prompt], found: Latents) -> GeneratePlan:
    """Give each row of noise a prompt, and the seed from which its labels are drawn."""
    rows = found.z
    numbers = range(request.seed, request.seed + len(rows))
    plan = paired(prompts, numbers, per_prompt=request.per_prompt)
    if len(plan.cells) != len(rows):
        raise UsageError(
            f"{len(prompts)} prompts do not go with {len(rows)} rows of noise",
            "give one prompt, or as many as rows",
        )
    cells = [
        cell if cell.prompt is not None else replace(cell, swept=attrs)
        for cell, attrs in zip(plan.cells, found.attrs, strict=True)
    ]
    return replace(plan, cells=cells, noise=rows)


def _pooled(request: GenerateRequest, prompts: Sequence[Prompt]) -> GeneratePlan:
    """Give each image its own seeds to choose from, one pool after the other."""
    n, seeds = request.best_of, request.numbers
    if seeds is not None and len(seeds) % n:
        raise UsageError(
            f"{len(seeds)} seeds do not make pools of {n}", f"give a multiple of {n} seeds"
        )
    plan = paired(
        prompts,
        None if seeds is None else seeds[::n],
        num=request.num,
        per_prompt=request.per_prompt,
        fill=_fill(request),
    )
    count = len(plan.cells)
    pool: Sequence[int] = seeds or range(request.seed, request.seed + count * n)
    if len(pool) != count * n:
        raise UsageError(
            f"{len(pool):,} seeds are not {n} for each of {count:,} images",
            f"give {count * n:,} seeds, or none",
        )
    pools = [pool[at : at + n] for at in range(0, len(pool), n)]
    cells = [replace(cell, seed=own[0]) for cell, own in zip(plan.cells, pools, strict=True)]
    return replace(plan, cells=cells, pools=pools)


def _fill(request: GenerateRequest) -> int:
    """Return how many images there are where only the prompts say."""
    if request.cells is not None and request.numbers is None:
        return request.cells
    if request.film is not None:
        return FACES
    return ROWS if len(request.strengths) > 1 else {0: FILL, 1: ROWS, 2: 1}[len(request.swept)]


def _points(seeds: Sequence[int], prompts: Sequence[Prompt]) -> GeneratePlan:
    """Return the points of an interpolation; UsageError where seeds and prompts make none."""
    count = max(len(seeds), len(prompts))
    if count < 2:
        raise UsageError("an interpolation needs two seeds or more", "write seeds as 3,17,42")
    if len(seeds) not in (1, count) or len(prompts) not in (0, 1, count):
        raise UsageError(
            f"{len(seeds)} seeds and {len(prompts)} prompts make no interpolation",
            "give as many prompts as seeds, or one of either",
        )
    return GeneratePlan(paired(prompts, list(seeds) * count if len(seeds) == 1 else seeds).cells)


def _words(request: GenerateRequest, count: int, prompts: int) -> str:
    """Say what would be drawn."""
    what = f"{count} image{'s' * (count != 1)}"
    if request.interpolation is not None:
        points = format_seeds(request.numbers or ())
        if request.noise is not None:
            points = words_of(request.noise)
        kind = "seed to seed" if request.noise is None else "one to the next"
        what += f" from {kind}: {clipped(points, 200)}"
    elif request.swept:
        what = f"all values of {' and '.join(request.swept)}"
    elif request.noise is not None:
        what = f"images of {words_of(request.noise)}"
    elif request.numbers is not None:
        what = f"images of seeds {clipped(format_seeds(request.numbers), 200)}"
    what += "".join(f", {wish}" for wish in request.wishes)
    if request.film is not None:
        what += f", {request.film.frames} frames"
    return f"{what} of {prompts} prompt{'s' * (prompts != 1)}" if prompts else what


def _texts(plan: GeneratePlan) -> list[str | None] | None:
    texts = [cell.prompt.text if cell.prompt else None for cell in plan.cells]
    return texts if any(text is not None for text in texts) else None


def _rows(labels: object) -> list[list[float]] | None:
    found: list[list[float]] | None = None
    if labels is not None:
        found = np.asarray(labels, np.float32).tolist()  # [N, L]
    return found


def _noise_file(request: GenerateRequest, plan: GeneratePlan) -> NoiseFile | None:
    """Return which noise it is; a file of numbers is named, all else is held in the picture."""
    if request.noise is None or plan.noise is None:
        return None
    single = isinstance(request.noise, (str, Path)) and not is_drawn(request.noise)
    name = Path(str(request.noise)).name if single else None
    whole = not isinstance(request.noise, np.ndarray) and not single
    return NoiseFile.of(plan.noise, name, whole=whole or request.interpolation is not None)


def _with_direction(
    recipe: Recipe,
    request: GenerateRequest,
    plan: GeneratePlan,
    loaded: Loaded,
    registry: Registry | None,
) -> Recipe:
    """Return a recipe that moves noise along the directions that are asked for."""
    reader = None
    if needs_reading(request.wishes):
        registry = plugins.load() if registry is None else registry
        reader = load_classifier(registry, request.classifier or tagger.BUNDLED)
    way = direction(loaded, request.wishes, reader)
    shift = Shift(
        words=list(map(str, request.wishes)),
        reader=None if reader is None else reader.description[:200],
        noise=NoiseFile.of(way[None], whole=True),
    )
    return recipe.but(shift=shift, strengths=[cell.strength or 0.0 for cell in plan.cells])


def _with_choices(
    recipe: Recipe,
    pools: Sequence[Sequence[int]],
    attrs: Sequence[Attrs],
    loaded: Loaded,
    registry: Registry | None,
    classifier: str | None,
) -> Recipe:
    """Return a recipe with the seed of each pool that shows best what was asked for."""
    registry = plugins.load() if registry is None else registry
    reader = tagger.load(registry) if classifier is None else load_classifier(registry, classifier)
    best_of.check([name for each in attrs for name in each], loaded.name, reader.attributes)
    draw = partial(draw_seeds, loaded.model, truncation=recipe.truncation)
    choices = best_of.select(pools, attrs, draw, reader)
    return recipe.but(
        best_of=len(pools[0]),
        seeds=format_seeds([choice.seed for choice in choices]),
        candidates=[format_seeds(choice.candidates) for choice in choices],
        scores=[choice.score for choice in choices],
    )
