"""The work of an evaluation of translators: each target's pictures through each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from animekit import device as devices
from animekit.errors import UsageError
from animekit.evaluation.fakes import SetContender
from animekit.evaluation.image_set import ImageSet, Oddity
from animekit.evaluation.number_names import number_names
from animekit.evaluation.plan import EvaluatePlan
from animekit.evaluation.reals import RealImages
from animekit.evaluation.request import StageProgress
from animekit.evaluation.result import Column, Evaluation, Row, Value
from animekit.evaluation.translators.numbers import OF_LABELS, STEMS, OwnNumbers, own_numbers
from animekit.evaluation.translators.pictures import (
    TargetPictures,
    TranslatorData,
    open_directions,
    open_labels,
)
from animekit.evaluation.translators.plan import TranslatorOutline
from animekit.evaluation.translators.result import (
    UNTOUCHED,
    Pairs,
    TranslatorEvaluation,
    means,
    sheets,
    united,
)
from animekit.models.movement import Passed, passed
from animekit.models.readings import reader_of
from animekit.runs.run import Loaded

FEWEST = 4  # pictures of a target below which it has no floor
MeasureImages = Callable[[EvaluatePlan], Evaluation]


def measure_translators(
    plan: TranslatorOutline, run: MeasureImages, progress: StageProgress
) -> TranslatorEvaluation:
    """Open the pictures and measure; `run` computes metrics, as of any pictures."""
    return _Measuring(plan, run, progress).all()


@dataclass
class _Measuring:
    """The work: each target's pictures through each translator, and all numbers of them."""

    plan: TranslatorOutline
    run: MeasureImages
    progress: StageProgress
    rows: list[Row] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    odd: dict[str, list[Oddity]] = field(default_factory=dict)
    pairs: list[Pairs] = field(default_factory=list)
    counts: list[tuple[str, int, int, int]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def all(self) -> TranslatorEvaluation:
        """Measure every target, and hold all of it against the gates."""
        plan = self.plan
        first = plan.translators[0]
        untrained = first.run is None and (first.config or {}).get("part") == "average"
        model: Any = first.model
        labelled = not model.directions
        self.reader = (
            reader_of(model, model.spec, plan.registry, untrained=untrained) if labelled else None
        )
        found = self._open()
        self.columns = [Column("real vs real", "real", {}, found.facts)]
        for name, each in zip(plan.names, plan.translators, strict=True):
            self.columns.append(Column(name, "translated", {}, _facts(each, plan.size)))
        self.columns.append(Column(UNTOUCHED, "source", {}, {"kind": "images", **found.facts}))
        for pictures in found.pictures:
            self._measure(pictures)
        return self._together(found)

    def _open(self) -> TranslatorData:
        plan, request = self.plan, self.plan.request

        def reading(done: int, total: int) -> None:
            self.progress("reading", done / max(total, 1))

        first = plan.translators[0]
        if len(plan.places) == 2:
            return open_directions(
                plan.places, plan.targets, plan.size, request, plan.registry, reading
            )
        if plan.size != first.model.spec.size:
            raise UsageError("--size is for translators of two sets", "leave it out")
        return open_labels(
            first, plan.places[0], plan.targets, self.reader, request, plan.registry, reading
        )

    def _measure(self, pictures: TargetPictures) -> None:
        """Put the pictures of a target through each translator, and add its numbers."""
        name, plan = pictures.target.name, self.plan
        made, through = [], []
        for each in plan.translators:
            words = f"{name}: translating"
            model: Any = each.model

            def told(share: float, words: str = words) -> None:
                self.progress(words, share)

            before, own = pictures.before, pictures.own
            asked = pictures.arguments(before)
            made.append(passed(model, pictures.sources, asked, before, progress=told))
            asked = pictures.arguments(own)
            limit = slice(0, max(len(pictures.sources), FEWEST))
            asked = asked if isinstance(asked, str) else asked[limit]
            through.append(passed(model, pictures.targets[limit], asked, back=False))
        found = own_numbers(
            pictures,
            made,
            through,
            reader=self.reader,
            targets=plan.targets,
            registry=plan.registry,
        )
        self.odd.setdefault(name, []).extend(found.oddities)
        for stem, cells in found.values.items():
            better, definition, _ = STEMS[stem]
            if stem in OF_LABELS:
                definition += f"; {self.reader.words if self.reader else 'nobody'} reads"
            self._add(f"{stem}_{name}", stem, better, definition, cells)
        used = self._distances(pictures, made)
        self.counts.append((name, len(pictures.sources), len(pictures.targets), used))
        self.pairs.append(self._pairs(pictures, made[0], found))

    def _add(
        self, key: str, metric: str, better: str, definition: str, cells: Sequence[Value]
    ) -> None:
        self.rows.append(Row(key, metric, better, definition))
        for column, value in zip(self.columns, cells, strict=True):
            column.values[key] = value

    def _distances(self, pictures: TargetPictures, made: list[Passed]) -> int:
        """Add what metrics say of results beside real pictures; return how many are compared."""
        plan, name = self.plan, pictures.target.name
        if len(pictures.targets) < FEWEST or len(pictures.sources) < 2:
            few = f"too few: {len(pictures.targets)} of {pictures.target.words}"
            none = Value(None, reason=f"{few}, {len(pictures.sources)} others")
            for each, asked in plan.metrics.items():
                for key in number_names(asked, plan.size, plan.registry) or [each]:
                    cells = [none] * len(self.columns)
                    self._add(f"{key}_{name}", each, asked.cls.better, "", cells)
            return 0
        images = [each.made for each in made] + [pictures.sources]
        names = [*plan.names, UNTOUCHED]
        sets = tuple(
            SetContender(ImageSet(each, pixels, facts={"size": plan.size}))
            for each, pixels in zip(names, images, strict=True)
        )
        request = replace(plan.request, fail_if=(), illustrate=False)
        real = ImageSet(pictures.target.words, pictures.targets)
        side = RealImages.open(real, plan.metrics, sets, request.num, request.seed)
        odd = [each for each in side.oddities if each.code != "data.duplicates"]
        left = dict(side.left_out)
        found = self.run(
            EvaluatePlan(request, plan.registry, sets, side, plan.metrics, left, {}, tuple(odd))
        )
        self.odd.setdefault(name, []).extend(found.oddities)
        for row in found.rows:
            cells = [column.values[row.key] for column in found.columns]
            self._add(f"{row.key}_{name}", row.metric, row.better, row.definition, cells)
        for metric, seconds in found.seconds.items():
            self.seconds[metric] = self.seconds.get(metric, 0.0) + seconds
        return side.count

    def _pairs(self, pictures: TargetPictures, made: Passed, found: OwnNumbers) -> Pairs:
        order = np.argsort(-found.ranks, kind="stable")
        shown = [pictures.sources, made.made] + ([] if made.back is None else [made.back])
        table: dict[str, list[object]] = {"picture": [pictures.names[row] for row in order]}
        for key in ("moved", "cycle", "structure"):
            values = getattr(made, key)
            if values is not None:
                table[key] = [round(float(values[row]), 5) for row in order]
        images = np.stack(shown, 1)[order]
        return Pairs(pictures.target.name, pictures.target.words, images, table)

    def _together(self, found: TranslatorData) -> TranslatorEvaluation:
        plan, request = self.plan, self.plan.request
        targets = tuple(target.name for target in plan.targets)
        stems = means(self.rows, self.columns, targets) if len(targets) > 1 else []
        fewest = min((used for *_, used in self.counts), default=0)
        words = ", ".join(f"{name} {used:,}" for name, _, _, used in self.counts[:3])
        shown = [each for each in self.pairs if len(each.images)]
        result = TranslatorEvaluation(
            [*self.rows, *stems],
            self.columns,
            [*found.oddities, *united(self.odd)],
            {},
            {
                "animekit": version("animekit"),
                "n": fewest,
                "n_is": f"of distances; {words}{', ...' if len(self.counts) > 3 else ''}",
                "repeats": request.repeats,
                "seed": request.seed,
                "size": plan.size,
                "real": found.facts,
                "fakes": [column.facts for column in self.columns[1:-1]],
                "metrics": {name: dict(each.values) for name, each in plan.metrics.items()},
                "targets": [
                    {"target": name, "sources": n, "real": m, "compared": used}
                    for name, n, m, used in self.counts
                ],
                "threads": torch.get_num_threads(),
                "environment": devices.environment(),
            },
            sheets(shown, self.columns[1].name) if request.illustrate else [],
            seconds=self.seconds,
            run=plan.runs[0],
            targets=targets,
            stems=tuple(row.key for row in stems),
            counts={name: n for name, n, _, _ in self.counts},
        )
        result.check(request.fail_if)
        return result


def _facts(loaded: Loaded, size: int) -> dict[str, Any]:
    return {
        "kind": "model",
        "name": loaded.name,
        "model": loaded.model.name,
        "step": loaded.step,
        "sha256": loaded.sha256,
        "run": None if loaded.run is None else loaded.run.id,
        "size": size,
    }
