"""What tags say in words, and how often."""

import pytest

from animekit.labels.tag_words import TagReader, count_words


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("long hair", {"long hair"}),
        ("Long_Hair", {"long hair"}),
        ("blonde long hair and red eyes", {"blonde hair", "long hair", "red eyes"}),
        ("long pink hair", {"long hair", "pink hair"}),
        ("short hair blue eyes smile", {"short hair", "blue eyes", "smile"}),
        ("a girl with long hair", {"long hair"}),
        ("very long hair", {"long hair"}),
        ("evil smile", set()),  # another tag than smile
        ("red eyes black dragon", set()),
        ("no smile", set()),
        ("hair bow", set()),
        ("7", set()),
    ],
)
def test_a_tag_says_the_words_that_it_is_made_of(tag, said):
    known = {"long hair", "short hair", "smile", "pink hair", "blonde hair", "red eyes"}
    reader = TagReader(known)
    found = {word for word in reader.tag(tag).words if word in known | {"blue eyes"}}
    assert found == said


def test_words_are_counted_once_a_picture_in_every_form_of_tags():
    rows = [
        "touhou:17705\tblonde hair:25457\tlong hair:9\tlong hair:9\t",
        "blonde long hair and red eyes",
        "1girl red_eyes smile",
        ":d, smile",
    ]
    found = count_words(rows)
    assert found["blonde hair"] == found["long hair"] == found["red eyes"] == found["smile"] == 2
    assert found["touhou"] == found["1girl"] == found[":d"] == 1
    assert "blonde long hair" not in found


def test_what_no_colour_parts_is_counted_as_a_whole():
    assert count_words(["very long hair", "teal hair"]) == {"very long hair": 1, "teal hair": 1}
