"""Names of single images: fields filled in, nothing outside the folder, nothing twice."""

import pytest

from animekit.errors import UsageError
from animekit.generation.naming import NameTemplate, rows_of


def test_the_fields_of_an_image_are_filled_in():
    rows = rows_of(3, ["7", "7", "b/c"], [3, 12, 3], ["blue hair", "blue hair", "no smile!"])
    names = NameTemplate("sample_{id}_{k}.jpg").names(rows)
    assert names == ["sample_7_1.jpg", "sample_7_2.jpg", "sample_b-c_1.jpg"]
    long = NameTemplate("{index:03}-{seed:04}-{prompt}.png").names(rows)
    assert long == [
        "000-0003-blue-hair.png",
        "001-0012-blue-hair.png",
        "002-0003-no-smile.png",
    ]


def test_without_a_testing_text_prompts_are_numbered_from_one():
    rows = rows_of(3, (), (0, 1, 2), ["red hair", "blue hair", "red hair"])
    assert [(row["id"], row["k"]) for row in rows] == [("1", 1), ("2", 1), ("1", 2)]
    assert [row["k"] for row in rows_of(2, (), (), None)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a/{k}.png", "is a path"),
        ("..\\{k}.png", "is a path"),
        (".{k}.png", "is a path"),
        ("{k}.gif", "does not end"),
        ("{k}", "does not end"),
        ("{kk}.png", 'no field "kk"'),
        ("{seeed}.png", 'Did you mean "seed"'),
        ("{k.__class__}.png", "no field"),
        ("{k!r}.png", "cannot read"),
        ("{k.png", "cannot read"),
        ("{prompt:99999}.png", "cannot write prompt"),
        ("{k:99999}.png", "cannot write k"),
        ("{}.png", "no field"),
    ],
)
def test_a_name_that_is_none_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        NameTemplate(text)


def test_a_name_never_leaves_its_folder_and_is_one_on_every_system():
    template = NameTemplate("{id}.png")
    for given, name in (
        ("../../etc/passwd", "etc-passwd.png"),
        ("..", "none.png"),
        ("con", "_con.png"),
        ("a" * 400, "a" * 196 + ".png"),
    ):
        assert template.name({"id": given}) == name


@pytest.mark.parametrize("ids", [["a", "a"], ["A", "a"], ["a b", "a/b"]])
def test_two_images_of_one_name_are_refused(ids):
    with pytest.raises(UsageError, match="images 0 and 1 would both be called"):
        NameTemplate("{id}.png").names(rows_of(2, ids, (0, 1), None))
