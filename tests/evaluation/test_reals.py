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
