"""The table of what the five seeds name: complete, and each command of it runs."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from animekit import demonstration, plugins
from animekit.labels.tags import EYES, HAIR
from tests.project.documents import ROOT, SMALL, Line, blocks, problem_of

PAGE = ROOT / "docs" / "reference" / "seeds.md"
HEAD = "| # | what | command | one sees | state |"
WRONG = {10: "SIFT", 27: "TensorFlow"}
"""Rows that are wrong on purpose, and a word of each."""
LONG = (
    "train",
    "ablate",
    "evaluate",
    "transfer",
    "report",
    "runs",
    "data get",
    "models pull",
    "grade",
)
"""Commands of which only the plan is asked for."""


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    number: int
    what: str
    commands: tuple[str, ...]
    seen: str
    state: str


def rows(text: str) -> list[Row]:
    """Return the rows of all tables of a page, in their order; ValueError for another form."""
    found = []
    for line in text.splitlines():
        if not line.startswith("|") or line == HEAD or not set(line) - set("|- "):
            continue
        if not re.match(r"\| \d+ \|", line):
            raise ValueError(f"no row: {line}")
        cells = [each.strip() for each in re.split(r"(?<!\\)\|", line)[1:-1]]
        number, what, cell, seen, state = cells
        commands = re.findall(r"`([^`]+)`", cell)
        if cell != "<br>".join(f"`{each}`" for each in commands):
            raise ValueError(f"row {number}: more than commands in {cell}")
        plain = tuple(each.replace("\\|", "|") for each in commands)
        found.append(Row(int(number), what, plain, seen, state))
    return found


ROWS = rows(PAGE.read_text(encoding="utf-8"))


def planned(command: str) -> str:
    """Return a command, with -n where doing it would take too long."""
    words = shlex.split(command)
    return f"{command} -n" if " ".join(words[1:3]).startswith(LONG) else command


def test_the_table_has_every_row_once_and_says_what_it_is() -> None:
    assert [row.number for row in ROWS] == list(range(1, 121))
    for row in ROWS:
        assert row.what and row.seen, row
        if row.number in WRONG:
            assert row.state == "wrong on purpose" and not row.commands
            assert WRONG[row.number] in row.what
        else:
            assert row.state == "works" and row.commands, row


def test_another_form_of_a_row_is_refused() -> None:
    assert rows("| 1 | a | `animekit x \\| y`<br>`z` | b | works |")[0].commands == (
        "animekit x | y",
        "z",
    )
    for wrong in ("| 1 | a | `animekit x` by hand | b | works |", "| one | a | `b` | c | works |"):
        with pytest.raises(ValueError, match="row"):
            rows(wrong)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with few and small pictures where the page says that they are."""
    top = tmp_path_factory.mktemp("student")
    drawn = plugins.load().get("dataset", "synthetic")("28")
    folders = ("faces", "extra", "extra2", "celeba")
    fruit = tuple(f"apple2orange/{part}{side}" for part in ("train", "test") for side in "AB")
    for folder in (*folders, *fruit):
        (top / "data" / folder).mkdir(parents=True)
        for index in range(len(drawn)):
            place = top / "data" / folder / f"{index}.png"
            Image.fromarray(drawn.render(index, 64)[0]).save(place)
    hair = [HAIR[index % len(HAIR)] for index in range(len(drawn))]  # all, as the course has
    tags = (
        f"{k},{each} hair:9\t{EYES[k % len(EYES)]} eyes:7\t{('long', 'short')[k % 2]} hair:5"
        for k, each in enumerate(hair)
    )
    (top / "data" / "tags.csv").write_text("\n".join(tags) + "\n")
    extra = (f"{k},{each} hair blue eyes" for k, each in enumerate(hair))
    (top / "data" / "extra_tags.csv").write_text("\n".join(extra) + "\n")
    marks = (f"{k}.png {k % 2 * 2 - 1} {k % 3 // 2 * 2 - 1} 1" for k in range(len(drawn)))
    head = f"{len(drawn)}\nMale Smiling Eyeglasses\n"
    (top / "data" / "list_attr_celeba.txt").write_text(head + "\n".join(marks) + "\n")
    (top / "sample_testing_text.txt").write_text("1,blue hair green eyes\n2,red hair red eyes\n")
    (top / "thirty.txt").write_text("".join(f"{k},pink hair\n" for k in range(30)))
    shutil.copy(ROOT / "samples" / "gan.png", top / "X.png")
    (top / "submission" / "samples").mkdir(parents=True)
    (top / "submission" / "run_gan.sh").write_text(
        "mkdir -p samples; cp samples/gan_original.png samples/gan.png\n"
    )
    shutil.copy(ROOT / "samples" / "gan.png", top / "submission" / "samples" / "gan_original.png")
    (top / "four.txt").write_text("blue hair red eyes\nred hair\npink hair\ngreen hair\n")
    return top


@pytest.fixture(scope="module")
def runs(student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return that folder with the runs that the page tells the reader to make."""
    with pytest.MonkeyPatch.context() as patch:
        small(patch, student)
        for line in "".join(blocks(PAGE.read_text(encoding="utf-8"), "sh")).splitlines():
            assert problem_of(Line(line.partition("#")[0].strip())) is None
    return student


def small(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Work in a folder, and train next to nothing."""
    for name, value in SMALL.items():
        patch.setenv(f"ANIMEKIT_{name}", value)
    patch.setattr(demonstration, "STEPS", 2)
    patch.chdir(folder)


@pytest.mark.parametrize("row", [row for row in ROWS if row.commands], ids=lambda row: row.number)
def test_every_command_of_the_table_runs(
    row: Row, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, runs)
    for command in row.commands:
        assert problem_of(Line(planned(command))) is None
