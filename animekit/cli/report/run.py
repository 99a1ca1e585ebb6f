"""The body of `animekit report`: the page of a run, or a course report to be filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from animekit.cli._options import Common, checkpoint_of
from animekit.errors import UsageError
from animekit.images.page import may_replace_page
from animekit.reporting import assignment as course
from animekit.reporting import report as room
from animekit.text import size


def run(
    common: Common,
    *,
    names: Sequence[str] | None,
    template: str,
    runs: Path,
    out: Path | None,
    **how: Any,
) -> dict[str, Any]:
    """Write the report; return the data of the JSON answer."""
    room.refuse_unknown(template)
    given = list(names or ())
    if template == "report" and len(given) > 1:
        raise UsageError(
            f"a report is of one run, not of {len(given)}",
            "animekit runs compare holds several against each other",
        )
    found = room.open_run(given[0] if given else None, runs)
    if not given:
        common.screen.note(f"using run {found.id}")
    homework = template == "assignment"
    target = out or found.path / (course.FOLDER if homework else room.NAME)
    if homework:
        course.may_write(target, overwrite=common.yes)
    else:
        may_replace_page(target, overwrite=common.yes)
    if common.dry_run:
        common.screen.say(f"would write the {template} of {found.id} to {target}")
        return {"would_write": str(target), "run": found.id}
    asked = {**how, "checkpoint": checkpoint_of(how["checkpoint"]), "folder": runs}
    write = _assignment if homework else _report
    facts, page = write(common, [found, *given[1:]], target, asked)
    return {**facts, "page": str(page)}


def _report(
    common: Common, runs: Sequence[Any], target: Path, asked: dict[str, Any]
) -> tuple[dict[str, Any], Path]:
    registry = common.registry()
    with common.screen.busy("writing"):
        made = room.report(runs[0], registry=registry, **asked)
    for section in made.sections:
        for line in section.absent:
            common.screen.note(f"{section.title.lower()}: {line}")
    page = made.save(target, overwrite=common.yes)
    common.screen.made(page, "report", size(len(made.html)))
    return made.facts(), page


def _assignment(
    common: Common, runs: Sequence[Any], target: Path, asked: dict[str, Any]
) -> tuple[dict[str, Any], Path]:
    registry = common.registry()
    with common.screen.busy("writing"):
        made = course.assignment(runs, registry=registry, **asked)
        paths = made.save(target, overwrite=common.yes)
    for line in made.open_points:
        common.screen.note(f"to do: {line}")
    for path in paths[:2]:
        common.screen.made(path, "assignment")
    return made.facts(), paths[0]
