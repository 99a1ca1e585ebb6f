"""Networks that are told labels: conditional norms, and scores of images with labels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from animekit.nn.architectures import ARCHITECTURES, ProjectionDiscriminator, Shape
from animekit.nn.layers import ConditionalNorm

TELLING = [name for name, each in ARCHITECTURES.items() if each.tells]


def test_a_conditional_norm_scales_and_shifts_by_the_labels() -> None:
    torch.manual_seed(0)
    layer = ConditionalNorm(3, 2)
    x, labels = torch.randn(8, 3, 4, 4), torch.eye(2).repeat(4, 1)
    plain = (x - x.mean((0, 2, 3), keepdim=True)) / (
        x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    scale, shift = (labels @ layer.tune.weight.T + layer.tune.bias).chunk(2, 1)
    expected = plain * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
    assert torch.allclose(layer(x, labels), expected, atol=1e-5)


@pytest.mark.parametrize("name", TELLING)
def test_conditional_norms_change_every_picture_with_its_labels(name: str) -> None:
    torch.manual_seed(0)
    shape = Shape(size=32, channels=3, width=4, z_dim=6, labels=2, norm="conditional")
    network = ARCHITECTURES[name].generator(shape).eval()
    norms = [module for module in network.modules() if isinstance(module, ConditionalNorm)]
    assert norms and not any(type(m) is nn.BatchNorm2d and m.affine for m in network.modules())
    z = torch.randn(2, 6)
    for module in norms[:-1]:  # of the last norm alone
        nn.init.zeros_(module.tune.weight)
    first = next(m for m in network.modules() if isinstance(m, (nn.ConvTranspose2d, nn.Linear)))
    with torch.no_grad():  # and not by the input of the first layer
        (first.weight[6:] if first.weight.ndim == 4 else first.weight[:, 6:]).zero_()
    one, other = (network(torch.cat([z, row.expand(2, -1)], 1)) for row in torch.eye(2))
    assert (one - other).flatten(1).abs().amax(1).min() > 1e-6


@pytest.mark.parametrize("name", ["dcgan", "modern", "fastgan", "srresnet"])
def test_a_projection_adds_an_inner_product_for_each_label(name: str) -> None:
    torch.manual_seed(0)
    trunk = ARCHITECTURES[name].discriminator(Shape(size=32, channels=3, width=4, blocks=0))
    network = ProjectionDiscriminator(trunk.eval(), 32, 3)
    features = network.features(torch.randn(4, 3, 32, 32))
    alone = network.score(features, torch.zeros(4, 3))
    assert torch.allclose(alone, features @ network.alone.weight[0] + network.alone.bias, atol=1e-5)
    hair, eyes = (network.score(features, row.expand(4, -1)) - alone for row in torch.eye(3)[:2])
    both = network.score(features, torch.tensor([1.0, 1.0, 0.0]).expand(4, -1)) - alone
    assert torch.allclose(both, hair + eyes, atol=1e-5)
    by_hand = features @ network.embed.weight[:, 0] / features.shape[1] ** 0.5
    assert torch.allclose(hair, by_hand, atol=1e-5)
