"""Wish: a metric that an evaluation is to compute, and the parameters that it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from animekit.config import Layer, resolve, unknown_key
from animekit.evaluation.metric import Metric
from animekit.plugins import Registry


@dataclass(frozen=True)
class Wish:
    """A metric that is wanted, and the parameters it was given."""

    cls: type[Metric]
    values: dict[str, Any]
    registry: Registry
    named: bool = True  # whether somebody asked for this very metric

    def metric(self, seed: int) -> Metric:
        """Return the metric, with a seed where it takes one and was given none."""
        values = dict(self.values)
        if "seed" in self.cls.Params.model_fields:
            values.setdefault("seed", seed)
        made = self.cls(resolve(self.cls.Params, [Layer("--set", values)]).params)
        made.registry = self.registry
        return made


def wishes(
    registry: Registry, names: Sequence[str] | str | None, params: Mapping[str, Any]
) -> dict[str, Wish]:
    """Return what was asked for, or all that can be computed here without a download.

    "all" has those too that None leaves out, since they say little about faces. `params` are such
    as {"swd.patches": 64}; a key without a metric goes to every metric that knows it. Raises
    NotFoundError for unknown names, and for weights that a named metric lacks; ConfigError for
    unknown keys.
    """
    known = registry.all("metric")
    _check_keys(params, known)
    chosen = {}
    named = names is not None and not isinstance(names, str)
    for name in names if names is not None and not isinstance(names, str) else known:
        cls = registry.get("metric", name.replace("-", "_"))
        wish = Wish(cls, _own(cls, params), registry, named)
        lacking = wish.metric(0).missing()
        if lacking is not None and named:
            raise lacking
        if lacking is None and (named or names == "all" or cls.by_default):
            chosen[cls.name] = wish
    return chosen


def _own(cls: type[Metric], params: Mapping[str, Any]) -> dict[str, Any]:
    shared = {key: value for key, value in params.items() if key in cls.Params.model_fields}
    start = f"{cls.name}."
    named = {key.removeprefix(start): v for key, v in params.items() if key.startswith(start)}
    return shared | named


def _check_keys(params: Mapping[str, Any], known: Mapping[str, type[Metric]]) -> None:
    fields = {f"{name}.{key}" for name, cls in known.items() for key in cls.Params.model_fields}
    fields |= {key.partition(".")[2] for key in fields}
    for key in params:
        if key not in fields:
            raise unknown_key(key, sorted(fields), "--set")
