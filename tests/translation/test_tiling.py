"""Tiles: the same picture as in one piece, without seams, whatever the norms look at."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from animekit import transfer
from animekit.plugins import load
from animekit.translation import tiling
from animekit.translation.tiling import OVERLAP, starts, translate_tiled, weights, windows
from tests.translation.models import plugin, swap_weights


class Strided(nn.Module):
    """A network that halves and doubles, with or without instance norms."""

    def __init__(self, norm: type[nn.Module]) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.main = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, 6, 7),
            norm(6),
            nn.ReLU(),
            nn.Conv2d(6, 12, 3, 2, 1),
            norm(12),
            nn.ReLU(),
            nn.Conv2d(12, 12, 3, 1, 1),
            norm(12),
            nn.ReLU(),
            nn.ConvTranspose2d(12, 6, 4, 2, 1),
            norm(6),
            nn.ReLU(),
            nn.Conv2d(6, 3, 3, 1, 1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        drawn: Tensor = self.main(x)
        return drawn


def none(width: int) -> nn.Module:
    return nn.Identity()


def instance(width: int) -> nn.Module:
    layer = nn.InstanceNorm2d(width, affine=True)
    nn.init.normal_(layer.weight, 1.0, 0.3)
    nn.init.normal_(layer.bias, 0.0, 0.3)
    return layer


def landscape(height: int, width: int) -> np.ndarray:
    """Return a picture whose halves differ: a flat sky above a busy ground."""
    random = np.random.default_rng(0)
    sky = np.linspace(200, 250, height // 2)[:, None, None] * np.ones((1, width, 3))
    ground = random.integers(0, 120, (height - height // 2, width, 3))
    return np.concatenate([sky, ground]).astype(np.uint8)


def whole(model: nn.Module, pixels: np.ndarray) -> np.ndarray:
    images = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 127.5 - 1
    return np.asarray(model(images)[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("length", [4, 256, 260, 300, 512, 1000, 3001 // 4 * 4])
def test_tiles_cover_a_side_and_overlap_enough(length: int) -> None:
    begins = starts(length, 256, 4)
    assert begins[0] == 0
    assert begins[-1] == max(0, length - 256)
    assert all(begin % 4 == 0 for begin in begins)
    assert all(0 < b - a <= 256 - OVERLAP + 4 for a, b in itertools.pairwise(begins))
    total = np.zeros(length)
    for begin in begins:
        tile = min(256, length)
        total[begin : begin + tile] += weights(begin, tile, length)
    assert total.min() > 0.99


def test_a_network_of_convolutions_is_the_same_in_tiles() -> None:
    model, pixels = Strided(none), landscape(480, 340)
    with torch.inference_mode():
        made = translate_tiled(model, model, pixels, 272, 4)
        assert np.abs(made - whole(model, pixels)).max() < 1e-5


def test_instance_norms_see_the_whole_picture() -> None:
    model, pixels = Strided(instance), landscape(480, 340)
    with torch.inference_mode():
        expected = whole(model, pixels)
        made = translate_tiled(model, model, pixels, 272, 4)
        assert np.abs(made - expected).max() < 2e-3
        sky, ground = pixels[:272, :272], pixels[-272:, :272]
        alone = [whole(model, part) for part in (sky, ground)]
        naive = np.abs(alone[0][60:200, 60:200] - expected[60:200, 60:200]).mean()
        assert naive > 0.1  # what tiles with norms of their own would do


def test_a_picture_too_large_to_be_measured_at_once_has_no_seams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tiling, "SAMPLE", 256)
    monkeypatch.setattr(tiling, "SAMPLES", 4)
    model, pixels = Strided(instance), landscape(640, 520)
    assert tiling.small_enough(pixels, 4).shape[0] < 640
    with torch.inference_mode():
        tiled = translate_tiled(model, model, pixels, 272, 4)
        single = translate_tiled(model, model, pixels, 1024, 4)
    assert len(list(windows(640, 520, 272, 4))) >= 12
    assert np.abs(tiled - single).max() < 1e-4


def test_hooks_are_gone_afterwards() -> None:
    model, pixels = Strided(instance), landscape(300, 300)
    with torch.inference_mode():
        before = whole(model, pixels)
        translate_tiled(model, model, pixels, 272, 4)
        assert np.array_equal(whole(model, pixels), before)


def test_the_command_tiles_when_told_and_pads_to_what_the_model_wants(tmp_path: Path) -> None:
    from PIL import Image

    registry = load(plugin(tmp_path / "plugins"))
    file = swap_weights(tmp_path / "s.safetensors", seed=5, normed=True, wide=7, multiple=8)
    Image.fromarray(landscape(590, 437)).save(tmp_path / "a.png")
    settings = {"registry": registry, "device": "cpu", "precision": "fp32", "html": False}
    pictures = []
    for tile in (True, False):
        out = tmp_path / str(tile)
        transfer("swap", str(file), tmp_path / "a.png", out, tile=tile, tile_size=300, **settings)
        with Image.open(out / "a.png") as image:
            pictures.append(np.asarray(image).astype(int))
    assert pictures[0].shape == (590, 437, 3)
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    assert pictures[0].std() > 5
