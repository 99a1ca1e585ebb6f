"""Reader of hair and eye colours, a small residual network (He et al., 2016)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from animekit.config import Params
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.engines import whole
from animekit.errors import ConfigError
from animekit.hookspecs import hookimpl
from animekit.models.base import ATTRIBUTES, Losses, Model, Need, Paper, Phase
from animekit.nn.layers import full_precision
from animekit.nn.losses import attribute_loss

STAGES = 4  # each halves the side; a stem halves it before
TURN, ZOOM, SHIFT = 0.2, 0.2, 0.1  # radians, share of the size, share of the side


class TaggerParams(Params):
    """Size of the network, and how it is trained."""

    topics = {
        "networks": ("base_channels",),
        "update rule": ("lr",),
        "regularisers": ("dropout", "smoothing", "augment", "weight_decay"),
    }

    attributes: str = Field("", description=ATTRIBUTES)
    base_channels: int = Field(32, ge=1, description="channels of the first stage; doubled thrice")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of the features left out")
    smoothing: float = Field(0.1, ge=0, lt=1, description="label smoothing within an attribute")
    augment: bool = Field(True, description="turn, zoom, shift and mirror images at random")
    lr: float = Field(2e-3, gt=0, description="learning rate at the start of a cosine to zero")
    weight_decay: float = Field(0.02, ge=0, description="AdamW weight decay")


class TaggerBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., 2016)."""

    def __init__(self, last: int, width: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(last, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(stride), nn.Conv2d(last, width, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, width, H / stride, W / stride]."""
        return F.relu(self.main(x) + self.shortcut(x))


class Tagger(Model):
    """Reader of hair and eye colours, a residual network (He et al., 2016).

    Each attribute has a softmax of its own; an attribute whose label is unknown teaches nothing,
    and one with two colours is half of each. The features behind the labels serve as the embedded
    extractor of the feature metrics.
    """

    name = "tagger"
    paper = Paper(
        "Deep Residual Learning for Image Recognition",
        2016,
        "He, Zhang, Ren and Sun",
        "https://arxiv.org/abs/1512.03385",
    )
    data = Need.LABELLED
    keeps_all_labels = True
    averaged = ("body", "head")
    Params = TaggerParams
    params: TaggerParams
    notes = "c/labels falls below 1 as colours are told apart; noisy tags keep it above 0."

    def __init__(self, params: TaggerParams, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        width = self.params.base_channels
        stem = nn.Conv2d(spec.channels, width, 3, 2, 1, bias=False)
        layers: list[nn.Module] = [stem, nn.BatchNorm2d(width), nn.ReLU()]
        last = width
        for stage in range(STAGES):
            layers += [TaggerBlock(last, width * 2**stage, 1 if stage == 0 else 2)]
            last = width * 2**stage
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(last, len(spec.labels))

    def validate(self) -> None:
        """Raise ConfigError where there is nothing to read, or nothing to read it from."""
        if self.spec.size < 2 ** (STAGES + 1):
            raise ConfigError(
                f"model tagger cannot read images of {self.spec.size} px",
                f"use --size {2 ** (STAGES + 1)} or more",
            )

    def features(self, images: Tensor) -> Tensor:
        """Return what the logits are made from: [N, 8 * base_channels], not negative."""
        return full_precision(self.body(images))

    def classify(self, images: Tensor) -> Tensor:
        """Return logits [N, L]; a softmax for each group, a sigmoid for groups of one."""
        return full_precision(self.head(self.features(images)))

    def loss(self, batch: Batch) -> Losses:
        """Return the mean cross-entropy of the known attributes of a batch."""
        images = _jitter(batch.images) if self.params.augment else batch.images
        features = F.dropout(self.features(images), self.params.dropout, self.training)
        logits = full_precision(self.head(features))
        assert batch.labels is not None
        smoothing = self.params.smoothing
        loss = attribute_loss(
            logits, batch.labels, self.spec.groups, batch.mask, smoothing=smoothing
        )
        return {"labels": loss}

    def phases(self) -> list[Phase]:
        """Return the one update rule."""
        p = self.params
        return [
            Phase(
                "c",
                [self.body, self.head],
                self.loss,
                partial(torch.optim.AdamW, lr=p.lr, weight_decay=p.weight_decay),
                schedule=lambda progress: 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))),
            )
        ]

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        return {"c/labels": "E[H(c, C(x))], over the attributes that are known"}


def _jitter(images: Tensor) -> Tensor:
    """Return images turned, zoomed, shifted, mirrored and lit a little otherwise each.

    Colours keep their hue, since they are what is read. [N, C, H, W] to the same.
    """
    count = len(images)
    draw = whole.uniform_columns(6, count, images.device) * 2 - 1
    angle, zoom = TURN * draw[0], 1 + ZOOM * draw[1]
    side = torch.where(draw[2] < 0, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    rows = torch.stack(
        [cos * side, -sin, SHIFT * 2 * draw[3], sin * side, cos, SHIFT * 2 * draw[4]]
    )
    grid = F.affine_grid(rows.T.view(count, 2, 3), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    contrast = (1 + 0.15 * draw[5]).view(-1, 1, 1, 1)
    return (moved * contrast).clamp(-1, 1)


@hookimpl
def animekit_models() -> list[type[Model]]:
    """Return the model of this module."""
    return [Tagger]
