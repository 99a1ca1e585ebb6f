"""The real side: how many images are compared, and the floor."""

from __future__ import annotations

import pytest

from animekit.errors import UnusableError
from animekit.evaluation.evaluate import evaluate
from animekit.plugins import Registry
from tests.evaluation.support import Asked, Shift, codes, drawn


def test_by_default_the_floor_has_as_many_images_as_the_fakes(few: Registry) -> None:
    found = evaluate(drawn(900, seed=1), drawn(1000), metrics=["shift"], registry=few)
    assert found.provenance["n"] == 500
    assert "floor.smaller" not in codes(found)


def test_a_number_that_was_asked_for_is_kept_and_a_smaller_floor_is_said(
    few: Registry,
) -> None:
    found = evaluate(drawn(900, seed=1), drawn(1000), metrics=["shift"], num=800, registry=few)
    assert found.columns[1].values["shift"].n == 800
    assert found.real.values["shift"].n == 500
    assert "floor.smaller" in codes(found)
    # the floor's real side has as many images as its fakes, and none in common
    assert ("prepare", 0, 800) in Shift.calls
    assert any(call[0] == "prepare" and call[2] < 800 for call in Shift.calls)


def test_too_large_a_number_is_cut_and_said(few: Registry) -> None:
    found = evaluate(drawn(50, seed=1), drawn(100), metrics=["shift"], num=80, registry=few)
    assert found.provenance["n"] == 50
    assert {"data.fewer", "data.few"} <= set(codes(found))


def test_a_metric_that_needs_more_images_is_left_out_unless_it_was_named(
    few: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asked, "fewest", 1000)
    fakes, reals = drawn(40, seed=1, labelled=True), drawn(80, labelled=True)
    found = evaluate(fakes, reals, registry=few)
    assert {row.metric for row in found.rows} == {"shift"}
    assert "metric.count" in codes(found)
    with pytest.raises(UnusableError, match="asked needs 1000 images a side, there are 40"):
        evaluate(fakes, reals, metrics=["asked"], registry=few)


@pytest.mark.parametrize(
    ("fakes", "num", "why"),
    [
        (900, None, "half of the 1,000 real ones, as many are left for real vs real; --num 900"),
        (300, None, "all of the fakes; 1,000 real ones are there"),
        (900, 600, "as asked"),
        (300, 600, "600 were asked for, no more are there"),
    ],
)
def test_it_is_said_why_so_many_images_are_compared(
    few: Registry, fakes: int, num: int | None, why: str
) -> None:
    images, reals = drawn(fakes, seed=1), drawn(1000)
    found = evaluate(images, reals, metrics=["shift"], num=num, repeats=1, registry=few)
    assert found.provenance["n_is"].startswith(why)


def test_a_floor_with_too_few_images_is_undefined_and_the_fakes_are_measured(
    few: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shift, "fewest", 60)
    found = evaluate(drawn(80, seed=1), drawn(80), metrics=["shift"], num=80, registry=few)
    assert found.value("shift") is not None
    assert found.real.values["shift"].reason == "40 real images are left for it, 60 are needed"
