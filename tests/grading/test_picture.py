"""Pictures: what the course's loop would see is what is counted, and odd files are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.grading.jury import Jury, find_jury
from animekit.grading.picture import difference, grade_file
from animekit.images.layout import course_figure, grid
from animekit.images.write import png_bytes
from animekit.plugins import Registry
from tests.grading.support import CGAN, GAN, PROMPTS, cells, faces, write

CASCADE = Path("cascade") / "lbpcascade_animeface.xml"


@pytest.fixture
def course(shared_data: Path, detector: Registry) -> Jury:
    """Return a jury with the course's cascade, which is beside the checkout alone."""
    return find_jury(detector, cascade=shared_data / CASCADE)


@pytest.mark.data
def test_the_bundled_pictures_get_the_numbers_of_the_courses_loop(
    course: Jury, tmp_path: Path
) -> None:
    """OpenCV 4.14 with the course's cascade and loop gives 24, 25, 25 and 24."""
    counted = {}
    for name, path in (("gan", GAN), ("cgan", CGAN)):
        figure = write(tmp_path / f"{name}.png", course_figure(cells(path)))
        tight, drawn = (grade_file(each, "x", "gan", course, 20) for each in (path, figure))
        counted[name] = (tight.faces, tight.counts["figure"], drawn.faces)
        assert "figure" not in drawn.counts
    assert counted == {"gan": (24, 25, 25), "cgan": (25, 24, 24)}


@pytest.mark.data
def test_the_cascade_sees_what_lies_under_an_alpha(course: Jury, tmp_path: Path) -> None:
    alpha = np.zeros((320, 320, 1), np.uint8)
    hidden = write(tmp_path / "gan.png", np.concatenate([faces(), alpha], axis=2))
    found = grade_file(hidden, "gan.png", "gan", course, 20)
    assert found.faces == 24
    assert {each.code for each in found.remarks} >= {"transparent", "flat"}


@pytest.mark.data
def test_a_picture_that_passes_as_a_figure_alone_is_told(course: Jury, tmp_path: Path) -> None:
    path = write(tmp_path / "gan.png", faces())
    found = grade_file(path, "gan.png", "gan", course, 25)
    assert found.words() == "24 faces: fail"
    assert "25 faces if drawn as the course's figure" in found.details()


def test_without_a_cascade_the_detector_decides_and_a_note_says_so(jury: Jury) -> None:
    assert (jury.cascade, jury.decides) == (None, "detector")
    (note,) = jury.notes
    assert "animekit models pull lbpcascade_animeface" in note
    found = grade_file(GAN, "gan.png", "gan", jury, 20)
    assert (found.words(), found.details()) == ("25 faces: pass", "5x5 of 64x64; varied")
    assert len(found.boxes) == 25


def test_images_without_a_face_are_numbered_and_fail_the_gate(jury: Jury, tmp_path: Path) -> None:
    images = cells()
    images[[0, 7, 24]] = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    path = write(tmp_path / "gan.png", grid(images, 5))
    found = grade_file(path, "gan.png", "gan", jury, 23)
    assert (found.faces, found.faceless, found.verdict) == (22, (1, 8, 25), "fail")
    assert grade_file(path, "gan.png", "gan", jury, 22).verdict == "pass"


def test_what_the_tagger_reads_stands_beside_each_prompt(detector: Registry) -> None:
    asking = find_jury(detector, prompts=PROMPTS)
    found = grade_file(CGAN, "cgan.png", "cgan", asking, 20)
    assert found.reading is not None
    assert found.reading.shares() == {"hair": (25, 25), "eyes": (25, 25)}
    first = found.reading.rows[0]
    assert (first.text, first.cells, first.seen()) == (
        "blue hair blue eyes",
        (1, 2, 3, 4, 5),
        "blue hair blue eyes (5)",
    )
    swapped = find_jury(detector, prompts=["red hair", "blue hair red eyes", "green eyes"])
    other = grade_file(CGAN, "cgan.png", "cgan", swapped, 20)
    assert other.reading is not None
    assert [row.cells for row in other.reading.rows] == [(1,), (2,), (3,)]
    assert other.reading.shares() == {"hair": (1, 2), "eyes": (0, 2)}


def test_prompts_are_for_pictures_of_cgan_and_need_enough_images(
    detector: Registry, tmp_path: Path
) -> None:
    asking = find_jury(detector, prompts=PROMPTS)
    assert grade_file(CGAN, "gan.png", "gan", asking, 20).reading is None
    few = write(tmp_path / "cgan.png", grid(cells()[:4], 2, 4))
    found = grade_file(few, "cgan.png", "cgan", asking, 20)
    assert found.reading is None
    assert "4 images for 5 prompts" in found.details()


def test_two_files_are_compared_by_what_they_show(tmp_path: Path) -> None:
    first = png_bytes(faces())
    with Image.open(GAN) as image:
        image.save(tmp_path / "again.png", compress_level=1)
    again = (tmp_path / "again.png").read_bytes()
    assert difference(first, first) == ("", 0)
    assert difference(first, again) == ("the same pixels in other bytes", 0)
    brighter = png_bytes(np.minimum(faces(), 250) + np.uint8(5))
    apart = difference(first, brighter)
    assert not apart.same
    assert apart.words == "99 % of pixels differ, by 4.7 levels in the mean"
    assert difference(first, png_bytes(faces()[:60])).words == "320x320 and 320x60 pixels"
    assert difference(first, b"text").words.startswith("one cannot be read")
