"""Data sets to give away: what comes back is what went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.cli.data import command as data_commands
from animekit.containers.share import share
from animekit.data.joined import open_dataset
from animekit.errors import DataError, UnusableError, UsageError
from animekit.plugins import Registry
from tests.support import alone, answer, call, fill, names, picture

ROOT = alone(data_commands)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Return a folder with tags of some pictures, and a file that is no picture."""
    folder = fill(tmp_path / "faces", "a/0.png", "a/1.jpg.png", "2.png", "3.png")
    (folder / "tags.csv").write_text("0,red hair blue eyes\n2,aqua hair\n3,blue eyes\n")
    (folder / "bad.png").write_bytes(b"<html>")
    return folder


@pytest.mark.parametrize("kind", ["parquet", "folder"])
def test_a_set_that_was_given_away_opens_with_its_pictures_and_labels(
    faces: Path, tmp_path: Path, registry: Registry, kind: str
) -> None:
    pytest.importorskip("pyarrow")
    (faces / "bad.png").unlink()
    out = tmp_path / "out" / "faces.parquet"
    made = share(faces, kind, out, registry=registry)
    before, after = open_dataset(str(faces), registry), open_dataset(str(out), registry)
    assert (made.images, made.found, len(after)) == (4, 4, 4)
    assert names(after) == names(before)
    assert [after.file_of(i) for i in range(4)] == [before.file_of(i) for i in range(4)]
    kept = set(after.spec(8).labels)
    assert (
        kept == set(before.spec(8).labels)
        if kind == "parquet"
        else kept <= set(before.spec(8).labels)
    )
    for i in range(4):
        for name in kept:
            pair = [d.spec(8).labels.index(name) for d in (before, after)]
            rows = [d[i][1] for d in (before, after)]
            assert [row is None for row in rows] in ([True, True], [False, False])
            if rows[0] is not None and rows[1] is not None:
                assert rows[0][pair[0]] == rows[1][pair[1]]
    if kind == "parquet":
        assert after.fingerprint() == before.fingerprint() == made.fingerprint


def test_labels_of_ones_own_come_back_from_a_folder_to_the_letter(
    tmp_path: Path, registry: Registry
) -> None:
    fill(tmp_path / "f", "0.png", "1.png", "2.png")
    tags = tmp_path / "tags.csv"
    tags.write_text("file,cut (labels),Smiling\n0,twintail,1\n1,Long Hair,0\n2,,1\n")
    share(tmp_path / "f", "folder", tmp_path / "out", tags=tags, registry=registry)
    before = open_dataset(str(tmp_path / "f"), registry, tags)
    after = open_dataset(str(tmp_path / "out"), registry)
    assert after.spec(8) == before.spec(8)
    assert after.spec(8).labels == ("Long Hair", "twintail", "Smiling")
    assert [list(after[i][1]) for i in range(3)] == [list(before[i][1]) for i in range(3)]  # type: ignore[arg-type]


def test_two_colours_of_one_picture_come_back_from_a_folder(
    tmp_path: Path, registry: Registry
) -> None:
    fill(tmp_path / "f", "0.png", "1.png", "2.png", "3.png")
    tags = tmp_path / "tags.csv"
    tags.write_text("0,red blue hair green eyes\n1,red hair blue eyes\n2,aqua hair\n3,red hair\n")
    share(tmp_path / "f", "folder", tmp_path / "out", tags=tags, registry=registry)
    before = open_dataset(str(tmp_path / "f"), registry, tags)
    after = open_dataset(str(tmp_path / "out"), registry)
    for i in range(4):
        assert np.array_equal(before[i][1], after[i][1])  # type: ignore[arg-type]


def test_a_picture_that_cannot_be_read_is_left_out_and_named(
    faces: Path, tmp_path: Path, registry: Registry
) -> None:
    made = share(faces, "folder", tmp_path / "out", registry=registry)
    assert [(item.name, item.reason) for item in made.skipped] == [
        ("bad.png", "an HTML page, not an image")
    ]
    assert (made.images, made.found) == (4, 5)


def test_drawn_faces_are_pictures_of_the_size_and_keep_all_labels(
    tmp_path: Path, registry: Registry
) -> None:
    pytest.importorskip("pyarrow")
    share("synthetic:6", "parquet", tmp_path / "f.parquet", size=16, registry=registry)
    drawn = open_dataset("synthetic:6", registry)
    given = open_dataset(str(tmp_path / "f.parquet"), registry)
    assert given.spec(16) == drawn.spec(16)
    for i in range(6):
        image, labels = drawn.render(i, 16)
        assert np.array_equal(given[i][0], image)
        assert np.array_equal(given[i][1], labels)


def test_sets_that_are_joined_are_one_file(faces: Path, tmp_path: Path, registry: Registry) -> None:
    pytest.importorskip("pyarrow")
    share([faces, "synthetic:2"], "parquet", tmp_path / "f.parquet", size=8, registry=registry)
    given = open_dataset(str(tmp_path / "f.parquet"), registry)
    assert names(given)[0] == "0-faces/2.png" or names(given)[0].startswith("1-faces/")
    assert len(given) == 6


def test_nothing_is_overwritten_and_other_forms_are_refused(
    faces: Path, tmp_path: Path, registry: Registry
) -> None:
    file = tmp_path / "there.parquet"
    file.write_bytes(b"mine")
    with pytest.raises(UnusableError, match="exists"):
        share(faces, "parquet", file, registry=registry)
    with pytest.raises(UnusableError, match="is not empty"):
        share(faces, "folder", faces, registry=registry)
    with pytest.raises(UsageError, match='"parquett" is no form of a data set. Did you mean'):
        share(faces, "parquett", file, registry=registry)
    with pytest.raises(UsageError, match="would not be known"):
        share(faces, "parquet", tmp_path / "there", registry=registry)
    assert file.read_bytes() == b"mine"


def test_a_set_without_any_whole_picture_writes_nothing(tmp_path: Path, registry: Registry) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "0.png").write_bytes(picture()[:30])
    with pytest.raises(DataError, match="no images in"):
        share(folder, "folder", tmp_path / "out", registry=registry)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad"]


def test_the_command_writes_a_file_that_info_reads(faces: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "faces.parquet"
    planned = answer("data", "pack", faces, "--to", "parquet", out, "-n", root=ROOT)
    assert planned["data"]["would_pack"] == 5
    assert not out.exists()
    made = answer("data", "pack", faces, "--to", "parquet", out, root=ROOT, exit_code=None)
    assert (made["data"]["images"], made["data"]["found"]) == (4, 5)
    assert made["data"]["bytes"] == out.stat().st_size
    assert answer("data", "info", out, root=ROOT)["data"]["images"] == 4
    assert call("data", "pack", faces, "--to", "parquet", out, root=ROOT).exit_code == 4
