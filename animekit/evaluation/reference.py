"""Reference: what metrics need of real images, without the images, in one file.

Somebody who has the data writes it once; others measure against it who may not have the data, or
not wait for it. It holds statistics, the numbers of real against real, and no picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animekit.config import Layer, resolve
from animekit.errors import CheckpointError, NotFoundError, UnusableError
from animekit.evaluation.metric import Metric, MetricContext, build_metric
from animekit.files import write_atomic
from animekit.models import weights
from animekit.text import Printed

FOLDER = Path(__file__).parents[1] / "assets" / "references"
FORMAT = 1
KEYS = ("format", "name", "count", "size", "data", "metrics", "floor")


class FloorFacts(BaseModel):
    """One number of real images against others, as a file holds it."""

    model_config = ConfigDict(allow_inf_nan=False)

    metric: str
    value: float | None
    sd: float | None = None
    n: int
    repeats: int = 1
    reason: str | None = None


class Facts(BaseModel):
    """What a reference file says of itself."""

    format: Literal[1]
    name: str
    count: int = Field(ge=2)
    size: int = Field(ge=1, le=4096)
    data: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    floor: dict[str, FloorFacts]


@dataclass(frozen=True)
class Reference(Printed):
    """The real side of metrics, from a file.

    `metrics` maps names to the parameters they were made with, `floor` keys to what real images
    get against others, each as `FloorFacts`.
    """

    name: str
    count: int
    size: int
    data: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    floor: dict[str, dict[str, Any]]
    arrays: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Metrics that were asked for when it was made and are not in it, each with its reason."""

    def as_table(self) -> list[Sequence[str]]:
        """Return what real images get against others, by metric."""
        rows = [(key, f"{facts['value']:.4g}") for key, facts in self.floor.items()]
        return [("reference", self.name), ("images", f"{self.count:,}"), *rows]

    def metric(self, cls: type[Metric], context: MetricContext) -> Metric:
        """Return the metric as in the reference; UnusableError if it has none of it."""
        if cls.name not in self.metrics:
            raise self.lacks(cls.name)
        params = resolve(cls.Params, [Layer(self.name, self.metrics[cls.name])]).params
        return build_metric(cls, params, context)

    def lacks(self, metric: str) -> UnusableError:
        """Return the error that there is nothing for a metric."""
        return UnusableError(
            f"reference {self.name} has nothing for {metric}",
            f"it has: {' '.join(self.metrics)}; else give the real images: --ref DIR",
        )

    def prepared(self, metric: Metric) -> Any:
        """Return what the metric's `compute` takes in place of the real images."""
        return metric.restore(self.arrays[metric.name]) if metric.uses_real else None

    def save(self, path: Path | str) -> Path:
        """Write the reference as safetensors with its facts as metadata; return its path."""
        tensors = {
            f"{metric}/{key}": torch.from_numpy(np.array(array, order="C"))
            for metric, arrays in self.arrays.items()
            for key, array in arrays.items()
        }
        facts = {key: getattr(self, key) for key in KEYS if key != "format"}
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, weights.to_bytes(tensors, {"reference": {"format": FORMAT, **facts}}))
        return path


def load(path: Path) -> Reference:
    """Read a reference; CheckpointError for any other file."""
    tensors, about, _ = weights.read(path)
    try:
        facts = Facts.model_validate(about.get("reference"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"{path} is no reference of real images: {where + ': ' if where else ''}{first['msg']}",
            "animekit evaluate --save-ref FILE writes one",
        ) from None
    arrays: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        metric, _, key = name.partition("/")
        arrays.setdefault(metric, {})[key] = tensor.numpy()
    return Reference(**facts.model_dump(exclude={"format"}), arrays=arrays)


def bundled() -> dict[str, Path]:
    """Return the bundled references, by the name of their data and size."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def of_data(about: Mapping[str, Any], size: int) -> Reference | None:
    """Return the bundled reference of a model's training data, if there is one."""
    path = bundled().get(f"{about.get('name')}{size}")
    if path is None:
        return None
    found = load(path)
    return found if found.data.get("fingerprint") == about.get("fingerprint") else None


def named(name: str) -> Reference:
    """Return a reference by its bundled name or its file."""
    known = bundled()
    if name in known:
        return load(known[name])
    if not Path(name).is_file():
        raise NotFoundError(f"no reference {name}", f"bundled: {' '.join(known) or 'none'}")
    return load(Path(name))
