"""The real side of an evaluation: images that are here, or a reference that remembers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from animekit.errors import UnusableError
from animekit.evaluation import image_set
from animekit.evaluation.advice import FEW
from animekit.evaluation.fakes import Contender, Drawn, SetContender, asked_labels
from animekit.evaluation.image_set import ImageSet, LabelTable, Oddity
from animekit.evaluation.metric import Metric, MetricContext, numbers_of
from animekit.evaluation.reference import Reference
from animekit.evaluation.request import MetricRequest
from animekit.evaluation.result import Numbers, Value, summarise
from animekit.seeds import derive_seed

MOST = 10_000  # images by default
UNDEFINED = ("metric.undefined", "metric.count", "metric.size")
"""Codes of errors that leave one metric without numbers, and the others alone."""


class RealSide(Protocol):
    """Real images as an evaluation needs them."""

    @property
    def count(self) -> int:
        """How many images are compared."""

    @property
    def why(self) -> str:
        """Why so many, and how to use all."""

    @property
    def metrics(self) -> Mapping[str, MetricRequest]:
        """The metrics that can be computed."""

    @property
    def left_out(self) -> Mapping[str, Oddity]:
        """The others, each with its reason."""

    @property
    def oddities(self) -> Sequence[Oddity]:
        """What a reader of the numbers should know."""

    @property
    def asked(self) -> LabelTable | None:
        """Labels of real images, to draw conditions from as often as they occur there."""

    @property
    def labels(self) -> np.ndarray | None:
        """Labels uint8 [M, 23] of the real images, where they are known."""

    def metric(self, asked: MetricRequest, seed: int, context: MetricContext) -> Metric:
        """Return the metric of a repeat."""

    def prepared(self, metric: Metric, repeat: int) -> Any:
        """Return the real side of a metric."""

    def floor(self, metric: Metric, prepared: Any, repeat: int) -> Numbers:
        """Return the numbers of real images against others."""

    def floors(self, keys: Sequence[str], found: list[Numbers]) -> dict[str, Value]:
        """Return what real images get by these keys, from the floors of all repeats."""

    def shown(self) -> np.ndarray | None:
        """Return the first repeat's real images uint8 [n, 3, S, S], if they are here."""

    def record(self) -> dict[str, Any]:
        """Return what the real images are, for the record."""


def attempt(metric: Metric, real: Any, drawn: Drawn) -> Numbers:
    """Return the numbers of a metric, or why they are undefined."""
    images, table = drawn
    try:
        more = (labels_for(metric, table),) if metric.conditional else ()
        return numbers_of(metric, metric.compute(real, images, *more))
    except UnusableError as error:
        return undefined(error)


def labels_for(metric: Metric, table: LabelTable | None) -> np.ndarray | None:
    """Return what images were asked to be, uint8 [N, K], as a metric reads it."""
    return None if table is None else table.columns(metric.reads)


def undefined(error: UnusableError) -> UnusableError:
    """Return an error that leaves one metric without numbers; raise any other again."""
    if error.code not in UNDEFINED:
        raise error
    return error


@dataclass(frozen=True)
class RealImages:
    """Images that are here; each repeat splits them anew into two halves."""

    images: ImageSet
    seed: int
    count: int
    half: int
    why: str
    metrics: Mapping[str, MetricRequest]
    left_out: Mapping[str, Oddity]
    oddities: tuple[Oddity, ...]
    asked: LabelTable | None = None

    @classmethod
    def open(
        cls,
        images: ImageSet,
        metrics: Mapping[str, MetricRequest],
        contenders: Sequence[Contender],
        num: int | None = None,
        seed: int = 0,
    ) -> RealImages:
        """Take as many images as both sides have; the floor comes from two halves."""
        limits = [each.limit for each in contenders if each.limit is not None]
        most = min([len(images), *limits])
        middle = len(images) // 2
        count = min(num, most) if num is not None else min(MOST, most, max(middle, 1))
        half = min(count, middle)
        why = _why(count, most, len(images), num)
        left = _too_few(metrics, count)
        kept = {name: asked for name, asked in metrics.items() if name not in left}
        odd = [*images.oddities, *_odd_counts(count, half, num)]
        for each in contenders:
            if isinstance(each, SetContender):
                odd += [*each.images.oddities, *image_set.compare(images, each.images)]
        return cls(images, seed, count, half, why, kept, left, tuple(odd), asked_labels(images))

    @property
    def labels(self) -> np.ndarray | None:
        """Labels uint8 [M, 23] of the real images, where they are known."""
        return self.images.labels

    def _rows(self, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the real side, and those of the floor's other side."""
        rng = np.random.default_rng(derive_seed(self.seed, "halves", repeat))
        order = rng.permutation(len(self.images))
        return np.sort(order[: self.count]), np.sort(order[-self.half :])

    def metric(self, asked: MetricRequest, seed: int, context: MetricContext) -> Metric:
        """Return the metric with the seed of the repeat."""
        return asked.metric(seed, context)

    def prepared(self, metric: Metric, repeat: int) -> Any:
        """Return the real side of a metric; UnusableError where it is undefined."""
        if not metric.uses_real:
            return None
        return metric.prepare(self.images.take(self._rows(repeat)[0])[0])

    def floor(self, metric: Metric, prepared: Any, repeat: int) -> Numbers:
        """Return the numbers of images that are not among the real side's."""
        if self.half < metric.fewest:
            seen = f"{self.half} real images are left for it, {metric.fewest} are needed"
            return UnusableError(seen, code="metric.count")
        rows, others = self._rows(repeat)
        held, labels = self.images.take(others)
        if metric.conditional and labels is None:
            return UnusableError("the real images have no labels", code="metric.labels")
        if metric.uses_real and self.half < self.count:
            apart = np.setdiff1d(rows, others)[: self.half]
            try:
                prepared = metric.prepare(self.images.take(apart)[0])
            except UnusableError as error:
                return undefined(error)
        return attempt(metric, prepared, (held, labels))

    def floors(self, keys: Sequence[str], found: list[Numbers]) -> dict[str, Value]:
        """Return what real images get by these keys, from the floors of all repeats."""
        return summarise(found, self.half, keys)

    def shown(self) -> np.ndarray | None:
        """Return the real images of the first repeat."""
        return self.images.take(self._rows(0)[0])[0]

    def record(self) -> dict[str, Any]:
        """Return the path and the content's hash."""
        return {"kind": "images", "name": self.images.name, **self.images.facts}


def _why(count: int, most: int, real: int, num: int | None) -> str:
    """Say why so many images are compared, and how to use all."""
    every = f"; --num {most} uses all" if most > count else ""
    if num is not None:
        return "as asked" if count == num else f"{num:,} were asked for, no more are there"
    if count == min(MOST, real // 2):
        what = f"half of the {real:,} real ones, as many are left for real vs real"
        return f"{'the most without --num' if count == MOST else what}{every}"
    return f"all of the fakes; {real:,} real ones are there" if count == most else f"few{every}"


def _odd_counts(count: int, half: int, num: int | None) -> list[Oddity]:
    """Say what is odd about the numbers of images of the two sides, and of the floor's."""
    odd = []
    if num is not None and count < num:
        odd.append(Oddity("data.fewer", f"n is {count:,}, not {num:,}: no more are there"))
    if half < count:
        odd.append(
            Oddity(
                "floor.smaller",
                f"real against real has {half:,} images a side, the fakes {count:,}: fewer images"
                f" give a higher floor; --num {half} makes them equal",
            )
        )
    if count < FEW:
        odd.append(Oddity("data.few", f"{count:,} images a side: the numbers are rough"))
    return odd


def _too_few(metrics: Mapping[str, MetricRequest], count: int) -> dict[str, Oddity]:
    """Return the metrics that need more images, each with its reason."""
    return {
        name: Oddity(
            "metric.count",
            f"{name} needs {asked.cls.fewest} images a side, there are {count}: it is left out",
        )
        for name, asked in metrics.items()
        if count < asked.cls.fewest
    }


@dataclass(frozen=True)
class RealReference:
    """A reference file: its images are gone, and so count and parameters are fixed."""

    reference: Reference
    metrics: Mapping[str, MetricRequest]
    left_out: Mapping[str, Oddity]
    oddities: tuple[Oddity, ...]
    asked: LabelTable | None = None
    labels: np.ndarray | None = None

    @classmethod
    def open(
        cls,
        reference: Reference,
        metrics: Mapping[str, MetricRequest],
        contenders: Sequence[Contender],
        num: int | None = None,
    ) -> RealReference:
        """Take as many images as the reference had; leave out what it has nothing for."""
        odd = []
        if num is not None and num != reference.count:
            said = (
                f"n is {reference.count:,}, as in the reference {reference.name}, not {num:,}: its"
                " statistics hold for that many alone; sooner: real images and --quick (--ref DIR),"
                " or --repeats 1"
            )
            odd.append(Oddity("data.count", said))
        for each in contenders:
            _check_fits(each, reference)
        kept = {name: asked for name, asked in metrics.items() if name in reference.metrics}
        left = {
            name: Oddity("reference.lacks", f"{reference.lacks(name).message}: it is left out")
            for name in metrics
            if name not in kept
        }
        return cls(reference, kept, left, tuple(odd))

    @property
    def count(self) -> int:
        """How many images the reference was made of."""
        return self.reference.count

    @property
    def why(self) -> str:
        """Why so many: the reference has them."""
        return "as in the reference"

    def metric(self, asked: MetricRequest, seed: int, context: MetricContext) -> Metric:
        """Return the metric with the parameters of the reference."""
        return self.reference.metric(asked.cls, context)

    def prepared(self, metric: Metric, repeat: int) -> Any:
        """Return the real side of a metric."""
        return self.reference.prepared(metric)

    def floor(self, metric: Metric, prepared: Any, repeat: int) -> Numbers:
        """Return nothing: the numbers are known."""
        return {}

    def floors(self, keys: Sequence[str], found: list[Numbers]) -> dict[str, Value]:
        """Return what real images got by these keys when the reference was made."""
        lacks = f"reference {self.reference.name} has no such number"
        lacking = {"value": None, "n": self.count, "reason": lacks}
        facts = {key: self.reference.floor.get(key, lacking) for key in keys}
        return {
            key: Value(
                value=each["value"],
                sd=each.get("sd"),
                n=each["n"],
                repeats=each.get("repeats", 1),
                reason=each.get("reason"),
            )
            for key, each in facts.items()
        }

    def shown(self) -> np.ndarray | None:
        """Return nothing: a reference holds no picture."""
        return None

    def record(self) -> dict[str, Any]:
        """Return the name, the data and the count of the reference."""
        have = self.reference
        return {"kind": "reference", "name": have.name, "n": have.count, **have.data}


def _check_fits(each: Contender, reference: Reference) -> None:
    """Refuse images of another size than those of a reference, and too few of them."""
    have, hint = reference, "give real images: --ref DIR"
    if have.size != each.size:
        problem = f"has images of {each.size} px, reference {have.name} of {have.size} px"
        hint += f", or write the reference again with --size {each.size}"
    elif each.limit is not None and each.limit < have.count:
        problem = f"has {each.limit:,} images, reference {have.name} needs {have.count:,}"
    else:
        return
    raise UnusableError(f"{each.name} {problem}", hint, code="metric.count")
