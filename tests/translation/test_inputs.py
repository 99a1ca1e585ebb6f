"""Inputs: files, folders and patterns, and what is left alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.errors import NotFoundError, UnusableError
from animekit.translation.result import Transferred
from tests.translation.pictures import paint, tree


def test_a_tree_is_mirrored(swap: Callable[..., Transferred]) -> None:
    for name in ("in/a.png", "in/b c/d.png", "in/b c/ü/é 顔.png", "in/.hidden/x.png", "in/.y.png"):
        paint(name)
    Path("in/notes.txt").write_text("x")
    made = swap("in")
    assert tree("out") == ["a.png", "b c/d.png", "b c/ü/é 顔.png", "index.html"]
    assert (made.pictures, made.folders) == (3, 2)


def test_several_inputs_keep_their_names(swap: Callable[..., Transferred]) -> None:
    paint("one/a.png"), paint("two/a.png"), paint("b.png")
    swap("one", "two", "b.png", html=False)
    assert tree("out") == ["b.png", "one/a.png", "two/a.png"]


def test_a_pattern_begins_where_it_is_not_fixed(swap: Callable[..., Transferred]) -> None:
    paint("in/x/a.png"), paint("in/y/b.png"), paint("in/y/c.jpg")
    swap("in/*/*.png", html=False)
    assert tree("out") == ["x/a.png", "y/b.png"]
    Path("deep").mkdir()
    os.chdir("deep")
    swap("../in/**/*.jpg", html=False)
    assert tree("out") == ["y/c.jpg"]
    with pytest.raises(NotFoundError, match="no picture matches"):
        swap("../in/*.gif")


def test_nothing_is_written_outside(swap: Callable[..., Transferred], tmp_path: Path) -> None:
    paint("away/a.png"), paint("in/b.png")
    Path("in/link").symlink_to(tmp_path / "away", target_is_directory=True)
    Path("in/loop").symlink_to(tmp_path / "in", target_is_directory=True)
    Path("in/gone.png").symlink_to(tmp_path / "nothing.png")
    made = swap("in", html=False)
    assert tree("out") == ["b.png", "failed.txt", "link/a.png"]
    assert not Path("out/link").is_symlink()
    assert [each.reason for each in made.failed] == ["a link to nothing"]
    assert tree("away") == ["a.png"]


def test_results_inside_the_input_are_not_read_again(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    swap("in", out="in/out")
    made = swap("in", out="in/out", existing="overwrite")
    assert made.pictures == 1


def test_nothing_to_do_says_what_was_seen(swap: Callable[..., Transferred]) -> None:
    Path("in").mkdir()
    Path("in/a.txt").write_text("x")
    with pytest.raises(UnusableError, match=r"no pictures in in: found 1 .txt"):
        swap("in")
    with pytest.raises(NotFoundError, match="no images in nowhere"):
        swap("nowhere")
