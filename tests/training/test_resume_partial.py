"""Resume of a plugin in which a parameter has no gradient in some updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from animekit import plugins
from animekit.data.batch import Batch
from animekit.models.base import Losses
from animekit.plugins import PluginSource
from animekit.runs.run import Run
from animekit.testing.tiny import tiny_stepper
from animekit.training.fitting import phases_of
from animekit_plugins.models.gan import GAN
from tests.attacks import kill_runs

Train = Callable[..., Run]


class Occasional(GAN):
    """A GAN with a scale that only every third step uses, and one that none does."""

    name = "occasional"

    def __init__(self, params: Any, spec: Any) -> None:
        super().__init__(params, spec)
        self.discriminator.seldom = nn.Parameter(torch.ones(()))
        self.discriminator.never = nn.Parameter(torch.ones(2))

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        losses = super().d_loss(real, fake)
        if real.step % 3 == 0:
            losses["real"] = losses["real"] * self.discriminator.seldom
        return losses

    def _seen(self, batch: Batch, images: Any, labels: Any) -> Batch:
        seen = super()._seen(batch, images, labels)
        seen.step = batch.step
        return seen


@pytest.mark.parametrize("rule", ["adam", "rmsprop"])
def test_a_parameter_that_misses_updates_is_resumed_bit_for_bit(tiny: Train, rule: str) -> None:
    registry = plugins.load()
    registry.add("model", Occasional, PluginSource(__name__, "test", ""))
    straight = tiny("occasional", registry=registry, steps=8, optimizer=rule)
    cut = tiny("occasional", registry=registry, steps=2, optimizer=rule)
    for steps in (4, 8):
        tiny("occasional", registry=registry, resume=cut.path, steps=steps)
    assert kill_runs.differences(straight, cut) == []


@pytest.mark.parametrize("saved", [None, "d", ["x"], [1], {"d": 1}])
def test_what_is_no_list_of_phases_is_refused(saved: object) -> None:
    assert phases_of(["d"], ["d", "g"]) == {"d"}
    with pytest.raises(ValueError, match="partial is"):
        phases_of(saved, ["d", "g"])


@pytest.mark.parametrize("name", plugins.load().all("model"))
def test_no_model_of_ours_leaves_a_parameter_without_a_gradient(name: str) -> None:
    stepper = tiny_stepper(plugins.load().get("model", name))
    for _ in range(6):
        stepper.step()
    assert stepper.partial == set()
