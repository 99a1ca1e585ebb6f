"""Workers: several trainings at a time, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.ablation.result import Ablation
from animekit.ablation.workers import work
from animekit.errors import DeviceError


@pytest.mark.slow
def test_processes_find_what_one_process_finds(
    done: Ablation, small: Callable[..., Ablation], tmp_path: Path
) -> None:
    found = small(out=tmp_path / "out", steps=3, axes={"model": ["lsgan"]}, seeds="0,1", jobs=2)
    for one, other in zip(done.outcomes, found.outcomes, strict=True):
        assert one.values == other.values
    assert not list((tmp_path / "out" / "trials").glob("*.log")), "they had nothing to say"


@pytest.mark.slow
def test_a_process_that_dies_is_an_error_with_its_last_words(
    done: Ablation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    trials = tuple(
        replace(trial, model="nobody", folder=tmp_path / "out") for trial in done.plan.trials[:2]
    )
    plan = replace(done.plan, trials=trials, jobs=2, folder=tmp_path / "out")
    with pytest.raises(DeviceError, match="nobody") as caught:
        work(plan, lambda words, share: None)
    assert "base-s0.log" in str(caught.value.hint) or "base-s1.log" in str(caught.value.hint)
