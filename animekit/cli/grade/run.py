"""The body of `animekit grade`: a line a picture, the page and the CSV, and the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit.cli._options import Common
from animekit.cli._progress import sharing
from animekit.grading.grade import grade, plan_grade
from animekit.grading.request import GradeRequest
from animekit.grading.result import Grading
from animekit.grading.written import may_write


def run(common: Common, *, pictures: list[Path], out: Path, **asked: Any) -> dict[str, Any]:
    """Grade, show and write; return the data of the JSON answer."""
    may_write(out, overwrite=common.yes)
    if asked["detector"] == "own":
        asked["detector"] = None  # as good as it can be had, where nobody named one
    if common.dry_run:
        return say_plan(common, GradeRequest(tuple(pictures), **asked), out)
    registry = common.registry()
    with sharing(common.screen) as progress:
        found = grade(*pictures, **asked, registry=registry, progress=progress)
    show(common, found)
    paths = found.save(out, overwrite=common.yes)
    for key, path in paths.items():
        if key in ("page", "csv"):
            common.screen.made(path, key)
        else:
            common.screen.record(path, "picture")
    facts = {**found.facts(), "page": str(paths["page"]), "csv": str(paths["csv"])}
    failure = found.failure()
    if failure is not None:
        failure.data = facts
        if common.open:  # what fails is looked at all the more
            common.screen.open_made()
        raise failure
    return facts


def show(common: Common, found: Grading) -> None:
    """Write a line for each picture and script, then how it went."""
    for note in found.notes:
        common.screen.warn(note, "grade")
    head, *rows = found.as_table()
    common.screen.table(head, rows)
    common.screen.note(f"faces by {found.by}; {found.min_faces} pass", style="dim")
    common.screen.say(found.words())


def say_plan(common: Common, request: GradeRequest, out: Path) -> dict[str, Any]:
    """Say what would be graded, and what would be executed."""
    found = plan_grade(request)
    pictures = [each.name for submission in found for each in submission.pictures]
    scripts = [
        f"{each.name}/{path.name}"
        for each in found
        for path in each.scripts.values()
        if request.run
    ]
    for name in pictures:
        common.screen.say(f"would grade {name}")
    for name in scripts:
        common.screen.say(f"would execute {name}, twice")
    common.screen.say(f"would write page, CSV and framed pictures to {out}")
    return {
        "would_grade": pictures,
        "would_execute": scripts,
        "would_write": str(out),
    }
