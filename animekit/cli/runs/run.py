"""The bodies of `animekit runs` that write: compare, rm, restore, gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cli._options import Common, checkpoint_of
from animekit.errors import UsageError

if TYPE_CHECKING:
    from animekit.runs.run import Run
    from animekit.runs.trash import Moved


def compare(
    common: Common,
    *,
    names: Sequence[str] | None,
    runs: Path,
    out: Sequence[Path] | None,
    evaluate: bool,
    no_sheet: bool,
    checkpoint: str,
    num: int | None,
    quick: bool,
    **rest: Any,
) -> dict[str, Any]:
    """Compare, show the table, and write the page."""
    from animekit.comparison import compare as room

    if (num is not None or quick) and not evaluate:
        raise UsageError("--num and --quick say how --evaluate measures", "add --evaluate")
    screen = common.screen
    chosen = room.choose(names or (), runs)
    if not names:
        screen.note(f"the two newest runs: {' '.join(run.id for run in chosen)}")
    files = list(out or ()) or [room.place_of(chosen)]
    for path in files:
        room.may_write(path, overwrite=common.yes)
    if common.dry_run:
        return _say_plan(common, chosen, files, evaluate=evaluate)
    asked = {
        "checkpoint": checkpoint_of(checkpoint),
        "sheet": not no_sheet,
        "measure": evaluate,
        "num": num,
        "quick": quick,
        "device": common.device,
        **rest,
    }
    if evaluate:
        from animekit.cli._progress import sharing

        with sharing(screen) as progress:
            found = room.compare(chosen, registry=common.registry(), progress=progress, **asked)
    else:
        registry = common.registry()
        with screen.busy("comparing"):
            found = room.compare(chosen, registry=registry, **asked)
    head, *rows = found.as_table()
    screen.table(head, rows)
    for run, record in zip(found.runs, found.numbers.records, strict=True):
        if record is not None and record.verdict:
            screen.say(f"{run.id}: {record.verdict}")
    for note in found.notes:
        screen.note(note)
    for path in files:
        screen.made(found.save(path, overwrite=common.yes), "comparison")
    return found.facts()


def _say_plan(
    common: Common, chosen: Sequence[Run], files: Sequence[Path], *, evaluate: bool
) -> dict[str, Any]:
    names, where = [run.id for run in chosen], [str(path) for path in files]
    what = "would measure and compare" if evaluate else "would compare"
    common.screen.say(f"{what} {', '.join(names)}; writes {', '.join(where)}")
    return {"would_compare": names, "would_write": where}


def rm(
    common: Common, *, names: Sequence[str] | None, undo: bool, runs: Path
) -> list[dict[str, str]]:
    """Put runs into the trash, or bring them back."""
    from animekit.runs.run import Run
    from animekit.runs.trash import to_trash

    if undo:
        return restore(common, names=names, runs=runs)
    moved = to_trash([Run(name, runs) for name in names or ()], dry=common.dry_run)
    _tell(common, moved, "would move to" if common.dry_run else "moved to")
    if not common.dry_run:
        common.screen.note("nothing was deleted; bring it back: animekit runs rm --undo")
    return _facts(moved)


def restore(common: Common, *, names: Sequence[str] | None, runs: Path) -> list[dict[str, str]]:
    """Bring runs back from the trash."""
    from animekit.runs.trash import restore as bring_back

    moved = bring_back(names or (), runs, dry=common.dry_run)
    _tell(common, moved, "would come back to" if common.dry_run else "back in")
    return _facts(moved)


def _tell(common: Common, moved: Sequence[Moved], words: str) -> None:
    for each in moved:
        common.screen.say(f"{each.id}  {words} {each.target.parent}")


def _facts(moved: Sequence[Moved]) -> list[dict[str, str]]:
    return [{"id": e.id, "from": str(e.source), "to": str(e.target)} for e in moved]


def gallery(
    common: Common, *, sort: str, state: str | None, runs: Path, out: Path | None
) -> dict[str, Any]:
    """Write the page over all runs."""
    from animekit.cli.runs.show import states_of
    from animekit.comparison.gallery import NAME
    from animekit.comparison.gallery import gallery as draw
    from animekit.images.page import may_replace_page
    from animekit.runs.summary import summaries

    path = runs / NAME if out is None else out
    states = states_of(state)
    found = summaries(runs, sort=sort, states=states)
    if common.dry_run:
        may_replace_page(path, overwrite=common.yes)
        common.screen.say(f"would write {len(found)} cards to {path}")
    else:
        draw(runs, path, sort=sort, states=states, overwrite=common.yes)
        common.screen.made(path, "gallery", f"{len(found)} runs")
    return {"page": str(path), "runs": [each.id for each in found]}
