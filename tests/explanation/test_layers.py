"""The layer table: what is counted and shown of networks, whatever they are built of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from animekit.explanation.layers import LayerRow, folded, is_layer, layer_of, networks_of, trace
from animekit.models.base import Model
from animekit.nn.architectures import ARCHITECTURES
from animekit.plugins import Registry
from animekit.testing.tiny import tiny_model


def test_the_first_layers_of_dcgan_are_those_of_the_paper(registry: Registry) -> None:
    model = tiny_model(registry.get("model", "gan"), g_channels=64, d_channels=64, size=64)
    generator, discriminator = trace(model).networks
    assert [layer.output for layer in generator.layers] == [
        *((512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64))
    ]
    assert generator.layers[1].cells() == (
        *("ConvTranspose, BatchNorm, ReLU", "4x4", "2x2", "256x8x8"),
        f"{512 * 256 * 16 + 2 * 256:,}",
    )
    assert generator.input == (100,)
    assert discriminator.input == (3, 64, 64)
    assert discriminator.layers[0].words == "Conv, LeakyReLU 0.2"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_rows_of_every_architecture_hold_all_its_parameters(
    architecture: str, registry: Registry
) -> None:
    cls: type[Model] = registry.get("model", "acgan")
    model = tiny_model(cls, size=64, architecture=architecture, g_blocks=1, d_blocks=1)
    for network in trace(model).networks:
        assert network.layers
        assert sum(layer.parameters for layer in network.layers) == network.parameters
        assert all(layer.output for layer in network.layers)


def test_spectral_norm_is_a_part_of_its_layer(registry: Registry) -> None:
    cls = registry.get("model", "hinge")
    plain, normed = (trace(tiny_model(cls, spectral_norm=value)) for value in (False, True))
    rows = [[each.cells() for each in found.networks[1].layers] for found in (plain, normed)]
    assert [row[1:4] for row in rows[0]] == [row[1:4] for row in rows[1]]
    assert not any("arametri" in row[0] for row in rows[1])


def test_a_model_of_models_is_shown_network_by_network(registry: Registry) -> None:
    model = tiny_model(registry.get("model", "twostage"))
    assert list(networks_of(model)) == [
        f"{stage}.{part}" for stage in ("grey", "colour") for part in ("generator", "discriminator")
    ]


def test_what_has_no_weights_follows_the_layer_before_it() -> None:
    layers = [
        LayerRow("0", "Linear", (32,), 330),
        LayerRow("1", "Unflatten", (2, 4, 4), 0),
        LayerRow("2", "BatchNorm", (2, 4, 4), 4),
        LayerRow("3", "ReflectionPad", (2, 6, 6), 0),
        LayerRow("4", "Conv", (3, 4, 4), 57, (3, 3), (1, 1)),
        LayerRow("5", "Flatten", (48,), 0),
    ]
    first, second = folded(layers)
    assert (first.words, first.output, first.parameters) == (
        *("Linear, Unflatten, BatchNorm", (2, 4, 4)),
        334,
    )
    assert (second.words, second.output) == ("Conv, Flatten", (3, 4, 4))


def test_weights_beside_parts_are_a_layer_and_a_row_of_parts_is_none() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))
            self.inner = nn.Linear(3, 3)

    assert is_layer(Scaled())
    assert layer_of(Scaled(), "x", (3,)).parameters == 3, "its parts have rows of their own"
    assert not is_layer(nn.Sequential(nn.Linear(3, 3)))


def test_looking_leaves_the_random_numbers_as_they_were(registry: Registry) -> None:
    model = tiny_model(registry.get("model", "wgangp"))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trace(model)
    assert torch.equal(torch.rand(3), expected)
