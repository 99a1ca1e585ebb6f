"""The page of a comparison: one file with everything in it, that reads without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from animekit.comparison.numbers import shown
from animekit.images.figures import PageFigure, curve_figures, frames, sample_grids
from animekit.images.page import render
from animekit.runs.curves import panels

if TYPE_CHECKING:
    from animekit.comparison.compare import Comparison

MOST_FRAMES = 8  # of each run, so that the page stays small
CORNER = 4  # images of a sample grid from its top left, in both directions


def compare_page(found: Comparison) -> str:
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
        for row in found.numbers.rows
    ]
    return render(
        "compare.html",
        labels=found.labels,
        progress=found.progress(),
        differences=[(each.kind, each.cells()) for each in found.differences],
        rows=rows,
        verdicts=[
            (run.id, record.verdict)
            for run, record in zip(found.runs, found.numbers.records, strict=True)
            if record is not None and record.verdict
        ],
        sheet=_sheet(found),
        curves=curve_figures(panels(found.histories)) if len(found.histories) > 1 else [],
        timelines=[(run.id, _timeline(run.path, run.config)) for run in found.runs],
        notes=found.notes,
    )


def _sheet(found: Comparison) -> PageFigure | None:
    if found.sheet is None:
        return None
    return PageFigure.of("same noise", found.sheet.picture(), quality=90)


def _timeline(folder: Any, config: dict[str, Any]) -> list[PageFigure]:
    size = config.get("spec", {}).get("size", 64)
    corner = CORNER * size if isinstance(size, int) else None
    return frames(sample_grids(folder / "samples"), MOST_FRAMES, corner=corner)
