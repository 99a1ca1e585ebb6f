"""Parameters: what a user types, where a value comes from, and what a wrong one is told."""

import json
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from animekit import config
from animekit.config import (
    Layer,
    Params,
    parse_set,
    parse_value,
    renamed_arguments,
    resolve,
    show,
)
from animekit.errors import ConfigError, NotFoundError, UsageError


class Sample(Params):
    """Every kind of field that a component has."""

    lr: float = Field(1e-4, gt=0, description="learning rate")
    betas: tuple[float, float] = Field((0.0, 0.9), description="Adam betas")
    sizes: tuple[int, ...] = Field((), description="sizes")
    words: tuple[str, ...] = Field((), description="words")
    n_critic: int = Field(5, ge=1, description="critic updates per generator update")
    gpu: str = Field("auto", description="where to compute")
    name: str | None = Field(None, description="name of the run")
    batch: int | Literal["auto"] = Field(64, description="images in a batch")
    architecture: Literal["dcgan", "resnet"] = Field("dcgan", description="networks")
    flip: bool = Field(False, description="mirror at random")
    compile: Literal["auto", "on", "off"] = Field("auto", description="compile the networks")


def typed(*pairs: str) -> Sample:
    return resolve(Sample, [parse_set(pairs)]).params


def refusal(*pairs: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        typed(*pairs)
    assert "\n" not in caught.value.message, "one clear line"
    return caught.value


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("lr=3e-4", "lr", 3e-4),
        ("lr = 1", "lr", 1.0),
        ("betas=0,0.99", "betas", (0.0, 0.99)),
        ("sizes=64", "sizes", (64,)),
        ("sizes=32,64,", "sizes", (32, 64)),
        ("words=a,3", "words", ("a", "3")),
        ("n-critic=3", "n_critic", 3),
        ("n_critic=1e1", "n_critic", 10),
        ("gpu=0", "gpu", "0"),
        ("name=0007", "name", "0007"),
        ("name=7", "name", "7"),
        ("name=true", "name", "true"),
        ("name=none", "name", None),
        ("name=a=b", "name", "a=b"),
        ("batch=auto", "batch", "auto"),
        ("batch=8", "batch", 8),
        ("flip=on", "flip", True),
        ("flip=no", "flip", False),
        ("flip=1", "flip", True),
        ("compile=on", "compile", "on"),
        ("compile=off", "compile", "off"),
    ],
)
def test_a_typed_value_is_read_as_its_field_needs_it(text: str, key: str, value: Any) -> None:
    found = getattr(typed(text), key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr=x", ["lr = x", "valid number", "from --set"]),
        ("lr=-1", ["lr = -1", "greater than 0"]),
        ("lr=", ["lr", "valid number"]),
        ("lr=nan", ["lr = nan", "finite"]),
        ("lr=inf", ["lr = inf", "finite"]),
        ("lr=yes", ["lr = true", "number"]),
        ("n_critic=true", ["n_critic = true", "number"]),
        ("n_critic=2.5", ["n_critic = 2.5", "integer"]),
        ("n_critic=none", ["n_critic = none", "integer"]),
        ("betas=1", ["betas = 1", "tuple"]),
        ("betas=1,2,3", ["betas = 1,2,3", "2 items"]),
        ("betas=1,x", ["betas = 1,x", "number"]),
        ("batch=many", ["batch = many", "integer", "or", "'auto'"]),
        ("architecture=resnt", ["architecture = resnt", 'Did you mean "resnet"?']),
        ("flip=maybe", ["flip = maybe", "boolean"]),
    ],
)
def test_a_wrong_value_is_one_line_that_names_key_value_and_origin(
    text: str, words: list[str]
) -> None:
    error = refusal(text)
    for word in words:
        assert word in error.message
    assert "from --set" in error.message
    assert error.exit_code == 4


def test_the_hint_of_a_wrong_value_says_what_the_parameter_is_and_its_default() -> None:
    assert refusal("betas=1").hint == "betas: Adam betas; default 0.0,0.9"


def test_an_unknown_key_is_told_the_nearest_one_and_all() -> None:
    error = refusal("n_crtic=3")
    assert error.message == 'unknown parameter "n_crtic" (from --set). Did you mean "n_critic"?'
    assert error.code == "config.unknown_key"
    assert error.hint is not None
    assert set(error.hint.removeprefix("known: ").split()) == set(Sample.model_fields)


@pytest.mark.parametrize("text", ["lr", "=3", "", " =1"])
def test_a_pair_without_key_or_value_is_told_how_to_write_it(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot read --set") as caught:
        parse_set([text])
    assert "key=value" in str(caught.value.hint)


def test_the_last_of_two_equal_keys_counts() -> None:
    assert typed("lr=1", "lr=2").lr == 2


def test_stronger_layers_win_and_each_value_knows_its_origin() -> None:
    layers = [
        Layer("preset cpu", {"lr": 0.1, "n_critic": 2, "gpu": "cpu", "flip": True}),
        Layer("animekit.toml", {"lr": 0.2, "n_critic": 3, "gpu": "1"}),
        config.from_environment(Sample.model_fields, {"ANIMEKIT_LR": "0.3", "ANIMEKIT_GPU": "0"}),
        parse_set(["lr=0.4"]),
    ]
    resolved = resolve(Sample, layers)
    assert resolved.params == Sample(lr=0.4, n_critic=3, gpu="0", flip=True)
    assert resolved.origins == {
        **dict.fromkeys(Sample.model_fields, "default"),
        "lr": "--set",
        "n_critic": "animekit.toml",
        "gpu": "environment",
        "flip": "preset cpu",
    }


def test_parameters_are_frozen_and_closed() -> None:
    params = Sample()
    with pytest.raises(ValidationError, match="frozen"):
        params.lr = 1.0
    with pytest.raises(ValidationError, match="not permitted"):
        Sample(learning_rate=1)


def test_a_parameter_without_default_that_is_not_given_is_named() -> None:
    class Needy(Params):
        path: str = Field(description="a folder")

    with pytest.raises(ConfigError, match=r"^path is missing$") as caught:
        resolve(Needy, [])
    assert caught.value.hint == "path: a folder"


def test_a_rule_over_several_parameters_speaks_for_itself() -> None:
    class Pair(Params):
        low: int = 0
        high: int = 1

        @model_validator(mode="after")
        def _ordered(self) -> "Pair":
            if self.low > self.high:
                raise ValueError("low must not be above high")
            return self

    with pytest.raises(ConfigError, match=r"^low must not be above high$"):
        resolve(Pair, [parse_set(["low=5"])])


def test_empty_environment_variables_count_as_not_set() -> None:
    assert config.from_environment(["lr"], {"ANIMEKIT_LR": "", "LR": "3"}).values == {}


PLAIN = st.text("abcdefghijklmnopqrstuvwxyz_-./: ", max_size=8).map(str.strip)
FIELDS = {
    "lr": st.floats(min_value=1e-300, allow_nan=False, allow_infinity=False),
    "betas": st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
    "sizes": st.lists(st.integers(), min_size=1, max_size=4).map(tuple),
    "n_critic": st.integers(min_value=1),
    "gpu": PLAIN.filter(lambda text: text and text.lower() not in ("none", "null")),
    "flip": st.booleans(),
    "compile": st.sampled_from(["auto", "on", "off"]),
}


@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_what_is_shown_can_be_typed_again(values: dict[str, Any]) -> None:
    pairs = [f"{key}={show(value)}" for key, value in values.items()]
    assert typed(*pairs) == Sample(**values)


@given(st.text())
def test_any_text_can_be_typed(text: str) -> None:
    parse_value(text)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and a user without configuration of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path


def layers_of(path: Path | None = None, model: str = "wgangp") -> list[Layer]:
    return config.config_layers(path, model, ["lr", "batch", "n_critic"])


def test_the_users_own_file_is_where_the_system_keeps_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "a"))
    assert config.user_config() == tmp_path / "a" / "animekit" / "config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "b"))
    linux = tmp_path / "b" / ".config" / "animekit" / "config.toml"
    assert config.user_config() == linux or sys.platform != "linux"


def test_a_toml_file_gives_common_values_options_and_the_models_own_table(here: Path) -> None:
    file = write(
        here / "my.toml",
        "lr = 1\n[train]\nbatch = 8\nlr = 2\n[wgangp]\nn-critic = 3\nlr = 3\n[wgan]\nclip = 1\n",
    )
    (layer,) = layers_of(file)
    assert layer == Layer(str(file), {"lr": 3, "batch": 8, "n_critic": 3})


def test_the_users_own_file_is_under_that_of_the_folder(here: Path) -> None:
    write(here / "home" / "animekit" / "config.toml", "lr = 1\nbatch = 8\n")
    write(here / "animekit.toml", "lr = 2\n")
    own, local = layers_of()
    assert own.values == {"lr": 1, "batch": 8}
    assert local == Layer("animekit.toml", {"lr": 2})


def test_a_named_file_takes_the_place_of_that_of_the_folder(here: Path) -> None:
    write(here / "animekit.toml", "lr = 2\n")
    named = write(here / "other.toml", "batch = 3\n")
    assert [layer.values for layer in layers_of(named)] == [{"batch": 3}]


def test_without_any_file_there_is_no_layer(here: Path) -> None:
    assert layers_of() == []


def test_the_config_of_a_run_gives_its_values_back(here: Path) -> None:
    run = {"model": "wgangp", "params": {"lr": 0.5}, "options": {"batch": 2}, "step": 9}
    file = write(here / "config.json", json.dumps(run))
    assert layers_of(file)[0].values == {"lr": 0.5, "batch": 2}


def test_the_config_of_another_models_run_is_refused(here: Path) -> None:
    file = write(here / "config.json", '{"model": "gan", "params": {}, "options": {}}')
    with pytest.raises(ConfigError, match="is of a gan run, not wgangp"):
        layers_of(file)


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"model": "gan"}', '{"params": {}}', "{"])
def test_json_that_is_no_runs_config_is_refused(here: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        layers_of(write(here / "config.json", text))


def test_an_unknown_key_in_a_file_names_the_file(here: Path) -> None:
    file = write(here / "my.toml", "[train]\nbtach = 8\n")
    with pytest.raises(ConfigError, match=r"my\.toml.*Did you mean \"batch\""):
        layers_of(file)


def test_a_list_of_one_in_a_file_is_no_number(here: Path) -> None:
    file = write(here / "my.toml", "[train]\nlr = [1]\n")
    with pytest.raises(ConfigError, match=r"lr = \[1\]: input should be a valid number"):
        resolve(Sample, layers_of(file))


def test_a_file_in_another_encoding_is_told_which(here: Path) -> None:
    (here / "my.toml").write_text("lr = 1\n", encoding="utf-16")
    with pytest.raises(ConfigError, match="it is UTF-16"):
        layers_of(here / "my.toml")


@pytest.mark.parametrize("content", [b"lr = ", b"lr = 1\nlr = 2", b"\xff\xfe\x00"])
def test_a_file_that_is_not_toml_is_named(here: Path, content: bytes) -> None:
    file = here / "my.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot read .*my\.toml"):
        layers_of(file)


def test_a_missing_file_is_exit_3(here: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no configuration file .*none\.toml"):
        layers_of(here / "none.toml")


class Before(Params):
    """What two parameters were called in an earlier version."""

    old_names = {"halvings": "depth", "how=own": "how=separate"}
    topics = {"networks": ("depth",)}
    depth: int = Field(2, description="how deep")
    how: Literal["shared", "separate"] = Field("shared", description="how")


class After(Before):
    """One more; and `halvings` has come to mean something else."""

    old_names = {"blocks": "n_blocks"}
    n_blocks: int = Field(6, description="how many")
    halvings: int = Field(1, description="of something else")


def test_names_of_earlier_versions_mean_what_they_are_called_now() -> None:
    found = resolve(Before, [Layer("a.toml", {"halvings": "3"}), parse_set(["how=own"])])
    assert found.params == Before(depth=3, how="separate")
    assert found.origins == {"depth": "a.toml", "how": "--set"}
    assert resolve(After, [parse_set(["blocks=9"])]).params == After(n_blocks=9)


def test_an_old_name_that_is_a_field_again_is_that_field() -> None:
    assert "halvings" not in After.renamed()
    assert resolve(After, [parse_set(["halvings=4"])]).params == After(halvings=4, depth=2)
    both = config.current(Layer("x", {"halvings": 4}), Before, After)
    assert both.values == {"halvings": 4}


def test_a_key_under_both_of_its_names_is_refused() -> None:
    with pytest.raises(ConfigError, match="halvings is called depth now, and both are given"):
        resolve(Before, [parse_set(["halvings=3", "depth=3"])])
    layers = [Layer("preset x", {"halvings": 3}), parse_set(["depth=4"])]
    assert resolve(Before, layers).params.depth == 4


def test_old_names_are_let_through_where_files_and_the_environment_are_read(here: Path) -> None:
    file = write(here / "a.toml", "batch = 3\n")
    layers = config.config_layers(file, "gan", ["batch_size"], ["batch"])
    assert layers == [Layer(str(file), {"batch": 3})]
    with pytest.raises(ConfigError, match='unknown parameter "batch"'):
        config.config_layers(file, "gan", ["batch_size"])


def test_a_field_knows_the_topic_under_which_help_shows_it() -> None:
    for cls in (Before, After):
        assert cls.model_fields["depth"].json_schema_extra == {"topic": "networks"}
    assert After.model_fields["n_blocks"].json_schema_extra is None


def test_calls_may_use_old_names_of_arguments_but_not_both() -> None:
    @renamed_arguments(gpu="device")
    def where(*, device: str = "auto") -> str:
        return device

    assert (where(), where(device="cpu"), where(gpu="cuda")) == ("auto", "cpu", "cuda")  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="gpu is called device now"):
        where(gpu="cpu", device="cuda")  # type: ignore[call-arg]
