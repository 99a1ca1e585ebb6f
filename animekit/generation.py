"""Generation: seeds or noise to images, interpolations, and the recipe to make each again."""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from animekit import provenance, sampling
from animekit.checkpoint import Loaded, load_model
from animekit.errors import CheckpointError, NotFoundError, UnusableError, UsageError
from animekit.generated import Generated
from animekit.interpolation import MODES, journey, segments
from animekit.provenance import MAX_FRAMES, NoiseFile, Recipe, Weights
from animekit.run import Run
from animekit.seeds import MAX_IMAGES, check_seeds, format_seeds, parse_seeds

if TYPE_CHECKING:
    from animekit.plugins import Registry

__all__ = ["Generated", "generate", "interpolate", "like", "parse_seeds", "remake"]

Where = str | Path | Run | Loaded | None
MAX_BYTES = 4 << 30
Noise = str | Path | np.ndarray


def generate(
    model: Where = None,
    *,
    seeds: Iterable[int] | str | None = None,
    num: int = 25,
    noise: Noise | None = None,
    truncation: float = 1.0,
    labels: Tensor | np.ndarray | None = None,
    registry: Registry | None = None,
) -> Generated:
    """Draw images from a model: a run, a checkpoint, weights, or the newest run.

    Each image comes from its own seed and is the same, bit for bit, alone and in any batch.
    `seeds` are numbers or text such as "0-24"; without them, 0 to num - 1. `noise` is a .npy file
    or an array [N, ...] in place of seeds. `truncation` multiplies z: below 1, normal and uniform
    z move towards their mean, so that images become more typical and less varied. `labels` [N, L]
    go to a conditional model. Raises UnusableError for a model that makes no images from noise.
    """
    loaded = _load(model, registry)
    rows = None
    if noise is not None:
        if seeds is not None:
            raise UsageError("seeds and noise are two sources of z", "give one of them")
        rows = sampling.noise_of_file(noise, sampling.as_generating(loaded.model))
        name = None if isinstance(noise, np.ndarray) else Path(noise).name
        source: dict[str, Any] = {
            "mode": "noise",
            "noise": NoiseFile(file=name, sha256=sampling.digest(rows)),
        }
    else:
        source = {"mode": "seeds", "seeds": format_seeds(_chosen(seeds, num))}
    recipe = _recipe(loaded, truncation, source, labels)
    return _make(loaded, recipe, rows)


def interpolate(
    model: Where = None,
    seeds: Iterable[int] | str = "0,1,2",
    *,
    frames: int = 60,
    mode: Literal["slerp", "lerp"] = "slerp",
    loop: bool = True,
    truncation: float = 1.0,
    registry: Registry | None = None,
) -> Generated:
    """Draw the way from seed to seed, and back to the first one where it is a loop.

    `frames` counts all images; every seed's own image is one of them, bit for bit. slerp follows
    great circles, as normal z wants it; lerp goes straight.
    """
    points = _chosen(seeds, 2)
    if len(points) < 2:
        raise UsageError("an interpolation needs two seeds or more", "write seeds as 3,17,42")
    if mode not in MODES:
        raise UsageError(f'unknown mode "{mode}"', f"modes: {' '.join(MODES)}")
    if not len(points) <= frames <= MAX_FRAMES:
        raise UsageError(
            f"cannot make {frames} frames for {len(points)} seeds",
            f"ask for {len(points)} (each seed is a frame) to {MAX_FRAMES:,}",
        )
    loaded = _load(model, registry)
    way = {"mode": mode, "seeds": format_seeds(points), "frames": frames, "loop": loop}
    return _make(loaded, _recipe(loaded, truncation, way, None))


def like(picture: Path | str) -> dict[str, Any]:
    """Return the recipe in the metadata of a PNG or GIF that animekit generated."""
    return provenance.read_recipe(picture).facts()


def remake(
    picture: Path | str,
    model: Where = None,
    *,
    noise: Noise | None = None,
    registry: Registry | None = None,
) -> Generated:
    """Make the images of a picture again; its `save` then writes the same bytes.

    Without `model`, the weights that the recipe names are looked for: UnusableError if they are
    gone or have changed. With another model the seeds and layout are used, and `warnings` says so.
    A picture from a noise file needs that file: as `noise`, beside the picture, or in this folder.
    """
    recipe = provenance.read_recipe(picture)
    loaded = _find(recipe, picture, registry) if model is None else _load(model, registry)
    found = _weights_of(loaded)
    warnings = []
    if found.sha256 != recipe.model.sha256:
        warnings.append(
            f"other weights than those of {picture} ({_short(recipe.model)}, now {_short(found)}):"
            " the images will differ"
        )
    rows = None
    if recipe.noise is not None:
        place = noise if noise is not None else _beside(Path(picture), recipe.noise)
        rows = sampling.noise_of_file(place, sampling.as_generating(loaded.model))
        if sampling.digest(rows) != recipe.noise.sha256:
            raise UnusableError(
                f"{place if isinstance(place, (str, Path)) else 'noise'} is not the noise that"
                f" {picture} was drawn from (another sha256)",
                "give the file that --noise named then",
            )
    return _make(loaded, recipe.but(model=found, version=version("animekit")), rows, warnings)


def _make(
    loaded: Loaded, recipe: Recipe, rows: np.ndarray | None = None, warnings: Iterable[str] = ()
) -> Generated:
    """Follow a recipe: the only way to images, the first time and when made again."""
    model = sampling.as_generating(loaded.model)
    seeds = tuple(parse_seeds(recipe.seeds)) if recipe.seeds else ()
    z = rows if rows is not None else sampling.noise_of_seeds(model, seeds)
    if recipe.mode in MODES:
        lengths = segments(len(seeds), recipe.frames or 60, loop=bool(recipe.loop))
        z = journey(list(z), lengths, MODES[recipe.mode])
    z = z * np.float32(recipe.truncation)
    labels = None if recipe.labels is None else np.array(recipe.labels, dtype=np.float32)
    if recipe.index is not None:
        if recipe.index >= len(z):
            raise UnusableError(
                f"the recipe names image {recipe.index} of {len(z)}", "name another picture"
            )
        z, labels = z[[recipe.index]], None if labels is None else labels[[recipe.index]]
    if labels is not None and len(labels) != len(z):
        raise UsageError(f"{len(labels)} label vectors for {len(z)} images", "give one an image")
    if len(z) * model.spec.size**2 * 3 > MAX_BYTES:
        raise UsageError(
            f"{len(z):,} images of {model.spec.size} pixels need more than {MAX_BYTES >> 30} GB",
            "make them in parts: --seeds 0-9999, then --seeds 10000-19999",
        )
    images = sampling.draw(model, z, labels)
    return Generated(images, z, seeds, recipe, loaded.origin, tuple(warnings))


def _recipe(
    loaded: Loaded,
    truncation: float,
    source: dict[str, Any],
    labels: Tensor | np.ndarray | None,
) -> Recipe:
    if not (truncation > 0 and math.isfinite(truncation)):
        raise UsageError(f"truncation {truncation} is not above 0", "use a number such as 0.7")
    rows = None if labels is None else np.asarray(labels, dtype=np.float32).tolist()
    return Recipe(
        version=version("animekit"),
        model=_weights_of(loaded),
        truncation=truncation,
        labels=rows,
        **source,
    )


def _weights_of(loaded: Loaded) -> Weights:
    run = None if loaded.run is None else loaded.run.id
    return Weights(name=loaded.name, run=run, step=loaded.step, sha256=loaded.sha256)


def _load(model: Where, registry: Registry | None) -> Loaded:
    return model if isinstance(model, Loaded) else load_model(model, registry)


def _find(recipe: Recipe, picture: Path | str, registry: Registry | None) -> Loaded:
    """Return the weights that a recipe names, wherever they are now."""
    wanted = recipe.model
    places: list[dict[str, Any]] = [{"where": wanted.name}, {"where": None}]
    if wanted.run is not None:
        places.insert(0, {"where": wanted.run, "checkpoint": wanted.step})
    seen = []
    for place in places:
        try:
            loaded = load_model(registry=registry, **place)
        except (NotFoundError, CheckpointError):
            continue
        if loaded.sha256 == wanted.sha256:
            return loaded
        seen.append(_short(_weights_of(loaded)))
    raise UnusableError(
        f"the weights of {picture} are not here: {_short(wanted)}"
        + (f"; found {', '.join(dict.fromkeys(seen))}" if seen else ""),
        f"animekit generate MODEL --like {picture} draws the same seeds with another model",
        code="model.changed",
    )


def _short(weights: Weights) -> str:
    return f"{weights.run or weights.name} step {weights.step}, sha256 {weights.sha256[:12]}"


def _beside(picture: Path, noise: NoiseFile) -> Path:
    name = Path(noise.file or "noise.npy").name
    for place in (picture.parent / name, Path(name)):
        if place.is_file():
            return place
    raise NotFoundError(
        f"{picture} was drawn from the noise {name}, sha256 {noise.sha256[:12]}, which is not here",
        "name the file with --noise",
    )


def _chosen(seeds: Iterable[int] | str | None, num: int) -> tuple[int, ...]:
    if seeds is None:
        if not 1 <= num <= MAX_IMAGES:
            raise UsageError(f"cannot make {num} images", f"ask for 1 to {MAX_IMAGES:,}")
        return tuple(range(num))
    chosen = check_seeds(parse_seeds(seeds) if isinstance(seeds, str) else seeds)
    if not chosen:
        raise UsageError("no seeds", "write seeds as 7, 3,17,42 or 0-24")
    return chosen
