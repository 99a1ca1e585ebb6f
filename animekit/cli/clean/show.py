"""What `animekit clean` says: the table, the gates, where the results are, and how to go on."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cleaning.quarantine import Applied
from animekit.cleaning.sheets import ContactSheet, ReasonGroup
from animekit.cli._options import Common
from animekit.data.dataset import Skipped
from animekit.data.manifest import FILE, SUMMARY
from animekit.text import duration, number, printable

if TYPE_CHECKING:
    import pandas as pd

NAMED = 5  # files that are named on the screen
MINUTE = 60.0
COUNTS = ("flagged", "reject", "review", "keep", "files", "readable")


@dataclass
class Outcome:
    """All that came of one call, for the screen and for the JSON answer."""

    folder: Path
    place: Path
    table: pd.DataFrame
    summary: dict[str, Any]
    groups: Sequence[ReasonGroup] = ()
    sheets: Sequence[ContactSheet] = ()
    report: Path | None = None
    how: str = "none"
    applied: Applied | None = None
    boxes: dict[str, Any] = field(default_factory=dict)
    """The faces that were found, by the sha256 of the file."""

    @property
    def refused(self) -> list[Skipped]:
        """The files that were left alone, and why."""
        return self.applied.refused if self.applied else []

    def counts(self) -> dict[str, int]:
        """Return the counts that gates can speak of: decisions, files, and reasons."""
        summary = self.summary
        counts = {name: int(summary[name]) for name in ("files", "keep", "reject", "review")}
        flagged = {"flagged": counts["reject"] + counts["review"], "readable": self.readable()}
        return self.by_reason() | counts | flagged

    def readable(self) -> int:
        """Return how many files could be decoded, as far as it is known."""
        if "readable" in self.summary:
            return int(self.summary["readable"])
        return int((~self.table["width"].astype(str).isin(["", "0"])).sum())

    def by_reason(self) -> dict[str, int]:
        """Return how many pictures were flagged, by the name of the reason."""
        if "by_reason" in self.summary:
            return dict(self.summary["by_reason"])
        flagged = self.table.loc[self.table["decision"] != "keep", "reasons"]
        return dict(Counter(name for text in flagged for name in text.split(";") if name))

    def facts(self) -> dict[str, Any]:
        """Return the data of the JSON answer."""
        counts, applied = self.counts(), self.applied
        return {
            **{name: counts[name] for name in ("files", "readable", "keep", "reject", "review")},
            "by_reason": self.by_reason(),
            "applied": self.how,
            "moved": applied.files if applied else 0,
            "into": str(applied.into) if applied else None,
            "journal": str(applied.journal) if applied and applied.journal else None,
            "refused": [vars(item) for item in self.refused],
            "gone": len(applied.gone) if applied else 0,
            "manifest": str(self.place / FILE),
            "report": str(self.report) if self.report else None,
            "sheets": [str(sheet.path) for sheet in self.sheets],
            "shard": self.summary.get("shard"),
        }


def warn_of(common: Common, found: Outcome) -> None:
    """Say where an edited manifest and the folder do not agree."""
    for key, words in (
        ("not_here", "files of the manifest are not in the folder"),
        ("not_listed", "files in the folder are not in the manifest, and so are kept"),
    ):
        if found.summary[key]:
            common.screen.warn(f"{found.summary[key]:,} {words}", "manifest")


def show(common: Common, found: Outcome, end: str) -> None:
    """Write the table of reasons, what is kept and `end`, and name the results."""
    screen, summary, counts = common.screen, found.summary, found.counts()
    line = f"{found.folder}  {counts['files']:,} files  {counts['readable']:,} readable"
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
        (found.place / FILE, "manifest"),
        (found.place / SUMMARY, "summary"),
        *((sheet.path, "sheet") for sheet in found.sheets),
    ):
        screen.record(path, kind)
    if found.report is not None:
        (screen.made if screen.quiet else screen.record)(found.report, "report")


def _rows(found: Outcome) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    for group in found.groups:
        reason = group.reason
        rows.append((reason.words, f"{group.count:,}", reason.tier, _looks(found, group)))
    if rows:
        return rows
    reasons = found.summary.get("reasons", {})
    for name, count in found.by_reason().items():
        facts = reasons.get(name, {})
        words = str(facts.get("words", name))
        rows.append((words, f"{count:,}", str(facts.get("tier", "")), f"listed in {FILE}"))
    return rows


def _speed(summary: dict[str, Any]) -> str:
    if "seconds" not in summary:
        return ""
    seconds = float(summary["seconds"])
    took = f"{number(seconds)} s" if seconds < MINUTE else duration(seconds)
    return f"   {took}  {number(summary['images_per_second'])} img/s"


def _looks(found: Outcome, group: ReasonGroup) -> str:
    """Return where the flagged pictures of a reason can be seen."""
    own = [sheet for sheet in found.sheets if sheet.reason == group.reason.name]
    if not own:
        return f"listed in {FILE}"
    words = str(own[0].path.relative_to(found.place))
    kept = len({example.group for example in group.examples if example.is_kept})
    if kept:
        words += f"  best of {kept:,} groups kept"
    left = len(group.examples) - sum(sheet.tiles for sheet in own)
    words += f" to {own[-1].path.stem[-2:]}" if len(own) > 1 else ""
    return words + (f", {left:,} more in {FILE}" if left else "")


def show_applied(common: Common, found: Outcome) -> None:
    """Write what moved, and what did not and why."""
    screen, applied = common.screen, found.applied
    assert applied is not None, "something was applied"
    done = {"quarantine": "moved", "copy": "copied", "link": "linked"}[found.how]
    if applied.files:
        screen.made(applied.into, "folder", f"{applied.files:,} files {done}")
    else:
        screen.say(f"nothing to be {done}")
    if applied.journal is not None:
        screen.record(applied.journal, "journal")
    if applied.gone:
        screen.warn(f"{len(applied.gone):,} files are not in the folder any more", "gone")
    for item in applied.refused[:NAMED]:
        screen.warn(f"{printable(item.name)} stays: {item.reason}", "refused")


def say_next(common: Common, found: Outcome) -> None:
    """Say what can be done now."""
    screen, where = common.screen, shlex.quote(str(found.folder))
    if found.summary.get("shard"):
        screen.note(f"Next: when all shards are done: animekit clean {where} --merge")
        return
    lines = [] if found.report is None else [(f"open {found.report}", "")]
    if found.how == "none":
        if found.counts()["flagged"]:
            origin = "" if found.report else f" --from {shlex.quote(str(found.place / FILE))}"
            line = f"animekit clean {where}{origin} --apply"
            lines.append((line, "move flagged files (undo: --undo)"))
    elif found.how == "quarantine" and found.applied and found.applied.files:
        lines.append((f"animekit clean {where} --undo", "bring them back"))
    data = where
    if found.applied and found.how in ("copy", "link"):
        data = shlex.quote(str(found.applied.into))
    lines.append((f"animekit train wgangp --data {data}", "uses what is kept"))
    wide = max(len(line) for line, words in lines if words)
    for index, (line, words) in enumerate(lines):
        head = "Next: " if index == 0 else "      "
        screen.note(f"{head}{line.ljust(wide)}  {words}".rstrip() if words else head + line)
