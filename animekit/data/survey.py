"""The files of a folder that may be pictures: found by one walk, nothing is opened."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from animekit.data.dataset import Skipped, no_images, nothing_at
from animekit.data.places import is_here, places_of
from animekit.errors import DataError, UsageError
from animekit.images.formats import head_of, suffix_of, use_of
from animekit.text import typed

ARCHIVE = "an archive, and files in it are not looked at: unpack it"


@dataclass(frozen=True, slots=True)
class File:
    """One file: its name below the folder, its size, when it was changed."""

    name: str
    bytes: int
    mtime_ns: int


@dataclass
class Survey:
    """What a folder holds: the files that may be pictures, by name.

    Those of formats that are not read are among them. `ignored` counts the other files by
    extension; `skipped` are links, archives and files that cannot be used, and why. Hidden files
    and folders are not seen at all.
    """

    folder: Path
    files: list[File] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)


def survey(folder: Path) -> Survey:
    """Find the files of a folder and of all folders in it.

    Links are followed only where they stay inside the folder, and no folder is entered twice.
    Raises NotFoundError where there is no folder, and DataError where nothing may be a picture.
    """
    if not folder.exists():
        places = [place.where for place in places_of(str(folder))]
        if len(places) > 1 and is_here(str(folder)):
            raise UsageError(
                f"{folder} is {len(places)} data sets, and each is cleaned by itself",
                "; ".join(f"animekit clean {typed(place)}" for place in places),
            )
        raise nothing_at(str(folder))
    if not folder.is_dir():
        hint = "give the folder it is in"
        if folder.suffix.lower() in (".zip", ".parquet", ".tar"):
            hint = f"unpack it first: animekit data pack {typed(folder)} --to folder NEW"
        raise DataError(f"{folder} is not a folder, and only a folder can be cleaned", hint)
    found = Survey(folder)
    others: list[str] = []
    for name, entry in _walk(found):
        use = use_of(name, partial(head_of, entry.path))
        if use in ("read", "foreign"):
            status = entry.stat()
            found.files.append(File(name, status.st_size, status.st_mtime_ns))
        elif use == "archive":
            found.skipped.append(Skipped(name, ARCHIVE))
        else:
            others.append(name)
            found.ignored[suffix_of(name)] += 1
    found.files.sort(key=lambda file: file.name)
    found.skipped.sort(key=lambda item: item.name)
    if not found.files:
        raise no_images(str(folder), others, found.skipped)
    return found


def _walk(found: Survey) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield regular files by name."""
    top = os.path.realpath(found.folder)
    entered = {top}
    waiting = [("", str(found.folder))]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            found.skipped.append(Skipped(prefix or ".", f"cannot be opened: {error.strerror}"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = prefix + entry.name
            kind, reason = _kind(entry, top)
            if kind == "file":
                yield name, entry
            elif kind == "folder" and (real := os.path.realpath(entry.path)) not in entered:
                entered.add(real)
                waiting.append((f"{name}/", entry.path))
            elif reason:
                found.skipped.append(Skipped(name, reason))


def _kind(entry: os.DirEntry[str], top: str) -> tuple[str, str]:
    """Return "file", "folder" or "", and for the last why."""
    try:
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            if not os.path.lexists(real):
                return "", "a link to nothing"
            if os.path.commonpath([top, real]) != top:
                return "", "a link that leads out of the folder"
        mode = entry.stat().st_mode
    except OSError as error:
        return "", "a link to nothing" if entry.is_symlink() else f"{error.strerror}"
    if stat.S_ISDIR(mode):
        return "folder", ""
    return ("file", "") if stat.S_ISREG(mode) else ("", "not a regular file")
