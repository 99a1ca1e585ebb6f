"""`animekit reconstruct`: its numbers against numbers worked out here, its pictures, its errors."""

from __future__ import annotations

import builtins
import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from animekit.images.write import read_png_text
from tests.evaluation.support import train_tiny
from tests.support import call, keeps_its_schema


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny VAE of 40 drawn faces, 30 % of them held out, and a GAN."""
    folder = tmp_path_factory.mktemp("made")
    train_tiny(folder)
    return folder


@pytest.fixture(autouse=True)
def _there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").symlink_to(made / "runs")
    monkeypatch.chdir(tmp_path)


def answer(*words: str) -> dict:
    result = call("reconstruct", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_command_prints_the_scores_and_writes_pairs_that_say_what_they_are() -> None:
    result = call("reconstruct", "1")
    assert result.exit_code == 0, result.output
    assert "images of synthetic:40, held out of training" in result.stdout
    for words in (r"MSE +\d\.\d{5}", r"PSNR +\d+\.\d\d dB", r"SSIM +-?\d\.\d{4}", r"KL +[\d.]+"):
        assert re.search(words, result.stdout), words
    assert "samples/reconstruct.png  10 pairs" in result.stdout
    told = json.loads(read_png_text(Path("samples/reconstruct.png"))["animekit"])
    assert told["mode"] == "reconstruct"
    assert told["model"]["run"] == "0001-vae-synthetic32"
    assert len(told["names"]) == 10
    assert f"MSE    {told['scores']['mse']:.5f}" in result.stdout
    assert call("reconstruct", "1").exit_code == 0  # its own picture is replaced
    like = call("generate", "--like", "samples/reconstruct.png")
    assert like.exit_code == 4


def test_json_keeps_its_schema_with_and_without_a_map() -> None:
    plain = answer("1", "--num", "2", "-o", "pairs.png")
    assert keeps_its_schema(plain)
    assert plain["data"]["pairs"] == "pairs.png"
    assert [each["kind"] for each in plain["artifacts"]] == ["pairs"]
    mapped = answer("1", "synthetic:60", "--map", "map.png", "--coords", "--map-num", "30")
    assert keeps_its_schema(mapped)
    found = mapped["data"]["map"]
    assert (found["attribute"], found["n"]) == ("hair", 30)
    assert sum(found["counts"].values()) == 30
    assert [each["kind"] for each in mapped["artifacts"]] == ["pairs", "map", "coordinates"]
    with Path("map.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert set(rows[0]) == {"image", "x", "y", "hair"}
    assert {row["hair"] for row in rows} == {k for k, v in found["counts"].items() if v}
    assert json.loads(read_png_text(Path("map.png"))["animekit"])["map"]["n"] == 30


def test_a_map_that_is_named_csv_is_drawn_beside_it() -> None:
    result = call("reconstruct", "1", "synthetic:40", "--map", "m/x.csv", "--thumbnails", "-q")
    assert result.stdout.split() == ["samples/reconstruct.png", "m/x.png", "m/x.csv"]
    with Image.open("m/x.png") as picture:
        assert picture.size == (1790, 1656)


def test_a_dry_run_makes_nothing() -> None:
    result = call("reconstruct", "1", "-n", "--map", "map.png")
    assert result.exit_code == 0, result.output
    assert "would reconstruct" in result.stdout
    assert "write samples/reconstruct.png, map.png" in result.stdout
    assert not Path("samples").exists() and not Path("map.png").exists()


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        ("2", 4, "is a gan, which does not reconstruct images", "animekit plugins"),
        ("9", 3, 'no run, checkpoint, file or bundled weights "9"', "bundled"),
        ("1 nowhere", 3, "no images in nowhere", "animekit demo"),
        ("1 --num 0", 2, "--num is at least 1", ""),
        ("1 --checkpoint bst", 2, 'no checkpoint "bst"', "best, last"),
        ("1 --attr hair", 2, "--attr is for a map", "add --map"),
        ("1 --attribute hair", 2, "--attr is for a map", "add --map"),
        ("1 --map m.jpg", 2, "m.jpg ends neither in .png nor in .csv", "name a .png"),
        ("1 synthetic:40 --map m.png --attr hatt", 4, '"hatt"', "attributes: hair"),
        ("1 --out pairs.jpg", 2, "pairs.jpg does not end in .png", "name a .png"),
    ],
)
def test_a_wrong_word_ends_with_one_clear_error(
    words: str, code: int, message: str, hint: str
) -> None:
    result = call("reconstruct", *words.split())
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert hint in result.stderr
    assert result.stdout == ""


def test_files_of_others_are_never_replaced_unless_told() -> None:
    Path("mine.png").write_bytes(b"mine")
    Path("map.csv").write_text("mine")
    for words in (["-o", "mine.png"], ["--map", "mine.png"]):
        result = call("reconstruct", "1", "synthetic:40", *words)
        assert result.exit_code == 4, result.output
        assert "mine.png exists and animekit did not make it" in result.stderr
        assert result.stdout == ""  # before anything is computed
    result = call("reconstruct", "1", "synthetic:40", "--map", "map.png", "--coords")
    assert result.exit_code == 4
    assert Path("map.csv").read_text() == "mine"
    assert Path("mine.png").read_bytes() == b"mine"
    words = ["--map", "map.png", "--coords", "--yes", "-o", "mine.png"]
    assert call("reconstruct", "1", "synthetic:40", *words).exit_code == 0
    assert Path("map.csv").read_text() != "mine"


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    result = call("reconstruct", "1", "synthetic:40", "--map", "map.png")
    assert result.exit_code == 4
    assert "needs scikit-learn" in result.stderr
    assert 'pip install -e ".[maps]"' in result.stderr


def test_a_map_needs_labels_and_enough_of_them(pictures: Path) -> None:
    result = call("reconstruct", "1", pictures, "--map", "map.png")
    assert result.exit_code == 4
    assert "has no labels to colour a map by" in result.stderr
    result = call("reconstruct", "1", "synthetic:5", "--map", "map.png")
    assert "a map needs 12" in result.stderr


def test_attribute_is_the_old_name_of_attr() -> None:
    for flag in ("--attr", "--attribute"):
        words = ("1", "synthetic:40", "--map", "map.png", flag, "eyes", "--map-num", "20")
        assert answer(*words)["data"]["map"]["attribute"] == "eyes"
    assert "--attribute" not in call("reconstruct", "--help").stdout


def test_who_agreed_that_a_file_is_replaced_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def confirm(text: str, **rest: object) -> bool:
        asked.append(text)
        return True

    monkeypatch.setattr("typer.confirm", confirm)
    monkeypatch.setattr("animekit.cli._options.is_terminal", lambda stream: True)
    Path("mine.png").write_bytes(b"mine")
    assert call("reconstruct", "1", "synthetic:40", "-o", "mine.png").exit_code == 0
    assert [text.partition(" ")[0] for text in asked] == ["mine.png"]
    assert Path("mine.png").read_bytes() != b"mine"
