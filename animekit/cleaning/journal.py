"""The journal of moved files: every move is written down before it is made.

Lines are JSON objects and only ever added. A batch is one call of `apply`: all its moves are on
disk before the first file moves, so that whatever happens afterwards can be undone. A line that
cannot be read (a crash cut it off, a disk damaged it, somebody else wrote it) is counted and passed
over: it must not stand in the way of the others.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.errors import UnusableError
from animekit.foreign import BadLine, iterate_jsonl

FILE = "journal.jsonl"
MOST_BATCHES = 10**9  # of one journal, and files of one batch


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
        """Whether files have moved, as far as the lines that can be read say it."""
        return self.planned is not None or bool(self.done)

    @property
    def lost(self) -> int:
        """How many moves cannot be read any more; 0 unless the journal was damaged."""
        return max(0, (self.planned or 0) - len(self.moves))


class Journal:
    """The journal in a folder of moved files."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.bad = 0
        """How many lines could not be read, the last time."""

    def read(self) -> list[MoveBatch]:
        """Return all batches, oldest first; lines that say nothing go to `bad`."""
        batches: dict[int, MoveBatch] = {}
        self.bad = 0
        for line in iterate_jsonl(self.path, "journal", any_name=True):
            number = None if isinstance(line, BadLine) else _whole(line.get("batch"))
            if isinstance(line, BadLine) or number is None:
                self.bad += 1
            else:
                batch = batches.setdefault(number, MoveBatch(number))
                self.bad += not _take(batch, line)
        return [batches[number] for number in sorted(batches)]

    def begin(self, folder: Path, manifest: str, moves: Iterable[Move], when: str) -> MoveBatch:
        """Write down a new batch; when this returns, it is on disk and files may move."""
        number = max((batch.id for batch in self.read()), default=0) + 1
        if number >= MOST_BATCHES:  # what is written must be read back
            raise UnusableError(
                f"{self.path} counts {number - 1:,} batches", "move that journal away", code="path"
            )
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


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < MOST_BATCHES else None


def _take(batch: MoveBatch, record: dict[str, Any]) -> bool:
    """Let one line of the journal change what is known of its batch; False where it is none."""
    match record:
        case {"event": "begin", "folder": str(folder), "manifest": str(manifest)}:
            batch.folder, batch.manifest = folder, manifest
        case {"event": "move", "name": str(name), "to": str(to), "sha256": str(sha256)}:
            link = record.get("link")
            if not re.fullmatch("[0-9a-f]{64}", sha256) or not isinstance(link, str | None):
                return False
            batch.moves.append(Move(name, to, sha256, link))
        case {"event": "go", "files": files} if _whole(files) is not None:
            batch.planned = files
        case {"event": "done", "names": list(names)} if all(isinstance(n, str) for n in names):
            batch.done.update(names)
        case {"event": "undone"}:
            batch.undone = True
        case {"event": "begin" | "move" | "go" | "done"}:
            return False
    return isinstance(record.get("event"), str)
