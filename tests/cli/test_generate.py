"""`animekit generate`: seeds, pictures, noise and files that are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from animekit.cli import app
from animekit.cli._options import Common
from animekit.generation.recipe import read_recipe
from tests.support import answer, call


@pytest.mark.usefixtures("at_run")
def test_generate_draws_the_newest_run_and_says_which() -> None:
    result = call("generate", "--seeds", "0-3", "--tile", "16")
    assert result.stdout == "samples/gan.png\n"
    assert "using run 0001-gan-discs32, checkpoint" in result.stderr
    with Image.open("samples/gan.png") as picture:
        assert picture.size == (64, 16)
    assert call("generate", "-q", "-o", "x.png").stdout == "x.png\n"


@pytest.mark.usefixtures("at_run")
def test_the_answer_names_each_image() -> None:
    found = answer("generate", "--seeds", "5-8", "--grid", "2x2")
    assert found["data"]["model"]["run"] == "0001-gan-discs32"
    places = [(image["row"], image["col"], image["seed"]) for image in found["data"]["images"]]
    assert places == [(0, 0, 5), (0, 1, 6), (1, 0, 7), (1, 1, 8)]
    assert [artifact["path"] for artifact in found["artifacts"]] == ["samples/gan.png"]


@pytest.mark.usefixtures("at_run")
def test_a_picture_can_be_made_again() -> None:
    call("generate", "--seeds", "3,1", "--trunc", "0.7", "-o", "a.png")
    call("generate", "--like", "a.png", "-o", "b.png")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


@pytest.mark.usefixtures("at_run")
def test_seed_is_where_the_seeds_begin() -> None:
    assert [
        i["seed"] for i in answer("generate", "--seed", "7", "--num", "2")["data"]["images"]
    ] == [*(7, 8)]


@pytest.mark.usefixtures("at_run")
def test_files_of_others_are_kept_without_yes() -> None:
    Path("mine.png").write_text("mine")
    refused = call("generate", "-o", "mine.png", "--num", "1")
    assert refused.exit_code == 4
    assert "--yes" in refused.stderr
    assert Path("mine.png").read_text() == "mine"
    assert call("generate", "-o", "mine.png", "--num", "1", "-y").exit_code == 0


@pytest.mark.usefixtures("at_run")
@pytest.mark.parametrize(("said", "code", "kept"), [("n\n", 4, True), ("y\n", 0, False)])
def test_a_person_is_asked_before_a_file_is_replaced(
    said: str, code: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Common, "may_ask", lambda common: True)
    Path("mine.png").write_text("mine")
    result = CliRunner().invoke(app, ["generate", "-o", "mine.png", "--num", "1"], input=said)
    assert result.exit_code == code
    assert "Replace it?" in result.stderr
    assert (Path("mine.png").read_bytes() == b"mine") is kept


@pytest.mark.usefixtures("at_run")
def test_noise_goes_out_and_comes_in_again() -> None:
    call("generate", "--num", "2", "--save-noise", "z.npy", "-o", "a.png", "--tile", "32")
    call("generate", "--noise", "z.npy", "-o", "b.png", "--tile", "32")
    with Image.open("a.png") as first, Image.open("b.png") as second:
        assert first.tobytes() == second.tobytes()


@pytest.mark.usefixtures("at_run")
def test_single_images_a_strip_a_figure_and_a_gif() -> None:
    each = call("generate", "--num", "2", "--each", "one")
    assert each.stdout == "one  2 of 2 images\n"
    assert sorted(path.name for path in Path("one").iterdir()) == ["seed0000.png", "seed0001.png"]
    assert call("generate", "--style", "figure", "-o", "f.png").exit_code == 0
    with Image.open("f.png") as figure:
        assert figure.size == (640, 480)
    way = ["generate", "--interpolate", "3,17", "--frames", "6"]
    assert call(*way, "--gif", "-q").stdout == "samples/gan.gif\n"
    with Image.open("samples/gan.gif") as gif:
        assert getattr(gif, "n_frames", 1) == 6
    assert call(*way, "--style", "strip", "-o", "s.png").exit_code == 0


@pytest.mark.usefixtures("at_run")
def test_a_picture_can_go_to_stdout() -> None:
    result = call("generate", "--num", "1", "-o", "-")
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert not Path("samples").exists()


@pytest.mark.usefixtures("at_run")
def test_a_dry_run_refuses_places_where_nothing_can_be_written() -> None:
    Path("file").touch()
    for words in (("-o", "file/a.png"), ("--save-each", "file/a"), ("--save-noise", "file/z.npy")):
        failed = call("generate", "-n", *words)
        assert failed.exit_code == 4
        assert "file is in the way: it is no folder" in failed.stderr


def test_too_small_a_grid_and_a_dry_run_write_nothing() -> None:
    assert call("generate", "--seeds", "0-9", "--grid", "3x3").exit_code == 2
    assert "would draw images of seeds 0-9" in call("generate", "-n", "--seeds", "0-9").stdout
    assert not Path("samples").exists()


@pytest.mark.usefixtures("at_run")
def test_the_ending_of_a_name_says_the_format() -> None:
    for words in (["--interpolate"], ["--interpolate", "3,5"], ["--seeds", "3,5", "--interpolate"]):
        result = call("generate", *words, "--frames", 4, "-o", "walk.gif")
        assert result.exit_code == 0, result.stderr
        with Image.open("walk.gif") as film:
            assert (film.format, film.n_frames) == ("GIF", 4)
    assert read_recipe("walk.gif")["seeds"] == "3,5"
    assert call("generate", "--interpolate", "--frames", 6, "-o", "walk.png").exit_code == 0
    assert read_recipe("walk.png")["seeds"] == "0-2"


@pytest.mark.usefixtures("at_run")
def test_a_film_is_drawn_again_byte_for_byte() -> None:
    pytest.importorskip("av")
    way = ("generate", "--interpolate", "3,5", "--frames", "4")
    assert call(*way, "--mp4", "--fps", "10", "-q").stdout == "samples/gan.mp4\n"
    recipe = read_recipe("samples/gan.mp4")
    assert (recipe["seeds"], recipe["frames"], recipe["layout"]["fps"]) == ("3,5", 4, 10)
    again = call("generate", "--reproduce", "samples/gan.mp4", "-o", "again.mp4")
    assert again.exit_code == 0, again.stderr
    assert Path("again.mp4").read_bytes() == Path("samples/gan.mp4").read_bytes()
    Path("mine.mp4").write_bytes(b"somebody's")
    refused = call(*way, "-o", "mine.mp4")
    assert refused.exit_code == 4 and "animekit did not make it" in refused.stderr
    assert Path("mine.mp4").read_bytes() == b"somebody's"
    piped = call(*way, "--mp4", "-o", "-")
    assert piped.stdout_bytes[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-o a.webp", "a.webp ends in none of .png .gif .mp4"),
        ("-o a", "a ends in none of"),
        ("--gif --mp4", "--gif and --mp4 are two kinds of one file"),
        ("--mp4 -o a.gif", "a.gif is an animation, and --mp4 is for an .mp4"),
        ("--gif -o a.png", "a.png is a picture, and --gif is for a GIF"),
        ("--fps 3 -o a.png", "--fps is for an animation"),
        ("--style figure -o a.gif", "a.gif is an animation, and --style is for a picture"),
    ],
)
def test_a_name_of_another_format_is_refused_before_anything_is_drawn(
    words: str, message: str
) -> None:
    result = call("generate", *words.split())
    assert result.exit_code == 2
    assert message in result.stderr
