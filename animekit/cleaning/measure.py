"""Measuring pictures: read and decoded once for all checks, on all cores, in bounded memory.

The workers are threads: what takes time (hashing, decoding, OpenCV, torch) lets go of the
interpreter, and nothing has to be sent from one process to another. `_threads` says how they share
the interpreter.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    columns: dict[str, list[Any]] = field(default_factory=dict)
    decoded: int = 0
    filled: int = 0

    def __post_init__(self) -> None:
        named = [f"{check.name}.{measure}" for check in self.checks for measure in check.measures]
        self.columns = {name: [None] * len(self.files) for name in ("sha256", *FACTS, *named)}
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
        self.columns["sha256"][found.index] = found.sha256
        for fact in FACTS:
            self.columns[fact][found.index] = found.known[FACTS_KEY][fact]
        for key, check in self.keys.items():
            for measure, value in found.known.get(key, {}).items():
                self.columns[f"{check.name}.{measure}"][found.index] = value
        self.decoded += found.is_new
        self.filled += 1

    def frame(self) -> pd.DataFrame:
        """Return the table for judges: one row for each file, numbered from 0."""
        import pandas as pd

        names: dict[str, Any] = {
            # objects: pyarrow, where it is installed, cannot hold a name that is not valid UTF-8
            "name": pd.Series([file.name for file in self.files], dtype=object),
            "bytes": [file.bytes for file in self.files],
        }
        # a column of nothing but None would be one of objects, which cannot be compared
        columns = {
            name: values if any(value is not None for value in values) else float("nan")
            for name, values in self.columns.items()
        }
        return pd.DataFrame(names | columns)


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
