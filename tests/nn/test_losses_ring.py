"""A ring of eight Gaussians: pairs with penalties cover it, the original objective does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from animekit.nn import losses

STEPS, WIDTH, COUNT, WEIGHT = 500, 32, 64, 0.1
G_LR, D_LR = 2e-3, 1e-2  # a strong D: where it is sure, the original objective teaches nothing


def centres() -> Tensor:
    angles = torch.arange(8) * torch.pi / 4
    return torch.stack([angles.cos(), angles.sin()], 1)


def ring(count: int, generator: torch.Generator) -> Tensor:
    chosen = centres()[torch.randint(8, (count,), generator=generator)]
    return chosen + 0.02 * torch.randn(count, 2, generator=generator)


def network(inputs: int, outputs: int) -> nn.Sequential:
    first, second = nn.Linear(inputs, WIDTH), nn.Linear(WIDTH, WIDTH)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(WIDTH, outputs))


def modes(objective: str, seed: int) -> int:
    """Return how many of the eight a generator draws, each in at least 2 % of its points."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    g, d = network(8, 2), network(2, 1)
    rules = [
        torch.optim.Adam(net.parameters(), lr, betas=(0.0, 0.99))
        for net, lr in ((d, D_LR), (g, G_LR))
    ]

    def score(points: Tensor) -> Tensor:
        return d(points).flatten()

    for _ in range(STEPS):
        real, fake = ring(COUNT, generator), g(torch.randn(COUNT, 8, generator=generator))
        seen = fake.detach()
        if objective == "gan":
            loss = losses.cross_entropy(score(real), 1.0) + losses.cross_entropy(score(seen), 0.0)
        else:
            loss = losses.relativistic(score(real), score(seen))
            for points in (real, seen):
                loss = loss + WEIGHT * losses.zero_centred_penalty(score, points)
        _step(rules[0], loss)
        if objective == "gan":
            loss = losses.nonsaturating_g(score(fake))
        else:
            loss = losses.relativistic(score(fake), score(real))
        _step(rules[1], loss)
    with torch.no_grad():
        drawn = g(torch.randn(2000, 8, generator=generator))
    near = torch.cdist(drawn, centres()).min(1)
    return int((torch.bincount(near.indices[near.values < 0.2], minlength=8) >= 40).sum())


def _step(rule: torch.optim.Optimizer, loss: Tensor) -> None:
    rule.zero_grad()
    loss.backward()
    rule.step()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_pairs_cover_a_ring_of_which_the_original_objective_loses_a_part(seed: int) -> None:
    assert modes("gan", seed) < 8
    assert modes("relativistic", seed) == 8
