"""The update rule as pseudo-code: what a step of the trainer does, in its order."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from animekit.explanation.layers import trace
from animekit.explanation.rule import optimizer_words, pseudo_code, updates_of
from animekit.models.base import Model, Phase
from animekit.plugins import Registry
from animekit.testing.tiny import tiny_model
from animekit.training.recipe import TrainOptions


def code_of(model: Model, **options: Any) -> str:
    updates = updates_of(model, trace(model).terms)
    return "\n".join(pseudo_code(model, updates, TrainOptions(**options)))


def test_the_rule_of_wgan_has_its_rounds_its_rate_and_its_clip(registry: Registry) -> None:
    model = tiny_model(registry.get("model", "wgan"), n_critic=5, clip=0.02, z_dim=7)
    assert code_of(model, steps=300, batch_size=8).splitlines() == [
        "repeat 300 times:",
        "    x <- 8 real images; z <- 8 x 7 numbers of N(0, 1), G(z) drawn once for all",
        "    every step:  # phase d",
        "        loss <- wasserstein",
        "        update discriminator by RMSprop, lr 5e-05, alpha 0.99",
        "        w <- min(max(w, -0.02), 0.02) for every weight w of D",
        "    every 5 steps:  # phase g",
        "        loss <- adv",
        "        update generator by RMSprop, lr 5e-05, alpha 0.99",
        "    average of generator <- 0.999 x itself + (1 - 0.999) x now",
    ]


def test_what_comes_behind_an_update_is_said_by_its_method_where_the_model_says_nothing(
    registry: Registry,
) -> None:
    gan = registry.get("model", "gan")

    class Rounded(gan):
        def after_d_step(self) -> None:
            """Round all weights of D."""

    words = {cls: code_of(tiny_model(cls)) for cls in (gan, Rounded)}
    assert "Round all weights of D." in words[Rounded]
    assert "Run behind" not in words[gan], "what does nothing is not said"


def test_unpaired_and_labelled_data_are_drawn_as_they_are(registry: Registry) -> None:
    assert "a, b <- 4 real images of each domain" in code_of(
        tiny_model(registry.get("model", "cyclegan")), batch_size=4
    )
    assert "x <- 4 real images, c <- their labels" in code_of(
        tiny_model(registry.get("model", "acgan")), batch_size=4
    )


def test_an_optimiser_is_said_with_what_is_not_nothing() -> None:
    phase = Phase(
        *("p", [nn.Linear(1, 1)], lambda batch: {}),
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    )
    assert optimizer_words(phase) == "SGD, lr 0.1, momentum 0.9"
