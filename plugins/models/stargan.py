"""StarGAN: one translator for many attributes of an image (Choi et al., 2018)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Adam, Optimizer

from animekit import config
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.engines.parts import shuffled
from animekit.errors import ConfigError, UnusableError
from animekit.hookspecs import hookimpl
from animekit.labels.vocabulary import Vocabulary
from animekit.models import formulas
from animekit.models.base import ATTRIBUTES, Losses, Model, Need, Paper, Phase
from animekit.models.scores import ACCURACY
from animekit.nn import losses
from animekit.nn.accuracy import by_median
from animekit.nn.schedules import SCHEDULES
from animekit.nn.translators import LabelPatchDiscriminator, LabelTranslator, TranslatorShape

COLUMNS = 12  # of targets in a sheet


class StarGANParams(config.Params):
    """The networks, which attributes they learn, the terms and their weights."""

    old_names = {"blocks": "n_blocks", "g_halvings": "depth", "lr_decay": "lr_schedule"}
    topics = {
        "networks": ("g_channels", "d_channels", "n_blocks", "depth", "residual", "d_layers"),
        "update rule": ("lr", "d_lr", "lr_schedule", "betas", "n_critic"),
        "regularisers": ("gp_weight", "rec_weight"),
    }

    attributes: str = Field("", description=ATTRIBUTES)
    g_channels: int = Field(64, ge=1, description="width of the translator near the image")
    d_channels: int = Field(64, ge=1, description="width of the discriminator near the image")
    n_blocks: int = Field(6, ge=1, le=32, description="residual blocks")
    depth: int = Field(
        2, ge=1, le=4, description="halvings before the blocks: fewer keep more of a small face"
    )
    residual: bool = Field(
        False, description="the translator draws a change of the image, not the whole (Shen & Liu)"
    )
    d_layers: int | None = Field(
        None, ge=1, le=8, description="halvings in D (default: down to 2 px, 6 at most)"
    )
    lr: float = Field(1e-4, gt=0, description="learning rate")
    d_lr: float | None = Field(None, gt=0, description="the discriminator's own learning rate")
    lr_schedule: Literal["none", "linear"] = Field(
        "none", description="linear: fall to zero over the second half of --steps"
    )
    betas: tuple[float, float] = Field((0.5, 0.999), description="Adam betas")
    n_critic: int = Field(5, ge=1, description="discriminator updates per translator update")
    gp_weight: float = Field(10.0, ge=0, description="weight of the gradient penalty")
    cls_weight: float = Field(1.0, ge=0, description="weight of the labels on real, in D")
    g_cls_weight: float = Field(1.0, ge=0, description="weight of the asked labels, in G")
    rec_weight: float = Field(10.0, ge=0, description="weight of there-and-back")
    unasked: float = Field(
        0.0, ge=0, lt=1, description="share of attributes that a target leaves open, as zeros"
    )


class StarGAN(Model):
    """Changes attributes of a face, such as its hair colour (Choi et al., 2018).

    A target is a label vector; an attribute that is not known is all zeros, in training as after.
    """

    name = "stargan"
    paper = Paper(
        "StarGAN: Unified GANs for Multi-Domain Image-to-Image Translation",
        2018,
        "Choi et al.",
        "https://arxiv.org/abs/1711.09020",
    )
    data = Need.LABELLED
    Params: ClassVar[type[config.Params]] = StarGANParams
    params: StarGANParams
    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    aliases: ClassVar[dict[str, str]] = {"d/wasserstein": "-w_est"}
    notes = (
        "d/cls: D reads real labels; g/cls: pictures show what was asked; g/rec: the way back."
        " All three should fall; w_est should fall towards 0 after its first rise."
    )

    def __init__(self, params: StarGANParams, spec: ImageSpec) -> None:
        self.columns = spec.columns(params.attributes)
        chosen = spec.only(self.columns)
        super().__init__(params, chosen)
        size, labels = chosen.size, len(chosen.labels)
        shape = TranslatorShape(chosen.channels, params.g_channels, params.n_blocks, labels=labels)
        self.generator = LabelTranslator(shape, params.depth, residual=params.residual)
        halvings = params.d_layers or min(6, max(1, size.bit_length() - 2))
        if size >> halvings < 1:
            raise ConfigError("the discriminator is too deep for these images", "lower d_layers")
        self.discriminator = LabelPatchDiscriminator(
            size, chosen.channels, params.d_channels, halvings, labels
        )

    def phases(self) -> list[Phase]:
        """Return "d", every step, and "g", every n_critic steps."""
        p = self.params
        schedule = SCHEDULES[p.lr_schedule]

        def adam(lr: float, parameters: Iterable[Parameter]) -> Optimizer:
            return Adam(parameters, lr=lr, betas=p.betas, fused=True)

        return [
            Phase(
                "d",
                [self.discriminator],
                self._d_loss,
                lambda parameters: adam(p.d_lr or p.lr, parameters),
                schedule=schedule,
                measure=_measure,
            ),
            Phase(
                "g",
                [self.generator],
                self._g_loss,
                lambda parameters: adam(p.lr, parameters),
                every=p.n_critic,
                schedule=schedule,
            ),
        ]

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Ask each image for the labels of another one of the batch, and translate it."""
        source, known = self._labels(batch)
        target, asked = shuffled(source, known)
        if self.params.unasked:
            groups = torch.tensor(self.spec.groups, device=source.device)
            open_ = torch.rand(len(source), len(groups), device=source.device) < self.params.unasked
            kept = (~open_).to(source.dtype).repeat_interleave(groups, 1)
            target, asked = target * kept, asked * kept
        batch.kept = {"source": source, "known": known, "target": target, "asked": asked}
        with torch.set_grad_enabled("g" in due):
            batch.fake = self.generator(batch.images, target)

    def _labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the labels [N, L] that are learned, 0 where unknown, and their mask."""
        assert batch.labels is not None
        mask = torch.ones_like(batch.labels) if batch.mask is None else batch.mask
        labels, mask = batch.labels[:, self.columns], mask[:, self.columns]
        return labels * mask, mask

    def _d_loss(self, batch: Batch) -> Losses:
        assert batch.fake is not None
        fake = batch.fake.detach()
        logits, labels = self.discriminator.judge(torch.cat([batch.images, fake]))
        count = len(fake)
        batch.kept |= {"on_real": logits[:count].detach(), "on_fake": logits[count:].detach()}
        penalty = losses.gradient_penalty(self.discriminator, batch.images, fake)
        read = self._read(labels[:count], batch.kept["source"], batch.kept["known"])
        return {
            "wasserstein": losses.wasserstein_d(logits[:count], logits[count:]),
            "cls": self.params.cls_weight * read,
            "gp": self.params.gp_weight * penalty,
        }

    def _g_loss(self, batch: Batch) -> Losses:
        assert batch.fake is not None
        logits, labels = self.discriminator.judge(batch.fake)
        back = self.generator(batch.fake, batch.kept["source"])
        read = self._read(labels, batch.kept["target"], batch.kept["asked"])
        return {
            "adv": losses.wasserstein_g(logits),
            "cls": self.params.g_cls_weight * read,
            "rec": self.params.rec_weight * (back - batch.images).abs().mean(),
        }

    def _read(self, logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the cross-entropy of an image, summed over attributes as the paper does."""
        groups = self.spec.groups
        return len(groups) * losses.attribute_loss(logits, labels, groups, mask)

    @property
    def directions(self) -> tuple[str, ...]:
        """Nothing: the target is a label vector."""
        return ()

    @property
    def multiple(self) -> int:
        """What height and width of images must be multiples of."""
        return self.generator.multiple

    def translate(self, images: Tensor, target: Any) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] that show the labels target [N, L]."""
        translated: Tensor = self.generator(images, target)
        return translated

    def cycle(self, images: Tensor, target: Any, source: Any = None) -> Tensor:
        """Return images there and back; `source` [N, L] are the labels they had."""
        if source is None:
            raise UnusableError(
                "the way back asks for the labels that the picture had", "give source, [N, L]"
            )
        return self.translate(self.translate(images, target), source)

    def classify(self, images: Tensor) -> Tensor:
        """Return logits [N, L] of the labels that the discriminator reads in images."""
        logits: Tensor = self.discriminator.judge(images)[1]
        return logits

    def sheet(self, batch: Batch) -> Tensor:
        """Return rows [N, K, C, H, W]: an image, translations, and back from the last."""
        source, _ = self._labels(batch)
        targets = self._targets(source)[:COLUMNS]
        parts = [batch.images, *(self.translate(batch.images, target) for target in targets)]
        return torch.stack([*parts, self.translate(parts[-1], source)], 1)

    def _targets(self, source: Tensor) -> list[Tensor]:
        """Return labels [N, L] with each value of each attribute; yes turns into no.

        Hair colours that are a yes or no each, as CelebA has them, are values of one attribute.
        """
        vocabulary = Vocabulary(self.spec.labels, self.spec.groups)
        found = []
        for place in range(len(self.spec.labels)):
            rivals = list(vocabulary.rivals(place))
            target = source.clone()
            target[:, rivals] = 0
            target[:, place] = 1 if rivals else 1 - source[:, place]
            found.append(target)
        return found

    def validate(self) -> None:
        """Refuse sizes that the networks cannot do."""
        if self.spec.size % self.multiple:
            raise ConfigError(
                f"stargan cannot make images of {self.spec.size} px",
                f"use a --size that {self.multiple} divides",
            )

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, fake = self.params, "G(x, c')"
        return {
            "d/wasserstein": formulas.wasserstein("D(x)", f"D({fake})"),
            "d/cls": formulas.weighted(p.cls_weight, "E[H(c, C(x))]"),
            "d/gp": formulas.gradient_penalty(p.gp_weight),
            "g/adv": f"-E[D({fake})]",
            "g/cls": formulas.weighted(p.g_cls_weight, f"E[H(c', C({fake}))]"),
            "g/rec": formulas.weighted(p.rec_weight, f"E|G({fake}, c) - x|"),
        }


def _measure(batch: Batch, terms: Losses) -> Losses:
    """Return the critic's accuracy."""
    shares = by_median(batch.kept["on_real"], batch.kept["on_fake"])
    return dict(zip(ACCURACY, shares, strict=True))


@hookimpl
def animekit_models() -> list[type[Model]]:
    """Return the model of this module."""
    return [StarGAN]
