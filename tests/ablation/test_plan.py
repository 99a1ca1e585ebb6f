"""The plan: which trainings there are, in which folder, and what is wrong before any of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from animekit.ablation.ablate import plan_ablate
from animekit.ablation.plan import AblatePlan
from animekit.ablation.result import Ablation
from animekit.cleaning.clean import clean
from animekit.errors import ConfigError, UsageError
from animekit.plugins import Registry
from tests.ablation.conftest import SMALL

Plan = Callable[..., AblatePlan]


@pytest.fixture
def planned(pictures: Path, registry: Registry) -> Plan:
    settings = {"data": pictures, "registry": registry, "steps": 2, **SMALL}
    return partial(plan_ablate, "wgangp", **settings)


def test_a_plan_makes_nothing_and_names_every_training(planned: Plan, tmp_path: Path) -> None:
    plan = planned(axes={"gp_weight": [1, 100]}, seeds="0,1", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [trial.name for trial in plan.trials] == [
        *("base-s0", "base-s1", "gp_weight-1-s0", "gp_weight-1-s1"),
        *("gp_weight-100-s0", "gp_weight-100-s1"),
    ]
    assert plan.lines()[0] == "3 variants x seeds 0,1 = 6 trainings of 2 steps each"
    assert plan.as_table()[2] == ("gp_weight=1", "wgangp", "gp_weight=1")


def test_the_same_base_has_the_same_folder_and_another_has_another(planned: Plan) -> None:
    first = planned(axes={"gp_weight": [1]}).folder
    assert first.parts[0] == "ablations" and first.name.startswith("wgangp-discs32-")
    assert planned(axes={"d_pool": ["max"]}, seeds="7").folder == first
    assert planned(axes={"gp_weight": [1]}, lr=1e-3).folder != first


def test_another_model_takes_what_it_knows_of_the_base_and_says_what_it_does_not(
    planned: Plan,
) -> None:
    plan = planned(axes={"model": ["wgan"]}, params={"gp_weight": 3.0})
    other = plan.variants[1]
    assert other.recipe.params.model_dump()["g_channels"] == 4
    assert plan.notes == ("model=wgan: wgan has no gp_weight: left out",)
    preset = planned(axes={"model": ["vae"]}, preset="seed000", size=64)
    assert "model=vae: vae has no preset seed000: its own values are used" in preset.notes


def test_a_preset_is_an_axis_too(planned: Plan) -> None:
    plan = planned(axes={"preset": ["cpu"]})
    assert plan.variants[1].recipe.preset == "cpu"


def test_what_is_wrong_with_a_variant_is_said_with_its_name_before_any_training(
    planned: Plan,
) -> None:
    with pytest.raises(ConfigError, match=r"d_pol=max: unknown parameter .d_pol."):
        planned(axes={"d_pol": ["max"]})
    with pytest.raises(ConfigError, match="odd one: lr = -1"):
        planned(variants={"odd one": {"lr": -1}})
    with pytest.raises(ConfigError, match="lr_schedule needs to know where training ends") as seen:
        planned(axes={"lr_schedule": ["linear"]}, steps=None, seconds=5.0)
    assert "--seconds" in str(seen.value.hint)


def test_a_tip_is_a_variant_that_is_stronger_than_the_base(planned: Plan) -> None:
    plan = planned(tips="9,none:5", params={"d_optimizer": "adam"})
    base, nine, five = plan.variants
    assert [each.variant.name for each in plan.variants] == ["base", "tip 9", "tip none:5"]
    optimizers = [each.recipe.params.model_dump()["d_optimizer"] for each in (base, nine, five)]
    assert optimizers == ["adam", "sgd", "adam"]
    assert "d_optimizer adam -> sgd" in nine.changes
    assert five.recipe.params != base.recipe.params


def test_a_tip_that_the_base_follows_is_named(planned: Plan) -> None:
    plan = planned(tips="3,9")
    assert plan.notes == (
        "tip 3: it changes nothing of this base, which follows it already; --tip none:3 is the"
        " opposite",
    )


def test_time_is_told_where_it_is_the_budget_or_was_measured(planned: Plan) -> None:
    axes = {"gp_weight": [1.0]}
    assert planned(axes=axes, steps=None, seconds=5.0, seeds="0,1").seconds == 20.0
    assert planned(axes=axes).seconds is None
    timed = planned(axes=axes, benchmark=True)
    assert timed.seconds is not None and timed.seconds > 0
    assert "takes about" in timed.lines()[-1]


def test_raw_data_are_those_before_cleaning(
    planned: Plan, pictures: Path, tmp_path: Path, registry: Registry
) -> None:
    data = tmp_path / "faces"
    shutil.copytree(pictures, data)
    with pytest.raises(UsageError, match="was never cleaned"):
        planned(data=data, on="raw")
    shutil.copy(data / "00.png", data / "copy.png")
    clean(data, checks=["duplicate"], registry=registry)
    plan = planned(data=data, on="cleaned,raw")
    assert [each.variant.name for each in plan.variants] == ["base", "on raw"]
    used = [each.plan.used for each in plan.variants if each.plan is not None]
    assert used == [24, 25]
    assert {trial.measure.ref for trial in plan.trials} == {None, str(data)}, "one set of real ones"


def test_what_is_done_is_counted(done: Ablation, pictures: Path, registry: Registry) -> None:
    plan = plan_ablate(
        "gan",
        pictures,
        registry=registry,
        **{**SMALL, "steps": 3, "seeds": "0-2", "axes": {"model": ["lsgan"]}, "out": done.folder},
    )
    assert (plan.done, len(plan.trials)) == (4, 6)
