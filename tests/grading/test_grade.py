"""Grade: one call for pictures and classes, with a gate, prompts, and scripts if asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import animekit
from animekit.errors import GateError, NotFoundError, PartialError, UnusableError, UsageError
from animekit.plugins import Registry
from tests.grading.support import CGAN, GAN, PROMPTS, cells, script, write
from tests.support import fill

posix = pytest.mark.skipif(os.name != "posix", reason="scripts are run on Linux and macOS")
COPY = 'mkdir -p samples && cp faces.bin samples/${1:+c}gan.png && [ -z "$1" ] || cat "$1"\n'


def homework(folder: Path) -> Path:
    """Write a submission whose scripts copy faces; that of cgan also says what it was given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "faces.bin").write_bytes(CGAN.read_bytes())
    script(folder, COPY)
    script(folder, COPY, "run_cgan.sh")
    return folder


def test_nothing_is_executed_unless_it_is_asked_for(tmp_path: Path, detector: Registry) -> None:
    folder = homework(tmp_path / "alice")
    script(folder, f"touch {tmp_path}/ran\n" + COPY)
    (found,) = animekit.grade(folder, registry=detector).grades
    assert not (tmp_path / "ran").exists()
    assert found.verdict == "ungraded"
    assert "--run executes run_gan.sh and run_cgan.sh, which may write it" in found.why()


@posix
def test_what_scripts_write_is_graded_and_the_submission_left_alone(
    tmp_path: Path, detector: Registry
) -> None:
    folder = homework(tmp_path / "alice")
    before = sorted(folder.rglob("*"))
    found = animekit.grade(folder, run=True, prompts=PROMPTS, registry=detector)
    (grade,) = found.grades
    assert sorted(folder.rglob("*")) == before
    assert found.failure() is None
    assert [each.source for each in grade.pictures] == ["run", "run"]
    gan, cgan = grade.reruns
    assert gan.reproduced
    assert gan.as_handed_in is None
    assert cgan.executions[0].output == PROMPTS.read_text("utf-8")
    assert grade.pictures[1].reading is not None


@posix
def test_what_was_handed_in_is_not_graded_twice(tmp_path: Path, detector: Registry) -> None:
    folder = homework(tmp_path / "alice")
    (folder / "samples").mkdir()
    (folder / "samples" / "gan_original.png").write_bytes(CGAN.read_bytes())
    found = animekit.grade(folder, run=True, registry=detector)
    (grade,) = found.grades
    assert [each.source for each in grade.pictures] == ["handed in"]
    gan, cgan = grade.reruns
    assert (gan.reproduced, gan.as_handed_in) == (True, True)
    assert cgan.executions == ()
    assert "run_cgan.sh was not run: --prompts FILE is what it takes" in cgan.words()
    assert grade.verdict == "pass"


@posix
def test_links_are_not_copied_out_of_a_submission(tmp_path: Path, detector: Registry) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    folder = homework(tmp_path / "alice")
    (folder / "out").symlink_to("../secret")
    (folder / "far").symlink_to(tmp_path / "secret")
    (folder / "in").symlink_to("faces.bin")
    script(folder, "ls -l out far in; " + COPY)
    (grade,) = animekit.grade(folder, run=True, registry=detector).grades
    said = grade.reruns[0].executions[0].output
    assert "in -> faces.bin" in said
    assert "-> ../secret" not in said
    assert "/secret" not in said


def test_the_gate_and_its_errors(tmp_path: Path, detector: Registry) -> None:
    few = write(tmp_path / "few.png", cells()[0])
    bad = fill(tmp_path, "dot.png") / "dot.png"
    assert animekit.grade(GAN, registry=detector).failure() is None
    failed = animekit.grade(GAN, few, registry=detector).failure()
    assert isinstance(failed, GateError)
    assert failed.message == f"1 of 2 fail, such as {few}: 1 face: fail"
    assert animekit.grade(GAN, few, min_faces=1, registry=detector).failure() is None
    partial = animekit.grade(GAN, few, bad, registry=detector).failure()
    assert isinstance(partial, PartialError)
    assert "8x8 pixels are too few for a face" in partial.message
    assert isinstance(animekit.grade(bad, registry=detector).failure(), UnusableError)


def test_prompts_are_for_all_pictures_where_none_is_named_cgan(
    tmp_path: Path, detector: Registry
) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(CGAN.read_bytes())
    (only,) = animekit.grade(mine, prompts=PROMPTS, registry=detector).grades
    assert only.pictures[0].reading is not None
    named = tmp_path / "cgan.png"
    named.write_bytes(CGAN.read_bytes())
    first, second = animekit.grade(mine, named, prompts=PROMPTS, registry=detector).grades
    assert first.pictures[0].reading is None
    assert second.pictures[0].reading is not None


def test_the_same_file_in_two_submissions_is_told(tmp_path: Path, detector: Registry) -> None:
    for name in ("alice", "bob"):
        fill(tmp_path, f"{name}/samples/gan.png")
        (tmp_path / name / "samples" / "gan.png").write_bytes(GAN.read_bytes())
    alice, bob = animekit.grade(tmp_path, registry=detector).grades
    assert "the very file of bob/samples/gan.png" in alice.pictures[0].details()
    assert "the very file of alice/samples/gan.png" in bob.pictures[0].details()


def test_an_earlier_grading_in_the_same_folder_is_no_submission(
    tmp_path: Path, detector: Registry
) -> None:
    write(tmp_path / "alice" / "gan.png", cells()[0])
    for _ in range(2):
        found = animekit.grade(tmp_path, registry=detector)
        assert [each.name for each in found.grades] == ["alice"]
        found.save(tmp_path / "grades")


@pytest.mark.parametrize(
    "asked",
    [
        {"min_faces": 26},
        {"min_faces": -1},
        {"time_limit": 0},
        {"write_limit": 0},
        {"run": True, "prompts": ["blue hair"]},
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(asked: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        animekit.grade("nowhere.png", **asked)  # type: ignore[arg-type]


def test_what_is_named_must_be_there(tmp_path: Path, detector: Registry) -> None:
    for asked in ({"prompts": tmp_path / "no.txt"}, {"cascade": "no.xml"}, {"detector": "owl"}):
        with pytest.raises(NotFoundError):
            animekit.grade(GAN, registry=detector, **asked)
