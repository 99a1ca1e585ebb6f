"""What Projected GAN needs beside its generator: frozen features, mixed, and heads."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from animekit import plugins
from animekit.errors import AnimekitError, CheckpointError, NotFoundError, UnusableError
from animekit.evaluation.metric import MetricContext, build_metric
from animekit.models.features import Extractor
from animekit.nn.layers import activation_layer, full_precision, norm_layer
from animekit.text import install_hint

SCALES = 4  # of the deepest maps, each half the side of the one before
END = 4  # px: a head halves its maps down to this side


def load_extractor(name: str) -> Extractor:
    """Return the network of that name or file, as the metrics on features know it.

    Raises NotFoundError where its weights are not here, UnusableError where it gives no maps.
    """
    path = Path(name).expanduser()
    return _load(name, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _load(name: str, changed: int) -> Extractor:
    """Return the extractor; `changed` is when its file was, so that a new one is read."""
    registry = plugins.load()
    kind = registry.get("metric", "fd")  # whose parameter and files these are
    metric: Any = build_metric(
        kind, kind.Params.model_validate({"extractor": name}), MetricContext(registry=registry)
    )
    if (error := metric.missing()) is not None:
        raise NotFoundError(
            f"no extractor {name}: {error.message.rpartition(': ')[2]}",
            f"{install_hint('features')}; or --set extractor=tagger",
            code=error.code,
        )
    with torch.device("cpu"):  # whatever the model is built on: others will ask for it too
        extractor: Extractor = metric.extractor
    if extractor.to_maps is None or extractor.network is None:
        raise UnusableError(
            f"extractor {name} gives features alone, no maps",
            "use --set extractor=effnetlite0, tagger, or a model that classifies",
        )
    extractor.network.eval().requires_grad_(False)
    return extractor


class ProjectedDiscriminator(nn.Module):
    """Heads on frozen features: [N, C, S, S] (and labels) -> logits [N, SCALES].

    Maps of several scales are mixed by random 1x1 convolutions, then from the deepest up by random
    3x3 convolutions, so that no head can look at a few channels alone (Sauer et al., 2021). Only
    the heads learn. With labels, each head adds the inner product of its features with a vector
    for each of them (Miyato and Koyama, 2018).
    """

    sha256: Tensor

    def __init__(
        self,
        extractor: Extractor,
        *,
        side: int | None,
        mix: int,
        width: int,
        norm: str,
        labels: int,
    ) -> None:
        super().__init__()
        self.side = side or extractor.size
        # In a list: no part of the model's weights, which name it by its sha256 instead.
        self._extractor = [extractor]
        self._sound = False
        digest = torch.tensor(list(bytes.fromhex(extractor.sha256)), dtype=torch.uint8)
        self.register_buffer("sha256", digest)
        with torch.no_grad():
            maps = self._maps(torch.zeros(1, 3, 32, 32, device="cpu"))
        for index, each in enumerate(maps):
            self.register_buffer(f"across_{index}", _random(mix, each.shape[1], 1))
            self.register_buffer(f"between_{index}", _random(mix, mix, 3))
        self.heads = nn.ModuleList(_head(each.shape[2], mix, width, norm) for each in maps)
        ends = [head[-1].out_channels for head in self.heads]  # type: ignore[index]
        self.ends = nn.ModuleList(nn.Linear(count, 1) for count in ends)
        self.labels = nn.ModuleList(
            nn.Linear(labels, count, bias=False) for count in ends if labels
        )

    @property
    def extractor(self) -> Extractor:
        """The network whose features these are."""
        return self._extractor[0]

    def judge(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the logits of every scale: [N, SCALES]."""
        self._check()
        logits = []
        for index, maps in enumerate(self._mixed(images)):
            features = F.leaky_relu(self.heads[index](maps), 0.2).mean((2, 3))
            score = self.ends[index](features).flatten()
            if labels is not None:
                vector = self.labels[index](labels)
                score = score + (features * vector).sum(1) / features.shape[1] ** 0.5
            logits.append(full_precision(score))
        return torch.stack(logits, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the mean over scales: logits [N]."""
        return self.judge(images, labels).mean(1)

    def _mixed(self, images: Tensor) -> list[Tensor]:
        """Return what the heads see, the largest maps first: [N, mix, h, w]."""
        mixed: list[Tensor] = []
        above: Tensor | None = None
        maps = self._maps(images)
        for index in reversed(range(len(maps))):
            x = F.conv2d(maps[index], getattr(self, f"across_{index}"))
            if above is not None:
                x = x + F.interpolate(above, x.shape[2:], mode="bilinear", align_corners=False)
            above = F.conv2d(x, getattr(self, f"between_{index}"), padding=1)
            mixed.insert(0, above)
        return mixed

    def _maps(self, images: Tensor) -> list[Tensor]:
        """Return the deepest maps of images [N, C, S, S] in [-1, 1], the largest first."""
        extractor = self.extractor
        assert extractor.to_maps is not None and extractor.network is not None
        if images.is_meta:  # shapes alone were asked for
            found = self._maps(torch.zeros(images.shape, device="cpu"))
            return [each.to("meta") for each in found]
        pixels = (images.expand(-1, 3, -1, -1) + 1) * 127.5
        double = pixels.dtype == torch.float64
        extractor.network.to(images.device, torch.float64 if double else torch.float32)
        if pixels.shape[2] != self.side:
            size = (self.side, self.side)
            pixels = F.interpolate(pixels, size, mode="bilinear", align_corners=False)
        return extractor.to_maps(pixels)[-SCALES:]

    def _check(self) -> None:
        """Raise CheckpointError where the weights were trained on other features than these."""
        if not self._sound and not self.sha256.is_meta:
            seen, here = bytes(self.sha256.tolist()).hex(), self.extractor.sha256
            if seen != here:
                raise CheckpointError(
                    f"the discriminator learned on an extractor of sha256 {seen[:8]}, and this one"
                    f" has {here[:8]}",
                    "bring the old extractor back, or start a new run",
                )
            self._sound = True


class NoDiscriminator(nn.Module):
    """In place of a discriminator whose extractor is not here: pictures need none."""

    def __init__(self, error: AnimekitError) -> None:
        super().__init__()
        self.error = error


def _random(out: int, last: int, kernel: int) -> Tensor:
    """Return the weights of a random convolution that keeps the variance (He et al., 2015)."""
    weight = torch.empty(out, last, kernel, kernel)
    nn.init.kaiming_normal_(weight, nonlinearity="linear")
    return weight


def _head(side: int, last: int, width: int, norm: str) -> nn.Sequential:
    """Return convolutions that halve maps [N, last, side, side] down to about 4 px."""
    layers: list[nn.Module] = []
    while side > END:
        layers += [nn.Conv2d(last, width, 4, 2, 1), *norm_layer(norm, width)]
        layers += [activation_layer("lrelu")]
        last, width, side = width, min(2 * width, 256), side // 2
    return nn.Sequential(*layers, nn.Conv2d(last, width, 3, 1, 1))
