"""Configuration files: written with every value, and read for every mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from animekit import plugins
from animekit.errors import ConfigError, NotFoundError, UnusableError
from animekit.plugins import Registry
from animekit.setup.settings import Mistake, find_mistakes, new_settings
from animekit.training.recipe import TrainOptions, make_recipe


@pytest.fixture(scope="module")
def registry() -> Registry:
    return plugins.load()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("model", "preset"), [("wgangp", "cpu"), ("gan", None), ("vae", "seed002"), ("stargan", "cpu")]
)
def test_every_line_taken_out_of_its_comment_is_the_recipe(
    model: str, preset: str | None, registry: Registry
) -> None:
    text = new_settings(model, preset=preset, registry=registry)
    assert Path("animekit.toml").read_text("utf-8") == text
    assert find_mistakes(registry=registry) == []
    wanted = make_recipe(model, registry, preset=preset or "none", config_file="animekit.toml")
    Path("all.toml").write_text(re.sub(r"(?m)^# ", "", text), encoding="utf-8")
    assert find_mistakes("all.toml", registry=registry) == []
    found = make_recipe(model, registry, config_file="all.toml")
    assert (found.params, found.options) == (wanted.params, wanted.options)
    assert found.origins["batch_size"] == "all.toml"
    fields = {*TrainOptions.model_fields, *wanted.model.Params.model_fields} - {"name"}
    assert {key for key in fields if not re.search(rf"(?m)^##? {key} (=|is)", text)} == set()


def test_a_file_beside_it_does_not_colour_it(registry: Registry) -> None:
    Path("animekit.toml").write_text("lr = 9.0\n", encoding="utf-8")
    assert "# lr = 0.0002" in new_settings("gan", "new.toml", registry=registry)


def test_a_file_that_is_there_stays(registry: Registry) -> None:
    Path("animekit.toml").write_text("seed = 1\n", encoding="utf-8")
    with pytest.raises(UnusableError, match="exists"):
        new_settings("gan", registry=registry)
    assert Path("animekit.toml").read_text("utf-8") == "seed = 1\n"
    new_settings("gan", registry=registry, overwrite=True)
    assert "[gan]" in Path("animekit.toml").read_text("utf-8")


def mistakes(text: str, registry: Registry) -> list[tuple[int | None, str]]:
    Path("bad.toml").write_text(text, encoding="utf-8")
    found = find_mistakes("bad.toml", registry=registry)
    assert all(each.hint for each in found)
    return [(each.line, each.message) for each in found]


def test_all_mistakes_are_found_at_once_each_with_its_line(registry: Registry) -> None:
    text = """preset = "cpuu"
lrr = 3

[train]
batch-size = "x"  # no number
seed = 1

[wgangp]
gp_weight = -1
[clean.blurr]
side = 64
[clean.blur]
side = -3
[evaluate]
swd = 3
[evaluat.swd]
patches = 2
"""
    found = mistakes(text, registry)
    assert [line for line, _ in found] == [1, 2, 5, 9, 10, 13, 15, 16]
    words = [message for _, message in found]
    assert words[0] == 'no model has the preset "cpuu". Did you mean "cpu"?'
    assert words[1] == 'unknown parameter "lrr". Did you mean "lr"?'
    assert words[2].startswith("batch_size = x: input should be a valid integer")
    assert words[3].startswith("gp_weight = -1: input should be greater")
    assert words[4] == 'unknown check "blurr". Did you mean "blur"?'
    assert words[5].startswith("side = -3: input should be greater")
    assert words[6] == "[evaluate] has the value swd"
    assert words[7] == 'unknown table [evaluat]. Did you mean "evaluate"?'


def test_what_only_several_values_break_is_found_with_its_table(registry: Registry) -> None:
    text = "seed = 3\n[gan]\nsteps = 3\nepochs = 4\n"
    ((line, words),) = mistakes(text, registry)
    assert line == 2 and "steps and epochs are two ends of one training" in words
    ((line, words),) = mistakes('[gan]\npreset = "paper"\n', registry)
    assert (line, words) == (1, 'model gan has no preset "paper".')


def test_keys_of_earlier_versions_and_of_several_models_are_no_mistakes(
    registry: Registry,
) -> None:
    assert mistakes("batch = 8\ngp_weight = 3\n[train]\nkeep = 2\n", registry) == []


def test_a_file_that_is_no_toml_or_not_there_is_an_error(registry: Registry) -> None:
    Path("bad.toml").write_text("a = [1,\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        find_mistakes("bad.toml", registry=registry)
    with pytest.raises(NotFoundError, match=r"no configuration file none\.toml"):
        find_mistakes("none.toml", registry=registry)


def test_a_mistake_is_one_line_of_text() -> None:
    assert str(Mistake(3, "wrong")) == "line 3: wrong"
    assert str(Mistake(None, "wrong")) == "wrong"
