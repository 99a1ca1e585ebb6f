"""Columns beside pictures: which are labels, and which are measures, addresses and hashes."""

from __future__ import annotations

from typing import Any

import pytest

from animekit.containers.records import Names, flat, labels_in
from animekit.labels.tables import AttributeTable


def _labels(**columns: list[Any]) -> AttributeTable:
    count = len(next(iter(columns.values())))
    found = labels_in("a.parquet", [f"{i}.png" for i in range(count)], columns)[0].read()
    assert isinstance(found, AttributeTable)
    return found


@pytest.mark.parametrize(
    "column",
    [
        [0.5, 1.5, 2.5],
        [None, None, None],
        [{"a": 1}, {}, {}],
        ["a.png", "b.png", "c.png"],
        [7, 8, 9],
    ],
)
def test_what_says_nothing_of_a_picture_is_left_out(column: list[Any]) -> None:
    found = _labels(hair=["red", "blue", "red"], other=column)
    assert found.names == ("red hair", "blue hair")
    assert "left out other (" in found.words
    assert labels_in("a", ["0", "1", "2"], {"other": column}) == []


def test_lists_of_words_are_several_values_and_numbers_of_classes_are_classes() -> None:
    found = _labels(worn=[["hat", "ribbon"], ["hat"], []], label=[3, 5, None])
    assert [found.names[i] for i in found.row("0.png")[0].nonzero()[0]] == [
        *("hat worn", "ribbon worn", "class 3")
    ]
    assert not found.row("2.png")[1].any()


def test_a_cell_of_several_lines_stays_one_row() -> None:
    assert len(_labels(hair=["red", 'a "b"\nc,d', "red"])) == 3


def test_a_column_of_more_values_than_an_attribute_has_is_left_out() -> None:
    columns = {"hash": [f"h{i}" for i in range(101)], "hat": [i % 2 == 0 for i in range(101)]}
    assert _labels(**columns).names == ("hat",)


def test_a_million_equal_names_are_told_apart_in_a_moment() -> None:
    assert len(set(map(Names().fresh, ["0.png"] * 200_000))) == 200_000


def test_rows_of_other_keys_are_columns_with_gaps() -> None:
    assert flat(iter([{"a": 1}, {"b": 2}]), 2) == {"a": [1, None], "b": [None, 2]}
