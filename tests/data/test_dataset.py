"""Finding a data set: by path, by name, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit.data.joined import open_dataset
from animekit.errors import DataError, NotFoundError
from animekit.plugins import Registry
from tests.support import fill, picture, zipped


def test_a_folder_and_a_zip_are_opened_by_their_path(registry: Registry, tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "a.png", "b.png")
    archive = zipped(tmp_path / "faces.ZIP", {"a.png": picture()})
    assert len(open_dataset(str(folder), registry)) == 2
    assert len(open_dataset(str(archive), registry)) == 1
    assert len(open_dataset(f"folder:{folder}", registry)) == 2


def test_synthetic_data_is_opened_by_name(registry: Registry) -> None:
    assert len(open_dataset("synthetic:7", registry)) == 7


def test_a_path_with_a_colon_is_a_path(registry: Registry, tmp_path: Path) -> None:
    folder = fill(tmp_path / "set:one", "a.png")
    assert len(open_dataset(str(folder), registry)) == 1


@pytest.mark.parametrize("name", ["", "folder:"])
def test_a_missing_path_says_what_is_near(registry: Registry, tmp_path: Path, name: str) -> None:
    fill(tmp_path / "faces", "a.png")
    with pytest.raises(NotFoundError) as caught:
        open_dataset(f"{name}{tmp_path / 'face'}", registry)
    message = f"no images in {tmp_path / 'face'}: there is no such file or folder"
    assert caught.value.message == message
    assert ".png .jpg .jpeg .webp .bmp .gif" in str(caught.value.hint)
    assert f'did you mean "{tmp_path}/faces"?' in str(caught.value.hint)
    assert "animekit demo" in str(caught.value.hint)
    assert caught.value.exit_code == 3


def test_a_missing_path_far_from_any_says_what_is_there(registry: Registry, tmp_path: Path) -> None:
    fill(tmp_path / "faces", "a.png")
    with pytest.raises(NotFoundError, match="no images in") as caught:
        open_dataset(str(tmp_path / "zzzzzz" / "deep"), registry)
    assert f"{tmp_path}/ holds faces" in str(caught.value.hint)


def test_an_unknown_name_says_which_is_near(registry: Registry) -> None:
    with pytest.raises(
        NotFoundError, match=r'unknown dataset "synthetc"\. Did you mean "synthetic"'
    ):
        open_dataset("synthetc:100", registry)


def test_a_file_that_no_data_set_reads_is_an_error(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(b"x")
    with pytest.raises(DataError, match="is not a data set"):
        open_dataset(str(tmp_path / "a.tgz"), registry)


def test_a_missing_tags_file_is_an_error(registry: Registry, tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "a.png")
    with pytest.raises(NotFoundError, match="no tags file"):
        open_dataset(str(folder), registry, tags=tmp_path / "tag.csv")
