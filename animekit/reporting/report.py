"""Reports: one self-contained page of a run, written from its folder alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.errors import AnimekitError, CheckpointError, UsageError
from animekit.explanation.explain import explain
from animekit.files import write_atomic
from animekit.images.figures import PageFigure, read
from animekit.images.page import may_replace_page, render
from animekit.images.write import write_errors
from animekit.models.abilities import Translates
from animekit.plugins import Registry
from animekit.reporting import stored
from animekit.reporting.card import card, data, reproduce
from animekit.reporting.drawing import Drawing
from animekit.reporting.section import Section
from animekit.runs.names import RUNS
from animekit.runs.records import Record
from animekit.runs.run import Run
from animekit.runs.summary import RunSummary, summary
from animekit.text import Printed

NAME = "report.html"
LIMIT = 10_000_000  # bytes of a page, above which its pictures become smaller
SIZES = ((640, 12), (384, 8), (224, 5))  # px of a picture and frames of the timeline, by need
CONFUSION = "confusion"
TELL = Callable[[str], None]


@dataclass
class Report(Printed):
    """A page of a run: its sections, and where it goes by default."""

    run: Run
    summary: RunSummary
    sections: list[Section]
    html: str

    @property
    def place(self) -> Path:
        """Where the page goes by default: report.html in the folder of the run."""
        return self.run.path / NAME

    def as_table(self) -> list[Any]:
        """Return the sections, and what is absent from each."""
        rows = [(each.title, "; ".join(each.absent) or "there") for each in self.sections]
        return [("section", ""), *rows]

    def facts(self) -> dict[str, Any]:
        """Return what the page holds as plain values: the `data` of the JSON answer."""
        return {
            "run": self.run.id,
            "state": self.summary.state,
            "bytes": len(self.html.encode()),
            "sections": {each.name: {"absent": each.absent} for each in self.sections},
        }

    def save(self, path: Path | str | None = None, *, overwrite: bool = False) -> Path:
        """Write the page; a file that animekit did not make needs `overwrite`."""
        path = self.place if path is None else Path(path)
        may_replace_page(path, overwrite=overwrite)
        with write_errors(path):
            write_atomic(path, self.html)
        return path


def report(
    run: Run | Path | str | None = None,
    *,
    checkpoint: str | int = "best",
    threads: int | None = None,
    folder: Path = RUNS,
    registry: Registry | None = None,
    progress: TELL | None = None,
) -> Report:
    """Return the report of a run, the newest by default; `save` writes it.

    Everything comes from the folder of the run: values, reports, sample grids, evaluations and the
    weights of `checkpoint`, which draw faces, tables of conditions and the samples that score
    lowest. Nearest real pictures are those that an evaluation stored, else they are looked for now
    where the data are. What is not there is said in its place, and spoils nothing else. Raises
    NotFoundError for no run, CheckpointError for one whose config.json cannot be read.
    """
    found = open_run(run, folder)
    registry = registry if registry is not None else plugins.load()
    drawing = Drawing(found, registry, checkpoint, threads)
    writer = _Writer(found, drawing, progress or (lambda words: None))
    sections, html = writer.page(*SIZES[0])
    for longest, frames in SIZES[1:]:
        if len(html) <= LIMIT:
            break
        sections, html = writer.page(longest, frames)
    return Report(found, writer.summary, sections, html)


def open_run(run: Run | Path | str | None, folder: Path = RUNS) -> Run:
    """Return a run whose values can be read, the newest by default."""
    if run is None:
        found = Run.newest(runs=folder)
    else:
        found = run if isinstance(run, Run) else Run(run, folder)
    if not isinstance(found.config.get("model"), str):
        raise CheckpointError(
            f"{found.path / 'config.json'} does not hold the values of a run", "name another run"
        )
    return found


class _Writer:
    """Makes the sections of a report; what is drawn once serves pages of any size."""

    def __init__(self, run: Run, drawing: Drawing, tell: TELL) -> None:
        self.run, self.drawing, self.tell = run, drawing, tell
        self.config = run.config
        self.summary = summary(run)
        self.records: list[Record] = stored.newest_records(run)
        self.drawn: dict[str, Section] = {}

    def page(self, longest: int, frames: int) -> tuple[list[Section], str]:
        """Return the sections with pictures of a size, and the page of them."""
        run, config, registry = self.run, self.config, self.drawing.registry
        self.tell("reading the run")
        sections = [
            self._once("card", self._card),
            self._once("faces", self._faces),
            stored.timeline(run, longest, frames),
            self._once("curves", lambda: stored.curves(run, config, registry)),
            self._once(
                "honesty",
                lambda: stored.honesty(run, config, self.drawing, self.records, longest),
            ),
            self._once("conditions", self._conditions),
            data(run, config),
            reproduce(run, config),
        ]
        self.tell("writing the page")
        parts = {each.name: each for each in sections}
        return sections, render("report.html", run=run.id, sections=sections, **parts)

    def _once(self, name: str, make: Callable[[], Section]) -> Section:
        if name not in self.drawn:
            self.tell(f"drawing {name}")
            self.drawn[name] = make()
        return self.drawn[name]

    def _card(self) -> Section:
        """Return the card, with what the model minimises and its layers."""
        section = card(self.run, self.config, self.summary)
        section.attempt(
            "model",
            lambda: explain(self.run, registry=self.drawing.registry),
            "objectives and layers",
        )
        return section

    def _faces(self) -> Section:
        """Return the first 25 seeds beside real images, or what a translator made."""
        section, drawing = Section("faces"), self.drawing
        section.values = {"faces": [], "sheet": None, "origin": "", "translates": False}
        real = stored.picture(self.run.samples / "reals.png", "real images", 512)
        section.values["reals"] = real
        try:
            section.values["origin"] = drawing.loaded.origin
            section.values["translates"] = isinstance(drawing.loaded.model, Translates)
            if drawing.generates:
                section.values["faces"] = drawing.faces()
            else:
                name = drawing.loaded.model.name
                section.absent.append(f"{name} makes no images from noise")
        except AnimekitError as error:
            section.absent.append(f"the weights draw nothing: {error.message}")
        if not section.values["faces"]:
            section.values["sheet"] = self._last_grid()
        section.values["command"] = drawing.command("--seeds 0-24 --grid 5x5")
        model = str(self.config.get("model"))
        section.values["transfer"] = f"animekit transfer {model} {self.run.id} PICTURE"
        return section

    def _last_grid(self) -> PageFigure | None:
        grids = stored.sample_grids(self.run.samples)
        return stored.picture(grids[-1], f"step {int(grids[-1].stem):,}", 768) if grids else None

    def _conditions(self) -> Section:
        """Return tables of what the model makes of attributes, and how well they are read."""
        section = Section("conditions")
        section.values = {"matrices": [], "confusions": []}
        if self.drawing.generates_or_unknown:
            section.attempt("matrices", self.drawing.matrices, "tables")
        else:
            section.absent.append("its model draws nothing from noise and words")
        found = stored.of_kind(self.records, CONFUSION)
        if found is not None:
            record, _ = found
            section.values["confusions"] = [
                PageFigure.of(path.stem.replace("-", " "), read(path), longest=640)
                for path in record.pictures(CONFUSION)
            ]
        elif section.values["matrices"] and self.config.get("spec", {}).get("labels"):
            section.absent.append(
                f"how well they are read: animekit evaluate {self.run.id} --cond-acc"
            )
        return section


def refuse_unknown(template: str) -> None:
    """Raise UsageError for a template that is not one."""
    if template not in ("report", "assignment"):
        raise UsageError(f'no template "{template}"', "use report or assignment")
