"""Summary: what a list shows of a run: its state, how far it came, its best numbers, its size."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from animekit.errors import AnimekitError, UsageError
from animekit.foreign import BadLine, iterate_jsonl
from animekit.runs.names import RUNS, list_runs, number_of
from animekit.runs.reports import EVALUATION, FLOOR, Report, last_with
from animekit.runs.run import Run
from animekit.text import did_you_mean

STATES = ("running", "finished", "interrupted", "stopped", "diverged", "damaged")
"""By which a run is found; "stopped" is one that ended on an alarm, as it was told to."""
STEPS = 20_000
"""Steps of a training that is told neither steps nor minutes."""
BEST = "swd_avg"
"""The number by which a training keeps its best checkpoint; lower is better."""
SHOWN = (BEST, "ms_ssim")
ORDERS = ("id", "age", "steps", "time", "size", "best")
END = 4096  # bytes of the end of log.txt in which the last word is looked for


@dataclass(frozen=True)
class Best:
    """One number of a run, with that of real images, and who measured it."""

    value: float
    real: float | None = None
    step: int | None = None
    by: str = "training"


@dataclass(frozen=True)
class RunSummary:
    """What a list shows of a run."""

    id: str
    method: str
    state: str
    steps: int
    seconds: float
    path: str
    total: int | None = None
    data: str = ""
    images: int | None = None
    preset: str | None = None
    modified: float = 0.0
    bytes: int = 0
    best: dict[str, Best] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return it as plain values; the time as ISO 8601, in UTC."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.modified))
        best = {key: asdict(each) for key, each in self.best.items()}
        return {**asdict(self), "modified": stamp, "best": best}

    @property
    def age(self) -> float:
        """Seconds since something in its folder was written last."""
        return max(0.0, time.time() - self.modified)


def summary(run: Run) -> RunSummary:
    """Return what a list shows of a run; one that cannot be read is "damaged"."""
    facts: dict[str, Any] = {
        "id": run.id,
        "path": str(run.path),
        "modified": _modified(run.path),
        "bytes": _bytes(run.path),
    }
    try:
        rows, config = run.metrics(), run.config
        facts |= _progress(rows)
        options, data = config["options"], config.get("data", {})
        total = total_of(options)
        used = data.get("used")
        facts |= {
            "method": str(config["model"]),
            "total": total,
            "data": str(data.get("name") or data.get("where") or ""),
            "images": used if isinstance(used, int) else None,
            "preset": config.get("preset"),
            "best": best_of(run, rows),
        }
        state = _state(run, options, total, facts["steps"], facts["seconds"])
    except (AnimekitError, LookupError, TypeError, ValueError, AttributeError):
        facts = {"steps": 0, "seconds": 0.0, "method": "", **facts}
        state = "damaged"  # which does not hide the others
    return RunSummary(state=state, **facts)


def summaries(
    runs: Path = RUNS, *, sort: str = "id", states: Iterable[str] = ()
) -> list[RunSummary]:
    """Return the runs of a folder, oldest first, or in another order.

    `sort` is one of `ORDERS`, or the key of a number such as "ms_ssim": the least first, and
    runs without it last; "-" before it turns the order round. `states` are those that are wanted,
    all by default. Raises UsageError for another word.
    """
    wanted = tuple(states)
    for state in wanted:
        if state not in STATES:
            raise UsageError(
                f'no state "{state}".{did_you_mean(state, STATES)}', f"states: {' '.join(STATES)}"
            )
    found = [summary(Run(path)) for path in list_runs(runs)]
    keys = list(dict.fromkeys(key for each in found for key in each.best))
    name = sort.removeprefix("-")
    if name not in (*ORDERS, *keys, *SHOWN):
        raise UsageError(
            f'cannot sort by "{name}".{did_you_mean(name, [*ORDERS, *keys])}',
            f"use {' '.join(ORDERS)}, or a number of a run: {' '.join(keys) or BEST}",
        )
    found = [each for each in found if not wanted or each.state in wanted]
    having = [each for each in found if _place(each, name) is not None]
    without = [each for each in found if _place(each, name) is None]
    return [*sorted(having, key=lambda e: _place(e, name), reverse=sort != name), *without]


def _place(each: RunSummary, name: str) -> Any:
    """Return what a run is sorted by; None where it has no such number."""
    orders: dict[str, Any] = {
        "id": (number_of(Path(each.path)), Path(each.path).name),
        "age": each.age,
        "steps": each.steps,
        "time": each.seconds,
        "size": each.bytes,
    }
    best = each.best.get(BEST if name == "best" else name)
    return orders.get(name, None if best is None else best.value)


def total_of(options: dict[str, Any]) -> int | None:
    """Return how many steps a run is to have; None where its minutes decide.

    >>> total_of({"steps": 50, "minutes": None}), total_of({"steps": None, "minutes": None})
    (50, 20000)
    """
    if options["steps"] is None:
        return None if options.get("minutes") is not None else STEPS
    return int(options["steps"])


def own_values(config: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    """Return the values that are not the model's or the preset's, with origins."""
    origins = config.get("origins", {})
    values = {**config.get("options", {}), **config.get("params", {})}
    found = {}
    for key, value in values.items():
        origin = str(origins.get(key, ""))
        if origin not in ("", "default") and not origin.startswith(("preset ", "networks of ")):
            found[key] = (value, origin)
    return found


def best_of(run: Run, rows: Iterable[Report]) -> dict[str, Best]:
    """Return the numbers of a run: of `evaluate`, else the best of its training.

    Of the training that is the lowest of the number by which the best checkpoint is kept, and what
    else was measured at that step; of others the newest.
    """
    found: dict[str, Best] = {}
    floors: dict[str, float] = {}
    lowest: Report = {}
    last: dict[str, tuple[float, int]] = {}
    for row in rows:
        if "step" not in row:  # of another program, which may hold anything
            continue
        floors |= _named(row, FLOOR)
        last |= {key: (value, row["step"]) for key, value in _named(row, EVALUATION).items()}
        key = EVALUATION + BEST
        if key in row and row[key] < lowest.get(key, math.inf):
            lowest = row
    last |= {key: (value, lowest["step"]) for key, value in _named(lowest, EVALUATION).items()}
    for name, (value, step) in last.items():
        found[name] = Best(float(value), floors.get(name), step)
    for line in iterate_jsonl(run.path / "evaluations.jsonl", "evaluations"):
        if isinstance(line, BadLine) or not isinstance(line.get("values"), dict):
            continue
        real, at = line.get("real"), line.get("step")
        for name, value in line["values"].items():
            floor = real.get(name) if isinstance(real, dict) else None
            floor = float(floor) if isinstance(floor, (int, float)) else None
            if type(value) in (int, float):
                place = at if isinstance(at, int) else None
                found[name] = Best(float(value), floor, place, "evaluate")
    return found


def _named(row: Report, head: str) -> dict[str, Any]:
    """Return the values of a report whose keys begin so, by the rest of the key."""
    return {key.removeprefix(head): row[key] for key in row if key.startswith(head)}


def is_held(run: Run) -> bool:
    """Say whether a run is being trained: whoever does holds its lock."""
    import filelock

    path = run.path / ".lock"
    if path.is_file():
        try:
            filelock.FileLock(path).acquire(timeout=0).lock.release(force=True)
        except filelock.Timeout:
            return True
    return False


def _state(run: Run, options: dict[str, Any], total: int | None, steps: int, seconds: float) -> str:
    """Return running, finished, or why it ended before: by lock, reach and last word."""
    if is_held(run):
        return "running"
    minutes = options.get("minutes")
    enough = total is not None and steps >= total
    if enough or (minutes is not None and seconds >= 60 * minutes):
        return "finished"
    word = _last_word(run)
    return word if word in ("diverged", "stopped") else "interrupted"


def _last_word(run: Run) -> str:
    """Return the kind of the last line of log.txt, as in "checkpoint"."""
    try:
        with (run.path / "log.txt").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - END))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [re.match(r"[\d-]+ [\d:]+ step \d+ (\w+): ", line) for line in lines]
    return next((each[1] for each in reversed(said) if each is not None), "")


def _progress(rows: list[Report]) -> dict[str, Any]:
    return {
        "steps": int(last_with(rows, "step").get("step", 0)),
        "seconds": float(last_with(rows, "seconds").get("seconds", 0.0)),
    }


def _files(folder: Path) -> Iterable[os.stat_result]:
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield (Path(place) / name).lstat()
            except OSError:
                continue  # a checkpoint that went while we looked


def _bytes(folder: Path) -> int:
    return sum(each.st_size for each in _files(folder))


def _modified(folder: Path) -> float:
    names = ("metrics.jsonl", "config.json", "evaluations.jsonl")
    times = [path.stat().st_mtime for name in names if (path := folder / name).is_file()]
    return max(times, default=0.0)
