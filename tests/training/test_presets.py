"""Presets: named recipes in TOML files beside a plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit.config import Layer
from animekit.errors import ConfigError
from animekit.training.presets import presets


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


PRESET = """
description = "narrow networks for a CPU"
models = ["gan", "wgangp"]
g_channels = 16
batch = 32
[wgangp]
n-critic = 3
batch = 16
"""


def test_a_preset_gives_common_values_and_the_models_own(tmp_path: Path) -> None:
    write(tmp_path / "cpu.toml", PRESET)
    write(tmp_path / "other.toml", 'description = "x"\nmodels = ["vae"]\n')
    found = presets([tmp_path], "wgangp")
    assert list(found) == ["cpu"]
    assert found["cpu"].description == "narrow networks for a CPU"
    assert found["cpu"].layer("wgangp") == Layer(
        "preset cpu", {"g_channels": 16, "batch": 16, "n_critic": 3}
    )
    assert found["cpu"].layer("gan").values == {"g_channels": 16, "batch": 32}


@pytest.mark.parametrize(
    "text",
    [
        "lr = 1",
        'description = "x"',
        'description = "x"\nmodels = "gan"',
        'description = 1\nmodels = ["gan"]',
        'description = "x"\nmodels = [1]',
    ],
)
def test_a_file_that_is_no_preset_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path / "bad.toml", text)
    with pytest.raises(ConfigError, match=r"bad\.toml is not a preset"):
        presets([tmp_path], "gan")


def test_a_preset_with_a_table_of_a_model_that_it_is_not_for_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "bad.toml", 'description = "x"\nmodels = ["gan"]\n[gann]\nlr = 1\n')
    with pytest.raises(ConfigError, match=r"table \[gann\]"):
        presets([tmp_path], "gan")


def test_two_presets_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "cpu.toml", PRESET)
    with pytest.raises(ConfigError, match=r"a/cpu\.toml and .*b/cpu\.toml"):
        presets([tmp_path / "a", tmp_path / "b"], "gan")
