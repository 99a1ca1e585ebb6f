"""Tips as switches: what they change, what is stronger than they are, and where it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit import plugins
from animekit.errors import ConfigError
from animekit.runs.run import Run
from animekit.training.recipe import TrainRecipe, make_recipe
from animekit.training.tips import read_tips, sentences, tip_params
from animekit_plugins.models.gan import GAN

REGISTRY = plugins.load()


def recipe(model: str = "gan", **values: Any) -> TrainRecipe:
    given = {key: values.pop(key) for key in ("preset", "config_file") if key in values}
    origins = values.pop("origins", None)
    return make_recipe(model, REGISTRY, values=values, origins=origins, **given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1,2,none:4", ("1", "2", "none:4")),
        (["5", "none:4", "9,13"], ("5", "none:4", "9", "13")),
        (5, ("5",)),
        ((5, "none:4"), ("5", "none:4")),
        ("5,5", ("5",)),
        ("none", ()),
        ([], ()),
    ],
)
def test_tips_are_read_as_numbers_text_and_lists(given: object, expected: tuple[str, ...]) -> None:
    assert read_tips(given) == expected


@pytest.mark.parametrize("given", ["7", "none:8", "five", "-1", "1.5", "none:", "٤"])
def test_what_is_no_tip_is_refused_with_those_that_are(given: str) -> None:
    with pytest.raises(ConfigError, match="no tip") as caught:
        read_tips(given)
    assert "1, 2, 3, 4, 5, 6, 9, 13, 14, 17" in caught.value.hint


def test_a_tip_and_its_opposite_are_refused() -> None:
    with pytest.raises(ConfigError, match="tip 4 and its opposite"):
        read_tips(["none:4", "4"])


class Contrary(GAN):
    """A model whose tips contradict each other (Nobody, 2020)."""

    @classmethod
    def tip(cls, number: int, params: Any, *, follow: bool) -> dict[str, Any]:
        return {"lr": 0.1 * number}


def test_two_tips_that_set_one_parameter_differently_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"tips 5 and 9 both set lr: to 0\.5 and to 0\.9"):
        tip_params(Contrary, "5,9")
    assert tip_params(Contrary, "5") == {"5": {"lr": 0.5}}


def test_tips_stand_over_presets_and_under_what_was_set_beside_them() -> None:
    made = recipe(
        preset="seed003", tips="5,17", g_activation="relu", origins={"g_activation": "--set"}
    )
    assert (made.params.g_activation, made.origins["g_activation"]) == ("relu", "--set")  # type: ignore[attr-defined]
    assert (made.params.g_dropout, made.origins["g_dropout"]) == (0.5, "tip 17")  # type: ignore[attr-defined]
    changes = {change.parameter: change for change in made.tips}
    assert changes["g_activation"].kept == "--set"
    assert changes["d_activation"].before == changes["d_activation"].after == "lrelu"
    assert changes["g_dropout"].before == 0.0
    lines = sentences(made.tips)
    assert "g_activation stays relu (--set is stronger)" in lines[0]
    assert "d_activation is lrelu already" in lines[0]
    assert "g_dropout 0.0 -> 0.5; g_dropout_sampling false -> true" in lines[1]


def test_without_tips_all_is_as_before() -> None:
    assert recipe().params == recipe(tips="1,2,3").params == recipe(tips="none").params
    assert recipe().tips == () and "tip" not in "".join(recipe().origins.values())


def test_a_file_names_tips_and_the_command_line_others(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('tips = ["5", "none:4"]\n[gan]\ng_activation = "selu"\n')
    made = recipe(config_file=file)
    assert [change.tip for change in made.tips].count("none:4") == 3
    assert made.params.g_activation == "selu"  # type: ignore[attr-defined]
    assert made.params.d_batches == "mixed"  # type: ignore[attr-defined]
    other = recipe(config_file=file, tips=["17"])
    assert {change.tip for change in other.tips} == {"17"}
    assert other.params.d_batches == "separate"  # type: ignore[attr-defined]
    assert recipe(config_file=file, tips="none").tips == ()


def test_the_environment_names_tips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANIMEKIT_TIPS", "6,none:4")
    assert {change.tip for change in recipe().tips} == {"6", "none:4"}


def test_a_run_records_its_tips_and_keeps_them_on_resume(tiny: Callable[..., Run]) -> None:
    run = tiny("gan", steps=1, tips=["17"], g_dropout=0.25)
    recorded = {each["parameter"]: each for each in run.config["tips"]}
    assert recorded["g_dropout"]["after"] == 0.25
    assert recorded["g_dropout_sampling"] == {
        "tip": "17",
        "title": "dropout in G, in training and in pictures",
        "parameter": "g_dropout_sampling",
        "before": False,
        "after": True,
        "kept": "",
    }
    assert run.config["params"]["g_dropout_sampling"] is True
    assert tiny("gan", resume=run.path, steps=2, tips="17").config["tips"] == run.config["tips"]
    with pytest.raises(ConfigError, match="began with tips 17"):
        tiny("gan", resume=run.path, steps=3, tips="5")


def test_a_run_without_tips_takes_none_on_resume(tiny: Callable[..., Run]) -> None:
    run = tiny("gan", steps=1)
    assert run.config["tips"] == []
    with pytest.raises(ConfigError, match="began with no tips"):
        tiny("gan", resume=run.path, steps=2, tips="5")
