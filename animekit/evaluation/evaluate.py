"""Evaluation: real images against fakes by every metric, with a floor, repeats and a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from animekit import device as devices
from animekit import plugins
from animekit.config import renamed_arguments
from animekit.errors import UnusableError
from animekit.evaluation.fakes import Contender, Drawn, ModelContender
from animekit.evaluation.image_set import Oddity
from animekit.evaluation.metric import Exhibit, Metric, MetricContext
from animekit.evaluation.number_names import number_names, refuse_shared
from animekit.evaluation.plan import EvaluateOutline, EvaluatePlan, planned
from animekit.evaluation.reals import attempt, labels_for, undefined
from animekit.evaluation.request import EvaluateRequest, StageProgress
from animekit.evaluation.result import Column, Evaluation, Numbers, Row, keys_of, summarise
from animekit.evaluation.translators.plan import TranslatorOutline
from animekit.evaluation.translators.work import measure_translators
from animekit.gates import readable
from animekit.images.look import Look
from animekit.models import collapse
from animekit.plugins import Registry

__all__ = ["Evaluation", "evaluate"]


@renamed_arguments(gpu="device")
def evaluate(
    model: Any = None,
    ref: Any = None,
    *,
    data: Any = None,
    direction: str | None = None,
    attrs: Sequence[str] = (),
    compare: Sequence[Any] = (),
    metrics: Sequence[str] | str | None = None,
    params: Mapping[str, Any] | None = None,
    num: int | None = None,
    repeats: int = 3,
    quick: bool = False,
    seed: int = 0,
    size: int | None = None,
    tags: Path | None = None,
    ref_tags: Path | None = None,
    checkpoint: str | int = "best",
    truncation: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    fail_if: Sequence[str] = (),
    min_faces: int | None = None,
    illustrate: bool = True,
    trust_extractor: bool = False,
    registry: Registry | None = None,
    progress: StageProgress | None = None,
) -> Evaluation:
    """Measure a model or a set of images against real ones, or a translator.

    `model`, and each of those to `compare` it with, is a run, a checkpoint, weights, a folder of
    images, or None for the newest run; `ref` the real images (a folder, a data set, a reference
    file), by default the model's training data. A translator takes `data`: two sets "A,B" for one
    `direction` or both, a folder with labels for `attrs`. Without `metrics` those are used that
    need no download; "all" has those too that say little. `params` are such as {"swd.patches": 64}.
    `num` images of each side are compared, else as many as the real ones can give twice; `quick`
    means 1,000, once. `trust_extractor` agrees to a TorchScript extractor, a program that runs as
    you. Gates, `fail_if` such as "swd_avg>40" and `min_faces`, are told by `failure()`.
    """
    which = {"tags": tags, "ref_tags": ref_tags, "checkpoint": checkpoint, "truncation": truncation}
    request = EvaluateRequest.of(
        quick=quick,
        metrics=metrics,
        params=params or {},
        num=num,
        repeats=repeats,
        seed=seed,
        size=size,
        device=device,
        threads=threads,
        **which,
        fail_if=tuple(fail_if),
        min_faces=min_faces,
        illustrate=illustrate,
        trust_extractor=trust_extractor,
    )
    report = progress or (lambda words, share: None)
    found, reading = registry or plugins.load(), counting(report, "reading")
    task = {"data": data, "direction": direction, "attrs": attrs}
    return measure(planned([model, *compare], ref, request, found, reading, **task), report)


def measure(found: EvaluateOutline | TranslatorOutline, progress: StageProgress) -> Evaluation:
    """Measure what an outline says, as `evaluate` does."""
    with devices.threads(found.request.threads):
        if isinstance(found, TranslatorOutline):
            return measure_translators(
                found, lambda plan: Evaluator(plan, progress).run(), progress
            )
        return Evaluator(found.open(counting(progress, "reading")), progress).run()


def taught_by(contender: Contender, metric: Metric) -> UnusableError | None:
    """Return why a metric must not judge a model: it looks through its teacher."""
    judge = metric.looks_through()
    model = contender.loaded.model if isinstance(contender, ModelContender) else None
    teacher = getattr(model, "learned_from", None)
    if judge is None or teacher is None:
        return None
    name, sha256 = teacher
    same = judge[1] == sha256 if sha256 else judge[0] == name
    option = "classifier" if metric.conditional else "extractor"
    return (
        UnusableError(
            f"{contender.name} was trained on the features of {name}, which cannot judge it",
            f"name another network: --set {metric.name}.{option}=NAME",
            code="metric.undefined",
        )
        if same
        else None
    )


def counting(report: StageProgress, words: str) -> Callable[[int, int], None]:
    """Return a function to be told how many of how many are done."""
    return lambda done, total: report(words, done / max(total, 1))


def sharing(report: StageProgress, words: str) -> Callable[[float], None]:
    """Return a function to be told the share that is done."""
    return lambda share: report(words, share)


@dataclass
class Evaluator:
    """Computes a plan: every metric on the real side and on each contender."""

    plan: EvaluatePlan
    report: StageProgress
    oddities: list[Oddity] = field(default_factory=list)
    columns: int = 0
    looks: list[Look | None] = field(default_factory=list)
    found: dict[str, list[list[Numbers]]] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> Evaluation:
        """Compute everything, put it together and hold it against the gates."""
        plan = self.plan
        self.oddities = list(plan.oddities)
        self.columns = len(plan.contenders) + 1
        self.found = {name: [[] for _ in range(self.columns)] for name in plan.metrics}
        self.seconds = dict.fromkeys(plan.metrics, 0.0)
        exhibits: list[tuple[str, Exhibit]] = []
        for repeat in range(plan.request.repeats if plan.metrics else 0):
            drawn = [self._draw(each, repeat) for each in plan.contenders]
            if repeat == 0 and collapse.TOLD_BY & plan.metrics.keys():
                self._look(drawn)
            for name in plan.metrics:
                began = time.monotonic()
                metric = self._measure(name, drawn, repeat)
                if plan.request.illustrate and repeat == 0:
                    exhibits += self._illustrate(metric, drawn)
                self.seconds[name] += time.monotonic() - began
        result = self._together(exhibits)
        if not plan.request.gated and not result.columns[1].numbers()[0]:
            self._refuse()
        result.check(plan.request.fail_if)
        if plan.request.min_faces is not None:
            result.check_faces(plan.request.min_faces)
        return result

    def _measure(self, name: str, drawn: list[Drawn], repeat: int) -> Metric:
        side = self.plan.side
        metric = self._metric(name, repeat)
        self.definitions.setdefault(name, metric.definition(side.count))  # that of repeat 0
        try:
            prepared = side.prepared(metric, repeat)
        except UnusableError as error:
            numbers: list[Numbers] = [undefined(error)] * (len(drawn) + 1)
        else:
            numbers = [side.floor(metric, prepared, repeat)]
            for contender, fakes in zip(self.plan.contenders, drawn, strict=True):
                biased = taught_by(contender, metric)
                numbers.append(biased or attempt(metric, prepared, fakes))
                if biased:
                    self._warn(name, f"{biased.message}; {biased.hint}")
        for place, each in enumerate(numbers):
            self.found[name][place].append(each)
        for warning in metric.warnings:
            self._warn(name, warning)
        return metric

    def _refuse(self) -> None:
        """Raise what a metric said of images that none of the metrics can use."""
        for places in self.found.values():
            for each in places[1]:
                if isinstance(each, UnusableError) and each.code != "metric.undefined":
                    raise each

    def _metric(self, name: str, repeat: int) -> Metric:
        plan = self.plan
        context = MetricContext(
            progress=sharing(self.report, self._words(name, repeat)),
            warn=lambda text: self._warn(name, text),
            registry=plan.registry,
            real_labels=plan.side.labels,
            asked=tuple(dict.fromkeys(word for each in plan.contenders for word in each.words)),
            trust_extractor=plan.request.trust_extractor,
        )
        return plan.side.metric(plan.metrics[name], plan.request.seed + repeat, context)

    def _illustrate(self, metric: Metric, drawn: list[Drawn]) -> list[tuple[str, Exhibit]]:
        real = self.plan.side.shown()
        if real is None and metric.uses_real:
            return []
        exhibits = []
        for each, (fakes, table) in zip(self.plan.contenders, drawn, strict=True):
            labels = labels_for(metric, table) if metric.conditional else None
            try:
                found = metric.illustrate(fakes if real is None else real, fakes, labels)
            except UnusableError as error:
                undefined(error)  # its numbers say why there is no picture
                continue
            exhibits += [(each.name, exhibit) for exhibit in found]
        return exhibits

    def _words(self, name: str, repeat: int) -> str:
        repeats = self.plan.request.repeats
        return name if repeats == 1 else f"{name}, repeat {repeat + 1} of {repeats}"

    def _draw(self, each: Contender, repeat: int) -> Drawn:
        reading = counting(self.report, self._words(f"drawing {each.name}", repeat))
        return each.draw(self.plan.side.count, repeat, reading, self.plan.side.asked)

    def _warn(self, name: str, text: str) -> None:
        message = f"{name}: {text}"
        if message not in [oddity.message for oddity in self.oddities]:
            self.oddities.append(Oddity(f"{name}.warning", message))

    def _together(self, exhibits: list[tuple[str, Exhibit]]) -> Evaluation:
        plan, side = self.plan, self.plan.side
        columns = [Column("real vs real", "real", {}, side.record())]
        columns += [Column(each.name, "fake", {}, each.facts()) for each in plan.contenders]
        rows: list[Row] = []
        given: dict[str, Sequence[str]] = {}
        for name, asked in plan.asked.items():
            places = self._places(name)
            keys = self._keys(name, places)
            given[name] = keys
            refuse_shared(given)
            columns[0].values.update(side.floors(keys, places[0]))
            for column, numbers in zip(columns[1:], places[1:], strict=True):
                column.values.update(summarise(numbers, side.count, keys))
            definition = self.definitions.get(name, "")
            rows += [Row(key, name, asked.cls.better, definition) for key in keys]
        return Evaluation(
            rows,
            columns,
            self.oddities,
            self._verdicts(columns),
            self._provenance(),
            exhibits,
            seconds=self.seconds,
            run=plan.contenders[0].run,
        )

    def _verdicts(self, columns: list[Column]) -> dict[str, collapse.Verdict]:
        """Return what is said of each contender, where any number tells."""
        verdicts = {}
        for place, each in enumerate(self.plan.contenders):
            seen = collapse.collapse(
                *columns[0].numbers(),
                *columns[place + 1].numbers(),
                look=self.looks[place + 1] if self.looks else None,
                real_look=self.looks[0] if self.looks else None,
                training=each.training(),
            )
            if seen is not None:
                verdicts[each.name] = seen
        return verdicts

    def _look(self, drawn: list[Drawn]) -> None:
        """Look at the pictures of the first repeat, for what is said of them."""
        real = self.plan.side.shown()
        sides = [real, *(fakes for fakes, _ in drawn)]
        self.looks = [None if side is None else Look.of(side) for side in sides]

    def _places(self, name: str) -> list[list[Numbers]]:
        """Return what a metric found, by column and repeat; of one left out, why."""
        if name in self.found:
            return self.found[name]
        odd = self.plan.left_out[name]
        return [[UnusableError(odd.message, code=odd.code)] for _ in range(self.columns)]

    def _keys(self, name: str, places: list[list[Numbers]]) -> list[str]:
        """Return the keys of a metric's rows: never none, whatever it found."""
        plan, found = self.plan, keys_of(each for place in places for each in place)
        if found:  # and what gates ask for, which other pictures would have
            names = plan.names.get(name, [])
            gates = {each.key for each in readable(plan.request.fail_if, names)}
            return list(dict.fromkeys([*found, *(key for key in names if key in gates)]))
        names = plan.names.get(name) or number_names(
            plan.asked[name], plan.contenders[0].size, plan.registry
        )
        return names or [name]

    def _provenance(self) -> dict[str, Any]:
        plan, request = self.plan, self.plan.request
        return {
            "animekit": version("animekit"),
            "n": plan.side.count,
            "n_is": plan.side.why,
            "repeats": request.repeats,
            "seed": request.seed,
            "size": plan.contenders[0].size,
            "real": plan.side.record(),
            "fakes": [each.facts() for each in plan.contenders],
            "metrics": {
                name: self._metric(name, 0).params.model_dump(mode="json") for name in plan.metrics
            },
            "threads": torch.get_num_threads(),
            "environment": devices.environment(),
        }
