"""Self-attention and gates from far below."""

from __future__ import annotations

import torch
from torch import nn

from animekit.nn.attention import REACH, ExcitedStages, SelfAttention
from animekit.nn.fastgan import fastgan_generator
from animekit.nn.modern import modern_generator
from animekit.nn.networks import Shape


def test_attention_begins_with_no_effect_and_can_learn_one() -> None:
    torch.manual_seed(0)
    layer, x = SelfAttention(16), torch.randn(2, 16, 8, 8)
    assert torch.equal(layer(x), x)
    layer(x).square().sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad != 0


def test_attention_sees_the_whole_map_and_no_place_of_its_own() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(16).double()
    nn.init.ones_(layer.weight)
    x = torch.randn(1, 16, 8, 8).double()
    changed = x.clone()
    changed[..., 7, 7] += 5
    far = (layer(changed) - layer(x))[..., 0, 0]
    assert far.abs().max() > 1e-6
    moved = x.roll(2, 3)  # by whole pools: the same places in another order
    assert torch.allclose(layer(moved), layer(x).roll(2, 3))


def test_shares_of_attention_sum_to_one() -> None:
    layer = SelfAttention(8)
    nn.init.ones_(layer.weight)
    x = torch.randn(1, 8, 1, 1).expand(1, 8, 8, 8)  # equal places: a mean of equals is one of them
    expected = x + layer.out(layer.value(x))
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_maps_gate_those_of_eight_times_their_side() -> None:
    stages = [nn.Identity(), *(nn.Upsample(scale_factor=2) for _ in range(4))]
    network = ExcitedStages(stages, [2] * 5)
    assert len(network.gates) == 2 and REACH == 3  # 4 to 32, 8 to 64
    x = torch.randn(3, 2, 4, 4)
    large = nn.Upsample(scale_factor=8)(x) * network.gates[0](x)
    expected = nn.Upsample(scale_factor=2)(large) * network.gates[1](nn.Upsample(scale_factor=2)(x))
    assert torch.allclose(network(x), expected)
    assert (network.gates[0](x) > 0).all() and (network.gates[0](x) < 1).all()


def test_gates_are_on_where_they_were_asked_for() -> None:
    def gated(build: object, **more: object) -> bool:
        network = build(Shape(size=64, channels=3, width=2, z_dim=3, **more))  # type: ignore[operator]
        return any(isinstance(module, ExcitedStages) for module in network.modules())

    assert gated(fastgan_generator) and gated(modern_generator, skip=True)
    assert not gated(fastgan_generator, skip=False) and not gated(modern_generator)
