"""The real side of an evaluation: images that are here, or a reference that remembers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from animekit.errors import UnusableError
from animekit.evaluation import fakes, image_set
from animekit.evaluation.fakes import Contender, Drawn, ModelContender, SetContender
from animekit.evaluation.image_set import ImageSet, Oddity
from animekit.evaluation.metric import Metric
from animekit.evaluation.reference import Reference
from animekit.evaluation.request import Wish
from animekit.evaluation.result import Value, summarise
from animekit.seeds import derive_seed

MOST, FEW = 10_000, 1_000  # images by default; below which numbers are rough
Numbers = dict[str, float] | str
"""What a metric found, or why its numbers are undefined."""


@dataclass(frozen=True)
class Settled:
    """How many images are compared, by which metrics, and what is odd about them."""

    count: int
    plan: dict[str, Wish]
    oddities: list[Oddity]


class RealSide(Protocol):
    """Real images as an evaluation needs them."""

    def settle(
        self, plan: dict[str, Wish], opened: Sequence[Contender], num: int | None
    ) -> Settled:
        """Fix the number of images; it must be called first."""

    def metric(self, wish: Wish, seed: int) -> Metric:
        """Return the metric of a repeat."""

    def prepared(self, metric: Metric, repeat: int) -> Any:
        """Return the real side of a metric; UnusableError where it is undefined."""

    def floor(self, metric: Metric, prepared: Any, repeat: int) -> Numbers:
        """Return the numbers of real images against others."""

    def floors(self, name: str, found: list[Numbers]) -> dict[str, Value]:
        """Return what real images get, from the floors of all repeats."""

    def pictures(self) -> np.ndarray | None:
        """Return the first repeat's real images uint8 [n, 3, S, S], if they are here."""

    def record(self) -> dict[str, Any]:
        """Return what the real images are, for the record."""


def attempt(metric: Metric, real: Any, drawn: Drawn) -> Numbers:
    """Return the numbers of a metric, or why they are undefined."""
    images, labels = drawn
    try:
        if metric.conditional:
            return metric.compute(real, images, labels)
        return metric.compute(real, images)
    except UnusableError as error:
        if error.code != "metric.undefined":
            raise
        return error.message


@dataclass
class RealImages:
    """Images that are here; each repeat splits them anew into two halves."""

    images: ImageSet
    seed: int = 0
    count: int = 0
    half: int = 0

    def settle(
        self, plan: dict[str, Wish], opened: Sequence[Contender], num: int | None
    ) -> Settled:
        """Take as many images as both sides have; the floor comes from two halves."""
        limits = [each.limit for each in opened if each.limit is not None]
        most = min([len(self.images), *limits])
        odd = list(self.images.oddities)
        if num is None:
            self.count = min(MOST, most, max(len(self.images) // 2, 1))
        else:
            self.count = min(num, most)
            if self.count < num:
                odd.append(Oddity("data.fewer", f"n is {most:,}, not {num:,}: no more are there"))
        self.half = min(self.count, len(self.images) // 2)
        if self.half < self.count:
            odd.append(
                Oddity(
                    "floor.smaller",
                    f"real against real has {self.half:,} images a side, the fakes"
                    f" {self.count:,}: fewer images give a higher floor; --num {self.half} makes"
                    " them equal",
                )
            )
        if self.count < FEW:
            odd.append(Oddity("data.few", f"{self.count:,} images a side: the numbers are rough"))
        for each in opened:
            if isinstance(each, SetContender):
                odd += [*each.images.oddities, *image_set.compare(self.images, each.images)]
            elif isinstance(each, ModelContender):
                each.asked = fakes.asked_labels(self.images)
        kept, few = self._enough(plan)
        return Settled(self.count, kept, [*odd, *few])

    def _enough(self, plan: dict[str, Wish]) -> tuple[dict[str, Wish], list[Oddity]]:
        """Leave out metrics that need more images; refuse those that were named."""
        kept, odd = {}, []
        for name, wish in plan.items():
            if self.half >= wish.cls.fewest:
                kept[name] = wish
                continue
            problem = f"{name} needs {wish.cls.fewest} images a side, there are {self.half}"
            if wish.named:
                raise UnusableError(
                    problem,
                    "give more real images (--ref DIR) or leave that metric out",
                    code="metric.count",
                )
            odd.append(Oddity("metric.count", f"{problem}: it is left out"))
        return kept, odd

    def _rows(self, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the real side, and those of the floor's other side."""
        rng = np.random.default_rng(derive_seed(self.seed, "halves", repeat))
        order = rng.permutation(len(self.images))
        return np.sort(order[: self.count]), np.sort(order[-self.half :])

    def metric(self, wish: Wish, seed: int) -> Metric:
        """Return the metric with the seed of the repeat."""
        made = wish.metric(seed)
        made.real_labels = self.images.labels
        return made

    def prepared(self, metric: Metric, repeat: int) -> Any:
        """Return the real side of a metric; UnusableError where it is undefined."""
        if not metric.uses_real:
            return None
        return metric.prepare(self.images.take(self._rows(repeat)[0])[0])

    def floor(self, metric: Metric, prepared: Any, repeat: int) -> Numbers:
        """Return the numbers of images that are not among the real side's."""
        rows, others = self._rows(repeat)
        held, labels = self.images.take(others)
        if metric.conditional and labels is None:
            return {}
        if metric.uses_real and self.half < self.count:
            apart = np.setdiff1d(rows, others)[: self.half]
            prepared = metric.prepare(self.images.take(apart)[0])
        return attempt(metric, prepared, (held, labels))

    def floors(self, name: str, found: list[Numbers]) -> dict[str, Value]:
        """Return what real images get, from the floors of all repeats."""
        return summarise(found, self.half)

    def pictures(self) -> np.ndarray | None:
        """Return the real images of the first repeat."""
        return self.images.take(self._rows(0)[0])[0]

    def record(self) -> dict[str, Any]:
        """Return the path and the content's hash."""
        return {"kind": "images", "name": self.images.name, **self.images.facts}


@dataclass
class RealReference:
    """A reference file: its images are gone, and so count and parameters are fixed."""

    reference: Reference

    def settle(
        self, plan: dict[str, Wish], opened: Sequence[Contender], num: int | None
    ) -> Settled:
        """Take as many images as the reference had; leave out what it has nothing for."""
        have = self.reference
        odd = []
        if num not in (None, have.count):
            odd.append(
                Oddity("data.count", f"n is {have.count:,}, as in the reference {have.name}")
            )
        for each in opened:
            self._check(each)
        kept = {name: wish for name, wish in plan.items() if name in have.metrics}
        for name, wish in plan.items():
            if not kept:
                have.metric(wish.cls, wish.registry)  # raises, and says what there is
            if name not in kept:
                odd.append(
                    Oddity("reference.lacks", f"{name} is left out: it needs the real images")
                )
        return Settled(have.count, kept, odd)

    def _check(self, each: Contender) -> None:
        have = self.reference
        if have.size != each.size:
            problem = f"has images of {each.size} px, reference {have.name} of {have.size} px"
        elif each.limit is not None and each.limit < have.count:
            problem = f"has {each.limit:,} images, reference {have.name} needs {have.count:,}"
        else:
            return
        raise UnusableError(
            f"{each.name} {problem}", "give real images: --ref DIR", code="metric.count"
        )

    def metric(self, wish: Wish, seed: int) -> Metric:
        """Return the metric with the parameters of the reference."""
        return self.reference.metric(wish.cls, wish.registry)

    def prepared(self, metric: Metric, repeat: int) -> Any:
        """Return the real side of a metric."""
        return self.reference.prepared(metric)

    def floor(self, metric: Metric, prepared: Any, repeat: int) -> Numbers:
        """Return nothing: the numbers are known."""
        return {}

    def floors(self, name: str, found: list[Numbers]) -> dict[str, Value]:
        """Return what real images got when the reference was made."""
        return {
            key: Value(facts["value"], facts["sd"], n=facts["n"], repeats=facts["repeats"])
            for key, facts in self.reference.floor.items()
            if facts["metric"] == name
        }

    def pictures(self) -> np.ndarray | None:
        """Return nothing: a reference holds no picture."""
        return None

    def record(self) -> dict[str, Any]:
        """Return the name, the data and the count of the reference."""
        have = self.reference
        return {"kind": "reference", "name": have.name, "n": have.count, **have.data}
