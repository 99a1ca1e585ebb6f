"""Drawing: a recipe turned into images, the first time and whenever they are made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from animekit.errors import UnusableError, UsageError
from animekit.generation import plan
from animekit.generation.interpolation import MODES, path_through, segments
from animekit.generation.recipe import ROWS, Recipe, check_pixels
from animekit.generation.result import Generated
from animekit.labels.attributes import Attributes, Attrs
from animekit.models import sampling
from animekit.runs.run import Loaded
from animekit.seeds import parse_seeds

MAX_BYTES = 4 << 30


def draw_recipe(
    loaded: Loaded, recipe: Recipe, rows: np.ndarray | None = None, warnings: Iterable[str] = ()
) -> Generated:
    """Draw the images of a recipe; `rows` are the noise where it came from a file.

    Labels that a conditional model needs and the recipe leaves open are drawn from the seeds, and
    are in the recipe of the result. Raises ConfigError for words that the model does not know.
    """
    model = sampling.as_generating(loaded.model)
    attributes = sampling.attributes_of(model)
    seeds = tuple(parse_seeds(recipe.seeds)) if recipe.seeds else ()
    _check(model.spec.size, len(seeds) if rows is None else len(rows), recipe)
    z = rows if rows is not None else sampling.noise_of_seeds(model, seeds)
    warnings = list(warnings)
    if recipe.attrs is not None and not attributes.names:
        warnings.append(f"{loaded.name} is not told what to draw: the prompts do not count")
        recipe = recipe.but(attrs=None, prompts=None)
    if recipe.attrs is None and recipe.labels is None and model.spec.labels:
        recipe = recipe.but(attrs=_attrs_by_seed(loaded, seeds or range(len(z))))
    for name in ROWS:
        given = getattr(recipe, name)
        if given is not None and len(given) != len(z):
            raise UsageError(f"{len(given)} {name} for {len(z)} images", "give one for each")
    z = attributes.placed(z, recipe.attrs or [])  # [N, ...], codes set where they are named
    z = _moved(z, recipe)
    labels = _labels(attributes, recipe, len(z))
    if recipe.mode in MODES:
        z = _paths(z, recipe, recipe.mode)
        labels = None if labels is None else _paths(labels, recipe, "lerp")
    z = attributes.truncated(z, recipe.truncation)
    if recipe.index is not None:
        if recipe.index >= len(z):
            raise UnusableError(
                f"the recipe names image {recipe.index} of {len(z)}", "name another picture"
            )
        z, labels = z[[recipe.index]], None if labels is None else labels[[recipe.index]]
    images = sampling.draw(model, z, labels)
    return Generated(images, z, seeds, recipe, loaded.origin, tuple(warnings))


def _moved(z: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return noise moved along the direction of a recipe, each row by its strength."""
    way = None if recipe.shift is None else recipe.shift.noise.rows()
    if way is None:
        return z
    if way.shape != (1, *z.shape[1:]):
        raise UnusableError(
            f"the direction is of noise {way.shape[1:]}, and this model's is {z.shape[1:]}",
            "directions are of one model: ask for it again with --more",
        )
    strengths = np.array(recipe.strengths, np.float32)
    return z + strengths.reshape(-1, *[1] * (z.ndim - 1)) * way


def _paths(points: np.ndarray, recipe: Recipe, mode: str) -> np.ndarray:
    """Return the frames of a film [F * K, ...]: of K paths, all of a frame together."""
    count = recipe.paths or 1
    lengths = segments(len(points) // count, recipe.frames or 60, loop=bool(recipe.loop))
    paths = [
        path_through(list(part), lengths, MODES[mode]) for part in np.split(points, count)
    ]  # K of [F, ...]
    return np.stack(paths, 1).reshape(-1, *points.shape[1:])


def draw_seeds(
    model: object, seeds: Sequence[int], attrs: Sequence[Attrs], truncation: float
) -> np.ndarray:
    """Return the images uint8 [N, H, W, 3] of seeds, as `draw_recipe` draws them."""
    generating = sampling.as_generating(model)
    attributes = sampling.attributes_of(generating)
    z = attributes.placed(sampling.noise_of_seeds(generating, seeds), attrs)
    labels = np.stack([attributes.labels(each)[0] for each in attrs])
    given = labels if labels.shape[1] else None
    return sampling.draw(generating, attributes.truncated(z, truncation), given)


def _attrs_by_seed(loaded: Loaded, seeds: Sequence[int]) -> list[Attrs]:
    cells = [plan.Cell(seed) for seed in seeds]
    attributes = sampling.attributes_of(sampling.as_generating(loaded.model))
    return plan.attrs_of(cells, attributes, loaded.frequencies())


def _labels(attributes: Attributes, recipe: Recipe, count: int) -> np.ndarray | None:
    width = len(attributes.vocabulary.labels)
    if recipe.labels is not None:
        found = {len(row) for row in recipe.labels}
        if len(recipe.labels) != count:
            raise UsageError(
                f"{len(recipe.labels)} label vectors for {count} images", "give one an image"
            )
        if len(found) != 1 or width not in (0, *found):
            raise UsageError(
                f"label vectors of {' and '.join(map(str, sorted(found)))} numbers",
                f"give each {width or 'as many'} numbers",
            )
        with np.errstate(over="ignore"):
            labels = np.array(recipe.labels, dtype=np.float32)  # [N, L]
        if not np.isfinite(labels).all():
            raise UsageError("a label is too large for the model", "give labels of 0 to 1")
        return labels
    if not width:
        return None
    return np.stack([attributes.labels(each)[0] for each in recipe.attrs or []])


def _check(size: int, points: int, recipe: Recipe) -> None:
    """Refuse what would be too much, before the first image is drawn."""
    count = max(points, (recipe.frames or 0) * (recipe.paths or 1))
    if count * size**2 * 3 > MAX_BYTES:
        raise UsageError(
            f"{count:,} images of {size} pixels need more than {MAX_BYTES >> 30} GB",
            "make them in parts: --seeds 0-9999, then --seeds 10000-19999",
        )
    if recipe.layout is not None:
        frames = None if recipe.frames is None else recipe.frames * (recipe.paths or 1)
        shown = 1 if recipe.index is not None else frames or points
        moving, side = recipe.layout.style == "gif", recipe.layout.tile or size
        check_pixels(shown, side, recipe.layout.columns or 1, moving=moving)
