"""Values of label columns: a yes or no, or the words that stand in the cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from animekit.errors import DataError
from animekit.labels.columns import BLANK, is_whole
from animekit.labels.tags import NAMES
from animekit.labels.words import shown, words_of

if TYPE_CHECKING:
    import pandas as pd

YES = frozenset(("1", "1.0", "yes", "y", "true", "t"))
NO = frozenset(("0", "0.0", "-1", "-1.0", "no", "n", "false", "f"))
MAX_VALUES = 100
"""Values of one attribute; a column of more is something else: a name, a measure."""

MAX_WHOLE = 1000
"""Values of a column that says of itself that they are labels."""

CLASS_COLUMNS = ("label", "labels", "class", "category")
"""Columns of metadata whose values alone are the labels."""

_KINDS = ("colour", "color", "style", "type", "tone")  # "hair style": the noun is "hair"


@dataclass
class LabelColumns:
    """The label columns of a table while it is read.

    `bare`: it is metadata, which others made, so measures and names in it are passed over.
    """

    names: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)  # uint8 [N] each
    masks: list[np.ndarray] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    bare: bool = False


def add_column(where: str, columns: LabelColumns, name: str, cells: pd.Series) -> None:
    """Add the labels of one column: a yes or no, or the words that stand in it."""
    if is_whole(name):
        _add_whole(where, columns, name, cells)
        return
    lower = cells.str.lower()
    yes, no = lower.isin(YES).to_numpy(), lower.isin(NO).to_numpy()
    known = ~lower.isin(BLANK).to_numpy()
    strange = known & ~yes & ~no
    if not strange.any():
        if lower.isin({"0", "0.0"}).any() and lower.isin({"-1", "-1.0"}).any():
            raise DataError(
                f'{where}: column "{shown(name)}" holds both 0 and -1', "write no as one of them"
            )
        if not known.any():
            columns.left_out.append(f"{name} (blank)")
            return
        columns.names.append(name)
        columns.groups.append(1)
        columns.labels.append(yes.astype(np.uint8))
        columns.masks.append(known.astype(np.uint8))
        return
    if columns.bare and _all_numbers(cells[known]):
        if name.lower() not in CLASS_COLUMNS or not cells[known].str.isdecimal().all():
            columns.left_out.append(f"{name} (numbers)")
            return
        cells = cells.where(~known, "class " + cells)
        yes = no = np.zeros(len(cells), bool)
    if (yes | no).any() or _all_numbers(cells[strange]):
        row = int(np.flatnonzero(strange)[0])
        raise DataError(
            f'{where}, row {cells.index[row]}: column "{shown(name)}" holds'
            f' "{shown(cells.iloc[row])}"'
            + (" beside yes and no" if (yes | no).any() else ", and numbers are no labels"),
            "cells: 1 0, 1 -1, yes no, true false; or words alone; else remove the column",
        )
    _add_words(where, columns, name, cells, known)


def _add_words(
    where: str, columns: LabelColumns, name: str, cells: pd.Series, known: np.ndarray
) -> None:
    """Add one of several values; "red|blue" in a cell is both."""
    parts = cells.where(known, "").str.split("|")
    said = [{" ".join(words_of(part)) for part in each} - {""} for each in parts]
    values = sorted(set().union(*said))
    if len(values) > MAX_VALUES and columns.bare:
        columns.left_out.append(f"{name} ({len(values):,} values)")
        return
    bare = columns.bare and name.lower() in CLASS_COLUMNS
    names = {value: value if bare else label_of(value, name) for value in values}
    if set(names.values()) & set(columns.names):
        names = {value: f"{value} {' '.join(words_of(name))}" for value in values}
    _add_values(where, columns, name, said, names, MAX_VALUES)


def _add_whole(where: str, columns: LabelColumns, name: str, cells: pd.Series) -> None:
    """Add one of several labels that stand in the cells to the letter; blank is unknown."""
    said = [{part.strip() for part in cell.split("|")} - {""} for cell in cells]
    names = {value: value for value in sorted(set().union(*said))}
    _add_values(where, columns, name, said, names, MAX_WHOLE)


def _add_values(
    where: str,
    columns: LabelColumns,
    name: str,
    said: list[set[str]],
    names: dict[str, str],
    most: int,
) -> None:
    """Add one of several values, of which `names` are the labels."""
    if len(names) > most:
        raise DataError(
            f'{where}: column "{shown(name)}" has {len(names):,} values, more than {most:,}',
            "it is no attribute of a picture: remove the column",
        )
    if len(names) < 2:
        columns.left_out.append(f"{name} (one value)" if names else f"{name} (blank)")
        return
    order = {label: place for place, label in enumerate(NAMES)}
    for value in sorted(names, key=lambda value: (order.get(names[value], len(NAMES)), value)):
        columns.names.append(names[value])
        columns.labels.append(np.array([value in each for each in said], np.uint8))
        columns.masks.append(np.array([bool(each) for each in said], np.uint8))
    columns.groups.append(len(names))
    columns.said.append(f"{name} {len(names)}")


def label_of(value: str, column: str) -> str:
    """Return how a value of a column is called in a prompt.

    >>> label_of("long", "hair style"), label_of("blue", "Eye colour")
    ('long hair', 'blue eyes')
    >>> label_of("tan skin", "skin")
    'tan skin'
    """
    noun = list(words_of(column))
    if len(noun) > 1 and noun[-1] in _KINDS:
        noun.pop()
    words = value.split()
    return value if words[-len(noun) :] == noun else " ".join([*words, *noun])


def said_of(columns: LabelColumns) -> Iterable[str]:
    """Say what the columns were read as."""
    yield from columns.said
    single = sum(width == 1 for width in columns.groups)
    if single:
        yield f"{single} yes or no"
    if columns.left_out:
        yield f"left out {' and '.join(columns.left_out)}"


def _all_numbers(cells: pd.Series) -> bool:
    return bool(cells.str.fullmatch(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", case=False).all())
