"""Where labels lie: captions, metadata and dataset.json, in a folder, beside it or given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from animekit.errors import DataError, NotFoundError
from animekit.labels import sources
from animekit.labels.ids import match
from animekit.labels.sources import files_of, given, inside, unread
from animekit.labels.tables import AttributeTable
from animekit.labels.tags import Tags
from animekit.labels.vocabulary import Vocabulary


def put(folder: Path, **files: str | bytes) -> Path:
    """Write files, with __ for a slash and _ before the extension."""
    for name, content in files.items():
        path = folder / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def said(source: sources.Source, *pictures: str) -> dict[str, str]:
    found = source.read()
    pairs, _ = match(found, pictures, file=source.name, exactly=source.exactly)
    vocabulary = Vocabulary(tuple(found.names), tuple(found.groups))
    return {name: vocabulary.format(*pair) for name, pair in pairs.items()}


def first(folder: Path, *pictures: str) -> sources.Source:
    return inside(files_of(folder), pictures, "set")[0]


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# captions


def test_captions_are_the_texts_that_are_called_like_a_picture(tmp_path: Path) -> None:
    put(tmp_path, a__0_txt="1girl, Blue_Hair,\nred eyes, smile", a__readme_txt="blue hair")
    put(tmp_path, **{"b__1.png_txt": "green hair"}, a__1_txt="pink hair")
    source = first(tmp_path, "a/0.png", "b/1.png", "b/0.png")
    assert source.name == "2 .txt beside the pictures"
    assert said(source, "a/0.png", "b/1.png", "b/0.png") == {
        "a/0.png": "blue hair red eyes",
        "b/1.png": "green hair",
    }


def test_sentences_name_no_colour_and_are_said_not_guessed(tmp_path: Path) -> None:
    put(tmp_path, **{"0_txt": "a girl, no blue hair, -red eyes, her hair is blue"})
    with pytest.raises(DataError, match=r"no hair or eye colours in 1 \.txt beside the pictures"):
        first(tmp_path, "0.png").read()


def test_a_caption_that_cannot_be_read_is_passed_over_and_counted(tmp_path: Path) -> None:
    put(tmp_path, **{"0_txt": b"\xff\xfe\0", "1_txt": "red hair"})
    found = first(tmp_path, "0.png", "1.png").read()
    assert list(found.numbers) == ["1"]
    assert "not a text file" in found.skipped[0].reason


# metadata


def test_metadata_of_tags_is_read_from_its_text(tmp_path: Path) -> None:
    rows = (
        {"file_name": "0.png", "text": "1girl, blue_hair, red_eyes", "box": {"x": [1]}},
        {"file_name": "1.png", "text": "green hair\nsmile", "box": None},
    )
    put(tmp_path, metadata_jsonl=lines(*rows) + "{broken\n")
    source = first(tmp_path, "0.png", "1.png")
    assert said(source, "0.png", "1.png") == {"0.png": "blue hair red eyes", "1.png": "green hair"}
    found = source.read()
    assert isinstance(found, Tags)
    assert "box left out" in found.words
    assert [row.row for row in found.skipped] == [3]


def test_metadata_of_lists_yes_or_no_and_words_is_a_table(tmp_path: Path) -> None:
    tags = (
        {"file_name": "0.png", "tags": ["red_hair", "smile"]},
        {"file_name": "1.png", "tags": []},
    )
    put(tmp_path, a__metadata_jsonl=lines(*tags))
    source = first(tmp_path / "a", "0.png", "1.png")
    assert said(source, "0.png", "1.png") == {"0.png": "red hair"}
    table = (
        {"file_name": "0.png", "label": "cat", "smile": True},
        {"file_name": "1.png", "label": "dog", "smile": False},
        {"file_name": "2.png", "label": None, "smile": None},
    )
    put(tmp_path, b__metadata_jsonl=lines(*table))
    assert said(first(tmp_path / "b"), "0.png", "1.png", "2.png") == {
        "0.png": "cat, smile",
        "1.png": "dog, no smile",
        "2.png": "",
    }


def test_metadata_csv_is_a_table_or_tags(tmp_path: Path) -> None:
    put(tmp_path, metadata_csv='file_name,text\n0.png,"blue_hair, smile"\n1.png,red hair\n')
    assert said(first(tmp_path), "0.png", "1.png") == {"0.png": "blue hair", "1.png": "red hair"}


def test_sentences_in_metadata_are_left_out_by_name(tmp_path: Path) -> None:
    put(tmp_path, metadata_csv="file_name,text\n0.png,a cat\n1.png,a dog\n")
    with pytest.raises(DataError, match=r"left out text \(sentences, or tags without hair"):
        first(tmp_path).read()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"name": "0.png"}\n', 'no "file_name"'),
        ("[1]\n", 'no "file_name"'),
        ("[" * 1000 + "\n", "no row can be read; cannot read row 1"),
        (
            '{"file_name": "0.png", "label": "a"}\n{"file_name": "0.png", "label": "b"}\n',
            "row 2: id",
        ),
    ],
)
def test_bad_metadata_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    put(tmp_path, metadata_jsonl=text)
    with pytest.raises(DataError) as caught:
        first(tmp_path).read()
    assert says in caught.value.message
    assert "set/metadata.jsonl" in caught.value.message


# dataset.json


def test_classes_of_stylegan_are_one_of_several(tmp_path: Path) -> None:
    labels = [["00000/a.png", 3], ["00000/b.png", 0], ["00001/a.png", 3]]
    put(tmp_path, dataset_json=json.dumps({"labels": labels}))
    source = first(tmp_path)
    found = source.read()
    assert isinstance(found, AttributeTable)
    assert (found.names, found.groups) == (("class 0", "class 3"), (2,))
    assert list(Vocabulary(found.names, found.groups).attributes) == ["class"]
    assert said(source, "00000/a.png", "00000/b.png", "00001/a.png", "a.png") == {
        "00000/a.png": "class 3",
        "00000/b.png": "class 0",
        "00001/a.png": "class 3",
    }


def test_vectors_of_stylegan_are_classes_or_yes_or_no(tmp_path: Path) -> None:
    one = {"labels": [["0.png", [0, 1.0]], ["1.png", [1, 0]]]}
    put(tmp_path, a__dataset_json=json.dumps(one))
    assert said(first(tmp_path / "a"), "0.png", "1.png") == {"0.png": "class 1", "1.png": "class 0"}
    several = {"labels": [["0.png", [1, 1]], ["1.png", [0, 0]]]}
    put(tmp_path, b__dataset_json=json.dumps(several))
    assert said(first(tmp_path / "b"), "0.png") == {"0.png": "label 0, label 1"}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"labels": None}, "says that the pictures have no labels"),
        ({}, "says that the pictures have no labels"),
        ({"labels": [["0.png", [0.25, 0.5]]]}, "neither numbers of classes nor vectors"),
        ({"labels": [["0.png", "cat"]]}, "neither numbers of classes nor vectors"),
        ({"labels": [["0.png", True], ["1.png", False]]}, "neither numbers of classes"),
        ({"labels": [["0.png", -1], ["1.png", 0]]}, "neither numbers of classes"),
        ({"labels": [["0.png", 1], ["1.png", 1]]}, "has 1 classes"),
        ({"labels": [[f"{i}.png", i] for i in range(1001)]}, "has 1,001 classes"),
        ({"labels": [["0.png", 1], ["0.png", 2]]}, "names a picture twice"),
        ({"labels": [["0.png"]]}, "has no list of a file and its label"),
        ({"labels": 7}, "has no list of a file and its label"),
    ],
)
def test_a_dataset_json_without_classes_says_why(tmp_path: Path, value: Any, says: str) -> None:
    put(tmp_path, dataset_json=json.dumps(value))
    with pytest.raises(DataError, match="set/dataset.json") as caught:
        first(tmp_path).read()
    assert says in caught.value.message and caught.value.hint


# which is taken


def test_the_order_is_tags_metadata_classes_captions(tmp_path: Path) -> None:
    put(tmp_path, tags_csv="0,red hair", metadata_jsonl="", metadata_csv="", dataset_json="{}")
    put(tmp_path, **{"0_txt": "blue hair", "0_caption": "x", "more_csv": "x", "deep__odd_csv": "x"})
    found = inside(files_of(tmp_path), ["0.png"], "set")
    assert [source.name for source in found] == [
        "tags.csv",
        "metadata.jsonl",
        "metadata.csv",
        "dataset.json",
        "1 .txt beside the pictures",
    ]
    assert unread(files_of(tmp_path), ["0.png"]) == [
        "1 .caption beside the pictures",
        "more.csv (--tags reads it)",
    ]


def test_two_files_below_are_named_and_neither_is_taken(tmp_path: Path) -> None:
    put(tmp_path, a__metadata_csv="x", b__metadata_csv="x")
    with pytest.raises(DataError, match=r"2 files may hold the labels: a/metadata\.csv, b/meta"):
        first(tmp_path).read()


def test_a_folder_given_is_read_for_what_it_holds(tmp_path: Path) -> None:
    put(tmp_path, a__0_txt="blue hair", a__1_txt="red hair", b__tags_csv="0,red hair")
    (tmp_path / "c").mkdir()
    source = given(tmp_path / "a")
    assert said(source, "images/0.png", "images/1.png") == {
        "images/0.png": "blue hair",
        "images/1.png": "red hair",
    }
    assert said(given(tmp_path / "b"), "0.png") == {"0.png": "red hair"}
    with pytest.raises(NotFoundError, match="no labels in") as caught:
        given(tmp_path / "c")
    assert "metadata.jsonl" in str(caught.value.hint)
    put(tmp_path, d__metadata_jsonl=lines({"file_name": "0.png", "text": "red hair"}))
    assert said(given(tmp_path / "d" / "metadata.jsonl"), "0.png") == {"0.png": "red hair"}


@pytest.mark.parametrize("line", ['{"a":' * 2000, '{"a": 1e999999}', "{broken"])
def test_metadata_without_a_row_that_can_be_read_says_why(tmp_path: Path, line: str) -> None:
    put(tmp_path, metadata_jsonl=line)
    with pytest.raises(DataError, match="no row can be read; cannot read row 1: ") as caught:
        first(tmp_path).read()
    assert "file_name" not in caught.value.message
