"""`animekit grade`: a line a picture, exit codes, JSON, and where `evaluate` sends pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grading.support import CGAN, GAN, PROMPTS, cells, script, write
from tests.support import answer, call, fill, problems


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_picture_is_one_line_with_its_verdict(place: Path) -> None:
    result = call("grade", GAN)
    assert result.exit_code == 0
    assert f"{GAN}  25 faces: pass" in result.stdout
    assert "animekit models pull lbpcascade_animeface" in result.stderr
    assert (place / "grades" / "index.html").is_file()
    assert (place / "grades" / "grades.csv").is_file()


def test_the_json_answer_keeps_its_schema_also_where_the_gate_fails(place: Path) -> None:
    good = answer("grade", CGAN, "--prompts", PROMPTS, "-o", "out")
    assert good["data"]["submissions"][0]["pictures"][0]["prompts"]["right"]["hair"] == 25
    assert {each["kind"] for each in good["artifacts"]} == {"page", "csv", "picture"}
    few = write(place / "few.png", cells()[0])
    bad = answer("grade", few, exit_code=5)
    assert bad["error"]["code"] == "grade.fail"
    assert problems("grade", bad["data"]) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("grade nowhere.png", 3),
        ("grade text.png", 4),
        ("grade text.png few.png", 8),
        ("grade few.png", 5),
        ("grade few.png --min-faces 1", 0),
        ("grade few.png --min-faces 99", 2),
        ("grade few.png --prompts nowhere.txt", 3),
        ("grade few.png --detector owl", 3),
        ("grade", 2),
    ],
)
def test_exit_codes(place: Path, words: str, code: int) -> None:
    write(place / "few.png", cells()[0])
    (place / "text.png").write_text("no picture", encoding="utf-8")
    result = call(*words.split())
    assert result.exit_code == code, result.output


def test_a_dry_run_names_what_would_be_graded_and_executed(place: Path) -> None:
    fill(place / "class", "alice/samples/gan.png", "bob.png")
    script(place / "class" / "alice", "exit 1")
    result = call("grade", "class", "--run", "-n")
    assert result.stdout.splitlines() == [
        "would grade alice/samples/gan.png",
        "would grade bob.png",
        "would execute alice/run_gan.sh, twice",
        "would write page, CSV and framed pictures to grades",
    ]
    assert not (place / "grades").exists()
    assert answer("grade", "class", "-n")["data"]["would_execute"] == []


def test_a_file_of_the_user_is_refused_before_the_work(place: Path) -> None:
    (place / "grades").mkdir()
    (place / "grades" / "grades.csv").write_text("my own", encoding="utf-8")
    result = call("grade", GAN)
    assert result.exit_code == 4
    assert "animekit did not make it" in result.stderr
    assert "faces" not in result.stdout


def test_evaluate_sends_a_picture_here(place: Path) -> None:
    (place / "a b.png").write_bytes(GAN.read_bytes())
    result = call("evaluate", "a b.png")
    assert result.exit_code == 4
    assert "a picture" in result.stderr
    assert "animekit grade 'a b.png'" in result.stderr
