"""Models that translate in a moment, for the tests of `animekit transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from animekit.config import Params
from animekit.data.spec import ImageSpec
from animekit.models import weights

PLUGIN = '''
"""Models that translate in a moment."""
import torch
from torch import nn
from pydantic import Field
from animekit.config import Params
from animekit.hookspecs import hookimpl
from animekit.models.base import Model


class SwapParams(Params):
    """What the network has."""

    normed: bool = Field(False, description="an instance norm in the middle")
    wide: int = Field(3, description="side of the kernels")
    multiple: int = Field(4, description="what sides must be multiples of")
    ways: tuple[str, ...] = Field(("a2b", "b2a"), description="directions")


class Swap(Model):
    """Turns red into blue and back, by a convolution that does as good as nothing."""

    name = "swap"
    Params = SwapParams

    def __init__(self, params, spec):
        super().__init__(params, spec)
        side = params.wide
        self.blur = nn.Conv2d(3, 3, side, padding=side // 2, padding_mode="reflect", bias=False)
        self.norm = nn.InstanceNorm2d(3) if params.normed else nn.Identity()

    def phases(self):
        return []

    directions = property(lambda self: self.params.ways)
    multiple = property(lambda self: self.params.multiple)

    def translate(self, images, target):
        assert target in self.directions
        assert images.shape[2] % self.multiple == images.shape[3] % self.multiple == 0
        return torch.tanh(self.norm(self.blur(images.flip(1)))) if self.params.normed else (
            self.blur(images.flip(1)))

    def cycle(self, images, target, source=None):
        return self.translate(self.translate(images, target), target)


class Paint(Model):
    """Paints hair-less squares: a label each for the colour, and one for a light."""

    name = "paint"

    def __init__(self, params, spec):
        super().__init__(params, spec)
        self.colours = nn.Parameter(torch.tensor([[1., -1, -1], [-1, 1, -1], [-1, -1, 1]]))

    def phases(self):
        return []

    directions = ()
    multiple = 4

    def phases(self):
        return []

    def translate(self, images, target):
        colour = target[:, :3] @ self.colours
        made = images * 0.5 + 0.5 * colour[:, :, None, None]
        return made * (0.5 + 0.5 * target[:, 3, None, None, None])

    def classify(self, images):
        mean = images.mean((2, 3))
        return torch.cat([mean, torch.ones_like(mean[:, :1])], 1)

    def cycle(self, images, target, source=None):
        return self.translate(self.translate(images, target), source)


@hookimpl
def animekit_models():
    return [Swap, Paint]
'''


def plugin(folder: Path) -> Path:
    """Write the plugin and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transfer_swap.py").write_text(PLUGIN, encoding="utf-8")
    return folder


def about(name: str, spec: ImageSpec, **params: Any) -> dict[str, Any]:
    """Return what weights say of themselves."""
    return {
        "model": name,
        "params": params,
        "spec": {
            "size": spec.size,
            "channels": 3,
            "labels": list(spec.labels),
            "groups": list(spec.groups),
        },
        "step": 7,
        "data": {"name": "fruit"},
    }


def swap_weights(path: Path, seed: int = 0, **params: Any) -> Path:
    """Write weights of `swap`: the identity in the middle of a little noise, without noise at 0."""
    side = int(params.get("wide", 3))
    kernel = torch.zeros(3, 3, side, side)
    kernel[range(3), range(3), side // 2, side // 2] = 1.0
    if seed:
        noise = torch.Generator().manual_seed(seed)
        kernel = torch.randn(kernel.shape, generator=noise) / (3 * side**2) ** 0.5
    found = weights.to_bytes({"blur.weight": kernel}, about("swap", ImageSpec(32), **params))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(found)
    return path


LABELS = ImageSpec(16, 3, ("red", "green", "blue", "light"), (3, 1))


def paint_weights(path: Path) -> Path:
    """Write weights of `paint`."""
    colours = nn.Parameter(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]]))
    path.write_bytes(weights.to_bytes({"colours": colours}, about("paint", LABELS)))
    return path


__all__ = ["LABELS", "PLUGIN", "Params", "about", "paint_weights", "plugin", "swap_weights"]
