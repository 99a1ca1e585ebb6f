"""WebDataset shards: pictures and what lies beside them, read where they lie."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from animekit.containers import shards as module
from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.errors import DataError
from animekit.plugins import Registry
from animekit_plugins.datasets.folder import Folder
from tests.containers.conftest import shard
from tests.support import fill, names, picture, reasons, words


def test_a_shard_reads_as_its_folder_does(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "a/0.png", "a/1.png", "b/0.png")
    members = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.png"))}
    plain, packed = Folder(str(folder)), Folder(str(shard(tmp_path / "set.tar", members)))
    assert names(packed) == names(plain)
    assert packed.fingerprint() == plain.fingerprint()
    assert all(np.array_equal(packed[i][0], plain[i][0]) for i in range(3))
    assert packed.spec(8).labels == ("a", "b")


def test_fields_and_classes_beside_the_pictures_are_labels(tmp_path: Path) -> None:
    members: dict[str, bytes] = {}
    for i in range(4):
        said = {"hair": ["red", "blue"][i % 2], "width": 8, "url": f"http://x/{i}.png", "at": {}}
        members |= {f"00{i}.png": picture(i), f"00{i}.json": json.dumps(said).encode()}
        members |= {f"00{i}.cls": str(i % 3 + 4).encode(), f"00{i}.seg.png": picture(i)}
    members["003.json"] = b"{broken"
    file = Folder(str(shard(tmp_path / "a.tar", members)))
    assert sorted(file.spec(8).labels) == [
        *("blue hair", "class 4", "class 5", "class 6", "red hair")
    ]
    assert words(file, 1) == ["blue hair", "class 5"]
    assert words(file, 3) == ["class 4"]
    assert reasons(file)["000.seg.png"] == "a further picture of one sample"
    assert "1 files beside pictures are not read: cannot read 003.json" in file.label_notes[0]


def test_texts_beside_the_pictures_are_tags(tmp_path: Path) -> None:
    members = {"0.png": picture(), "0.txt": b"red hair, smile", "1.png": picture(), "1.txt": b"x"}
    assert words(Folder(str(shard(tmp_path / "a.tar", members))), 0) == ["red hair"]


def test_shards_that_begin_with_the_same_names_are_one_set(
    tmp_path: Path, registry: Registry
) -> None:
    for part in range(2):
        said = json.dumps({"hair": ["red", "blue"][part]}).encode()
        shard(tmp_path / f"s-0{part}.tar", {"0.png": picture(part), "0.json": said})
    joined = open_dataset(str(tmp_path / "s-{00..01}.tar"), registry)
    assert names(joined) == names(Folder(str(tmp_path))) == ["0.png", "0-2.png"]
    assert [words(joined, i) for i in range(2)] == [["red hair"], ["blue hair"]]
    assert [int(joined[i][0][0, 0, 0]) for i in range(2)] == [0, 1]
    assert joined.description.startswith("2 images in 2 files")


def test_what_no_sound_shard_holds_is_skipped_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 5000)
    members = {"ok.png": picture(), "../up.png": picture(), "/abs.png": picture()}
    members |= {".hidden.png": picture(), "large.png": b"x" * 5001, "c.tif": b"II*\0"}
    path = shard(tmp_path / "in" / "a.tar", members, {"link.png": "/etc/passwd"})
    with tarfile.open(path, "a") as file:
        second = tarfile.TarInfo("ok.png")
        file.addfile(second)
    before = {item: item.stat().st_mtime_ns for item in tmp_path.rglob("*")}
    dataset = Folder(str(path))
    pack(dataset, 4)
    assert names(dataset) == ["ok.png"]
    assert reasons(dataset) == {
        "../up.png": "its name leads out of the archive",
        "/abs.png": "its name leads out of the archive",
        "large.png": "larger than 64 MB",
        "c.tif": ".tif is not a format that animekit reads",
        "link.png": "not a regular file",
        "ok.png": "a second member of this name",
    }
    assert {item: item.stat().st_mtime_ns for item in tmp_path.rglob("*")} == before


def test_a_shard_that_was_cut_short_keeps_its_whole_members(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {f"{i}.png": picture(i) for i in range(5)})
    path.write_bytes(path.read_bytes()[: 3 * 1024 + 520])
    dataset = Folder(str(path))
    assert names(dataset) == ["0.png", "1.png", "2.png"]
    assert reasons(dataset)["3.png"] == "cut short: the archive ends in it"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a sound tar file"),
        (b"<html>gone", "it is an HTML page"),
        (b"\0" * 2000 + b"x" * 3000, "is not a sound tar file"),
        (gzip.compress(b"x" * 9000, mtime=0), "is packed with gzip"),
    ],
)
def test_what_is_no_tar_is_one_clear_line(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        Folder(str(path))
    assert said in caught.value.message or "no images in" in caught.value.message
    assert caught.value.hint


def test_a_header_of_megabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as file:
        file.addfile(tarfile.TarInfo("n" * 200_000 + ".png"))
    with pytest.raises(DataError, match=r"a header of 200,00\d bytes"):
        Folder(str(path))
