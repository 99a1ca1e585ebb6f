"""A plot of how cost grows with batch, size and count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import Point

TITLES = {
    "batch": "a step, by batch",
    "size": "a step, by size in pixels",
    "count": "loading, by pictures in the store",
}


def draw(points: Sequence[Point], path: Path) -> None:
    """Write a panel for each axis that has points; the format is that of the name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    axes = [axis for axis in TITLES if any(point.axis == axis for point in points)]
    figure = Figure(figsize=(4.2 * len(axes), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, axis in enumerate(axes, start=1):
        panel = figure.add_subplot(1, len(axes), place)
        own = [point for point in points if point.axis == axis]
        for curve in dict.fromkeys(point.curve for point in own):
            line = sorted((p.at, p.cost) for p in own if p.curve == curve)
            panel.plot(*zip(*line, strict=True), marker="o", label=curve)
        panel.set_xscale("log", base=10 if axis == "count" else 2)
        if axis == "size":
            panel.set_yscale("log")
        else:
            panel.set_ylim(bottom=0)
        panel.set_title(TITLES[axis], fontsize=10)
        panel.set_xlabel(axis)
        panel.set_ylabel(own[0].unit)
        panel.grid(visible=True, alpha=0.3)
        panel.legend(fontsize=8)
        if axis != "count":
            ticks = sorted({point.at for point in own})
            panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            panel.minorticks_off()
    figure.savefig(path, dpi=120)
