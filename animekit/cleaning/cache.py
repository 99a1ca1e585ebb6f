"""What was measured before: by content, in files that only grow, so that a kill costs nothing.

Each process writes a file of its own, one JSON object a line, so that the shards of a cluster's job
array can share one folder without locks. A line that a kill cut off is passed over.
"""

from __future__ import annotations

import json
import os
import secrets
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from animekit.cleaning.check import Measures
from animekit.data.survey import File
from animekit.errors import AnimekitError
from animekit.files import as_error
from animekit.foreign import parse_json

FORMAT = 1
"""Raise it when the lines or the facts of a file change: older files are not read."""
LINE_BITS, END_BITS = 24, 44
MOST_LINE, MOST_END = (1 << LINE_BITS) - 1, (1 << END_BITS) - 1
_STATE = struct.Struct("<qq32s")
"""Size, time and hash of a file in 48 bytes, a fifth of what they take as numbers and text."""


class MeasureCache:
    """The measures of pictures, found by the hash of their content.

    Names say which content a file had when its size and time were these. Of a line, about a
    kilobyte a picture, only its place in its file is kept, and it is read when asked for. One
    thread may write.
    """

    def __init__(self, folder: Path, others: Iterable[Path] = ()) -> None:
        self.folder = folder
        self._states: dict[str, bytes] = {}
        self._lines: dict[bytes, int] = {}
        self._readers: list[IO[bytes]] = []
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._own = self._written = 0
        for place in (*others, folder):
            for path in sorted(place.glob("*.jsonl"), key=_age):
                self._load(path)

    def _load(self, path: Path) -> None:
        reader, end = path.open("rb"), 0
        self._readers.append(reader)
        for line in reader:
            end += len(line)
            try:
                kind = line[:1]
                if kind == b"F":
                    name, size, mtime, sha256 = _parse(line[1:])
                    self._states[name] = _STATE.pack(size, mtime, bytes.fromhex(sha256))
                elif kind == b"M" and line.endswith(b"}\n"):
                    place = _place(len(self._readers) - 1, end, len(line) - 65)
                    self._keep(bytes.fromhex(line[1:65].decode("ascii")), place)
                elif kind == b"V" and int(line[1:]) != FORMAT:
                    return
            except (AnimekitError, ValueError, TypeError, struct.error):
                continue

    def _keep(self, digest: bytes, place: int) -> None:
        # a longer line knows of more checks: two processes may have asked for different ones
        if place & MOST_LINE >= self._lines.get(digest, 0) & MOST_LINE:
            self._lines[digest] = place

    def sha256(self, file: File) -> str | None:
        """Return the hash of a file that has not changed since it was last read."""
        state = self._states.get(file.name)
        if state is None:
            return None
        size, mtime, digest = _STATE.unpack(state)
        return str(digest.hex()) if (size, mtime) == (file.bytes, file.mtime_ns) else None

    def get(self, sha256: str) -> dict[str, Measures]:
        """Return what is known of a content: the measures by the key of their check."""
        place = self._lines.get(bytes.fromhex(sha256))
        if place is None:
            return {}
        size, end = place & MOST_LINE, place >> LINE_BITS & MOST_END
        try:
            reader = self._readers[place >> LINE_BITS + END_BITS]
            if hasattr(os, "pread"):  # forked processes share the place that `seek` moves
                line = os.pread(reader.fileno(), size, end - size)
            else:
                with self._lock:
                    reader.seek(end - size)
                    line = reader.read(size)
            known = _parse(line)
        except (AnimekitError, OSError):
            return {}
        sound = isinstance(known, dict) and all(isinstance(each, dict) for each in known.values())
        return known if sound else {}

    def put(self, file: File, sha256: str, known: dict[str, Measures] | None) -> None:
        """Keep the hash of a file, and all that is known of its content if that is new."""
        self.put_all([(file, sha256, known)])

    def put_all(self, entries: Iterable[tuple[File, str, dict[str, Measures] | None]]) -> None:
        """Keep what `put` does of several files, in one write."""
        lines, places = [], {}
        end = 0
        for file, sha256, known in entries:
            if self.sha256(file) != sha256:
                digest = bytes.fromhex(sha256)
                self._states[file.name] = _STATE.pack(file.bytes, file.mtime_ns, digest)
                entry = [file.name, file.bytes, file.mtime_ns, sha256]
                lines.append(b"F" + _json(entry))
                end += len(lines[-1])
            if known is not None:
                lines.append(b"M" + sha256.encode("ascii") + _json(known))
                end += len(lines[-1])
                places[sha256] = (end, len(lines[-1]) - 65)
        if lines:
            start = self._append(b"".join(lines))
            for sha256, (end, size) in places.items():
                self._lines[bytes.fromhex(sha256)] = _place(self._own, start + end, size)

    def _append(self, data: bytes) -> int:
        """Write bytes behind all others; return where they begin."""
        try:
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                name = f"{os.getpid()}-{secrets.token_hex(6)}.jsonl"
                self._file = (self.folder / name).open("ab", buffering=0)
                self._own = len(self._readers)
                self._readers.append((self.folder / name).open("rb"))
                self._written = self._file.write(b"V%d\n" % FORMAT)
            start = self._written
            self._written += self._file.write(data)
            return start
        except OSError as error:
            hint = "name a folder on another disk: --out DIR"
            raise as_error(error, hint, doing="write to", where=self.folder) from None

    def __enter__(self) -> MeasureCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in (*self._readers, *filter(None, [self._file])):
            each.close()
        self._file = None


def _place(file: int, end: int, size: int) -> int:
    """Return a line as one number: its file, where it ends there, its bytes."""
    return (file << END_BITS | end) << LINE_BITS | min(size, MOST_LINE)


def _age(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name


def _plain(value: Any) -> Any:
    return value.tolist()  # of numpy: what else may be in measures, JSON knows


def _parse(line: bytes) -> Any:
    return parse_json(line, "a line of the cache", any_name=True)


# ensure_ascii also keeps file names that are not valid UTF-8
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain).encode


def _json(value: Any) -> bytes:
    return _encode(value).encode("ascii") + b"\n"
