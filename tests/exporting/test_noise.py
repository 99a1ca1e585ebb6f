"""Noise: the steps that a page repeats are the model's, and the page repeats them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from animekit.exporting.noise import Step, drawn, steps_of
from animekit.models.abilities import Generates
from animekit.models.sampling import noise_of_seeds
from animekit.plugins import Registry
from animekit.testing.tiny import tiny_model
from tests import javascript

SEEDS = [0, 7, 123_456_789, 2**32 + 7, 2**53 + 1, 2**63 - 1]
STEPS: list[list[Step]] = [
    [("normal", 100, 1.0)],
    [("normal", 64, 0.5)],
    [("normal", 16, 1.0)],
    [("normal", 7, 1.0), ("normal", 4, 1.0)],  # a number of the second pair is left for the next
    [("uniform", 20, 1.0)],
    [("sphere", 33, 1.0)],
    [("normal", 62, 1.0), ("uniform", 2, 1.0), ("choice", 10, 1.0), ("choice", 3, 1.0)],
]


def test_every_model_that_draws_says_how_it_draws_its_noise(registry: Registry) -> None:
    for name, kind in registry.all("model").items():
        model = tiny_model(kind)
        if isinstance(model, Generates):
            steps = steps_of(model)
            assert steps, name
            assert np.array_equal(drawn(steps, 11), noise_of_seeds(model, [11])[0].ravel()), name


@pytest.mark.parametrize("z", ["uniform", "sphere"])
def test_other_distributions_have_their_steps(registry: Registry, z: str) -> None:
    model = tiny_model(registry.get("model", "gan"), z=z, z_std=0.5)
    assert steps_of(model) == [(z, model.params.z_dim, 0.5)]


def test_noise_of_ones_own_has_no_steps() -> None:
    class Own:
        spec: Any = None

        def noise(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
            return torch.rand((n, 4), generator=generator) ** 2

        def sample(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
            return z

    assert steps_of(Own()) is None


@pytest.mark.parametrize("steps", STEPS, ids=str)
def test_a_page_draws_the_noise_of_torch_from_any_seed(steps: list[Step]) -> None:
    body = "return given.seeds.map((seed) => animekit.noise(given.steps, seed))"
    given = {"steps": steps, "seeds": list(map(str, SEEDS))}
    found = np.array(javascript.run(body, "chance.js", given=given))
    wanted = np.stack([drawn(steps, seed) for seed in SEEDS])
    assert np.abs(found - wanted).max() < 1e-6  # the last bit is that of the processor's logarithm
