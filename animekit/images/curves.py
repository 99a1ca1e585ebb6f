"""Curves of numbers against steps: panels as a picture, drawn by matplotlib; it knows no run."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from animekit.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#555555")
"""Told apart by all eyes (Okabe and Ito, 2008)."""
SHADES = ("#08306B", "#2171B5", "#6BAED6", "#B5CFE3")
"""Of histograms, the newest first."""
MARKS = {
    "resume": ("#888888", (0, (4, 3))),
    "roll-back": ("#C00000", (0, (1, 1.5))),
    "alarm": ("#E69F00", "-"),
}
SMOOTH = 0.04  # of the points are averaged on each side
FEW = 12  # points, which are shown as they are
CROWD = 4  # curves: more are named once, below all panels, not over the curves of each
DASHES = ("-", ":", "-.")
"""Of curves beyond the colours, which begin again."""
LETTERS = 12  # of the names below, in an inch
LINE = 0.18  # inches of a line of them
SIZE = (4.6, 2.7)  # inches of a panel
STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": True,
    "legend.framealpha": 0.8,
    "legend.edgecolor": "none",
    "legend.facecolor": "white",
    "legend.fontsize": 7.5,
    "svg.hashsalt": "animekit",
}


@dataclass(frozen=True)
class Curve:
    """Values against steps, under a name; `floor` is what they can reach at best.

    `place` numbers its colour, by default its place in the panel.
    """

    label: str
    steps: Sequence[float]
    values: Sequence[float]
    floor: float | None = None
    place: int | None = None


@dataclass(frozen=True)
class Panel:
    """Curves over one pair of axes.

    `floor` is a line that all of them can reach at best; `marks` are places and what they are:
    "resume", "roll-back" or "alarm". `limits` are the ends of the upright axis, where they are
    known beforehand. `kind`: curves are lines; outlines of histograms, the older the paler; or
    shares that lie on each other.
    """

    title: str
    curves: Sequence[Curve]
    ylabel: str = ""
    log: bool = False
    floor: float | None = None
    marks: Sequence[tuple[float, str]] = ()
    xlabel: str = "step"
    limits: tuple[float, float] | None = None
    kind: Literal["lines", "bars", "shares"] = "lines"


def smoothed(values: Sequence[float], share: float = SMOOTH) -> np.ndarray:
    """Return the mean of each value and of its neighbours on either side.

    They are a share of all values. At both ends a straight line through as many values takes the
    place of the mean: nothing is shifted.

    >>> smoothed([0.0, 3.0, 0.0, 3.0, 0.0], 0.2).round(6).tolist()
    [1.0, 1.0, 2.0, 1.0, 1.0]
    """
    given = np.asarray(values, dtype=np.float64)
    reach = min(max(1, round(share * len(given))), (len(given) - 1) // 2)
    if reach < 1:
        return given
    width = 2 * reach + 1
    found = np.empty_like(given)
    found[reach : len(given) - reach] = np.convolve(given, np.full(width, 1 / width), "valid")
    places = np.arange(width)
    for ends, window in ((slice(0, reach), given[:width]), (slice(-reach, None), given[-width:])):
        found[ends] = np.polyval(np.polyfit(places, window, 1), places)[ends]
    return found


def draw_curves(panels: Sequence[Panel], smooth: float = SMOOTH) -> Figure:
    """Return the panels as a figure, two in a row; 0 draws the values as they are.

    Smoothed curves stand before the raw ones, which are pale. Where a panel has a crowd of curves
    that keep their colours in all panels, they are named below them.
    """
    from matplotlib.figure import Figure

    shared = [panel.curves for panel in panels if panel.kind == "lines"]
    shared = [curves for curves in shared if all(curve.place is not None for curve in curves)]
    crowd = max(map(len, shared), default=0) > CROWD
    with style():
        columns = min(2, len(panels))
        rows = -(-len(panels) // max(1, columns))
        figure = Figure(figsize=(SIZE[0] * max(1, columns), SIZE[1] * max(1, rows)))
        for number, panel in enumerate(panels):
            axes = figure.add_subplot(rows, columns, number + 1)
            _draw(axes, panel, smooth, first=number == 0)
        below = _name_below(figure, panels) if crowd else 0.0
        figure.tight_layout(h_pad=1.6, w_pad=1.6, rect=(0, below, 1, 1))
    return figure


def _name_below(figure: Figure, panels: Sequence[Panel]) -> float:
    """Name all lines once, at the foot of the figure; return the share of its height taken."""
    named: dict[str, Any] = {}
    for panel, axes in zip(panels, figure.axes, strict=True):
        if panel.kind != "lines":
            continue
        own = {curve.label for curve in panel.curves}
        handles, labels = axes.get_legend_handles_labels()
        named |= {
            label: handle
            for handle, label in zip(handles, labels, strict=True)
            if label in own and label not in named
        }
        others = [
            (handle, label)
            for handle, label in zip(handles, labels, strict=True)
            if label not in own
        ]
        if others:
            axes.legend(*zip(*others, strict=True), loc="best")
        elif (legend := axes.get_legend()) is not None:
            legend.remove()
    room = int(LETTERS * figure.get_figwidth() / (max(map(len, named)) + 6))
    columns = max(1, min(room, len(named)))
    lines = -(-len(named) // columns)
    height = figure.get_figheight()
    extra = LINE * (lines + 0.5)
    figure.set_figheight(height + extra)
    figure.legend(named.values(), named.keys(), loc="lower center", ncols=columns)
    return extra / (height + extra)


def save_curves(panels: Sequence[Panel], *paths: Path, smooth: float = SMOOTH) -> None:
    """Write the panels to files, PNG or SVG by their names.

    The same panels give the same bytes.
    """
    figure = draw_curves(panels, smooth)
    with style():
        for path in paths:
            kind, buffer = path.suffix[1:].lower(), io.BytesIO()
            stamps: dict[str, Any] = {"svg": {"Date": None}, "png": {"Software": None}}
            figure.savefig(buffer, format=kind, dpi=120, metadata=stamps.get(kind))
            write_atomic(path, buffer.getvalue())


@contextmanager
def style() -> Iterator[None]:
    """Draw as animekit does, whatever the user tells their own matplotlib."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def _draw(axes: Axes, panel: Panel, smooth: float, *, first: bool) -> None:
    """Draw one panel; marks are named in the first."""
    {"lines": _draw_lines, "bars": _draw_bars, "shares": _draw_shares}[panel.kind](
        axes, panel, smooth
    )
    if panel.limits is not None:
        axes.set_ylim(*panel.limits)
    _draw_floors(axes, panel)
    _draw_marks(axes, panel.marks, named=first)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.xlabel)
    axes.set_ylabel(panel.ylabel)
    if panel.xlabel == "step":
        _count_steps(axes, panel.curves)
    else:
        axes.locator_params(axis="x", nbins=5)
    if axes.get_legend_handles_labels()[1]:
        shares: dict[str, Any] = {"loc": "lower left", "ncols": 3}
        axes.legend(**(shares if panel.kind == "shares" else {"loc": "best"}))


def _draw_lines(axes: Axes, panel: Panel, smooth: float) -> None:
    for number, curve in enumerate(panel.curves):
        place = number if curve.place is None else curve.place
        color = COLORS[place % len(COLORS)]
        few = len(curve.steps) <= FEW
        strong: dict[str, Any] = {
            "color": color,
            "linewidth": 1.5,
            "label": curve.label,
            "linestyle": DASHES[place // len(COLORS) % len(DASHES)],
        }
        if few or not smooth:
            dots: dict[str, Any] = {"marker": "o", "markersize": 3} if few else {}
            axes.plot(curve.steps, curve.values, **strong, **dots)
        else:
            axes.plot(curve.steps, curve.values, color=color, linewidth=0.7, alpha=0.3)
            axes.plot(curve.steps, _smooth_line(curve.values, smooth, log=panel.log), **strong)
    if panel.log:
        axes.set_yscale("log")
    elif panel.limits is None:
        _leave_out_outliers(axes, panel)


def _smooth_line(values: Sequence[float], smooth: float, *, log: bool) -> np.ndarray:
    """Return smoothed values, along the axis on which they are drawn."""
    if log and min(values) > 0:
        return np.exp(smoothed(np.log(values).tolist(), smooth))
    return smoothed(values, smooth)


def _leave_out_outliers(axes: Axes, panel: Panel) -> None:
    """Let a few values far from all others leave the frame, as those of the first steps."""
    values = np.array([value for curve in panel.curves for value in curve.values])
    if len(values) <= FEW:
        return
    low, high = np.percentile(values, [2, 98])
    reach = (high - low) / 2
    low, high = max(values.min(), low - reach), min(values.max(), high + reach)
    if low < high:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _draw_bars(axes: Axes, panel: Panel, smooth: float) -> None:
    """Draw the outline of each histogram, the newest dark and in front."""
    for number, curve in enumerate(panel.curves):
        age = (len(panel.curves) - 1 - number) / max(1, len(panel.curves) - 1)
        axes.plot(
            curve.steps,
            [value or np.nan for value in curve.values],
            drawstyle="steps-mid",
            color=SHADES[round(age * (len(SHADES) - 1))],
            linewidth=1.5 - 0.6 * age,
            label=curve.label,
        )
    axes.set_yscale("log")


def _draw_shares(axes: Axes, panel: Panel, smooth: float) -> None:
    """Draw shares on each other; those of steps in which some are lacking are 0 there."""
    steps = sorted({step for curve in panel.curves for step in curve.steps})
    rows: list[Any] = []
    for curve in panel.curves:
        values = dict(zip(curve.steps, curve.values, strict=True))
        row = [values.get(step, 0.0) for step in steps]
        rows.append(smoothed(row, smooth).clip(0) if smooth and len(row) > FEW else row)
    labels = [curve.label for curve in panel.curves]
    axes.stackplot(steps, rows, labels=labels, colors=COLORS, alpha=0.75, linewidth=0)
    axes.set_ylim(0, max(1.0, float(np.sum(rows, axis=0).max(initial=0.0))))


def _draw_floors(axes: Axes, panel: Panel) -> None:
    floors = {panel.floor: "#222222"} if panel.floor is not None else {}
    for number, curve in enumerate(panel.curves):
        if curve.floor is not None:
            place = number if curve.place is None else curve.place
            floors[curve.floor] = COLORS[place % len(COLORS)]
    style: dict[str, Any] = {"linewidth": 0.9, "linestyle": "--"}
    for floor, color in floors.items():
        axes.axhline(floor, color=color, **style)
    if floors:
        color = "#222222" if len(floors) > 1 else next(iter(floors.values()))
        axes.plot([], [], color=color, label="real against real", **style)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.8 * min(floors)), max(high, 1.05 * max(floors)))


def _draw_marks(axes: Axes, marks: Sequence[tuple[float, str]], *, named: bool) -> None:
    """Draw upright lines; each kind is named once."""
    seen: set[str] = set()
    for step, kind in marks:
        color, dashes = MARKS.get(kind, MARKS["resume"])
        label = kind if named and kind not in seen else None
        axes.axvline(step, color=color, linestyle=dashes, linewidth=0.9, label=label, zorder=1)
        seen.add(kind)


def _count_steps(axes: Axes, curves: Sequence[Curve]) -> None:
    """Let the axis begin at 0 and end at the last step; thousands are k."""
    from matplotlib.ticker import MaxNLocator

    last = max((curve.steps[-1] for curve in curves if len(curve.steps)), default=0)
    if last > 0:
        axes.set_xlim(0, 1.02 * last)
    axes.xaxis.set_major_formatter(_thousands())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _thousands() -> Any:
    from matplotlib.ticker import FuncFormatter

    def words(value: float, _: int | None) -> str:
        if abs(value) >= 1000 and float(value / 100).is_integer():
            return f"{value / 1000:,g}k"
        return f"{value:,g}"

    return FuncFormatter(words)
