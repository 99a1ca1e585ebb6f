"""Generation: seeds, prompts or noise to images, and the ways between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from animekit.errors import UsageError
from animekit.generation import choose_model, compose, plan
from animekit.generation.compose import Seeds, Wish
from animekit.generation.draw import follow
from animekit.generation.interpolation import MODES
from animekit.generation.plan import Asked, Plan
from animekit.generation.recipe import MAX_FRAMES, NoiseFile, Recipe
from animekit.generation.remake import like, remake
from animekit.generation.result import Generated
from animekit.models import sampling
from animekit.runs.run import Loaded, Run, load_model
from animekit.seeds import format_seeds, parse_seeds

if TYPE_CHECKING:
    from animekit.plugins import Registry

__all__ = ["Generated", "generate", "interpolate", "like", "parse_seeds", "remake"]

Where = str | Path | Run | Loaded | None


def generate(
    model: Where = None,
    *,
    prompts: Asked = None,
    seeds: Seeds = None,
    num: int | None = None,
    per_prompt: int | None = None,
    seed: int = 0,
    random: Iterable[str] = (),
    matrix: Sequence[str] | None = None,
    vary: str | None = None,
    best_of: int = 1,
    noise: str | Path | np.ndarray | None = None,
    labels: Tensor | np.ndarray | None = None,
    truncation: float | None = None,
    registry: Registry | None = None,
) -> Generated:
    """Draw images from a model: a run, a checkpoint, weights, or the newest run.

    Each image comes from its own seed and is the same, bit for bit, alone and in any batch.
    `seeds` are numbers or text such as "0-24"; without them there are `num` (25) from `seed` on.
    `noise` is a .npy file or an array [N, ...] in their place. `truncation` multiplies z: below 1,
    normal and uniform z move towards their mean, so that images become more typical and less
    varied; left out, it is the model's own, mostly 1.

    `prompts` tell a conditional model what to draw: a text, several, or a file (a Path), put
    together with seeds by `asking.paired`. What they leave open is drawn from each image's seed, as
    often as it occurs in the training set; if `random` names attributes, only these are, and the
    others are drawn once. `matrix` names two attributes whose values are all drawn from one seed;
    `vary` one, for each seed. With `best_of`, each image is that of so many seeds on which the
    bundled tagger reads best what was asked. `labels` [N, L] go to the model as they are.

    Raises UnusableError for a model that makes no images from noise, or is told nothing.
    """
    names = tuple(random)
    wish = Wish(prompts, seeds, num, per_prompt, seed, names, matrix, vary, best_of)
    wish.check(noise=noise is not None, labels=labels is not None)
    loaded = _load(model, registry, told=wish.told)
    facts = compose.begun(loaded, truncation, noise=noise is not None)
    rows = None
    if noise is not None:
        rows = sampling.noise_of_file(noise, sampling.as_generating(loaded.model))
        name = None if isinstance(noise, np.ndarray) else Path(noise).name
        facts["noise"] = NoiseFile(file=name, sha256=sampling.digest(rows))
    count = None if rows is None else len(rows)
    facts |= compose.compose(loaded, wish, facts["truncation"], count, registry)
    if labels is not None:
        facts["labels"], facts["attrs"] = np.asarray(labels, np.float32).tolist(), None
    return follow(loaded, Recipe(mode="seeds" if rows is None else "noise", **facts), rows)


def interpolate(
    model: Where = None,
    seeds: Iterable[int] | str = "0,1,2",
    *,
    prompts: Asked = None,
    frames: int = 60,
    mode: Literal["slerp", "lerp"] = "slerp",
    loop: bool = True,
    truncation: float | None = None,
    registry: Registry | None = None,
) -> Generated:
    """Draw the way from seed to seed, and back to the first one where it is a loop.

    `frames` counts all images; every seed's own image is one of them, bit for bit. slerp follows
    great circles, as normal z wants it; lerp goes straight. The labels of a conditional model go
    straight beside z: `prompts` are one for the whole way or one for each seed, and of one seed
    with several prompts the labels alone move.
    """
    wish = Wish(prompts)
    loaded = _load(model, registry, told=wish.told)
    attributes = sampling.attributes_of(sampling.as_generating(loaded.model))
    texts = compose.told(loaded, wish, attributes)
    points = _points(compose.chosen(seeds) or (), len(texts))
    if mode not in MODES:
        raise UsageError(f'unknown mode "{mode}"', f"modes: {' '.join(MODES)}")
    if not len(points) <= frames <= MAX_FRAMES:
        raise UsageError(
            f"cannot make {frames} frames for {len(points)} seeds",
            f"ask for {len(points)} (each seed is a frame) to {MAX_FRAMES:,}",
        )
    facts = compose.begun(loaded, truncation)
    cells = plan.paired(texts, points).cells
    facts |= compose.spoken(Plan(cells), plan.settled(cells, attributes, loaded.frequencies()))
    way: dict[str, Any] = {"seeds": format_seeds(points), "frames": frames, "loop": loop}
    return follow(loaded, Recipe(mode=mode, **way, **facts))


def _points(seeds: Sequence[int], prompts: int) -> list[int]:
    """Return the seed of each point of a way; UsageError where seeds and prompts make none."""
    count = max(len(seeds), prompts)
    if count < 2:
        raise UsageError("an interpolation needs two seeds or more", "write seeds as 3,17,42")
    if len(seeds) not in (1, count) or prompts not in (0, 1, count):
        raise UsageError(
            f"{len(seeds)} seeds and {prompts} prompts make no way",
            "give as many prompts as seeds, or one of either",
        )
    return list(seeds) * count if len(seeds) == 1 else list(seeds)


def _load(model: Where, registry: Registry | None, *, told: bool) -> Loaded:
    if isinstance(model, Loaded):
        return model
    if model is None and told:
        return choose_model.load_conditional(registry)
    return load_model(model, registry)
