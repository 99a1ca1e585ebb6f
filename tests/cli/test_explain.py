"""`animekit explain`: what is said, and the files that are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import answer, call


def test_every_part_is_said_in_order() -> None:
    result = call("explain", "wgan", "--size", "32", "--set", "clip=0.05")
    assert result.exit_code == 0, result.output
    places = [
        result.stdout.index(words)
        for words in (
            *("phase d minimises", "E[D(G(z))] - E[D(x)]", "update rule", "every 5 steps"),
            *("generator\n", "in all", "reading its losses", "Wasserstein GAN\nhttps://arxiv.org"),
        )
    ]
    assert places == sorted(places)
    assert "min(max(w, -0.05), 0.05)" in result.stdout


def test_files_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    words = ("explain", "gan", "--size=32", "-o", "gan.md", "-o", "gan.png")
    assert call(*words, "-n").exit_code == 0 and not Path("gan.md").exists()
    found = answer(*words)
    assert [(each["kind"], each["path"]) for each in found["artifacts"]] == [
        *(("markdown", "gan.md"), ("diagram", "gan.png"))
    ]
    assert Path("gan.md").is_file() and Path("gan.png").is_file()


@pytest.mark.usefixtures("at_run")
def test_a_run_is_explained_by_its_number() -> None:
    data = answer("explain", "1")["data"]
    assert data["model"] == "gan" and "run 0001-gan" in data["origin"]


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ("explain wganpg", 3, 'Did you mean "wgangp"?'),
        ("explain gan -o gan.txt", 2, "ends in none of"),
        ("explain gan --set lr=-1", 4, "lr = -1"),
        ("explain gan --size 33", 4, "33"),
        ("explain faces64 --preset cpu", 2, "their own parameters"),
    ],
)
def test_what_cannot_be_explained_is_one_line(words: str, exit_code: int, said: str) -> None:
    result = call(*words.split())
    assert result.exit_code == exit_code, result.output
    assert said in result.stderr


def test_a_file_of_somebody_else_is_refused_before_the_work() -> None:
    Path("mine.md").write_text("mine", encoding="utf-8")
    result = call("explain", "gan", "-o", "mine.md")
    assert result.exit_code == 4 and "animekit did not make it" in result.stderr
    assert Path("mine.md").read_text("utf-8") == "mine"
