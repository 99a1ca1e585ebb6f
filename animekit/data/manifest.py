"""The manifest of a cleaning: one row a picture, its verdict, and why; a person may edit it."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING

from animekit.errors import DataError, NotFoundError
from animekit.files import write_atomic
from animekit.text import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

FOLDER = ".animekit"
FILE = "manifest.csv"
SUMMARY = "summary.json"
DECISIONS = ("keep", "review", "reject")
COLUMNS = (
    "name",
    "sha256",
    "bytes",
    "width",
    "height",
    "format",
    "decision",
    "tier",
    "reasons",
    "scores",
    "group",
    "kept",
    "faces",
    "note",
)
"""All are text when read back; a manifest that a person made needs only `name` and `decision`."""
ALWAYS = ("name", "decision")
UNLIKE = ("name", "sha256", "scores", "kept", "note")
"""Columns whose texts are others in each row."""

MAX_BYTES = 1 << 30
"""Bytes of a manifest: four million pictures have so many."""
MAX_LINE = 1_000_000

_CODE = "manifest"


def write_manifest(path: Path, table: pd.DataFrame) -> None:
    """Write a manifest as CSV; a crash leaves the old file or the new."""
    text = io.StringIO(newline="")
    # a carriage return in a file name is not quoted by itself where lines end in "\n"
    strange = any("\r" in name for name in table["name"])
    quoting = csv.QUOTE_ALL if strange else csv.QUOTE_MINIMAL
    table.to_csv(text, columns=list(COLUMNS), index=False, lineterminator="\n", quoting=quoting)
    # File names need not be valid UTF-8.
    write_atomic(path, text.getvalue().encode("utf-8", "surrogateescape"))


def read_manifest(path: Path | str, columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """Read a manifest.csv, or the one in a folder, as text.

    `columns` are those of `COLUMNS` that are wanted, all by default; name and decision are always
    there. Of a million pictures these two take a sixth of the memory.

    What a spreadsheet does to a file is undone: a byte order mark, semicolons, other line ends,
    spaces and capitals in `decision`. Raises NotFoundError where there is none, and DataError that
    names the row where one cannot be used.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(
            f"no manifest {path}", "make one: animekit clean FOLDER", code="manifest.not_found"
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", code=_CODE) from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} has more than {MAX_BYTES >> 20} MB", _HINT, code=_CODE)
    table = _parse(path, data, [each for each in COLUMNS if each in {*columns, *ALWAYS}])
    table["decision"] = table["decision"].str.strip().str.lower()
    _validate(path, table)
    return table


_HINT = "its first line must name the columns: " + ",".join(COLUMNS)


def _parse(path: Path, data: bytes, columns: Sequence[str]) -> pd.DataFrame:
    # not by pandas, which cannot read file names that are not valid UTF-8
    import pandas as pd

    head = data.partition(b"\n")[0]
    separator = ";" if head.count(b";") > head.count(b",") else ","
    rows = csv.reader(_lines(path, data), delimiter=separator, strict=True)
    found: dict[str, list[str]] = {}
    try:
        header = next(rows, [])
        _check_header(path, header)
        known = {name: header.index(name) for name in columns if name in header}
        found = {name: [] for name in known}
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise DataError(
                    f"{path}, row {number} has {len(row)} cells, not {len(header)}",
                    _HINT,
                    code=_CODE,
                )
            for name, place in known.items():
                # most of them are the same few words
                found[name].append(row[place] if name in UNLIKE else sys.intern(row[place]))
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}", _HINT, code=_CODE) from None
    count = len(found["name"])
    texts = {name: found.get(name, [""] * count) for name in columns}
    return pd.DataFrame(texts, columns=list(columns), dtype=object)


def _check_header(path: Path, header: Sequence[str]) -> None:
    for column in ALWAYS:
        if column not in header:
            raise DataError(f'{path} has no column "{column}"', _HINT, code=_CODE)
    for column in COLUMNS:
        if header.count(column) > 1:
            raise DataError(
                f'{path} has {header.count(column)} columns "{column}"',
                "keep the one that is right",
                code=_CODE,
            )


def _lines(path: Path, data: bytes) -> Iterator[str]:
    """Yield the lines of a file; one that no manifest has would fill the memory as cells."""
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", "surrogateescape", newline="")
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            raise DataError(f"{path}, line {number} has {len(line):,} letters", _HINT, code=_CODE)
        yield line


def _validate(path: Path, table: pd.DataFrame) -> None:
    first: dict[str, int] = {}
    pairs = zip(table["name"], table["decision"], strict=True)
    for row, (name, decision) in enumerate(pairs, start=2):  # row 1 is the header
        where = f"{path}, row {row}"
        if decision not in DECISIONS:
            raise DataError(
                f'{where} ({name}): unknown decision "{decision}".'
                f"{did_you_mean(decision, DECISIONS)}",
                f"decisions: {' '.join(DECISIONS)}",
                code=_CODE,
            )
        if problem := _bad_name(name):
            raise DataError(f"{where}: {problem}", "names are below the folder", code=_CODE)
        if name in first:
            raise DataError(
                f"{where}: {name} is already in row {first[name]}", "delete one row", code=_CODE
            )
        first[name] = row


def _bad_name(name: str) -> str:
    """Say what is wrong with a name that comes from outside; "" if nothing is."""
    if not name.strip() or "\0" in name:
        return "the name is empty" if not name.strip() else "the name holds a zero byte"
    path = PurePosixPath(name)
    native = PurePath(name)  # on Windows, drives and backslashes lead out too
    if path.is_absolute() or native.anchor or ".." in {*path.parts, *native.parts}:
        return f'"{name}" leads out of the folder'
    if str(path) != name:
        return f'"{name}" is not how animekit writes a name: {path}'
    return ""


def numbered(root: Path) -> list[Path]:
    """Return the folders 0001, 0002, ... in a folder, oldest first."""
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if re.fullmatch(r"\d{4,}", path.name)]
    return sorted((path for path in found if path.is_dir()), key=lambda path: int(path.name))


def clean_folder(folder: Path | str) -> Path:
    """Return where the cleanings of a folder of pictures are kept."""
    return Path(folder) / FOLDER / "clean"


def newest_manifest(folder: Path | str) -> Path | None:
    """Return the manifest.csv of a folder's newest whole cleaning, if any.

    A shard's manifest speaks of a part of the pictures only, lies elsewhere, and is not found.
    """
    for path in reversed(numbered(clean_folder(folder))):
        if (path / FILE).is_file():
            return path / FILE
    return None


def kept_names(table: pd.DataFrame) -> list[str]:
    """Return the names of the pictures that are to be used, in the manifest's order."""
    return [str(name) for name in table.loc[table["decision"] == "keep", "name"]]
