"""Measuring pictures: read and decoded once for all checks, on all cores, in bounded memory.

The workers are threads: what takes time (hashing, decoding, OpenCV, torch) lets go of the
interpreter, and nothing has to be sent from one process to another. `_threads` says how they share
the interpreter.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit.cleaning._workers import WorkerPool, one_torch_thread, short_turns
from animekit.cleaning.cache import MeasureCache
from animekit.cleaning.check import Check, Measures, Picture
from animekit.data.survey import File
from animekit.errors import DeviceError, PluginError
from animekit.files import Progress, cores
from animekit.images.decode import ImageError, read_image_file
from animekit.plugins import broken
from animekit.signals import StopSignals

if TYPE_CHECKING:
    import pandas as pd


FILES_A_TASK = 16
PIXELS_A_BATCH = 4_000_000
"""Pictures that are held decoded at a time by one worker: until they have so many pixels."""
TASKS_AHEAD = 2
"""Tasks a worker that wait for it: the rest of the list is not touched yet."""

FEWEST_FORKED = 256
"""Files from which on processes pay: each takes 20 ms to begin."""

FACTS = ("width", "height", "format", "error", "error_kind")
FACTS_KEY = "file/2"
BARE = ("name", "bytes", "sha256", *FACTS)
"""Columns of a table of measures that are not from a check."""


class MeasureColumn:
    """Values of one measure for each row, as small as they are.

    Numbers are numbers, and texts of one length bytes; other values are what they are. A row that
    was not put has no value.
    """

    def __init__(self, count: int) -> None:
        self._values = np.zeros(0)
        self._known = np.zeros(count, bool)

    def put(self, row: int, value: Any) -> None:
        """Keep the value of a row."""
        kind = _kind(value)
        if not len(self._values):
            self._values = np.empty(len(self._known), kind)
        elif kind != self._values.dtype:
            self._widen(kind)
        self._values[row] = value
        self._known[row] = True

    def _widen(self, kind: np.dtype[Any]) -> None:
        have = self._values.dtype
        if {have, kind} == {_INT, _FLOAT}:
            self._values = self._values.astype(_FLOAT)
        elif have != _OBJECT:
            values = np.empty(len(self._known), _OBJECT)
            known = self._values[self._known]
            values[self._known] = known.astype("U") if have.kind == "S" else known
            self._values = values

    def series(self) -> pd.Series[Any] | float:
        """Return all values, NaN or None where a row has none; NaN without any."""
        import pandas as pd

        if not self._known.any():
            # a column of nothing but None would be one of objects, which cannot be compared
            return float("nan")
        if self._values.dtype in (_INT, _FLOAT):
            whole = self._known.all()
            return pd.Series(self._values if whole else np.where(self._known, self._values, np.nan))
        if self._values.dtype == _OBJECT:
            return pd.Series(self._values.tolist())
        # part by part: as Python's texts all of them would be a third of a gigabyte for a million
        starts = range(0, len(self._known), BLOCK)
        parts = [pd.Series(self._texts(start), dtype="str") for start in starts]
        return pd.concat(parts, ignore_index=True)

    def _texts(self, start: int) -> list[str | None]:
        part = slice(start, start + BLOCK)
        pairs = zip(self._values[part].tolist(), self._known[part].tolist(), strict=True)
        return [text.decode("ascii") if known else None for text, known in pairs]


_INT, _FLOAT, _OBJECT = np.dtype(np.int64), np.dtype(np.float64), np.dtype(object)
SHORT = 16
"""Characters below which a text is kept as it is: there are few of them, such as formats."""
BLOCK = 1 << 16
"""Texts that are made at a time."""


def _kind(value: Any) -> np.dtype[Any]:
    """Return how a value is kept."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return _INT
    if isinstance(value, float):
        return _FLOAT
    if isinstance(value, str) and len(value) >= SHORT and value.isascii() and "\0" not in value:
        return np.dtype(f"S{len(value)}")
    return _OBJECT


@dataclass
class MeasuredFile:
    """One file with its hash and its measures by key.

    `is_new` says that it was looked at just now.
    """

    index: int
    file: File
    sha256: str
    known: dict[str, Measures]
    is_new: bool


@dataclass
class Table:
    """The measures of all files, filled in any order.

    `decoded` counts the files that were looked at anew.
    """

    files: Sequence[File]
    checks: Sequence[Check]
    columns: dict[str, MeasureColumn] = field(default_factory=dict)
    decoded: int = 0
    filled: int = 0

    def __post_init__(self) -> None:
        named = [f"{check.name}.{measure}" for check in self.checks for measure in check.measures]
        self.columns = {name: MeasureColumn(len(self.files)) for name in ("sha256", *FACTS, *named)}
        self.keys = {key_of(check): check for check in self.checks if check.measures}

    def lacking(self, known: dict[str, Measures]) -> list[Check]:
        """Return the checks that have not measured a content yet."""
        readable = FACTS_KEY in known and not known[FACTS_KEY]["error"]
        if FACTS_KEY in known and not readable:
            return []
        return [check for key, check in self.keys.items() if key not in known]

    def complete(self, known: dict[str, Measures]) -> bool:
        """Say whether nothing is left to be measured of a content."""
        return FACTS_KEY in known and not self.lacking(known)

    def put(self, found: MeasuredFile) -> None:
        """Fill in the row of one file."""
        self.columns["sha256"].put(found.index, found.sha256)
        for fact in FACTS:
            self.columns[fact].put(found.index, found.known[FACTS_KEY][fact])
        for key, check in self.keys.items():
            for measure, value in found.known.get(key, {}).items():
                if value is not None:
                    self.columns[f"{check.name}.{measure}"].put(found.index, value)
        self.decoded += found.is_new
        self.filled += 1

    def frame(self, names: Iterable[str] | None = None) -> pd.DataFrame:
        """Return columns for judges, all of them by default: a row for each file, from 0."""
        import pandas as pd

        found: dict[str, Any] = {
            # objects: pyarrow, where it is installed, cannot hold a name that is not valid UTF-8
            "name": pd.Series([file.name for file in self.files], dtype=object),
            "bytes": [file.bytes for file in self.files],
        }
        chosen = self.columns if names is None else dict.fromkeys(names)
        found |= {name: self.columns[name].series() for name in chosen if name not in found}
        return pd.DataFrame(found)


def key_of(check: Check) -> str:
    """Return the key of a check's measures: name, version and parameters."""
    return f"{check.name}/{check.version}/{check.key()}"


def measure(
    folder: Path,
    files: Sequence[File],
    checks: Sequence[Check],
    cache: MeasureCache,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Table:
    """Return the table of measures of some files of a folder.

    `cache` gives what is known and keeps what is new. SIGINT and SIGTERM stop it with Stopped (a
    second Ctrl-C at once): what was measured is kept, and the next call goes on from there.
    """
    table = Table(files, checks)
    unknown = []
    for index, file in enumerate(files):
        sha256 = cache.sha256(file)
        known = cache.get(sha256) if sha256 else {}
        if sha256 and table.complete(known):
            table.put(MeasuredFile(index, file, sha256, known, is_new=False))
        else:
            unknown.append((index, file))
    if progress is not None:
        progress(table.filled, len(files))
    run = _run(folder, unknown, table, cache, workers or cores())
    with StopSignals() as signals, one_torch_thread(), short_turns(), closing(run) as parts:
        for part in parts:
            for found in part:
                table.put(found)
            cache.put_all(
                (found.file, found.sha256, found.known if found.is_new else None)
                for found in part
                if found.sha256
            )
            if progress is not None:
                progress(table.filled, len(files))
            if signals.received is not None and table.filled < len(files):
                raise signals.received(
                    f"stopped after {table.filled:,} of {len(files):,} pictures",
                    "the same command goes on from there",
                )
    return table


def _run(
    folder: Path,
    unknown: list[tuple[int, File]],
    table: Table,
    cache: MeasureCache,
    workers: int,
) -> Generator[list[MeasuredFile], None, None]:
    """Yield what the workers found, in the order in which they finish."""
    starts = iter(range(0, len(unknown), FILES_A_TASK))
    waiting: set[Future[list[MeasuredFile]]] = set()

    def look(start: int) -> list[MeasuredFile]:
        return _look(folder, unknown[start : start + FILES_A_TASK], table, cache)

    if workers == 1:  # a thread of its own would only wait for this one at times
        yield from map(look, starts)
        return
    forked = len(unknown) >= FEWEST_FORKED and all(each.forks for each in table.keys.values())
    pool = WorkerPool(workers, look, forked=forked)
    try:
        waiting |= {pool.submit(start) for start in islice(starts, workers * (1 + TASKS_AHEAD))}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            waiting -= done
            waiting |= {pool.submit(start) for start in islice(starts, len(done))}
            for future in done:
                yield pool.result(future)
    except BrokenProcessPool:
        raise DeviceError(
            "a process that looked at pictures was ended from outside: is the memory full?",
            "the same command goes on from there; --workers 1 takes less memory",
        ) from None
    finally:
        pool.close()


def _look(
    folder: Path, part: list[tuple[int, File]], table: Table, cache: MeasureCache
) -> list[MeasuredFile]:
    """Read the files of one task and measure those whose content is new."""
    results = []
    batch: list[tuple[MeasuredFile, Picture]] = []
    pixels = 0
    for index, file in part:
        picture = _read(folder, file)
        sha256 = picture.sha256 if picture.was_read else ""
        known = cache.get(sha256) if sha256 else {}
        found = MeasuredFile(index, file, sha256, known, is_new=not table.complete(known))
        results.append(found)
        if found.is_new:
            batch.append((found, picture))
            pixels += 0 if picture.error else picture.size[0] * picture.size[1]
        if pixels >= PIXELS_A_BATCH:
            _measure(batch, table)
            batch, pixels = [], 0
    _measure(batch, table)
    return results


def _read(folder: Path, file: File) -> Picture:
    try:
        return Picture(file.name, read_image_file(folder / file.name, file.name))
    except ImageError as error:
        return Picture(file.name, b"", error)


def _measure(batch: list[tuple[MeasuredFile, Picture]], table: Table) -> None:
    for found, picture in batch:
        found.known[FACTS_KEY] = _facts(picture)
    for key, check in table.keys.items():
        todo = [pair for pair in batch if pair[1].error is None and key not in pair[0].known]
        if not todo:
            continue
        pictures = [picture for _, picture in todo]
        try:
            measures = check.measure_many(pictures)
        except Exception as error:
            error.add_note(f"while check {check.name} measured {pictures[0].name} or one beside it")
            raise
        if not isinstance(measures, list) or len(measures) != len(todo):
            raise broken(check, "measure_many", measures, f"a list of {len(todo)} measures")
        for (found, _), values in zip(todo, measures, strict=True):
            if not isinstance(values, dict):
                raise broken(check, "measure", values, "named numbers")
            if set(values) != set(check.measures):
                raise PluginError(
                    f"check {check.name} gave {sorted(values)}, not {sorted(check.measures)}",
                    "measure must give what the class names in `measures`",
                )
            if any(isinstance(value, float) and value != value for value in values.values()):
                raise PluginError(
                    f"check {check.name} gave NaN for {found.file.name}",
                    "measure must give numbers; pictures it cannot judge get 0, or another measure",
                )
            found.known[key] = values


def _facts(picture: Picture) -> Measures:
    width, height = (0, 0) if picture.error else picture.size
    error = picture.error
    return {
        "width": width,
        "height": height,
        "format": picture.format,
        "error": error.reason if error else "",
        "error_kind": error.code.removeprefix("image.") if error else "",
    }
