"""Metric: numbers from real and fake images, and what it shows beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from animekit import plugins
from animekit.config import Params
from animekit.labels.tags import NAMES
from animekit.plugins import Component, Registry

if TYPE_CHECKING:
    from animekit.errors import AnimekitError

SPREADS = ("_se", "_sd")
"""Ends of keys that hold the uncertainty of the key before."""


@dataclass(frozen=True)
class Exhibit:
    """What a metric shows beside its numbers: a picture, a table, or both.

    `name` becomes part of a file name; `image` is uint8 [H, W, 3]; `table` maps column names to
    lists of equal length, of plain values.
    """

    name: str
    caption: str
    image: np.ndarray | None = None
    table: dict[str, list[Any]] | None = None


@dataclass(frozen=True)
class MetricContext:
    """What an evaluation hands to a metric beside the images: `self.context`."""

    progress: Callable[[float], None] = lambda share: None
    """To be told the share of one `compute` or `prepare` that is done, 0 to 1."""
    warn: Callable[[str], None] = lambda text: None
    """To be told what a reader of the numbers should know."""
    registry: Registry | None = None
    """The plugins, for a metric that builds a model or a detector."""
    real_labels: np.ndarray | None = None
    """Labels uint8 [M, 23] of the real images, where they are known: for counts in tables."""
    asked: tuple[str, ...] = ()
    """Names of the labels that images were asked to have, whether the metric reads them or not."""
    trust_extractor: bool = False
    """Whether the user agreed to run an extractor that is a program."""

    def plugins(self) -> Registry:
        """Return the plugins of this evaluation, else those that are installed."""
        return self.registry if self.registry is not None else plugins.load()


class Metric(Component):
    """A number, or several, from real and fake images (uint8 [N, 3, H, W]).

    A metric is made for one evaluation and keeps its `context`. Keys that end in `_se` or `_sd`
    are the uncertainty of the key before. `better` says which way is good: lower, higher, or as
    near as can be to what real images get.
    """

    must_define = ("compute",)
    better: ClassVar[Literal["lower", "higher", "real"]] = "lower"
    protocol: ClassVar[str] = ""
    """Whose definition it is, as in "swd/pggan"; the name where it is our own."""
    fewest: ClassVar[int] = 2
    """Images below which the numbers mean nothing: fewer are refused or warned of."""
    uses_real: ClassVar[bool] = True
    """Whether the real images change the numbers; if not, they get numbers of their own."""
    conditional: ClassVar[bool] = False
    """Whether the labels of the fakes are needed."""
    by_default: ClassVar[bool] = True
    """Whether it is computed where no metric is named."""

    def __init__(self, params: Params | None = None, context: MetricContext | None = None) -> None:
        self.params = params if params is not None else self.Params()
        self.context = context if context is not None else MetricContext()
        self.warnings: list[str] = []  # of metrics written for 0.1.0; now: `self.context.warn`

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the labels that a conditional metric takes: names, or "no NAME"."""
        return NAMES

    # 0.1.0 set these three on the metric; its plugins read them here

    @property
    def progress(self) -> Callable[[float], None]:
        """The `progress` of the context."""
        return self.context.progress

    @property
    def registry(self) -> Registry | None:
        """The `registry` of the context."""
        return self.context.registry

    @property
    def real_labels(self) -> np.ndarray | None:
        """The `real_labels` of the context."""
        return self.context.real_labels

    def missing(self) -> AnimekitError | None:
        """Return the error that `compute` would raise here, for want of weights."""
        return None

    def looks_through(self) -> tuple[str, str] | None:
        """Return the name and sha256 of the network that it looks through, if it does."""
        return None

    def definition(self, count: int) -> str:
        """Return one line that fixes the numbers: protocol, parameters and image count."""
        values = self.params.model_dump(mode="json")
        parts = [f"{key} {value}" for key, value in values.items() if value is not None]
        return ", ".join([self.protocol or self.name, *parts, f"n {count:,}"])

    def prepare(self, real: np.ndarray) -> Any:
        """Return what `compute` takes in place of the same real images, again and again."""
        return real

    def export(self, prepared: Any) -> dict[str, np.ndarray] | None:
        """Return what `prepare` found as arrays without images; None if it cannot."""
        return None

    def restore(self, arrays: dict[str, np.ndarray]) -> Any:
        """Return what `prepare` returned, from the arrays of `export`."""
        raise NotImplementedError

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the named numbers of this metric.

        `real` are images or what `prepare` returned; `labels` uint8 [N, L] are what the fakes were
        asked to be, by the columns that the metric `reads`, for a metric that is `conditional`:
        hair and eye colours as in `animekit.labels.tags.NAMES`, unless it says others.
        """
        raise NotImplementedError

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        """Return pictures and tables for a person to look at; none by default."""
        return []


def numbers_of(metric: Metric, given: Any) -> dict[str, float]:
    """Return what `compute` gave; PluginError where it is no dictionary of numbers."""
    if not isinstance(given, dict) or not all(
        isinstance(key, str) and _is_number(value) for key, value in given.items()
    ):
        raise plugins.broken(metric, "compute", given, 'named numbers, as in {"mean": 0.5}')
    return given


def _is_number(value: Any) -> bool:
    """Say whether a value is one number that a float can hold; NaN and inf are such."""
    try:
        float(value)
    except (OverflowError, TypeError, ValueError):  # as of 10**400
        return False
    return bool(np.isscalar(value) and np.isreal(value) and not isinstance(value, (str, bytes)))


def build_metric(cls: type[Metric], params: Params, context: MetricContext) -> Metric:
    """Return a metric with its parameters and its context.

    An `__init__` of its own may take the parameters alone, as in 0.1.0.
    """
    if "context" in inspect.signature(cls).parameters:
        return cls(params, context)
    made = cls(params)
    made.context = context
    return made
