"""The page of a comparison: one file with everything in it, that reads without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from animekit.comparison.differences import Difference
from animekit.comparison.numbers import Numbers, shown
from animekit.comparison.same_noise import NoiseSheet
from animekit.images.figures import PageFigure, curve_figures, frames, sample_grids
from animekit.images.page import render
from animekit.runs.curves import panels
from animekit.runs.history import History
from animekit.runs.run import Run

MOST_FRAMES = 8  # of each run, so that the page stays small
CORNER = 4  # images of a sample grid from its top left, in both directions


def compare_page(
    runs: Sequence[Run],
    *,
    progress: Mapping[str, Sequence[str]],
    differences: Sequence[Difference],
    numbers: Numbers,
    histories: Mapping[str, History],
    sheet: NoiseSheet | None,
    notes: Sequence[str],
) -> str:
    """Return a comparison as one page of HTML."""
    rows = [
        {
            "key": row.key,
            "better": "as real" if row.better == "real" else row.better,
            "floor": row.floor,
            "cells": [
                {
                    "text": "–" if cell is None else shown(cell.value, cell.spread),
                    "why": "" if cell is None else cell.reason or cell.definition,
                    "best": place == row.best() and row.words().endswith("is best"),
                }
                for place, cell in enumerate(row.cells)
            ],
            "words": row.words(),
        }
        for row in numbers.rows
    ]
    return render(
        "compare.html",
        labels=[run.id for run in runs],
        progress=progress,
        differences=[(each.kind, each.cells()) for each in differences],
        rows=rows,
        verdicts=[
            (run.id, record.verdict)
            for run, record in zip(runs, numbers.records, strict=True)
            if record is not None and record.verdict
        ],
        sheet=None if sheet is None else PageFigure.of("same noise", sheet.picture(), quality=90),
        curves=curve_figures(panels(histories)) if len(histories) > 1 else [],
        timelines=[(run.id, _timeline(run)) for run in runs],
        notes=notes,
    )


def _timeline(run: Run) -> list[PageFigure]:
    size = run.config.get("spec", {}).get("size", 64)
    corner = CORNER * size if isinstance(size, int) else None
    return frames(sample_grids(run.samples), MOST_FRAMES, corner=corner)
