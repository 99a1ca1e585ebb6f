"""Divergence: what is not finite is rolled back, at most three times, and never written down."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
from pydantic import Field
from torch import Tensor

from animekit import plugins
from animekit.data.batch import Batch
from animekit.errors import DivergedError
from animekit.models import weights
from animekit.models.base import Losses, Phase
from animekit.plugins import PluginSource, Registry
from animekit.runs import checkpoint
from animekit.runs.run import Run
from animekit.runs.summary import summary
from animekit.training.request import TrainRequest
from animekit.training.resume import resumed_job
from animekit_plugins.models.gan import GAN, GANParams

Train = Callable[..., Run]
Place = Literal["loss", "d weights", "g weights", "buffer"]


def poison(tensor: Tensor, value: float) -> None:
    tensor[(0,) * tensor.dim()] = value


class FragileParams(GANParams):
    """Where and when it breaks."""

    breaks_at: int = Field(3, description="step")
    place: Place = Field("loss", description="what becomes NaN")


class Fragile(GAN):
    """A GAN that breaks at one step, as often as `left` says."""

    name = "fragile"
    Params = FragileParams
    params: FragileParams
    left: ClassVar[float] = 0
    later: ClassVar[int] = 0  # steps behind `breaks_at`

    def __init__(self, params: Any, spec: Any) -> None:
        super().__init__(params, spec)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def prepare(self, batch: Batch, due: Any) -> None:
        self.steps += 1
        super().prepare(batch, due)

    def breaks(self, *places: Place) -> bool:
        return bool(
            self.steps == self.params.breaks_at + self.later
            and self.params.place in places
            and self.left > 0
        )

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        losses = super().d_loss(real, fake)
        if self.breaks("loss"):
            type(self).left -= 1
            losses["real"] = losses["real"] * math.nan
        return losses

    def phases(self) -> list[Phase]:
        phases = super().phases()
        phases[1].after = self.after_g_step
        return phases

    @torch.no_grad()
    def after_g_step(self) -> None:
        if self.breaks("d weights", "g weights", "buffer"):
            type(self).left -= 1
            network = self.generator if self.params.place == "g weights" else self.discriminator
            tensors = network.buffers() if self.params.place == "buffer" else network.parameters()
            poison(next(tensors), math.nan)


@pytest.fixture(scope="module")
def fragile() -> Registry:
    registry = plugins.load()
    registry.add("model", Fragile, PluginSource(__name__, "test", ""))
    return registry


@pytest.fixture
def train(tiny: Train, fragile: Registry, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return `train` of a model that breaks `times` times."""

    def train(times: float, **values: Any) -> Run:
        monkeypatch.setattr(Fragile, "left", times)
        return tiny("fragile", registry=fragile, **values)

    return train


def assert_finite(run: Run) -> None:
    """Check that nothing on disk is NaN or infinite, and that each step is reported once."""
    text = (run.path / "metrics.jsonl").read_text()
    assert "NaN" not in text and "Infinity" not in text
    steps = [row["step"] for row in run.metrics()]
    assert steps == sorted(set(steps))
    for folder in checkpoint.steps_of(run.path):
        checkpoint.verify(folder)
        for file in ("model.safetensors", "ema.safetensors"):
            for name, value in weights.read(folder / file)[0].items():
                assert torch.isfinite(value).all(), f"{name} in {folder.name}/{file}"
        for optimizer in checkpoint.read_state(folder)["optimizers"].values():
            for moments in optimizer["state"].values():
                assert all(torch.isfinite(value).all() for value in moments.values())


@pytest.mark.parametrize("place", ["loss", "d weights", "g weights", "buffer"])
def test_a_model_that_breaks_once_is_rolled_back_once_and_goes_on(
    train: Train, place: Place
) -> None:
    run = train(1, steps=6, place=place, save_every=1, sample_every=1)
    assert checkpoint.newest_sound(run.path).name == "000006"
    assert_finite(run)
    log = (run.path / "log.txt").read_text()
    assert log.count("rollback") == 1
    assert "not finite at step 3: back to step 2 with other random numbers (1 of 3)" in log
    state = checkpoint.read_state(checkpoint.newest_sound(run.path))
    assert (state["rollbacks"], state["stream"], state["images"]) == (1, 1, 24)


def test_what_was_reported_on_the_way_to_the_break_is_taken_back(train: Train) -> None:
    run = train(1, steps=6, breaks_at=5, save_every=4, sample_every=2)
    assert [row["step"] for row in run.metrics()] == [1, 2, 3, 4, 5, 6]
    run = train(1, steps=6, breaks_at=4, save_every=100, sample_every=2)
    assert_finite(run)
    assert [row["step"] for row in run.metrics()] == [1, 2, 3, 4, 5, 6]
    assert "back to step 0" in (run.path / "log.txt").read_text()


def test_a_break_that_no_report_sees_is_found_before_anything_is_saved(train: Train) -> None:
    run = train(1, steps=7, breaks_at=2, place="d weights", log_every=5, sample_every=1)
    assert_finite(run)
    assert "not finite at step 5: back to step 0" in (run.path / "log.txt").read_text()


def test_a_break_in_the_last_step_is_found(train: Train) -> None:
    run = train(1, steps=3, place="g weights", log_every=100)
    assert checkpoint.newest_sound(run.path).name == "000003"
    assert_finite(run)


def test_a_model_that_always_breaks_ends_after_three_roll_backs(
    train: Train, tmp_path: Path
) -> None:
    with pytest.raises(DivergedError) as caught:
        train(math.inf, steps=6, save_every=1)
    assert caught.value.exit_code == 7
    assert "step 3 after 3 roll-backs" in caught.value.message
    assert "lr" in str(caught.value.hint)
    run = Run.newest(runs=tmp_path / "runs")
    assert (run.path / "log.txt").read_text().count("rollback") == 3
    assert summary(run).state == "diverged"
    assert checkpoint.newest_sound(run.path).name == "000002"
    assert_finite(run)


def test_roll_backs_are_counted_over_all_parts_of_a_run(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(2, steps=4, save_every=1)
    monkeypatch.setattr(Fragile, "later", 2)  # the same model breaks a second time
    with pytest.raises(DivergedError):
        train(math.inf, resume=run.path, steps=9)
    assert (run.path / "log.txt").read_text().count("rollback") == 3


def test_after_a_roll_back_a_run_still_resumes_exactly(train: Train) -> None:
    straight = train(1, steps=6, save_every=1)
    cut = train(1, steps=4, save_every=1)
    train(0, resume=cut.path, steps=6)
    a, b = (checkpoint.newest_sound(run.path) for run in (straight, cut))
    for file in ("model.safetensors", "ema.safetensors"):
        assert (a / file).read_bytes() == (b / file).read_bytes()


def test_the_other_random_numbers_are_others(train: Train) -> None:
    broken, sound = train(1, steps=4, save_every=1), train(0, steps=4, save_every=1)
    rows = [run.metrics() for run in (broken, sound)]
    assert rows[0][1]["d/fake"] == rows[1][1]["d/fake"], "before the break: the same"
    assert rows[0][2]["d/fake"] != rows[1][2]["d/fake"]


def test_infinite_moments_of_an_optimiser_are_seen(tiny: Train, registry: Registry) -> None:
    run = tiny(steps=1)
    stepper = resumed_job(run, TrainRequest("gan", {}, registry)).stepper()
    stepper.step()
    assert stepper.healthy()
    poison(next(iter(stepper.optimizers["d"].state.values()))["exp_avg_sq"], math.inf)
    assert not stepper.healthy()
