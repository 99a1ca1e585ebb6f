"""What an evaluation would measure: the contenders, the real images and the metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from animekit.errors import NotFoundError, UnusableError
from animekit.evaluation.fakes import Contender, ModelContender, contender
from animekit.evaluation.image_set import ImageSet, Oddity, open_images
from animekit.evaluation.reals import RealImages, RealReference, RealSide
from animekit.evaluation.reference import Reference, bundled, named, of_data
from animekit.evaluation.request import EvaluateRequest, MetricRequest, metric_requests
from animekit.plugins import Registry

DEFAULT_DATA = "data/faces"
Reading = Callable[[int, int], None]


@dataclass(frozen=True)
class EvaluatePlan:
    """Everything that an evaluation is made of, opened and held against each other."""

    request: EvaluateRequest
    registry: Registry
    contenders: tuple[Contender, ...]
    side: RealSide
    metrics: dict[str, MetricRequest]
    oddities: tuple[Oddity, ...]


def make_plan(
    contestants: Sequence[Any],
    ref: Any,
    request: EvaluateRequest,
    registry: Registry,
    reading: Reading,
) -> EvaluatePlan:
    """Return the plan of an evaluation of models or sets of images against real ones.

    Raises UnusableError for images that cannot be compared, and where no metric is left.
    """
    metrics = metric_requests(request, registry)
    first, *others = contestants
    newest = replace(request, checkpoint="best")  # a step of the first says nothing of others
    contenders = (
        contender(first, registry, request, reading),
        *(contender(each, registry, newest, reading) for each in others),
    )
    if len({each.size for each in contenders}) > 1:
        seen = ", ".join(f"{each.name} {each.size} px" for each in contenders)
        raise UnusableError(f"images of different sizes cannot be compared: {seen}", "--size 64")
    real = real_images(ref, contenders[0], registry, request.ref_tags, reading)
    side: RealSide
    if isinstance(real, Reference):
        side = RealReference.open(real, metrics, contenders, request.num)
    else:
        side = RealImages.open(real, metrics, contenders, request.num, request.seed)
    kept, unlabelled = _with_labels(dict(side.metrics), contenders)
    odd = (*side.oddities, *unlabelled)
    if not kept:
        seen = odd[-1].message if odd else "no metric can be computed here"
        raise UnusableError(seen, "give labels (--tags FILE), or another metric")
    return EvaluatePlan(request, registry, contenders, side, kept, odd)


def _with_labels(
    metrics: dict[str, MetricRequest], contenders: Sequence[Contender]
) -> tuple[dict[str, MetricRequest], list[Oddity]]:
    """Leave out metrics of conditions where nothing says what the fakes were asked to be."""
    without = next((each.name for each in contenders if not each.labelled), None)
    if without is None:
        return metrics, []
    kept = {name: asked for name, asked in metrics.items() if not asked.cls.conditional}
    odd = [
        Oddity(f"{name}.labels", f"{name} is left out: {without} has no labels")
        for name in metrics
        if name not in kept
    ]
    return kept, odd


def real_images(
    ref: Any,
    first: Contender,
    registry: Registry,
    tags: Path | None = None,
    reading: Reading | None = None,
) -> ImageSet | Reference:
    """Return the real images: those named, else those the model was trained on.

    Where the data of bundled weights are not here, their bundled reference is used. Raises
    NotFoundError that says what was looked for.
    """
    if isinstance(ref, (ImageSet, Reference)):
        return ref
    if ref is not None:
        if str(ref).endswith(".safetensors") or str(ref) in bundled():
            return named(str(ref))
        return open_images(str(ref), first.size, registry, tags, reading)
    looked = []
    if isinstance(first, ModelContender):
        if first.run is not None:
            options = first.run.config["options"]
            tags = tags or (Path(options["tags"]) if options.get("tags") else None)
            looked.append(options["data"])
        found = of_data((first.loaded.config or {}).get("data", {}), first.size)
        if found is not None and not (looked and Path(looked[0]).exists()):
            return found
    for where in [*looked, DEFAULT_DATA]:
        if Path(where).exists() or ":" in where:
            return open_images(where, first.size, registry, tags, reading)
    raise NotFoundError(
        f"no real images to compare {first.name} with: looked for"
        f" {', '.join([*looked, DEFAULT_DATA])}",
        "name them: --ref DIR",
        code="data.not_found",
    )
