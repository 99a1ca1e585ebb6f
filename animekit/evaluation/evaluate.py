"""Evaluation: real images against fakes by every metric, with a floor, repeats and a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from animekit import plugins
from animekit.device import environment, thread_count
from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.evaluation import collapse
from animekit.evaluation.fakes import Contender, Drawn, ModelContender, SetContender, contender
from animekit.evaluation.image_set import ImageSet, Oddity, open_images
from animekit.evaluation.metric import Exhibit, Metric
from animekit.evaluation.reals import MOST, Numbers, RealImages, RealReference, RealSide, attempt
from animekit.evaluation.reference import Reference, bundled, named, of_data
from animekit.evaluation.request import Wish, wishes
from animekit.evaluation.result import Column, Evaluation, Row, Value, summarise
from animekit.plugins import Registry

__all__ = ["Evaluation", "evaluate", "make_reference"]

DEFAULT_DATA = "data/faces"
Progress = Callable[[str, float], None]
"""Told what is going on, and the share of it that is done."""


def evaluate(
    model: Any = None,
    ref: Any = None,
    *,
    metrics: Sequence[str] | str | None = None,
    num: int | None = None,
    repeats: int = 3,
    seed: int = 0,
    size: int | None = None,
    tags: Path | None = None,
    ref_tags: Path | None = None,
    versus: Sequence[Any] = (),
    params: Mapping[str, Any] | None = None,
    checkpoint: str | int = "best",
    truncation: float | None = None,
    illustrate: bool = True,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a model or a set of images against real ones.

    `model` is a run, a checkpoint, weights, a folder of images, or None for the newest run;
    `ref` the real images (a folder, a data set, a reference file), by default the data that the
    model was trained on. Without `metrics` those are used that need no download; "all" has those
    too that say little. `num` images of
    each side are compared, by default as many as the real ones can give twice, so that the floor
    of real against real has the same number. `params` are such as {"swd.patches": 64}.
    """
    registry = registry if registry is not None else plugins.load()
    if repeats < 1 or (num is not None and num < 2):
        raise UsageError("an evaluation needs --repeats 1 and --num 2, or more of them")
    plan = wishes(registry, metrics, params or {})
    tell = progress or (lambda words, share: None)
    opened = [
        each
        if isinstance(each, (ModelContender, SetContender))
        else contender(
            each,
            registry,
            size=size,
            tags=tags,
            checkpoint=checkpoint if index == 0 else "best",
            truncation=truncation,
            progress=_counting(tell, "reading"),
        )
        for index, each in enumerate([model, *versus])
    ]
    _same_size(opened)
    real = real_side(ref, opened[0], registry, ref_tags, _counting(tell, "reading"))
    side: RealSide = RealReference(real) if isinstance(real, Reference) else RealImages(real, seed)
    settled = side.settle(plan, opened, num)
    job = Job(settled.plan, opened, side, repeats, seed, settled.count, tell, settled.oddities)
    return job.run(illustrate=illustrate)


def real_side(
    ref: Any,
    first: Contender,
    registry: Registry,
    tags: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
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
        return open_images(str(ref), first.size, registry, tags, progress)
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
            return open_images(where, first.size, registry, tags, progress)
    raise NotFoundError(
        f"no real images to compare {first.name} with: looked for"
        f" {', '.join([*looked, DEFAULT_DATA])}",
        "name them: --ref DIR",
        code="data.not_found",
    )


def _counting(tell: Progress, words: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(words, done / max(total, 1))


def _sharing(tell: Progress, words: str) -> Callable[[float], None]:
    return lambda share: tell(words, share)


def _same_size(opened: Sequence[Contender]) -> None:
    if len({each.size for each in opened}) > 1:
        seen = ", ".join(f"{each.name} {each.size} px" for each in opened)
        raise UnusableError(f"images of different sizes cannot be compared: {seen}", "--size 64")


@dataclass
class Job:
    """One evaluation: every metric on the real side and on each contender."""

    plan: dict[str, Wish]
    opened: Sequence[Contender]
    side: RealSide
    repeats: int
    seed: int
    count: int
    tell: Progress
    oddities: list[Oddity] = field(default_factory=list)
    found: dict[str, list[list[Numbers]]] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, *, illustrate: bool = True) -> Evaluation:
        """Compute everything and put it together."""
        self._leave_out_conditional()
        self.found = {name: [[] for _ in range(len(self.opened) + 1)] for name in self.plan}
        self.seconds = dict.fromkeys(self.plan, 0.0)
        exhibits: list[tuple[str, Exhibit]] = []
        for repeat in range(self.repeats):
            drawn = [self._draw(each, repeat) for each in self.opened]
            for name in self.plan:
                began = time.monotonic()
                metric = self._measure(name, drawn, repeat)
                if illustrate and repeat == 0:
                    exhibits += self._illustrate(metric, drawn)
                self.seconds[name] += time.monotonic() - began
        return self._together(exhibits)

    def _measure(self, name: str, drawn: list[Drawn], repeat: int) -> Metric:
        metric = self.side.metric(self.plan[name], self.seed + repeat)
        metric.progress = _sharing(self.tell, self._words(name, repeat))
        self.definitions.setdefault(name, metric.definition(self.count))  # that of repeat 0
        try:
            prepared = self.side.prepared(metric, repeat)
        except UnusableError as error:
            if error.code != "metric.undefined":
                raise
            numbers: list[Numbers] = [error.message] * (len(drawn) + 1)
        else:
            numbers = [self.side.floor(metric, prepared, repeat)]
            numbers += [attempt(metric, prepared, each) for each in drawn]
        for place, each in enumerate(numbers):
            self.found[name][place].append(each)
        for warning in metric.warnings:
            self._odd(f"{name}.warning", f"{name}: {warning}")
        return metric

    def _illustrate(self, metric: Metric, drawn: list[Drawn]) -> list[tuple[str, Exhibit]]:
        real = self.side.pictures()
        if real is None and metric.uses_real:
            return []
        shown = []
        for each, (fakes, labels) in zip(self.opened, drawn, strict=True):
            found = metric.illustrate(fakes if real is None else real, fakes, labels)
            shown += [(each.name, exhibit) for exhibit in found]
        return shown

    def _words(self, name: str, repeat: int) -> str:
        return name if self.repeats == 1 else f"{name}, repeat {repeat + 1} of {self.repeats}"

    def _draw(self, each: Contender, repeat: int) -> Drawn:
        words = self._words(f"drawing {each.name}", repeat)
        return each.draw(self.count, repeat, _counting(self.tell, words))

    def _odd(self, code: str, message: str) -> None:
        if message not in [oddity.message for oddity in self.oddities]:
            self.oddities.append(Oddity(code, message))

    def _leave_out_conditional(self) -> None:
        """Drop metrics of conditions where nothing says what the fakes were asked to be."""
        without = [each.name for each in self.opened if not each.labelled]
        conditional = [name for name, wish in self.plan.items() if wish.cls.conditional]
        for name in conditional if without else ():
            del self.plan[name]
            self._odd(f"{name}.labels", f"{name} is left out: {without[0]} has no labels")
        if not self.plan:
            seen = self.oddities[-1].message if self.oddities else "no metric can be computed here"
            raise UnusableError(seen, "give labels (--tags FILE), or another metric")

    def _together(self, exhibits: list[tuple[str, Exhibit]]) -> Evaluation:
        columns = [Column("real vs real", "real", {}, self.side.record())]
        columns += [Column(each.name, "fake", {}, each.facts()) for each in self.opened]
        rows = []
        for name, wish in self.plan.items():
            real, *others = self.found[name]
            columns[0].values.update(self.side.floors(name, real))
            keys = dict.fromkeys(
                key for place in self.found[name] for each in place for key in summarise([each], 1)
            )
            for column, numbers in zip(columns[1:], others, strict=True):
                why = next((each for each in numbers if isinstance(each, str)), "not measured")
                missing = {key: Value(None, n=self.count, reason=why) for key in keys}
                column.values.update(missing | summarise(numbers, self.count))
            rows += [Row(key, name, wish.cls.better, self.definitions[name]) for key in keys]
        verdicts = {}
        for column in columns[1:]:
            seen = collapse.collapse(*columns[0].numbers(), *column.numbers())
            if seen is not None:
                verdicts[column.name] = seen
        record = self._provenance()
        return Evaluation(
            rows, columns, self.oddities, verdicts, record, exhibits, seconds=self.seconds
        )

    def _provenance(self) -> dict[str, Any]:
        metrics = {name: self.side.metric(wish, self.seed) for name, wish in self.plan.items()}
        return {
            "animekit": version("animekit"),
            "n": self.count,
            "repeats": self.repeats,
            "seed": self.seed,
            "size": self.opened[0].size,
            "real": self.side.record(),
            "fakes": [each.facts() for each in self.opened],
            "metrics": {
                name: each.params.model_dump(mode="json") for name, each in metrics.items()
            },
            "threads": thread_count(None),
            "environment": environment(),
        }


def make_reference(
    ref: str,
    name: str,
    *,
    metrics: Sequence[str] | str | None = None,
    size: int | None = None,
    num: int | None = None,
    repeats: int = 3,
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    tags: Path | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Reference:
    """Return a reference of real images: their side of what can be exported.

    Its floor comes from the same number of images that are not among those.
    """
    registry = registry if registry is not None else plugins.load()
    plan = wishes(registry, metrics, params or {})
    tell = progress or (lambda words, share: None)
    real = open_images(ref, size, registry, tags, _counting(tell, "reading"))
    side = RealImages(real, seed)
    count = side.settle(plan, [SetContender(real)], num or min(MOST // 2, len(real) // 2)).count
    arrays: dict[str, dict[str, np.ndarray]] = {}
    floor: dict[str, dict[str, Any]] = {}
    kept: dict[str, dict[str, Any]] = {}
    for key, wish in plan.items():
        if wish.cls.conditional:
            continue
        metric = wish.metric(seed)
        metric.progress = _sharing(tell, key)
        prepared = side.prepared(metric, 0)
        exported = metric.export(prepared) if metric.uses_real else {}
        if exported is None:
            continue
        arrays[key], kept[key] = exported, metric.params.model_dump(mode="json")
        numbers = []
        for repeat in range(repeats):
            if repeat:
                metric = wish.metric(seed + repeat)
                prepared = side.prepared(metric, repeat)
            numbers.append(side.floor(metric, prepared, repeat))
        floor |= {
            each: {"metric": key, "value": v.value, "sd": v.spread, "n": v.n, "repeats": v.repeats}
            for each, v in summarise(numbers, count).items()
        }
    data = {"fingerprint": real.facts["fingerprint"], "images": len(real)}
    return Reference(name, count, real.facts["size"], data, kept, floor, arrays)
