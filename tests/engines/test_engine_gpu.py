"""What only a CUDA device can show; skipped, with the reason, where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from animekit.runs.run import Run
from tests.attacks import kill_runs

Train = Callable[..., Run]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, none is here"),
]


@pytest.mark.parametrize(
    "values",
    [
        {"precision": "fp32"},
        {"precision": "bf16"},
        {"precision": "fp16"},
        {"precision": "bf16", "compile": "on"},
        {"precision": "bf16", "compile": "graphs"},
    ],
    ids=str,
)
@pytest.mark.parametrize("model", ["gan", "wgangp"])
def test_a_gpu_trains(tiny: Train, model: str, values: dict[str, Any]) -> None:
    run = tiny(model, steps=4, device="cuda", **values)
    assert run.config["resolved"]["device"] == "cuda:0"


def test_a_gpu_measures_its_batch(tiny: Train) -> None:
    assert tiny(steps=2, device="cuda", batch_size="auto").config["options"]["batch_size"] == 16


def test_fp16_on_a_gpu_goes_on_with_its_scales(tiny: Train) -> None:
    straight = tiny(steps=4, device="cuda", precision="fp16")
    cut = tiny(steps=2, device="cuda", precision="fp16")
    tiny(resume=cut.path, steps=4)
    assert not [line for line in kill_runs.differences(straight, cut) if "scales" in line]
