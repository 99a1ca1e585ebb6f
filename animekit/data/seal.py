"""The seal of a packed store: size, time and sha256 of its files, so that damage is seen.

Reading 16,000 images of 64 px back takes 0.7 s, asking for sizes and times half a millisecond. So a
file whose size and time are those of the seal is taken for what was sealed; one that was touched is
read, and all of them where a caller asks for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from animekit.errors import AnimekitError
from animekit.files import sha256_of, write_atomic
from animekit.foreign import read_json

SEAL = "seal.json"
FILES = ("manifest.json", "meta.csv", "images.npy", "images-*.npy", "labels.npy", "mask.npy")
"""Files of a store, by name or pattern."""


def seal(folder: Path) -> None:
    """Write the seal of a store, whose files reach the disk before it does."""
    facts = {}
    for path in (path for name in FILES for path in sorted(folder.glob(name))):
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        facts[path.name] = {**_stamp(path), "sha256": sha256_of(path)}
    _write(folder, facts)


def is_sealed(folder: Path) -> bool:
    """Say whether a store has a seal; those of 0.1.0 have none."""
    return (folder / SEAL).exists()


def check_seal(folder: Path, *, full: bool) -> None:
    """Raise ValueError where a file is not what was sealed; all are read if `full`.

    Times that moved, as in a copy, are noted in the seal once the content was found to be whole.
    """
    facts = _read(folder)
    moved = False
    for name, fact in facts.items():
        path, now = folder / name, _stamp(folder / name)
        if now["bytes"] != fact["bytes"]:
            raise ValueError(f"{name} has {now['bytes']:,} of {fact['bytes']:,} bytes")
        touched = now["mtime_ns"] != fact["mtime_ns"]
        if (full or touched) and sha256_of(path) != fact["sha256"]:
            raise ValueError(f"{name} is not what was written")
        moved |= touched
        fact |= now
    if moved:
        with suppress(OSError):  # a cache that cannot be written is read again next time
            _write(folder, facts)


def _stamp(path: Path) -> dict[str, int]:
    state = path.stat()
    return {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns}


def _write(folder: Path, facts: dict[str, dict[str, Any]]) -> None:
    write_atomic(folder / SEAL, json.dumps({"files": facts, "sha256": _digest(facts)}, indent=1))


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        found = read_json(folder / SEAL, "seal")
        facts: dict[str, dict[str, Any]] = found["files"]
        whole = found["sha256"] == _digest(facts)
    except (AnimekitError, LookupError, TypeError):
        whole = False
    if not whole:
        raise ValueError(f"{SEAL} is not what was written")
    return facts


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
