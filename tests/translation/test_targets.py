"""Targets: directions, attributes, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from animekit.errors import UnusableError, UsageError
from animekit.plugins import Registry
from animekit.translation.result import Transferred
from animekit.translation.targets import targets_of
from tests.translation.models import paint_weights
from tests.translation.pictures import colour, paint, tree


def test_both_directions_of_own_pictures(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    made = swap("in", direction="both")
    assert tree("out") == ["a2b/a.png", "b2a/a.png", "index.html", "sheet.png"]
    assert made.done == 1
    with pytest.raises(UsageError, match='no direction "a2c". Did you mean "a2b"'):
        swap("in", direction="a2c")


def test_attributes_are_columns_and_a_sheet(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png", (128, 128, 128))
    painted("in", attrs=["red", "BLUE, -light"])
    assert tree("out") == ["blue_no_light/a.png", "index.html", "red/a.png", "sheet.png"]
    red, blue = colour("out/red/a.png"), colour("out/blue_no_light/a.png")
    assert red[0] > 180 > red[1]
    assert blue[2] > 120 > blue[0]
    with Image.open("out/sheet.png") as sheet:
        assert sheet.size == (3 * 130 - 2, 128 + 23)


def test_what_is_not_asked_for_stays_as_it_was(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png", (0, 200, 0))  # the model reads green, and light
    painted("in", attrs=["-light"])
    dark = colour("out/a.png")
    assert dark[1] > dark[0]
    painted("in", attrs=["-light"], source_attr="red", existing="overwrite")
    assert colour("out/a.png")[0] > dark[0]


def test_a_wrong_attribute_is_met_with_the_nearest(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    with pytest.raises(UnusableError, match="lihgt") as caught:
        painted("in", attrs=["lihgt"])
    assert "light" in f"{caught.value.message} {caught.value.hint}"
    with pytest.raises(UsageError, match="no directions"):
        painted("in", direction="a2b")


def test_without_a_wish_every_value_is_a_column(registry: Registry, tmp_path: Path) -> None:
    from animekit.runs.run import load_model

    model = load_model(paint_weights(tmp_path / "p.safetensors"), registry).model
    names = [column.name for column in targets_of(model, None, ())]  # type: ignore[arg-type]
    assert names == ["red", "green", "blue", "light"]
