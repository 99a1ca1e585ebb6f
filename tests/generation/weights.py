"""Tiny, untrained models as weights files, for the tests of generation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from animekit import plugins
from animekit.data.spec import ImageSpec
from animekit.generation.generate import generate
from animekit.models import weights
from animekit.runs.checkpoint import describe
from animekit.runs.run import Loaded

REGISTRY = plugins.load()
FREE = ImageSpec(32, 3, ("blue hair", "red hair", "smile", "hat"), (2, 1, 1))
COUNTS = {"blue hair": 90, "red hair": 10, "smile": 80, "hat": 0}
KNOWN = {"blue hair": 100, "red hair": 100, "smile": 100, "hat": 100}


def gan_file(path: Path, seed: int = 0, size: int = 32) -> Path:
    """Write a tiny, untrained DCGAN as the weights file that animekit itself would write."""
    torch.manual_seed(seed)
    cls = REGISTRY.get("model", "gan")
    model = cls(cls.Params(g_channels=4, d_channels=4, z_dim=12), ImageSpec(size))
    for tensor in model.generator.parameters():
        nn.init.normal_(tensor, std=0.3)
    path.write_bytes(weights.to_bytes(model.state_dict(), describe(model, 7, {})))
    return path


def weights_file(
    path: Path, spec: ImageSpec, model: str = "acgan", data: dict[str, Any] | None = None
) -> Path:
    """Write a tiny, untrained conditional model as a weights file."""
    torch.manual_seed(0)
    cls = REGISTRY.get("model", model)
    extra = {"codes": 2, "code_size": 3} if model == "infogan" else {}
    built = cls(cls.Params(g_channels=4, d_channels=4, z_dim=6, **extra), spec)
    for tensor in built.generator.parameters():
        nn.init.normal_(tensor, std=0.4)
    about = describe(built, 5, {"data": data or {}})
    path.write_bytes(weights.to_bytes(built.state_dict(), about))
    return path


def make(model: Path | Loaded, **options: Any) -> Any:
    return generate(model, registry=REGISTRY, **options)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
