"""Latents: noise that was kept, in files of numbers and in pictures that were drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animekit.errors import DataError, NotFoundError, UnusableError, UsageError
from animekit.generation.recipe import Recipe
from animekit.images.write import own_text
from animekit.labels.attributes import Attrs
from animekit.models import sampling
from animekit.models.abilities import Generates
from animekit.seeds import parse_seeds
from animekit.text import clipped

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".mp4")
Source = str | Path | np.ndarray | Sequence[str | Path]


@dataclass(frozen=True)
class Latents:
    """Noise [N, ...] of a model, and what each row shows: {} where nobody said."""

    z: np.ndarray
    attrs: list[Attrs]


def is_drawn(source: object) -> bool:
    """Say whether a name is that of a picture, in which a recipe may be."""
    return not isinstance(source, np.ndarray) and Path(str(source)).suffix.lower() in PICTURES


def latents_of(source: Source, model: Generates) -> Latents:
    """Return the noise in files of numbers, pictures of animekit, or an array.

    A picture is noise itself, as pages save it, or what was drawn: then it is the noise of its
    images, as the network saw it, with the attributes they were given. Raises NotFoundError,
    DataError as `sampling.noise_of_file`, and UnusableError for a picture that does not hold it.
    """
    if isinstance(source, (str, Path, np.ndarray)):
        source = [source]  # type: ignore[list-item]
    if not len(source):
        raise UsageError("no noise", "name a .npy file, or a picture of animekit project")
    parts = [_one(each, model) for each in source]
    rows = np.concatenate([part.z for part in parts])
    return Latents(rows, [attrs for part in parts for attrs in part.attrs])


def words_of(source: Source) -> str:
    """Return where noise is from, in words."""
    if isinstance(source, np.ndarray):
        return "noise"
    return str(source) if isinstance(source, (str, Path)) else ", ".join(map(str, source))


def _one(source: str | Path | np.ndarray, model: Generates) -> Latents:
    if isinstance(source, np.ndarray) or not is_drawn(source):
        rows = sampling.noise_of_file(source, model)
        return Latents(rows, [{}] * len(rows))
    if own_text(Path(source)) is None:
        with suppress(DataError, NotFoundError):  # noise as a picture has no recipe
            return Latents(rows := sampling.noise_of_file(source, model), [{}] * len(rows))
    recipe = Recipe.read(source)
    attributes = sampling.attributes_of(model)
    held = None if recipe.noise is None else recipe.noise.rows()
    if recipe.mode not in ("seeds", "noise") or (recipe.noise is not None and held is None):
        what = "its noise is in another file" if recipe.noise is not None else "it is a path"
        raise UnusableError(
            f"{clipped(str(source))} does not hold the noise of its images: {what}",
            "name the .npy file, or a picture that animekit project or generate --seeds made",
            code="noise.elsewhere",
        )
    if held is not None:
        rows = sampling.noise_of_file(held, model)
    else:
        rows = sampling.noise_of_seeds(model, parse_seeds(recipe.seeds or "0"))
    attrs = recipe.attrs if recipe.attrs is not None else [{}] * len(rows)
    if len(attrs) != len(rows):
        raise UnusableError(f"{source} has {len(attrs)} labels for {len(rows)} images", None)
    known = [{k: v for k, v in each.items() if k in attributes.names} for each in attrs]
    rows = attributes.truncated(attributes.placed(rows, known), recipe.truncation)
    if recipe.index is not None:
        rows, known = rows[[recipe.index]], [known[recipe.index]]
    return Latents(rows, known)
