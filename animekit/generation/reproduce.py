"""Reproducing: the recipe in a picture read, its weights and noise found, its images drawn."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit import device as devices
from animekit.config import renamed_arguments
from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.files import is_file
from animekit.generation.draw import draw_recipe
from animekit.generation.recipe import Layout, NoiseFile, Recipe
from animekit.generation.result import Generated
from animekit.models import sampling
from animekit.models.weights import bundled, imported, note_of
from animekit.runs.names import list_runs
from animekit.runs.run import Loaded, Run, Weights, load_model
from animekit.text import clipped

if TYPE_CHECKING:
    from animekit.plugins import Registry


@renamed_arguments(gpu="device")
def reproduce(
    picture: Path | str,
    model: str | Path | Run | Loaded | None = None,
    *,
    noise: str | Path | np.ndarray | None = None,
    checkpoint: str | int = "best",
    device: str | None = None,
    threads: int | None = None,
    registry: Registry | None = None,
) -> Generated:
    """Draw the images of a picture again; their `save` then writes the same bytes.

    Without `model`, the weights that the recipe names are looked for: UnusableError if they are
    gone or have changed. With another model the seeds, prompts and layout are used, and `warnings`
    says so. A picture from a noise file needs that file: as `noise`, beside the picture, or in this
    folder.
    """
    recipe = Recipe.read(picture)
    if model is None:
        loaded = _find(recipe, picture, registry)
    else:
        loaded = (
            model
            if isinstance(model, Loaded)
            else load_model(model, registry, checkpoint=checkpoint)
        )
    if device is not None:
        loaded.model.to(devices.choose_device(device))
    found = loaded.weights
    warnings = []
    if found.sha256 != recipe.model.sha256:
        warnings.append(
            f"other weights than those of {picture} ({_short(recipe.model)}, now {_short(found)}):"
            " the images will differ"
        )
    rows = None
    if recipe.noise is not None:
        held = recipe.noise.rows()
        place = noise if noise is not None else held
        if place is None:
            place = _beside(Path(picture), recipe.noise)
        rows = sampling.noise_of_file(place, sampling.as_generating(loaded.model))
        if sampling.digest(rows) != recipe.noise.sha256:
            raise UnusableError(
                f"{place if isinstance(place, (str, Path)) else 'noise'} is not the noise that"
                f" {picture} was drawn from (another sha256)",
                "give the file that --noise named then",
            )
    recipe = recipe.but(
        # the same weights under another name draw, and write, the same bytes
        model=recipe.model if found.sha256 == recipe.model.sha256 else found,
        version=version("animekit"),
        layout=recipe.layout or Layout(),  # each picture has one, and it bounds what is drawn
    )
    with devices.threads(threads):
        return draw_recipe(loaded, recipe, rows, warnings)


remake = reproduce  # its name in version 0.1.0


def _find(recipe: Recipe, picture: Path | str, registry: Registry | None) -> Loaded:
    """Return the weights that a recipe names, wherever they are now.

    A stranger wrote the recipe: it may name a run of `runs/` or weights of the store, and no path.
    """
    wanted = recipe.model
    places: list[dict[str, Any]] = [{"where": None}]
    if wanted.name in {**bundled(), **imported()}:
        places.insert(0, {"where": wanted.name})
    for known, path in imported().items():  # a friend's, under another name here
        if known != wanted.name and note_of(path).get("sha256") == wanted.sha256:
            places.append({"where": known})
    runs = {path.name: Run(path) for path in list_runs()}
    for name in (wanted.name, wanted.run):
        if name in runs:
            places.insert(0, {"where": runs[name], "checkpoint": wanted.step})
    seen = []
    for place in places:
        try:
            loaded = load_model(registry=registry, **place)
        except AnimekitError:
            continue
        if loaded.sha256 == wanted.sha256:
            return loaded
        seen.append(_short(loaded.weights))
    raise UnusableError(
        f"the weights of {picture} are not here: {_short(wanted)}"
        + (f"; found {', '.join(dict.fromkeys(seen))}" if seen else ""),
        f"animekit generate MODEL --reproduce {picture} draws the same seeds with another model",
        code="model.changed",
    )


def _short(weights: Weights) -> str:
    name = clipped(weights.run or weights.name)
    return f"{name} step {weights.step}, sha256 {clipped(weights.sha256[:12])}"


def _beside(picture: Path, noise: NoiseFile) -> Path:
    name = Path(noise.file or "noise.npy").name
    for place in (picture.parent / name, Path(name)):
        if is_file(place):
            return place
    sha256 = clipped(noise.sha256[:12])
    raise NotFoundError(
        f"{picture} was drawn from the noise {clipped(name)}, sha256 {sha256}, which is not here",
        "name the file with --noise",
    )
