"""The preset that collapses, and its cures, which change nothing that would be another recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import animekit
from animekit import plugins
from animekit.models.adversarial_params import AdversarialParams
from animekit.models.collapse import Verdict
from animekit.training.presets import presets_of
from animekit.training.recipe import make_recipe
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


def verdict_of(preset: str, data: str | Path, seed: int, runs: Path) -> Verdict:
    run = animekit.train("gan", data, preset=preset, seed=seed, threads=1, runs=runs)
    found = animekit.evaluate(run, metrics=["ms_ssim", "ndb"], num=500, repeats=1, threads=1)
    (verdict,) = found.verdicts.values()
    return verdict


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_collapses_on_drawn_faces(seed: int, tmp_path: Path) -> None:
    verdict = verdict_of("collapse", "synthetic:1200", seed, tmp_path)
    assert verdict.level == "collapse", verdict.text


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.data
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_collapses_on_real_faces(seed: int, shared_data: Path, tmp_path: Path) -> None:
    verdict = verdict_of("collapse", shared_data / "mlds_faces" / "faces", seed, tmp_path)
    assert verdict.level == "collapse", verdict.text
