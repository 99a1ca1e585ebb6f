"""Pictures that have no numbers: every metric keeps its rows, with the reason, and fails gates."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest

from animekit import plugins
from animekit.errors import DataError, UnusableError, UsageError
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.image_set import ImageSet, known_colours
from animekit.evaluation.metric import Metric
from animekit.evaluation.number_names import number_names
from animekit.evaluation.request import EvaluateRequest, metric_requests
from animekit.evaluation.result import Evaluation
from animekit.plugins import PluginSource, Registry
from animekit.testing.tiny import tiny_dataset
from tests.evaluation.support import drawn
from tests.support import problems

REGISTRY = plugins.load()
NAMES = sorted(REGISTRY.all("metric"))
OF_PIXELS = {"ms_ssim": 210, "ndb": 210, "nearest": 210, "swd": 210}
COUNTS = {name: OF_PIXELS.get(name, 26) for name in NAMES}
"""Pictures a side: networks look at few, or the test takes long."""
FAST: dict[str, Any] = {
    "swd.patches": 16,
    "swd.repeats": 1,
    "swd.directions": 32,
    "kd.subsets": 3,
    "faces.figures": 1,
}


@cache
def faces(name: str) -> ImageSet:
    """Return drawn faces at 32 px with their colours; the fakes are others than the reals."""
    dataset, start = tiny_dataset(420), 210 if name == "fakes" else 0
    images, labels = zip(*(dataset[start + index] for index in range(210)), strict=True)
    colours = known_colours(np.stack(labels), dataset.spec(64).labels)
    return ImageSet(name, np.stack(images)[:, ::2, ::2].copy(), colours, {"fingerprint": name})


def part(images: ImageSet, count: int) -> ImageSet:
    labels = None if images.labels is None else images.labels[:count]
    return ImageSet(images.name, images.images[:count], labels, images.facts)


def grey(name: str) -> ImageSet:
    images = np.full((210, 32, 32, 3), 128, np.uint8)
    return ImageSet(name, images, faces(name).labels, {"fingerprint": name})


def repeated(name: str) -> ImageSet:
    images = np.repeat(faces("reals").images[:1], 210, 0)
    return ImageSet(name, images, faces(name).labels, {"fingerprint": name})


SETS = {
    "grey reals": (faces("fakes"), grey("reals")),
    "grey fakes": (grey("fakes"), faces("reals")),
    "one real picture again and again": (faces("fakes"), repeated("reals")),
    "one fake picture again and again": (repeated("fakes"), faces("reals")),
    "the same sides": (faces("reals"), faces("reals")),
    "two equal real pictures": (faces("fakes"), part(repeated("reals"), 2)),
    "one real picture": (faces("fakes"), part(faces("reals"), 1)),
    "one fake picture": (part(faces("fakes"), 1), faces("reals")),
}


@cache
def first_key(name: str) -> str:
    """Return the name of a metric's first number."""
    asked = metric_requests(EvaluateRequest(metrics=[name], params=FAST), REGISTRY)
    return number_names(asked[name], 32, REGISTRY)[0]


def whole(found: Evaluation) -> None:
    """Hold an evaluation to: every number is finite, or null with its reason, in JSON too."""
    facts = json.loads(json.dumps(found.facts(), allow_nan=False))
    assert not problems("evaluate", facts)
    for row in facts["metrics"]:
        for value in row["values"].values():
            assert value["reason"] if value["value"] is None else math.isfinite(value["value"])


QUICK = ("grey reals", "the same sides", "one fake picture")
CASES = [
    pytest.param(name, sets, marks=() if name in OF_PIXELS or sets in QUICK else pytest.mark.slow)
    for name in NAMES
    for sets in SETS
]


@pytest.mark.parametrize(("name", "sets"), CASES)
def test_no_row_vanishes_and_what_is_undefined_fails_its_gate(name: str, sets: str) -> None:
    fakes, reals = SETS[sets]
    found = evaluate(
        part(fakes, COUNTS[name]),
        part(reals, COUNTS[name]),
        metrics=[name],
        params=FAST,
        num=COUNTS[name],
        repeats=1,
        illustrate=name in OF_PIXELS,
        registry=REGISTRY,
        fail_if=[f"{first_key(name)}<-1e9"],
    )
    whole(found)
    value, failure = found.columns[1].values[first_key(name)], found.failure()
    assert (failure is None) is (value.value is not None)
    if failure is not None:
        assert failure.exit_code == 5
        assert f"{first_key(name)} is undefined: {value.reason}" in failure.message


class Odd(Metric):
    """A metric that finds what it is told to find."""

    name = "odd"
    finds: ClassVar[Any] = {}

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        if isinstance(self.finds, Exception):
            raise self.finds
        found: dict[str, float] = self.finds
        return found


@pytest.fixture
def odd(few: Registry) -> Registry:
    """Return the tests' metrics, and the odd one."""
    few.add("metric", Odd, PluginSource("tests", "tests", "0"))
    return few


@pytest.mark.parametrize(
    ("finds", "reason"),
    [
        ({"odd_a": math.nan}, "it is not finite"),
        ({"odd_a": math.inf, "odd_b": 1.0}, "it is not finite"),
        ({}, "the metric gave no such number"),
        (UnusableError("flat", code="metric.undefined"), "flat"),
        (DataError("too few", code="metric.count"), "too few"),
        (DataError("no side of 16", code="metric.size"), "no side of 16"),
    ],
)
def test_what_is_no_number_is_a_row_with_its_reason(
    odd: Registry, monkeypatch: pytest.MonkeyPatch, finds: Any, reason: str
) -> None:
    monkeypatch.setattr(Odd, "finds", finds)
    found = evaluate(drawn(40, seed=1), drawn(80), metrics=["odd", "shift"], registry=odd)
    whole(found)
    row = next(row for row in found.rows if row.metric == "odd")
    assert found.columns[1].values[row.key].reason == reason
    assert f"{row.key} (real vs real, fakes): {reason}".replace("fakes", "reals") in "\n".join(
        line.removeprefix("undefined: ") for line in found.reasons()
    )
    assert found.value("shift") is not None


def test_an_uncertainty_that_is_no_number_is_left_out(
    odd: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "finds", {"odd": 3.0, "odd_se": math.nan})
    found = evaluate(drawn(40, seed=1), drawn(80), metrics=["odd"], registry=odd)
    whole(found)
    assert (found.value("odd"), found.columns[1].values["odd"].spread) == (3.0, 0.0)


def test_a_number_that_only_some_repeats_have_says_so(
    odd: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter([UnusableError("flat", code="metric.undefined")] + 9 * [{"odd": 3.0}])
    monkeypatch.setattr(Odd, "compute", lambda *_: Odd.finds if Odd.finds else _next(calls))
    found = evaluate(drawn(40, seed=1), drawn(80), metrics=["odd"], registry=odd)
    assert found.real.values["odd"].value == 3.0
    assert found.reasons() == ["odd (real vs real): not in 1 of 3 draws: flat"]


def _next(calls: Any) -> dict[str, float]:
    each = next(calls)
    if isinstance(each, Exception):
        raise each
    found: dict[str, float] = each
    return found


def test_images_that_no_metric_can_use_are_refused_unless_a_gate_asks(
    odd: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "finds", DataError("no side of 16", "--size 64", code="metric.size"))
    with pytest.raises(DataError, match="no side of 16") as caught:
        evaluate(drawn(40, seed=1), drawn(80), metrics=["odd"], registry=odd)
    assert caught.value.hint == "--size 64"
    found = evaluate(drawn(40, seed=1), drawn(80), metrics=["odd"], registry=odd, fail_if=["odd>3"])
    assert found.failure() is not None


def test_gates_on_unknown_numbers_are_refused_before_anything_is_measured(few: Registry) -> None:
    calls = few.get("metric", "shift").calls
    with pytest.raises(UsageError, match='nothing is called "shfit".*Did you mean "shift"'):
        evaluate(drawn(40), drawn(80), metrics=["shift"], registry=few, fail_if=["shfit>3"])
    assert all(count < 40 for _, _, count in calls)  # a trial looks at a few pictures of noise
