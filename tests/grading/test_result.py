"""Gradings: the table, the CSV, the page and framed pictures, over nothing of the user's."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import animekit
from animekit.errors import UnusableError
from animekit.grading.remark import Remark
from animekit.grading.rerun import Rerun
from animekit.grading.result import Grading
from animekit.grading.verdict import Grade
from animekit.plugins import Registry
from tests.browser import seen_at
from tests.grading.support import CGAN, GAN, PROMPTS, cells, faces, write
from tests.html_page import HtmlPage
from tests.support import fill

ODD = 'a<b>"=\x1b[31m'


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, detector: Registry) -> Grading:
    """Return the grades of a class of four, one of them with an odd name."""
    top = tmp_path_factory.mktemp("class")
    write(top / "alice" / "samples" / "cgan.png", faces(CGAN))
    write(top / ODD / "samples" / "gan.png", faces())
    write(top / "carol" / "samples" / "gan.png", cells()[0])
    fill(top, "dave/gan.txt")
    return animekit.grade(top, prompts=PROMPTS, registry=detector)


def test_the_table_has_a_line_for_each_picture(found: Grading) -> None:
    head, *rows = found.as_table()
    assert head == ("picture", "verdict", "details")
    assert [row[1] for row in rows] == [
        "25 faces: pass",
        "25 faces: pass",
        "1 face: fail",
        *rows[3][1:2],
    ]
    assert rows[3][1] == "not graded"
    assert "\x1b" not in str(found)
    assert found.words() == "2 pass, 1 fail, 1 not graded (of 4)"


def test_the_csv_is_safe_in_a_spreadsheet(found: Grading) -> None:
    rows = list(csv.DictReader(io.StringIO(found.as_csv())))
    assert [row["verdict"] for row in rows] == ["pass", "pass", "fail", "ungraded"]
    named = {row["submission"]: row for row in rows}
    assert named["alice"]["hair_right"] == "25"
    assert named["carol"]["faults"] == "no grid of images is seen in it"
    assert "\x1b" not in found.as_csv()


def test_cells_that_a_spreadsheet_would_compute_are_quoted(
    tmp_path: Path, detector: Registry
) -> None:
    write(tmp_path / "=1+1" / "gan.png", faces())
    rows = list(csv.DictReader(io.StringIO(animekit.grade(tmp_path, registry=detector).as_csv())))
    assert rows[0]["submission"] == "'=1+1"


def test_the_page_stands_alone_and_shows_names_as_they_are(found: Grading, tmp_path: Path) -> None:
    paths = found.save(tmp_path / "grades")
    text = paths["page"].read_text("utf-8")
    page = HtmlPage(text)
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert "\x1b" not in text
    assert "<script" not in text
    assert 'src="data:image/webp;base64,' in text
    assert page.open == []
    assert len(list((tmp_path / "grades" / "faces").glob("*.png"))) == 3


def test_the_page_fits_a_phone(found: Grading, tmp_path: Path) -> None:
    page = found.save(tmp_path / "grades")["page"]
    assert seen_at(page, 390, tmp_path) == (True, 0)


def test_framed_pictures_show_faces_in_red_and_their_lack_in_amber(
    tmp_path: Path, detector: Registry
) -> None:
    images = faces().copy()
    images[:64, :64] = 30
    path = write(tmp_path / "gan.png", images)
    saved = animekit.grade(path, registry=detector).save(tmp_path / "out")
    with Image.open(saved[str(path)]) as framed:
        pixels = np.asarray(framed.convert("RGB"))
    assert pixels.shape[1] == 640
    assert pixels.shape[0] > 640
    red = (pixels == (255, 0, 0)).all(axis=2)
    amber = (pixels == (255, 153, 0)).all(axis=2)
    assert red.sum() > 5_000
    assert amber[:, :128].sum() == amber.sum() > 500


def test_only_what_animekit_made_is_written_over(tmp_path: Path, detector: Registry) -> None:
    found = animekit.grade(GAN, registry=detector)
    found.save(tmp_path)
    found.save(tmp_path)
    for name in ("index.html", "grades.csv"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
        with pytest.raises(UnusableError, match="animekit did not make it"):
            found.save(tmp_path)
        assert (tmp_path / name).read_text("utf-8") == "mine"
        found.save(tmp_path, overwrite=True)


def test_a_script_that_fails_is_not_told_of_the_gate_of_faces(found: Grading) -> None:
    rerun = Rerun("gan", "ann/run_gan.sh", remarks=(Remark("ended", "it ended with code 1"),))
    script = Grade("ann", Path("ann"), [], [rerun])
    few = next(each for each in found.grades if each.name == "carol")
    for grade, words in ((script, "the same picture twice"), (few, "--min-faces 20")):
        failure = Grading([grade], 20, "", {}).failure()
        assert failure is not None and failure.exit_code == 5
        assert words in (failure.hint or "")
