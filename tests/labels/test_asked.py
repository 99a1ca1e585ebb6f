"""Label files of every form, read for the words that are asked for."""

import numpy as np
import pytest

from animekit.errors import DataError
from animekit.labels.asked import AskedTable
from animekit.labels.plan import LabelPlan
from animekit.labels.sources import given

PLAN = "hair,long hair|short hair,smile"


def read(path, text: str, plan: str = PLAN, name: str = "tags.csv") -> AskedTable:
    (path / name).write_text(text, "utf-8")
    found = given(path / name).read(LabelPlan.parse(plan))
    assert isinstance(found, AskedTable)
    return found


def said(table: AskedTable, key: str) -> set[str]:
    return {table.names[place] for place in np.flatnonzero(table.row(key)[0])}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tags.csv", "0,touhou:17\tblue hair:25\tlong hair:9\tsmile:4\t\n1,red hair:2\that:1\t\n"),
        ("tags.csv", '0,"blue hair, long hair, smile"\n1,"red hair, hat"\n'),
        ("tags.csv", "0,blue_hair long_hair smile\n1,red_hair hat\n"),
        ("tags.csv", "id,tags\n0,blue long hair smile\n1,red hair\n"),
        ("tags.csv", "{0: 'blue long hair, smile', 1: 'red hair'}"),
        (
            "metadata.jsonl",
            '{"file_name": "0", "text": "1girl, blue hair, long hair, smile"}\n'
            '{"file_name": "1", "text": "1girl, red hair"}\n',
        ),
    ],
)
def test_any_tag_is_a_label_in_every_form(tmp_path, name, text):
    found = read(tmp_path, text, name=name)
    assert found.groups == (12, 2, 1) and found.names[12:] == ("long hair", "short hair", "smile")
    assert said(found, "0") == {"blue hair", "long hair", "smile"}
    assert said(found, "1") == {"red hair"}
    _, mask = found.row("1")
    assert mask[:12].all() and not mask[12:14].any() and mask[14]  # no length; it does not smile
    assert found.counts["smile"] == 1 and len(found) == 2


def test_a_folder_of_captions_is_read_for_words(tmp_path):
    for name, text in (("a.txt", "long hair, smile"), ("b.txt", "short hair")):
        (tmp_path / name).write_text(text)
    found = given(tmp_path).read(LabelPlan.parse("long hair|short hair"))
    assert isinstance(found, AskedTable)
    assert said(found, "a") == {"long hair"} and said(found, "b") == {"short hair"}


def test_celebas_list_gives_named_columns_and_groups_of_them(tmp_path):
    text = "2\nBlack_Hair Blond_Hair Smiling \n0.jpg  1 -1  1\n1.jpg -1  1 -1\n"
    found = read(tmp_path, text, "black hair|blond hair,smiling")
    assert (found.names, found.groups) == (("black hair", "blonde hair", "Smiling"), (2, 1))
    assert said(found, "0.jpg") == {"black hair", "Smiling"}
    assert said(found, "1.jpg") == {"blonde hair"}


def test_a_table_of_columns_gives_whole_attributes(tmp_path):
    text = "file,style,hat\n0.png,long,yes\n1.png,short,no\n"
    found = read(tmp_path, text, "style")
    assert (found.names, found.groups) == (("long style", "short style"), (2,))


def test_words_that_exclude_each_other_and_are_both_said_are_unknown(tmp_path):
    found = read(
        tmp_path, "0,long hair\tshort hair\tsmile\n1,long hair\t\n", "long hair|short hair"
    )
    assert not found.row("0")[1].any() and found.row("1")[1].all()
    assert found.clashes == {"long hair|short hair": 1}


def test_rows_without_tags_and_those_that_contradict_are_told(tmp_path):
    found = read(tmp_path, "0,smile:1\t\n1,\n0,smile:1\t\n", "smile")
    assert [each.row for each in found.skipped] == [2, 3] and len(found.doubled) == 1
    with pytest.raises(DataError, match="already given in row 1, with other labels"):
        read(tmp_path, "0,smile:1\t\n0,hat:1\t\n", "smile")
    with pytest.raises(DataError, match="no tags in"):
        read(tmp_path, "0,\n", "smile")
