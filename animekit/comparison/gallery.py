"""Gallery: one page over a folder of runs, a card each, with links to their reports."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from animekit.errors import AnimekitError, NotFoundError
from animekit.images.decode import ImageError
from animekit.images.figures import PageFigure, read, sample_grids
from animekit.images.page import may_replace_page, write
from animekit.images.write import write_errors
from animekit.runs.names import RUNS
from animekit.runs.run import Run
from animekit.runs.summary import SHOWN, RunSummary, summaries
from animekit.text import age, duration, size

NAME = "index.html"
CORNER = 4  # images of the last sample grid, in both directions
THUMB = 256  # px
REPORT = "report.html"
ABLATIONS = ("ablations/*/ablation.json", "ablation.json")
"""Beside a folder of runs, or round it where it holds an ablation's own: their pages are NAME."""


def gallery(
    runs: Path | str = RUNS,
    out: Path | str | None = None,
    *,
    sort: str = "-id",
    states: Iterable[str] = (),
    overwrite: bool = False,
) -> Path:
    """Write a page over the runs of a folder, the newest first; return its path.

    By default it is index.html in that folder. Each card has the last sample grid, how far the run
    came, its numbers with those of real images, and a link to its report where there is one; below
    are links to comparisons in that folder, and to ablations beside it.
    `sort` and `states` are those of a list (`animekit.runs.summary.summaries`). Raises
    NotFoundError where there is no run.
    """
    folder = Path(runs)
    found = summaries(folder, sort=sort, states=states)
    if not found:
        raise NotFoundError(
            f"no runs in {folder}{' in this state' if states else ''}",
            "animekit runs lists what is there",
            code="run.not_found",
        )
    path = folder / NAME if out is None else Path(out)
    may_replace_page(path, overwrite=overwrite)
    pages = sorted(each.name for each in folder.glob("compare-*.html"))
    with write_errors(path):
        return write(
            path,
            "gallery.html",
            folder=folder.resolve().name,
            cards=[_card(each, path.parent) for each in found],
            comparisons=[_towards(folder / name, path.parent) for name in pages],
            ablations=[_towards(page, path.parent) for page in _ablations(folder)],
            written=time.strftime("%Y-%m-%d %H:%M"),
        )


def _ablations(folder: Path) -> list[Path]:
    home = folder.resolve().parent
    found = [plan.with_name(NAME) for pattern in ABLATIONS for plan in home.glob(pattern)]
    return sorted(page for page in found if page.is_file())


def _card(each: RunSummary, home: Path) -> dict[str, Any]:
    folder = Path(each.path)
    report = folder / REPORT
    best = [(key, each.best[key]) for key in SHOWN if key in each.best]
    return {
        "run": each,
        "picture": _thumb(folder),
        "time": duration(each.seconds),
        "age": age(each.age),
        "size": size(each.bytes),
        "best": [
            (key, f"{b.value:.3g}", None if b.real is None else f"{b.real:.3g}") for key, b in best
        ],
        "report": _towards(report, home) if report.is_file() else None,
    }


def _towards(path: Path, home: Path) -> str:
    """Return how a page links to a file."""
    return Path(os.path.relpath(path.resolve(), home.resolve())).as_posix()


def _thumb(folder: Path) -> PageFigure | None:
    grids = sample_grids(folder / "samples")
    try:
        image = read(grids[-1])
        side = _side(folder)
        corner = image[: CORNER * side, : CORNER * side] if side else image
        return PageFigure.of(f"samples of {folder.name}", corner, longest=THUMB)
    except (IndexError, ImageError):
        return None


def _side(folder: Path) -> int | None:
    try:
        found = Run(folder).config.get("spec", {}).get("size")
    except AnimekitError:  # a damaged run has a card too
        return None
    return found if isinstance(found, int) else None
