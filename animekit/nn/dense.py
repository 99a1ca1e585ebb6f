"""A generator of dense layers alone, which knows nothing of where a pixel is."""

from __future__ import annotations

from torch import nn

from animekit.errors import ConfigError
from animekit.nn.chance import random_layers
from animekit.nn.layers import activation_layer, norm_layer
from animekit.nn.networks import Generator, Shape, auto, generator_of

HIDDEN = 4  # layers before the one that gives pixels
WIDER = 8  # times the width that is asked for: 512 units for 64


def mlp_generator(shape: Shape) -> Generator:
    """Return the generator of four ReLU layers of Arjovsky et al., 2017, section 4.3.

    Dense layers are convolutions of a map of one pixel. Raises ConfigError for norms of maps.
    """
    norm, act = auto(shape.norm, "none"), auto(shape.activation, "relu")
    if norm == "instance":
        raise ConfigError("architecture mlp has no maps to normalise", "--set g_norm=batch")
    layers: list[nn.Module] = []
    last = shape.inputs
    for _ in range(HIDDEN):
        width = WIDER * shape.width
        layers += [nn.Conv2d(last, width, 1, bias=norm == "none")]
        layers += [*norm_layer(norm, width, shape.labels)]
        layers += random_layers(shape)
        layers += [activation_layer(act)]
        last = width
    layers += [nn.Conv2d(last, shape.channels * shape.size**2, 1), nn.PixelShuffle(shape.size)]
    return generator_of([*layers, nn.Tanh()], shape, spatial=True)
