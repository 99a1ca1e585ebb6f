"""Grey pictures and their colours: luminance, tinting that keeps it, and a network that colours.

Images are [N, C, H, W] in [-1, 1], as everywhere. Luminance is that of gamma-coded values (ITU-R
BT.601), as JPEG and video have it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from animekit.nn.layers import full_precision, norm_layer

WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue in the luminance
DEPTH = 4  # halvings of a coloriser; every architecture makes sides that 2**4 divides


def luminance(images: Tensor) -> Tensor:
    """Return the luminance [N, 1, H, W] of images [N, 3, H, W].

    >>> luminance(torch.ones(1, 3, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """
    red, green, blue = images.split(1, 1)
    return WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue


def tint(grey: Tensor, chroma: Tensor) -> Tensor:
    """Return images [N, 3, H, W] with the luminance of grey [N, 1, H, W].

    `chroma` [N, 2, H, W] in [-1, 1] says how far blue and red are from the luminance, in the units
    of BT.601. A colour that strong may not exist at that luminance (a saturated white): chroma of
    r times what exists is shortened to r / (1 + r^4)^(1/4) times, so that hue and luminance stay,
    weak colours hardly change, and there is a gradient everywhere.
    """
    towards_blue, towards_red = chroma.split(1, 1)
    red = 2 * (1 - WEIGHTS[0]) * towards_red
    blue = 2 * (1 - WEIGHTS[2]) * towards_blue
    green = -(WEIGHTS[0] * red + WEIGHTS[2] * blue) / WEIGHTS[1]
    offsets = torch.cat([red, green, blue], 1)
    room = torch.where(offsets > 0, 1 - grey, 1 + grey)
    excess = (offsets.abs() / room.clamp(min=1e-6)).amax(1, keepdim=True)
    share = (1 + excess**4) ** -0.25
    return (grey + share * offsets).clamp(-1, 1)  # the clamp is for the last bit


class Tuned(nn.Module):
    """A scale and a shift for each map, from a vector (FiLM; Perez et al., 2018)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, 2 * width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Return maps [N, width, H, W] tuned by told [N, inputs]."""
        scale, shift = self.dense(told)[:, :, None, None].chunk(2, 1)
        return x * (1 + scale) + shift


class Colorizer(nn.Module):
    """Grey [N, 1, S, S] and a vector [N, inputs] -> coloured [N, 3, S, S].

    Four halvings and four doublings with the maps of the same side added (U-Net of Ronneberger et
    al., 2015, with the sums of LinkNet, Chaurasia and Culurciello, 2017). The vector, labels and
    noise, tunes every doubling. The output is chroma alone: the luminance is the input's, so that
    composition and detail cannot be lost.
    """

    def __init__(self, width: int, inputs: int, *, norm: str = "batch") -> None:
        super().__init__()
        widths = [width * 2**k for k in range(DEPTH)]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        self.tuned = nn.ModuleList([Tuned(inputs, widths[-1])])
        last = 1
        for index, maps in enumerate(widths):
            normed = norm_layer(norm, maps) if index else []
            self.down.append(nn.Sequential(nn.Conv2d(last, maps, 4, 2, 1), *normed))
            last = maps
        for maps in [*reversed(widths[:-1]), max(1, width // 2)]:
            normed = norm_layer(norm, maps)
            self.up.append(nn.Sequential(nn.ConvTranspose2d(last, maps, 4, 2, 1), *normed))
            self.tuned.append(Tuned(inputs, maps))
            last = maps
        self.chroma = nn.Conv2d(last + 1, 2, 3, 1, 1)
        self.start()

    def start(self) -> None:
        """Set the first weights: he everywhere, next to no colour at the end."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight, 0.2)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, nn.Linear):
                module.reset_parameters()  # one label of many has to be heard from the beginning
        nn.init.normal_(self.chroma.weight, 0.0, 0.02)

    def forward(self, grey: Tensor, told: Tensor) -> Tensor:
        """Return images [N, 3, S, S] in [-1, 1] whose luminance is that of grey."""
        maps, x = [], grey
        for down in self.down:
            x = nn.functional.leaky_relu(down(x), 0.2)
            maps.append(x)
        x = self.tuned[0](maps.pop(), told)
        for up, tuned in zip(self.up, list(self.tuned)[1:], strict=True):
            x = nn.functional.leaky_relu(tuned(up(x), told), 0.2)
            x = x + maps.pop() if maps else x
        chroma = self.chroma(torch.cat([x, grey.to(x.dtype)], 1))
        return tint(grey, torch.tanh(full_precision(chroma)))
