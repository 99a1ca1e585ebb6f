"""What is asked: which metrics, with which parameters."""

from __future__ import annotations

import pytest

from animekit.errors import ConfigError, NotFoundError
from animekit.evaluation.evaluate import evaluate
from animekit.plugins import Registry
from tests.evaluation.support import Shift, brighter, drawn


def test_a_metric_without_its_weights_is_left_out_unless_it_was_named(few: Registry) -> None:
    found = evaluate(drawn(40, seed=1), drawn(80), registry=few)
    assert {row.metric for row in found.rows} == {"shift"}
    with pytest.raises(NotFoundError, match="no weights for absent"):
        evaluate(drawn(40), drawn(80), metrics=["absent"], registry=few)


def test_unknown_metrics_and_keys_are_refused_with_the_nearest(few: Registry) -> None:
    with pytest.raises(NotFoundError, match='Did you mean "shift"'):
        evaluate(drawn(40), drawn(80), metrics=["shfit"], registry=few)
    with pytest.raises(ConfigError, match="shift.faktor"):
        evaluate(drawn(40), drawn(80), params={"shift.faktor": 2}, registry=few)


def test_parameters_reach_their_metric(few: Registry) -> None:
    fakes = brighter(drawn(80, seed=1), 20)
    for key in ("shift.factor", "factor"):
        found = evaluate(fakes, drawn(160), metrics=["shift"], params={key: 3}, registry=few)
        assert found.value("shift") == pytest.approx(60, abs=2)
        assert found.provenance["metrics"]["shift"]["factor"] == 3


def test_each_repeat_has_a_seed_of_its_own_unless_one_is_set(few: Registry) -> None:
    evaluate(drawn(40, seed=1), drawn(80), metrics=["shift"], seed=5, registry=few)
    assert {call[1] for call in Shift.calls} == {5, 6, 7}
    Shift.calls.clear()
    params = {"shift.seed": 9}
    evaluate(drawn(40), drawn(80, seed=1), metrics=["shift"], params=params, registry=few)
    assert {call[1] for call in Shift.calls} == {9}
