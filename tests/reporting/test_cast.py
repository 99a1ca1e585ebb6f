"""Casts: which parameters are tips."""

from __future__ import annotations

from animekit.plugins import Registry
from animekit.reporting.cast import TIPS
from animekit.training import tips


def test_each_parameter_that_is_a_tip_is_one_of_a_model(registry: Registry) -> None:
    known = {key for model in registry.all("model").values() for key in model.Params.model_fields}
    assert set(TIPS) <= known
    assert set(TIPS.values()) == set(tips.TIPS)
