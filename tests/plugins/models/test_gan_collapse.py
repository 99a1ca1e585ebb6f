"""The preset that collapses, and its cures, which change nothing that would be another recipe."""

from __future__ import annotations

from typing import Any

import pytest

from animekit import plugins
from animekit.models.adversarial_params import AdversarialParams
from animekit.training.recipe import make_recipe, presets_of
from animekit_plugins.models.gan import GAN

CURES = {
    "collapse-minibatch": {"minibatch_std"},
    "collapse-dragan": {"dragan_weight"},
    "collapse-replay": {"replay_size"},
    "collapse-soft": {"real_label", "fake_label"},
    "collapse-r1": {"r1_weight"},
}
"""What each of them may change."""
RECORDED = {
    *AdversarialParams.topics["networks"],
    *AdversarialParams.topics["update rule"],
    *("z_dim", "z", "steps", "batch_size", "size", "ema_decay", "seed"),
}


def values_of(preset: str) -> dict[str, Any]:
    recipe = make_recipe("gan", plugins.load(), preset=preset)
    return {**recipe.params.model_dump(), **recipe.options.model_dump()}


def test_the_cures_are_all_there_are() -> None:
    found = {name for name in presets_of(GAN) if name.startswith("collapse")}
    assert found == {"collapse", *CURES}


@pytest.mark.parametrize("cure", CURES)
def test_a_cure_keeps_networks_rates_and_steps(cure: str) -> None:
    sick, cured = values_of("collapse"), values_of(cure)
    changed = {key for key in sick if sick[key] != cured[key]}
    assert changed == CURES[cure]
    assert not changed & RECORDED
    assert sick.keys() >= RECORDED and sick["steps"] is not None
