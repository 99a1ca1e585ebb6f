"""Rows of label files: which column names the picture, whatever shape the table has."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animekit.errors import DataError
from animekit.labels import rows
from animekit.labels.ids import match
from animekit.labels.rows import cells, open_sheet
from animekit.labels.tables import parse_labels
from animekit.labels.tags import EYES, HAIR, Tags
from animekit.labels.vocabulary import Vocabulary

Look = tuple[str, str]


def said(text: str, pictures: Sequence[str]) -> dict[str, str]:
    """What each picture is said to show, as a prompt says it."""
    found = parse_labels("t.csv", text)
    pairs, _ = match(found, pictures, file="t.csv", home="/data/set")
    vocabulary = Vocabulary(tuple(found.names), tuple(found.groups))
    return {name: vocabulary.format(*pair) for name, pair in pairs.items()}


INDEX: dict[str, Callable[[int], str]] = {
    "none": lambda row: "",
    "from 0": str,
    "from 1": lambda row: str(row + 1),
    "floats": lambda row: f"{row}.0",
    "backwards": lambda row: str(9 - row),
}
IDS: dict[str, Callable[[str], str]] = {
    "stem": lambda name: name.rpartition("/")[2].removesuffix(".png"),
    "file": lambda name: name.rpartition("/")[2],
    "path": lambda name: name,
    "windows": lambda name: "C:\\data\\set\\" + name.replace("/", "\\"),
    "absolute": lambda name: f"/data/set/{name}",
}
LABELS: dict[str, tuple[tuple[str, ...], Callable[[Look], list[str]]]] = {
    "one cell": (("tags",), lambda look: [f"{look[0]} hair {look[1]} eyes"]),
    "underscores": (("text",), lambda look: [f"1girl, {look[0]}_hair, {look[1]}_eyes"]),
    "two cells": (("hair", "eyes"), lambda look: [f"{look[0]} hair", f"{look[1]} eyes"]),
    "bare": (("hair", "eyes"), lambda look: list(look)),
    "counts": (("tags",), lambda look: [f"touhou:9\t{look[0]} hair:7\t{look[1]} eyes:5\t"]),
}
HEADERS = ("none", "blank", "unnamed", "index", "numbers", "short", "id", "n")


def table(
    looks: dict[str, Look],
    index: str,
    ids: str,
    labels: str,
    header: str,
    sep: str,
    *,
    last: bool,
) -> str:
    """One of the ways in which people write down what pictures show."""
    names, write = LABELS[labels]
    key = "id" if header in ("id", "n") else "file"
    place = {"n": "n", "index": "index", "unnamed": "Unnamed: 0"}.get(header, "")
    out = io.StringIO()
    writer = csv.writer(out, delimiter=sep, lineterminator="\n")
    columns = [*names, key] if last else [key, *names]
    if header == "numbers":
        columns = [str(number) for number in range(len(columns))]
    if index != "none" and header != "short":
        columns = [place, *columns]
    if header != "none":
        writer.writerow(columns)
    for row, (name, look) in enumerate(looks.items()):
        told = [*write(look), IDS[ids](name)] if last else [IDS[ids](name), *write(look)]
        writer.writerow(told if index == "none" else [INDEX[index](row), *told])
    return out.getvalue()


looks = st.tuples(st.sampled_from(HAIR), st.sampled_from(EYES))


@settings(max_examples=400, deadline=None)
@given(
    st.permutations([f"{number}.png" for number in range(6)]),
    st.lists(looks, min_size=6, max_size=6, unique=True),
    st.integers(1, 6),
    st.sampled_from(list(INDEX)),
    st.sampled_from(list(IDS)),
    st.sampled_from(list(LABELS)),
    st.sampled_from(HEADERS),
    st.sampled_from(",;\t"),
    st.booleans(),
    st.booleans(),
)
def test_labels_go_to_the_picture_that_the_row_names_or_the_file_is_refused(
    names: list[str],
    looks: list[Look],
    count: int,
    index: str,
    ids: str,
    labels: str,
    header: str,
    sep: str,
    last: bool,
    nested: bool,
) -> None:
    pictures = [f"images/{name}" if nested else name for name in names]
    shown = dict(zip(pictures[:count], looks, strict=False))
    text = table(shown, index, ids, labels, header, sep, last=last)
    try:
        found = said(text, sorted(pictures))
    except DataError:
        return
    for name, words in found.items():
        hair, eyes = shown[name]
        assert words.replace(",", "") in (
            f"{hair} hair {eyes} eyes",
            f"{hair} hair",
            f"{eyes} eyes",
        )


@pytest.mark.parametrize("header", ["none", "blank", "unnamed", "index", "id", "numbers"])
@pytest.mark.parametrize("labels", ["one cell", "two cells", "underscores", "counts"])
def test_picture_files_are_found_in_any_column_at_any_size(header: str, labels: str) -> None:
    shown: dict[str, Look] = {"2.png": ("blonde", "gray"), "0.png": ("brown", "green")}
    shown["1.png"] = ("purple", "red")
    for ids, index, count in product(["file", "path", "windows", "absolute"], INDEX, [1, 3]):
        some = dict([*shown.items()][:count])
        text = table(some, index, ids, labels, header, ",", last=False)
        assert said(text, ["0.png", "1.png", "2.png"]) == {
            name: f"{hair} hair {eyes} eyes" for name, (hair, eyes) in some.items()
        }


@pytest.mark.parametrize(
    "text",
    [
        "0,2,blonde hair gray eyes\n1,0,brown hair green eyes\n",
        "0,2,blonde hair\n",
        "0,2.0,blonde hair\n1,0.0,brown hair\n",
        "0;2;blonde hair\n1;0;brown hair\n",
        "0\t2\tblonde hair\n1\t0\tbrown hair\n",
        "id,tags\n1,2,blonde hair gray eyes\n2,0,brown hair\n",  # as R writes row names
        "0,2,touhou:17\tblonde hair:25\t\n1,0,red eyes:9\t\n",
        "\n".join(f"{i},{999 - i},red hair" for i in range(1000)),
    ],
)
def test_two_numbers_before_the_tags_are_refused_with_both_ways_to_read_them(text: str) -> None:
    with pytest.raises(DataError, match="may both be the picture's id") as caught:
        said(text, ["0.png", "2.png"])
    assert "remove the first column" in str(caught.value.hint)
    assert "remove the column of" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,image,hair\n0,2,red\n1,0,blue\n", 'column 1 "id" and column 2 "image" may both'),
        (",picno,hair\n0,2,red\n1,0,blue\n", 'column 1 "" and column 2 "picno" may both'),
        (",smile,hair\n0,1,red\n1,0,blue\n", "may both name the pictures"),
        ("file,mask,smile\n0.png,m0.png,1\n1.png,m1.png,0\n", '"file" and column 2 "mask"'),
        (",id,image,hair\n0,5,2,red\n1,6,0,blue\n", '"id" and column 3 "image"'),
        ("counter,number,tags\n0,2,red hair\n2,0,blue hair\n", '"counter" and column 2 "number"'),
        ("id,pixiv,caption\n0,2,red hair\n2,0,blue hair\n", '"id" and column 2 "pixiv"'),
        ("id,tags,post\n0,red hair,1\n1,blue hair,0\n", '"id" and column 3 "post"'),
        ("n,id,post,text\n1,0,2,red hair\n2,2,0,blue hair\n", '"id" and column 3 "post"'),
        ("id,post,hair\n0,2,red\n2,0,blue\n", '"id" and column 2 "post"'),
    ],
)
def test_two_columns_that_may_name_the_pictures_are_refused(text: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        said(text, ["0.png", "2.png"])
    assert says in caught.value.message
    assert "remove column" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("red hair blue eyes,3\nblue hair,4\n", '"3" may be the id, and stands in column 2'),
        ("0,3," + ",".join("1" + "0" * 22) + "\n", "may both be the picture's id"),
    ],
)
def test_an_id_in_an_odd_place_is_named(text: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        said(text, ["0.png", "3.png"])
    assert says in caught.value.message


def test_a_first_row_that_names_columns_is_no_row_that_was_passed_over() -> None:
    for text in (
        "id,tags\n0,red hair\n1,long hair\n",
        "counter;hair\n0;red hair\n1;long hair\n2;red hair\n",
    ):
        found = parse_labels("t.csv", text)
        assert isinstance(found, Tags)
        assert [row.row for row in found.skipped] == [3]
    found = parse_labels("t.csv", "a,long hair\nb,red hair\n")  # a row is a row
    assert isinstance(found, Tags)
    assert [row.row for row in found.skipped] == [1]


def test_yes_and_no_are_no_ids() -> None:
    assert len(parse_labels("t.csv", "id,smile,hair\n0,1,red\n1,0,blue\n")) == 2


def test_a_column_that_counts_rows_is_left_out_and_said() -> None:
    found = parse_labels("t.csv", ",file,hair,eyes\n0,2.png,blonde,gray\n1,0.png,brown,green\n")
    assert found.names == ("brown hair", "blonde hair", "gray eyes", "green eyes")
    assert "left out column 1 (counts rows)" in found.words
    assert 'pictures named in column 2 "file"' in found.words
    assert list(found.numbers) == ["2.png", "0.png"]


def test_an_index_that_is_the_only_id_is_the_id() -> None:
    assert said(",tags\n2,red hair\n0,blue hair\n", ["0.png", "2.png"]) == {
        "0.png": "blue hair",
        "2.png": "red hair",
    }


def test_the_column_that_says_so_is_the_id_wherever_it_stands() -> None:
    text = "hair,eyes,file_name\nred,blue,2\nblue,red,0\n"
    assert said(text, ["0.png", "2.png"]) == {
        "0.png": "blue hair red eyes",
        "2.png": "red hair blue eyes",
    }


def test_a_row_that_names_two_pictures_is_passed_over_and_counted() -> None:
    text = "0,red hair\n1,2.png,blue hair\n3,green hair\n4,x.jpg\tpink hair\n"
    found = parse_labels("t.csv", text)
    assert isinstance(found, Tags)
    assert list(found.numbers) == ["0", "3"]
    assert [row.row for row in found.skipped] == [2, 4]
    assert found.skipped[0].reason == 'names two pictures, "1" and "2.png"'


def test_one_column_of_tags_among_others_is_read_and_the_others_are_not() -> None:
    text = 'file_name,text,score\n0.png,"1girl, blue_hair",7.5\n1.png,"red eyes, smile",3.25\n'
    assert said(text, ["0.png", "1.png"]) == {"0.png": "blue hair", "1.png": "red eyes"}


def test_a_quoted_id_with_a_comma_is_one_id() -> None:
    assert cells('"a,b.png",red', ",") == ["a,b.png", "red"]
    assert said('"0,1.png",red hair\n', ["0.png", "0,1.png"]) == {"0,1.png": "red hair"}


def test_limits_are_held_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 10)
    monkeypatch.setattr(rows, "MAX_LINE", 50)
    for text in ("\n" * 11, "0,red hair\n" * 11, "0," + "red hair\t" * 9):
        with pytest.raises(DataError, match="no label file is so large"):
            open_sheet("t.csv", text)
    assert len(open_sheet("t.csv", "0,red hair\r\n" * 9).lines) == 9


def test_masks_are_of_what_a_row_says() -> None:
    found = parse_labels("t.csv", "0,red hair\n")
    labels, mask = found.row("0")
    assert labels.dtype == mask.dtype == np.uint8
    assert mask.tolist() == [1] * 12 + [0] * 11
