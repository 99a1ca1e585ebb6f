"""The plan of a run: what it says is what a run with the same words does."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from animekit.errors import CheckpointError, ConfigError, NotFoundError
from animekit.models import weights
from animekit.models.base import Need
from animekit.plugins import PluginSource, Registry
from animekit.runs import checkpoint
from animekit.runs.run import Run
from animekit.training.plan import TrainPlan, plan

VALUES = {"size": 32, "batch_size": 4, "g_channels": 4, "d_channels": 4, "z_dim": 8, "threads": 1}


@pytest.fixture
def planned(pictures: Path, registry: Registry, tmp_path: Path) -> Callable[..., TrainPlan]:
    """Return `plan` with tiny settings."""
    return partial(
        plan, **{"data": pictures, "registry": registry, "runs": tmp_path / "runs", **VALUES}
    )


def test_a_plan_is_what_a_run_then_is(
    planned: Callable[..., TrainPlan], tiny: Callable[..., Run], tmp_path: Path
) -> None:
    tiny(steps=0)
    expected = planned("wgangp", steps=2, n_critic=2)
    assert list((tmp_path / "runs").glob("0002*")) == [], "a plan makes nothing"
    run = tiny("wgangp", steps=2, n_critic=2)
    config = run.config
    assert Path(expected.folder) == run.path
    assert (expected.model, expected.preset, expected.steps) == ("wgangp", None, 2)
    assert (expected.found, expected.used) == (24, 24)
    assert (expected.found, expected.used) == (config["data"]["found"], config["data"]["used"])
    assert expected.phases == [("d", 1), ("g", 2)]
    assert expected.device == config["resolved"]["device"]
    assert expected.precision == config["resolved"]["precision"]
    assert expected.threads == config["resolved"]["threads"] == 1
    for key, (value, _) in expected.values.items():
        if key not in ("keep_checkpoints", "log_every", "sample_every", "save_every", "eval_every"):
            known = {**config["params"], **config["options"]}[key]
            assert known == (list(value) if isinstance(value, tuple) else value), key


def test_the_counts_of_weights_are_those_of_the_checkpoint(
    planned: Callable[..., TrainPlan], tiny: Callable[..., Run]
) -> None:
    expected = planned("wgangp", steps=1)
    tensors = weights.read(
        checkpoint.newest_sound(tiny("wgangp", steps=1).path) / "model.safetensors"
    )[0]
    for network, count in expected.networks.items():
        sizes = [
            value.numel()
            for name, value in tensors.items()
            if name.startswith(f"{network}.") and "running" not in name and "num_b" not in name
        ]
        assert count == sum(sizes) > 0
    assert expected.networks.keys() == {"generator", "discriminator"}


def test_the_disk_that_is_planned_is_enough_and_not_far_off(
    planned: Callable[..., TrainPlan], tiny: Callable[..., Run]
) -> None:
    wide = {"g_channels": 16, "d_channels": 16, "keep_checkpoints": 2}
    expected = planned("gan", steps=4, **wide)
    run = tiny(steps=4, save_every=1, **wide)
    used = sum(path.stat().st_size for path in run.checkpoints.rglob("*"))
    assert 0.4 < used / expected.disk_bytes < 1.1


def test_the_memory_that_is_planned_is_that_of_weights_gradients_moments_and_average(
    planned: Callable[..., TrainPlan],
) -> None:
    expected = planned("gan", steps=1)
    assert expected.memory_bytes == 5 * 4 * sum(expected.networks.values())


def test_pictures_that_cannot_be_used_are_listed_with_their_reason(
    planned: Callable[..., TrainPlan], pictures: Path, tmp_path: Path
) -> None:
    data = tmp_path / "mixed"
    data.mkdir()
    whole = next(pictures.iterdir()).read_bytes()
    (data / "whole.png").write_bytes(whole)
    (data / "cut.png").write_bytes(whole[:60])
    (data / "empty.png").write_bytes(b"")
    expected = planned("gan", data=data, steps=1)
    assert (expected.found, expected.used) == (3, 1)
    reasons = {item.name: item.reason for item in expected.skipped}
    assert reasons.keys() == {"cut.png", "empty.png"}
    assert "truncated" in reasons["cut.png"] and "empty" in reasons["empty.png"]


def test_each_value_says_where_it_comes_from(
    planned: Callable[..., TrainPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_FLIP", "true")
    values = planned("gan", steps=1, params={"lr": 0.5}).values
    assert values["lr"] == (0.5, "the call")
    assert values["mirror"] == (True, "environment")
    assert values["ema_decay"] == (0.999, "default")


def test_measuring_times_some_steps_and_foretells_the_run(
    planned: Callable[..., TrainPlan],
) -> None:
    expected = planned("gan", steps=100, measure=2)
    assert expected.img_s is not None and math.isfinite(expected.img_s) and expected.img_s > 0
    assert expected.seconds == pytest.approx(100 * 4 / expected.img_s)
    assert planned("gan", steps=100).img_s is None


def test_a_run_by_minutes_has_no_steps_to_foretell(planned: Callable[..., TrainPlan]) -> None:
    expected = planned("gan", minutes=3, measure=1)
    assert (expected.steps, expected.minutes, expected.seconds) == (None, 3, None)
    assert expected.img_s is not None


def test_planning_leaves_the_threads_and_the_folder_as_they_were(
    planned: Callable[..., TrainPlan], tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    planned("gan", steps=1, threads=2)
    assert torch.get_num_threads() == before
    assert not (tmp_path / "runs").exists()


def test_the_folder_can_be_named(planned: Callable[..., TrainPlan]) -> None:
    assert Path(planned("gan", steps=1, name="try").folder).name == "0001-gan-try"
    assert Path(planned("gan", steps=1).folder).name == "0001-gan-discs32"


def test_what_a_run_would_refuse_a_plan_refuses(planned: Callable[..., TrainPlan]) -> None:
    with pytest.raises(ConfigError, match="33 px"):
        planned("gan", steps=1, size=33)
    with pytest.raises(NotFoundError, match='Did you mean "wgangp"'):
        planned("wganpg")
    with pytest.raises(ConfigError, match='Did you mean "batch_size"'):
        planned("gan", bach_size=3)
    with pytest.raises(ConfigError, match="lr_schedule"):
        planned("gan", minutes=1, lr_schedule="linear")
    with pytest.raises(ConfigError, match="instance_noise_decay"):
        planned("gan", minutes=1, instance_noise=0.1, instance_noise_decay="linear")


def test_a_plan_says_what_goes_together_badly(planned: Callable[..., TrainPlan]) -> None:
    assert planned("wgangp").cautions == []
    plan = planned("wgangp", d_norm="batch", n_critic_first=9, first_rounds=3)
    assert "batch norm" in plan.cautions[0]
    assert plan.rhythms == ["every step", "every 5 steps, every 9 in the first 3 rounds"]


def test_a_bug_in_a_constructor_shows_before_the_data_are_read(
    registry: Registry, tmp_path: Path
) -> None:
    class Clumsy(registry.get("model", "gan")):  # type: ignore[misc]
        """A model whose author forgot a name."""

        name = "clumsy"

        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.heads = self.head_count  # type: ignore[has-type]

    class Unready(Clumsy):
        """A model that cannot be built before its labels are known."""

        name = "unready"
        data = Need.LABELLED

        def __init__(self, params: Any, spec: Any) -> None:
            raise IndexError(spec.labels[0])

    known = Registry()
    for cls in (Clumsy, Unready, registry.get("dataset", "synthetic")):
        kind = "dataset" if cls.name == "synthetic" else "model"
        known.add(kind, cls, PluginSource(__name__, "tests", ""))
    nowhere = {"data": tmp_path / "nothing", "registry": known, "steps": 1}
    with pytest.raises(AttributeError, match="head_count"):
        plan("clumsy", **nowhere)
    with pytest.raises(NotFoundError, match="nothing"):
        plan("unready", **nowhere)


def test_the_plan_of_a_run_that_goes_on_refuses_what_the_run_would(
    planned: Callable[..., TrainPlan], tiny: Callable[..., Run]
) -> None:
    with pytest.raises(NotFoundError, match='no run "nosuch"'):
        planned("gan", resume="nosuch")
    run = tiny("gan", steps=1)
    for resume in (True, run.id):
        assert planned("gan", resume=resume, steps=3).folder == str(run.path)
    with pytest.raises(ConfigError, match="cannot become"):
        planned("gan", resume=run.path, seed=5)
    for path in checkpoint.steps_of(run.path):
        (path / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="no usable checkpoint"):
        planned("gan", resume=run.path)


def test_a_name_is_planned_as_the_folder_is_called(planned: Callable[..., TrainPlan]) -> None:
    assert Path(planned("gan", name="../x").folder).name == "0001-gan-x"
    with pytest.raises(OSError, match="too long"):
        planned("gan", name="n" * 300)
