"""Rows of label files: their cells, and which column of them names the picture."""

from __future__ import annotations

import ast
import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from animekit.errors import DataError
from animekit.labels.columns import (
    IS_NUMBER,
    PICTURE,
    column_of_header,
    is_header,
    is_picture,
    refuse_other_ids,
)
from animekit.labels.words import shown

MAX_BYTES = 256 << 20
"""Bytes of a label file; CelebA's list of 202,599 pictures has 27 MB."""
MAX_ROWS = 2_000_000
MAX_LINE = 1_000_000
"""Letters of one row."""
TWO_NUMBERS = "two numbers may be the id"

_HOLDS_PICTURE = re.compile(rf"(?:^|[,;\t])([^,;\t]*{PICTURE})[\s\"]*(?:[,;\t]|$)", re.IGNORECASE)
_TEXT = r"""(?:'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+")"""
_LIST = rf"[\[(]\s*(?:{_TEXT}\s*,?\s*)*+[\])]"
_ENTRY = re.compile(
    rf"\s*(?P<key>-?\d{{1,19}}|{_TEXT})\s*:\s*(?P<tags>{_TEXT}|{_LIST}|-?\d{{1,19}}|None)\s*(?:,|(?=\}}$))"
)
_CLOSED = re.compile(r"\s*\}")
_INDEXED = re.compile(r"[+-]?\d+(?:\.0+)?(?:[,;\t] ?[01]){23}")  # 11 eye and 12 hair colours
_ENDS = re.compile(r"\r\n|\n|\r")


class Doubled(NamedTuple):
    """A later row of an id: its number, the first one's, whether they agree."""

    id: str
    row: int
    first: int
    same: bool


class TagRow(NamedTuple):
    """One row of a tag file: number from 1, id, tags; or why it is of no use.

    A first row that names columns (`is_header`) is no row, unless it has tags. `others` are cells
    beside the id and the tags, which may name a picture as well.
    """

    number: int
    key: str
    tags: str
    problem: str = ""
    is_header: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """The lines of a file with cells, and what the columns are.

    `lines` are those that are not empty, with their numbers from 1. `header` names the columns; it
    is empty where the first line is a row. The picture is named in column `column`; `dropped` are
    columns that count the rows. In metadata (`is_metadata`), a column "label" names classes.
    """

    where: str
    lines: list[tuple[int, str]]
    separator: str
    header: tuple[str, ...] = ()
    column: int = 0
    dropped: frozenset[int] = frozenset()
    is_metadata: bool = False

    @property
    def said(self) -> str:
        """Say which column names the pictures, where it is not the first; "" else."""
        if not self.column:
            return ""
        name = f' "{shown(self.header[self.column])}"' if self.header else ""
        return f"pictures named in column {self.column + 1}{name}"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each line below the header."""
        for number, line in self.lines[1 if self.header else 0 :]:
            yield number, cells(line, self.separator)

    def table(self) -> list[list[str]]:
        """Return the cells of all rows below the header, each word once in memory."""
        words: dict[str, str] = {}
        width = len(self.header)
        return [[words.setdefault(c, c) for c in found[:width]] for _, found in self.rows()]


def cells(line: str, separator: str) -> list[str]:
    """Return the cells of a line; quotes as in CSV, where they are as in CSV.

    >>> cells('"a,b.png",red hair', ","), cells('0,6" doll', ",")
    (['a,b.png', 'red hair'], ['0', '6" doll'])
    """
    if '"' in line:
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
        except csv.Error:
            pass  # a cell of more than 131,072 letters, say
    return [cell.strip(' "\r') for cell in line.split(separator)]


def numbered(where: str, text: str) -> list[tuple[int, str]]:
    """Return the lines that are not empty, with numbers from 1.

    Raises DataError for too many.
    """
    count = 1 + text.count("\n") + text.count("\r")
    if count > 2 * MAX_ROWS or (count > MAX_ROWS and count - text.count("\r\n") > MAX_ROWS):
        raise too_large(where, f"more than {MAX_ROWS:,} rows")
    lines = [(n, line) for n, line in enumerate(_ENDS.split(text), start=1) if line.strip()]
    for number, line in lines:
        if len(line) > MAX_LINE:
            raise too_large(f"{where}, row {number}", f"{len(line):,} letters")
    return lines


def too_large(where: str, what: str) -> DataError:
    """Return the error for a label file that is larger than any."""
    return DataError(
        f"{where} has {what}: no label file is so large",
        "give one row a picture: 0,blue hair red eyes; several files can label parts of a set",
    )


def open_sheet(where: str, text: str) -> Sheet:
    """Return the lines of a text and what its columns are, as `sheet_of`."""
    return sheet_of(where, numbered(where, text))


def sheet_of(where: str, lines: list[tuple[int, str]]) -> Sheet:
    """Find the separator, the header and the column that names the pictures.

    That is the one column of picture files (0.png), else the one whose name says so (file, image,
    id), else the first. Raises DataError where two columns may be it: nobody can know.
    """
    first = lines[0][1] if lines else ""
    separator = max("\t,;", key=first.count)
    names = cells(first, separator)
    is_named = len(lines) > 1 and len(names) > 1
    begin = re.split(r"[,;\t]", first)[0].strip(' "')
    is_named &= not IS_NUMBER.fullmatch(begin) and not _HOLDS_PICTURE.search(first)
    if not is_named:
        sheet = Sheet(where, lines, _separator(lines))
        return replace(sheet, column=_column_of_pictures(sheet))
    sheet = Sheet(where, lines, separator, tuple(names))
    column, dropped = column_of_header(where, sheet.header, sheet.table())
    return replace(sheet, column=column, dropped=dropped)


def tag_rows(sheet: Sheet, only: tuple[int, ...] = ()) -> Iterator[TagRow]:
    """Yield the rows of a tag file, a header too: it has no tags.

    `only` are the columns that hold tags; all others by default. Raises DataError where most rows
    begin with two numbers, or another column than the id is one of numbers: either may be it.
    """
    if only:
        others = set(range(len(sheet.header))) - {sheet.column, *sheet.dropped, *only}
        refuse_other_ids(sheet.where, sheet.header, sheet.column, sorted(others), sheet.table())
    # a header that was made for rows of metadata has no number
    rows = [_tag_row(sheet, number, line, only) for number, line in sheet.lines if number]
    if rows and rows[0].number == sheet.lines[0][0] and is_header(sheet.header):
        rows[0] = rows[0]._replace(is_header=True)
    twice = [row for row in rows if row.problem.startswith(TWO_NUMBERS)]
    if twice and 2 * len(twice) >= sum(bool(row.key and row.tags.strip()) for row in rows):
        number, key, tags, *_ = twice[0]
        other = _other_id(sheet, tags)
        key = shown(key)
        raise DataError(
            f'{sheet.where}, row {number}: "{key}" and "{other}" may both be the picture\'s id',
            f'if "{other}" is, remove the first column (df.to_csv(..., index=False));'
            f' if "{key}" is, remove the column of "{other}"',
        )
    yield from rows


def entry_rows(where: str, text: str) -> Iterator[TagRow]:
    """Yield the entries of a Python dict or a JSON object, one by one."""
    text = text.strip()
    at, number = 1, 0
    while not _CLOSED.fullmatch(text, at):
        entry = _ENTRY.match(text, at)
        if entry is None or number == MAX_ROWS or len(entry[0]) > MAX_LINE:
            raise DataError(
                f"{where} starts like a Python dict but is not one (entry {number + 1})",
                "{0: 'blonde hair and red eyes'}",
            )
        at, number = entry.end(), number + 1
        key, tags = (_value(part) for part in entry.group("key", "tags"))
        said = ",".join(map(str, tags)) if isinstance(tags, (list, tuple)) else str(tags)
        yield TagRow(number, str(key), said)


def _value(part: str) -> object:
    """Return what a key or a value is; text with an escape that Python has not is left as it is."""
    if part[0] in "'\"" and "\\" not in part:
        return part[1:-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an escape such as \\( in a tag
        try:
            return ast.literal_eval(part)
        except (ValueError, SyntaxError):
            return part


def _tag_row(sheet: Sheet, number: int, line: str, only: tuple[int, ...]) -> TagRow:
    if sheet.column or only:
        found = cells(line, sheet.separator)
        if len(found) <= sheet.column:
            return TagRow(number, "", line, f"no column {sheet.column + 1}")
        places = only or [j for j in range(len(found)) if j != sheet.column]
        kept = [
            found[j]
            for j in places
            if j < len(found) and j not in sheet.dropped and not _counts(sheet, j, found[j])
        ]
        if only and sheet.header and max(only) == len(sheet.header) - 1:
            kept += found[len(sheet.header) :]  # tags parted by commas, without quotes
        key, tags = found[sheet.column], ("\t" if sheet.separator == "\t" else ",").join(kept)
    else:
        key, tags = _first_cell(line, sheet.separator)
    picture = _HOLDS_PICTURE.search(tags)
    if picture:
        return TagRow(number, key, tags, f'names two pictures, "{key}" and "{picture[1]}"')
    other = _other_id(sheet, tags) if sheet.column == 0 and not only else ""
    if other:
        return TagRow(number, key, tags, f'{TWO_NUMBERS}, "{key}" and "{other}"')
    if sheet.column or is_picture(key):
        return TagRow(number, key, tags)
    if only:
        passed = {0, *only, *sheet.dropped}
        beside = ["" if j in passed else cell for j, cell in enumerate(found)]
    else:
        parts = tags.split(sheet.separator)
        beside = [parts[0].strip(' "'), parts[-1].strip(' "')]
    return TagRow(number, key, tags, others=tuple(beside))


def _counts(sheet: Sheet, column: int, cell: str) -> bool:
    """Say whether a cell without a header is the number of a row, before the picture's name."""
    return not sheet.header and column < sheet.column and bool(IS_NUMBER.fullmatch(cell))


def _first_cell(line: str, separator: str) -> tuple[str, str]:
    """Return the first cell and all behind it, as it stands; "" without a separator."""
    if line.lstrip().startswith('"'):
        quoted = re.match(rf'\s*"((?:[^"]|"")*)"\s*{re.escape(separator)}', line)
        if quoted:
            return quoted[1].replace('""', '"').strip(), line[quoted.end() :]
    key, found, tags = line.partition(separator)
    return (key.strip().strip('"'), tags) if found else ("", line)


def _other_id(sheet: Sheet, tags: str) -> str:
    """Return a bare number among tags, which no header explains; "" without."""
    parts = [part.strip(' "') for part in re.split(r"[,;\t]", tags.strip())]
    if _INDEXED.fullmatch(tags.strip()):
        return parts[0]
    if len(parts) < len(sheet.header) or not any(map(str.isalpha, tags)):
        return ""
    return next((part for part in parts if IS_NUMBER.fullmatch(part)), "")


def _separator(lines: list[tuple[int, str]]) -> str:
    """Return what stands behind the first cell of most lines."""
    seen = (re.search(r"[,;\t]", re.sub(r'^\s*"[^"]*"', "", line)) for _, line in lines)
    counts = Counter(found[0] for found in seen if found)
    return counts.most_common(1)[0][0] if counts else ","


def _column_of_pictures(sheet: Sheet) -> int:
    """Return the column that holds picture files, in a file without a header; else 0."""
    counts: Counter[int] = Counter()
    for _, line in sheet.lines:
        if _HOLDS_PICTURE.search(line):
            found = cells(line, sheet.separator)
            counts.update(j for j, cell in enumerate(found) if is_picture(cell))
    if not counts:
        return 0
    column = min(counts, key=lambda j: (-counts[j], j))
    return column if 2 * counts[column] >= len(sheet.lines) else 0
