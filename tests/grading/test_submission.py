"""Submissions: pictures and homework are found where people put them, and no link is followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit.errors import NotFoundError, UsageError
from animekit.grading.submission import Submission, find_submissions
from tests.grading.support import script
from tests.support import fill


def names(found: list[Submission]) -> list[str]:
    return [picture.name for each in found for picture in each.pictures]


def test_a_picture_is_a_submission_of_its_own(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "my_CGAN.png")
    found = find_submissions([tmp_path / "a.png", tmp_path / "my_CGAN.png"])
    assert [each.pictures[0].kind for each in found] == ["gan", "cgan"]
    assert all(each.root is None for each in found)


def test_a_folder_of_homework_is_one_submission(tmp_path: Path) -> None:
    fill(tmp_path, "samples/gan.png", "samples/gan_original.png", "samples/cgan_original.png")
    script(tmp_path, "", "run_cgan.sh")
    (found,) = find_submissions([tmp_path])
    assert [each.path.name for each in found.pictures] == ["gan.png", "cgan_original.png"]
    assert set(found.originals) == {"gan", "cgan"}
    assert set(found.scripts) == {"cgan"}
    assert found.root == tmp_path


def test_a_folder_of_submissions_has_one_a_folder_or_a_picture(tmp_path: Path) -> None:
    fill(tmp_path, "alice/samples/gan.png", "bob/repo-main/hw3/samples/gan.png", "carol.png")
    fill(tmp_path, "dave/anything.png", "erin/Samples/GAN.PNG", ".git/x.png", "__MACOSX/a/gan.png")
    (tmp_path / "readme.txt").write_text("no picture", encoding="utf-8")
    found = find_submissions([tmp_path])
    assert [each.name for each in found] == ["alice", "bob", "carol.png", "dave", "erin"]
    assert names(found) == [
        "alice/samples/gan.png",
        "bob/repo-main/hw3/samples/gan.png",
        "carol.png",
        "dave/anything.png",
        "erin/Samples/GAN.PNG",
    ]
    assert found[1].root == tmp_path / "bob" / "repo-main" / "hw3"


def test_several_folders_keep_their_names_apart(tmp_path: Path) -> None:
    fill(tmp_path, "a/x.png", "b/x.png")
    found = find_submissions([tmp_path / "a", tmp_path / "b"])
    assert len(set(names(found))) == 2


def test_links_out_of_a_submission_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, "secret.png", "class/alice/samples/a.txt")
    (tmp_path / "class/alice/samples/gan.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "class/bob").symlink_to(tmp_path)
    (tmp_path / "class/carol.png").symlink_to("../secret.png")
    found = find_submissions([tmp_path / "class"])
    assert names(found) == []
    assert all("link out of the folder" in each.remarks[0].text for each in found)


def test_a_link_inside_a_submission_is_what_it_leads_to(tmp_path: Path) -> None:
    fill(tmp_path, "alice/out.png")
    (tmp_path / "alice" / "gan.png").symlink_to("out.png")
    assert names(find_submissions([tmp_path])) == ["alice/gan.png"]


def test_a_folder_without_a_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "alice").mkdir()
    (found,) = find_submissions([tmp_path])
    assert found.remarks[0].code == "missing"
    with pytest.raises(NotFoundError, match="no picture and no submission"):
        find_submissions([tmp_path / "alice"])


def test_what_is_not_there_is_an_error_alone_and_a_remark_among_others(tmp_path: Path) -> None:
    fill(tmp_path, "gan.png")
    with pytest.raises(NotFoundError, match='Did you mean "gan.png"'):
        find_submissions([tmp_path / "gam.png"])
    _, absent = find_submissions([tmp_path / "gan.png", tmp_path / "gam.png"])
    assert absent.remarks[0].code == "missing"
    with pytest.raises(UsageError, match="nothing to grade"):
        find_submissions([])
