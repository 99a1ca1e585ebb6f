"""The contract of metrics, checks, detectors, data sets and loggers, kept and broken."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from animekit import plugins
from animekit.cleaning.check import Check, Finding, Reason
from animekit.cleaning.detector import Detector
from animekit.config import Params
from animekit.data.dataset import Dataset
from animekit.errors import NotFoundError
from animekit.evaluation.metric import Metric
from animekit.plugins import KINDS, Component
from animekit.testing import check_plugin
from animekit.testing.tiny import TinyFaces
from animekit.training.logger import Logger

REGISTRY = plugins.load()
QUICK = [
    (kind, name)
    for kind in KINDS
    if kind not in ("model", "dataset")
    for name in REGISTRY.all(kind)
]


@pytest.mark.parametrize(("kind", "name"), QUICK)
def test_each_of_our_own_keeps_it(kind: str, name: str) -> None:
    cls = REGISTRY.get(kind, name)
    absent = kind == "logger" and importlib.util.find_spec(name) is None
    if name in ("lbp", "lbp-padded", "tags") or absent:
        with pytest.raises(NotFoundError, match=f"{name} cannot be checked here: "):
            check_plugin(cls, registry=REGISTRY)
    else:
        check_plugin(cls, registry=REGISTRY)


def test_a_data_set_keeps_it_with_what_it_is_opened_with() -> None:
    check_plugin(TinyFaces, where="5")
    check_plugin(REGISTRY.get("dataset", "synthetic"), where="5")
    with pytest.raises(AssertionError, match="it is empty when opened with '0'"):
        check_plugin(TinyFaces, where="0")


def test_a_model_is_checked_as_ever() -> None:
    check_plugin(REGISTRY.get("model", "gan"), sizes=(32,))


class Words(Params):
    """Parameters of which one says nothing."""

    silent: int = 3


class Loud(Params):
    """Parameters that are described."""

    level: int = Field(3, description="how loud")


class Broken(Metric):
    """A metric that a test breaks."""

    name = "broken"
    Params = Loud

    def compute(self, real: Any, fake: Any, labels: Any = None) -> Any:
        return {"broken": 1.0}


def changes(self: Any, real: Any, fake: Any, labels: Any = None) -> Any:
    fake[:] = 0
    return {"broken": 1.0}


def rolls(self: Any, real: Any, fake: Any, labels: Any = None) -> Any:
    return {"broken": float(np.random.default_rng().random())}


def nothing(self: Any, real: Any, fake: Any, labels: Any = None) -> Any:
    return {}


def infinite(self: Any, real: Any, fake: Any, labels: Any = None) -> Any:
    return {"broken": float("nan")}


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"compute": changes}, "compute() changed its input; work on a copy"),
        ({"compute": rolls}, "it gave other numbers for the same images"),
        ({"compute": nothing}, "compute() gave no number"),
        ({"compute": infinite}, "broken is not finite"),
        ({"Params": Words}, "parameter silent lacks a description or a default"),
        ({"__doc__": ""}, "it has no docstring"),
    ],
)
def test_a_metric_that_breaks_it_is_told_how_to_mend_it(
    parts: dict[str, Any], problem: str
) -> None:
    cls = type("Broken", (Broken,), {"__doc__": "A metric.", **parts})
    with pytest.raises(AssertionError) as caught:
        check_plugin(cls)
    assert problem in str(caught.value)


class Finder(Detector):
    """A detector that a test breaks."""

    name = "finder"
    boxes = np.array([[0, 0, 1, 1, 0.5], [0, 0, 1, 1, 0.9]], np.float32)

    def detect(self, image: np.ndarray) -> np.ndarray:
        return self.boxes


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [
        (Finder.boxes, "boxes are not best first"),
        (Finder.boxes[:, :4], "detect() gave float32 [2, 4]"),
        (Finder.boxes.astype(int), "detect() gave int64 [2, 5]"),
        (np.array([[np.nan, 0, 1, 1, 1]], np.float32), "is not finite"),
    ],
)
def test_a_detector_that_breaks_it(boxes: np.ndarray, problem: str) -> None:
    cls = type("Finder", (Finder,), {"__doc__": "A detector.", "boxes": boxes})
    with pytest.raises(AssertionError) as caught:
        check_plugin(cls)
    assert problem in str(caught.value)


class Odd(Check):
    """A check that a test breaks."""

    name = "odd"
    reasons = (Reason("odd", "review", "odd"),)
    measures = ("size",)

    def measure(self, picture: Any) -> Any:
        return {"size": float(picture.size[0])}

    def judge(self, table: Any) -> Any:
        return []


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"measures": ()}, "measure() gave size, measures says "),
        (
            {"judge": lambda self, table: [Finding(99, self.reasons[0], 1.0)]},
            "judge() found row 99",
        ),
        (
            {"measure_many": lambda self, pictures: [{"size": 0.0} for _ in pictures]},
            "it measured a picture otherwise alone than among others",
        ),
    ],
)
def test_a_check_that_breaks_it(parts: dict[str, Any], problem: str) -> None:
    check_plugin(Odd)
    cls = type("Odd", (Odd,), {"__doc__": "A check.", **parts})
    with pytest.raises(AssertionError) as caught:
        check_plugin(cls)
    assert problem in str(caught.value)


class Restless(TinyFaces):
    """A data set that is never twice the same."""

    def fingerprint(self) -> str:
        return str(np.random.default_rng().random())


class Nameless(TinyFaces):
    """A data set that does not name its labels."""

    def spec(self, size: int) -> Any:
        return Dataset.spec(self, size)


@pytest.mark.parametrize(
    ("cls", "problem"),
    [(Restless, "it has another fingerprint"), (Nameless, "has 5 labels, spec() names 0")],
)
def test_a_data_set_that_breaks_it(cls: type[Dataset], problem: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_plugin(cls, where="4")
    assert problem in str(caught.value)


class Late(Logger):
    """A logger that can only be closed after a report."""

    name = "late"

    def log(self, step: int, stats: dict[str, float]) -> None:
        self.seen = step

    def close(self, error: BaseException | None = None) -> None:
        assert self.seen


def test_a_logger_that_breaks_it() -> None:
    with pytest.raises(AttributeError):
        check_plugin(Late)


def test_what_is_no_component_is_refused() -> None:
    class Alone(Component):
        """Nothing of any kind."""

        name = "alone"

    with pytest.raises(AssertionError, match="it is no component"):
        check_plugin(Alone)
