"""Curves of numbers against steps: panels as a picture, drawn by matplotlib; it knows no run."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#555555")
"""Told apart by all eyes (Okabe and Ito, 2008)."""
MARKS = {"resume": ("#888888", (0, (4, 3))), "roll-back": ("#C00000", (0, (1, 1.5)))}
SMOOTH = 0.04  # of the points are averaged on each side
FEW = 12  # points, which are shown as they are
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
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "svg.hashsalt": "animekit",
}


@dataclass(frozen=True)
class Curve:
    """Values against steps, under a name."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Curves over one pair of axes.

    `floor` is a line that they can reach at best; `marks` are places and what they are, "resume" or
    "roll-back". `limits` are the ends of the upright axis, where they are known beforehand.
    """

    title: str
    curves: Sequence[Curve]
    ylabel: str = ""
    log: bool = False
    floor: float | None = None
    marks: Sequence[tuple[float, str]] = ()
    xlabel: str = "step"
    limits: tuple[float, float] | None = None
    smoothed: bool = True


def smoothed(values: Sequence[float], share: float = SMOOTH) -> np.ndarray:
    """Return the mean of each value and of its neighbours on either side.

    They are a share of all values. Near the ends they are fewer, as many on one side as on the
    other: nothing is shifted.

    >>> smoothed([0.0, 3.0, 0.0, 3.0, 0.0], 0.2).tolist()
    [0.0, 1.0, 2.0, 1.0, 0.0]
    """
    given = np.asarray(values, dtype=np.float64)
    count = len(given)
    places = np.arange(count)
    reach = np.minimum(max(1, round(share * count)), np.minimum(places, count - 1 - places))
    sums = np.concatenate([[0.0], np.cumsum(given)])
    return (sums[places + reach + 1] - sums[places - reach]) / (2 * reach + 1)


def draw_curves(panels: Sequence[Panel], smooth: float = SMOOTH) -> Figure:
    """Return the panels as a figure, two in a row; 0 draws the values as they are.

    Smoothed curves stand before the raw ones, which are pale.
    """
    from matplotlib.figure import Figure

    with style():
        columns = min(2, len(panels))
        rows = -(-len(panels) // max(1, columns))
        figure = Figure(figsize=(SIZE[0] * max(1, columns), SIZE[1] * max(1, rows)))
        for number, panel in enumerate(panels):
            _draw(figure.add_subplot(rows, columns, number + 1), panel, smooth)
        figure.tight_layout(h_pad=1.6, w_pad=1.6)
    return figure


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


def _draw(axes: Axes, panel: Panel, smooth: float) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, curve in enumerate(panel.curves):
        color = COLORS[number % len(COLORS)]
        few = len(curve.steps) <= FEW or not smooth or not panel.smoothed
        marker: dict[str, Any] = {"marker": "o", "markersize": 3} if len(curve.steps) <= FEW else {}
        strong: dict[str, Any] = {"color": color, "linewidth": 1.5, "label": curve.label, **marker}
        if few:
            axes.plot(curve.steps, curve.values, **strong)
        else:
            axes.plot(curve.steps, curve.values, color=color, linewidth=0.7, alpha=0.3)
            axes.plot(curve.steps, smoothed(curve.values, smooth), **strong)
    if panel.log:
        axes.set_yscale("log")
    if panel.limits is not None:
        axes.set_ylim(*panel.limits)
    if panel.floor is not None:
        axes.axhline(
            panel.floor, color="#222222", linewidth=0.9, linestyle="--", label="real against real"
        )
    _mark(axes, panel.marks)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.xlabel)
    axes.set_ylabel(panel.ylabel)
    if panel.xlabel == "step":
        axes.xaxis.set_major_formatter(_thousands())
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best")


def _mark(axes: Axes, marks: Sequence[tuple[float, str]]) -> None:
    """Draw upright lines; each kind is named once."""
    named: set[str] = set()
    for step, kind in marks:
        color, dashes = MARKS.get(kind, MARKS["resume"])
        label = kind if kind not in named else "_"
        axes.axvline(step, color=color, linestyle=dashes, linewidth=0.9, label=label, zorder=1)
        named.add(kind)


def _thousands() -> Any:
    from matplotlib.ticker import FuncFormatter

    def words(value: float, _: int | None) -> str:
        if abs(value) >= 1000 and float(value / 100).is_integer():
            return f"{value / 1000:,g}k"
        return f"{value:,g}"

    return FuncFormatter(words)
