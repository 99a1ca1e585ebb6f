"""Attribute tables: any labels, from CelebA's list or from a CSV file with named columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from animekit.errors import DataError
from animekit.labels.columns import TEXT_COLUMNS
from animekit.labels.ids import FIRST, find_row
from animekit.labels.rows import Doubled, Sheet, numbered, sheet_of, tag_rows, too_large
from animekit.labels.tags import (
    SkippedRow,
    Tags,
    parse_tags,
    read_text,
    tag_columns,
    tags_of,
)
from animekit.labels.values import LabelColumns, add_column, said_of
from animekit.labels.words import shown, words_of
from animekit.text import printable

MAX_CELLS = 20_000_000  # twice those of CelebA's list


@dataclass(frozen=True)
class AttributeTable:
    """Labels of images by id, their names and groups, and what was read.

    `rows` holds (labels, mask), both uint8 [L], with a mask of 0 on all values of an attribute
    whose cell was blank. `words` say for the user what kind of file it was. `numbers` are the rows
    of the ids, from 1; `doubled` are later rows of an id that say the same.
    """

    names: tuple[str, ...]
    groups: tuple[int, ...]
    rows: dict[str, tuple[np.ndarray, np.ndarray]]
    words: str
    numbers: dict[str, int] = field(default_factory=dict)
    doubled: list[Doubled] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)
    others: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (labels, mask), both uint8 [L], of an id."""
        return self.rows[key]

    def labels(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return (labels, mask) of an image, found as by `Tags.labels`; None without."""
        key = find_row(name, self.rows)
        return None if key is None else self.rows[key]


def read_labels(path: Path | str) -> Tags | AttributeTable:
    """Read a file of labels in whichever form it has, told by its content.

    A first line that is a number, with a line of names below it, is CelebA's list. A first row
    whose first cell is neither a number nor an image file names the columns of a table, unless all
    of them hold hair and eye tags, or one does that is called tags, text or caption. Everything
    else is one of the tag files of `read_tags`. Which column names the pictures, `rows.sheet_of`
    says. Raises NotFoundError without the file, and DataError that names the row or the column.
    """
    return parse_labels(str(path), read_text(Path(path)))


def parse_labels(where: str, text: str) -> Tags | AttributeTable:
    """Read the text of a file of labels, as `read_labels`; it is called `where`."""
    if "\0" in text:
        raise DataError(f"{where} is not a text file", "give a CSV file or CelebA's list")
    if text.lstrip().startswith("{"):
        return agreeing(where, parse_tags(where, text))
    lines = numbered(where, text)
    if len(lines) > 1 and re.fullmatch(r"\s*[0-9]{1,12}\s*", lines[0][1]):
        return _read_celeba(where, [line for _, line in lines])
    return labels_of(sheet_of(where, lines))


def labels_of(sheet: Sheet) -> Tags | AttributeTable:
    """Return the labels of a sheet: of hair and eye tags, or of named columns."""
    if (columns := tag_columns(sheet)) is None:
        return table_of(sheet)
    return agreeing(sheet.where, tags_of(sheet.where, tag_rows(sheet, columns), sheet.said))


def agreeing(where: str, tags: Tags) -> Tags:
    """Return tags; DataError where two rows of an id contradict each other."""
    wrong = [each for each in tags.doubled if not each.same]
    if wrong:
        raise given_twice(where, *wrong)
    return tags


def given_twice(where: str, *wrong: Doubled) -> DataError:
    """Return the error for rows that contradict an earlier row of their id."""
    first, *others = (
        f'row {each.row}: id "{shown(each.id)}" was already given in row {each.first}'
        for each in wrong
    )
    named = "".join(f"; {words}" for words in others[: FIRST - 1])
    more = f"; {len(wrong) - FIRST:,} more" if len(wrong) > FIRST else ""
    return DataError(
        f"{where}, {first}, with other labels{named}{more}", "keep the row that is right"
    )


def _read_celeba(where: str, lines: list[str]) -> AttributeTable:
    """Read a count, which is not trusted, a line of names, and rows of a file and 1 or -1."""
    names = lines[1].split()
    if len(lines) < 3:
        raise DataError(f"{where} names {len(names)} attributes and holds no row", "add the rows")
    _refuse_twins(where, names)
    rows = ((number, line.split()) for number, line in enumerate(lines[2:], start=3))
    kept, numbers, doubled = _checked(where, rows, len(names) + 1, 0)
    values = np.array([row[1:] for row in kept])
    wrong = np.argwhere((values != "1") & (values != "-1"))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{where}, row {numbers[kept[row][0]]}: {shown(names[column])} is"
            f' "{shown(str(values[row, column]))}"',
            "attributes are 1 or -1",
        )
    labels = (values == "1").astype(np.uint8)
    known = np.ones(len(names), np.uint8)
    table = {row[0]: (vector, known) for row, vector in zip(kept, labels, strict=True)}
    words = f"CelebA's list: {len(names)} yes or no"
    total = len(kept) + len(doubled)
    if int(lines[0]) != total:
        words += f"; it announces {int(lines[0]):,} rows and holds {total:,}"
    return AttributeTable(tuple(names), (1,) * len(names), table, words, numbers, doubled)


def table_of(sheet: Sheet) -> AttributeTable:
    """Read a header of column names, and rows of an id and a cell for each column."""
    import pandas as pd

    where, header = sheet.where, sheet.header
    rows, numbers, doubled = _checked(where, _whole(sheet), len(header), sheet.column)
    cells = pd.DataFrame(rows, index=list(numbers.values()), dtype=str)
    columns = LabelColumns(
        left_out=[f"{header[j] or 'column 1'} (counts rows)" for j in sheet.dropped],
        bare=sheet.is_metadata,
    )
    texts = [j for j in range(len(header)) if header[j].lower() in TEXT_COLUMNS]
    columns.left_out += [f"{header[j]} (sentences, or tags without hair and eyes)" for j in texts]
    passed = {sheet.column, *sheet.dropped, *texts}
    others = (j for j in range(len(header)) if j not in passed)
    named = [j for j in others if header[j] or cells[j].any()]
    for j in named:
        if not header[j]:
            raise DataError(f"{where}: column {j + 1} has no name", "name it in the first row")
    _refuse_twins(where, [header[j] for j in named])
    for j in named:
        add_column(where, columns, header[j], cells[j])
    if not columns.names:
        raise DataError(
            f"{where} has no column that tells images apart"
            + (f": left out {' and '.join(columns.left_out)}" if columns.left_out else ""),
            "cells: 1 0 yes no, words; tags: blue_hair, red_eyes",
        )
    twice = {name for name in columns.names if columns.names.count(name) > 1}
    if twice:
        raise DataError(f'{where}: two columns give the label "{shown(min(twice))}"', "rename one")
    labels, masks = np.stack(columns.labels, 1), np.stack(columns.masks, 1)
    table = {row[sheet.column]: (labels[i], masks[i]) for i, row in enumerate(rows)}
    words = "; ".join(
        filter(None, (f"table: {printable(', '.join(said_of(columns)))}", sheet.said))
    )
    beside = {row[sheet.column]: tuple(row) for row in rows}
    names, groups = tuple(columns.names), tuple(columns.groups)
    return AttributeTable(names, groups, table, words, numbers, doubled, others=beside)


def _whole(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table; a cell in quotes may go over several lines."""
    text = "\n".join(line for _, line in sheet.lines[1:])
    at = 1
    reader = csv.reader(io.StringIO(text), delimiter=sheet.separator, strict=True)
    try:
        for row in reader:
            yield sheet.lines[at][0], [cell.strip() for cell in row]
            at = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{sheet.where} is no table: {error}", "look at its quotes") from None


def _checked(
    where: str, rows: Iterable[tuple[int, list[str]]], width: int, column: int
) -> tuple[list[list[str]], dict[str, int], list[Doubled]]:
    """Return the rows, the number of each by its id, and those that are there twice.

    Raises DataError for a row with another number of cells, without an id, or that contradicts an
    earlier one.
    """
    kept: dict[str, list[str]] = {}
    numbers: dict[str, int] = {}
    doubled: list[Doubled] = []
    words: dict[str, str] = {}  # each word once in memory
    for number, row in rows:
        if len(row) != width:
            raise DataError(
                f"{where}, row {number}: {len(row)} cells, where {width} are due",
                "give each row an id and a cell for every column; a blank one is unknown",
            )
        if width * len(kept) > MAX_CELLS:
            raise too_large(where, f"more than {MAX_CELLS:,} cells")
        key = row[column]
        if not key:
            raise DataError(f"{where}, row {number}: no id", "begin each row with a file name")
        if key in kept:
            each = Doubled(key, number, numbers[key], row == kept[key])
            if not each.same:
                raise given_twice(where, each)
            doubled.append(each)
            continue
        kept[key] = [words.setdefault(cell, cell) for cell in row]
        numbers[key] = number
    return list(kept.values()), numbers, doubled


def _refuse_twins(where: str, names: list[str]) -> None:
    """Raise DataError where two columns have one name, as a prompt would say it."""
    seen: dict[tuple[str, ...], str] = {}
    for name in names:
        words = words_of(name)
        if not words or not any(map(str.isalpha, name)):
            raise DataError(f'{where}: column "{shown(name)}" is no word', "name it with letters")
        if words in seen:
            raise DataError(
                f'{where}: columns "{shown(seen[words])}" and "{shown(name)}" have one name',
                "rename one",
            )
        seen[words] = name
