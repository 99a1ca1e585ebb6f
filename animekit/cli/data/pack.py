"""The body of `animekit data pack`: the store that training reads, or a data set to give away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit.cli._options import Common
from animekit.cli._progress import counting, packing
from animekit.cli.data.show import NAMED
from animekit.cli.models import human
from animekit.containers.share import refuse_form, share
from animekit.data.joined import open_dataset
from animekit.data.pack import pack as make_pack
from animekit.errors import UsageError


def run(
    common: Common,
    where: str,
    size: int,
    tags: Path | None,
    labels: str | None,
    to: tuple[str, Path] | None,
) -> dict[str, Any]:
    """Pack or share; return the data of the JSON answer."""
    if size < 1:
        raise UsageError(f"cannot pack at {size} pixels", "give --size 64")
    if to is not None and None not in to:
        return _share(common, where, to, size=size, tags=tags, labels=labels)
    dataset = open_dataset(where, common.registry(), tags, labels)
    if common.dry_run:
        room = len(dataset) * size * size * 3
        common.screen.say(f"would pack {len(dataset):,} pictures at {size}x{size}: {human(room)}")
        return {"would_pack": len(dataset), "size": size, "bytes": room}
    with packing(common.screen) as progress:
        packed = make_pack(dataset, size, progress=progress, verify=True)
    for note in packed.notes:
        common.screen.note(note, "yellow")
    for item in packed.skipped[:NAMED]:
        common.screen.warn(f"{item.name} is left out: {item.reason}", "skipped")
    held = sum(file.stat().st_size for file in packed.folder.iterdir())
    words = f"{len(packed):,} of {packed.found:,} pictures at {size}x{size}, {human(held)}"
    common.screen.made(packed.folder, "pack", words)
    return {
        "path": str(packed.folder),
        "images": len(packed),
        "found": packed.found,
        "size": size,
        "bytes": held,
        "labels": list(packed.spec.labels),
        "fingerprint": packed.fingerprint,
        "skipped": [vars(item) for item in packed.skipped],
    }


def _share(
    common: Common, where: str, to: tuple[str, Path], *, size: int, tags: Path | None, labels: Any
) -> dict[str, Any]:
    """Write a data set to give away."""
    kind, out = to
    if common.dry_run:
        refuse_form(kind, out, overwrite=common.yes)
        dataset = open_dataset(where, common.registry(), tags, labels)
        common.screen.say(f"would write {len(dataset):,} pictures as a {kind} to {out}")
        return {"would_pack": len(dataset), "size": size, "path": str(out)}
    with counting(common.screen, "writing") as progress:
        made = share(
            *(where, kind, out),
            size=size,
            tags=tags,
            labels=labels,
            overwrite=common.yes,
            registry=common.registry(),
            progress=progress,
        )
    for item in made.skipped[:NAMED]:
        common.screen.warn(f"{item.name} is left out: {item.reason}", "skipped")
    words = f"{made.images:,} of {made.found:,} pictures, {len(made.labels):,} labels"
    common.screen.made(out, kind, words)
    return {
        "path": str(out),
        "images": made.images,
        "found": made.found,
        "size": size,
        "bytes": made.bytes,
        "labels": list(made.labels),
        "fingerprint": made.fingerprint,
        "skipped": [vars(item) for item in made.skipped],
    }
