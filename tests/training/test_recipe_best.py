"""`--preset best`: the one that suits the size, the data and the hardware, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from animekit import plugins
from animekit.errors import ConfigError, NotFoundError
from animekit.training.presets import Suits, read_preset
from animekit.training.recipe import BEST, make_recipe

REGISTRY = plugins.load()


def chosen(model: str = "relativistic", **values: Any) -> Any:
    return make_recipe(model, REGISTRY, preset=BEST, values={"device": "cpu", **values})


@pytest.mark.parametrize(
    ("data", "size", "name"),
    [
        ("synthetic:3000", 64, "best64"),
        ("synthetic:3000", 32, "best64"),
        ("synthetic:3000", 128, "best128"),
        ("synthetic:2999", 64, "small-data"),
        ("synthetic:2999", 128, "small-data"),
    ],
)
def test_the_best_preset_follows_the_size_and_the_number_of_pictures(
    data: str, size: int, name: str
) -> None:
    recipe = chosen(data=data, size=size)
    assert recipe.preset == name
    assert f"best is {name} here" in recipe.choice and f"of {size} px on cpu" in recipe.choice
    assert recipe.options.size == size  # what was typed wins over the preset
    assert recipe.origins["augment"] == f"preset {name}"


def test_data_that_are_not_here_are_no_small_data() -> None:
    recipe = chosen(data="nowhere/at/all")
    assert recipe.preset == "best64" and "unknown data" in recipe.choice


def test_every_other_preset_is_taken_as_it_is_called() -> None:
    assert make_recipe("gan", REGISTRY, preset="cpu").choice == ""
    with pytest.raises(NotFoundError, match="no preset is the best for") as error:
        chosen("gan")
    assert "cpu" in error.value.hint


def test_a_preset_says_what_it_suits(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = 'description = "x"\nmodels = ["gan"]\nsuits = { most_px = 64, device = "cuda" }\n'
    file.write_text(text)
    suits = read_preset(file).suits
    assert suits is not None and suits.fits(64, None, "cuda")
    assert not suits.fits(65, None, "cuda") and not suits.fits(64, None, "cpu")
    few = Suits(most_images=10)
    assert few.fits(64, 10, "cpu") and not few.fits(64, 11, "cpu") and not few.fits(64, None, "cpu")
    file.write_text(text.replace("most_px", "most_pixels"))
    with pytest.raises(ConfigError, match="most_pixels"):
        read_preset(file)
