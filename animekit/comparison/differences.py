"""Differences: which values of several runs are not the same, what matters first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from animekit.config import Layer, current, show
from animekit.errors import AnimekitError
from animekit.plugins import Registry
from animekit.training.recipe import TrainOptions

BOOKKEEPING = frozenset(
    {
        "name",
        "data",
        "tags",
        "device",
        "threads",
        "precision",
        "compile",
        "channels_last",
        "convolutions",
    }
    | {"log_every", "sample_every", "save_every", "keep_checkpoints", "eval_every", "eval_num"}
)
"""Options that change no picture, or stand among the facts of data and machine."""
RESOLVED = ("device", "precision", "threads", "compile", "convolutions")
"""Options that count as what the machine made of them."""
KINDS = ("recipe", "data", "parameter", "machine", "bookkeeping", "off")
"""What a key is of, what matters first.

"off" are parameters that some of the models have, and that are off there."""
OFF = frozenset({"none", "false", "auto", "0", "0.0", ""})
_ABSENT = "–"


@dataclass(frozen=True)
class Difference:
    """One key that is not the same in all runs; None where a run has none."""

    kind: str
    key: str
    values: tuple[str | None, ...]

    def cells(self) -> list[str]:
        """Return the key and its values as a row of a table."""
        return [self.key, *(_ABSENT if value is None else value for value in self.values)]


def differences(
    configs: Mapping[str, Mapping[str, Any]], registry: Registry | None = None
) -> list[Difference]:
    """Return what differs between the configurations of runs, by label.

    Keys of earlier versions are read as what they are called now, those of a model where `registry`
    knows it. Data are the same where their content is, wherever they lie.
    """
    tables = [_values(config, registry) for config in configs.values()]
    keys = dict.fromkeys(key for table in tables for key in table)
    found = []
    for kind, key in sorted(keys, key=lambda each: KINDS.index(each[0])):
        values = [table.get((kind, key)) for table in tables]
        if len(set(values)) > 1:
            off = kind == "parameter" and set(values) <= {None, *OFF} and len(set(values)) == 2
            found.append(Difference("off" if off and None in values else kind, key, tuple(values)))
    return sorted(found, key=lambda each: KINDS.index(each.kind))


def _values(config: Mapping[str, Any], registry: Registry | None) -> dict[tuple[str, str], str]:
    """Return the values of a run in words, by kind and key."""
    data, resolved = config.get("data", {}), config.get("resolved", {})
    machine = config.get("environment", {})
    found: dict[tuple[str, str], Any] = {
        ("recipe", "model"): config.get("model"),
        ("recipe", "preset"): config.get("preset"),
        ("data", "data"): _data(data),
        ("data", "images"): data.get("used"),
        ("data", "held out"): data.get("held_out"),
        ("machine", "animekit"): config.get("animekit"),
    }
    for key, value in _current(config.get("options", {}), TrainOptions).items():
        found["bookkeeping" if key in BOOKKEEPING else "recipe", key] = value
    for key in ("data", "tags", *RESOLVED):
        found.pop(("bookkeeping", key), None)  # as they were resolved, below
    params = _schema(config, registry)
    for key, value in _current(config.get("params", {}), params).items():
        found["parameter", key] = value
    for key in RESOLVED:
        found["machine", key] = resolved.get(key)
    for key in ("torch", "cpu_capability"):
        found["machine", key] = machine.get(key)
    return {key: show(value) for key, value in found.items()}


def _data(data: Mapping[str, Any]) -> str:
    """Return the name of the data with the beginning of its fingerprint, which decides."""
    name = str(data.get("name") or data.get("where") or "")
    return f"{name} ({str(data.get('fingerprint', ''))[:8]})"


def _schema(config: Mapping[str, Any], registry: Registry | None) -> type | None:
    if registry is None:
        return None
    try:
        return registry.get("model", str(config.get("model"))).Params
    except AnimekitError:
        return None  # its plugin is not here: keys stay as they are


def _current(values: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    if schema is None:
        return dict(values)
    try:
        return dict(current(Layer("the run", dict(values)), schema).values)
    except AnimekitError:
        return dict(values)
