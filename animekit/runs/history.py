"""History: what a run measured step by step, as series by name, with marks and floors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from animekit.foreign import BadLine, iterate_jsonl
from animekit.runs import weights_log
from animekit.runs.reports import ALARM, EVALUATION, FLOOR, read_reports
from animekit.runs.run import Run
from animekit.runs.weights_log import Histogram

TIME = "time/"
"""How keys begin that are a share of the time."""
TIMES = "times.jsonl"
"""The file of the shares of the time, which begin with TIME."""
COUNTED = ("seconds", "images", "generator_updates", "img_s", "mem_gb", "epoch")
"""Keys that say how far a run is, and how fast it goes."""
MEASURED = ("acc_real", "acc_fake", "grad", "w_est")
"""How keys end, behind the name of a phase, that are measured beside its losses."""
WORDS = re.compile(r"^[\d-]+ [\d:]+ step (\d{1,15}) (resume|rollback|alarm): (.*)")
BACK = re.compile(r"back to step ([\d,]{1,20})")


class Series(NamedTuple):
    """The values of one key, and the steps at which they were reported."""

    steps: tuple[int, ...]
    values: tuple[float, ...]


class Mark(NamedTuple):
    """A step from which a run went on ("resume", "roll-back"), or an "alarm"."""

    step: int
    kind: str


@dataclass(frozen=True)
class History:
    """What a run measured: series by key, as in "d/adv", marks and floors.

    A key is that of metrics.jsonl or times.jsonl, without "eval/" where it is a metric. `floors`
    are what real images get against other real ones, by the key of a metric. `weights` say how
    those that each phase moves were spread at checkpoints.
    """

    series: dict[str, Series] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    floors: dict[str, float] = field(default_factory=dict)
    weights: tuple[Histogram, ...] = ()

    @property
    def metrics(self) -> list[str]:
        """The keys of metrics, such as "swd_avg"."""
        return [key for key in self.series if "/" not in key and key not in COUNTED]

    @property
    def losses(self) -> list[str]:
        """The keys of loss terms, such as "d/adv": their sum by phase is minimised."""
        return [key for key in self.series if "/" in key and key not in self.measures]

    @property
    def measures(self) -> list[str]:
        """The keys of what is measured beside losses, as "d/acc_real" or "time/data"."""
        return [
            key
            for key in self.series
            if "/" in key and (key.rpartition("/")[2] in MEASURED or key.startswith(TIME))
        ]


def read_history(run: Run) -> History:
    """Return what a run measured; what its files hold beside reports is passed over.

    A floor is the newest: of an evaluation while it trained, else of `animekit evaluate`.
    """
    points: dict[str, dict[int, float]] = {}
    floors = _evaluated_floors(run)
    for row in [*run.metrics(), *read_reports(run.path / TIMES).rows]:
        step = row.get("step")
        if type(step) is not int:  # a row of another program
            continue
        for key, value in row.items():
            if key.startswith(FLOOR):
                floors[key.removeprefix(FLOOR)] = value
            elif ("/" in key and not key.startswith(ALARM)) or key in COUNTED:
                points.setdefault(key.removeprefix(EVALUATION), {})[step] = float(value)
    series = {
        key: Series(*zip(*sorted(found.items()), strict=True)) for key, found in points.items()
    }
    return History(series, tuple(_marks(run)), floors, tuple(weights_log.read(run.path)))


def _evaluated_floors(run: Run) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in iterate_jsonl(run.path / "evaluations.jsonl", "evaluations"):
        real = None if isinstance(line, BadLine) else line.get("real")
        if isinstance(real, dict):
            found |= {key: float(value) for key, value in real.items() if _is_number(value)}
    return found


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _marks(run: Run) -> list[Mark]:
    """Return where the run went on; what was taken back by going on earlier leaves none."""
    found: list[Mark] = []
    for mark in _words(run):
        if mark.kind != "alarm":
            found = [each for each in found if each.step <= mark.step]
        found.append(mark)
    return list(dict.fromkeys(found))


def _words(run: Run) -> Iterator[Mark]:
    """Yield what log.txt says of resumes and roll-backs."""
    path = run.path / "log.txt"
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            said = WORDS.match(line)
            if said is None:
                continue
            step, kind, rest = said.groups()
            back = BACK.search(rest) if kind == "rollback" else None
            place = step if back is None else back.group(1).replace(",", "")
            yield Mark(int(place), kind.replace("rollback", "roll-back"))
