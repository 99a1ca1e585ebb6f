"""The journal of moved files: every move is written down before it is made.

Lines are JSON objects and only ever added. A batch is one call of `apply`: all its moves are on
disk before the first file moves, so that whatever happens afterwards can be undone. A line that a
crash cut off is passed over: without its "go", a batch has moved nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "journal.jsonl"


@dataclass(frozen=True)
class Move:
    """One file that goes from `name` below its folder to `to` below another one.

    `sha256` is that of the content; a symbolic link has the text of the link instead, since what
    it leads to stays where it is.
    """

    name: str
    to: str
    sha256: str
    link: str | None = None


@dataclass
class MoveBatch:
    """What the journal says of one call of `apply`."""

    id: int
    folder: str = ""
    manifest: str = ""
    moves: list[Move] = field(default_factory=list)
    planned: int | None = None
    done: set[str] = field(default_factory=set)
    undone: bool = False

    @property
    def began(self) -> bool:
        """Whether a file can have moved."""
        return self.planned is not None

    @property
    def lost(self) -> int:
        """How many moves cannot be read any more; 0 unless the journal was damaged."""
        return max(0, (self.planned or 0) - len(self.moves))


class Journal:
    """The journal in a folder of moved files."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> list[MoveBatch]:
        """Return all batches, oldest first; lines that cannot be read are passed over."""
        batches: dict[int, MoveBatch] = {}
        lines = self.path.read_bytes().split(b"\n") if self.path.is_file() else []
        for line in lines:
            record = _parse(line)
            if record is not None:
                number = record["batch"]
                _take(batches.setdefault(number, MoveBatch(number)), record)
        return [batches[number] for number in sorted(batches)]

    def begin(self, folder: Path, manifest: str, moves: Iterable[Move], when: str) -> MoveBatch:
        """Write down a new batch; when this returns, it is on disk and files may move."""
        number = max((batch.id for batch in self.read()), default=0) + 1
        batch = MoveBatch(number, str(folder), manifest, list(moves))
        head = {"event": "begin", "folder": batch.folder, "manifest": manifest, "time": when}
        lines = [head, *({"event": "move", **_facts(move)} for move in batch.moves)]
        batch.planned = len(batch.moves)
        self._write(number, *lines, {"event": "go", "files": batch.planned})
        return batch

    def note(self, batch: MoveBatch, event: str, **facts: Any) -> None:
        """Write down what happened to a batch."""
        record = {"event": event, **facts}
        self._write(batch.id, record)
        _take(batch, record)

    def _write(self, number: int, *records: dict[str, Any]) -> None:
        # ensure_ascii also keeps file names that are not valid UTF-8
        texts = [json.dumps({"batch": number, **record}) for record in records]
        data = "".join(f"{text}\n" for text in texts).encode("ascii")
        append(self.path, b"\n" + data if self._is_torn() else data)

    def _is_torn(self) -> bool:
        if not self.path.is_file() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def append(path: Path, data: bytes) -> None:
    """Add bytes at the end of a file, and wait until they are on disk."""
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _facts(move: Move) -> dict[str, Any]:
    return {key: value for key, value in vars(move).items() if value is not None}


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or type(record.get("batch")) is not int:
        return None
    return record if isinstance(record.get("event"), str) else None


def _take(batch: MoveBatch, record: dict[str, Any]) -> None:
    """Let one line of the journal change what is known of its batch."""
    match record:
        case {"event": "begin", "folder": str(folder), "manifest": str(manifest)}:
            batch.folder, batch.manifest = folder, manifest
        case {"event": "move", "name": str(name), "to": str(to), "sha256": str(sha256)}:
            batch.moves.append(Move(name, to, sha256, record.get("link")))
        case {"event": "go", "files": int(files)}:
            batch.planned = files
        case {"event": "done", "names": list(names)}:
            batch.done.update(names)
        case {"event": "undone"}:
            batch.undone = True
