"""The body of `animekit data get`: public data sets, listed or downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit.cli._options import Common
from animekit.cli.models import agree, downloading, human, introduce, pinning
from animekit.errors import UsageError
from animekit.files import refuse_full
from animekit.hub import catalog
from animekit.hub.catalog import Entry

ROW = {
    "name",
    "summary",
    "licence",
    "page",
    "source",
    "note",
    "verified",
    "sha256",
    "urls",
    "files",
}


def run(common: Common, name: str | None, out: Path | None, sha256: str | None) -> Any:
    """List the data sets, or get one; return the data of the JSON answer."""
    if name is None:
        if out is not None or sha256 is not None:
            raise UsageError("name the data set to get", "animekit data get alone lists them")
        return _list(common)
    entry = catalog.find(name, "dataset")
    folder = _place(entry) if out is None else out
    refuse_full(folder)
    introduce(common.screen, entry, sha256)
    common.screen.note(f"  into     {folder}")
    if common.dry_run:
        return _facts(entry, folder)
    known = entry.pinned or sha256
    agree(common, f"Download {entry.name}{'' if known else ' unchecked'}?")
    with downloading(common.screen, entry.name) as progress:
        made = catalog.get_dataset(name, folder, sha256=sha256, unpinned=True, progress=progress)
    common.screen.made(folder, "folder", f"{made.files:,} files  {made.terms}")
    return _facts(entry, folder)


def _list(common: Common) -> list[dict[str, Any]]:
    """List the data sets of the catalogue."""
    known = catalog.entries("dataset").values()
    rows = [_facts(entry, _place(entry)) for entry in known]
    common.screen.table(
        ("name", "state", "size", "sha256", "what", "licence"),
        [
            (
                *(row["name"], row["state"], human(row["size"]), pinning(row["pinned"])),
                *(row["summary"], row["licence"]),
            )
            for row in rows
        ],
    )
    common.screen.note("animekit data get NAME downloads one, after asking")
    return rows


def _place(entry: Entry) -> Path:
    return Path("data") / entry.name


def _facts(entry: Entry, folder: Path) -> dict[str, Any]:
    here = folder.is_dir() and any(folder.iterdir())
    return entry.model_dump(mode="json", include=ROW) | {
        "state": "here" if here else "missing",
        "pinned": entry.pinned,
        "size": entry.size,
        "path": str(folder),
    }
