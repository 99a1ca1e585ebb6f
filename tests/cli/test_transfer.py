"""`animekit transfer`: what the command says, refuses and writes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from animekit.cli import app
from tests.support import keeps_its_schema
from tests.translation.models import plugin, swap_weights
from tests.translation.pictures import BLUE, paint, tree


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def shell(tmp_path: Path, *words: str | Path) -> Result:
    """Run `animekit transfer swap` with the plugin and weights of the tests."""
    weights = swap_weights(tmp_path / "swap.safetensors")
    more = ("--plugins-dir", plugin(tmp_path / "plugins"), "--gpu", "cpu", "--precision", "fp32")
    return call("transfer", "swap", weights, *words, *more)


def test_the_command_says_how_it_went(tmp_path: Path) -> None:
    paint("in/x/a.png"), paint("in/b.png")
    result = shell(tmp_path, "in", "-o", "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 files, 1 sub-folder, a2b, done 2 of 2")
    assert result.stdout.splitlines()[-1] == "out/index.html"
    (tmp_path / "in" / "c.jpg").write_bytes(b"\xff\xd8\xff")
    result = shell(tmp_path, "in", "-o", "out", "--skip-existing")
    assert result.exit_code == 8
    assert "in/c.jpg (" in result.stderr


def test_the_answer_keeps_its_schema(tmp_path: Path) -> None:
    paint("in/a.png")
    found = json.loads(shell(tmp_path, "in", "-o", "out", "--json").stdout)
    assert keeps_its_schema(found)
    item: dict[str, Any] = {"in": "in/a.png", "out": "out/a.png", "to": "a2b", "w": 24, "h": 16}
    item |= {"frames": 1, "faces": None}
    assert found["data"]["items"] == [item]
    assert found["artifacts"][0]["kind"] == "picture"
    (tmp_path / "in" / "c.jpg").write_bytes(b"\xff\xd8\xff")
    failed = json.loads(shell(tmp_path, "in", "-o", "out", "--overwrite", "--json").stdout)
    assert (failed["ok"], failed["exit_code"], failed["data"]["done"]) == (False, 8, 1)


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    paint("in/a.png"), paint("in/x/b.png")
    result = shell(tmp_path, "in", "-o", "out", "-n", "--direction", "both")
    assert result.stdout == ("would translate 2 files, 1 sub-folder, a2b b2a: 4 results to out\n")
    assert not Path("out").exists()
    film = shell(tmp_path, "cam:9", "-n", "-o", "film.mp4")  # no camera is opened
    assert (film.exit_code, film.stdout) == (0, "would film cam:9 to film.mp4\n")
    piped = shell(tmp_path, "in/a.png", "-o", "-", "-n")
    assert (piped.exit_code, piped.stdout) == (0, "")
    assert "would translate 1 file" in piped.stderr


def test_one_picture_through_a_pipe(tmp_path: Path) -> None:
    weights = swap_weights(tmp_path / "swap.safetensors")
    words = ["transfer", "swap", str(weights), "-", "-o", "-", "--plugins-dir"]
    words += [str(plugin(tmp_path / "plugins")), "--gpu", "cpu", "--precision", "fp32"]
    ended = subprocess.run(
        [sys.executable, "-m", "animekit", *words],
        input=paint("a.png").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    with Image.open(io.BytesIO(ended.stdout)) as image:
        assert (image.format, image.getpixel((3, 3))) == ("PNG", BLUE)
    result = shell(tmp_path, "-", "-o", "-", "--json")
    assert (result.exit_code, "stdout takes a picture or JSON" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("in", "-o", "in"), 2, "written over"),
        (("in", "--size", "x"), 2, 'cannot read --size "x"'),
        (("in", "--limit", "0"), 2, "leaves nothing"),
        (("in", "--alpha", "red"), 2, '--alpha "red"'),
        (("in", "--ext", "tif"), 2, 'cannot write "tif"'),
        (("in", "--suffix", "../x"), 2, "no part of a name"),
        (("in", "--skip-existing", "--overwrite"), 2, "exclude each other"),
        (("nowhere",), 3, "no images in nowhere"),
        (("cam:9",), 6, "no camera 9"),
        (("in", "cam:0"), 2, "one picture or film"),
        (("in", "--attr", "x"), 2, "no attributes"),
        (("in", "-o", "a.png"), 2, "one file"),
    ],
)
def test_a_wrong_wish_ends_before_any_work(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    paint("in/a.png")
    result = shell(tmp_path, *words)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert not Path("out").exists()
    assert not Path("transfers").exists()


@pytest.mark.parametrize("flag", ["--source-attr", "--known"])
def test_the_attributes_of_the_inputs_have_an_old_name_too(flag: str, tmp_path: Path) -> None:
    paint("in/a.png")
    result = shell(tmp_path, "in", "-o", "out", flag, "red")
    assert (result.exit_code, "--source-attr is for models" in result.stderr) == (2, True)


def test_limit_takes_the_first(tmp_path: Path) -> None:
    for name in "abc":
        paint(f"in/{name}.png")
    shell(tmp_path, "in", "-o", "out", "--limit", "2", "--no-html")
    assert tree("out") == ["a.png", "b.png"]
