"""Ablate: base and variants, at the same budget, in a folder that is gone on with."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit.ablation.result import Ablation
from animekit.errors import Terminated, UnusableError
from animekit.models.base import Losses
from animekit.plugins import PluginSource, Registry, load
from animekit.runs.names import list_runs


def test_an_ablation_holds_every_variant_on_every_seed(done: Ablation) -> None:
    assert [outcome.name for outcome in done.outcomes] == ["base", "model=lsgan"]
    assert [run.name for run in list_runs(done.folder / "runs")] == [
        *("0001-gan-base-s0", "0002-lsgan-model-lsgan-s0"),
        *("0003-gan-base-s1", "0004-lsgan-model-lsgan-s1"),
    ], "a cut leaves every variant of the first seeds"
    assert [outcome.steps for outcome in done.outcomes] == [3, 3]
    assert done.failure() is None


def test_what_is_done_is_not_done_again_and_a_new_variant_joins(
    done: Ablation, small: Callable[..., Ablation]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.folder.rglob("*.safetensors")}
    told: list[str] = []
    found = small(
        out=done.folder,
        steps=3,
        axes={"model": ["lsgan"]},
        variants={"soft": {"real_label": [0.8, 1.2]}},
        progress=lambda words, share: told.append(words),
    )
    assert {name.partition(", seed")[0].partition(" ")[2] for name in told} == {"soft", ""}
    assert [outcome.name for outcome in found.outcomes] == ["base", "model=lsgan", "soft"]
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


def test_a_folder_of_something_else_is_left_alone(
    small: Callable[..., Ablation], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UnusableError, match="no folder of an ablation"):
        small(out=tmp_path, steps=1, axes={"model": ["lsgan"]})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_variant_that_diverges_is_a_row_and_is_not_tried_again(
    small: Callable[..., Ablation], tmp_path: Path
) -> None:
    own = diverging(load())
    asked: dict[str, Any] = {"out": tmp_path / "out", "steps": 2, "registry": own}
    found = small(axes={"model": ["wild"]}, **asked)
    base, wild = found.outcomes
    assert base.steps == 2 and wild.steps is None
    assert found.steps_of(wild) == "failed"
    assert "diverged" in wild.failed[0].failed["message"]
    failure = found.failure()
    assert failure is not None and failure.exit_code == 8
    assert failure.data["outcomes"][1]["trainings"][0]["state"] == "failed"
    told: list[str] = []
    small(axes={"model": ["wild"]}, progress=lambda words, share: told.append(words), **asked)
    assert told == ["drawing"]


def test_a_signal_stops_all_and_the_same_command_goes_on(
    small: Callable[..., Ablation], tmp_path: Path
) -> None:
    def stop(words: str, share: float) -> None:
        if words.startswith("training model=lsgan"):
            os.kill(os.getpid(), signal.SIGTERM)

    asked: dict[str, Any] = {"out": tmp_path / "out", "steps": 3, "axes": {"model": ["lsgan"]}}
    with pytest.raises(Terminated, match="every training is saved") as caught:
        small(progress=stop, **asked)
    assert caught.value.hint == "the same command goes on"
    told: list[str] = []
    found = small(progress=lambda words, share: told.append(words), **asked)
    assert found.failure() is None and not any("base" in words for words in told)


def diverging(registry: Registry) -> Registry:
    """Add a model whose losses are never finite."""
    gan = registry.get("model", "gan")

    class Wild(gan):
        """GAN that diverges at once (Nobody, 2030)."""

        name = "wild"

        def g_loss(self, real: Any, fake: Any) -> Losses:
            return {name: term / 0.0 for name, term in super().g_loss(real, fake).items()}

    registry.add("model", Wild, PluginSource(__name__, "tests", ""))
    return registry
