"""The journal of moved files: every move is written down before it is made.

Lines are JSON objects and only ever added. A batch is one call of `apply`: all its moves are on
disk before the first file moves, so that whatever happens afterwards can be undone. A line that a
crash cut off is passed over: without its "go", a batch has moved nothing.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "journal.jsonl"
PIECE = 1 << 20  # bytes that are copied at a time


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
class Batch:
    """What the journal says of one call of `apply`."""

    id: int
    folder: str = ""
    manifest: str = ""
    moves: list[Move] = field(default_factory=list)
    planned: int | None = None
    done: set[str] = field(default_factory=set)
    ended: bool = False
    undone: bool = False

    @property
    def began(self) -> bool:
        """Whether a file can have moved."""
        return self.planned is not None

    @property
    def lost(self) -> int:
        """How many moves cannot be read any more; 0 unless the journal was damaged."""
        return max(0, (self.planned or 0) - len(self.moves))


class Disk:
    """Everything that changes something on disk, in steps that happen or do not.

    Nothing here replaces a file that is there. Tests put another one in its place, which fails.
    """

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes at the end of a file, and wait until they are on disk."""
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it."""
        path.mkdir(parents=True, exist_ok=True)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; FileExistsError where that one is taken."""
        target.hardlink_to(source)

    def link_to(self, text: str, target: Path) -> None:
        """Make a symbolic link; FileExistsError where the name is taken."""
        target.symlink_to(text)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file with its times, and wait until it is on disk; replaces nothing."""
        with source.open("rb") as old, target.open("xb") as new:
            while piece := old.read(PIECE):
                new.write(piece)
            new.flush()
            os.fsync(new.fileno())
        facts = source.stat()
        with suppress(OSError):  # some file systems keep no modes
            target.chmod(facts.st_mode & 0o777)
        os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, where there is no second one to be had."""
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Take one name of a file away."""
        path.unlink()

    def sync(self, folder: Path) -> None:
        """Wait until the names in a folder are on disk, where the system can."""
        if os.name == "nt":  # folders cannot be opened there
            return
        handle = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems cannot
                os.fsync(handle)
        finally:
            os.close(handle)


class Journal:
    """The journal in a folder of moved files."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.path = folder / FILE
        self._disk = disk if disk is not None else Disk()

    def read(self) -> list[Batch]:
        """Return all batches, oldest first; lines that cannot be read are passed over."""
        batches: dict[int, Batch] = {}
        lines = self.path.read_bytes().split(b"\n") if self.path.is_file() else []
        for line in lines:
            record = _parse(line)
            if record is not None:
                number = record["batch"]
                _take(batches.setdefault(number, Batch(number)), record)
        return [batches[number] for number in sorted(batches)]

    def begin(self, folder: Path, manifest: str, moves: Iterable[Move], when: str) -> Batch:
        """Write down a new batch; when this returns, it is on disk and files may move."""
        number = max((batch.id for batch in self.read()), default=0) + 1
        batch = Batch(number, str(folder), manifest, list(moves))
        head = {"event": "begin", "folder": batch.folder, "manifest": manifest, "time": when}
        lines = [head, *({"event": "move", **_facts(move)} for move in batch.moves)]
        batch.planned = len(batch.moves)
        self._write(number, *lines, {"event": "go", "files": batch.planned})
        return batch

    def note(self, batch: Batch, event: str, **facts: Any) -> None:
        """Write down what happened to a batch."""
        record = {"event": event, **facts}
        self._write(batch.id, record)
        _take(batch, record)

    def _write(self, number: int, *records: dict[str, Any]) -> None:
        # ensure_ascii also keeps file names that are not valid UTF-8
        texts = [json.dumps({"batch": number, **record}) for record in records]
        data = "".join(f"{text}\n" for text in texts).encode("ascii")
        self._disk.append(self.path, b"\n" + data if self._is_torn() else data)

    def _is_torn(self) -> bool:
        if not self.path.is_file() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


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


def _take(batch: Batch, record: dict[str, Any]) -> None:
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
        case {"event": "end"}:
            batch.ended = True
        case {"event": "undone"}:
            batch.undone = True
