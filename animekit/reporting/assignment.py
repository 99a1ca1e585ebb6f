"""Assignments: the course report's headings with figures and tables; the text is the student's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.errors import UnusableError, UsageError
from animekit.files import write_atomic
from animekit.images.figures import FACES, PageFigure
from animekit.images.page import may_replace_page, render
from animekit.images.write import KEY, write_errors, write_png
from animekit.plugins import Registry
from animekit.reporting.blocks import Blocks
from animekit.reporting.cast import Cast, grouped
from animekit.reporting.course import Author
from animekit.reporting.report import open_run
from animekit.runs.names import RUNS
from animekit.runs.run import Run
from animekit.text import Printed

FOLDER = "assignment"  # in the folder of the run
PAGE, TEXT, FIGURES = "assignment.html", "assignment.md", "figures"
MARK = "<!-- animekit report "
"""How the Markdown begins; the digest behind it tells whether somebody wrote in it since."""


@dataclass
class Assignment(Printed):
    """The course report of a run: its parts, and what is still to be done for it."""

    group: Cast
    title: str
    blocks: Blocks
    open_points: list[str] = field(default_factory=list)

    def as_table(self) -> list[Sequence[str]]:
        """Return which run stands for which part, and what is missing."""
        rows = [("part", "run"), *self.group.rows()]
        return [*rows, *(("to do", line) for line in self.open_points)]

    def facts(self) -> dict[str, Any]:
        """Return which runs it is of and what is missing, as plain values."""
        return {
            "run": self.group.main.id,
            "parts": dict(self.group.rows()),
            "figures": [each.name for each in self.blocks.figures()],
            "open": self.open_points,
        }

    def markdown(self) -> str:
        """Return the text as Markdown, with a digest of itself in its first line."""
        body = f"# {self.title}\n\n{self.blocks.markdown(FIGURES)}"
        return f"{MARK}{_digest(body)} -->\n{body}"

    def html(self) -> str:
        """Return the same as one self-contained page."""
        figures = {
            each.name: PageFigure.of(each.text, each.image, quality=FACES + 8, longest=1400)
            for each in self.blocks.figures()
            if each.image is not None
        }
        parts = self.blocks.parts
        return render("assignment.html", title=self.title, parts=parts, figures=figures)

    def save(self, folder: Path | str | None = None, *, overwrite: bool = False) -> list[Path]:
        """Write the page, the Markdown and its figures to a folder; return their paths.

        A text that was edited since it was written is never lost: that needs `overwrite`.
        """
        folder = self.group.main.path / FOLDER if folder is None else Path(folder)
        may_write(folder, overwrite=overwrite)
        page, text = folder / PAGE, folder / TEXT
        pictures = []
        with write_errors(page):
            for each in self.blocks.figures():
                assert each.image is not None
                pictures.append(folder / FIGURES / f"{each.name}.png")
                write_png(pictures[-1], each.image, {KEY: f"report {self.group.main.id}"})
            write_atomic(text, self.markdown())
            write_atomic(page, self.html())
        return [page, text, *pictures]


def assignment(
    runs: Sequence[Run | Path | str],
    *,
    checkpoint: str | int = "best",
    threads: int | None = None,
    folder: Path = RUNS,
    registry: Registry | None = None,
) -> Assignment:
    """Return the course report of a run, with the text left to its author.

    The first of `runs` is what the report is about. The others serve where they fit: one of another
    objective on the same data is compared, those with one change are tips, those of a preset named
    collapse are the last part. With one run alone, the others are looked for in its folder. Where
    none fits, the report says which command makes one. What the student is to think stays open.
    """
    if not runs:
        raise UsageError("no run to report on", "name one")
    registry = registry if registry is not None else plugins.load()
    found = [open_run(run, folder) for run in runs]
    group = grouped(found[0], found[1:], registry)
    author = Author(group, registry, checkpoint, threads)
    author.write()
    return Assignment(group, f"HW3-1 report: {group.main.id}", author.blocks, author.open_points)


def may_write(folder: Path, *, overwrite: bool) -> None:
    """Refuse a file in the way, and a text that holds somebody's own words."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", "name a folder for the assignment")
    may_replace_page(folder / PAGE, overwrite=overwrite)
    text = folder / TEXT
    if overwrite or not text.exists():
        return
    first, _, body = text.read_bytes().decode("utf-8", "replace").partition("\n")
    found = re.fullmatch(re.escape(MARK) + "([0-9a-f]{16}) -->", first.rstrip("\r"))
    if found is None or found[1] != _digest(body.replace("\r\n", "\n")):
        raise UnusableError(
            f"{text} was edited since animekit wrote it: nobody's words are overwritten",
            "--out writes elsewhere; --yes replaces it",
            code="file.exists",
        )


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
