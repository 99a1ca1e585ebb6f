"""Vocabularies: how attributes are called, and labels written as text."""

from __future__ import annotations

import contextlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from animekit.errors import ConfigError
from animekit.labels.prompt import parse
from animekit.labels.vocabulary import COURSE, Vocabulary
from tests.labels.faces import FACE, said

words = st.sampled_from(
    ["red", "hair", "eyes", "no", "-smile", "smile", "long", "very", "open", "mouth", ",", "teal"]
)


@given(st.lists(words, max_size=8).map(" ".join))
def test_what_is_read_is_written_so_that_it_is_read_again(text: str) -> None:
    with contextlib.suppress(ConfigError):
        found = parse(text, FACE)
        assert np.array_equal(parse(FACE.format(*found), FACE), found)


@given(st.data())
def test_labels_with_a_mask_round_trip(data: st.DataObject) -> None:
    labels, mask = np.zeros((2, len(FACE.labels)), np.uint8)
    for columns in FACE.attributes.values():
        width = columns.stop - columns.start
        values = data.draw(st.lists(st.booleans(), min_size=width, max_size=width))
        if width == 1 or any(values):
            labels[columns] = values
            mask[columns] = data.draw(st.booleans())
    labels *= mask
    if mask.any():
        assert np.array_equal(parse(FACE.format(labels, mask), FACE), [labels, mask])


def test_attributes_are_called_after_what_their_values_share() -> None:
    assert list(FACE.attributes)[:4] == ["hair", "hair style", "eyes", "smile"]
    assert FACE.attributes["hair style"] == slice(3, 7)
    assert list(Vocabulary(("cat", "dog"), (2,)).attributes) == ["class"]
    assert FACE.about() == (
        "hair: blonde blue red; hair style: short hair, very long hair, long hair, twintails;"
        " eyes: blue green; yes or no: smile, open mouth, no beard, black hair, 5 o clock shadow,"
        " wearing hat"
    )


def test_labels_that_words_do_not_tell_apart_are_read_as_they_stand() -> None:
    odd = Vocabulary(("A", "a", "!!!", "b"), (1, 1, 1, 1))
    assert said("A", odd)[0] == {"A"}
    assert said("a, !!!", odd)[0] == {"a", "!!!"}
    labels, mask = np.array([[1, 0, 0, 1], [1, 1, 1, 1]], np.uint8)
    assert np.array_equal(parse(odd.format(labels, mask), odd), [labels, mask])


def test_without_a_mask_only_what_is_set_is_written() -> None:
    labels = parse("blue hair, smile, no open mouth", FACE)[0]
    assert FACE.format(labels) == "blue hair, smile"
    assert FACE.format(np.zeros(len(FACE.labels))) == ""


def test_hair_colours_that_are_a_yes_or_no_each_exclude_each_other() -> None:
    celeba = Vocabulary(
        ("Bald", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Gray_Hair", "Wavy_Hair"),
        (1,) * 7,
    )
    assert celeba.rivals(2) == (1, 4, 5)
    assert celeba.rivals(0) == celeba.rivals(6) == ()  # wavy hair has a colour too
    assert COURSE.rivals(1) == (0, *range(2, 12))


def test_eyes_are_no_rivals_of_hair() -> None:
    both = Vocabulary(("blue hair", "red hair", "blue eyes", "red eyes"), (1, 1, 1, 1))
    assert [both.rivals(place) for place in range(4)] == [(1,), (0,), (3,), (2,)]


def test_who_is_blonde_is_known_not_to_be_dark() -> None:
    celeba = Vocabulary(("Black_Hair", "Blond_Hair", "Male"), (1, 1, 1))
    labels, mask = parse("blond hair", celeba)
    assert celeba.closed(labels, mask).tolist() == [1, 1, 0]
    assert celeba.format(labels, mask) == "blonde hair"
    labels, mask = parse("no blond hair, male", celeba)
    assert celeba.closed(labels, mask).tolist() == [0, 1, 1]  # it may be dark or not
    labels, mask = parse("black hair, blond hair", celeba)
    assert labels.tolist() == [1, 1, 0]  # both were asked for
    many = celeba.closed(np.array([[0, 1, 0], [0, 0, 1]]), np.array([[0, 1, 0], [0, 0, 1]]))
    assert many.tolist() == [[1, 1, 0], [0, 0, 1]]
