"""CycleGAN: translation between two sets of images without pairs (Zhu et al., 2017)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Adam, Optimizer

from animekit import config
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError, UnusableError
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.base import Losses, Model, Need, Paper, Phase
from animekit.models.scores import ACCURACY
from animekit.nn import losses
from animekit.nn.accuracy import by_sign
from animekit.nn.layers import initialise
from animekit.nn.memory import ImagePool
from animekit.nn.schedules import SCHEDULES
from animekit.nn.translators import (
    PatchDiscriminator,
    ResnetTranslator,
    TranslatorShape,
    UNetTranslator,
)

DIRECTIONS = ("a2b", "b2a")


class CycleGANParams(config.Params):
    """The two pairs of networks, the terms and their weights."""

    old_names = {
        "blocks": "n_blocks",
        "halvings": "depth",
        "lr_decay": "lr_schedule",
        "pool": "pool_size",
    }
    topics = {
        "networks": (
            *("architecture", "directions", "g_channels", "d_channels", "n_blocks", "depth"),
            *("d_layers", "norm"),
        ),
        "update rule": ("lr", "lr_schedule", "betas"),
        "regularisers": ("cycle_weight", "identity_weight", "pool_size"),
    }

    architecture: Literal["resnet", "unet"] = Field("resnet", description="kind of translator")
    directions: Literal["both", "a2b", "b2a"] = Field(
        "both", description="one alone can be applied, not trained"
    )
    g_channels: int = Field(64, ge=1, description="width of the translators near the image")
    d_channels: int = Field(64, ge=1, description="width of the discriminators near the image")
    n_blocks: int | None = Field(
        None, ge=1, le=32, description="residual blocks (default: 9 from 256 px, else 6)"
    )
    depth: int | None = Field(
        None, ge=1, le=10, description="depth of a U-Net (default: down to one pixel)"
    )
    d_layers: int | None = Field(
        None, ge=1, le=5, description="halvings in D: patches of 16, 34, 70 px (default by size)"
    )
    norm: Literal["instance", "affine", "batch"] = Field(
        "instance", description="affine: instance norm with learned scales"
    )
    lr: float = Field(2e-4, gt=0, description="learning rate")
    lr_schedule: Literal["none", "linear"] = Field(
        "none", description="linear: fall to zero over the second half of --steps"
    )
    betas: tuple[float, float] = Field((0.5, 0.999), description="Adam betas")
    cycle_weight: float = Field(10.0, ge=0, description="weight of there-and-back")
    identity_weight: float = Field(
        0.5, ge=0, description="weight of leaving the other domain alone, times cycle_weight"
    )
    pool_size: int = Field(50, ge=0, description="older fakes that D is shown (0: none)")


class CycleGAN(Model):
    """Translates both ways between two unpaired sets of images (Zhu et al., 2017).

    `generators` turns a into b and b into a; a discriminator of each domain judges patches.
    """

    name = "cyclegan"
    paper = Paper(
        "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
        2017,
        "Zhu, Park, Isola and Efros",
        "https://arxiv.org/abs/1703.10593",
    )
    data = Need.UNPAIRED
    Params: ClassVar[type[config.Params]] = CycleGANParams
    params: CycleGANParams
    averaged: ClassVar[tuple[str, ...]] = ("generators",)
    notes = (
        "g/cycle_a and g/cycle_b should fall and stay low. d/a and d/b near 0.25 are a fair game;"
        " near 0 for long, D has won and pictures stand still."
    )

    def __init__(self, params: CycleGANParams, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        ways = DIRECTIONS if params.directions == "both" else (params.directions,)
        self.generators = nn.ModuleDict({way: self.build_generator() for way in ways})
        domains = "ab" if params.directions == "both" else ""
        self.discriminators = nn.ModuleDict({each: self.build_discriminator() for each in domains})
        self.pools = nn.ModuleDict({each: ImagePool(params.pool_size, spec) for each in domains})
        initialise(self.generators, "normal")
        initialise(self.discriminators, "normal")

    def build_generator(self) -> ResnetTranslator | UNetTranslator:
        """Return a translator: images [N, C, H, W] -> images in [-1, 1]."""
        p, size = self.params, self.spec.size
        shape = TranslatorShape(
            channels=self.spec.channels,
            width=p.g_channels,
            blocks=p.n_blocks or (9 if size >= 256 else 6),
            halvings=p.depth or size.bit_length() - 1,
            norm=p.norm,
        )
        return UNetTranslator(shape) if p.architecture == "unet" else ResnetTranslator(shape)

    def build_discriminator(self) -> PatchDiscriminator:
        """Return a critic of patches: images [N, C, H, W] -> logits [N, h, w]."""
        size, p = self.spec.size, self.params
        halvings = p.d_layers or (3 if size >= 192 else 2 if size >= 64 else 1)
        return PatchDiscriminator(self.spec.channels, p.d_channels, halvings, p.norm)

    def phases(self) -> list[Phase]:
        """Return "g" for both translators, then "d" for both discriminators."""
        schedule = SCHEDULES[self.params.lr_schedule]
        return [
            Phase("g", [self.generators], self._g_loss, self.optimizer, schedule=schedule),
            Phase(
                "d",
                [self.discriminators],
                self._d_loss,
                self.optimizer,
                schedule=schedule,
                measure=self._measure,
            ),
        ]

    def optimizer(self, parameters: Iterable[Parameter]) -> Optimizer:
        """Return the paper's Adam."""
        return Adam(parameters, lr=self.params.lr, betas=self.params.betas, fused=True)

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Translate both domains once for all phases.

        What a translator makes of its own target domain (identity) is drawn in the same pass.
        """
        assert batch.others is not None
        a, b = batch.images, batch.others
        alike = self.params.identity_weight > 0
        with torch.set_grad_enabled("g" in due):
            to_b = self.generators["a2b"](torch.cat([a, b]) if alike else a)
            to_a = self.generators["b2a"](torch.cat([b, a]) if alike else b)
        batch.kept = {"fake_b": to_b[: len(a)], "fake_a": to_a[: len(b)]}
        if alike:
            batch.kept |= {"same_b": to_b[len(a) :], "same_a": to_a[len(b) :]}

    def _g_loss(self, batch: Batch) -> Losses:
        assert batch.others is not None
        p, kept = self.params, batch.kept
        real = {"a": batch.images, "b": batch.others}
        back = {
            "a": self.generators["b2a"](kept["fake_b"]),
            "b": self.generators["a2b"](kept["fake_a"]),
        }
        terms = {}
        for each in "ab":
            logits = self.discriminators[each](kept[f"fake_{each}"])
            terms[f"adv_{each}"] = 2 * losses.least_squares_g(logits)
            terms[f"cycle_{each}"] = p.cycle_weight * (back[each] - real[each]).abs().mean()
            if p.identity_weight:
                weight = p.cycle_weight * p.identity_weight
                terms[f"identity_{each}"] = (
                    weight * (kept[f"same_{each}"] - real[each]).abs().mean()
                )
        return terms

    def _d_loss(self, batch: Batch) -> Losses:
        assert batch.others is not None
        terms = {}
        for each, real in (("a", batch.images), ("b", batch.others)):
            pool = self.pools[each]
            assert isinstance(pool, ImagePool)
            fake = pool.exchange(batch.kept[f"fake_{each}"].detach())
            judged = self.discriminators[each](real), self.discriminators[each](fake)
            batch.kept |= {f"{each}_real": judged[0].detach(), f"{each}_fake": judged[1].detach()}
            terms[each] = losses.least_squares_d(*judged)
        return terms

    def _measure(self, batch: Batch, terms: Losses) -> Losses:
        """Return how many patches both discriminators judge right: beyond 1/2."""
        real, fake = (
            torch.cat([batch.kept[f"{each}_{side}"].flatten() for each in "ab"]) - 0.5
            for side in ("real", "fake")
        )
        return dict(zip(ACCURACY, by_sign(real, fake), strict=True))

    @property
    def directions(self) -> tuple[str, ...]:
        """The ways that this model knows: "a2b", "b2a" or both."""
        return tuple(self.generators)

    @property
    def multiple(self) -> int:
        """What height and width of images must be multiples of."""
        translator = self.generators[self.directions[0]]
        assert isinstance(translator, (ResnetTranslator, UNetTranslator))
        return translator.multiple

    def translate(self, images: Tensor, target: Any) -> Tensor:
        """Return images [N, C, H, W] of the other domain; target "a2b" or "b2a"."""
        if target not in self.generators:
            raise UnusableError(
                f'this model does not translate "{target}"', f"it knows {' '.join(self.directions)}"
            )
        translated: Tensor = self.generators[target](images)
        return translated

    def cycle(self, images: Tensor, target: Any, source: Any = None) -> Tensor:
        """Return images there and back; UnusableError where one way is missing."""
        there = self.translate(images, target)
        return self.translate(there, DIRECTIONS[target == DIRECTIONS[0]])

    def sheet(self, batch: Batch) -> Tensor:
        """Return rows [N, 6, C, H, W]: a, as b, back as a; b, as a, back as b."""
        assert batch.others is not None
        parts = []
        for images, way in ((batch.images, "a2b"), (batch.others, "b2a")):
            parts += [images, self.translate(images, way), self.cycle(images, way)]
        return torch.stack(parts, 1)

    def validate(self) -> None:
        """Refuse one direction alone in training, and sizes that a network cannot do."""
        if self.params.directions != "both":
            raise ConfigError(
                "a cycle needs both directions; one alone can be applied, not trained",
                "leave directions=both",
            )
        if self.spec.size % self.multiple:
            raise ConfigError(
                f"this translator cannot make images of {self.spec.size} px",
                f"use a --size that {self.multiple} divides",
            )
        if self.params.architecture == "unet" and self.spec.size < self.multiple:
            raise ConfigError("the U-Net is too deep for these images", "lower depth")

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, found = self.params, {}
        pairs = {"a": ("F(b)", "F(G(a))", "F(a)"), "b": ("G(a)", "G(F(b))", "G(b)")}
        for each, (fake, back, same) in pairs.items():
            found[f"g/adv_{each}"] = f"E[(D_{each}({fake}) - 1)^2]"
            found[f"g/cycle_{each}"] = formulas.weighted(p.cycle_weight, f"E|{back} - {each}|")
            if p.identity_weight:
                weight = p.cycle_weight * p.identity_weight
                found[f"g/identity_{each}"] = formulas.weighted(weight, f"E|{same} - {each}|")
            found[f"d/{each}"] = f"0.5 E[(D_{each}({each}) - 1)^2] + 0.5 E[D_{each}({fake})^2]"
        return found


@hookimpl
def animekit_models() -> list[type[Model]]:
    """Return the model of this module."""
    return [CycleGAN]
