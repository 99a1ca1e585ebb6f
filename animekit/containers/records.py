"""Labels that a container says of its own pictures: columns beside them, one cell a picture."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from animekit.errors import DataError
from animekit.labels.asked import of_sheet, of_table
from animekit.labels.columns import BLANK, TEXT_COLUMNS, is_picture
from animekit.labels.plan import LabelPlan
from animekit.labels.rows import MAX_LINE, Sheet
from animekit.labels.sources import Found, Source
from animekit.labels.tables import AttributeTable, labels_of
from animekit.labels.values import CLASS_COLUMNS, MAX_VALUES, NO, YES
from animekit.labels.words import words_of

MAX_COLUMNS = 1000
FILE_NAME = "file_name"
Column = Sequence[Any]
"""One plain value a picture, or None: a word, a number, yes or no, or a list of words."""


def labels_in(where: str, names: Sequence[str], columns: Mapping[str, Column]) -> list[Source]:
    """Return labels of pictures from columns, a source that is read when asked.

    Columns of words, of yes and no, and of class numbers are labels, one of tags or sentences is
    text; measures, addresses and hashes are left out and named. [] where no column can be either.
    """
    cells: dict[str, list[str]] = {}
    left, taken = [], set[tuple[str, ...]]()
    texts = [name for kind in TEXT_COLUMNS for name in columns if name.lower() == kind]
    for name, values in list(columns.items())[:MAX_COLUMNS]:
        plain, why = _cells(name, values)
        words = tuple(words_of(name))
        if not why and (not words or words in taken):
            why = "no name of its own"
        if name in texts[1:]:  # of tags and a sentence, the tags
            why = f"beside {texts[0]}"
        if why:
            left.append(f"{' '.join(name.split())} ({why})")
            continue
        taken.add(words)
        cells[name] = plain
    if not cells:
        return []
    # the container says which picture each row is of: no id is looked for
    return [Source(where, partial(_read, where, names, cells, left), exactly=True, is_all=True)]


def own_labels(
    names: Sequence[str], columns: Mapping[str, Column], values: Mapping[str, Sequence[str]]
) -> Source:
    """Return the labels of a file that animekit wrote, in the same order."""

    def read(plan: LabelPlan | None) -> Found:
        labels = tuple(label for each in values.values() for label in each)
        found, known = np.zeros((2, len(names), len(labels)), np.uint8)
        first = 0
        for name, each in values.items():
            part = {label: first + place for place, label in enumerate(each)}
            for row, cell in enumerate(columns[name]):
                if cell is None:
                    continue
                known[row, first : first + len(each)] = 1
                said = cell if isinstance(cell, list) else each if cell is True else []
                found[row, [part[label] for label in said if label in part]] = 1
            first += len(each)
        rows = {n: (found[i], known[i]) for i, n in enumerate(names) if known[i].any()}
        groups = tuple(map(len, values.values()))
        numbers = {name: number for number, name in enumerate(rows, start=1)}
        table = AttributeTable(labels, groups, rows, f"{len(labels)} labels", numbers)
        return table if plan is None else of_table(table, plan)

    return Source("its columns", read, exactly=True, is_all=True)


def _read(
    where: str,
    names: Sequence[str],
    cells: Mapping[str, list[str]],
    left: Sequence[str],
    plan: LabelPlan | None,
) -> Found:
    header = (FILE_NAME, *(" ".join(name.split()) for name in cells))
    lines = [(0, _line(header))]
    lines += enumerate(map(_line, zip(names, *cells.values(), strict=True)), start=1)
    sheet = Sheet(where, lines, ",", header, is_metadata=True)
    found = labels_of(sheet) if plan is None else of_sheet(sheet, plan)
    words = [found.words, f"left out {', '.join(left)}" if left else ""]
    return replace(found, words="; ".join(filter(None, words)))


def _cells(name: str, values: Column) -> tuple[list[str], str]:
    """Return the cells of a column, or why it is no label of a picture."""
    is_text = name.lower() in TEXT_COLUMNS
    kinds = {_kind(value) for value in values} - {"blank"}
    if not kinds:
        return [], "blank"
    if "nested" in kinds or len(kinds - {"flag", "number"}) > 1:
        return [], "not one plain value a picture"
    if kinds <= {"flag", "number"}:
        return _numbers(name, values, kinds)
    glue = ", " if is_text else "|"
    cells = [_text(value, glue) for value in values]
    return (cells, "") if is_text else (cells, _no_label(cells))


def _numbers(name: str, values: Column, kinds: set[str]) -> tuple[list[str], str]:
    """Return cells of yes and no, or of the numbers of classes; measures are no labels."""
    found = {value for value in values if _kind(value) != "blank"}
    if found <= {0, 1} or found <= {-1, 1}:
        return ["" if _kind(v) == "blank" else str(int(v)) for v in values], ""
    if name.lower() not in CLASS_COLUMNS or any(float(value) % 1 for value in found):
        return [], "numbers"
    if len(found) > MAX_VALUES:
        return [], f"{len(found):,} values"
    return ["" if _kind(v) == "blank" else f"class {int(v)}" for v in values], ""


def _no_label(cells: Iterable[str]) -> str:
    """Return why words are no label: they tell single pictures apart, or mean two things."""
    values = {cell.strip().lower() for cell in cells} - BLANK
    parts = {part.strip() for value in values for part in value.split("|")}
    if not values:
        return "blank"
    if len(parts) > MAX_VALUES:
        return f"{len(parts):,} values"
    if 2 * sum(map(is_picture, parts)) > len(parts):
        return "names of files"
    if parts & (YES | NO) and not parts <= YES | NO:
        return "yes and no beside words"
    if parts <= YES | NO:
        return "0 and -1" if {"0", "-1"} <= parts else ""
    return "" if any(map(str.isalpha, "".join(parts))) else "numbers"


def _kind(value: Any) -> str:
    """Say what a value is: blank, flag, number, word, words, nested."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "blank"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "words"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "words"
    return "nested"


def _text(value: Any, glue: str) -> str:
    words = value if isinstance(value, list) else [] if _kind(value) == "blank" else [value]
    return " ".join(glue.join(words)[:MAX_LINE].split())


def _line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


def flat(rows: Iterable[Mapping[str, Any]], count: int) -> dict[str, list[Any]]:
    """Return the columns of rows that need not have the same keys.

    >>> flat([{"hair": "red"}, {"hat": True}], 2)
    {'hair': ['red', None], 'hat': [None, True]}
    """
    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        for name, value in row.items():
            if name not in columns and len(columns) == MAX_COLUMNS:
                continue
            columns.setdefault(name, [None] * count)[number] = value
    return columns


def refuse_many(where: str, count: int, limit: int) -> None:
    """Raise DataError for a container of more pictures than are read."""
    if count > limit:
        raise DataError(
            f"{where} holds {count:,} files, the limit is {limit:,}", "join parts of it"
        )


class Names:
    """Names of which each is another one: a later "0.png" becomes "0-2.png".

    >>> names = Names()
    >>> [names.fresh(each) for each in ("0.png", "1.png", "0.png")]
    ['0.png', '1.png', '0-2.png']
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._again = Counter[str]()  # or a million equal names would each be counted from 2

    def fresh(self, name: str) -> str:
        """Return a name, or one like it where it is taken."""
        stem, dot, ending = name.rpartition(".")
        found = name
        while found in self._seen:
            self._again[name] += 1
            number = self._again[name] + 1
            found = f"{stem}-{number}{dot}{ending}" if dot and stem else f"{name}-{number}"
        self._seen.add(found)
        return found
