"""Attributes: labels and codes by name, in both directions."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.errors import ConfigError
from animekit.labels.attributes import Attributes, Attrs, said
from animekit.labels.vocabulary import Vocabulary

FACE = Attributes(
    Vocabulary(("red hair", "blue hair", "green eyes", "gray eyes", "smile"), (2, 2, 1)), (3, 2)
)


def test_labels_come_before_codes_and_each_has_its_values() -> None:
    assert FACE.names == ("hair", "eyes", "smile", "code0", "code1")
    assert [FACE.values(name) for name in FACE.names] == [
        ["red", "blue"],
        ["green", "gray"],
        [False, True],
        [0, 1, 2],
        [0, 1],
    ]


@pytest.mark.parametrize("name", ["Smile", "SMILE", "code_0", "nose", ""])
def test_a_name_is_known_in_any_case_or_an_error_with_the_nearest(name: str) -> None:
    if name.lower() == "smile":
        assert FACE.check(name) == "smile"
        return
    with pytest.raises(ConfigError, match="no attribute") as caught:
        FACE.check(name)
    assert caught.value.hint == "attributes: hair, eyes, smile, code0, code1"


@pytest.mark.parametrize(
    ("attrs", "labels", "mask"),
    [
        ({}, [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]),
        ({"hair": "blue"}, [0, 1, 0, 0, 0], [1, 1, 0, 0, 0]),
        ({"hair": ["red", "blue"], "smile": True}, [1, 1, 0, 0, 1], [1, 1, 0, 0, 1]),
        ({"eyes": "gray", "smile": False}, [0, 0, 0, 1, 0], [0, 0, 1, 1, 1]),
        ({"code0": 2}, [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]),
    ],
)
def test_attributes_become_labels_and_a_mask(
    attrs: Attrs, labels: list[int], mask: list[int]
) -> None:
    found = FACE.labels(attrs)
    assert [part.tolist() for part in found] == [labels, mask]
    assert {part.dtype for part in found} == {np.dtype(np.float32)}


def test_what_is_read_from_labels_gives_them_back() -> None:
    rows = [[1, 0, 0, 1, 0], [1, 1, 1, 0, 1], [0, 0, 0, 0, 1]]
    for row in rows:
        assert FACE.labels(FACE.read(row))[0].tolist() == row
    assert FACE.read(rows[1]) == {"hair": ["red", "blue"], "eyes": "green", "smile": True}
    assert FACE.read(rows[2])["hair"] == []


@pytest.mark.parametrize("attrs", [{"hair": "blu"}, {"hair": True}, {"smile": 1}, {"smile": "x"}])
def test_a_value_that_there_is_not_is_an_error(attrs: Attrs) -> None:
    with pytest.raises(ConfigError, match="has no value"):
        FACE.labels(attrs)


def test_codes_are_set_one_hot_at_the_end_of_z_and_not_truncated() -> None:
    z = np.ones((2, 7), np.float32)  # two numbers, then codes of three and two values
    found = FACE.placed(z, [{"code0": 1}, {"code1": 0}])
    assert found.tolist() == [[1, 1, 0, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1, 0]]
    assert (z == 1).all()
    assert FACE.truncated(found, 0.5)[0].tolist() == [0.5, 0.5, 0, 1, 0, 1, 1]
    with pytest.raises(ConfigError, match='code1 has no value "2"'):
        FACE.placed(z, [{"code1": 2}])


def test_a_title_says_an_attribute_as_a_prompt_would() -> None:
    assert [FACE.title(name, FACE.values(name)[0]) for name in FACE.names] == [
        "red hair",
        "green eyes",
        "no smile",
        "code0 0",
        "code1 0",
    ]
    assert said("hair", "blue") == "blue hair"
    assert said("smile", True) == "smile"
