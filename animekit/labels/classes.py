"""StyleGAN's dataset.json: a list of a file and its class, or a vector of 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from animekit.errors import DataError
from animekit.foreign import parse_json
from animekit.labels.rows import MAX_ROWS
from animekit.labels.tables import MAX_CELLS, AttributeTable

MAX_CLASSES = 1000


def read_classes(where: str, text: str) -> AttributeTable:
    """Read StyleGAN's dataset.json: a list of a file and its class, or a vector."""
    found = parse_json(text, where, kind=DataError)
    rows = found.get("labels") if isinstance(found, dict) else None
    if rows is None:
        raise DataError(f"{where} says that the pictures have no labels", "give --tags FILE")
    if not isinstance(rows, list) or len(rows) > MAX_ROWS or not all(map(_is_entry, rows)):
        raise DataError(f"{where} has no list of a file and its label", '[["0.png", 3], ...]')
    numbers = {str(name): number for number, (name, _) in enumerate(rows, start=1)}
    if len(numbers) < len(rows):
        raise DataError(f"{where} names a picture twice", "keep the row that is right")
    names, groups, labels = _vectors(where, [label for _, label in rows])
    known = np.ones(len(names), np.uint8)
    table = {key: (row, known) for key, row in zip(numbers, labels, strict=True)}
    words = "dataset.json: " + ("yes or no" if len(groups) > 1 else f"{len(names)} classes")
    return AttributeTable(names, groups, table, words, numbers)


def _is_entry(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 2 and isinstance(row[0], str)


def _vectors(where: str, labels: list[Any]) -> tuple[tuple[str, ...], tuple[int, ...], np.ndarray]:
    """Return names and groups of labels, and uint8 [N, L], of numbers of classes or of vectors."""
    if all(isinstance(each, list) for each in labels):
        widths = {len(each) for each in labels}
        flat = {value for each in labels for value in each if type(value) in (int, float)}
        if len(widths) == 1 and 0 < max(widths) <= MAX_CLASSES and flat <= {0, 1}:
            table = np.array(labels, np.uint8)
            if (table.sum(axis=1) == 1).all():
                return _classes(where, [int(place) for place in table.argmax(axis=1)])
            return tuple(f"label {i}" for i in range(table.shape[1])), (1,) * table.shape[1], table
    elif all(type(each) is int and each >= 0 for each in labels):
        return _classes(where, labels)
    raise DataError(
        f"{where}: its labels are neither numbers of classes nor vectors of 0 and 1",
        "write them as a table: file,class",
    )


def _classes(where: str, numbers: list[int]) -> tuple[tuple[str, ...], tuple[int, ...], np.ndarray]:
    values = sorted(set(numbers))
    if not 1 < len(values) <= MAX_CLASSES or len(values) * len(numbers) > 10 * MAX_CELLS:
        raise DataError(
            f"{where} has {len(values):,} classes, where 2 to {MAX_CLASSES:,} are read",
            "a class that all pictures share tells nothing",
        )
    names = tuple(f"class {value}" for value in values)
    table = np.array(values)[None] == np.array(numbers)[:, None]
    return names, (len(names),), table.astype(np.uint8)
