"""What `animekit clean` says: the table, the gates, where the results are, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from animekit.cleaning import crop_list
from animekit.cleaning.check import FOREIGN
from animekit.cleaning.clean import CleanPlan
from animekit.cleaning.crop_list import Cropped
from animekit.cleaning.move_plan import movable
from animekit.cleaning.request import CleanRequest
from animekit.cleaning.result import Cleaning, Way
from animekit.cleaning.sheets import ReasonGroup
from animekit.cli._options import Common
from animekit.data.manifest import FILE, SUMMARY
from animekit.images.formats import convert_hint
from animekit.text import duration, number, printable, typed

CONVERT = "with ImageMagick; then clean again"
NAMED = 5  # files that are named on the screen
MINUTE = 60.0


def show(common: Common, found: Cleaning, end: str) -> None:
    """Write the table of reasons, what is kept and `end`, and name the results."""
    screen, summary, counts = common.screen, found.summary, found.counts()
    line = f"{found.pictures}  {counts['files']:,} files  {counts['readable']:,} readable"
    if found.groups or "from" not in summary:
        line += _speed(summary)
    screen.say(line)
    rows = [
        (group.reason.words, f"{group.count:,}", group.reason.tier, _looks(found, group))
        for group in found.groups
    ]
    if not rows:
        reasons = summary.get("reasons", {})
        rows = [
            (facts.get("words", name), f"{count:,}", facts.get("tier", ""), f"listed in {FILE}")
            for name, count in found.by_reason().items()
            for facts in [reasons.get(name, {})]
        ]
    if rows:
        screen.table(("reason", "flagged", "tier", "looks like"), rows)
    share = 100 * counts["keep"] / max(1, counts["files"])
    screen.say(f"keep {counts['keep']:,} ({share:.1f} %)   {end}".rstrip())
    for path, kind in (
        (found.folder / FILE, "manifest"),
        (found.folder / SUMMARY, "summary"),
        *((sheet.path, "sheet") for sheet in found.sheets),
    ):
        screen.record(path, kind)
    if found.report is not None:
        (screen.made if screen.quiet else screen.record)(found.report, "report")


def _speed(summary: dict[str, Any]) -> str:
    if "seconds" not in summary:
        return ""
    seconds = float(summary["seconds"])
    took = f"{number(seconds)} s" if seconds < MINUTE else duration(seconds)
    return f"   {took}  {number(summary['images_per_second'])} img/s"


def _looks(found: Cleaning, group: ReasonGroup) -> str:
    """Return where the flagged pictures of a reason can be seen."""
    own = [sheet for sheet in found.sheets if sheet.reason == group.reason.name]
    if not own:
        return f"listed in {FILE}"
    words = str(own[0].path.relative_to(found.folder))
    kept = len({example.group for example in group.examples if example.is_kept})
    if kept:
        words += f"  best of {kept:,} groups kept"
    left = len(group.examples) - sum(sheet.tiles for sheet in own)
    words += f" to {own[-1].path.stem[-2:]}" if len(own) > 1 else ""
    return words + (f", {left:,} more in {FILE}" if left else "")


def show_applied(common: Common, found: Cleaning, tiers: Sequence[str]) -> None:
    """Write what moved, and what did not and why."""
    screen, applied = common.screen, found.applied
    assert applied is not None, "something was applied"
    done = {"quarantine": "moved", "copy": "copied", "link": "linked"}[found.way or ""]
    if applied.files:
        screen.made(applied.into, "folder", f"{applied.files:,} files {done}")
    else:
        screen.say(f"nothing to be {done}")
    review = found.manifest[found.manifest["decision"] == "review"]
    left = len(review) - len(movable(review, tiers))
    if found.way == "quarantine" and left:
        other = "other " if applied.files else ""
        screen.say(f"{left:,} {other}files to review stay where they are")
    if applied.journal is not None:
        screen.record(applied.journal, "journal")
    if applied.gone:
        screen.warn(f"{len(applied.gone):,} files are not in the folder any more", "gone")
    for item in applied.refused[:NAMED]:
        screen.warn(f"{printable(item.name)} stays: {item.reason}", "refused")


def say_next(common: Common, found: Cleaning) -> None:
    """Say what can be done now."""
    screen, where = common.screen, typed(found.pictures)
    if found.summary.get("shard"):
        screen.note(f"Next: when all shards are done: animekit clean {where} --merge")
        return
    lines = [] if found.report is None else [(f"open {found.report}", "")]
    moved = len(movable(found.manifest))
    if found.way is None and moved:
        origin = "" if found.report else f" --manifest {typed(found.folder / FILE)}"
        line = f"animekit clean {where}{origin} --apply"
        lines.append((line, f"move {moved:,} flagged files (undo: --undo)"))
    elif found.way == "quarantine" and found.applied and found.applied.files:
        lines.append((f"animekit clean {where} --undo", "bring them back"))
    data = where
    if found.applied and found.way in ("copy", "link"):
        data = typed(found.applied.into)
    if foreign := _foreign(found):
        lines.append((convert_hint(foreign, str(found.pictures)).partition(": ")[2], CONVERT))
    if found.counts()["keep"]:
        lines.append((f"animekit train wgangp --data {data}", "uses what is kept"))
    else:
        screen.note("nothing is kept, so there is nothing to train on")
    if not lines:
        return
    wide = max((len(line) for line, words in lines if words), default=0)
    for index, (line, words) in enumerate(lines):
        head = "Next: " if index == 0 else "      "
        screen.note(f"{head}{line.ljust(wide)}  {words}".rstrip() if words else head + line)


def _foreign(found: Cleaning) -> list[str]:
    """Return the files of formats that are not read."""
    pairs = zip(found.manifest["name"], found.manifest["reasons"], strict=True)
    return [str(name) for name, reasons in pairs if FOREIGN.name in str(reasons).split(";")]


def show_crops(common: Common, made: Cropped) -> None:
    """Write where the crops are, and what gave none."""
    screen, into = common.screen, made.folder
    sources = len({crop.source for crop in made.crops})
    words = f"{len(made.crops):,} faces from {sources:,} of {made.sources:,} pictures"
    screen.made(into, "folder", words)
    screen.record(into / crop_list.LIST, "list")
    screen.record(into / crop_list.SUMMARY, "summary")
    for count, what in (
        (len(made.faceless), f"pictures without a sure face, listed in {crop_list.SUMMARY}"),
        (made.unsure, "boxes below --min-score"),
        (made.small, "faces whose crops would be below --min-size"),
        (len(made.rejected), "pictures that the manifest rejects"),
    ):
        if count:
            screen.note(f"  {count:,} {what}")
    for item in made.failed[:NAMED]:
        screen.warn(f"{printable(item.name)}: {item.reason}", "failed")
    if made.stale:
        screen.warn(f"{len(made.stale):,} older crops are still there and not listed", "stale")
    screen.note(f"Next: animekit train wgangp --data {typed(into)}")


def show_plan(
    common: Common, request: CleanRequest, planned: CleanPlan, way: Way | None, crops: Path | None
) -> dict[str, Any]:
    """Say what would be looked at, written, moved and cut out.

    Returns it for the JSON answer.
    """
    screen = common.screen
    facts: dict[str, Any] = {"would_check": planned.files}
    if planned.folder is not None:
        facts |= {"checks": request.checks, "would_write": str(planned.folder)}
        names = " ".join(request.checks or ["all that can run here"])
        screen.say(f"would check {planned.files:,} files in {request.path} by: {names}")
        screen.say(f"would write {planned.folder}")
    if way is not None and planned.moves is None:
        screen.say(f"would then {way} by what it finds")
    elif way is not None:
        verb = {"quarantine": "move"}.get(way, way)
        words = f"would {verb} {planned.moves:,} files to {planned.into}"
        screen.say(f"by {planned.source} {words}")
        facts |= {"would_move": planned.moves, "into": str(planned.into)}
    if crops is not None:
        screen.say(f"would cut the faces of what is not rejected out into {crops}")
        facts["would_crop"] = str(crops)
    return facts
