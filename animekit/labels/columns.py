"""Columns of label files: what their names and cells say of which one names the pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from animekit.errors import DataError
from animekit.labels.words import shown

BLANK = frozenset(("", "?", "nan", "na", "n/a", "null", "none", "unknown"))
TEXT_COLUMNS = ("tags", "tag", "tag_string", "text", "caption", "captions", "prompt")
"""Columns of tags or sentences, as tables of pictures call them."""
WHOLE = "(labels)"
"""Ends the name of a column whose cells are labels as they stand, to the letter."""
PICTURE = r"\.(?:png|jpe?g|jpe|jfif|webp|bmp|gif|tiff?|tga|avif|heic|heif|jxl|ppm|jp2)"
_IS_PICTURE = re.compile(rf".*[^\s/\\]{PICTURE}", re.IGNORECASE | re.DOTALL)
IS_NUMBER = re.compile(r"[+-]?\d+(?:\.0+)?")
_ID_NAME = re.compile(
    r"(?:file|image|img|picture|photo|pic)s?(?:_?(?:id|name|file|path)s?)?|ids?|paths?|key|name|stem"
)
_INDEX_NAME = re.compile(
    r"|#|index|unnamed:_\d+(?:\.\d+)*|level_\d|row|rows|row_?(?:no|num|number|name|names|id)|nr?|no"
)


Table = Sequence[Sequence[str]]
"""The cells of the rows below a header."""


def is_picture(cell: str) -> bool:
    """Say whether a cell is the name of a picture file.

    >>> is_picture("a/0.PNG"), is_picture("png"), is_picture("0")
    (True, False, False)
    """
    return bool(_IS_PICTURE.fullmatch(cell))


def is_whole(name: str) -> bool:
    """Say whether a column's cells are labels as they stand: "cosplay (labels)".

    >>> is_whole("hair style (labels)"), is_whole("labels")
    (True, False)
    """
    return name.lower().endswith(f" {WHOLE}")


def is_header(names: Iterable[str]) -> bool:
    """Say whether a first row names columns, as its words tell.

    >>> is_header(("counter", "tags")), is_header(("a", "long hair"))
    (True, False)
    """
    plain = [_plain(name) for name in names]
    return any(
        name in TEXT_COLUMNS
        or name in ("hair", "eyes", "eye")
        or _ID_NAME.fullmatch(name)
        or _INDEX_NAME.fullmatch(name)
        for name in plain
    )


def column_of_header(
    where: str, header: tuple[str, ...], table: Table
) -> tuple[int, frozenset[int]]:
    """Return the column that names the pictures, and those that only count the rows.

    It is the one column of picture files (0.png), else the one whose name says so (file, image,
    id), else the first. Raises DataError where another may be it.
    """
    found = _picture_columns(header, table)
    if len(found) > 1:
        raise _two(where, header, found[0], found[1])
    column = found[0] if found else _column_by_name(where, header, table)
    others = (j for j in range(len(header)) if j != column)
    return column, frozenset(j for j in others if _counts_rows(header[j], j, cells_of(table, j)))


def refuse_other_ids(
    where: str, header: tuple[str, ...], column: int, others: Iterable[int], table: Table
) -> None:
    """Raise DataError where another column of numbers may be the id as well."""
    if any(map(is_picture, cells_of(table, column))):
        return
    for other in others:
        if _is_id(cells_of(table, other), numbers=True):
            raise _two(where, header, column, other)


def cells_of(table: Table, column: int) -> list[str]:
    """Return the cells of a column, "" where a row is too short."""
    return [found[column] if column < len(found) else "" for found in table]


def _picture_columns(header: tuple[str, ...], table: Table) -> list[int]:
    """Return the columns that hold picture files."""
    found = []
    for j in range(len(header)):
        cells = [cell for cell in cells_of(table, j) if cell.lower() not in BLANK]
        if 2 * sum(map(is_picture, cells)) > len(cells):
            found.append(j)
    return found


def _column_by_name(where: str, header: tuple[str, ...], table: Table) -> int:
    """Return the column that is called an id, or the first; DataError where two may be it."""
    named = [j for j, name in enumerate(header) if _ID_NAME.fullmatch(_plain(name))]
    column = named[0] if named else 0
    counts = bool(_INDEX_NAME.fullmatch(_plain(header[0])))
    if counts and len(named) > 1:
        raise _two(where, header, named[0], named[1])
    for j in range(len(header)):
        is_text = header[j].lower() in TEXT_COLUMNS  # in rows longer than the header, R's ids
        if j == column or (counts and j == 0) or is_text:
            continue
        cells = cells_of(table, j)
        if j in named or (counts and not named):
            rival = _is_id(cells, numbers=j not in named)
        else:  # 0 and 1 are yes and no; a column of a row's number says so
            rival = _is_id(cells, numbers=True) and not set(cells) <= {"0", "1", "-1"}
            rival &= not _INDEX_NAME.fullmatch(_plain(header[j]))
        if rival:
            raise _two(where, header, column, j)
    return column


def _counts_rows(name: str, column: int, cells: list[str]) -> bool:
    """Say whether a column counts rows and says nothing of the pictures."""
    name = _plain(name)
    if column and not name:
        return False
    if not _INDEX_NAME.fullmatch(name) and not _ID_NAME.fullmatch(name):
        return False
    return any(cells) and all(IS_NUMBER.fullmatch(cell) for cell in cells)


def _is_id(column: list[str], *, numbers: bool) -> bool:
    """Say whether each cell is another one, as ids are."""
    if any(cell.lower() in BLANK for cell in column) or len(set(column)) < len(column):
        return False
    return not numbers or all(IS_NUMBER.fullmatch(cell) for cell in column)


def _plain(name: str) -> str:
    return "_".join(name.lower().replace("_", " ").replace("-", " ").split())


def _two(where: str, header: tuple[str, ...], one: int, other: int) -> DataError:
    if IS_NUMBER.fullmatch(header[other]):
        return DataError(
            f'{where}, row 1: "{shown(header[other])}" may be the id, and stands in column'
            f' {other + 1} behind "{shown(header[one])}"',
            "begin each row with the id: 0,blue hair red eyes; or name the columns in the first",
        )
    first = f'column {one + 1} "{shown(header[one])}"'
    second = f'column {other + 1} "{shown(header[other])}"'
    return DataError(
        f"{where}: {first} and {second} may both name the pictures",
        f"remove column {one + 1} if column {other + 1} names them, or column {other + 1} if"
        f" column {one + 1} does",
    )
