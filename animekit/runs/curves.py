"""What is drawn of runs: panels from their histories, and the files in a run's folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from animekit.files import write_atomic
from animekit.images.curves import Curve, Panel, save_curves
from animekit.runs.history import TIME, History, read_history
from animekit.runs.run import Run

NAMES = ("curves.png", "curves.svg", "curves.csv")
WIDE = 30.0  # times the least value: what is drawn on a logarithmic axis


def panels(histories: Mapping[str, History]) -> list[Panel]:
    """Return the panels of runs by label.

    One run has a panel for each of its phases and metrics; several have one for each number, with a
    curve a run.
    """
    if len(histories) == 1:
        return _of_one(next(iter(histories.values())))
    return _of_several(histories)


def write_curves(run: Run) -> bool:
    """Write curves.csv, curves.png and curves.svg into a run's folder.

    Returns whether there was anything to draw: two reports at least.
    """
    history = read_history(run)
    if max((len(each.steps) for each in history.series.values()), default=0) < 2:
        return False
    write_atomic(run.path / "curves.csv", as_csv(history))
    save_curves(panels({run.id: history}), *(run.path / name for name in NAMES[:2]))
    return True


def as_csv(history: History) -> str:
    """Return a history as a table: a row a step, a column a key."""
    keys = list(history.series)
    places = {
        key: dict(zip(each.steps, each.values, strict=True)) for key, each in history.series.items()
    }
    steps = sorted({step for each in history.series.values() for step in each.steps})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", *keys])
    table.writerows([step, *(places[key].get(step, "") for key in keys)] for step in steps)
    return text.getvalue()


def _of_one(history: History) -> list[Panel]:
    found = [_metric(history, key) for key in history.metrics]
    phases = dict.fromkeys(key.partition("/")[0] for key in history.losses)
    for phase in phases:
        keys = [key for key in history.losses if key.startswith(phase + "/")]
        found.append(_panel(history, keys, f"losses of {phase}", "loss"))
    ends = dict.fromkeys(key.rpartition("/")[2] for key in history.measures)
    for title, names, ylabel in (
        ("estimate of the Wasserstein distance", ("w_est",), "w_est"),
        ("accuracy of D", ("acc_real", "acc_fake"), "share on the right side"),
        ("gradient norms", ("grad",), "norm"),
    ):
        keys = [key for key in history.measures if key.rpartition("/")[2] in names]
        limits = (-0.02, 1.02) if "acc_real" in names else None
        if keys:
            found.append(_panel(history, keys, title, ylabel, limits=limits))
    shares = [key for key in history.measures if key.startswith(TIME)]
    if shares and ends:
        found.append(_panel(history, shares, "where the time goes", "share of the time"))
    return found


def _metric(history: History, key: str) -> Panel:
    return _panel(history, [key], key, "", floor=history.floors.get(key))


def _panel(
    history: History,
    keys: Sequence[str],
    title: str,
    ylabel: str,
    *,
    floor: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Panel:
    curves = [Curve(key, *history.series[key]) for key in keys]
    return Panel(
        title,
        curves,
        ylabel,
        log=limits is None and is_wide(curves),
        floor=floor,
        marks=history.marks,
        limits=limits,
    )


def _of_several(histories: Mapping[str, History]) -> list[Panel]:
    def keys(kind: str) -> dict[str, None]:
        return dict.fromkeys(key for each in histories.values() for key in getattr(each, kind))

    wanted = [*keys("metrics"), *keys("losses"), *keys("measures")]
    found = []
    for key in wanted:
        if key.startswith(TIME):
            continue
        having = {label: each for label, each in histories.items() if key in each.series}
        curves = [Curve(label, *each.series[key]) for label, each in having.items()]
        floors = {each.floors[key] for each in having.values() if key in each.floors}
        floor = floors.pop() if len(floors) == 1 else None
        found.append(Panel(key, curves, log=is_wide(curves), floor=floor))
    return found


def is_wide(curves: Sequence[Curve]) -> bool:
    """Say whether values are all positive, and the largest is many times the least."""
    values = [value for curve in curves for value in curve.values]
    return bool(values) and min(values) > 0 and max(values) > WIDE * min(values)
