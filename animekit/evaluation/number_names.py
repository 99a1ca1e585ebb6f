"""The names of a metric's numbers, known before anything is measured, by a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from animekit.errors import PluginError
from animekit.evaluation.metric import SPREADS, MetricContext
from animekit.evaluation.request import MetricRequest
from animekit.labels.tags import HAIR, NAMES
from animekit.plugins import Registry

TRIAL = 25  # pictures, or as many as the metric wants at least


def number_names(asked: MetricRequest, size: int, registry: Registry) -> list[str]:
    """Return what the numbers of a metric are called for pictures of a side.

    Names may depend on parameters, weights and the side, so the metric is tried on a few pictures
    of noise: no plugin must list them. Empty where the trial fails.
    """
    count = max(TRIAL, asked.cls.fewest) + 1
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    try:
        metric = asked.metric(0, MetricContext(registry=registry))
        if metric.conditional:
            found = metric.compute(noise[:-1], noise, _labels(rng, count, metric.reads))
        else:
            found = metric.compute(noise[:-1], noise)
    except Exception:  # whatever a metric thinks of noise: nothing was asked of it yet
        return []
    return [key for key in found if not key.endswith(SPREADS)]


def _labels(rng: np.random.Generator, count: int, reads: Sequence[str]) -> np.ndarray:
    """Return labels uint8 [count, L]: one hair and one eye colour each, or any of other words."""
    if tuple(reads) != NAMES:
        return rng.integers(0, 2, (count, len(reads)), dtype=np.uint8)
    labels = np.zeros((count, len(NAMES)), np.uint8)
    labels[np.arange(count), rng.integers(len(HAIR), size=count)] = 1
    labels[np.arange(count), rng.integers(len(HAIR), len(NAMES), count)] = 1
    return labels


def refuse_shared(names: Mapping[str, Sequence[str]]) -> None:
    """Raise PluginError where two metrics have a number of one name."""
    owners: dict[str, str] = {}
    for metric, keys in names.items():
        for key in keys:
            if (other := owners.setdefault(key, metric)) != metric:
                raise PluginError(
                    f'two metrics, {other} and {metric}, give a number called "{key}"',
                    f"measure one of them at a time, or let {metric} call its number"
                    f" {metric}_{key}",
                    code="plugin.clash",
                )
