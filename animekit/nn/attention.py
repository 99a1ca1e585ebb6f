"""Maps that look at other maps: self-attention, and gates from far below (skip excitation)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from animekit.nn.networks import Shape

REACH = 3  # stages from the maps that gate to those that are gated: eight times the side


class SelfAttention(nn.Module):
    """Each place sees all others of its map (Zhang et al., 2019).

    It begins with no effect. Keys and values are pooled to a quarter of the places, as in BigGAN
    (Brock et al., 2019).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow, half = max(1, width // 8), max(1, width // 2)
        self.query = nn.Conv2d(width, narrow, 1, bias=False)
        self.key = nn.Conv2d(width, narrow, 1, bias=False)
        self.value = nn.Conv2d(width, half, 1, bias=False)
        self.out = nn.Conv2d(half, width, 1, bias=False)
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, H, W]."""
        query = self.query(x).flatten(2)  # [N, C/8, HW]
        key = F.max_pool2d(self.key(x), 2).flatten(2)  # [N, C/8, HW/4]
        value = F.max_pool2d(self.value(x), 2).flatten(2)
        # written out: the fused kernels cannot be differentiated twice, as penalties need
        share = (query.transpose(1, 2) @ key / math.sqrt(query.shape[1])).softmax(2)
        seen = (value @ share.transpose(1, 2).to(value.dtype)).unflatten(2, x.shape[2:])
        return x + self.weight * self.out(seen)


def attention_at(side: int, shape: Shape, width: int) -> list[nn.Module]:
    """Return self-attention where maps of this side are to have it, as a list."""
    return [SelfAttention(width)] if shape.attention == side else []


class ExcitedStages(nn.Module):
    """Stages that gate the maps of eight times their side (Liu et al., 2021)."""

    def __init__(
        self, stages: Iterable[nn.Module], widths: Sequence[int], *, told: bool = False
    ) -> None:
        super().__init__()
        self.told = told
        self.stages = nn.ModuleList(stages)
        pairs = zip(widths, widths[REACH:], strict=False)
        self.gates = nn.ModuleList(_gate(low, high) for low, high in pairs)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the maps [N, C, H, W] of the last stage, told labels or not."""
        kept: list[Tensor] = []
        for index, stage in enumerate(self.stages):
            x = stage(x, labels) if self.told else stage(x)
            if index >= REACH:
                x = x * self.gates[index - REACH](kept[index - REACH])
            kept.append(x)
        return x


def _gate(low: int, high: int) -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(4),
        nn.Conv2d(low, high, 4),
        nn.LeakyReLU(0.1),
        nn.Conv2d(high, high, 1),
        nn.Sigmoid(),
    )
