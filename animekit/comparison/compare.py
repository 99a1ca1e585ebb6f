"""Comparing: runs held against each other: values, numbers, curves and the same noise."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.comparison.differences import Difference, differences
from animekit.comparison.numbers import Numbers, gather, shown
from animekit.comparison.page import compare_page
from animekit.comparison.same_noise import SEEDS, NoiseSheet, same_noise
from animekit.errors import AnimekitError, UsageError
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.request import StageProgress
from animekit.files import write_atomic
from animekit.images.page import may_replace_page, refuse_others
from animekit.images.write import write_errors
from animekit.plugins import Registry
from animekit.runs.history import History, read_history
from animekit.runs.names import RUNS, list_runs
from animekit.runs.run import Run
from animekit.runs.summary import BEST, RunSummary, summary
from animekit.text import Printed, duration

MARK = "animekit runs compare"
MOST = 12
FORMS = (".html", ".md", ".csv", ".png")


@dataclass
class Comparison(Printed):
    """Several runs side by side; `runs` in the order in which they were named."""

    runs: list[Run]
    summaries: list[RunSummary]
    differences: list[Difference]
    numbers: Numbers
    histories: dict[str, History]
    sheet: NoiseSheet | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The ids of the runs."""
        return [run.id for run in self.runs]

    @property
    def place(self) -> Path:
        """Where the page goes by default: compare-A-B.html beside the runs."""
        return place_of(self.runs)

    def as_table(self) -> list[Sequence[str]]:
        """Return how far each came, what differs, and what was measured, as one table."""
        numbered = [f"{place} {label}" for place, label in enumerate(self.labels, 1)]
        head = ["", "real", *numbered, "which"]
        rows: list[Sequence[str]] = [head]
        for key, values in self.progress().items():
            rows.append([key, "", *values, ""])
        for row in self.numbers.rows:
            cells = [shown(c.value, c.spread) if c else "–" for c in row.cells]
            rows.append([f"{row.key} ({good(row.better)})", row.floor, *cells, row.words()])
        for each in self.differences:
            if each.kind != "off":
                key, *cells = each.cells()
                rows.append([key, "", *cells, "differs"])
        return rows

    def progress(self) -> dict[str, list[str]]:
        """Return how far each run came, in words, by what it is."""
        best = [each.best.get(BEST) for each in self.summaries]
        return {
            "model": [each.method for each in self.summaries],
            "state": [each.state for each in self.summaries],
            "steps": [f"{each.steps:,}" for each in self.summaries],
            "time": [duration(each.seconds) for each in self.summaries],
            f"{BEST}, newest": ["–" if b is None else f"{b.value:.1f} ({b.by})" for b in best],
        }

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values: the `data` of the JSON answer."""
        return {
            "runs": [each.facts() for each in self.summaries],
            "differences": [
                {
                    "kind": each.kind,
                    "key": each.key,
                    "values": dict(zip(self.labels, each.values, strict=True)),
                }
                for each in self.differences
            ],
            "metrics": self.numbers.facts(self.labels),
            "sheet": None if self.sheet is None else self.sheet.facts(),
            "notes": self.notes,
        }

    def html(self) -> str:
        """Return the page, with everything in it."""
        return compare_page(
            self.runs,
            progress=self.progress(),
            differences=self.differences,
            numbers=self.numbers,
            histories=self.histories,
            sheet=self.sheet,
            notes=self.notes,
        )

    def markdown(self) -> str:
        """Return the table in Markdown, with the notes behind it."""
        head, *rows = [[_cell(text) for text in row] for row in self.as_table()]
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
        notes = "".join(f"- {note}\n" for note in self.notes)
        return f"<!-- {MARK} -->\n\n{table}\n" + (f"\n{notes}" if notes else "")

    def csv(self) -> str:
        """Return the numbers and values as a table of plain cells, a row each."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow([MARK, "kind", "real", *self.labels])
        for key, values in self.progress().items():
            table.writerow([key, "progress", "", *values])
        for row in self.numbers.rows:
            real = next((c.real for c in row.cells if c is not None), None)
            values = ["" if c is None or c.value is None else f"{c.value:.6g}" for c in row.cells]
            spreads = [
                "" if c is None or c.spread is None else f"{c.spread:.6g}" for c in row.cells
            ]
            floor = "" if real is None or not row.floor else f"{real:.6g}"
            table.writerow([row.key, "number", floor, *values])
            table.writerow([f"{row.key} spread", "spread", "", *spreads])
        for each in self.differences:
            values = ["" if value is None else value for value in each.values]
            table.writerow([each.key, each.kind, "", *values])
        return text.getvalue()

    def save(self, path: Path | str | None = None, *, overwrite: bool = False) -> Path:
        """Write it by the ending of a name: .html, .md, .csv, or .png for the sheet.

        By default it is one page beside the runs, with everything in it. A file that animekit did
        not make needs `overwrite`.
        """
        path = self.place if path is None else Path(path)
        form = path.suffix.lower()
        if form == ".png":
            if self.sheet is None:
                raise UsageError("there is no sheet of the same noise", "name a .html file")
            return self.sheet.save(path, overwrite=overwrite)
        may_write(path, overwrite=overwrite)
        texts = {".html": self.html, ".md": self.markdown, ".csv": self.csv}
        with write_errors(path):
            write_atomic(path, texts[form]())
        return path


def place_of(runs: Sequence[Run]) -> Path:
    """Return where the page of a comparison goes by default."""
    names = "-".join(run.id.partition("-")[0] for run in runs)
    return runs[0].path.parent / f"compare-{names}.html"


def may_write(path: Path, *, overwrite: bool) -> None:
    """Refuse a name of another form, and a file that animekit did not make."""
    form = path.suffix.lower()
    if form not in FORMS:
        raise UsageError(f"{path} ends in none of {' '.join(FORMS)}", "name such a file")
    if form == ".html":
        may_replace_page(path, overwrite=overwrite)
    elif form != ".png":  # which the sheet itself looks after
        refuse_others(path, MARK, overwrite=overwrite)


def compare(
    runs: Sequence[Run | Path | str] = (),
    *,
    seeds: str | Sequence[int] = SEEDS,
    checkpoint: str | int = "best",
    sheet: bool = True,
    measure: bool = False,
    num: int | None = None,
    quick: bool = False,
    metrics: Sequence[str] | None = None,
    device: str | None = None,
    threads: int | None = None,
    folder: Path = RUNS,
    registry: Registry | None = None,
    progress: StageProgress | None = None,
) -> Comparison:
    """Hold two runs or more against each other; without names, the two newest.

    What differs between their values, how far each came, the numbers that `evaluate` stored of them
    with the floor of real images and which differences are under two deviations, their curves, and
    a sheet of the same noise (`seeds`, from `checkpoint`) with a row a run. `measure` evaluates all
    of them together first, on `num` images a side (`quick`: 1,000, once), by `metrics`. Raises
    UsageError for fewer than two runs, NotFoundError for one that is not there.
    """
    chosen = choose(runs, folder)
    registry = registry if registry is not None else plugins.load()
    if measure:
        evaluate(
            chosen[0],
            compare=chosen[1:],
            metrics=metrics,
            num=num,
            quick=quick,
            checkpoint=checkpoint,
            device=device or "auto",
            threads=threads,
            registry=registry,
            progress=progress,
        ).save()
    numbers = gather(chosen)
    found = Comparison(
        chosen,
        [summary(run) for run in chosen],
        differences({run.id: run.config for run in chosen}, registry),
        numbers,
        {run.id: read_history(run) for run in chosen},
        notes=list(numbers.notes),
    )
    if sheet:
        asked = {"checkpoint": checkpoint, "device": device, "threads": threads}
        _draw(found, seeds, registry=registry, **asked)
    return found


def _draw(found: Comparison, seeds: str | Sequence[int], **asked: Any) -> None:
    """Draw the sheet, and say why where there is none or a row is missing."""
    try:
        found.sheet = same_noise({run.id: run for run in found.runs}, seeds, **asked)
    except UsageError:
        raise
    except AnimekitError as error:
        found.notes.append(error.message)
        return
    found.notes += found.sheet.notes
    found.notes += [f"not drawn: {label}: {why}" for label, why in found.sheet.left_out.items()]


def choose(runs: Sequence[Run | Path | str], folder: Path = RUNS) -> list[Run]:
    """Return the runs that are meant, each once; the two newest where none is named."""
    given = list(runs) or [Run(path) for path in list_runs(folder)[-2:]]
    found = [each if isinstance(each, Run) else Run(each, folder) for each in given]
    found = list({run.path.resolve(): run for run in found}.values())
    if not 2 <= len(found) <= MOST:
        raise UsageError(
            f"a comparison of {len(found)} run{'' if len(found) == 1 else 's'}",
            f"name 2 to {MOST} of them: animekit runs compare 7 5",
        )
    return found


def good(better: str) -> str:
    """Return in a word which way is good: lower, higher, or as real images."""
    return "as real" if better == "real" else better


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
