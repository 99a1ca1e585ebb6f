"""The body of `animekit clean`: look, show what was found, and move only what was asked for."""

from __future__ import annotations

from typing import Any

from animekit.cleaning.clean import perform, plan, plan_undo, take_part, undo
from animekit.cleaning.crop_list import refuse
from animekit.cleaning.request import CleanRequest
from animekit.cleaning.result import Cleaning, read_gates
from animekit.cli._options import Common
from animekit.cli._progress import counting
from animekit.cli.clean import show
from animekit.cli.clean.request import CleanOptions
from animekit.data.dataset import Skipped
from animekit.engines import crew
from animekit.engines.processes import place
from animekit.errors import PartialError
from animekit.text import printable


def run(common: Common, options: CleanOptions) -> dict[str, Any]:
    """Look, show and do what was asked for; return the data of the JSON answer."""
    if options.undo is not None:
        return _undo(common, options, options.undo)
    registry, screen = common.registry(), common.screen
    gates = read_gates(options.fail_if or (), registry)
    request = _asked(common, options)
    if common.dry_run:
        planned = plan(request, options.apply, tiers=options.tiers, out=options.copies)
        return show.show_plan(common, request, planned, options.apply, options.crops)
    found = _looked(common, request)
    if found is None:
        return {}
    for warning in found.warnings:
        screen.warn(warning, "clean" if request.manifest is None else "manifest")
    show.show(common, found, "nothing was moved" if options.apply is None else "")
    failure = found.failure(gates)
    counts = found.counts()
    for gate in gates:
        screen.say(f"gate {gate.text}: {'FAILED' if gate.fails(counts) else 'passed'}")
    if failure is not None:
        raise failure
    if options.apply is not None:
        _apply(common, options, found)
    if options.crops is not None:
        return _crop(common, options, found)
    show.say_next(common, found)
    if found.refused:
        words = f"{len(found.refused):,} files were left alone; the rest is done"
        raise _partial(words, found.refused[0], found)
    return found.facts()


def _asked(common: Common, options: CleanOptions) -> CleanRequest:
    """Return the request; refuse crops that cannot be written before any work."""
    request = options.request(common)
    if options.crops is not None:
        refuse(options.folder, options.crops, [], overwrite=common.yes)
    return request


def _looked(common: Common, request: CleanRequest) -> Cleaning | None:
    """Return what was found; None in one of several processes that only helped to look."""
    registry = common.registry()
    with counting(common.screen, "checking") as progress:
        if place().world > 1 and request.manifest is None and request.shard is None:
            crew.join()
            take_part(request, registry, progress)
        return perform(request, registry, progress) if place().is_main else None


def _apply(common: Common, options: CleanOptions, found: Cleaning) -> None:
    """Move, copy or link."""
    way = options.apply
    assert way is not None, "something is to be applied"
    words = {"quarantine": "moving", "copy": "copying", "link": "linking"}[way]
    with counting(common.screen, words) as progress:
        found.apply(way, tiers=options.tiers, out=options.copies, progress=progress)
    show.show_applied(common, found, options.tiers)


def _crop(common: Common, options: CleanOptions, found: Cleaning) -> dict[str, Any]:
    """Cut the faces out of what is not rejected."""
    with counting(common.screen, "cutting") as progress:
        made = found.crop(
            options.crop,
            out=options.crops,
            registry=common.registry(),
            progress=progress,
            overwrite=common.yes,
            **options.cuts(common),
        )
    show.show_crops(common, made)
    if made.failed:
        words = f"{len(made.failed):,} pictures could not be used; the rest is done"
        raise _partial(words, made.failed[0], found)
    return found.facts()


def _partial(words: str, first: Skipped, found: Cleaning) -> PartialError:
    error = PartialError(words, f"such as {printable(first.name)}: {first.reason}")
    error.data = found.facts()
    return error


def _undo(common: Common, options: CleanOptions, which: str) -> dict[str, Any]:
    """Bring back what a batch of moves took away."""
    screen = common.screen
    if common.dry_run:
        left, into = plan_undo(options.folder, which)
        screen.say(f"would bring back up to {left:,} files from {into}")
        return {"would_restore": left, "from": str(into)}
    with counting(screen, "bringing back") as progress:
        done = undo(options.folder, which, progress=progress)
    facts = {
        "undone": done.id,
        "restored": done.files,
        "refused": [vars(item) for item in done.refused],
        "journal": str(done.journal),
        "bad_lines": done.bad_lines,
    }
    if done.bad_lines:
        words = (
            f"lines of {done.journal} that cannot be read and are passed over: {done.bad_lines:,}"
        )
        screen.warn(words, "journal")
    if done.id is None:
        screen.say("nothing is left to undo")
    elif not done.files and not done.refused:
        screen.say(f"batch {done.id} was undone already")
    else:
        screen.say(f"{done.files:,} files of batch {done.id} are back in {options.folder}")
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
