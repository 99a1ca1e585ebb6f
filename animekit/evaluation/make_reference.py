"""The making of a reference: what metrics need of real images, without the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.device import threads
from animekit.errors import UnusableError
from animekit.evaluation.evaluate import counting, sharing
from animekit.evaluation.fakes import SetContender
from animekit.evaluation.image_set import open_images
from animekit.evaluation.metric import MetricContext
from animekit.evaluation.reals import MOST, RealImages, undefined
from animekit.evaluation.reference import Reference
from animekit.evaluation.request import (
    EvaluateRequest,
    MetricRequest,
    StageProgress,
    metric_requests,
)
from animekit.evaluation.result import summarise
from animekit.plugins import Registry


def make_reference(
    ref: str,
    name: str,
    *,
    tags: Path | None = None,
    registry: Registry | None = None,
    progress: StageProgress | None = None,
    **asked: Any,
) -> Reference:
    """Return a reference of real images: their side of what can be exported.

    Its floor comes from the same number of images that are not among those. A metric that is
    undefined for them is `left_out`, with its reason; UnusableError where all are. `asked` are
    keywords of `animekit.evaluate`: metrics, params, num, repeats, quick, seed, size, threads and
    trust_extractor.
    """
    request = EvaluateRequest.of(**asked)
    with threads(request.threads):
        return _made(ref, name, tags, request, registry, progress)


def _made(
    ref: str,
    name: str,
    tags: Path | None,
    request: EvaluateRequest,
    registry: Registry | None,
    progress: StageProgress | None,
) -> Reference:
    found = registry if registry is not None else plugins.load()
    report = progress or (lambda words, share: None)
    metrics = metric_requests(request, found)
    real = open_images(ref, request.size, found, tags, counting(report, "reading"))
    num = request.num or min(MOST // 2, len(real) // 2)
    side = RealImages.open(real, metrics, [SetContender(real)], num, request.seed)
    made = Reference(
        name,
        side.count,
        real.facts["size"],
        {"fingerprint": real.facts["fingerprint"], "images": len(real)},
        metrics={},
        floor={},
        left_out={name: odd.message for name, odd in side.left_out.items()},
    )
    for key, each in side.metrics.items():
        if each.cls.conditional:
            continue
        context = MetricContext(
            progress=sharing(report, key), registry=found, trust_extractor=request.trust_extractor
        )
        try:
            _add(made, side, each, context, request)
        except UnusableError as error:
            made.left_out[key] = undefined(error).message
    if not made.metrics:
        why = "; ".join(f"{key}: {said}" for key, said in made.left_out.items())
        raise UnusableError(
            f"{ref} has nothing that a metric could keep: {why or 'no metric keeps anything'}",
            "give other images, or other metrics",
            code="metric.undefined",
        )
    return made


def _add(
    made: Reference,
    side: RealImages,
    asked: MetricRequest,
    context: MetricContext,
    request: EvaluateRequest,
) -> None:
    """Add what one metric keeps, and its floor; UnusableError where it is undefined."""
    metric = asked.metric(request.seed, context)
    prepared = side.prepared(metric, 0)
    exported = metric.export(prepared) if metric.uses_real else {}
    if exported is None:
        return
    params, numbers = metric.params, [side.floor(metric, prepared, 0)]
    if isinstance(numbers[0], UnusableError):
        raise numbers[0]
    for repeat in range(1, request.repeats):
        metric = asked.metric(request.seed + repeat, context)
        numbers.append(side.floor(metric, side.prepared(metric, repeat), repeat))
    name = asked.cls.name
    made.arrays[name], made.metrics[name] = exported, params.model_dump(mode="json")
    made.floor.update(
        {
            number: {
                "metric": name,
                "value": v.value,
                "sd": v.spread,
                "n": v.n,
                "repeats": v.repeats,
            }
            for number, v in summarise(numbers, side.count).items()
        }
    )
