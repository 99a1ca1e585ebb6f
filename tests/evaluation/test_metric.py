"""The contract of a metric: what an evaluation hands to it, also to one written for 0.1.0."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from animekit.config import Params
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.metric import Exhibit, Metric, MetricContext, build_metric
from animekit.plugins import PluginSource, Registry
from tests.evaluation.support import drawn


class Brightness(Metric):
    """Mean brightness of the fakes."""

    name = "brightness"
    uses_real = False

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        self.context.progress(0.5)
        self.context.warn(f"{len(self.context.plugins().all('metric'))} metrics are known")
        return {"brightness": float(fake.mean())}


class Earlier(Metric):
    """A metric as one was written for 0.1.0."""

    name = "earlier"

    def __init__(self, params: Params | None = None) -> None:
        super().__init__(params)
        self.least = 2

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        self.warnings = []
        self.progress(0.5)
        assert self.registry is not None
        self.warnings.append("its numbers are rough")
        return {"earlier": float(fake.mean()) - float(real.mean())}

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        counts = None if self.real_labels is None else self.real_labels.sum(0).tolist()
        return [Exhibit("counts", "labels of the data", table={"count": counts or []})]


def registry_of(*metrics: type[Metric]) -> Registry:
    found = Registry()
    for cls in metrics:
        found.add("metric", cls, PluginSource("tests", "tests", "0"))
    return found


@pytest.mark.parametrize(
    ("cls", "warning"),
    [
        (Brightness, "brightness: 1 metrics are known"),
        (Earlier, "earlier: its numbers are rough"),
    ],
)
def test_an_evaluation_hands_a_metric_its_context(cls: type[Metric], warning: str) -> None:
    told: list[tuple[str, float]] = []
    found = evaluate(
        drawn(40, seed=1),
        drawn(80, labelled=True),
        metrics=[cls.name],
        repeats=1,
        registry=registry_of(cls),
        progress=lambda words, share: told.append((words, share)),
    )
    assert (cls.name, 0.5) in told
    assert [each.message for each in found.oddities if each.code.endswith("warning")] == [warning]
    assert found.value(cls.name) is not None


def test_a_metric_written_for_0_1_0_sees_the_labels_of_the_data() -> None:
    found = evaluate(
        drawn(40, seed=1), drawn(80, labelled=True), repeats=1, registry=registry_of(Earlier)
    )
    ((_, exhibit),) = found.exhibits
    assert exhibit.table is not None
    assert sum(exhibit.table["count"]) == 80


def test_a_context_is_frozen_and_empty_where_nothing_is_handed_over(registry: Registry) -> None:
    metric = Brightness()
    assert metric.compute(None, np.full((2, 3, 8, 8), 9, np.uint8)) == {"brightness": 9}
    with pytest.raises(FrozenInstanceError):
        metric.context.registry = registry  # type: ignore[misc]
    context = MetricContext(registry=registry)
    for cls in (Brightness, Earlier):
        assert build_metric(cls, Params(), context).context is context
    assert context.plugins() is registry
