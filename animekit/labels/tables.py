"""Attribute tables: any labels, from CelebA's list or from a CSV file with named columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.errors import DataError
from animekit.labels.tags import NAMES, Tags, find_row, has_colour, read_tags, read_text
from animekit.labels.words import shown, words_of

if TYPE_CHECKING:
    import pandas as pd

YES = frozenset(("1", "1.0", "yes", "y", "true", "t"))
NO = frozenset(("0", "0.0", "-1", "-1.0", "no", "n", "false", "f"))
BLANK = frozenset(("", "?", "nan", "na", "n/a", "null", "unknown"))
MAX_VALUES = 100
"""Values of one attribute; a column of more is something else: a name, a measure."""

_KINDS = ("colour", "color", "style", "type", "tone")  # "hair style": the noun is "hair"
_SAMPLE = 200  # rows from which the form of a file is told


@dataclass(frozen=True)
class AttributeTable:
    """Labels of images by id, their names and groups, and what was read.

    `rows` holds (labels, mask), both uint8 [L], with a mask of 0 on all values of an attribute
    whose cell was blank. `words` say for the user what kind of file it was.
    """

    names: tuple[str, ...]
    groups: tuple[int, ...]
    rows: dict[str, tuple[np.ndarray, np.ndarray]]
    words: str

    def __len__(self) -> int:
        return len(self.rows)

    def labels(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return (labels, mask) of an image, found as by `Tags`; None without."""
        key = find_row(name, self.rows)
        return None if key is None else self.rows[key]


@dataclass
class _Columns:
    """The label columns of a table while it is read."""

    names: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)  # uint8 [N] each
    masks: list[np.ndarray] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_labels(path: Path | str) -> Tags | AttributeTable:
    """Read a file of labels in whichever form it has, told by its content.

    A first line that is a number, with a line of names below it, is CelebA's list. A first row
    whose first cell is neither a number nor an image file names the columns of a table, unless all
    of them hold hair and eye tags. Everything else is one of the tag files of `read_tags`. Raises
    NotFoundError without the file, and DataError that names the row or the column.
    """
    path = Path(path)
    text = read_text(path)
    if "\0" in text:
        raise DataError(f"{path} is not a text file", "give a CSV file or CelebA's list")
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()]
    if not lines or text.lstrip().startswith("{"):
        return read_tags(path)
    if len(lines) > 1 and lines[0].strip().isdecimal():
        return _read_celeba(path, lines)
    separator = max("\t,;", key=lines[0].count)
    width = lines[0].count(separator) + 1
    if len(lines) < 2 or width < 2 or _is_id(re.split(r"[\t,;]", lines[0])[0].strip(' "')):
        return read_tags(path)
    if _holds_tags(lines[1:_SAMPLE], separator, width):
        return read_tags(path)
    return _read_table(path, "\n".join(lines), separator)


def _is_id(cell: str) -> bool:
    """Say whether a cell is an id or a file, and not the name of a column."""
    return cell.isdecimal() or bool(re.search(r"\.(png|jpe?g|webp|bmp|gif)$", cell.lower()))


def _holds_tags(lines: list[str], separator: str, width: int) -> bool:
    """Say whether every column behind the first holds hair or eye tags in most of its cells.

    Where there is but one such column, its tags may be parted by the separator as well.
    """
    rows = [line.split(separator, 1 if width == 2 else -1)[1:] for line in lines]
    for column in range(width - 1):
        cells = [row[column].strip().strip('"') for row in rows if len(row) > column]
        filled = [cell for cell in cells if cell.lower() not in BLANK]
        if 2 * sum(map(has_colour, filled)) <= len(filled):
            return False
    return True


def _read_celeba(path: Path, lines: list[str]) -> AttributeTable:
    """Read a count, which is not trusted, a line of names, and rows of a file and 1 or -1."""
    names = lines[1].split()
    if len(lines) < 3:
        raise DataError(f"{path} names {len(names)} attributes and holds no row", "add the rows")
    _refuse_twins(path, names)
    frame = _frame(
        path, "\n".join(line.strip() for line in lines[2:]), r"\s+", len(names) + 1, first=3
    )
    values = frame.iloc[:, 1:].to_numpy()
    wrong = np.argwhere((values != "1") & (values != "-1"))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f'{path}, row {row + 3}: {names[column]} is "{shown(str(values[row, column]))}"',
            "attributes are 1 or -1",
        )
    labels = (values == "1").astype(np.uint8)
    known = np.ones(len(names), np.uint8)
    ids = _ids(path, frame[0], first=3)
    rows = {key: (vector, known) for key, vector in zip(ids, labels, strict=True)}
    words = f"CelebA's list: {len(names)} yes or no"
    if int(lines[0]) != len(rows):
        words += f"; it announces {int(lines[0]):,} rows and holds {len(rows):,}"
    return AttributeTable(tuple(names), (1,) * len(names), rows, words)


def _read_table(path: Path, text: str, separator: str) -> AttributeTable:
    """Read a header of column names, and rows of an id and a cell for each column."""
    frame = _frame(path, text, separator, None, first=1)
    header = [str(cell).strip() for cell in frame.iloc[0]]
    cells = frame.iloc[1:]
    if cells.empty:
        raise DataError(f"{path} names columns and holds no row", "rows: 0.png,1,0,long")
    ids = _ids(path, cells[0], first=2)
    named = [i for i in range(1, len(header)) if header[i] or cells[i].str.strip().any()]
    for i in named:
        if not header[i]:
            raise DataError(f"{path}: column {i + 1} has no name", "name it in the first row")
    _refuse_twins(path, [header[i] for i in named])
    columns = _Columns()
    for i in named:
        _add(path, columns, header[i], cells[i].str.strip())
    if not columns.names:
        raise DataError(f"{path} has no column that tells images apart", "cells: 1 0 yes no, words")
    twice = {name for name in columns.names if columns.names.count(name) > 1}
    if twice:
        raise DataError(
            f'{path}: two columns give the label "{min(twice)}"', "rename one of the columns"
        )
    labels, masks = np.stack(columns.labels, 1), np.stack(columns.masks, 1)
    rows = {key: (labels[row], masks[row]) for row, key in enumerate(ids)}
    words = "table: " + ", ".join(_said(columns))
    return AttributeTable(tuple(columns.names), tuple(columns.groups), rows, words)


def _add(path: Path, columns: _Columns, name: str, cells: pd.Series) -> None:
    """Add the labels of one column: a yes or no, or the words that stand in it."""
    lower = cells.str.lower()
    yes, no = lower.isin(YES).to_numpy(), lower.isin(NO).to_numpy()
    known = ~lower.isin(BLANK).to_numpy()
    strange = known & ~yes & ~no
    if not strange.any():
        if lower.isin({"0", "0.0"}).any() and lower.isin({"-1", "-1.0"}).any():
            raise DataError(
                f'{path}: column "{name}" holds both 0 and -1', "write no as one of them"
            )
        if not known.any():
            columns.left_out.append(f"{name} (blank)")
            return
        columns.names.append(name)
        columns.groups.append(1)
        columns.labels.append(yes.astype(np.uint8))
        columns.masks.append(known.astype(np.uint8))
        return
    if (yes | no).any() or _all_numbers(cells[strange]):
        row = int(np.flatnonzero(strange)[0])
        raise DataError(
            f'{path}, row {row + 2}: column "{name}" holds "{shown(cells.iloc[row])}"'
            + (" beside yes and no" if (yes | no).any() else ", and numbers are no labels"),
            "cells: 1 0, 1 -1, yes no, true false; or words alone; else remove the column",
        )
    _add_words(path, columns, name, cells, known)


def _add_words(
    path: Path, columns: _Columns, name: str, cells: pd.Series, known: np.ndarray
) -> None:
    """Add one of several values; "red|blue" in a cell is both."""
    parts = cells.where(known, "").str.split("|")
    said = [{" ".join(words_of(part)) for part in each} - {""} for each in parts]
    values = sorted(set().union(*said))
    if len(values) > MAX_VALUES:
        raise DataError(
            f'{path}: column "{name}" has {len(values):,} values, more than {MAX_VALUES}',
            "it is no attribute of a picture: remove the column",
        )
    if len(values) < 2:
        columns.left_out.append(f"{name} (one value)")
        return
    names = {value: _label(value, name) for value in values}
    if set(names.values()) & set(columns.names):
        names = {value: f"{value} {' '.join(words_of(name))}" for value in values}
    order = {label: place for place, label in enumerate(NAMES)}
    for value in sorted(values, key=lambda value: (order.get(names[value], len(NAMES)), value)):
        columns.names.append(names[value])
        columns.labels.append(np.array([value in each for each in said], np.uint8))
        columns.masks.append(np.array([bool(each) for each in said], np.uint8))
    columns.groups.append(len(values))
    columns.said.append(f"{name} {len(values)}")


def _label(value: str, column: str) -> str:
    """Return how a value of a column is called in a prompt.

    >>> _label("long", "hair style"), _label("blue", "Eye colour"), _label("tan skin", "skin")
    ('long hair', 'blue eyes', 'tan skin')
    """
    noun = list(words_of(column))
    if len(noun) > 1 and noun[-1] in _KINDS:
        noun.pop()
    words = value.split()
    return value if words[-len(noun) :] == noun else " ".join([*words, *noun])


def _said(columns: _Columns) -> Iterable[str]:
    """Say what the columns were read as."""
    yield from columns.said
    single = sum(width == 1 for width in columns.groups)
    if single:
        yield f"{single} yes or no"
    if columns.left_out:
        yield f"left out {' and '.join(columns.left_out)}"


def _all_numbers(cells: pd.Series) -> bool:
    return bool(cells.str.fullmatch(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", case=False).all())


def _frame(path: Path, text: str, separator: str, width: int | None, first: int) -> pd.DataFrame:
    """Return all cells as text; raises DataError for a row with another number of cells.

    `width` is the number that is due, that of the first row by default; `first` is the number of
    the first row, for messages.
    """
    import pandas as pd

    rows: Iterator[list[str]] = (line.split() for line in text.split("\n"))
    if len(separator) == 1:
        rows = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        for number, row in enumerate(rows, start=first):
            width = width or len(row)
            if len(row) != width:
                raise DataError(
                    f"{path}, row {number}: {len(row)} cells, where {width} are due",
                    "give each row an id and a cell for every column; a blank one is unknown",
                )
    except csv.Error as error:
        raise DataError(f"{path} is no table: {error}", "look at its quotes") from None
    return pd.read_csv(
        io.StringIO(text), sep=separator, header=None, dtype=str, keep_default_na=False
    )


def _ids(path: Path, cells: pd.Series, first: int) -> list[str]:
    ids = [str(cell).strip() for cell in cells]
    seen: dict[str, int] = {}
    for row, key in enumerate(ids, start=first):
        if not key:
            raise DataError(f"{path}, row {row}: no id", "begin each row with a file name")
        if key in seen:
            raise DataError(
                f'{path}, row {row}: id "{shown(key)}" was already given in row {seen[key]}',
                "keep one of the two rows",
            )
        seen[key] = row
    return ids


def _refuse_twins(path: Path, names: list[str]) -> None:
    """Raise DataError where two columns have one name, as a prompt would say it."""
    seen: dict[tuple[str, ...], str] = {}
    for name in names:
        words = words_of(name)
        if not words:
            raise DataError(f'{path}: column "{shown(name)}" is no word', "name it with letters")
        if words in seen:
            raise DataError(
                f'{path}: columns "{seen[words]}" and "{name}" have one name', "rename one"
            )
        seen[words] = name
