"""Which runs have products of matrices for convolutions: new ones in bf16, and never old ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from animekit.nn.convolutions import ChosenConv2d
from animekit.runs.run import Run
from tests.attacks import kill_runs

Train = Callable[..., Run]
BF16 = {"model": "wgangp", "precision": "bf16", "n_critic": 1}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks that are too narrow to gain choose too."""
    monkeypatch.setattr("animekit.nn.convolutions.LEAST", 0)


@pytest.fixture(params=[True, False], ids=["native", "emulated"])
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr("animekit.training.job.native_bf16", lambda: request.param)
    return bool(request.param)


@pytest.fixture
def with_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("animekit.training.job.native_bf16", lambda: True)


def kernels(run: Run) -> str:
    return str(run.config["resolved"]["convolutions"])


def test_auto_is_products_where_bf16_is_native(tiny: Train, native: bool) -> None:
    assert kernels(tiny(steps=1, **BF16)) == ("products" if native else "torch")


@pytest.mark.usefixtures("with_bf16")
@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"precision": "fp32"}, "torch"),
        ({"precision": "fp32", "convolutions": "products"}, "products"),
        ({"precision": "fp16"}, "torch"),
        ({"precision": "bf16", "convolutions": "torch"}, "torch"),
    ],
    ids=str,
)
def test_a_run_keeps_what_was_chosen(tiny: Train, values: dict[str, Any], found: str) -> None:
    assert kernels(tiny(steps=1, **values)) == found


@pytest.mark.usefixtures("with_bf16")
def test_the_choice_is_that_of_the_run_when_it_goes_on(
    tiny: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, cut = tiny(steps=4, **BF16), tiny(steps=2, **BF16)
    monkeypatch.setattr("animekit.training.job.native_bf16", lambda: False)
    tiny("wgangp", resume=cut.path, steps=4)
    assert kill_runs.differences(straight, cut) == []


@pytest.mark.usefixtures("with_bf16")
def test_a_run_of_before_goes_on_with_the_same_bits(tiny: Train) -> None:
    straight = tiny(steps=4, convolutions="torch", **BF16)
    other = tiny(steps=4, **BF16)
    old = tiny(steps=2, convolutions="torch", **BF16)
    config = json.loads((old.path / "config.json").read_text())
    del config["resolved"]["convolutions"], config["options"]["convolutions"]
    (old.path / "config.json").write_text(json.dumps(config))
    tiny("wgangp", resume=old.path, steps=4)
    assert not [line for line in kill_runs.differences(straight, old) if "safetensors" in line]
    assert [line for line in kill_runs.differences(straight, other) if "safetensors" in line]


def test_what_a_run_trains_has_its_kernels(tiny: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[type[nn.Module]]] = []

    def look(trainer: Any) -> None:
        seen.append({type(each) for each in trainer.stepper.model.modules()})

    monkeypatch.setattr("animekit.training.train.Trainer._pictures", look)
    for convolutions in ("torch", "products"):
        tiny(steps=1, convolutions=convolutions)
    assert ChosenConv2d not in seen[0] and ChosenConv2d in seen[1]
    assert nn.Conv2d in seen[0] and nn.Conv2d not in seen[1]
