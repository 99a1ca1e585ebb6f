"""Plans of labels: which words are learned, and how columns become theirs."""

import numpy as np
import pytest

from animekit.errors import ConfigError
from animekit.labels.plan import LabelPlan, Vectors, key_of

FACES = Vectors(
    ("red hair", "blue hair", "Smiling", "Black_Hair", "Blond_Hair"),
    (2, 1, 1, 1),
    np.array([[1, 0, 1, 1, 0], [0, 1, 0, 1, 1], [1, 0, 0, 0, 0]], np.uint8),
    np.ones((3, 5), np.uint8),
)


def test_words_groups_and_attributes_are_parted_by_their_signs():
    plan = LabelPlan.parse("Smile, long_hair | Short-Hair ,grey eyes,hair")
    assert plan.asked == (("hair",), ("smile",), ("long hair", "short hair"), ("gray eyes",))
    assert str(plan) == "hair,smile,long hair|short hair,gray eyes"
    assert LabelPlan.parse(str(plan)) == plan


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty place"),
        ("smile,,hat", "empty place"),
        ("long hair|", "empty place"),
        ("smile,Smile", '"smile" is named twice'),
        ("hair,blue hair", '"blue hair" is named twice: hair holds it already'),
        (",".join(f"w{i}" for i in range(600)), "600 labels"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        LabelPlan.parse(text)


def test_columns_are_taken_as_they_are_or_made_into_groups():
    found = LabelPlan.parse("smiling,black hair|blond hair").arranged(FACES)
    assert found.names == ("Smiling", "black hair", "blonde hair")
    assert found.groups == (1, 2)
    assert found.labels.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert found.mask.tolist() == [[1, 1, 1], [1, 0, 0], [1, 0, 0]]  # both said, and none
    hair = LabelPlan.parse("hair").arranged(FACES)
    assert (hair.names, hair.groups) == (("red hair", "blue hair"), (2,))
    assert hair.labels.tolist() == FACES.labels[:, :2].tolist()


def test_one_value_of_several_can_be_a_yes_or_no():
    found = LabelPlan.parse("blue hair").arranged(FACES)
    assert (found.names, found.groups) == (("blue hair",), (1,))
    assert found.labels[:, 0].tolist() == [0, 1, 0] and found.mask.all()


def test_a_word_that_no_column_has_is_known_of_nothing():
    found = LabelPlan.parse("hat,smiling").arranged(FACES)
    assert not found.mask[:, 0].any() and found.mask[:, 1].all()
    assert LabelPlan.parse("hat,smiling").absent([0, 1], found.groups) == ["hat"]
    assert LabelPlan.parse("red hair|hat").absent([2, 0], (2,)) == ["hat"]


def test_clashes_count_the_images_that_are_said_to_be_several():
    plan = LabelPlan.parse("black hair|blond hair,smiling|hat")
    assert plan.clashes(FACES) == {"black hair|blonde hair": 1}


def test_emoticons_stay_what_they_are():
    assert key_of(":d") != key_of("d") and key_of("^_^") == "^_^"
