"""The body of `animekit clean`: look, say what was found, and move only what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit.cleaning import quarantine, report
from animekit.cleaning.clean import Cleaning, clean, merge
from animekit.cleaning.decisions import adopt, keep_decisions
from animekit.cleaning.journal import Journal
from animekit.cleaning.move_plan import plan, rejected_folder
from animekit.cleaning.publish import plan_copy, publish
from animekit.cleaning.sheets import Thumbs, group_by_reason, write_sheets
from animekit.cli._options import Common
from animekit.cli._progress import counting
from animekit.cli.clean import crops, show
from animekit.cli.clean.request import Wishes
from animekit.cli.clean.show import Outcome
from animekit.data.manifest import FILE, clean_folder, newest_manifest, numbered, read_manifest
from animekit.data.survey import survey
from animekit.errors import GateError, PartialError
from animekit.gates import parse_gate
from animekit.text import printable


def run(common: Common, wishes: Wishes) -> dict[str, Any]:
    """Look, show and do what was asked for; return the data of the JSON answer."""
    if wishes.undo is not None:
        return _undo(common, wishes)
    checks = common.registry().all("check").values()
    reasons = {reason.name for check in checks for reason in check.reasons}
    known = [*show.COUNTS, *sorted(reasons)]
    gates = [parse_gate(text, known, whole="files") for text in wishes.fail_if or ()]
    into = crops.place(common, wishes.folder, wishes.crop, wishes.out)
    if common.dry_run:
        return _say_plan(common, wishes) | crops.plan(common, into)
    if wishes.source is not None:
        root = wishes.out if into is None else None
        place, table, summary = adopt(wishes.folder, wishes.source, root)
        found = Outcome(wishes.folder, place, table, summary)
        show.warn_of(common, found)
    else:
        found = _look(common, wishes)
    show.show(common, found, "nothing was moved" if wishes.apply is None else "")
    counts = found.counts()
    failed = [gate for gate in gates if gate.fails(counts)]
    for gate in gates:
        common.screen.say(f"gate {gate.text}: {'FAILED' if gate in failed else 'passed'}")
    if failed:
        words = "; ".join(f"{gate.text} ({gate.seen(counts)})" for gate in failed)
        error = GateError(f"gate not met: {words}", "nothing was moved")
        error.data = found.facts()
        raise error
    if wishes.apply is not None:
        _apply(common, wishes, found)
    if into is not None:
        return _cut(common, wishes, found, into)
    show.say_next(common, found)
    if found.refused:
        first = found.refused[0]
        raised = PartialError(
            f"{len(found.refused):,} files were left alone; the rest is done",
            f"such as {printable(first.name)}: {first.reason}",
        )
        raised.data = found.facts()
        raise raised
    return found.facts()


def _look(common: Common, wishes: Wishes) -> Outcome:
    screen, folder = common.screen, wishes.folder
    columns, rows = wishes.grid()
    asked: dict[str, Any] = {
        "checks": wishes.checks(),
        "skip": wishes.skipped(),
        "params": wishes.params(common),
        "tags": wishes.tags,
        "workers": wishes.threads(),
        "out": wishes.root,
        "registry": common.registry(),
    }
    previous = newest_manifest(folder) if folder.is_dir() else None
    part = wishes.part()
    with counting(common.screen, "checking") as progress:
        if wishes.merge is not None:
            parts = [each for each in wishes.merge if each]
            made = merge(folder, parts, progress=progress, **asked)
        else:
            made = clean(folder, shard=part, progress=progress, **asked)
    found = Outcome(folder, made.folder, made.manifest, made.summary)
    if part is None:
        made = keep_decisions(made, previous)
        found = Outcome(folder, made.folder, made.manifest, made.summary)
        found.boxes = crops.boxes_of(made)
        with screen.busy("drawing sheets"):
            _illustrate(made, found, columns, rows)
    for warning in made.warnings:
        screen.warn(warning, "clean")
    return found


def _illustrate(made: Cleaning, found: Outcome, columns: int, rows: int) -> None:
    """Write the sheets and the report."""
    thumbs = Thumbs(found.folder)
    found.groups = group_by_reason(made)
    place = made.folder / "sheets"
    found.sheets = write_sheets(found.groups, thumbs, place, columns=columns, rows=rows)
    found.report = report.write_report(made, found.groups, found.sheets, thumbs)


def _apply(common: Common, wishes: Wishes, found: Outcome) -> None:
    """Move, copy or link, and put what came of it into the outcome."""
    words = {"quarantine": "moving", "copy": "copying", "link": "linking"}[str(wishes.apply)]
    with counting(common.screen, words) as progress:
        if wishes.apply == "quarantine":
            found.applied = quarantine.apply(
                wishes.folder,
                found.table,
                manifest=str(found.place / FILE),
                tiers=wishes.tiers,
                progress=progress,
            )
        else:
            found.applied = publish(
                wishes.folder,
                found.table,
                wishes.out,
                how=wishes.apply,  # type: ignore[arg-type]
                progress=progress,
            )
    found.how = str(wishes.apply)
    show.show_applied(common, found)


def _cut(common: Common, wishes: Wishes, found: Outcome, into: Path) -> dict[str, Any]:
    """Cut the faces out of what is not rejected."""
    settings = wishes.cuts(wishes.params(common))
    try:
        made = crops.run(common, found.folder, into, str(wishes.crop), found.boxes, **settings)
    except PartialError as error:
        error.data = found.facts() | {"crops": error.data}
        raise
    return found.facts() | {"crops": made}


def _undo(common: Common, wishes: Wishes) -> dict[str, Any]:
    screen, which = common.screen, str(wishes.undo)
    into = rejected_folder(wishes.folder)
    if common.dry_run:
        batch = quarantine.find(Journal(into), which)
        left = 0 if batch is None or batch.undone else len(batch.moves)
        screen.say(f"would bring back up to {left:,} files from {into}")
        return {"would_restore": left, "from": str(into)}
    with counting(common.screen, "bringing back") as progress:
        done = quarantine.undo(wishes.folder, which, progress=progress)
    facts = {
        "undone": done.id,
        "restored": done.files,
        "refused": [vars(item) for item in done.refused],
        "journal": str(done.journal),
    }
    if done.id is None:
        screen.say("nothing is left to undo")
    elif not done.files and not done.refused:
        screen.say(f"batch {done.id} was undone already")
    else:
        screen.say(f"{done.files:,} files of batch {done.id} are back in {wishes.folder}")
    for item in done.refused[: show.NAMED]:
        screen.warn(f"{printable(item.name)}: {item.reason}", "undo")
    if done.refused:
        error = PartialError(
            f"{len(done.refused):,} files could not come back; the rest is done",
            "put these right and undo again: nothing was replaced",
        )
        error.data = facts
        raise error
    return facts


def _say_plan(common: Common, wishes: Wishes) -> dict[str, Any]:
    """Say what would be looked at, written and moved."""
    screen, folder = common.screen, wishes.folder
    files = len(survey(folder).files)
    facts: dict[str, Any] = {"would_check": files}
    if wishes.source is None:
        root = clean_folder(folder) if wishes.root is None else wishes.root
        number = max((int(path.name) for path in numbered(root)), default=0) + 1
        facts |= {"checks": wishes.checks(), "would_write": str(root / f"{number:04d}")}
        names = " ".join(wishes.checks() or ["all that can run here"])
        screen.say(f"would check {files:,} files in {folder} by: {names}")
        screen.say(f"would write {facts['would_write']}")
    if wishes.apply is None:
        return facts
    source = wishes.source or newest_manifest(folder)
    if source is None:
        screen.say(f"would then {wishes.apply} by what it finds")
        return facts
    table = read_manifest(source)
    if wishes.apply == "quarantine":
        made = plan(folder, table, wishes.tiers)
    else:
        made = plan_copy(folder, table, wishes.out)
    verb = {"quarantine": "move"}.get(wishes.apply, wishes.apply)
    screen.say(f"by {source} would {verb} {len(made.moves):,} files to {made.into}")
    return facts | {"would_move": len(made.moves), "into": str(made.into)}
