"""Tag files of hair and eye colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animekit.errors import DataError, NotFoundError
from animekit.labels.tags import EYES, GROUPS, HAIR, NAMES, format_labels, read_tags


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def labelled(found, name):
    """The labels and the known attributes of an image, as words."""
    labels, mask = found.labels(name)
    assert labels.dtype == mask.dtype == np.uint8
    assert labels.shape == mask.shape == (23,)
    assert set(mask[:12]) | set(mask[12:]) <= {0, 1}
    assert len(set(mask[:12])) == len(set(mask[12:])) == 1
    attributes = ["hair"] * int(mask[0]) + ["eyes"] * int(mask[12])
    return format_labels(labels), attributes


def test_the_vocabulary_is_that_of_the_course():
    assert len(HAIR) == 12
    assert len(EYES) == 11
    assert GROUPS == (12, 11)
    assert (NAMES[0], NAMES[11], NAMES[12], NAMES[22]) == (
        "orange hair",
        "blonde hair",
        "gray eyes",
        "blue eyes",
    )


def test_the_main_format_is_read_with_counts_colons_and_a_trailing_tab(tmp_path):
    path = write(
        tmp_path / "tags.csv",
        "0,touhou:17705\tblonde hair:25457\tred eyes:99\t\n"
        "1,re:zero:12\tlong hair:5\tblue hair:7\n"
        "2,hair ribbon:4\tred eyes black dragon:3\t",
    )
    found = read_tags(path)
    assert labelled(found, "0.jpg") == ("blonde hair red eyes", ["hair", "eyes"])
    assert labelled(found, "1.jpg") == ("blue hair", ["hair"])
    assert found.labels("2.jpg") is None
    assert [row.row for row in found.skipped] == [3]
    assert "hair ribbon:4" in found.skipped[0].reason
    assert found.ignored == {"long hair": 1}


def test_the_extra_format_is_read_without_a_newline_at_the_end(tmp_path):
    found = read_tags(write(tmp_path / "t.csv", "0,aqua hair aqua eyes\n36735,white hair red eyes"))
    assert labelled(found, "0") == ("aqua hair aqua eyes", ["hair", "eyes"])
    assert labelled(found, "36735") == ("white hair red eyes", ["hair", "eyes"])
    assert found.skipped == []
    assert len(found) == 2


def test_a_byte_order_mark_crlf_and_empty_rows_change_nothing(tmp_path):
    text = "\ufeff7,Blue Hair GREY eyes\r\n\r\n  \r\n8,blond hair\r\n"
    found = read_tags(write(tmp_path / "t.csv", text))
    assert labelled(found, "7.png") == ("blue hair gray eyes", ["hair", "eyes"])
    assert labelled(found, "8.png") == ("blonde hair", ["hair"])
    assert found.skipped == []


def test_several_colours_are_all_kept(tmp_path):
    found = read_tags(write(tmp_path / "t.csv", "0,black hair:1\tred hair:2\tbicolored eyes:3\t\n"))
    assert labelled(found, "0") == ("red black hair", ["hair"])
    assert found.ignored == {"bicolored eyes": 1}


def test_an_unknown_colour_leaves_its_attribute_unknown(tmp_path):
    found = read_tags(write(tmp_path / "t.csv", "0,teal hair blue eyes\n1,teal hair white eyes\n"))
    assert labelled(found, "0") == ("blue eyes", ["eyes"])
    assert found.skipped == [(2, 'no known hair or eye colour in "teal hair white eyes"')]
    assert found.ignored == {"teal hair": 2, "white eyes": 1}


def test_the_first_row_of_an_id_wins(tmp_path):
    found = read_tags(write(tmp_path / "t.csv", "5,red hair\n5,blue hair\n"))
    assert labelled(found, "5") == ("red hair", ["hair"])
    assert found.skipped == [(2, 'id "5" was already given in row 1')]


def test_tags_in_columns_of_their_own_are_read_and_a_header_is_skipped(tmp_path):
    text = '0,1,2\r\n0,"brown hair","red eyes"\r\n1,red eyes,red hair\r\nnoise\r\n'
    found = read_tags(write(tmp_path / "t.csv", text))
    assert labelled(found, "0") == ("brown hair red eyes", ["hair", "eyes"])
    assert labelled(found, "1") == ("red hair red eyes", ["hair", "eyes"])
    assert found.skipped == [
        (1, 'no known hair or eye colour in "1,2"'),
        (4, 'no "id," before "noise"'),
    ]


def test_one_hot_rows_have_the_eye_columns_first(tmp_path):
    eyes = ["1" if colour == "black" else "0" for colour in EYES]
    hair = ["1" if colour == "blonde" else "0" for colour in HAIR]
    found = read_tags(write(tmp_path / "label.csv", ",".join(["9", *eyes, *hair]) + "\r\n"))
    assert labelled(found, "9.jpg") == ("blonde hair black eyes", ["hair", "eyes"])


def test_a_python_dict_is_read(tmp_path):
    text = "{2: 'blonde long hair and pink eyes', 6: 'bicolored eyes', 9: 'damage aqua long hair'}"
    found = read_tags(write(tmp_path / "train_tag_dict.txt", text))
    assert labelled(found, "2.jpg") == ("blonde hair pink eyes", ["hair", "eyes"])
    assert labelled(found, "9.jpg") == ("aqua hair", ["hair"])
    assert found.skipped == [(2, 'no known hair or eye colour in "bicolored eyes"')]


@pytest.mark.parametrize("text", ["{1: ", "{1, 2}", "{__import__('os'): 1}", "{" * 100_000])
def test_text_that_only_starts_like_a_dict_is_refused(tmp_path, text):
    with pytest.raises(DataError, match="starts like a Python dict but is not one"):
        read_tags(write(tmp_path / "dict.txt", text))


def test_an_image_is_found_by_its_path_its_name_and_its_stem(tmp_path):
    found = read_tags(write(tmp_path / "t.csv", "0,red hair\n1.jpg,blue hair\nb/2.png,pink hair\n"))
    assert labelled(found, "a/0.jpg")[0] == "red hair"
    assert labelled(found, "a/1.jpg")[0] == "blue hair"
    assert labelled(found, "b/2.png")[0] == "pink hair"
    assert found.labels("a/2.png") is None
    assert found.labels("10.jpg") is None


def test_labels_are_a_copy(tmp_path):
    found = read_tags(write(tmp_path / "t.csv", "0,red hair\n"))
    found.labels("0")[0][:] = 1
    assert labelled(found, "0")[0] == "red hair"


def test_counts_say_how_many_images_have_each_label(tmp_path):
    found = read_tags(write(tmp_path / "t.csv", "0,red hair\n1,red hair blue eyes\n"))
    counts = found.counts()
    assert list(counts) == list(NAMES) == list(found.names)
    assert {name: n for name, n in counts.items() if n} == {"red hair": 2, "blue eyes": 1}


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match=r"no file .*tags\.csv"):
        read_tags(tmp_path / "tags.csv")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"0,smile\n", 'row 1: no known hair or eye colour in "smile"'),
        (b"\xff\xd8\xff\xe0\x00", "not a text file"),
    ],
)
def test_a_file_without_labels_is_unusable_and_says_what_was_seen(tmp_path, content, says):
    with pytest.raises(DataError, match=says):
        read_tags(write(tmp_path / "t.csv", content))


def test_a_folder_in_place_of_the_file_is_an_error_in_one_line(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        read_tags(tmp_path)


@given(
    st.dictionaries(
        st.integers(0, 99999).map(str), st.lists(st.sampled_from(NAMES), min_size=1, unique=True)
    ).filter(bool),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_rows_of_the_main_format_round_trip(tmp_path_factory, rows, newline, counted):
    count = ":12" if counted else ""
    lines = [key + "," + "".join(f"{tag}{count}\t" for tag in row) for key, row in rows.items()]
    path = tmp_path_factory.mktemp("tags") / "tags.csv"
    found = read_tags(write(path, newline.join(lines)))
    assert found.skipped == []
    for key, row in rows.items():
        labels, _ = found.labels(f"{key}.jpg")
        assert {name for name, on in zip(NAMES, labels, strict=True) if on} == set(row)


@pytest.mark.data
def test_the_extra_data_has_the_counts_of_its_text(shared_data):
    text = (shared_data / "mlds_extra" / "tags.csv").read_text(encoding="utf-8")
    found = read_tags(shared_data / "mlds_extra" / "tags.csv")
    assert len(found) == len(text.splitlines()) == 12998
    assert found.skipped == []
    for name, count in found.counts().items():
        padded = text.replace(",", " ").replace("\n", " ") + " "
        assert count == padded.count(f" {name} ")
    assert found.counts()["pink hair"] == 1440
    assert found.counts()["gray eyes"] == 0
    assert found.labels("36736.jpg") is None


@pytest.mark.data
def test_the_main_data_reads_alike_in_both_of_its_forms(shared_data):
    folder = shared_data / "mlds_faces"
    rows = read_tags(folder / "tags_reconstructed.csv")
    entries = read_tags(folder / "train_tag_dict.txt")
    assert len(rows) == len(entries) == 6165
    assert len(rows.skipped) == len(entries.skipped) == 254
    text = (folder / "tags_reconstructed.csv").read_text(encoding="utf-8")
    for name, count in rows.counts().items():
        assert count == text.count(f",{name}:") + text.count(f"\t{name}:")
    assert rows.counts() == entries.counts()
    assert rows.ignored["bicolored eyes"] == 104
    assert rows.frame.sort_index().equals(entries.frame.sort_index())


@pytest.mark.data
def test_the_one_hot_rows_agree_with_the_tags(shared_data):
    folder = shared_data / "mlds_faces"
    one_hot = read_tags(folder / "label.csv")
    rows = read_tags(folder / "tags_reconstructed.csv")
    assert len(one_hot) == 4069
    assert one_hot.frame.equals(rows.frame.loc[one_hot.frame.index])


@pytest.mark.data
def test_two_rows_of_the_original_file_are_read(shared_data):
    found = read_tags(shared_data / "mlds_faces" / "tags_clean_known_rows.csv")
    assert [row.row for row in found.skipped] == [1]
    assert labelled(found, "2.jpg") == ("blonde hair pink eyes", ["hair", "eyes"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,tag_string\n0,1girl red_hair blue_eyes solo\n", "red hair blue eyes"),
        ("0,1girl ;d solo aqua_hair smile\n", "aqua hair"),
        ("0,long_hair red eyes\n", "red eyes"),
        ("0,blonde long_hair and red_eyes\n", "blonde hair red eyes"),
        ("0,red_eyes\tblack dragon\n", "red eyes"),
        ("0,not red_hair blue_eyes\n", "blue eyes"),
    ],
)
def test_tags_between_spaces_are_read_as_danbooru_writes_them(tmp_path, text, says):
    (tmp_path / "t.csv").write_text(text)
    labels, _ = read_tags(tmp_path / "t.csv").row("0")
    assert format_labels(labels) == says


def test_utf16_with_a_mark_is_read_and_a_picture_is_called_one(tmp_path):
    (tmp_path / "t.csv").write_bytes("id\ttags\n0\tred hair\n".encode("utf-16"))
    assert list(read_tags(tmp_path / "t.csv").numbers) == ["0"]
    (tmp_path / "0.jpg").write_bytes(b"\xff\xd8\xff\0")
    with pytest.raises(DataError, match="is a picture, and no file of labels"):
        read_tags(tmp_path / "0.jpg")
