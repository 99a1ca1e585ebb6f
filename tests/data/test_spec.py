"""Attributes of a spec: picked by name, in any spelling."""

import pytest

from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError

CELEBA = ImageSpec(32, labels=("Black_Hair", "Blond_Hair", "Male", "Young"), groups=(1, 1, 1, 1))
FACES = ImageSpec(32, labels=("red hair", "blue hair", "red eyes", "blue eyes"), groups=(2, 2))


def test_attributes_are_picked_by_name_in_any_spelling():
    assert FACES.columns("") == [0, 1, 2, 3]
    assert FACES.columns("hair") == [0, 1]
    assert CELEBA.columns("young, BLACK hair") == [3, 0]
    assert CELEBA.columns("Black_Hair") == [0]
    assert ImageSpec(32).columns("hair") == []  # labels are not read yet


def test_a_spec_of_some_columns_keeps_their_order_and_groups():
    eyes = FACES.only(FACES.columns("eyes,hair"))
    assert eyes.labels == ("red eyes", "blue eyes", "red hair", "blue hair")
    assert eyes.groups == (2, 2)
    assert CELEBA.only([2]) == ImageSpec(32, labels=("Male",), groups=(1,))
    hair = FACES.only([0, 1])
    assert hair.only(hair.columns("hair")) == hair  # as weights hold it


def test_an_unknown_attribute_is_told_with_the_nearest_one():
    with pytest.raises(ConfigError, match='no attribute "hare".* "hair"') as caught:
        FACES.columns("hare")
    assert caught.value.hint == "attributes: hair, eyes"
    with pytest.raises(ConfigError, match="named twice"):
        FACES.columns("hair,hair")
