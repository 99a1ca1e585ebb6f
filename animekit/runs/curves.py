"""What is drawn of runs: panels from their histories, and the files in a run's folder."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from animekit.files import write_atomic
from animekit.images.curves import Curve, Panel, save_curves
from animekit.runs.history import TIME, History, read_history
from animekit.runs.run import Run
from animekit.runs.weights_log import Histogram

CURVES = ("curves.png", "curves.svg", "curves.csv")
SIDE = re.compile(r"_(avg|\d+)$")
"""How keys of one metric differ that are drawn together: swd_64, swd_32, swd_avg."""
SPREADS = 4  # of weights in a panel
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
    save_curves(panels({run.id: history}), *(run.path / name for name in CURVES[:2]))
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
    groups = dict.fromkeys(SIDE.sub("", key) for key in history.metrics)
    found = [_metrics(history, name) for name in groups]
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
    for phase in dict.fromkeys(each.phase for each in history.weights):
        if f"{phase}/acc_real" in history.series:  # it judges
            found.append(_weights(history.weights, phase))
    shares = [key for key in history.measures if key.startswith(TIME)]
    shares.sort(key=lambda key: key.endswith("/reports"))  # they come now and then, on top
    if shares and ends:
        panel = _panel(history, shares, "where the time goes", "share of the time")
        parts = [replace(curve, label=curve.label.removeprefix(TIME)) for curve in panel.curves]
        found.append(replace(panel, curves=parts, kind="shares", log=False))
    return found


def _weights(found: Sequence[Histogram], phase: str) -> Panel:
    """Return the spread of a phase's weights at up to four checkpoints, the first and last too."""
    own = [each for each in found if each.phase == phase]
    places = sorted({round(part * (len(own) - 1) / (SPREADS - 1)) for part in range(SPREADS)})
    curves = [
        Curve(f"step {own[place].step:,}", own[place].middles, own[place].shares)
        for place in places
    ]
    title = f"weights of {phase}"
    return Panel(title, curves, "share of the weights", xlabel="weight", kind="bars")


def _metrics(history: History, name: str) -> Panel:
    """Return the panel of a metric, with its mean first and then its sides."""
    keys = [key for key in history.metrics if SIDE.sub("", key) == name]
    keys.sort(key=lambda key: not key.endswith("_avg"))
    return _panel(history, keys, name.replace("_", " "), "")


def _panel(
    history: History,
    keys: Sequence[str],
    title: str,
    ylabel: str,
    *,
    limits: tuple[float, float] | None = None,
) -> Panel:
    curves = _merged(
        [Curve(key, *history.series[key], floor=history.floors.get(key)) for key in keys]
    )
    return Panel(
        title,
        curves,
        ylabel,
        log=limits is None and is_wide(curves),
        marks=history.marks,
        limits=limits,
    )


def _merged(curves: Sequence[Curve]) -> list[Curve]:
    """Return the curves with those as one that have the same values: one would hide the other."""
    found: dict[tuple[tuple[float, ...], ...], Curve] = {}
    for curve in curves:
        key = tuple(curve.steps), tuple(curve.values)
        label = f"{found[key].label} = {curve.label}" if key in found else curve.label
        found[key] = replace(curve, label=label)
    return list(found.values())


def _of_several(histories: Mapping[str, History]) -> list[Panel]:
    def keys(kind: str) -> dict[str, None]:
        return dict.fromkeys(key for each in histories.values() for key in getattr(each, kind))

    places = {label: place for place, label in enumerate(histories)}  # a run keeps its colour
    wanted = [*keys("metrics"), *keys("losses"), *keys("measures")]
    found = []
    for key in wanted:
        if key.startswith(TIME):
            continue
        having = {label: each for label, each in histories.items() if key in each.series}
        curves = [
            Curve(label, *each.series[key], place=places[label]) for label, each in having.items()
        ]
        floors = {each.floors[key] for each in having.values() if key in each.floors}
        floor = floors.pop() if len(floors) == 1 else None
        found.append(Panel(key, curves, log=is_wide(curves), floor=floor))
    return found


def is_wide(curves: Sequence[Curve]) -> bool:
    """Say whether values are all positive, and the largest is many times the least."""
    values = [value for curve in curves for value in curve.values]
    return bool(values) and min(values) > 0 and max(values) > WIDE * min(values)
