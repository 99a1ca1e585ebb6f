"""The end of `animekit clean --crop`: the faces are cut out, and it is said what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cleaning import crop
from animekit.cleaning.crop_list import LIST, SUMMARY, Cropped, refuse
from animekit.cli._options import Common
from animekit.errors import PartialError, UsageError

if TYPE_CHECKING:
    from animekit.cleaning.clean import Cleaning

WAYS: dict[str, crop.Faces] = {"face": "all", "largest": "largest"}
"""What may follow --crop: every face, or the largest one of each picture."""
NAMED = 5  # files that are named on the screen


def faces_folder(folder: Path) -> Path:
    """Return the folder beside a folder of pictures where its faces go.

    >>> faces_folder(Path("/data/art")).name
    'art_faces'
    """
    path = folder.absolute()
    return path.with_name(f"{path.name}_faces")


def place(common: Common, folder: Path, way: str | None, out: Path | None) -> Path | None:
    """Return where crops go, None where none are asked for.

    Raises before any work where they cannot be written.
    """
    if way is None:
        return None
    if way not in WAYS:
        raise UsageError(f'cannot crop by "{way}"', f"give one of: {' '.join(WAYS)}")
    into = faces_folder(folder) if out is None else out
    refuse(folder, into, [], overwrite=common.yes)
    return into


def plan(common: Common, into: Path | None) -> dict[str, Any]:
    """Say where faces would go, for --dry-run."""
    if into is None:
        return {}
    common.screen.say(f"would cut the faces of what is not rejected out into {into}")
    return {"would_crop": str(into)}


def boxes_of(made: Cleaning) -> dict[str, Any]:
    """Return the faces that a cleaning has found, by the sha256 of the file."""
    if "face.boxes" not in made.table:
        return {}
    return dict(zip(made.table["sha256"], made.table["face.boxes"], strict=True))


def run(
    common: Common,
    folder: Path,
    into: Path,
    way: str = "face",
    boxes: Mapping[str, Any] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Cut the faces out, say what came of it, and return the facts for JSON.

    `settings` are those of `cropping.crop`, None for its defaults. Raises PartialError, with the
    facts, where pictures could not be decoded; the crops of all others are there then.
    """
    from animekit.cli._progress import counting

    given = {name: value for name, value in settings.items() if value is not None}
    with counting(common.screen, "cutting") as progress:
        made = crop.crop(
            folder,
            into,
            faces=WAYS[way],
            boxes=boxes,
            registry=common.registry(),
            progress=progress,
            overwrite=common.yes,
            **given,
        )
    facts = made.facts() | {"folder": str(into), "list": str(into / LIST), "stale": made.stale}
    _show(common, made, facts)
    if made.failed:
        first = made.failed[0]
        error = PartialError(
            f"{len(made.failed):,} pictures could not be used; the rest is done",
            f"such as {first.name}: {first.reason}",
        )
        error.data = facts
        raise error
    return facts


def _show(common: Common, made: Cropped, facts: dict[str, Any]) -> None:
    screen, into = common.screen, made.folder
    words = f"{len(made.crops):,} faces from {facts['with_faces']:,} of {made.sources:,} pictures"
    screen.made(into, "folder", words)
    screen.record(into / LIST, "list")
    screen.record(into / SUMMARY, "summary")
    for count, what in (
        (len(made.faceless), f"pictures without a sure face, listed in {SUMMARY}"),
        (made.unsure, "boxes below --min-score"),
        (made.small, "faces whose crops would be below --min-size"),
        (len(made.rejected), "pictures that the manifest rejects"),
    ):
        if count:
            screen.note(f"  {count:,} {what}")
    for item in made.failed[:NAMED]:
        screen.warn(f"{ascii(item.name)[1:-1]}: {item.reason}", "failed")
    if made.stale:
        screen.warn(f"{len(made.stale):,} older crops are still there and not listed", "stale")
    screen.note(f"Next: animekit train wgangp --data {shlex.quote(str(into))}")
