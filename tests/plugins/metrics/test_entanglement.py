"""Entanglement: V in closed form, strata, what is not counted, and the tables."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.errors import DataError, UnusableError
from animekit.labels.tags import EYES, HAIR
from animekit_plugins.metrics.entanglement import Entanglement, association, crosstable
from tests.plugins.metrics.test_cond_acc import Told

RNG = np.random.default_rng(0)


def labels_of(hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    return np.hstack(
        [np.eye(len(HAIR), dtype=np.uint8)[hair], np.eye(len(EYES), dtype=np.uint8)[eyes]]
    )


def measured(hair: np.ndarray, eyes: np.ndarray, read_eyes: np.ndarray) -> dict[str, float]:
    """Return the numbers where hair is read as asked, and eyes as told."""
    metric = Entanglement()
    metric._loaded = Told([HAIR[at] for at in hair], [EYES[at] for at in read_eyes])
    images = np.zeros((len(hair), 3, 8, 8), np.uint8)
    return metric.compute(None, images, labels_of(hair, eyes))


def test_v_is_one_for_what_tells_all_and_nothing_for_what_tells_nothing() -> None:
    assert association([np.diag([50, 50, 50])]) == pytest.approx(1)
    assert association([np.full((3, 4), 20)]) == 0
    assert association([np.array([[30, 10], [10, 30]])]) == pytest.approx(
        ((0.25 - 1 / 79) / (1 - 1 / 79)) ** 0.5  # chi2 / n is 1/4 of 80 images
    )


def test_v_of_chance_is_near_nothing_where_the_plain_one_is_not() -> None:
    found = [
        association([crosstable(RNG.integers(12, size=300), RNG.integers(11, size=300), 11)])
        for _ in range(20)
    ]
    assert np.mean([value for value in found if value is not None]) < 0.08  # plain: 0.19


def test_tables_without_enough_images_or_rows_show_nothing() -> None:
    assert association([]) is None
    assert association([np.array([[5, 4]])]) is None
    assert association([np.array([[90, 40]])]) is None
    assert association([np.array([[40], [40]])]) == 0  # one value is read, whatever was asked
    assert association([np.diag([50, 50]), np.array([[50], [50]])]) == pytest.approx(0.5**0.5)


def test_a_model_that_follows_both_prompts_is_as_entangled_as_its_prompts() -> None:
    hair = RNG.integers(4, size=2000)
    eyes = np.where(RNG.random(2000) < 0.5, hair, RNG.integers(4, size=2000))
    found = measured(hair, eyes, eyes)
    assert found["v_hair_eyes"] == pytest.approx(0.5, abs=0.05) == found["v_eyes_hair"]
    assert found["v_hair_eyes_given"] == 0


def test_hair_that_changes_eyes_shows_among_equal_prompts() -> None:
    hair, eyes = RNG.integers(3, size=(2, 3000))
    read = np.where(RNG.random(3000) < 0.7, eyes, hair)
    found = measured(hair, eyes, read)
    assert 0.25 < found["v_hair_eyes"] < 0.35 < found["v_hair_eyes_given"]
    assert found["v_eyes_hair"] < 0.05


def test_images_asked_for_several_or_no_values_are_not_counted() -> None:
    hair, eyes = np.repeat([0, 1], 20), np.repeat([2, 3], 20)
    labels = labels_of(hair, eyes)
    odd = labels_of(np.zeros(15, int), np.full(15, 3))
    odd[:10, 1] = 1
    odd[10:, : len(HAIR)] = 0
    metric = Entanglement()
    metric._loaded = Told([HAIR[0]] * 55, [EYES[2]] * 20 + [EYES[3]] * 35)
    images = np.zeros((55, 3, 8, 8), np.uint8)
    found = metric.compute(None, images, np.vstack([labels, odd]))
    assert found["v_hair_eyes"] == pytest.approx(1)
    (shown, _) = metric.illustrate(images, images, np.vstack([labels, odd]))
    assert shown.name == "entangled-hair-eyes" and shown.table is not None
    assert shown.table["images"][:2] == [20, 20] and shown.table["asked"][-1] == "all"
    assert shown.table["images"][-1] == 40
    assert shown.image is not None and shown.image.dtype == np.uint8


def test_prompts_of_one_attribute_have_no_pair() -> None:
    labels = labels_of(np.zeros(30, int), np.zeros(30, int))
    metric = Entanglement()
    metric._loaded = Told([HAIR[0]] * 30, [EYES[0]] * 30)
    with pytest.raises(UnusableError, match="two values each"):
        metric.compute(None, np.zeros((30, 3, 8, 8), np.uint8), labels)
    with pytest.raises(DataError, match="0 labels for 30"):
        metric.compute(None, np.zeros((30, 3, 8, 8), np.uint8), None)


def test_any_attributes_of_the_classifier_are_held_against_each_other() -> None:
    class Reads(Told):
        labels, groups = ("long", "short", "smile", "hat"), (2, 1, 1)

        def read(self, images: np.ndarray, progress: object = None) -> dict[str, np.ndarray]:
            return {name: np.tile([0, 1], len(images) // 2) for name in self.attributes}

    metric = Entanglement()
    metric._loaded = Reads([], [])
    first, *others = metric.classifier().attributes
    assert others == ["smile", "hat"]
    turns = np.tile(np.eye(2, dtype=np.uint8), (30, 1))
    labels = np.hstack([turns, turns[::-1], np.repeat(turns[:1], 60, axis=0)])
    found = metric.compute(None, np.zeros((60, 3, 8, 8), np.uint8), labels)
    assert found[f"v_{first}_smile"] == found["v_smile_hat"] == pytest.approx(1)
    assert not any(key.startswith("v_hat") for key in found)  # one value was asked for
