"""fp16: every phase scales its loss, leaves out what overflows, and goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from animekit.engines.engine import LocalEngine
from animekit.errors import CheckpointError
from animekit.runs import checkpoint
from animekit.runs.run import Run
from animekit.testing.check import tiny_stepper
from animekit.training.fitting import fitted_scales
from animekit.training.stepper import Stepper
from animekit_plugins.models.gan import GAN
from animekit_plugins.models.wgangp import WGANGP
from tests.attacks import kill_runs

Train = Callable[..., Run]
CPU = torch.device("cpu")
STATE = {
    "scale": 8.0,
    "growth_factor": 2.0,
    "backoff_factor": 0.5,
    "growth_interval": 2000,
    "_growth_tracker": 3,
}


def stepper(model: type, precision: Any = "fp16", **changes: Any) -> Stepper:
    return tiny_stepper(model, 32, engine=LocalEngine(CPU, precision=precision), **changes)


def gradients(made: Stepper) -> torch.Tensor:
    """Return the gradients that the optimiser of D took, whatever the scale was."""
    seen: list[torch.Tensor] = []
    kept = made.optimizers["d"].step

    def step(*given: Any, **named: Any) -> Any:
        seen.append(torch.cat([p.grad.flatten() for p in made.phases[0].parameters()]))
        return kept(*given, **named)

    made.optimizers["d"].step = step  # type: ignore[method-assign]
    made.step()
    return seen[0]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_other_precisions_scale_nothing(precision: str) -> None:
    made = stepper(GAN, precision)
    made.step()
    assert "scales" not in made.state() and made.partial == set()


@pytest.mark.parametrize("model", [GAN, WGANGP])
def test_scaled_gradients_are_those_of_fp32(model: type) -> None:
    half, full = gradients(stepper(model)), gradients(stepper(model, "fp32"))
    assert (half - full).norm() / full.norm() < 0.02


def test_an_update_that_overflows_is_left_out_and_the_scale_halved() -> None:
    made = stepper(GAN)
    scaler = made.scalers["d"]
    scaler.load_state_dict(scaler.state_dict() | {"scale": 1e30})
    before = [p.clone() for p in made.model.discriminator.parameters()]  # type: ignore[operator, union-attr]
    made.step()
    assert all(map(torch.equal, before, made.model.discriminator.parameters()))  # type: ignore[operator, union-attr]
    assert scaler.get_scale() == pytest.approx(5e29)
    assert made.healthy()


def test_a_run_in_which_an_update_was_left_out_goes_on_exactly(
    tiny: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Stepper.__init__

    def wild(self: Stepper, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        for scaler in self.scalers.values():
            scaler.load_state_dict(scaler.state_dict() | {"scale": 2.0**40})

    monkeypatch.setattr(Stepper, "__init__", wild)
    straight = tiny(steps=6, precision="fp16")
    cut = tiny(steps=3, precision="fp16")
    tiny(resume=cut.path, steps=6)
    assert kill_runs.differences(straight, cut) == []
    state = checkpoint.read_state(checkpoint.newest_sound(cut.path))
    assert state["scales"]["d"]["scale"] < 2.0**40  # it did overflow


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0.0},
        {"scale": -1.0},
        {"scale": float("nan")},
        {"scale": "8"},
        {"growth_interval": 1},
        {"_growth_tracker": -1},
        {"more": 1},
    ],
)
def test_a_scale_that_no_training_writes_is_refused(change: dict[str, Any]) -> None:
    assert fitted_scales({"d": STATE}, {"d": STATE | {"scale": 2.0}}) == {"d": STATE}
    with pytest.raises(ValueError, match=r"scales\.d"):
        fitted_scales({"d": STATE | change}, {"d": STATE})


@pytest.mark.parametrize("saved", [None, {}, {"g": STATE}, [STATE]])
def test_scales_of_other_phases_are_refused(saved: object) -> None:
    with pytest.raises(ValueError, match="scales"):
        fitted_scales(saved, {"d": STATE})


def test_a_checkpoint_without_its_scales_is_refused() -> None:
    made = stepper(GAN)
    made.step()
    state = {key: value for key, value in made.state().items() if key != "scales"}
    with pytest.raises(CheckpointError, match="no scales of d, g"):
        stepper(GAN).load(state, made.model.state_dict(), made.average.state)
