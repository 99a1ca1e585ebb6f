"""`animekit generate --prompt` and its kin on the command line, and run_cgan.sh."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import animekit
from animekit.cli import app
from animekit.generation.recipe import read_recipe
from animekit.models import tagger
from animekit.models.tagger import Classifier
from animekit.runs.run import Run

ROOT = Path(__file__).parents[2]
TEXT = "1,blue hair red eyes\n2,black hair blue eyes\n3,pink hair green eyes\n"
FIVE = TEXT + "4,aqua hair aqua eyes\n5,red hair brown eyes\n"


@pytest.fixture(scope="module")
def drawn(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a conditional run, and a newer one that takes no prompts."""
    folder = tmp_path_factory.mktemp("drawn")
    trained(folder / "runs", model="acgan", data="synthetic:300", steps=1)
    trained(folder / "runs", steps=1)
    return folder


@pytest.fixture(autouse=True)
def _at_runs(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").symlink_to(drawn / "runs")
    Path("three.txt").write_text(TEXT, encoding="utf-8")
    Path("five.txt").write_text(FIVE, encoding="utf-8")


def call(*words: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["generate", *words], input=given)


def answer(*words: str) -> dict[str, Any]:
    return json.loads(call(*words, "--json").stdout)


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_prompt_takes_the_newest_run_that_is_told_and_says_which() -> None:
    result = call("--prompt", "blue hair green eyes")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "samples/cgan.png\n"
    assert "using run 0001-acgan-" in result.stderr
    assert "25 images of 1 prompt, seeds 0-24" in result.stderr
    assert size("samples/cgan.png") == (160, 160)
    plain = call("--num", "2")
    assert "using run 0002-gan-" in plain.stderr
    assert plain.stdout == "samples/gan.png\n"


def test_a_file_of_five_prompts_fills_the_grid_in_order() -> None:
    found = answer("--prompts", "five.txt", "--grid", "5x5", "--image-size", "64")
    images = found["data"]["images"]
    assert [(i["row"], i["col"], i["seed"]) for i in images] == [
        (k // 5, k % 5, k) for k in range(25)
    ]
    assert [i["prompt"] for i in images[::5]] == [line[2:] for line in FIVE.splitlines()]
    assert {"hair": "black", "eyes": "blue"}.items() <= images[7]["attrs"].items()
    assert isinstance(images[7]["attrs"]["smile"], bool)
    assert images[7]["score"] is None
    assert size("samples/cgan.png") == (320, 320)
    schema = json.loads(
        (Path(animekit.__file__).parent / "cli" / "schemas" / "generate.json").read_text()
    )
    item = schema["properties"]["images"]["items"]
    assert all(set(item["required"]) == set(image) == set(item["properties"]) for image in images)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("--prompts three.txt", 3),
        ("--prompts three.txt --per-prompt 2", 6),
        ("--prompts three.txt --per-prompt auto --grid 6x3", 18),
        ("--prompts three.txt --num 6", 6),
        ("--prompts three.txt --seeds 1-4", 12),
        ("--prompts three.txt --seeds 4", 3),
        ("--prompts three.txt --seed 9", 3),
        ("0001 --random hair --num 4", 4),
        ("0001 --num 2", 2),
        ("--prompts three.txt --style figure", 3),
    ],
)
def test_how_many_images_there_are(words: str, count: int) -> None:
    found = answer(*words.split())
    assert found["ok"], found["error"]
    assert len(found["data"]["images"]) == count
    Path(found["data"]["grid"]).rename("a.png")
    assert call("--reproduce", "a.png", "-o", "b.png").exit_code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_prompts_come_from_stdin_too() -> None:
    result = call("--prompts", "-", "-o", "a.png", given=TEXT)
    assert result.exit_code == 0, result.stderr
    assert len(read_recipe("a.png")["prompts"]) == 3
    wrong = call("--prompts", "-", given="1,blu hair\n")
    assert wrong.exit_code == 4
    assert '"blu"' in wrong.stderr
    assert "in line 1 of stdin." in wrong.stderr
    empty = call("--prompts", "-", given="")
    assert "error: stdin holds no prompt" in empty.stderr


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        (["--prompt", "red hair blu eyes"], 4, 'eye colour "blu"', "eyes: aqua black"),
        (["--prompt", "red hair", "--prompt", "rde eyes"], 4, "in prompt 2", 'mean "red"'),
        (["--prompt", ""], 4, "the prompt is empty", "hair:"),
        (["--prompts", "no.txt"], 3, "no file no.txt", "text file"),
        (["--prompts", "runs"], 4, "runs is a folder", ""),
        (
            ["0002", "--prompt", "red hair"],
            4,
            "is a gan, whose generator is told no labels",
            "Here: 0001",
        ),
        (["0001", "--sweep", "hiar"], 4, 'no attribute "hiar"', 'mean "hair"'),
        (["0001", "--matrix", "hair,"], 2, 'cannot read --sweep "hair,"', "hair,eyes"),
        (["0001", "--sweep", "hair,"], 2, 'cannot read --sweep "hair,"', "hair,eyes"),
        (["0001", "--sweep", "a,b,c"], 2, "a sweep over 3 attributes", "hair,eyes"),
        (
            ["0001", "--sweep", "hair", "--vary", "eyes"],
            2,
            "--sweep and --vary are one option",
            "--sweep",
        ),
        (["--tile", "8", "--image-size", "9"], 2, "--tile and --image-size are one", "one"),
        (["--reproduce", "none.png", "-n"], 3, "no picture none.png", "animekit generate"),
        (["0002", "--sweep", "code0"], 4, "no codes", "infogan"),
        (["--prompts", "three.txt", "--per-prompt", "0"], 2, '--per-prompt "0"', "auto"),
        (["--prompts", "three.txt", "--per-prompt", "x"], 2, '--per-prompt "x"', "auto"),
        (["0001", "--per-prompt", "2"], 2, "without a prompt", "--prompt"),
        (["--prompt", "red hair", "--prompts", "three.txt"], 2, "both bring prompts", "one"),
        (["0001", "--sweep", "hair", "--grid", "5x5"], 2, "--grid do not go together", "one"),
        (["0001", "--sweep", "hair", "--best-of", "2"], 2, "best-of and a sweep", "one"),
        (["0001", "--best-of", "0"], 2, "best of 0", "2 to 1,000"),
        (["--interpolate", "1,2", "--random", "hair"], 2, "--random do not go together", "one"),
        (["--reproduce", "a.png", "--prompt", "red hair"], 2, "--prompt others", "leave"),
        (["--prompts", "three.txt", "--num", "8"], 2, "8 images cannot be shared by 3", "--per"),
        (["--prompts", "three.txt", "--grid", "1x1"], 2, "do not fit", "--grid"),
    ],
)
def test_each_mistake_is_one_line_with_advice(
    words: list[str], code: int, said: str, hint: str
) -> None:
    result = call(*words)
    assert result.exit_code == code, result.stderr
    (line,) = [each for each in result.stderr.splitlines() if each.startswith("error: ")]
    assert said in line
    assert hint in result.stderr
    assert not Path("samples").exists()


@pytest.mark.parametrize("text", ["", "\ufeff\r\n\r\n", "1,red hair\n" * 2, "blue\n"])
def test_bad_files_are_one_line_each(text: str) -> None:
    Path("bad.txt").write_text(text, encoding="utf-8")
    result = call("--prompts", "bad.txt")
    assert result.exit_code == 4
    assert len([each for each in result.stderr.splitlines() if "error" in each]) == 1


def test_a_dry_run_reads_the_prompts_and_draws_nothing() -> None:
    for words, said in (
        (["--prompts", "five.txt"], "would draw 25 images of 5 prompts and write samples/cgan.png"),
        (["--prompts", "three.txt", "--per-prompt", "4"], "12 images of 3 prompts"),
        (["0001", "--sweep", "hair,eyes", "-o", "m.png"], "hair and eyes and write m.png"),
        (["0001", "--sweep", "eyes"], "all values of eyes"),
    ):
        result = call(*words, "-n")
        assert result.exit_code == 0, result.stderr
        assert said in result.stdout
    assert answer("--prompts", "three.txt", "-n")["data"] == {
        "would_draw": "3 images of 3 prompts",
        "would_write": ["samples/cgan.png"],
    }
    assert call("--prompt", "blu hair", "-n").exit_code == 4
    assert not Path("samples").exists()


def test_tables_are_drawn_with_titles_and_made_again() -> None:
    assert call("0001", "--sweep", "hair", "--num", "2", "-o", "v.png").exit_code == 0
    wide, high = size("v.png")
    assert wide > 12 * 32
    assert high > 2 * 32
    assert call("--reproduce", "v.png", "-o", "w.png").exit_code == 0
    assert Path("v.png").read_bytes() == Path("w.png").read_bytes()
    assert call("--reproduce", "v.png", "--style", "plain", "-o", "p.png").exit_code == 0
    assert size("p.png") == (12 * 32, 2 * 32)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("--trunc 0.7", "--truncation 0.7"),
        ("--tile 16", "--image-size 16"),
        ("0001 --vary eyes", "0001 --sweep eyes"),
        ("0001 --matrix eyes,hair", "0001 --sweep eyes,hair"),
    ],
)
def test_older_names_of_options_do_the_same(older: str, newer: str) -> None:
    for words, name in ((older, "a.png"), (newer, "b.png")):
        result = call(*words.split(), "-o", name)
        assert result.exit_code == 0, result.stderr
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert call("--like", "a.png", "-o", "c.png", "--each", "one").exit_code == 0
    assert Path("a.png").read_bytes() == Path("c.png").read_bytes()
    assert list(Path("one").iterdir())


def test_help_shows_the_newer_names_alone() -> None:
    shown = call("--help").stdout
    for name in ("truncation", "reproduce", "sweep", "image-size", "save-each"):
        assert f"--{name}" in shown
    for name in ("trunc ", "like", "vary", "matrix", "tile", "each "):
        assert f" --{name}" not in shown


class Sure(Classifier):
    """A classifier that likes bright pictures."""

    def __init__(self) -> None:
        pass

    def probabilities(self, images: np.ndarray) -> dict[str, np.ndarray]:
        shares = np.repeat(images.mean((1, 2, 3))[:, None] / 255, 12, axis=1)
        return {"hair": shares, "eyes": np.ones((len(images), 11))}


def test_the_best_of_several_is_marked_as_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger, "load", lambda registry: Sure())
    found = answer("--prompt", "red hair", "--num", "2", "--best-of", "3", "-o", "a.png")
    images, recipe = found["data"]["images"], read_recipe("a.png")
    assert recipe["best_of"] == 3
    assert recipe["candidates"] == ["0-2", "3-5"]
    assert [image["score"] for image in images] == recipe["scores"]
    assert all(0 < image["score"] < 1 for image in images)
    said = call("--reproduce", "a.png", "-o", "b.png").stderr
    assert "each image is the best of 3" in said
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_single_images_are_named_by_their_prompts() -> None:
    assert call("--prompts", "three.txt", "--save-each", "one").exit_code == 0
    assert sorted(path.name for path in Path("one").iterdir()) == [
        "000-seed0000-blue-hair-red-eyes.png",
        "001-seed0001-black-hair-blue-eyes.png",
        "002-seed0002-pink-hair-green-eyes.png",
    ]


def test_a_way_leads_from_prompt_to_prompt() -> None:
    words = ["--interpolate", "3", "--frames", "4", "--no-loop", "--gif", "-o", "way.gif"]
    result = call(*words, "--prompt", "red hair blue eyes", "--prompt", "blue hair red eyes")
    assert result.exit_code == 0, result.stderr
    recipe = read_recipe("way.gif")
    assert (recipe["mode"], recipe["seeds"], len(recipe["attrs"])) == ("slerp", "3,3", 2)


# run_cgan.sh, in a folder with a space, with an animekit that only writes down its arguments.

STUB = """#!/usr/bin/env bash
printf '%s\\n' "$PWD" "$@" >"$ROOT/arguments"
exit "${CODE:-0}"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".ci").mkdir()
    shutil.copy(ROOT / "run_cgan.sh", root)
    for path, text in (
        (root / ".ci" / "env", '#!/usr/bin/env bash\nexit "${ENV_EXIT:-0}"\n'),
        (root / ".venv" / "bin" / "animekit", STUB),
    ):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    return root


def script(root: Path, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(root / "run_cgan.sh"), *map(str, words)],
        env={**os.environ, "ROOT": str(root), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_run_cgan_names_the_file_as_the_caller_does_and_passes_options_on(checkout: Path) -> None:
    done = script(checkout, "five.txt", "--style", "figure", "two words")
    assert done.returncode == 0, done.stderr
    here, *arguments = (checkout / "arguments").read_text(encoding="utf-8").splitlines()
    assert Path(here) == Path.cwd()
    assert arguments == [
        *("generate", "cfaces64", "--prompts", "five.txt", "--per-prompt", "auto"),
        *("--image-size", "64", "-o", str(checkout / "samples" / "cgan.png")),
        *("--style", "figure", "two words"),
    ]
    assert (checkout / "samples").is_dir()


@pytest.mark.parametrize("code", [0, 2, 3, 4, 130])
def test_run_cgan_passes_the_exit_code_on(checkout: Path, code: int) -> None:
    assert script(checkout, "five.txt", CODE=str(code)).returncode == code


@pytest.mark.parametrize("words", [[], ["--tile"], ["-h"]])
def test_run_cgan_without_a_file_is_one_line_of_usage(checkout: Path, words: list[str]) -> None:
    done = script(checkout, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: run_cgan.sh FILE")
    assert len(done.stderr.splitlines()) == 1
    assert not (checkout / "samples").exists()


def test_run_cgan_takes_stdin_and_stops_without_an_environment(checkout: Path) -> None:
    assert script(checkout, "-").returncode == 0
    (checkout / "arguments").unlink()
    assert script(checkout, "five.txt", ENV_EXIT="3").returncode == 3
    assert not (checkout / "arguments").exists()


def test_the_sample_of_the_repository_is_what_the_script_writes_of_its_text(tmp_path: Path) -> None:
    script = (ROOT / "run_cgan.sh").read_text(encoding="utf-8")
    words = re.findall(r'animekit" generate (.*?) \\\n', script)[0].split()
    words[words.index('"$1"')] = str(ROOT / "samples" / "testing_tags.txt")
    result = call(*words, "-o", str(tmp_path / "cgan.png"))
    assert result.exit_code == 0, result.stderr
    sample = (ROOT / "samples" / "cgan_original.png").read_bytes()
    assert (tmp_path / "cgan.png").read_bytes() == sample


@pytest.mark.parametrize(
    ("lines", "expected"), [(1, (5, 5)), (2, (2, 1)), (5, (5, 5)), (7, (3, 3))]
)
def test_the_picture_of_a_text_fits_the_number_of_its_lines(
    lines: int, expected: tuple[int, int]
) -> None:
    text = "".join(f"{line},red hair blue eyes\n" for line in range(lines))
    Path("lines.txt").write_text(text)
    words = ["cfaces64", "--prompts", "lines.txt", "--per-prompt", "auto", "--image-size", "8"]
    assert call(*words, "-o", "fits.png").exit_code == 0
    assert size("fits.png") == (8 * expected[0], 8 * expected[1])


THIRTY = "".join(f"{number},blue hair red eyes\n" for number in range(1, 31))


def test_any_number_of_lines_makes_files_and_the_sheet_grows() -> None:
    Path("thirty.txt").write_text(THIRTY, encoding="utf-8")
    assert call("--prompts", "thirty.txt", "--save-each", "out").exit_code == 0
    assert len(list(Path("out").iterdir())) == 30
    assert call("--prompts", "thirty.txt").exit_code == 0
    assert size("samples/cgan.png") == (6 * 32, 5 * 32)
    refused = call("--prompts", "thirty.txt", "--grid", "5x5")
    assert refused.exit_code == 2 and "use --grid 5x6" in refused.stderr


def test_files_are_called_as_in_the_course_with_ids_and_numbers() -> None:
    words = ["--prompts", "three.txt", "--per-prompt", "2", "--save-each", "samples"]
    found = call(*words, "--name", "sample_{id}_{k}.jpg", "--quality", "80")
    assert found.exit_code == 0, found.stderr
    names = sorted(path.name for path in Path("samples").iterdir())
    assert names == [f"sample_{line}_{k}.jpg" for line in (1, 2, 3) for k in (1, 2)]
    recipe = read_recipe("samples/sample_2_1.jpg")
    assert recipe["prompts"] == ["black hair blue eyes"] and recipe["seeds"] == "2"
    with Image.open("samples/sample_2_1.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (32, 32))
    assert call(*words, "--name", "sample_{id}_{k}.jpg").exit_code == 0  # over its own files
    again = call("--reproduce", "samples/sample_2_1.jpg", "-o", "again.png")
    assert again.exit_code == 0 and size("again.png") == (32, 32)


def test_names_that_hide_each_other_or_a_strangers_file_are_refused() -> None:
    refused = call("--prompts", "three.txt", "--save-each", "out", "--name", "face.jpg")
    assert refused.exit_code == 2 and "both be called" in refused.stderr
    assert call("--prompt", "red hair", "--name", "{k}.png").exit_code == 2
    Path("out").mkdir()
    Image.new("RGB", (8, 8)).save("out/1.jpg")
    mine = call("--prompt", "red hair", "--num", "1", "--save-each", "out", "--name", "{k}.jpg")
    assert mine.exit_code == 4 and "animekit did not make it" in mine.stderr


def test_two_models_on_the_same_noise_and_prompts_make_one_sheet() -> None:
    found = answer("0001", "--beside", "0002", "--prompts", "three.txt", "--seeds", "0")
    data = found["data"]
    assert data["grid"] == "samples/beside.png" and Path(data["grid"]).is_file()
    assert [each["prompt"] for each in data["images"][:3]] == [
        "blue hair red eyes",
        "black hair blue eyes",
        "pink hair green eyes",
    ]
    assert {each["seed"] for each in data["images"]} == {0} and len(data["images"]) == 6
    assert list(answer("1", "--beside", "2", "--seeds", "0")["data"]["recipe"]["rows"]) == list(
        data["recipe"]["rows"]
    )
    assert all(name.startswith("000") for name in data["recipe"]["rows"])
    assert data["images"][1]["attrs"]["hair"] == "black"
    assert any("without labels" in note for note in data["recipe"]["notes"])
    refused = call("0001", "--beside", "0002", "--noise", "z.npy")
    assert refused.exit_code == 2 and "--noise is of one" in refused.stderr
    assert call("0002", "--beside", "0002", "--prompt", "red hair").exit_code == 4
