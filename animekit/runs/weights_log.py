"""How the weights that each phase moves are spread, at every checkpoint: weights.jsonl."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.files import write_atomic
from animekit.foreign import BadLine, iterate_jsonl

if TYPE_CHECKING:  # and torch with it: reading needs none
    from torch import Tensor

NAME = "weights.jsonl"
BINS = 60
MOST = 10_000  # bins of a line that are read


@dataclass(frozen=True)
class Histogram:
    """How many weights of a phase lie in each of equal bins of [-limit, limit]."""

    step: int
    phase: str
    limit: float
    counts: tuple[int, ...]

    @property
    def middles(self) -> list[float]:
        """The middle of each bin."""
        count = len(self.counts)
        return [self.limit * ((2 * place + 1) / count - 1) for place in range(count)]

    @property
    def shares(self) -> list[float]:
        """The share of all weights that lies in each bin."""
        whole = max(1, sum(self.counts))
        return [count / whole for count in self.counts]


def histogram(step: int, phase: str, parameters: Sequence[Tensor]) -> Histogram | None:
    """Return the histogram of all parameters but vectors, as biases and scales are.

    None where there are none, or where one is not finite.
    """
    import torch

    weights = [each.detach().float() for each in parameters if each.ndim > 1]
    if not weights:
        return None
    limit = float(torch.stack([each.abs().max() for each in weights]).max())
    if not math.isfinite(limit) or limit == 0:
        return None
    counts = sum(torch.histc(each, BINS, -limit, limit).double() for each in weights)
    assert isinstance(counts, torch.Tensor)
    return Histogram(step, phase, float(f"{limit:.6g}"), tuple(map(int, counts.tolist())))


def append(folder: Path, step: int, phases: Mapping[str, Sequence[Tensor]]) -> None:
    """Write a line for each phase to the file in the folder of a run."""
    found = [histogram(step, name, parameters) for name, parameters in phases.items()]
    with (folder / NAME).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(each)) + "\n" for each in found if each is not None)


def read(folder: Path) -> list[Histogram]:
    """Return the histograms of a run, in order; lines that hold none are passed over."""
    rows = iterate_jsonl(folder / NAME, "weights")
    found = (None if isinstance(row, BadLine) else _histogram(row) for row in rows)
    return [each for each in found if each is not None]


def rewind(folder: Path, step: int) -> None:
    """Take away what was written behind a step: those steps come again."""
    if (folder / NAME).is_file():
        lines = [json.dumps(asdict(each)) + "\n" for each in read(folder) if each.step <= step]
        write_atomic(folder / NAME, "".join(lines))


def _histogram(row: Mapping[str, Any]) -> Histogram | None:
    step, phase, limit, counts = (row.get(key) for key in ("step", "phase", "limit", "counts"))
    if type(step) is not int or step < 0 or not isinstance(phase, str):
        return None
    if type(limit) is not float or not math.isfinite(limit) or limit <= 0:
        return None
    if not isinstance(counts, list) or not 2 <= len(counts) <= MOST:
        return None
    if not all(type(count) is int and count >= 0 for count in counts):
        return None
    return Histogram(step, phase, limit, tuple(counts))
