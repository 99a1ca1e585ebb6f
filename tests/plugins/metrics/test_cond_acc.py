"""Condition accuracy: what counts as right, the confusion matrix, and the bundled reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit import plugins
from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.errors import CheckpointError, DataError, NotFoundError, UnusableError
from animekit.evaluation.image_set import LabelTable
from animekit.evaluation.metric import MetricContext
from animekit.labels.prompt import parse
from animekit.labels.tags import EYES, HAIR
from animekit.models.tagger import Classifier
from animekit_plugins.metrics.cond_acc import ConditionAccuracy, ConditionParams, confusion
from tests.readers import ToldReader


class Told(Classifier):
    """A reader that says what it was told to."""

    def __init__(self, hair: list[str], eyes: list[str]) -> None:
        self.hair, self.eyes = hair, eyes

    @property
    def description(self) -> str:
        return "told"

    def read(self, images: np.ndarray, progress: object = None) -> dict[str, np.ndarray]:
        return {
            "hair": np.array([HAIR.index(each) for each in self.hair]),
            "eyes": np.array([EYES.index(each) for each in self.eyes]),
        }


def measured(asked: list[str], hair: list[str], eyes: list[str]) -> dict[str, float]:
    """Return the accuracies where each image reads as it is told."""
    metric = ConditionAccuracy()
    metric._loaded = Told(hair, eyes)
    labels = np.stack([parse(each)[0] for each in asked])
    return metric.compute(None, np.zeros((len(asked), 3, 8, 8), np.uint8), labels)


def test_accuracy_counts_each_attribute_and_both_together() -> None:
    found = measured(
        ["blue hair red eyes", "blue hair red eyes", "pink hair red eyes", "red hair blue eyes"],
        ["blue", "green", "pink", "red"],
        ["red", "red", "green", "blue"],
    )
    assert found["acc_hair"] == 0.75
    assert found["acc_eyes"] == 0.75
    assert found["acc_both"] == 0.5
    assert found["acc_hair_se"] == pytest.approx((0.75 * 0.25 / 4) ** 0.5)


def test_a_rare_colour_weighs_as_much_as_a_common_one_in_the_mean() -> None:
    found = measured(
        ["blue hair", "blue hair", "blue hair", "pink hair"],
        ["blue", "blue", "blue", "blue"],
        ["red"] * 4,
    )
    assert found["acc_hair"] == 0.75
    assert found["acc_hair_mean"] == 0.5
    assert not {"acc_eyes", "acc_both"} & set(found)  # no eyes were asked for


def test_either_of_two_asked_colours_is_right() -> None:
    assert measured(["blue pink hair"] * 3, ["blue", "pink", "red"], ["red"] * 3)[
        "acc_hair"
    ] == pytest.approx(2 / 3)


def test_rows_of_the_confusion_were_asked_and_columns_were_read() -> None:
    matrix = confusion(np.eye(3)[[0, 0, 1]], np.array([0, 2, 1]))
    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_tables_show_counts_beside_those_of_the_data() -> None:
    real_labels = np.stack([parse("blue hair")[0]] * 7)
    metric = ConditionAccuracy(context=MetricContext(real_labels=real_labels))
    metric._loaded = Told(["blue", "green"], ["red", "red"])
    labels = np.stack([parse("blue hair red eyes")[0]] * 2)
    hair, eyes = metric.illustrate(np.zeros(0), np.zeros((2, 3, 8, 8), np.uint8), labels)
    blue = HAIR.index("blue")
    assert hair.table is not None
    assert (hair.table["images"][blue], hair.table["in_data"][blue]) == (2, 7)
    assert hair.table["right"][blue] == 0.5
    assert hair.table["read green"][blue] == 1
    assert eyes.image is not None
    assert eyes.image.shape[2] == 3


def test_labels_must_fit_the_images() -> None:
    with pytest.raises(DataError, match="0 labels for 2 images"):
        ConditionAccuracy().compute(None, np.zeros((2, 3, 8, 8), np.uint8))


def test_another_classifier_must_be_there_and_read_colours() -> None:
    absent = ConditionAccuracy(ConditionParams(classifier="mine.safetensors")).missing()
    assert isinstance(absent, NotFoundError)
    metric = ConditionAccuracy(ConditionParams(classifier="faces64"))
    with pytest.raises(CheckpointError, match="reads no labels"):
        metric.definition(1)


ASKED = LabelTable(
    ("smiling", "hat", "short hair"),
    np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]], np.uint8),
    np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 1, 0]], np.uint8),
)


def test_a_reader_of_other_words_counts_groups_and_yes_or_no() -> None:
    told: list[str] = []
    context = MetricContext(warn=told.append, asked=ASKED.names)
    metric = ConditionAccuracy(context=context)
    metric._loaded = ToldReader([1, 0, 1, 1], [1, 0, 0, 0])
    assert metric.reads == ("no Smiling", "Smiling", "long hair", "short hair")
    labels = ASKED.columns(metric.reads)
    images = np.zeros((4, 3, 8, 8), np.uint8)
    found = metric.compute(None, images, labels)
    assert found["acc_smiling"] == 0.75  # a no that was asked for counts as much as a yes
    assert found["acc_hair"] == 0.5  # of the two of which a length is known
    assert found["acc_both"] == 0.5
    assert told == ["tagger does not read hat, which is left out"]
    smile, _ = metric.illustrate(np.zeros(0), images, labels)
    assert smile.table is not None and smile.table["asked"] == ["no", "yes"]
    assert smile.table["read yes"] == [1, 2]


def test_a_reader_of_none_of_the_words_says_which_it_reads() -> None:
    metric = ConditionAccuracy(context=MetricContext(asked=("hat", "bow")))
    metric._loaded = ToldReader([], [])
    assert LabelTable(("hat",), np.ones((2, 1)), np.ones((2, 1))).columns(metric.reads) is None
    with pytest.raises(UnusableError, match=r"reads smiling, hair, and none of hat, bow") as caught:
        metric.compute(None, np.zeros((2, 3, 8, 8), np.uint8), None)
    assert caught.value.code == "metric.undefined"


@pytest.mark.data
def test_the_bundled_tagger_reads_real_colours_as_its_card_says(shared_data: Path) -> None:
    registry = plugins.load()
    packed = pack(open_dataset(str(shared_data / "mlds_extra"), registry), 64)
    assert packed.labels is not None
    rows = np.flatnonzero(packed.held_out(0.1) & packed.labels.any(1))[::5]
    metric = ConditionAccuracy(context=MetricContext(registry=registry))
    images = np.ascontiguousarray(packed.images[rows].transpose(0, 3, 1, 2))
    found = metric.compute(None, images, packed.labels[rows])
    assert found["acc_hair"] > 0.92
    assert found["acc_eyes"] > 0.92
