"""Dropout and noise in a generator's layers: as torch has them, and by z when pictures are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from animekit import plugins
from animekit.errors import ConfigError
from animekit.models.sampling import draw, noise_of_seeds
from animekit.nn.architectures import ARCHITECTURES
from animekit.nn.chance import LayerNoise, RandomLayer, SeededDropout, seeded
from animekit.testing.tiny import tiny_model, tiny_stepper

MODELS = plugins.load().all("model")
DROPPED: dict[str, Any] = {"g_dropout": 0.5, "g_dropout_sampling": True}
LABELS = np.eye(5, dtype=np.float32)[[0, 1, 2]] + np.eye(5, dtype=np.float32)[3]


def test_in_training_dropout_and_noise_are_those_of_torch() -> None:
    x = torch.randn(4, 3, 5, 5)
    torch.manual_seed(0)
    expected = nn.Dropout(0.3)(x), x + 0.1 * torch.randn_like(x)
    torch.manual_seed(0)
    found = SeededDropout(0.3, sampling=True)(x), LayerNoise(0.1)(x)
    assert all(map(torch.equal, expected, found))


def test_in_eval_mode_a_layer_without_streams_does_nothing() -> None:
    x = torch.randn(2, 3, 4, 4)
    for layer in (SeededDropout(0.5, sampling=True), LayerNoise(0.5)):
        assert torch.equal(layer.eval()(x), x)


def test_dropout_keeps_the_mean_and_noise_has_its_deviation_when_pictures_are_made() -> None:
    network = nn.Sequential(SeededDropout(0.25, sampling=True)).eval()
    x = torch.ones(2, 8, 64, 64)
    with seeded(network, torch.randn(2, 7)):
        dropped = network(x)
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert not torch.equal(dropped[0], dropped[1])
    noisy = nn.Sequential(LayerNoise(0.2)).eval()
    with seeded(noisy, torch.randn(2, 7)):
        assert (noisy(x) - 1).std().item() == pytest.approx(0.2, rel=0.02)
    assert network[0].streams == ()


@pytest.mark.parametrize("name", ["gan", "acgan", "infogan", "twostage", "cwgangp"])
@pytest.mark.parametrize("values", [DROPPED, {"g_noise": 0.5}])
def test_an_image_is_its_own_alone_in_company_and_again(name: str, values: dict[str, Any]) -> None:
    model = tiny_model(MODELS[name], **values).eval()
    z = noise_of_seeds(model, range(3))  # type: ignore[arg-type]
    labels = LABELS if model.spec.labels else None
    together = draw(model, z, labels)
    assert np.array_equal(draw(model, z, labels), together)
    for row in range(3):
        own = None if labels is None else labels[row : row + 1]
        assert np.array_equal(draw(model, z[row : row + 1], own)[0], together[row])
    for layer in model.modules():
        if isinstance(layer, RandomLayer):
            layer.forward = lambda x: x
    assert not np.array_equal(draw(model, z, labels), together)


def test_the_number_of_threads_changes_nothing() -> None:
    model = tiny_model(MODELS["gan"], **DROPPED, g_noise=0.1).eval()
    z = noise_of_seeds(model, range(5))  # type: ignore[arg-type]
    before, threads = draw(model, z), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert np.array_equal(draw(model, z), before)
    finally:
        torch.set_num_threads(threads)


def test_labels_leave_what_is_dropped_alone() -> None:
    model = tiny_model(MODELS["acgan"], **DROPPED).eval()
    masks: list[torch.Tensor] = []
    layer = next(each for each in model.modules() if isinstance(each, RandomLayer))
    layer.register_forward_hook(lambda _, given, made: masks.append((made == 0) & (given[0] != 0)))
    z = torch.randn(1, model.params.z_dim)  # type: ignore[attr-defined]
    for row in (0, 1):
        model.sample(z, torch.from_numpy(LABELS[row : row + 1]))  # type: ignore[operator]
    assert masks[0].any() and torch.equal(masks[0], masks[1])


def test_dropout_alone_is_off_in_pictures_as_before() -> None:
    model = tiny_model(MODELS["gan"], g_dropout=0.5).eval()
    z = model.noise(2)  # type: ignore[operator]
    assert torch.equal(model.sample(z), model.generator(z))  # type: ignore[operator]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_has_a_place_for_both(architecture: str) -> None:
    model = tiny_model(MODELS["gan"], architecture=architecture, **DROPPED, g_noise=0.1)
    kinds = {type(each) for each in model.generator.modules()}  # type: ignore[union-attr]
    assert {SeededDropout, LayerNoise} <= kinds


def test_the_averaged_weights_of_a_training_sample_with_dropout_too() -> None:
    stepper = tiny_stepper(MODELS["gan"], **DROPPED)
    stepper.step()
    z = stepper.draw(2).z
    state = torch.get_rng_state()
    with stepper.average as model, torch.inference_mode():
        first, again = (model.sample(z) for _ in range(2))  # type: ignore[operator]
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state), "sampling moves no other stream"


def test_dropout_that_is_nowhere_cannot_stay_on() -> None:
    with pytest.raises(ConfigError, match="no g_dropout"):
        tiny_model(MODELS["gan"], g_dropout_sampling=True)
