"""What tests of reports share: tiny runs of several kinds, trained once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit.plugins import Registry
from animekit.runs.run import Run
from animekit.training.train import train


@pytest.fixture(scope="module")
def kinds(
    trained: Callable[..., Run], registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Run]:
    """Return a plain run, one that is told labels, and one that translates."""
    runs = tmp_path_factory.mktemp("kinds") / "runs"
    how: dict[str, Any] = {"size": 32, "batch_size": 4, "threads": 1, "eval_every": 0}
    how |= {"steps": 2, "log_every": 1, "sample_every": 1, "registry": registry, "runs": runs}
    params = {"g_channels": 4, "d_channels": 4}
    data = "synthetic:hair=blonde|blue,count=40"
    return {
        "plain": trained(runs, "gan", steps=3, sample_every=1),
        "told": train("acgan", data, params={**params, "z_dim": 8}, **how),
        "translates": train("stargan", data, params={**params, "n_blocks": 1}, **how),
    }


@pytest.fixture
def copied(kinds: dict[str, Run], tmp_path: Path) -> Callable[[str], Run]:
    """Return what copies one of the runs, to be spoilt."""
    import shutil

    def copy(kind: str) -> Run:
        source = kinds[kind].path
        return Run(shutil.copytree(source, tmp_path / "runs" / source.name))

    return copy
