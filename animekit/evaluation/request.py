"""What is asked of an evaluation, and of each of its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.config import CALL, Layer, renamed_arguments, resolve, unknown_key
from animekit.errors import ConfigError, UsageError
from animekit.evaluation.metric import Metric, MetricContext, build_metric
from animekit.plugins import Registry

QUICK = 1_000  # images of a quick evaluation
UNTRUSTED = "extractor.untrusted"  # the code of an extractor that nobody agreed to run
FACES = "faces"  # the metric that `min_faces` is a gate on
StageProgress = Callable[[str, float], None]
"""Told what is going on, and the share of it that is done."""


@dataclass(frozen=True)
class EvaluateRequest:
    """How images are measured: `animekit.evaluate` says what each field means."""

    metrics: Sequence[str] | str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    num: int | None = None
    repeats: int = 3
    seed: int = 0
    size: int | None = None
    tags: Path | None = None
    ref_tags: Path | None = None
    checkpoint: str | int = "best"
    truncation: float | None = None
    device: str = "auto"
    threads: int | None = None
    fail_if: Sequence[str] = ()
    min_faces: int | None = None
    illustrate: bool = True
    trust_extractor: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each of `params` was written, for what is said of it; by default in the call."""

    @classmethod
    @renamed_arguments(gpu="device")
    def of(cls, *, quick: bool = False, **asked: Any) -> EvaluateRequest:
        """Return the request; a `quick` one is of 1,000 images, drawn once.

        Raises UsageError for numbers that cannot be.
        """
        if quick:
            num = asked.get("num")
            asked |= {"num": QUICK if num is None else num, "repeats": 1}
        made = cls(**asked)
        if made.repeats < 1 or (made.num is not None and made.num < 2):
            raise UsageError("an evaluation needs --repeats 1 and --num 2, or more of them")
        return made

    @property
    def gated(self) -> bool:
        """Whether gates ask for numbers, which then fail where there are none."""
        return bool(self.fail_if) or self.min_faces is not None

    @property
    def named(self) -> list[str] | None:
        """The metrics that were asked for by name; None where none was."""
        if self.metrics is None or isinstance(self.metrics, str):
            return None
        wanted = self.min_faces is not None and FACES not in self.metrics
        return [*self.metrics, FACES] if wanted else list(self.metrics)


@dataclass(frozen=True)
class MetricRequest:
    """A metric that is asked for, and the parameters that it was given."""

    cls: type[Metric]
    values: dict[str, Any]
    named: bool = True  # whether somebody asked for this very metric
    origins: Mapping[str, str] = field(default_factory=dict)

    def metric(self, seed: int, context: MetricContext) -> Metric:
        """Return the metric, with a seed where it takes one and was given none."""
        values = dict(self.values)
        if "seed" in self.cls.Params.model_fields:
            values.setdefault("seed", seed)
        layers = [Layer(self.origins.get(key, CALL), {key: value}) for key, value in values.items()]
        try:
            params = resolve(self.cls.Params, layers).params
        except ConfigError as error:
            message = f"{self.cls.name}: {error.message}"
            raise ConfigError(message, error.hint, code=error.code) from None
        return build_metric(self.cls, params, context)


def metric_requests(request: EvaluateRequest, registry: Registry) -> dict[str, MetricRequest]:
    """Return what was asked for, or all that can be computed here without a download.

    "all" has those too that None leaves out, since they say little about faces. `params` are such
    as {"swd.patches": 64}; a key without a metric goes to every metric that knows it. Raises
    NotFoundError for unknown names, and for weights that a named metric lacks; ConfigError for
    unknown keys.
    """
    known, names = registry.all("metric"), request.named
    _check_keys(request.params, known, request.origins)
    context = MetricContext(registry=registry, trust_extractor=request.trust_extractor)
    chosen = {}
    for name in known if names is None else names:
        cls = registry.get("metric", name)
        own = _own(cls, request.params)
        origins = {key: request.origins.get(source, CALL) for key, (_, source) in own.items()}
        values = {key: value for key, (value, _) in own.items()}
        asked = MetricRequest(cls, values, names is not None, origins)
        lacking = asked.metric(0, context).missing()
        if lacking is not None and (asked.named or lacking.code == UNTRUSTED):
            raise lacking
        if lacking is None and (asked.named or request.metrics == "all" or cls.by_default):
            chosen[cls.name] = asked
    return chosen


def _own(cls: type[Metric], params: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Return the values of one metric by their names, each with its key in `params`."""
    known = cls.Params.model_fields
    shared = {key: (value, key) for key, value in params.items() if key in known}
    named = {}
    for key, value in params.items():
        metric, dot, name = key.partition(".")
        if dot and metric.replace("-", "_") == cls.name.replace("-", "_"):
            named[name] = (value, key)
    return shared | named


def _check_keys(
    params: Mapping[str, Any], known: Mapping[str, type[Metric]], origins: Mapping[str, str]
) -> None:
    fields = {f"{name}.{key}" for name, cls in known.items() for key in cls.Params.model_fields}
    fields |= {key.partition(".")[2] for key in fields}
    spelled = {key.replace("-", "_") for key in fields}
    for key in params:
        if key.replace("-", "_") not in spelled:
            raise unknown_key(key, sorted(fields), origins.get(key, CALL))
