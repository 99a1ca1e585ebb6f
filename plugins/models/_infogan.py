"""What InfoGAN needs beside its generator: an open discriminator, and Q on its features."""

from __future__ import annotations

from torch import Tensor, nn

from animekit.nn.architectures import Discriminator, HeadedDiscriminator
from animekit.nn.layers import full_precision


class OpenDiscriminator(nn.Module):
    """Any discriminator, cut in two: features that Q reads too, and the last layer."""

    def __init__(self, whole: Discriminator) -> None:
        super().__init__()
        if isinstance(whole, HeadedDiscriminator):
            self.body, self.critic = whole.main, whole.critic
        else:
            *layers, self.critic = whole.main
            self.body = nn.Sequential(*layers)

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer sees of images [N, C, S, S]."""
        return self.body(images)

    def logits(self, features: Tensor) -> Tensor:
        """Return logits [N] of features."""
        return full_precision(self.critic(features)).flatten()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N]: real or fake."""
        return self.logits(self.features(images))


class Recogniser(nn.Module):
    """Q: features of the discriminator -> codes; `hidden` 0 is one dense layer."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        if hidden:
            layers += [nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden)]
            layers += [nn.LeakyReLU(0.1)]
        self.main = nn.Sequential(*layers, nn.Linear(hidden or features, outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Return [N, outputs]: a mean for each continuous code, logits for the others."""
        return full_precision(self.main(features))
