"""What tests of ablations share: one small ablation that was carried out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from animekit.ablation.ablate import ablate
from animekit.ablation.result import Ablation
from animekit.plugins import Registry

SMALL: dict[str, Any] = {
    "size": 32,
    "batch_size": 4,
    "g_channels": 4,
    "d_channels": 4,
    "z_dim": 8,
    "metrics": ["swd"],
    "num": 12,
    "jobs": 1,
}
"""What makes an ablation one of moments."""


@pytest.fixture(scope="session")
def small(pictures: Path, registry: Registry) -> Callable[..., Ablation]:
    """Return `ablate` of gan with tiny settings, into the folder that it is given."""
    return partial(ablate, "gan", pictures, registry=registry, **SMALL)


@pytest.fixture(scope="session")
def done(small: Callable[..., Ablation], tmp_path_factory: pytest.TempPathFactory) -> Ablation:
    """Return an ablation of three steps: the base, and another model, on two seeds."""
    out = tmp_path_factory.mktemp("ablation") / "it"
    return small(out=out, steps=3, axes={"model": ["lsgan"]}, seeds="0,1")
