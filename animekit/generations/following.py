"""Following a recipe: the only way to images, the first time and when they are made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from animekit import sampling
from animekit.attributes import Attributes, Attrs
from animekit.checkpoint import Loaded
from animekit.errors import UnusableError, UsageError
from animekit.generations import asking
from animekit.generations.interpolation import MODES, journey, segments
from animekit.generations.results import Generated
from animekit.provenance import Recipe, Weights
from animekit.seeds import parse_seeds

MAX_BYTES = 4 << 30


def follow(
    loaded: Loaded, recipe: Recipe, rows: np.ndarray | None = None, warnings: Iterable[str] = ()
) -> Generated:
    """Draw the images of a recipe; `rows` are the noise where it came from a file.

    What a conditional model must be told and the recipe does not say is drawn from the seeds, and
    is in the recipe of the result. Raises ConfigError where it says what the model does not know.
    """
    model = sampling.as_generating(loaded.model)
    attributes = Attributes.of(model)
    seeds = tuple(parse_seeds(recipe.seeds)) if recipe.seeds else ()
    z = rows if rows is not None else sampling.noise_of_seeds(model, seeds)
    warnings = list(warnings)
    if recipe.attrs is not None and not attributes.names:
        warnings.append(f"{loaded.name} is not told what to draw: the prompts do not count")
        recipe = recipe.but(attrs=None, prompts=None)
    if recipe.attrs is None and recipe.labels is None and model.spec.labels:
        recipe = recipe.but(attrs=_drawn(loaded, seeds or range(len(z))))
    if recipe.attrs is not None and len(recipe.attrs) != len(z):
        raise UsageError(f"{len(recipe.attrs)} sets of attributes for {len(z)} images", "one each")
    z = attributes.placed(z, recipe.attrs or [])
    labels = _labels(attributes, recipe)
    if recipe.mode in MODES:
        lengths = segments(len(seeds), recipe.frames or 60, loop=bool(recipe.loop))
        z = journey(list(z), lengths, MODES[recipe.mode])
        if labels is not None:
            labels = journey(list(labels), lengths, MODES["lerp"])
    z = attributes.truncated(z, recipe.truncation)
    if recipe.index is not None:
        if recipe.index >= len(z):
            raise UnusableError(
                f"the recipe names image {recipe.index} of {len(z)}", "name another picture"
            )
        z, labels = z[[recipe.index]], None if labels is None else labels[[recipe.index]]
    _check(model.spec.size, z, labels)
    images = sampling.draw(model, z, labels)
    return Generated(images, z, seeds, recipe, loaded.origin, tuple(warnings))


def draw(
    model: object, seeds: Sequence[int], attrs: Sequence[Attrs], truncation: float
) -> np.ndarray:
    """Return the images uint8 [N, H, W, 3] of seeds, as `follow` draws them."""
    generating = sampling.as_generating(model)
    attributes = Attributes.of(generating)
    z = attributes.placed(sampling.noise_of_seeds(generating, seeds), attrs)
    labels = np.stack([attributes.labels(each)[0] for each in attrs])
    given = labels if labels.shape[1] else None
    return sampling.draw(generating, attributes.truncated(z, truncation), given)


def frequencies(loaded: Loaded) -> np.ndarray | None:
    """Return how often each label [L] occurred in training, None if not counted.

    For a yes or no it is a share of the images where it is known, 1/2 if there are none; one of
    several values of which none occurs is left even.
    """
    spec = loaded.model.spec
    data = (loaded.config or {}).get("data", {})
    counts = _counts(data.get("label_counts"), spec.labels)
    if counts is None:
        return None
    known = _counts(data.get("label_known"), spec.labels)
    start = 0
    for width in spec.groups:
        part = slice(start, start + width)
        if width == 1:
            total = 0 if known is None else known[start]
            counts[part] = min(1.0, counts[start] / total) if total else 0.5
        elif not counts[part].any():
            counts[part] = 1
        start += width
    return counts


def _counts(found: object, labels: Sequence[str]) -> np.ndarray | None:
    """Return counts by label as an array; None for what a damaged file holds in their place."""
    if not labels or not isinstance(found, dict):
        return None
    values = [found.get(name) for name in labels]
    if not all(isinstance(value, int) and value >= 0 for value in values):
        return None
    return np.array(values, dtype=np.float64)


def weights_of(loaded: Loaded) -> Weights:
    """Return which weights these are, as a recipe says it."""
    run = None if loaded.run is None else loaded.run.id
    return Weights(name=loaded.name, run=run, step=loaded.step, sha256=loaded.sha256)


def _drawn(loaded: Loaded, seeds: Sequence[int]) -> list[Attrs]:
    cells = [asking.Cell(seed) for seed in seeds]
    attributes = Attributes.of(sampling.as_generating(loaded.model))
    return asking.settled(cells, attributes, frequencies(loaded))


def _labels(attributes: Attributes, recipe: Recipe) -> np.ndarray | None:
    if recipe.labels is not None:
        return np.array(recipe.labels, dtype=np.float32)
    if not attributes.vocabulary.labels:
        return None
    return np.stack([attributes.labels(each)[0] for each in recipe.attrs or []])


def _check(size: int, z: np.ndarray, labels: np.ndarray | None) -> None:
    if labels is not None and len(labels) != len(z):
        raise UsageError(f"{len(labels)} label vectors for {len(z)} images", "give one an image")
    if len(z) * size**2 * 3 > MAX_BYTES:
        raise UsageError(
            f"{len(z):,} images of {size} pixels need more than {MAX_BYTES >> 30} GB",
            "make them in parts: --seeds 0-9999, then --seeds 10000-19999",
        )
