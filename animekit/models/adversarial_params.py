"""AdversarialParams: what every objective over a generator and a discriminator can be told."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from animekit import config
from animekit.nn.architectures import ARCHITECTURES
from animekit.nn.augment import KINDS, Kind
from animekit.text import did_you_mean

Norm = Literal["auto", "batch", "instance", "layer", "none"]
GeneratorNorm = Literal["auto", "batch", "instance", "layer", "conditional", "none"]
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
            *(
                "d_norm",
                "g_activation",
                "d_activation",
                "d_pool",
                "g_upsample",
                "g_skip",
                "attention",
                "init",
            ),
            *("g_output", "d_batches"),
        ),
        "update rule": (
            *("optimizer", "lr", "betas", "d_optimizer", "d_lr", "d_betas"),
            *("lr_schedule", "n_critic", "n_critic_first", "first_rounds", "first_again", "n_gen"),
        ),
        "regularisers": (
            *("g_dropout", "g_dropout_sampling"),
            "spectral_norm",
            "minibatch_std",
            *("r1_weight", "r2_weight", "dragan_weight", "penalty_every"),
            *("replay_size", "replay_share"),
        ),
        "augmentation": ("augment", "augment_strength", "augment_target"),
        "noise": (
            "z_dim",
            "z",
            "z_std",
            "truncation",
            "instance_noise",
            "instance_noise_decay",
            "g_noise",
        ),
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
    g_blocks: int | None = Field(
        None,
        ge=0,
        description="residual blocks in G (srresnet: 16), or in a stage of it (modern: 2)",
    )
    d_blocks: int | None = Field(
        None,
        ge=0,
        description="residual blocks of a stage of D (srresnet: 4, half in the first; modern: 2)",
    )
    g_norm: GeneratorNorm = Field(
        "auto", description="normalisation in the generator; conditional follows the labels"
    )
    d_norm: Norm = Field("auto", description="normalisation in the discriminator")
    g_activation: str = Field("auto", description="relu, selu, lrelu or lrelu:SLOPE")
    d_activation: str = Field("auto", description="relu, selu, lrelu or lrelu:SLOPE")
    d_pool: Literal["auto", "stride", "avg", "max"] = Field(
        "auto", description="how the discriminator halves the side"
    )
    d_batches: Literal["separate", "mixed"] = Field(
        "separate", description="real and fake images go through D in a batch each, or in one"
    )
    g_output: Literal["auto", "tanh", "sigmoid"] = Field(
        "auto", description="end of G; sigmoid: and D takes pixels in [0, 1] (auto: tanh, mostly)"
    )
    g_upsample: Literal["auto", "transposed", "nearest", "pixelshuffle"] = Field(
        "auto", description="how the generator doubles the side"
    )
    g_skip: bool | None = Field(
        None, description="maps of G gate those of eight times their side (fastgan does so)"
    )
    attention: int = Field(
        0, ge=0, description="self-attention where the maps of G and D have this side (0: nowhere)"
    )
    g_dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the generator's layers")
    g_dropout_sampling: bool = Field(
        False, description="dropout stays on when pictures are made: an image's z says where"
    )
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
    n_critic_first: int = Field(
        0, ge=0, description="n_critic in the first rounds of the training (0: no other)"
    )
    first_rounds: int = Field(25, ge=0, description="how many rounds those are")
    first_again: int = Field(
        0, ge=0, description="and every round that this divides is one of them (0: none)"
    )
    n_gen: int = Field(1, ge=1, description="generator updates per discriminator update")
    r1_weight: float = Field(0.0, ge=0, description="weight of the R1 gradient penalty, on real")
    r2_weight: float = Field(0.0, ge=0, description="weight of the R2 gradient penalty, on fake")
    dragan_weight: float = Field(0.0, ge=0, description="weight of the DRAGAN gradient penalty")
    penalty_every: int = Field(
        1, ge=1, description="R1, R2 and DRAGAN in steps that it divides, that many times as heavy"
    )
    replay_size: int = Field(0, ge=0, description="past fakes that are kept to be shown to D again")
    replay_share: float = Field(0.5, gt=0, lt=1, description="share of past fakes in a batch")
    augment: tuple[Kind, ...] = Field(
        (), description="changes at random to all that D sees: color, translation, cutout"
    )
    augment_strength: float = Field(
        1.0, ge=0, le=1, description="share of the images that each kind of change reaches"
    )
    augment_target: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="adapt that share, from augment_strength on: 0, D cannot tell; 1, D always can",
    )
    instance_noise: float = Field(
        0.0, ge=0, description="std of noise on the discriminator's inputs"
    )
    instance_noise_decay: Literal["none", "linear"] = Field(
        "none", description="straight down to no such noise at the end of --steps"
    )
    g_noise: float = Field(
        0.0, ge=0, description="std of noise in the generator's layers, by its z in pictures"
    )

    @field_validator("augment", mode="before")
    @classmethod
    def _kinds_in_order(cls, value: Any) -> Any:
        # Typed as "color,cutout", or none; kept in the order in which they are done, each once.
        if value is None or value in ("", "none", ("none",), ["none"]):
            return ()
        if not isinstance(value, (str, tuple, list)):
            return value
        given = value.split(",") if isinstance(value, str) else list(value)
        given = [kind.strip() if isinstance(kind, str) else kind for kind in given]
        known = [kind for kind in KINDS if kind in given]
        return (*known, *(kind for kind in given if kind not in KINDS))

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

    @property
    def penalised(self) -> bool:
        """Whether a penalty that any objective can have looks at single images."""
        return bool(self.r1_weight or self.r2_weight or self.dragan_weight)


class InterpolatedParams(AdversarialParams):
    """The penalty of WGAN-GP beside an objective that has none of its own."""

    topics = {"regularisers": ("gp_weight",)}

    gp_weight: float = Field(
        0.0, ge=0, description="weight of the gradient penalty between real and fake, as in wgangp"
    )

    @property
    def penalised(self) -> bool:
        """Whether a penalty looks at single images."""
        return bool(super().penalised or self.gp_weight)
