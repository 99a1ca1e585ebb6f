"""The body of `animekit data label`: a tagger reads pictures, what it is sure of is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit import device as devices
from animekit.cli._options import Common
from animekit.cli._progress import sharing
from animekit.cli.data.show import NAMED
from animekit.labelling.label import plan_label, read_plan
from animekit.models.tagger import BUNDLED
from animekit.text import typed


def run(
    common: Common,
    where: str,
    out: Path | None,
    sure: float,
    classifier: str | None,
    threads: int | None,
) -> dict[str, Any]:
    """Read, count and write; return the data of the JSON answer."""
    with common.screen.busy("loading"):
        plan = plan_label(
            where, classifier=classifier or BUNDLED, sure=sure, registry=common.registry()
        )
    path = plan.out(out, overwrite=common.yes)
    if common.dry_run:
        common.screen.say(f"would read {plan.text}, in {path}")
        return {"would_read": len(plan.dataset), "path": str(path)}
    with devices.threads(threads), sharing(common.screen) as progress:
        found = read_plan(plan, progress)
    for item in found.skipped[:NAMED]:
        common.screen.warn(f"{item.name} is left out: {item.reason}", "skipped")
    if found.skipped[NAMED:]:
        common.screen.note(f"{len(found.skipped) - NAMED:,} more are left out")
    head, *rows = found.as_table()
    common.screen.say(f"{where}  {len(found):,} pictures, read by {found.classifier}")
    common.screen.table(head, rows)
    made = found.save(path, overwrite=common.yes)
    for doubt in found.doubts():
        common.screen.warn(doubt, "labels.doubt")
    blank = f"blank where less than {sure:g} sure"
    common.screen.made(made, "tags", f"{len(found) - len(found.unnamed):,} rows, {blank}")
    tags = "" if made == plan.place else f" --tags {typed(made)}"
    common.screen.note(f"Next: animekit train acgan --data {typed(where)}{tags}")
    return found.facts() | {"path": str(made)}
