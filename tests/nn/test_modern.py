"""Networks without normalisation: silent blocks, grouped convolutions, low-pass resampling."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from animekit.nn import losses
from animekit.nn.layers import Skip
from animekit.nn.modern import Basis, Down, Summary, Up, modern_discriminator, modern_generator
from animekit.nn.networks import Shape

SIDE = 64


def shape(**changes: object) -> Shape:
    return Shape(**{"size": 32, "channels": 3, "width": 16, "z_dim": 8, **changes})  # type: ignore[arg-type]


def waves(cycles: int) -> Tensor:
    """A row of waves: so many cycles in 64 px."""
    x = torch.arange(SIDE, dtype=torch.float64)
    row = torch.cos(2 * torch.pi * cycles * x / SIDE)
    return row.view(1, 1, 1, SIDE).expand(1, 2, SIDE, SIDE)


def inner(maps: Tensor) -> Tensor:
    return maps[..., 4:-4, 4:-4]


def test_halving_keeps_what_the_smaller_side_can_show_and_drops_the_rest() -> None:
    down = Down().double()
    assert torch.allclose(
        inner(down(torch.full((1, 2, SIDE, SIDE), 3.0).double())), torch.tensor(3.0).double()
    )
    assert inner(down(waves(SIDE // 2))).abs().max() < 1e-12  # the finest stripes are gone
    assert inner(down(waves(2))).abs().max() > 0.95
    assert (
        nn.AvgPool2d(2)(waves(3 * SIDE // 8)).abs().max()
        > 2 * inner(down(waves(3 * SIDE // 8))).abs().max()
    )


def test_doubling_is_the_mirror_image_of_halving() -> None:
    """The inner product of a map with a halved one is a quarter of that of the doubled one."""
    torch.manual_seed(0)
    small, large = torch.zeros(1, 2, 32, 32).double(), torch.randn(1, 2, SIDE, SIDE).double()
    small[..., 4:-4, 4:-4] = torch.randn(1, 2, 24, 24)
    there = (small * Down().double()(large)).sum()
    assert torch.allclose(there, (Up()(small) * large).sum() / 4)


def test_every_block_begins_silent_so_that_depth_changes_nothing() -> None:
    torch.manual_seed(0)
    for blocks in (1, 6):
        network = modern_discriminator(shape(blocks=blocks))
        x = torch.randn(2, 3, 32, 32)
        whole = network(x)
        for skip in [module for module in network.modules() if isinstance(module, Skip)]:
            skip.main = nn.Sequential(nn.Identity())
            skip.forward = lambda maps: maps  # type: ignore[method-assign]
        assert torch.equal(network(x), whole)
        plain = torch.randn(256, 3, 1, 1).expand(-1, -1, 32, 32)  # noise would be filtered out
        assert 0.5 < modern_discriminator(shape(blocks=blocks))(plain).std() < 2


def test_the_first_layers_of_a_block_are_the_smaller_the_more_blocks_there_are() -> None:
    def spread(blocks: int) -> float:
        torch.manual_seed(0)
        network = modern_discriminator(shape(width=64, blocks=blocks))
        first = next(module for module in network.modules() if isinstance(module, Skip)).main[0]
        return float(first.weight.detach().std() * first.weight[0].numel() ** 0.5)

    stages = 4  # sides 32, 16, 8, 4
    for blocks in (1, 4):
        assert spread(blocks) == pytest.approx(2**0.5 * (stages * blocks) ** -0.25, rel=0.03)


def test_no_layer_normalises_and_middles_are_grouped() -> None:
    for network in (modern_generator(shape()), modern_discriminator(shape())):
        kinds = {type(module).__name__ for module in network.modules()}
        assert not {kind for kind in kinds if "Norm" in kind or "Transpose" in kind}
        middles = [
            module
            for module in network.modules()
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
        ]
        assert {module.in_channels // module.groups for module in middles} == {16}
        assert {module.stride for module in network.modules() if isinstance(module, nn.Conv2d)} == {
            (1, 1)
        }


def test_the_networks_have_the_weights_of_their_description() -> None:
    def block(width: int) -> int:
        middle = 2 * width
        return (width * middle + middle) + (middle * 16 * 9 + middle) + middle * width

    widths = [128, 64, 32, 16]
    pairs = list(itertools.pairwise(widths))
    blocks = 2 * sum(map(block, widths)) + sum(a * b for a, b in pairs)
    generator = sum(p.numel() for p in modern_generator(shape()).parameters())
    assert generator == blocks + 128 * 16 + (8 * 128 + 128) + (16 * 3 + 3)
    discriminator = sum(p.numel() for p in modern_discriminator(shape()).parameters())
    assert discriminator == blocks + (3 * 16 + 16) + (128 * 16 + 128) + (128 + 1)


def test_the_ends_are_products_with_learned_maps() -> None:
    torch.manual_seed(0)
    basis = Basis(5, 3)
    z = torch.randn(2, 5)
    weights = z @ basis.weigh.weight.T + basis.weigh.bias
    assert torch.allclose(basis(z)[1, 2], weights[1, 2] * basis.maps[2])
    summary = Summary(3, 2)
    x = torch.randn(2, 3, 4, 4)
    sums = (x * summary.collect.weight[:, 0]).sum((2, 3)) + summary.collect.bias
    assert torch.allclose(
        summary(x), sums @ summary.outputs.weight.T + summary.outputs.bias, atol=1e-6
    )


def test_both_penalties_have_exact_gradients() -> None:
    torch.manual_seed(0)
    network = modern_discriminator(
        shape(width=2, attention=8, blocks=1, activation="selu")
    ).double()
    for module in network.modules():
        if isinstance(module, Skip):  # else nothing of a silent block would be tested
            nn.init.normal_(module.main[-1].weight, 0, 0.3)
        if hasattr(module, "query"):
            nn.init.ones_(module.weight)
    images, step = torch.randn(2, 3, 32, 32).double(), 1e-5
    weight = next(module for module in network.modules() if hasattr(module, "query")).value.weight
    losses.zero_centred_penalty(network, images).backward()
    index = (0, 1, 0, 0)
    exact = float(weight.grad[index])
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[index] += sign * step
        values.append(losses.zero_centred_penalty(network, images).item())
        with torch.no_grad():
            weight[index] -= sign * step
    assert exact == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-10)
    assert abs(exact) > 1e-9
