"""Parquet files of pictures: read as their folder would be, and never trusted."""

from __future__ import annotations

import builtins
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animekit.containers import parquet as module
from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.errors import DataError, NotFoundError
from animekit.plugins import Registry
from animekit_plugins.datasets.folder import Folder
from tests.containers.conftest import hub_rows, parquet
from tests.support import fill, names, picture, reasons, words


def test_a_file_of_the_hub_reads_as_its_folder_does(tmp_path: Path) -> None:
    folder = Folder(str(fill(tmp_path / "set", *(f"{i}.png" for i in range(9)))))
    file = Folder(str(parquet(tmp_path / "set.parquet", hub_rows(9), row_group_size=4)))
    assert names(file) == names(folder)
    assert file.fingerprint() == folder.fingerprint()
    assert all(np.array_equal(file[i][0], folder[i][0]) for i in range(9))
    assert pack(file, 8).folder == pack(folder, 8).folder
    assert file.description == "9 images in 1 file"


def test_bytes_in_a_plain_column_are_numbered_pictures(tmp_path: Path) -> None:
    rows = [{"mask": b"other", "img": picture(i)} for i in range(3)]
    file = Folder(str(parquet(tmp_path / "a.parquet", rows)))
    assert names(file) == ["0", "1", "2"]
    assert np.array_equal(file[2][0][0, 0], (2, 0, 253))
    assert file.label_notes == ["pictures are those of column img, not of mask"]


def test_rows_are_found_in_any_order_in_windows_of_a_large_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW_BYTES", 300)
    monkeypatch.setattr(module, "HELD_BYTES", 600)
    monkeypatch.setattr(module, "HELD_ROWS", 1)
    file = Folder(str(parquet(tmp_path / "a.parquet", hub_rows(40), row_group_size=25)))
    order = [39, 0, 24, 25, 3, 3, 38, 1, *range(40)]
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda i: int(file[i][0][0, 0, 0]), order))
    assert seen == order
    assert len(file._source._held.windows) <= 3  # type: ignore[attr-defined]


def test_columns_beside_the_pictures_are_labels(tmp_path: Path) -> None:
    rows = hub_rows(
        6,
        label=[0, 1, -1],
        hair=["red", "blue"],
        smile=[True, False],
        score=[0.5, 0.25],
        id=list(range(6)),
    )
    path = parquet(tmp_path / "a.parquet", rows, classes={"label": ["cat", "dog"]})
    file = Folder(str(path))
    assert sorted(file.spec(8).labels) == ["blue hair", "cat", "dog", "red hair", "smile"]
    assert words(file, 1) == ["dog", "blue hair"]
    unknown = file.mask_of(2)
    assert unknown is not None
    assert not unknown[[file.spec(8).labels.index(each) for each in ("cat", "dog")]].any()
    assert "left out score (numbers), id (numbers)" in file.description


def test_tags_beside_the_pictures_are_asked_for_in_words(
    tmp_path: Path, registry: Registry
) -> None:
    rows = hub_rows(4, text=["a girl"], tags=[["smile", "hat"], ["smile"]])
    path = parquet(tmp_path / "a.parquet", rows)
    asked = open_dataset(str(path), registry, labels="hat,smile")
    assert [words(asked, i) for i in range(2)] == [["hat", "smile"], ["smile"]]


def test_tags_of_colours_are_the_hair_and_eyes(tmp_path: Path) -> None:
    rows = hub_rows(4, caption=["red hair blue eyes", "aqua hair"])
    file = Folder(str(parquet(tmp_path / "a.parquet", rows)))
    assert words(file, 0) == ["red hair", "blue eyes"]


def test_parts_are_one_set_by_pattern_and_by_folder(tmp_path: Path, registry: Registry) -> None:
    for part in range(3):
        parquet(tmp_path / "hub" / "data" / f"train-0000{part}.parquet", hub_rows(2, 2 * part))
    parquet(tmp_path / "hub" / "data" / "test-00000.parquet", hub_rows(2, 50))
    (tmp_path / "hub" / "README.md").write_text("a card")
    where = str(tmp_path / "hub" / "data" / "train-{00000..00002}.parquet")
    parts, folder = open_dataset(where, registry), open_dataset(str(tmp_path / "hub"), registry)
    assert names(parts) == names(folder) == [f"{i}.png" for i in range(6)]
    assert "test and not train" in reasons(folder)["data/test-00000.parquet"]
    starred = open_dataset(str(tmp_path / "hub" / "data" / "*.parquet"), registry)
    assert len(starred) == 8
    with pytest.raises(NotFoundError, match=r"names 4 files, 1 are missing"):
        open_dataset(where.replace("2}", "3}"), registry)


def test_equal_names_are_told_apart_and_odd_ones_are_numbers(tmp_path: Path) -> None:
    paths = ["0.png", "0.png", "../../etc/passwd", "/abs.png", None, "a\\b.png", "x\x1b[2J.png"]
    rows = [{"image": {"bytes": picture(), "path": path}} for path in paths]
    file = Folder(str(parquet(tmp_path / "a.parquet", rows)))
    assert names(file) == ["0.png", "0-2.png", "2", "3", "4", "a/b.png", "6"]


def test_rows_that_are_no_pictures_are_skipped_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 5000)
    given = [picture(), None, b"", b"<html>", picture()[:50], b"x" * 5001]
    rows = [{"image": {"bytes": each, "path": f"{i}.png"}} for i, each in enumerate(given)]
    store = pack(Folder(str(parquet(tmp_path / "a.parquet", rows))), 8)
    assert store.names == ["0.png"]
    assert reasons(store) == {
        "1.png": "empty: its row holds only the path of a file",
        "2.png": "empty file (0 bytes)",
        "3.png": "an HTML page, not an image",
        "4.png": "truncated",
        "5.png": "larger than 0 MB",
    }


def test_a_bomb_is_refused_by_what_the_file_says_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RATIO", 10)
    rows = [{"image": bytes(12 << 20)}]
    path = parquet(tmp_path / "a.parquet", rows, compression="zstd")
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="is a bomb"):
        Folder(str(path))


@pytest.mark.parametrize("keep", [0, 4, 100, -9])
def test_what_is_no_parquet_file_is_one_clear_line(tmp_path: Path, keep: int) -> None:
    path = parquet(tmp_path / "a.parquet", hub_rows(3))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError) as caught:
        Folder(str(path))
    assert f"{path} is not a readable Parquet file" in caught.value.message
    assert "\n" not in caught.value.message


def test_damage_inside_is_said_of_the_pictures(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", hub_rows(30), row_group_size=10, compression="zstd")
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    store = pack(Folder(str(path)), 8)
    assert len(store) >= 20
    assert all("damaged" in reason for reason in reasons(store).values())


def test_a_table_without_pictures_says_its_columns(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", [{"file_name": "0.png", "hair": "red"}])
    with pytest.raises(DataError, match="has no column of pictures: file_name, hair"):
        Folder(str(path))


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(tmp_path / "a.parquet", hub_rows(1))
    found = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotFoundError) as caught:
        Folder(str(path))
    assert str(caught.value.hint).startswith('pip install -e ".[parquet]"')
