"""Decisions of a person: they outlive the next cleaning, and can be taken from an edited file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cleaning.clean import Cleaning
from animekit.cleaning.judge import DECISION
from animekit.data.manifest import (
    DECISIONS,
    FILE,
    SUMMARY,
    clean_folder,
    newest_manifest,
    numbered,
    read_manifest,
    write_manifest,
)
from animekit.data.survey import survey
from animekit.errors import AnimekitError, DeviceError
from animekit.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd


def by_hand(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the decisions that no check made, by the name and sha256 of the picture."""
    own = table["tier"].map(DECISION).fillna("keep")
    edited = table[table["decision"] != own]
    keys = zip(edited["name"], edited["sha256"], strict=True)
    return dict(zip(keys, edited["decision"], strict=True))


def keep_decisions(cleaning: Cleaning, previous: Path | None) -> Cleaning:
    """Return the cleaning with what a person had decided in an earlier manifest.

    A decision holds for the same name and content. The files of the cleaning are written anew, and
    a warning says how many decisions were kept.
    """
    if previous is None:
        return cleaning
    try:
        known = by_hand(read_manifest(previous))
    except AnimekitError as error:
        words = f"decisions that were made by hand in it are not kept: {error.message}"
        return replace(cleaning, warnings=[*cleaning.warnings, words])
    if not known:
        return cleaning
    table = cleaning.manifest.copy()
    keys = list(zip(table["name"], table["sha256"], strict=True))
    old = table["decision"].tolist()
    # a manifest that a person made may lack the hashes
    pairs = zip(keys, old, strict=True)
    new = [known.get(key) or known.get((key[0], "")) or was for key, was in pairs]
    count = sum(was != now for was, now in zip(old, new, strict=True))
    if not count:
        return cleaning
    table["decision"] = new
    warning = f"{count:,} decisions that were made by hand are kept, from {previous}"
    warnings = [*cleaning.warnings, warning]
    summary = {**cleaning.summary, **counts(table), "by_hand": count, "warnings": warnings}
    _write(cleaning.folder, table, summary)
    return replace(cleaning, manifest=table, summary=summary, warnings=warnings)


def adopt(folder: Path, manifest: Path, out: Path | None = None) -> tuple[Path, pd.DataFrame, Any]:
    """Make the decisions of an edited manifest those of a folder of pictures.

    Returns where they are now, the table, and the summary. The newest manifest of the folder stays
    where it is; another file is copied to a new numbered folder, so that `train` finds it.
    """
    found = survey(folder)
    table = read_manifest(manifest)
    source = manifest / FILE if manifest.is_dir() else manifest
    here = {file.name for file in found.files}
    named = set(table["name"])
    summary = _summary_beside(source) | {
        "schema": "animekit.clean/1",
        "path": str(folder),
        "files": len(table),
        **counts(table),
        "by_hand": len(by_hand(table)),
        "not_here": len(named - here),
        "not_listed": len(here - named),
    }
    newest = newest_manifest(folder)
    if out is None and newest is not None and source.samefile(newest):
        write_atomic(source.parent / SUMMARY, json.dumps(summary, indent=1) + "\n")
        return source.parent, table, summary
    root = clean_folder(folder) if out is None else out
    try:
        place = _new_folder(root)
        _write(place, table, summary | {"from": str(source)})
    except OSError as error:
        raise DeviceError(
            f"cannot write to {root}: {error.strerror or error}",
            "name a folder on another disk: --out DIR",
        ) from None
    return place, table, summary


def counts(table: pd.DataFrame) -> dict[str, int]:
    """Return how many pictures have each decision."""
    found = table["decision"].value_counts()
    return {name: int(found.get(name, 0)) for name in DECISIONS}


def _summary_beside(source: Path) -> dict[str, Any]:
    """Return the summary of the cleaning that a manifest came from, if it lies beside it."""
    try:
        summary = json.loads((source.parent / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return summary if isinstance(summary, dict) else {}


def _new_folder(root: Path) -> Path:
    import filelock

    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / ".lock"):  # two processes would take the same number
        number = max((int(path.name) for path in numbered(root)), default=0) + 1
        folder = root / f"{number:04d}"
        folder.mkdir()
    return folder


def _write(folder: Path, table: pd.DataFrame, summary: dict[str, Any]) -> None:
    """Write both files, the manifest last: with it the decisions hold."""
    write_atomic(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
    write_manifest(folder / FILE, table)
