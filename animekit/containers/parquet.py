"""Pictures in Parquet files, as image sets of the Hugging Face Hub are: bytes in a column."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from animekit.containers.records import Names, labels_in, own_labels, refuse_many
from animekit.containers.schema import (
    class_names,
    named,
    own_values,
    picture_columns,
    plain_columns,
    safe,
)
from animekit.data.dataset import Skipped
from animekit.errors import AnimekitError, DataError, NotFoundError
from animekit.images.decode import MAX_BYTES, ImageError
from animekit.labels.sources import Source
from animekit.text import install_hint

ENDING = ".parquet"
ROWS = 20_000_000
"""Pictures of one data set."""
WINDOW_BYTES = 32 << 20
"""Bytes of rows that are unpacked at a time, where they are not larger than one picture."""
HELD_BYTES, HELD_ROWS = 96 << 20, 256
"""What stays unpacked: so many bytes, or the rows that the workers of a pack are at."""
MOST_BYTES = 512 << 20
IMAGES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "pixel_values")
"""What columns of pictures are called; without such a name, the first is taken."""
RATIO = 1000
"""Bytes that a byte of a file may become: rows of the same picture pack well."""

HINT = "a file with pictures has a column of bytes, such as those of load_dataset(...).to_parquet()"


def is_installed() -> bool:
    """Say whether pyarrow, the reader of Parquet, is installed."""
    try:
        arrow()
    except AnimekitError:
        return False
    return True


def arrow() -> ModuleType:
    """Return pyarrow.parquet; NotFoundError where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise NotFoundError(
            "Parquet files need pyarrow", install_hint("parquet"), code="parquet.missing"
        ) from None
    parquet: ModuleType = pyarrow.parquet
    return parquet


class Chunk(NamedTuple):
    """A row group: file, number in it, first row of all, rows, unpacked bytes."""

    file: int
    group: int
    start: int
    rows: int
    bytes: int


@dataclass
class _Window:
    """Rows that are unpacked: which is the first, an array of pyarrow, and its bytes."""

    start: int
    values: Any
    bytes: int


@dataclass
class _Cursor:
    """Where a row group is read on: its windows one after the other."""

    chunk: Chunk
    windows: Iterator[_Window]
    next: int


@dataclass
class _Held:
    """Windows that stay unpacked, the last used at the end."""

    windows: list[_Window] = field(default_factory=list)

    def find(self, row: int) -> _Window | None:
        """Return the window that holds a row."""
        for window in reversed(self.windows):
            if window.start <= row < window.start + len(window.values):
                return window
        return None

    def add(self, window: _Window) -> None:
        """Keep one more; the oldest go, as long as the workers of a pack still find theirs."""
        self.windows.append(window)
        while len(self.windows) > 2:
            size = sum(each.bytes for each in self.windows)
            rows = sum(len(each.values) for each in self.windows[1:])
            if size <= HELD_BYTES or (rows < HELD_ROWS and size <= MOST_BYTES):
                return
            del self.windows[0]


class ParquetFiles:
    """Rows of Parquet files as files: `names` in order, `read` gives the bytes.

    One column holds the pictures, as bytes or as a struct of bytes and path; the others are their
    labels. Raises NotFoundError without pyarrow, and DataError for a file that is none, holds no
    pictures, or says that it unpacks to far more than it is.
    """

    def __init__(self, paths: Sequence[Path], where: str) -> None:
        self.where, self.paths, self.files = where, list(paths), len(paths)
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []
        parquet = arrow()
        self._files = [_metadata(parquet, path) for path in self.paths]
        self._schema = self._files[0].schema.to_arrow_schema()
        found = picture_columns(self._schema)
        if not found:
            columns = ", ".join(self._schema.names[:8])
            raise DataError(f"{self.paths[0]} has no column of pictures: {columns}", HINT)
        # by its name, else a struct, else the first
        found.sort(key=lambda each: (each.name.lower() not in IMAGES, not each.is_struct))
        self.column = found[0]
        if len(found) > 1:
            others = ", ".join(each.name for each in found[1:])
            self.notes.append(f"pictures are those of column {found[0].name}, not of {others}")
        for path, file in zip(self.paths, self._files, strict=True):
            if self.column not in picture_columns(file.schema.to_arrow_schema()):
                words = f"{path} has no column {self.column.name} as {self.paths[0].name} has"
                raise DataError(words, "give files of one set")
        self._chunks = list(self._find_chunks())
        refuse_many(where, sum(each.rows for each in self._chunks), ROWS)
        self._ends = np.array(list(accumulate(each.rows for each in self._chunks)), np.int64)
        self._lock = threading.Lock()
        self._held = _Held()
        self._cursor: _Cursor | None = None
        self.names = list(map(Names().fresh, self._find_names()))

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def read(self, name: str) -> bytes:
        """Return the bytes of a picture; raises ImageError."""
        value = self._value(self._rows[name], name).as_buffer()
        if value is None:
            said = "only the path of a file" if self.column.has_path else "no bytes"
            raise ImageError(name, f"empty: its row holds {said}", "empty")
        if value.size > MAX_BYTES:
            raise ImageError(name, f"larger than {MAX_BYTES >> 20} MB", "too_large")
        return bytes(value)

    def labels(self) -> list[Source]:
        """Return the labels in the other columns, as a source that is read when asked."""
        classes, own = class_names(self._schema), own_values(self._schema)
        columns: dict[str, list[Any]] = {}
        for name in own or plain_columns(self._schema):
            values: list[Any] = []
            for path, file in zip(self.paths, self._files, strict=True):
                with _opened(path, file) as opened:
                    values += opened.read(columns=[name]).column(0).to_pylist()
            columns[name] = named(values, classes.get(name))
        if own:
            return [own_labels(self.names, columns, own)]
        file = self.paths[0].name if len(self.paths) == 1 else f"{len(self.paths)} parquet files"
        return labels_in(file, self.names, columns)

    def _find_chunks(self) -> Iterator[Chunk]:
        start = 0
        for number, (path, file) in enumerate(zip(self.paths, self._files, strict=True)):
            for group in range(file.num_row_groups):
                said = file.row_group(group)
                leaf = next(
                    column
                    for column in map(said.column, range(said.num_columns))
                    if column.path_in_schema == self.column.leaf
                )
                unpacked, packed = leaf.total_uncompressed_size, leaf.total_compressed_size
                if unpacked > RATIO * max(packed, 1 << 20) or packed > path.stat().st_size:
                    raise DataError(
                        f"{path} is a bomb: {packed:,} bytes become {unpacked:,}",
                        "get it from a source that you trust",
                    )
                yield Chunk(number, group, start, said.num_rows, unpacked)
                start += said.num_rows

    def _find_names(self) -> Iterator[str]:
        """Yield the name of each row: that of its path, else its number."""
        row = 0
        for path, file in zip(self.paths, self._files, strict=True):
            given: list[Any] = [None] * file.num_rows
            if self.column.has_path:
                with _opened(path, file) as opened:
                    table = opened.read(columns=[f"{self.column.name}.path"])
                given = _leaf(table.column(0), "path").to_pylist()
            for each in given:
                yield safe(each) or str(row)
                row += 1

    def _value(self, row: int, name: str) -> Any:
        """Return what a row holds: bytes or null, as a scalar of pyarrow."""
        with self._lock:
            window = self._held.find(row)
            try:
                while window is None:
                    window = self._advance(row)
            except AnimekitError:
                raise
            except Exception as error:  # pyarrow raises nearly anything for damaged data
                self._cursor = None
                words = f"damaged in the file ({first_words(error)})"
                raise ImageError(name, words, "damaged") from None
            return window.values[row - window.start]

    def _advance(self, row: int) -> _Window | None:
        """Unpack one more window on the way to a row; return it where the row is in it."""
        chunk = self._chunks[int(np.searchsorted(self._ends, row, "right"))]
        if self._cursor is None or self._cursor.chunk is not chunk or self._cursor.next > row:
            self._cursor = _Cursor(chunk, self._windows(chunk), chunk.start)
        window = next(self._cursor.windows, None)
        if window is None:
            self._cursor = None
            raise ValueError(f"a row group holds fewer than its {chunk.rows:,} rows")
        self._cursor.next = window.start + len(window.values)
        self._held.add(window)
        return window if window.start <= row < self._cursor.next else None

    def _windows(self, chunk: Chunk) -> Iterator[_Window]:
        """Yield the rows of a row group in windows: one of gigabytes is never unpacked whole."""
        each = max(chunk.bytes // max(chunk.rows, 1), 1)
        rows = int(min(max(WINDOW_BYTES // each, 1), 4096))
        start = chunk.start
        with _opened(self.paths[chunk.file], self._files[chunk.file]) as file:
            batches = file.iter_batches(
                rows, row_groups=[chunk.group], columns=[self.column.leaf], use_threads=False
            )
            for batch in batches:
                column = batch.column(0)
                if batch.nbytes > max(2 * chunk.bytes, HELD_BYTES):
                    raise ValueError("more bytes than it says")
                values = _leaf(column, "bytes") if self.column.is_struct else column
                yield _Window(start, values, int(batch.nbytes))
                start += len(values)


def holds_pictures(path: Path) -> bool:
    """Say whether a Parquet file has a column of pictures, not labels alone."""
    try:
        return bool(picture_columns(_metadata(arrow(), path).schema.to_arrow_schema()))
    except DataError:
        return True  # whoever opens it says what is wrong


def _metadata(parquet: ModuleType, path: Path) -> Any:
    """Return what a file says of itself; DataError where it is no Parquet file."""
    try:
        return parquet.read_metadata(path)
    except Exception as error:  # of many kinds
        raise DataError(
            f"{path} is not a readable Parquet file: {first_words(error)}", "get it again"
        ) from None


def _opened(path: Path, metadata: Any) -> Any:
    """Open a file that is read in pieces, and not all of a row group at once."""
    return arrow().ParquetFile(path, metadata=metadata, buffer_size=1 << 20, pre_buffer=False)


def _leaf(column: Any, name: str) -> Any:
    """Return a part of a column of structs; None where the whole struct is."""
    import pyarrow.compute

    return pyarrow.compute.struct_field(column, [name])


def first_words(error: Exception) -> str:
    """Return the first line of what a library says of an error."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
