"""Ids of label files: which picture each names, and what is said where nobody can know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animekit.errors import DataError
from animekit.labels.ids import LabelUse, match
from animekit.labels.tables import parse_labels
from animekit.labels.tags import format_labels, parse_tags


def use(text: str, *pictures: str, **options: object) -> tuple[dict[str, str], LabelUse]:
    """What each picture shows, and what became of the rows."""
    found, told = match(parse_tags("t.csv", text), pictures, file="t.csv", **options)  # type: ignore[arg-type]
    assert told.rows == told.used + told.unmatched.count + told.doubled.count + told.skipped.count
    return {name: format_labels(labels) for name, (labels, _) in found.items()}, told


@pytest.mark.parametrize(
    ("id", "way"),
    [
        ("0", "name"),
        ("0.png", "name"),
        ("a/0.png", "path"),
        ("a/0", "path"),
        ("./a/0.png", "path"),
        ("a\\0.png", "path"),
        ("set/a/0.png", "path"),
        ("/data/set/a/0.png", "path"),
        ("C:\\data\\set\\a\\0.png", "path"),
        ("../set/a/0.png", "path"),
        ("/home/other/a/0.png", "end of a path"),
        ("D:\\pics\\a\\0.png", "end of a path"),
        ("/home/other/0.png", "file name alone"),
        ("b/0", "file name alone"),
    ],
)
def test_a_path_of_any_system_names_the_picture_that_it_ends_in(id: str, way: str) -> None:
    found, told = use(f"{id},red hair\n", "a/0.png", "a/1.png", home="/data/set")
    assert found == {"a/0.png": "red hair"}
    assert told.ways == {way: 1}


@pytest.mark.parametrize(
    ("id", "pictures", "near"),
    [
        ("7", ["007.png"], ' (there is "007.png")'),
        ("007", ["7.png"], ' (there is "7.png")'),
        ("0.png", ["0.jpg"], ' (there is "0.jpg")'),
        ("A", ["a.png"], ' (there is "a.png")'),
        ("2.0", ["2.png"], ' (there is "2.png")'),
        ("c/0.png", ["a/0.png", "b/0.png"], ' (there is "a/0.png")'),
        ("9", ["0.png"], ""),
    ],
)
def test_what_is_only_nearly_the_name_labels_nothing_and_is_said(
    id: str, pictures: list[str], near: str
) -> None:
    found, told = use(f"{id},red hair\n", *pictures)
    assert found == {}
    assert told.unmatched.first == [f'row 1: "{id}"{near}']


@pytest.mark.parametrize(
    ("id", "pictures"),
    [
        ("0", ["a/0.png", "b/0.png"]),
        ("0.png", ["a/0.png", "b/0.png"]),
        ("0", ["0.jpg", "0.png"]),
        ("a/0.png", ["x/a/0.png", "y/a/0.png"]),
    ],
)
def test_an_id_of_two_pictures_is_refused_with_both_paths(id: str, pictures: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        use(f"{id},red hair\n", *pictures)
    for name in pictures:
        assert name in caught.value.message
        assert f'"{name}"' in str(caught.value.hint)


def test_a_path_tells_pictures_of_one_name_apart() -> None:
    found, told = use("b/0.png,red hair\na/0,blue hair\n", "a/0.png", "b/0.png", "0.png")
    assert found == {"a/0.png": "blue hair", "b/0.png": "red hair"}
    assert told.ways == {"path": 2}
    assert use("0,red hair\n", "0.png", "a/0.png")[0] == {"0.png": "red hair"}


def test_two_ids_of_one_picture_must_say_the_same() -> None:
    found, told = use("0,red hair\n0.png,red hair\n", "0.png")
    assert found == {"0.png": "red hair"}
    assert told.doubled.first == ['row 2: "0.png" as in row 1']
    with pytest.raises(DataError, match=r'rows 1 and 2: "0" and "0.png" both name 0.png'):
        use("0,red hair\n0.png,blue hair\n", "0.png")
    with pytest.raises(DataError, match="both name 0.png, with other labels"):
        use("train/0.png,red hair\ntest/0.png,blue hair\n", "0.png", home="/pics")


def test_a_path_of_another_folder_gives_way_to_that_of_this_one() -> None:
    text = "train/0.png,red hair\ntest/0.png,blue hair\n"
    found, told = use(text, "0.png", home="/data/test")
    assert found == {"0.png": "blue hair"}
    assert told.unmatched.first == ['row 1: "train/0.png" (row 2 is 0.png)']


def test_a_path_that_is_another_file_labels_nothing() -> None:
    found, _ = use("train/0.png,red hair\n", "0.png", exists=lambda key: key == "train/0.png")
    assert found == {}


def test_exact_ids_name_pictures_of_that_path_alone() -> None:
    text = "a/0,red hair\n1,blue hair\n"
    found, told = use(text, "a/0.png", "a/1.png", exactly=True)
    assert found == {"a/0.png": "red hair"}
    assert told.unmatched.count == 1


def test_accents_of_both_kinds_and_odd_names_are_found() -> None:
    composed, apart = "caf\u00e9.png", "cafe\u0301.png"
    assert use(f"{composed},red hair\n", apart)[0] == {apart: "red hair"}
    assert use("a\\0.png,red hair\n", "a\\0.png", "0.png")[0] == {"a\\0.png": "red hair"}


def test_only_three_rows_of_a_kind_are_named_and_all_are_counted() -> None:
    text = "0,red hair\n0,red hair\n8,long hair\n" + "".join(
        f"{i},red hair\n" for i in range(9, 20)
    )
    _, told = use(text, "0.png")
    assert (told.rows, told.used, told.unmatched.count) == (14, 1, 11)
    assert len(told.unmatched.first) == 3
    assert str(told.unmatched).endswith('row 6: "11", ...')
    assert told.doubled.first == ['row 2: "0" as in row 1']
    assert told.skipped.first == ['row 3: no known hair or eye colour in "long hair"']


names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


@given(
    st.lists(names.map("{}.png".format), min_size=1, max_size=6, unique=True),
    st.lists(names, min_size=1, max_size=4, unique=True),
    st.booleans(),
)
def test_no_picture_gets_the_labels_of_an_id_that_does_not_end_alike(
    pictures: list[str], ids: list[str], suffix: bool
) -> None:
    colours = dict(zip(ids, ("red", "blue", "green", "pink"), strict=False))
    ending = ".png" if suffix else ""
    text = "".join(f"{key}{ending},{colours[key]} hair\n" for key in ids)
    try:
        found, _ = use(text, *pictures)
    except DataError:
        return
    for name, words in found.items():
        (key,) = [key for key in ids if f"{colours[key]} hair" == words]
        stem = name.removesuffix(".png").split("/")
        assert stem[-1] == key.split("/")[-1]
        if name.removesuffix(".png") in ids:  # the row that names it exactly
            assert key == name.removesuffix(".png")


@pytest.mark.parametrize(
    "text",
    [
        "0,dd,red hair\n2,cc,blue hair\n3,bb,pink hair\n",
        "id,md5,tags\n0,dd,red hair\n2,cc,blue hair\n3,bb,pink hair\n",
        "id,md5,hair\n0,dd,red\n2,cc,blue\n3,bb,pink\n",
    ],
)
def test_two_columns_of_which_each_names_pictures_are_refused_with_the_two_ways(text: str) -> None:
    both = ["0.png", "2.png", "3.png", "bb.png", "cc.png", "dd.png"]
    labels = parse_labels("t.csv", text)
    with pytest.raises(DataError, match='"0" and "dd" may both be the picture') as caught:
        match(labels, both, file="t.csv")
    assert 'if "dd" is, remove the first column' in str(caught.value.hint)
    assert len(match(labels, both[:3], file="t.csv")[0]) == 3
    _, use = match(labels, both[3:], file="t.csv")
    assert use.used == 0
    assert use.unmatched.first[0].endswith('"0" ("dd", which is here, stands behind it)')
