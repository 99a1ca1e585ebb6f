"""The commonest words of label files."""

import pytest

from animekit.data.tag_counts import tag_counts
from animekit.errors import UsageError
from tests.support import fill


def test_the_commonest_tags_of_any_kind_come_first(tmp_path):
    file = tmp_path / "tags.csv"
    file.write_text("0,smile:9\tlong hair:3\t\n1,smile:9\that:1\t\n2,long hair:3\tsmile:9\t\n")
    found = tag_counts(file, 2)
    assert found.counts == {"smile": 3, "long hair": 2}
    assert (found.rows, found.words) == (3, 3)
    assert found.as_table()[1] == ("smile", "3", "100.0 %")
    assert found.facts()["top"] == found.counts
    with pytest.raises(UsageError, match="commonest"):
        tag_counts(file, 0)


def test_captions_and_columns_are_counted_too(tmp_path):
    fill(tmp_path, "0.png", "1.png")
    for name, text in (("0.txt", "smile, hat"), ("1.txt", "smile")):
        (tmp_path / name).write_text(text)
    assert tag_counts(tmp_path).counts == {"smile": 2, "hat": 1}
    table = tmp_path / "table.csv"
    table.write_text("file,hat,mood\n0.png,1,glad\n1.png,0,glad\n2.png,1,sad\n")
    assert tag_counts(table).counts == {"glad mood": 2, "hat": 2, "sad mood": 1}
