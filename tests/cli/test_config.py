"""`animekit config`: values, their origins, and presets."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import animekit as ak
from animekit import config
from animekit.errors import ConfigError
from tests.support import answer, call


def test_values_are_shown_with_their_origin(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nbatch = 8\n")
    words = ["config", "show", "wgangp", "--preset", "cpu", "--config", file, "--set", "lr=3"]
    rows = {row["key"]: row for row in answer(*words)["data"]}
    assert (rows["lr"]["value"], rows["lr"]["origin"]) == (3.0, "--set")
    assert (rows["batch_size"]["value"], rows["batch_size"]["origin"]) == (8, str(file))
    assert rows["g_channels"]["origin"] == "preset cpu"
    assert rows["seed"]["origin"] == "default"
    assert re.search(r"^lr +3.0 +--set$", call(*words, "--origin").stdout, re.MULTILINE)
    assert "origin" not in call(*words).stdout


def test_presets_are_listed_by_model() -> None:
    rows = answer("config", "presets", "wgangp")["data"]
    assert {row["model"] for row in rows} == {"wgangp"}
    assert "cpu" in {row["preset"] for row in rows}


def origins(*words: object) -> dict[str, tuple[object, str]]:
    rows = answer("config", "show", "wgangp", *words)["data"]
    return {row["key"]: (row["value"], row["origin"]) for row in rows}


def test_a_preset_can_be_named_in_a_file_which_is_stronger_than_it() -> None:
    for text in ('preset = "cpu"\n', '[train]\npreset = "cpu"\n', '[wgangp]\npreset = "cpu"\n'):
        Path("animekit.toml").write_text(text + "z_dim = 7\n")
        found = origins()
        assert found["g_channels"] == (32, "preset cpu")
        assert found["z_dim"] == (7, "animekit.toml")


@pytest.mark.parametrize("words", [["--preset", "resnet"], ["--set", "preset=resnet"]])
def test_a_preset_of_the_command_line_takes_the_place_of_that_of_a_file(words: list[str]) -> None:
    Path("animekit.toml").write_text('preset = "cpu"\n')
    assert origins(*words)["z_dim"] == (128, "preset resnet")
    assert origins("--preset", "none")["z_dim"] == (100, "default")


def test_a_preset_of_the_environment_is_stronger_than_that_of_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("animekit.toml").write_text('preset = "cpu"\n')
    monkeypatch.setenv("ANIMEKIT_PRESET", "resnet")
    assert origins()["z_dim"] == (128, "preset resnet")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("preset = 3\n", 4, "preset = 3 is no name (from animekit.toml)"),
        ('preset = "cpuu"\n', 3, 'has no preset "cpuu". Did you mean "cpu"?'),
        ("[clean]\nblur = 3\n", 0, ""),  # of another command
    ],
)
def test_a_preset_that_is_none_is_a_clear_error(text: str, code: int, words: str) -> None:
    Path("animekit.toml").write_text(text)
    result = call("config", "show", "wgangp")
    assert result.exit_code == code and words in result.stderr


def test_a_model_takes_the_networks_alone_of_presets_of_other_models() -> None:
    words = ["config", "show", "lsgan", "--preset", "resnet"]
    found = {row["key"]: (row["value"], row["origin"]) for row in answer(*words)["data"]}
    assert found["architecture"] == ("resnet", "networks of preset resnet")
    assert found["lr"][1] == found["n_critic"][1] == "default"
    rows = {
        row["preset"]: row["description"] for row in answer("config", "presets", "lsgan")["data"]
    }
    assert rows["resnet"].startswith("the networks alone: architecture=resnet")
    assert call("config", "show", "vae", "--preset", "resnet").exit_code == 3


def test_clean_and_evaluate_read_their_tables_from_the_same_files(pictures: Path) -> None:
    pictures = Path(shutil.copytree(pictures, "faces"))
    Path("animekit.toml").write_text("[clean.size]\nmin = 4000\n[evaluate.swd]\nrepeats_ = 3\n")
    assert answer("clean", pictures, "--check", "size")["data"]["keep"] == 0
    assert answer("clean", pictures, "--check", "size", "--set", "size.min=8")["data"]["keep"]
    wrong = call("evaluate", pictures, "--ref", pictures, "--swd", "--num", 2)
    assert wrong.exit_code == 4 and 'unknown parameter "swd.repeats_"' in wrong.stderr
    Path("animekit.toml").write_text("[clean]\nmin = 4000\n")
    wrong = call("clean", pictures)
    assert wrong.exit_code == 4 and "animekit.toml: [clean] has min" in wrong.stderr


@pytest.mark.parametrize(
    ("table", "words", "said"),
    [
        (
            "[evaluate.swd]\npatches = 'x'",
            "evaluate FAKES --ref FAKES --swd",
            ("swd: patches = x", "(from [evaluate.swd] in animekit.toml)"),
        ),
        (
            "[evaluate.swd]\npatchez = 3",
            "evaluate FAKES --ref FAKES --swd",
            ('"swd.patchez" (from [evaluate.swd] in animekit.toml)',),
        ),
        (
            "",
            "evaluate FAKES --ref FAKES --swd --set swd.patches=x",
            ("swd: patches = x", "(from --set)"),
        ),
        (
            "[clean.size]\nmin = 'x'",
            "clean FAKES",
            ("size: min = x", "(from [clean.size] in animekit.toml)"),
        ),
        ("", "clean FAKES --min-size x", ("min-size",)),
        ("", "clean FAKES --aspect 9..1", ("aspect: ", "(from --aspect)")),
        ("", "train gan --batch-size x", ("batch_size = x", "(from --batch-size)")),
        ("betas = [0.5]", "train gan", ("betas = [0.5]", "more values", "(from animekit.toml)")),
    ],
)
def test_a_wrong_value_names_where_it_was_written_and_whose_it_is(
    table: str, words: str, said: tuple[str, ...], pictures: Path
) -> None:
    Path("animekit.toml").write_text(table + "\n", encoding="utf-8")
    ended = call(*words.replace("FAKES", str(pictures)).split())
    assert ended.exit_code in (2, 4)
    seen = " ".join(ended.stderr.split())
    for each in said:
        assert each in seen


def test_a_python_call_is_not_said_to_be_typed() -> None:
    with pytest.raises(ConfigError, match=r'"stepz" \(from the call\)'):
        ak.train("gan", "synthetic:8", stepz=4)
    with pytest.raises(ConfigError, match=r"swd: patches = x.*\(from the call\)"):
        ak.evaluate("synthetic:8", "synthetic:8", metrics=["swd"], params={"patches": "x"})


def test_a_path_in_the_home_folder_is_found_behind_a_sign_and_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Path("mine.toml").write_bytes(b'data = "~/faces"\r\nsteps = 3\r\n')
    for words in ("--data=~/faces", "--config=mine.toml"):
        missing = call("train", "gan", words, "-n")
        assert f"no images in {tmp_path / 'faces'}" in missing.stderr, words


def test_a_home_that_is_not_ours_to_read_has_no_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Closed(type(Path())):  # type: ignore[misc]
        def is_file(self) -> bool:
            raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(config, "user_config", lambda: Closed("home/config.toml"))
    assert list(config.file_layers(None)) == []
