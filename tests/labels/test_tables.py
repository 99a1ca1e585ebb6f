"""Files of labels of any kind: CelebA's list, tables with named columns, and tag files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.errors import DataError, NotFoundError
from animekit.labels.tables import AttributeTable, read_labels
from animekit.labels.tags import NAMES, Tags
from animekit.labels.vocabulary import Vocabulary

CELEBA = "3\r\nBald Wavy_Hair Smiling \r\n1.jpg -1  1 -1\r\n2.jpg  1 -1  1\r\n3.jpg  1  1  1\r\n"
MOE = (
    "file,hair style,hair colour,eye color,skin,blush,smile,open mouth,hat\n"
    "a.png,long,blue,grey,fair,1,0,yes,no\n"
    "b.png,Short ,Blond,blue,tan,0,1,no,True\n"
    "\n"
    "c.png,,red|blue,,fair,,1,no,n/a\n"
)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(path: Path, text: str | bytes) -> AttributeTable:
    found = read_labels(write(path / "t.csv", text))
    assert isinstance(found, AttributeTable)
    return found


def said(found: AttributeTable, name: str) -> str:
    pair = found.labels(name)
    assert pair is not None
    return Vocabulary(found.names, found.groups).format(*pair)


def test_the_list_of_celeba_is_one_yes_or_no_for_each_name(tmp_path: Path) -> None:
    found = table(tmp_path, CELEBA)
    assert found.names == ("Bald", "Wavy_Hair", "Smiling")
    assert found.groups == (1, 1, 1)
    assert said(found, "images/2.jpg") == "bald, no wavy hair, smiling"
    assert found.words == "CelebA's list: 3 yes or no"
    assert found.labels("4.jpg") is None


def test_a_count_that_lies_is_said_and_not_believed(tmp_path: Path) -> None:
    found = table(tmp_path, CELEBA.replace("3\r\n", "202599\r\n", 1))
    assert len(found) == 3
    assert found.words.endswith("it announces 202,599 rows and holds 3")


def test_columns_of_words_are_one_of_several_and_others_a_yes_or_no(tmp_path: Path) -> None:
    found = table(tmp_path, MOE)
    assert found.names[:7] == (
        *("long hair", "short hair"),
        *("red hair", "blue hair", "blonde hair"),
        *("gray eyes", "blue eyes"),
    )
    assert found.names[7:] == ("fair skin", "tan skin", "blush", "smile", "open mouth", "hat")
    assert found.groups == (2, 3, 2, 2, 1, 1, 1, 1)
    words = "table: hair style 2, hair colour 3, eye color 2, skin 2, 4 yes or no"
    assert found.words == words


def test_blank_cells_are_unknown_and_a_bar_parts_two_values(tmp_path: Path) -> None:
    found = table(tmp_path, MOE)
    assert said(found, "a.png") == (
        "long hair, blue hair, gray eyes, fair skin, blush, no smile, open mouth, no hat"
    )
    assert said(found, "c.png") == "red hair, blue hair, fair skin, smile, no open mouth"
    labels, mask = found.rows["c.png"]
    assert labels.dtype == mask.dtype == np.uint8
    assert mask.tolist() == [0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0]
    assert not (labels & ~mask).any()


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_separators_line_ends_and_a_byte_order_mark_change_nothing(
    tmp_path: Path, separator: str, newline: str
) -> None:
    text = "\ufeff" + MOE.replace(",", separator).replace("\n", newline)
    found, plain = table(tmp_path, text), table(tmp_path, MOE)
    assert (found.names, found.groups, found.words) == (plain.names, plain.groups, plain.words)
    assert all(np.array_equal(found.rows[key], plain.rows[key]) for key in plain.rows)


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("1", "-1"), ("Yes", "NO"), ("true", "False"), ("1.0", "0.0")]
)
def test_yes_and_no_are_written_in_many_ways(tmp_path: Path, yes: str, no: str) -> None:
    found = table(tmp_path, f"id,smile\n0,{yes}\n1,{no}\n2,\n")
    assert [said(found, name) for name in ("0.png", "1.png", "2.png")] == ["smile", "no smile", ""]


def test_labels_are_named_as_a_prompt_says_them(tmp_path: Path) -> None:
    text = "id,glasses,hair,eyes,hair length\n0,round,red hair,blue eye,long\n1,square,aqua,red,red"
    found = table(tmp_path, text)
    assert found.names == (
        *("round glasses", "square glasses"),
        *("aqua hair", "red hair"),
        *("red eyes", "blue eyes"),
        *("long hair length", "red hair length"),
    )


def test_two_columns_that_would_give_one_label_are_told_apart(tmp_path: Path) -> None:
    text = "id,hair colour,hair style\n0,red,long\n1,other,other\n"
    assert table(tmp_path, text).names == (
        *("red hair", "other hair"),
        *("long hair style", "other hair style"),
    )


def test_columns_that_say_nothing_are_left_out_by_name(tmp_path: Path) -> None:
    found = table(tmp_path, "id,smile,note,artist,\n0,1,,x,\n1,0,,x,\n")
    assert found.names == ("smile",)
    assert found.words == "table: 1 yes or no, left out note (blank) and artist (one value)"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0,touhou:17705\tblonde hair:25457\t\n1,red eyes:9\t", 2),
        ("1,touhou:1\tdoll:2\tdress:3\t\n2,a:1\tblonde hair:25457\tb:2\tpink eyes:3\t\n", 1),
        ("0,aqua hair red eyes\n1,blue hair", 2),
        ("id,tags\n0,aqua hair red eyes\n1,blue hair\n", 2),
        ("id,tags\n0,a:1,aqua hair:2,red eyes:3\n1,blue hair:1\n", 2),
        ("0,1,2\r\n0,brown hair,red eyes\r\n", 1),
        ("id,hair,eyes\n0,brown hair,red eyes\n1,red hair,blue eyes\n", 2),
        ("{0: 'blonde hair'}", 1),
        ("9," + ",".join(["1", *"0" * 10, "1", *"0" * 11]), 1),
        ("abc,red hair\nx,blue hair\n", 2),
    ],
)
def test_tag_files_stay_tag_files(tmp_path: Path, text: str, rows: int) -> None:
    found = read_labels(write(tmp_path / "t.csv", text))
    assert isinstance(found, Tags)
    assert found.names == NAMES
    assert len(found) == rows


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,smile\n0,1\n0,0\n", 'row 3: id "0" was already given in row 2'),
        ("id,smile\n,1\n", "row 2: no id"),
        ("id,smile,hat\n0,1,0\n1,1\n", "row 3: 2 cells, where 3 are due"),
        ("id,smile,hat\n0,1,0\n1,1,0,1\n", "row 3: 4 cells, where 3 are due"),
        ("id,smile\n0,1,0\n1,1,0\n", "row 2: 3 cells, where 2 are due"),
        ("id,smile\n0,1\n1,maybe\n", 'row 3: column "smile" holds "maybe" beside yes and no'),
        ("id,smile\n0,1\n1,0\n2,-1\n", 'column "smile" holds both 0 and -1'),
        ("id,width\n0,306\n1,12.5\n", 'row 2: column "width" holds "306", and numbers are no'),
        ("id,Black_Hair,black hair\n0,1,1\n", 'columns "Black_Hair" and "black hair" have one'),
        ("id,smile,\n0,1,1\n", "column 3 has no name"),
        ("id,smile,?!\n0,1,1\n", 'column "?!" is no word'),
        ("id,artist\n0,a\n1,a\n", "has no column that tells images apart"),
        ("id,artist\n" + "".join(f"{i},a{i}\n" for i in range(101)), "101 values, more than 100"),
        ('id,smile\n0,"1\n', "no table"),
        (
            "3\nBald Smiling\n1.jpg 1 -1\n1.jpg 1 1\n",
            'row 4: id "1.jpg" was already given in row 3',
        ),
        ("3\nBald Smiling\n1.jpg 1 -1\n2.jpg 1\n", "row 4: 2 cells, where 3 are due"),
        ("3\nBald Smiling\n1.jpg 1\n", "row 3: 2 cells, where 3 are due"),
        ("3\nBald Smiling\n1.jpg 1 2\n", 'row 3: Smiling is "2"'),
        ("3\nBald Smiling\n", "names 2 attributes and holds no row"),
        ("9" * 5000 + "\nBald\n1.jpg 1\n", "no hair or eye colours in"),
        ('id,"a\x07b\x1b[31m"\n0,maybe\n1,1\n', 'column "a?b?[31m" holds "maybe" beside yes'),
        ("id,1,2\n0,red,long\n1,blue,short\n", 'column "1" is no word'),
        ("id,text\n0,a girl\n1,a boy\n", "left out text (sentences, or tags without hair"),
        ("3\nBald bald\n1.jpg 1 1\n", 'columns "Bald" and "bald" have one name'),
        ("id,smile\n0,1\0\n", "is not a text file"),
        (b"\xff\xd8\xff", "is not a text file in UTF-8"),
        ("", "the file is empty"),
        ("id,smile\n", 'no known hair or eye colour in "smile"'),
    ],
)
def test_a_malformed_file_is_one_clear_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read_labels(write(tmp_path / "t.csv", text))
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot read"):
        read_labels(tmp_path)


@pytest.mark.data
def test_the_attributes_of_celeba_are_those_of_its_text(shared_data: Path) -> None:
    folder = shared_data / "celeba"
    found = read_labels(folder / "list_attr_celeba.txt")
    assert isinstance(found, AttributeTable)
    assert (len(found), len(found.names)) == (3000, 40)
    lines = (folder / "list_attr_celeba.txt").read_text("utf-8").splitlines()
    for line in (lines[2], lines[1500], lines[-1]):
        key, *values = line.split()
        pair = found.labels(key)
        assert pair is not None
        assert pair[0].tolist() == [value == "1" for value in values]
        assert pair[1].all()
    odd = read_labels(folder / "list_attr_celeba_as_found.txt")
    assert isinstance(odd, AttributeTable)
    assert len(odd) == 500
    assert "it announces 202,599 rows and holds 500" in odd.words


@pytest.mark.data
def test_the_tag_files_of_the_course_are_still_tag_files(shared_data: Path) -> None:
    faces = shared_data / "mlds_faces"
    names = ("label.csv", "train_tag_dict.txt", "extra_tags.csv", "tags_reconstructed.csv")
    counts = [len(read_labels(faces / name)) for name in (*names, "tags_clean_known_rows.csv")]
    assert counts == [4069, 6165, 11991, 6165, 1]
    assert len(read_labels(shared_data / "mlds_extra" / "tags.csv")) == 12998
