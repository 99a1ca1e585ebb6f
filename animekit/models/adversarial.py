"""AdversarialModel: a generator, a discriminator, and the two phases that most objectives share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import Parameter, functional
from torch.optim import SGD, Adam, Optimizer, RMSprop

from animekit import config
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.base import Losses, Model, Phase
from animekit.nn import losses
from animekit.nn.architectures import ARCHITECTURES, Shape
from animekit.nn.layers import initialise, normalise_spectrally
from animekit.nn.schedules import SCHEDULES
from animekit.text import did_you_mean

Norm = Literal["auto", "batch", "instance", "layer", "none"]
UpdateRule = Literal["adam", "rmsprop", "sgd"]


class AdversarialParams(config.Params):
    """What every objective over a generator and a discriminator can be told."""

    old_names = {
        "sample_std": "truncation",
        "lr_decay": "lr_schedule",
        "d_noise": "instance_noise",
    }
    topics = {
        "networks": (
            *("architecture", "g_channels", "d_channels", "g_blocks", "d_blocks", "g_norm"),
            *("d_norm", "g_activation", "d_activation", "d_pool", "init"),
        ),
        "update rule": (
            *("optimizer", "lr", "betas", "d_optimizer", "d_lr", "d_betas"),
            *("lr_schedule", "n_critic"),
        ),
        "regularisers": (
            "g_dropout",
            "spectral_norm",
            "minibatch_std",
            "r1_weight",
            "dragan_weight",
        ),
        "noise": ("z_dim", "z", "z_std", "truncation", "instance_noise"),
    }

    architecture: str = Field("dcgan", description="networks: " + ", ".join(ARCHITECTURES))
    z_dim: int = Field(100, ge=1, description="numbers in the noise vector z")
    z: Literal["normal", "uniform", "sphere"] = Field("normal", description="distribution of z")
    z_std: float = Field(1.0, gt=0, description="scale of z")
    truncation: float = Field(
        1.0, gt=0, description="factor on z when pictures are made, unless they ask for another"
    )
    g_channels: int = Field(64, ge=1, description="width of the generator near the image")
    d_channels: int = Field(64, ge=1, description="width of the discriminator near the image")
    g_blocks: int | None = Field(None, ge=0, description="residual blocks in G (srresnet: 16)")
    d_blocks: int | None = Field(
        None, ge=0, description="residual blocks of a stage of D (srresnet: 4, half in the first)"
    )
    g_norm: Norm = Field("auto", description="normalisation in the generator")
    d_norm: Norm = Field("auto", description="normalisation in the discriminator")
    g_activation: str = Field("auto", description="relu, selu, lrelu or lrelu:SLOPE")
    d_activation: str = Field("auto", description="relu, selu, lrelu or lrelu:SLOPE")
    d_pool: Literal["auto", "stride", "avg", "max"] = Field(
        "auto", description="how the discriminator halves the side"
    )
    g_dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the generator's layers")
    spectral_norm: bool = Field(False, description="spectral norm in the discriminator")
    minibatch_std: bool = Field(False, description="minibatch standard deviation map")
    init: Literal["auto", "normal", "he", "default"] = Field("auto", description="first weights")
    optimizer: UpdateRule = Field("adam", description="update rule")
    lr: float = Field(2e-4, gt=0, description="learning rate")
    betas: tuple[float, float] = Field((0.5, 0.999), description="Adam betas")
    d_optimizer: UpdateRule | None = Field(None, description="the discriminator's own update rule")
    d_lr: float | None = Field(None, gt=0, description="the discriminator's own learning rate")
    d_betas: tuple[float, float] | None = Field(None, description="the discriminator's own betas")
    lr_schedule: Literal["none", "linear", "exponential"] = Field(
        "none", description="over the second half of --steps: to zero, or by parts to a hundredth"
    )
    n_critic: int = Field(1, ge=1, description="discriminator updates per generator update")
    r1_weight: float = Field(0.0, ge=0, description="weight of the R1 gradient penalty")
    dragan_weight: float = Field(0.0, ge=0, description="weight of the DRAGAN gradient penalty")
    instance_noise: float = Field(
        0.0, ge=0, description="std of noise on the discriminator's inputs"
    )

    @field_validator("architecture")
    @classmethod
    def _known_architecture(cls, value: str) -> str:
        if value not in ARCHITECTURES:
            near = did_you_mean(value, ARCHITECTURES)
            raise ValueError(f"known architectures are {', '.join(ARCHITECTURES)}.{near}")
        return value

    @field_validator("g_activation", "d_activation")
    @classmethod
    def _known_activation(cls, value: str) -> str:
        name, _, slope = value.partition(":")
        try:
            float(slope or 0)
        except ValueError:
            name = ""
        if name not in ("auto", "relu", "selu", "lrelu") or (slope and name != "lrelu"):
            raise ValueError("use auto, relu, selu, lrelu or lrelu:SLOPE")
        return value


class AdversarialModel(Model):
    """A generator against a discriminator: a subclass says two losses.

    In a step where both phases are due the fakes are drawn once: the discriminator sees them
    detached, the generator through their graph.
    """

    Params: ClassVar[type[config.Params]] = AdversarialParams
    params: AdversarialParams
    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    generator: torch.nn.Module
    discriminator: torch.nn.Module
    conditions: int = 0
    """How many labels the generator is told; a conditional model sets it before it builds."""
    classes: int = 0
    """How many labels the discriminator names beside its logit."""
    penalised: bool = False
    """Whether a penalty looks at single images, so that a batch norm in D would be wrong."""

    def __init__(self, params: config.Params, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        self.generator = self.build_generator()
        self.discriminator = self.build_discriminator()
        architecture = ARCHITECTURES[self.params.architecture]
        kind = architecture.init if self.params.init == "auto" else self.params.init
        initialise(self.generator, kind)
        initialise(self.discriminator, kind)
        if self.params.spectral_norm:
            normalise_spectrally(self.discriminator)

    def build_generator(self) -> torch.nn.Module:
        """Return the generator: z [N, z_dim] -> images [N, C, S, S] in [-1, 1]."""
        p, architecture = self.params, ARCHITECTURES[self.params.architecture]
        architecture.check(self.spec.size)
        return architecture.generator(
            Shape(
                size=self.spec.size,
                channels=self.spec.channels,
                width=p.g_channels,
                z_dim=p.z_dim,
                labels=self.conditions,
                groups=self.spec.groups,
                blocks=p.g_blocks,
                norm=p.g_norm,
                activation=p.g_activation,
                dropout=p.g_dropout,
            )
        )

    def build_discriminator(self) -> torch.nn.Module:
        """Return the discriminator: images [N, C, S, S] -> logits [N]."""
        p, architecture = self.params, ARCHITECTURES[self.params.architecture]
        norm = architecture.d_norm if p.d_norm == "auto" else p.d_norm
        if p.d_norm == "auto" and norm == "batch" and self._looks_at_single_images():
            norm = "none"
        return architecture.discriminator(
            Shape(
                size=self.spec.size,
                channels=self.spec.channels,
                width=p.d_channels,
                norm=norm,
                activation=p.d_activation,
                pool=p.d_pool,
                minibatch_std=p.minibatch_std,
                labels=self.classes,
                groups=self.spec.groups,
                blocks=p.d_blocks,
            )
        )

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the discriminator's terms; fake carries no gradient to the generator."""
        raise NotImplementedError

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the generator's terms; fake images carry its graph."""
        raise NotImplementedError

    def phases(self) -> list[Phase]:
        """Return "d", every step, and "g", every n_critic steps."""
        p, schedule = self.params, SCHEDULES[self.params.lr_schedule]
        return [
            Phase(
                "d",
                [self.discriminator],
                self._d_phase,
                lambda parameters: self.optimizer(
                    parameters, p.d_lr or p.lr, p.d_optimizer, p.d_betas
                ),
                after=self.after_d_step,
                schedule=schedule,
            ),
            Phase(
                "g",
                [self.generator],
                self._g_phase,
                lambda parameters: self.optimizer(parameters, p.lr),
                every=p.n_critic,
                schedule=schedule,
            ),
        ]

    def optimizer(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        rule: UpdateRule | None = None,
        betas: tuple[float, float] | None = None,
    ) -> Optimizer:
        """Return an optimiser, by default that of the parameters; Adam is fused."""
        rule = rule or self.params.optimizer
        if rule == "adam":
            return Adam(parameters, lr=lr, betas=betas or self.params.betas, fused=True)
        return {"rmsprop": RMSprop, "sgd": SGD}[rule](parameters, lr=lr)

    def after_d_step(self) -> None:
        """Run behind each discriminator update, as weight clipping does."""

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Draw z's images once for all phases; with a graph if the generator moves."""
        assert batch.z is not None
        batch.target = self.targets(batch)
        with torch.set_grad_enabled("g" in due):
            batch.fake = self.fakes(batch.z, batch.target)

    def fakes(self, z: Tensor, target: Tensor | None) -> Tensor:
        """Return the images [N, C, S, S] of a step, with their graph."""
        fakes: Tensor = self.generator(z)
        return fakes

    def targets(self, batch: Batch) -> Tensor | None:
        """Return what the fakes of a batch are asked to be, [N, L]; None without labels."""
        return None

    def shown(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the fakes and labels that D sees in this step: those given."""
        return images, labels

    def critic(self, labels: Tensor | None) -> losses.Discriminator:
        """Return what penalties look at: images -> logits beside their labels."""
        discriminator: losses.Discriminator = self.discriminator
        return discriminator

    def _d_phase(self, batch: Batch) -> Losses:
        assert batch.fake is not None
        p = self.params
        real = self._seen(batch, batch.images, batch.labels)
        fake = self._seen(batch, *self.shown(batch.fake.detach(), batch.target))
        terms, more = self.d_loss(real, fake), {}
        critic = self.critic(batch.target)
        if p.r1_weight:
            more["r1"] = p.r1_weight * losses.r1_penalty(critic, real.images)
        if p.dragan_weight:
            more["dragan"] = p.dragan_weight * losses.dragan_penalty(critic, real.images)
        return {**terms, **more} if more else terms

    def _g_phase(self, batch: Batch) -> Losses:
        assert batch.fake is not None
        real = self._seen(batch, batch.images, batch.labels)
        return self.g_loss(real, self._seen(batch, batch.fake, batch.target))

    def _seen(self, batch: Batch, images: Tensor, labels: Tensor | None) -> Batch:
        if self.params.instance_noise:
            images = images + self.params.instance_noise * torch.randn_like(images)
        return Batch(images, labels, batch.z, batch.mask)

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z [n, z_dim] on the CPU: normal, uniform or on a sphere (tip 3).

        The sphere has the radius sqrt(z_dim), where normal vectors of that length gather.
        """
        shape = (n, self.params.z_dim)
        if self.params.z == "uniform":
            z = 2 * torch.rand(shape, generator=generator) - 1
        else:
            z = torch.randn(shape, generator=generator)
        if self.params.z == "sphere":
            z = functional.normalize(z) * self.params.z_dim**0.5
        return z * self.params.z_std

    @property
    def default_truncation(self) -> float:
        """Return the factor on z where a user names none; training knows nothing of it."""
        return self.params.truncation

    def sample(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images [N, C, S, S] in [-1, 1] for z [N, z_dim]."""
        images: Tensor = self.generator(z)
        return images

    def validate(self) -> None:
        """Refuse parameters that do not go together."""
        if self.params.d_norm == "batch" and self._looks_at_single_images():
            raise ConfigError(
                "a gradient penalty needs a discriminator without batch normalisation",
                "use --set d_norm=none, layer or instance",
            )
        name = self.params.architecture
        if self.params.d_pool != "auto" and not ARCHITECTURES[name].pools:
            raise ConfigError(
                f"architecture {name} has no d_pool: it halves in one way", "leave d_pool=auto"
            )

    def _looks_at_single_images(self) -> bool:
        return bool(self.penalised or self.params.r1_weight or self.params.dragan_weight)
