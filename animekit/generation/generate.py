"""Generation: seeds, prompts or noise to images, and images between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from animekit import device as devices
from animekit.config import renamed_arguments
from animekit.generation import choose_model
from animekit.generation.compose import plan_of, recipe_of
from animekit.generation.draw import draw_recipe
from animekit.generation.interpolation import Interpolation
from animekit.generation.plan import GeneratePlan
from animekit.generation.request import GenerateRequest, Noise, Seeds, Where, sweep_of
from animekit.generation.result import Generated
from animekit.labels.lines import Prompts
from animekit.runs.run import Loaded, load_model

if TYPE_CHECKING:
    from animekit.plugins import Registry


@renamed_arguments(gpu="device")
def generate(
    model: Where = None,
    *,
    prompts: Prompts | None = None,
    seeds: Seeds | None = None,
    num: int | None = None,
    per_prompt: int | None = None,
    seed: int = 0,
    grid: tuple[int, int] | None = None,
    random: str | Iterable[str] | None = None,
    sweep: str | Iterable[str] | None = None,
    best_of: int = 1,
    classifier: str | None = None,
    noise: Noise | None = None,
    labels: Tensor | np.ndarray | None = None,
    truncation: float | None = None,
    checkpoint: str | int = "best",
    device: str | None = None,
    threads: int | None = None,
    matrix: Sequence[str] | None = None,
    vary: str | None = None,
    more: str | Iterable[str] | None = None,
    less: str | Iterable[str] | None = None,
    strength: str | float | Sequence[float] | None = None,
    frames: int | None = None,
    registry: Registry | None = None,
) -> Generated:
    """Draw images from a model: a run, a checkpoint, weights, or the newest run.

    Each comes from its own seed and is the same, bit for bit, alone and in any batch. `seeds` are
    as "0-24", else `num` (25) or what fills `grid` (columns, rows); `noise` is an array, files, or
    pictures of animekit. What `prompts` leave open is drawn from the seed (`random`: these alone).
    `sweep` draws all values of an attribute, or of two; `best_of` takes of so many seeds the one
    that `classifier` reads best. `more` and `less` move noise by `strength` standard deviations (3;
    several: a table, with `frames` a film). Raises UnusableError for a model that cannot do it.
    """
    request = GenerateRequest(
        model=model,
        checkpoint=checkpoint,
        device=device,
        threads=threads,
        prompts=prompts,
        seeds=seeds,
        num=num,
        per_prompt=per_prompt,
        seed=seed,
        grid=grid,
        random=random,
        sweep=sweep_of(sweep, matrix, vary),
        best_of=best_of,
        classifier=classifier,
        noise=noise,
        labels=labels,
        truncation=truncation,
        more=more,
        less=less,
        strength=strength,
        film=None if frames is None else Interpolation(frames, "lerp"),
    )
    return draw_request(request, registry)


@renamed_arguments(gpu="device")
def interpolate(
    model: Where = None,
    seeds: Seeds | None = None,
    *,
    noise: Noise | None = None,
    prompts: Prompts | None = None,
    frames: int = 60,
    mode: Literal["slerp", "lerp"] = "slerp",
    loop: bool = True,
    truncation: float | None = None,
    checkpoint: str | int = "best",
    device: str | None = None,
    threads: int | None = None,
    registry: Registry | None = None,
) -> Generated:
    """Draw images from seed to seed, and back to the first one where it is a loop.

    Without `seeds` (0, 1, 2) they lie between rows of `noise`: files, or pictures that `project`
    or `generate` drew. `frames` counts all images; each point's own is one of them. slerp follows
    great circles, as normal z wants it; lerp goes straight. The labels of a conditional model go
    straight beside z: `prompts` are one for all seeds or one for each, and of one seed with
    several prompts the labels alone move.
    """
    request = GenerateRequest(
        model=model,
        checkpoint=checkpoint,
        device=device,
        threads=threads,
        prompts=prompts,
        seeds="0,1,2" if seeds is None and noise is None else seeds,
        noise=noise,
        truncation=truncation,
        interpolation=Interpolation(frames, mode, loop),
    )
    return draw_request(request, registry)


@renamed_arguments(gpu="device")
def plan_generate(
    model: Where = None, *, registry: Registry | None = None, **options: Any
) -> GeneratePlan:
    """Return what `generate` would draw, as `--dry-run` does; nothing is drawn.

    It takes the options of `generate`, or of `GenerateRequest`. The plan of a picture that is
    drawn again is its recipe: `read_recipe`.
    """
    return plan_request(GenerateRequest(model, **options), registry)


def plan_request(request: GenerateRequest, registry: Registry | None = None) -> GeneratePlan:
    """Return what would be drawn: the model is loaded, prompts and noise are read."""
    return plan_of(request, load(request, registry))


def draw_request(request: GenerateRequest, registry: Registry | None = None) -> Generated:
    """Draw what a request asks for, from Python and from the command line alike."""
    with devices.threads(request.threads):
        loaded = load(request, registry)
        plan = plan_of(request, loaded)
        recipe = recipe_of(request, plan, loaded, registry)
        drawn = draw_recipe(loaded, recipe, plan.noise)
        moves = request.interpolation is not None or request.film is not None
        return drawn if moves else replace(drawn, ids=plan.ids)


def load(request: GenerateRequest, registry: Registry | None = None) -> Loaded:
    """Return the model of a request on its device, loaded if it is not yet."""
    if isinstance(request.model, Loaded):
        loaded = request.model
    elif request.model is None and request.needs_labels:
        loaded = choose_model.load_conditional(registry, checkpoint=request.checkpoint)
    else:
        loaded = load_model(request.model, registry, checkpoint=request.checkpoint, able="sample")
    if request.device is not None:
        loaded.model.to(devices.choose_device(request.device))
    return loaded
