"""A run in several processes: one writes, a lost one ends all, and any number goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from animekit.engines.engine import LocalEngine
from animekit.errors import DeviceError
from animekit.runs.run import Run
from animekit.training.stepper import Stepper
from animekit.training.train import train
from tests.engines.crew import together

OPTIONS: dict[str, Any] = {
    "size": 32,
    "batch_size": 8,
    "precision": "fp64",
    "threads": 1,
    "eval_every": 0,
    "save_every": 2,
    "log_every": 2,
    "sample_every": 4,
    "device": "cpu",
}
PARAMS = {"g_channels": 4, "d_channels": 4, "n_critic": 2}
DATA = "synthetic:12"


def weights(run: Path | str, step: int) -> dict[str, torch.Tensor]:
    return load_file(Path(run) / "checkpoints" / f"{step:06d}" / "model.safetensors")


@pytest.mark.parametrize("accumulate", [1, 4])
def test_a_killed_process_ends_all_and_any_number_of_others_goes_on(
    accumulate: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**OPTIONS, "params": PARAMS, "accumulate": accumulate}
    straight = train("wgangp", DATA, steps=8, runs=tmp_path / "straight", **options)
    runs = tmp_path / "runs"

    def killed(engine: LocalEngine) -> str:
        take = Stepper.step

        def step(stepper: Stepper) -> None:
            if stepper.done == 3 and engine.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            take(stepper)

        monkeypatch.setattr(Stepper, "step", step)
        with pytest.raises(DeviceError) as caught:
            train("wgangp", DATA, steps=8, runs=runs, **options)
        return f"{caught.value.code}: {caught.value.message}"

    (said,) = together(2, tmp_path, killed)
    assert said.startswith("distributed.lost: process 1 of 2 lost the others: connection ")
    run = Run("1", runs)
    assert [row["step"] for row in run.metrics()] == [2]
    train("wgangp", resume=run.path, steps=4, registry=None, runs=runs)

    def went_on(engine: LocalEngine) -> int:
        train("wgangp", resume=run.path, steps=8, runs=runs)
        return engine.rank

    folder = tmp_path / "four"
    folder.mkdir()
    assert together(4, folder, went_on) == [0, 1, 2, 3]
    assert [row["step"] for row in run.metrics()] == [2, 4, 6, 8]  # one process wrote
    one, other = weights(straight.path, 8), weights(run.path, 8)
    if accumulate > 1:
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert max((one[key] - other[key]).abs().max().item() for key in one) < 1e-12
    assert "processes are now 4: the same run" in (run.path / "log.txt").read_text()
