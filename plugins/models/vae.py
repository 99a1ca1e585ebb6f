"""Variational autoencoder (Kingma and Welling, 2014) on strided convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from animekit.config import Params
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.base import Losses, Model, Paper, Phase
from animekit.nn.architectures import ARCHITECTURES, Generator, Shape
from animekit.nn.layers import activation_layer, full_precision, initialise, norm_layer
from animekit.nn.schedules import SCHEDULES
from animekit.nn.variational import divergence, reparameterised

WIDEST = 16  # times the width of the layer nearest to the image
QUIETEST, LOUDEST = -20.0, 10.0  # bounds of logvar: exp of it stays finite in any precision


class VAEParams(Params):
    """Size of both networks, and what a nat costs against a pixel."""

    old_names = {"lr_decay": "lr_schedule"}
    topics = {
        "networks": ("z_dim", "g_channels", "e_channels", "norm", "activation", "init"),
        "update rule": ("lr", "betas", "lr_schedule"),
        "regularisers": ("kl_weight",),
    }

    z_dim: int = Field(1024, ge=1, description="numbers in the code z of an image")
    g_channels: int = Field(32, ge=1, description="width of the decoder near the image")
    e_channels: int = Field(32, ge=1, description="width of the encoder near the image")
    norm: Literal["none", "batch", "instance", "layer"] = Field(
        "none", description="normalisation in both networks"
    )
    activation: Literal["relu", "lrelu", "selu"] = Field(
        "relu", description="activation in both networks"
    )
    kl_weight: float = Field(
        3e-6, ge=0, description="weight of a nat of KL beside the mean squared error of pixels"
    )
    init: Literal["default", "he", "normal"] = Field("default", description="first weights")
    lr: float = Field(1e-3, gt=0, description="Adam learning rate")
    betas: tuple[float, float] = Field((0.9, 0.999), description="Adam betas")
    lr_schedule: Literal["none", "linear"] = Field(
        "none", description="linear: fall to zero over the second half of --steps"
    )


class Encoder(nn.Module):
    """Strided 4x4 convolutions, then two heads: images -> mu and logvar, both [N, Z]."""

    def __init__(self, params: VAEParams, spec: ImageSpec) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        last, side, index = spec.channels, spec.size, 0
        while side > 4:
            width = params.e_channels * min(2**index, WIDEST)
            layers += [nn.Conv2d(last, width, 4, 2, 1), *norm_layer(params.norm, width)]
            layers += [activation_layer(params.activation)]
            last, side, index = width, side // 2, index + 1
        self.body = nn.Sequential(*layers)
        self.mu = nn.Conv2d(last, params.z_dim, 4)
        self.logvar = nn.Conv2d(last, params.z_dim, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and logvar of images [N, C, S, S], both float32 [N, Z]."""
        features = self.body(images)
        mu, logvar = self.mu(features).flatten(1), self.logvar(features).flatten(1)
        return full_precision(mu), full_precision(logvar).clamp(QUIETEST, LOUDEST)


class VAE(Model):
    """Variational autoencoder on convolutions (Kingma and Welling, 2014).

    Minimises the squared error, mean over images, pixels and colours in [-1, 1], plus `kl_weight`
    times the KL divergence of a code from N(0, 1), summed over its numbers, mean over images.
    """

    name = "vae"
    paper = Paper(
        "Auto-Encoding Variational Bayes",
        2014,
        "Kingma and Welling",
        "https://arxiv.org/abs/1312.6114",
    )
    averaged = ("encoder", "decoder")
    Params = VAEParams
    params: VAEParams
    aliases = {"v/mse": "mse", "v/nats": "kl_nats", "v/kl": "kl"}
    notes = (
        "mse + kl is minimised, kl being kl_weight x kl_nats. A small weight gives sharper"
        " reconstructions and noisier samples; kl_nats near 0: the codes say nothing."
    )

    def __init__(self, params: VAEParams, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        dcgan = ARCHITECTURES["dcgan"]
        dcgan.check(spec.size)
        shape = Shape(
            size=spec.size,
            channels=spec.channels,
            width=params.g_channels,
            z_dim=params.z_dim,
            norm=params.norm,
            activation=params.activation,
        )
        self.encoder = Encoder(params, spec)
        self.decoder: Generator = dcgan.generator(shape)
        initialise(self.encoder, params.init)
        initialise(self.decoder, params.init)

    def loss(self, batch: Batch) -> Losses:
        """Return the error, the weighted divergence, and that in nats without a gradient."""
        mu, logvar = self.encoder(batch.images)
        nats = divergence(mu, logvar).mean()
        copies = self.decoder(reparameterised(mu, logvar))
        mse = (copies - batch.images).square().mean()
        return {"mse": mse, "kl": self.params.kl_weight * nats, "nats": nats.detach()}

    def phases(self) -> list[Phase]:
        """Return the one update rule."""
        p = self.params
        return [
            Phase(
                "v",
                [self.encoder, self.decoder],
                self.loss,
                partial(torch.optim.Adam, lr=p.lr, betas=p.betas, fused=True),
                schedule=SCHEDULES[p.lr_schedule],
            )
        ]

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z [n, Z] from N(0, 1) on the CPU."""
        return torch.randn(n, self.params.z_dim, generator=generator)

    def sample(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images [N, C, S, S] in [-1, 1] for codes [N, Z]."""
        return self.decoder(z)

    def encode(self, images: Tensor) -> Tensor:
        """Return the mean code mu [N, Z] of images [N, C, S, S]."""
        return self.encoder(images)[0]

    def nats(self, images: Tensor) -> Tensor:
        """Return the KL divergence of each image's code from N(0, 1), in nats: [N]."""
        return divergence(*self.encoder(images))

    def reconstruct(self, images: Tensor) -> Tensor:
        """Return the images [N, C, S, S] that the mean codes are decoded to."""
        return self.decoder(self.encode(images))

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        nats = "KL(code of x || N(0, 1))"
        return {
            "v/mse": "E[(decoder(code of x) - x)^2]",
            "v/kl": formulas.weighted(self.params.kl_weight, nats),
            "v/nats": f"{nats}, which is shown and not minimised",
        }


@hookimpl
def animekit_models() -> list[type[Model]]:
    """Return the model of this module."""
    return [VAE]
