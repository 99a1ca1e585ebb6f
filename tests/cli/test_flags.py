"""Flags from the fields of a model's parameters."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from animekit.cli._flags import options_of, values_of
from animekit.config import Params


class Sample(Params):
    lr: float = Field(1e-3, description="learning rate", json_schema_extra={"topic": "update rule"})
    norm: Literal["auto", "batch", "instance"] = Field("auto", description="which one")
    depth: int | None = Field(None, description="how deep [a test]")
    noisy: bool = Field(True, description="add noise")


def flags(**given: Any) -> dict[str, Any]:
    """Return the options by the name of their field, as Typer is given them."""
    found = options_of(Sample, {"taken"}, panel="Model", **given)
    return {each.name: each.default for each in found}


def test_a_field_stands_under_its_topic_and_says_what_it_takes() -> None:
    found = flags()
    panels = {name: info.rich_help_panel for name, info in found.items()}
    assert panels["lr"] == "Update rule" and set(panels.values()) == {"Update rule", "Model"}
    assert [found[name].metavar for name in ("lr", "norm", "depth")] == ["F", "CHOICE", "N"]
    assert found["norm"].help.startswith("which one [dim](auto, batch, instance)[/]")
    assert found["depth"].help == r"how deep \[a test]"


def test_panels_and_metavars_that_are_given_win() -> None:
    found = flags(panels={"lr": "Training"}, metavars={"depth": "PX"})
    assert (found["lr"].rich_help_panel, found["depth"].metavar) == ("Training", "PX")


def test_help_shows_the_switch_that_changes_the_default() -> None:
    found = flags()
    assert (found["noisy"].hidden, found["no_noisy"].hidden) == (True, False)
    assert values_of({"no_noisy": True, "noisy": False, "lr": "3e-4"}, Sample) == {
        "noisy": False,
        "lr": 3e-4,
    }
