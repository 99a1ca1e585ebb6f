"""What an evaluation would measure: the contenders, the real images and the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from animekit.data.places import is_here
from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.evaluation.fakes import Contender, ModelContender, contender
from animekit.evaluation.image_set import ImageSet, Oddity, open_images
from animekit.evaluation.metric import MetricContext
from animekit.evaluation.number_names import number_names, refuse_shared
from animekit.evaluation.reals import RealImages, RealReference, RealSide
from animekit.evaluation.reference import Reference, bundled, named, of_data
from animekit.evaluation.request import FACES, EvaluateRequest, MetricRequest, metric_requests
from animekit.evaluation.result import FROM_REAL
from animekit.evaluation.translators.plan import (
    TranslatorOutline,
    is_translator,
    translator_outline,
)
from animekit.gates import parse_gate
from animekit.labels.plan import COLOURS, key_of
from animekit.labels.tags import NAMES
from animekit.plugins import BUILT_IN, Registry
from animekit.runs.names import meanings
from animekit.runs.options import options_of

DEFAULT_DATA = "data/faces"
Reading = Callable[[int, int], None]


class RealPlace(NamedTuple):
    """Where real images are, and a file of their tags."""

    where: str
    tags: Path | None = None
    labels: str | None = None


@dataclass(frozen=True)
class EvaluateOutline:
    """What would be measured against what, before real images are read."""

    request: EvaluateRequest
    registry: Registry
    contenders: tuple[Contender, ...]
    real: ImageSet | Reference | RealPlace
    metrics: dict[str, MetricRequest]
    names: Mapping[str, list[str]]
    """What the numbers of each metric are called, where gates ask for some."""
    oddities: tuple[Oddity, ...] = ()

    @property
    def words(self) -> str:
        """Say in a sentence what is measured against what."""
        origins = "; ".join(each.origin for each in self.contenders)
        if isinstance(self.real, Reference):
            count = f"statistics of {self.real.count:,} real images"
            unused = f", not the folder ./{self.real.name}" if Path(self.real.name).is_dir() else ""
            if self.contenders[0].run is None and Path(DEFAULT_DATA).exists():
                unused += f", not {DEFAULT_DATA} (--ref {DEFAULT_DATA})"
            return f"{origins}, against the reference {self.real.name} ({count}){unused}"
        name = self.real.where if isinstance(self.real, RealPlace) else self.real.name
        return f"{origins}, against the real images in {name}"

    def open(self, reading: Reading | None = None) -> EvaluatePlan:
        """Read the real images and hold everything against each other.

        Raises UnusableError for images that cannot be compared, and where no metric is left and no
        gate asks for its numbers.
        """
        request, contenders, real = self.request, self.contenders, self.real
        if isinstance(real, RealPlace):
            real = open_images(
                real.where,
                contenders[0].size,
                self.registry,
                real.tags,
                reading,
                labels=real.labels,
            )
        side: RealSide
        if isinstance(real, Reference):
            side = RealReference.open(real, self.metrics, contenders, request.num)
        else:
            side = RealImages.open(real, self.metrics, contenders, request.num, request.seed)
        unlabelled = _without_labels(side.metrics, contenders)
        left = {**side.left_out, **unlabelled}
        kept = {name: asked for name, asked in self.metrics.items() if name not in left}
        if not kept and not request.gated:
            raise _nothing(self.metrics, left)
        asked = {n: a for n, a in self.metrics.items() if n in kept or a.named or request.gated}
        odd = [*self.oddities, *side.oddities]
        odd += [each for name, each in left.items() if name not in asked]
        return EvaluatePlan(
            request, self.registry, contenders, side, asked, left, self.names, tuple(odd)
        )


@dataclass(frozen=True)
class EvaluatePlan:
    """Everything that an evaluation is made of, opened and held against each other."""

    request: EvaluateRequest
    registry: Registry
    contenders: tuple[Contender, ...]
    side: RealSide
    asked: dict[str, MetricRequest]
    """The metrics that the table has rows of."""
    left_out: Mapping[str, Oddity]
    """Why there are no numbers of some metrics."""
    names: Mapping[str, list[str]]
    oddities: tuple[Oddity, ...]

    @property
    def metrics(self) -> dict[str, MetricRequest]:
        """The metrics that are computed."""
        return {name: each for name, each in self.asked.items() if name not in self.left_out}


def planned(
    contestants: Sequence[Any],
    ref: Any,
    request: EvaluateRequest,
    registry: Registry,
    reading: Reading | None = None,
    *,
    data: Any = None,
    direction: str | None = None,
    attrs: Sequence[str] = (),
) -> EvaluateOutline | TranslatorOutline:
    """Return what would be measured; what it takes and raises is of `evaluate`."""
    if data is None and not is_translator(contestants[0], registry):
        if direction is not None or attrs:
            raise UsageError("--direction and --attr are for translators", "leave them out")
        return outline(contestants, ref, request, registry, reading)
    if ref is not None:
        raise UsageError("translators are measured on --data, not on --ref", "--data A,B")
    return translator_outline(
        contestants, data, request, registry, direction=direction, attrs=attrs
    )


def outline(
    contestants: Sequence[Any],
    ref: Any,
    request: EvaluateRequest,
    registry: Registry,
    reading: Reading | None = None,
) -> EvaluateOutline:
    """Return what an evaluation would measure, and against what.

    Raises UnusableError for images of two sizes, UsageError for gates on numbers that there are
    not.
    """
    metrics = metric_requests(request, registry)
    first, *others = contestants
    newest = replace(request, checkpoint="best")  # a step of the first says nothing of others
    words = _words_read(metrics, registry)
    contenders = (
        contender(first, registry, request, reading, words),
        *(contender(each, registry, newest, reading, words) for each in others),
    )
    if len({each.size for each in contenders}) > 1:
        seen = ", ".join(f"{each.name} {each.size} px" for each in contenders)
        raise UnusableError(f"images of different sizes cannot be compared: {seen}", "--size 64")
    if request.min_faces is not None and FACES not in metrics:
        raise UsageError("--min-faces needs the metric faces", "add --faces")
    real = find_real(ref, contenders[0], request.ref_tags, words)
    names = _names(metrics, contenders[0].size, request, registry)
    odd = tuple(filter(None, map(_of_two_meanings, contestants)))
    return EvaluateOutline(request, registry, contenders, real, metrics, names, odd)


def _words_read(metrics: Mapping[str, MetricRequest], registry: Registry) -> str | None:
    """Return the words that metrics read of pictures, as --labels has them; None for colours."""
    context = MetricContext(registry=registry)
    asked = [each.metric(0, context).reads for each in metrics.values() if each.cls.conditional]
    read = {key_of(word.removeprefix("no ")) for columns in asked for word in columns}
    others = sorted(read.difference(NAMES))
    if not others:
        return None
    return ",".join([*(w for w in COLOURS if not read.isdisjoint(NAMES[COLOURS[w]])), *others])


def _of_two_meanings(word: Any) -> Oddity | None:
    """Say what a word was taken for that names something else too; None for all others."""
    found = meanings(word) if isinstance(word, str) else []
    if len(found) < 2:
        return None
    first, other, *_ = found
    return Oddity("name.meanings", f'"{word}" is taken for {first}, not for {other}')


def _names(
    metrics: Mapping[str, MetricRequest], size: int, request: EvaluateRequest, registry: Registry
) -> dict[str, list[str]]:
    """Return the names of all numbers, if gates are on some or a plugin of others has some.

    Raises UsageError for a gate on no number, PluginError where two metrics share a name.
    """
    own = all(each.cls.__module__.startswith(f"{BUILT_IN}.") for each in metrics.values())
    if not request.fail_if and (own or len(metrics) < 2):
        return {}
    names, known = {}, list[str]()
    for key, asked in metrics.items():
        names[key] = number_names(asked, size, registry)
        known += names[key]
        known += [name + FROM_REAL for name in names[key] if asked.cls.better == "real"]
    refuse_shared(names)
    for text in request.fail_if:
        try:
            parse_gate(text, known)
        except UsageError as error:
            if error.code != "gate.unknown" or all(names.values()):
                raise  # else the number may be of a metric whose names only its result tells
    return names


def _without_labels(
    metrics: Mapping[str, MetricRequest], contenders: Sequence[Contender]
) -> dict[str, Oddity]:
    """Return the metrics of conditions, if nothing says what the fakes were asked to be."""
    without = next((each.name for each in contenders if not each.words), None)
    return {
        name: Oddity(f"{name}.labels", f"{name} is left out: {without} has no labels")
        for name, asked in metrics.items()
        if asked.cls.conditional and without is not None
    }


def _nothing(metrics: Mapping[str, MetricRequest], left: Mapping[str, Oddity]) -> UnusableError:
    """Return the error that no metric is left, with the reason of the least demanding one."""
    if not left:
        return UnusableError("no metric can be computed here", "name one: animekit plugins ls")
    first = left[
        min(left, key=lambda name: (metrics[name].cls.conditional, metrics[name].cls.fewest))
    ]
    advice = {
        "metric.count": "give more images on both sides, or another metric",
        "reference.lacks": "give the real images (--ref DIR), or another metric",
    }.get(first.code, "give labels (--tags FILE), or another metric")
    return UnusableError(first.message, advice, code=first.code)


def find_real(
    ref: Any, first: Contender, tags: Path | None = None, words: str | None = None
) -> ImageSet | Reference | RealPlace:
    """Return the real images or their place: named, else what was trained on.

    Where the data of bundled weights are not here, their bundled reference is used. Labels are
    those of the run, else `words`. Raises NotFoundError that says what was looked for.
    """
    if isinstance(ref, (ImageSet, Reference)):
        return ref
    run = first.run if isinstance(first, ModelContender) else None
    options = options_of(run)
    labels = options.get("labels") or words
    if ref is not None:
        if str(ref).endswith(".safetensors") or str(ref) in bundled():
            return named(str(ref))
        return RealPlace(str(ref), tags, labels)
    looked = []
    if isinstance(first, ModelContender):
        if first.run is not None:
            tags = tags or (Path(options["tags"]) if options.get("tags") else None)
            looked += [options["data"]] if "data" in options else []
        found = of_data((first.loaded.config or {}).get("data", {}), first.size)
        if found is not None and not (looked and is_here(looked[0])):
            return found
    for where in [*looked, DEFAULT_DATA]:
        if is_here(where):
            return RealPlace(where, tags, labels)
    raise NotFoundError(
        f"no real images to compare {first.name} with: looked for"
        f" {', '.join(dict.fromkeys([*looked, DEFAULT_DATA]))}",
        "name them: --ref DIR",
        code="data.not_found",
    )
