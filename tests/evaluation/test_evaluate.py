"""Evaluation: the numbers of known sets of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.image_set import ImageSet
from animekit.evaluation.result import Value
from animekit.plugins import Registry
from tests.evaluation.support import SIZE, brighter, drawn


def test_a_shift_is_found_and_the_floor_stays_near_zero(few: Registry) -> None:
    fakes = brighter(drawn(600, seed=1), 20)
    found = evaluate(fakes, drawn(600), metrics=["shift"], registry=few)
    value, floor = found.columns[1].values["shift"], found.real.values["shift"]
    assert value.value == pytest.approx(20, abs=0.5)
    assert abs(floor.value or 0) < 0.5
    assert (value.n, floor.n, value.repeats) == (300, 300, 3)


def test_swapped_sides_change_the_sign(few: Registry) -> None:
    one, two = drawn(200), brighter(drawn(200, seed=1), 20)
    there = evaluate(two, one, metrics=["shift"], registry=few).value("shift")
    back = evaluate(one, two, metrics=["shift"], registry=few).value("shift")
    assert there == pytest.approx(20, abs=1)
    assert back == pytest.approx(-20, abs=1)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(few: Registry) -> None:
    def value(seed: int) -> float | None:
        fakes, reals = drawn(400, seed=1), drawn(300)
        return evaluate(fakes, reals, metrics=["shift"], num=100, seed=seed, registry=few).value(
            "shift"
        )

    assert value(0) == value(0)
    assert value(0) != value(1)


def test_flat_fakes_have_no_number_but_a_reason(few: Registry) -> None:
    flat = ImageSet("flat", np.full((60, SIZE, SIZE, 3), 7, np.uint8))
    found = evaluate(flat, drawn(120), metrics=["shift"], registry=few)
    assert found.columns[1].values["shift"] == Value(None, n=60, reason="the pictures are flat")
    assert found.real.values["shift"].value is not None
    row = found.facts()["metrics"][0]
    assert (row["value"], row["values"]["flat"]["reason"]) == (None, "the pictures are flat")


def test_two_contenders_stand_side_by_side(few: Registry) -> None:
    one, two = brighter(drawn(80, seed=1), 20, "one"), brighter(drawn(80, seed=2), 21, "two")
    found = evaluate(one, drawn(160), metrics=["shift"], compare=[two], registry=few)
    assert [column.name for column in found.columns] == ["real vs real", "one", "two"]
    assert (found.value("shift", 2) or 0) - (found.value("shift") or 0) == pytest.approx(1, abs=0.5)
    assert found.differ("shift", 1, 2) is False  # its own standard error is 0.5
    assert found.differ("shift", 0, 1) is True


def test_a_conditional_metric_gets_the_labels_of_the_fakes(few: Registry) -> None:
    fakes = drawn(40, seed=1, labelled=True)
    assert fakes.labels is not None
    only_black = ImageSet("fakes", fakes.images[::2], fakes.labels[::2])
    found = evaluate(only_black, drawn(80, labelled=True), metrics=["asked"], registry=few)
    assert found.value("asked") == 1.0
    assert found.real.values["asked"].value == pytest.approx(0.5, abs=0.2)


def test_unlabelled_real_images_give_no_conditional_floor(few: Registry) -> None:
    fakes = drawn(40, seed=1, labelled=True)
    found = evaluate(fakes, drawn(80), metrics=["asked"], registry=few)
    assert found.real.values["asked"].value is None
    assert found.real.values["asked"].reason == "the real images have no labels"
    assert found.value("asked") == pytest.approx(0.5, abs=0.2)


@pytest.mark.slow
def test_a_fresh_checkout_measures_the_bundled_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = evaluate(metrics=["ms_ssim", "swd"], repeats=1)
    assert found.columns[1].name == "faces64"
    assert found.value("swd_avg") == pytest.approx(9.8, abs=0.5)
    assert found.value("ms_ssim") == pytest.approx(0.48, abs=0.02)
    assert found.verdicts["faces64"].level == "none"
