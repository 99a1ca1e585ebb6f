"""Zip archives of images: read as folders are, and never trusted."""

from __future__ import annotations

import stat
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from animekit.data.pack import pack
from animekit.errors import DataError
from animekit_plugins.datasets.folder import Folder
from tests.support import fill, names, picture, reasons, words, zipped


def test_an_archive_reads_as_its_folder_does(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "a/0.png", "a/1.png", "2.png")
    (folder / "tags.csv").write_text("0,red hair\n2,blue eyes\n")
    members = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*")}
    members |= {".hidden.png": picture(), "__MACOSX/._0.png": b"junk"}
    flat, archive = Folder(str(folder)), Folder(str(zipped(tmp_path / "set.zip", members)))
    assert names(archive) == names(flat)
    assert archive.fingerprint() == flat.fingerprint()
    for index in range(3):
        assert np.array_equal(archive[index][0], flat[index][0])
        assert words(archive, index) == words(flat, index)


def test_an_archive_with_everything_in_one_folder_finds_its_tags(tmp_path: Path) -> None:
    members = {"set/images/0.png": picture(), "set/tags.csv": b"0,red hair\n"}
    assert words(Folder(str(zipped(tmp_path / "a.zip", members))), 0) == ["red hair"]


def test_an_archive_writes_nothing_and_its_odd_members_are_skipped(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("ok.png", "../up.png", "/abs.png", "C:/drive.png", "a\\..\\..\\b.png"):
            archive.writestr(name, picture())
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bz.png", picture(), zipfile.ZIP_BZIP2)
    before = {item: item.stat().st_mtime_ns for item in tmp_path.rglob("*")}
    dataset = Folder(str(path))
    pack(dataset, 4)
    out = "its name leads out of the archive"
    assert names(dataset) == ["ok.png"]
    assert reasons(dataset) == {
        "../up.png": out,
        "/abs.png": out,
        "C:/drive.png": out,
        "a/../../b.png": out,
        "link.png": "not a regular file",
        "bz.png": "packed with bzip2, not deflate",
    }
    assert {item: item.stat().st_mtime_ns for item in tmp_path.rglob("*")} == before


def test_a_member_that_unpacks_to_too_much_is_never_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bomb.png": bytes(70_000_000), "ok.png": picture()})
    assert path.stat().st_size < 100_000
    dataset = Folder(str(path))
    assert names(dataset) == ["ok.png"]
    assert reasons(dataset) == {"bomb.png": "larger than 64 MB"}


def test_members_that_overlap_are_a_bomb(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{i:03}.png": bytes(1_000_000) for i in range(2)})
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[start : start + (end - start) // 2]
    many = 60
    tail = bytearray(data[end:])
    tail[8:12] = many.to_bytes(2, "little") * 2
    tail[12:16] = (many * len(entry)).to_bytes(4, "little")
    path.write_bytes(data[:start] + entry * many + tail)
    with zipfile.ZipFile(path) as archive:
        assert sum(member.file_size for member in archive.infolist()) == 60_000_000
    with pytest.raises(DataError, match="zip bomb"):
        Folder(str(path))


def test_a_damaged_member_is_skipped_and_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": picture(1, 40), "b.png": picture(2, 40)})
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF  # in the packed bytes of a.png
    path.write_bytes(data)
    store = pack(Folder(str(path)), 4, folder=tmp_path / "packs")
    assert store.names == ["b.png"]
    assert reasons(store)["a.png"].startswith("damaged in the archive")
    path.write_bytes(data[:60])
    with pytest.raises(DataError, match="not a readable zip archive"):
        Folder(str(path))


def test_an_archive_is_read_from_many_threads(tmp_path: Path) -> None:
    members = {f"{i}.png": picture(i) for i in range(200)}
    dataset = Folder(str(zipped(tmp_path / "a.zip", members)))
    wrong: list[int] = []

    def work() -> None:
        for index in range(len(dataset)):
            value = int(dataset.name_of(index).removesuffix(".png"))
            if dataset[index][0][0, 0, 0] != value:
                wrong.append(value)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_cannot_be_unpacked_is_named_and_the_way_out_too(tmp_path: Path) -> None:
    locked = bytearray(
        zipped(tmp_path / "a.zip", {f"{i}.png": picture(i) for i in range(3)}).read_bytes()
    )
    for sign, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := locked.find(sign, at + 1)) >= 0:
            locked[at + flags] |= 1
    (tmp_path / "a.zip").write_bytes(locked)
    with pytest.raises(DataError, match=r"found 3 \.png; left out: 3 \(encrypted\)") as caught:
        Folder(str(tmp_path / "a.zip"))
    assert "password" in str(caught.value.hint)
    for method, name in ((zipfile.ZIP_LZMA, "LZMA"), (zipfile.ZIP_BZIP2, "bzip2")):
        with zipfile.ZipFile(tmp_path / "b.zip", "w", method) as archive:
            archive.writestr("0.png", picture())
        with pytest.raises(DataError, match=f"packed with {name}, not deflate") as caught:
            Folder(str(tmp_path / "b.zip"))
        assert "unpack it" in str(caught.value.hint)


@pytest.mark.parametrize(("number", "name"), [(9, "Deflate64"), (93, "zstd"), (98, "PPMd")])
def test_ways_of_packing_that_python_cannot_undo_are_named(
    tmp_path: Path, number: int, name: str
) -> None:
    data = bytearray(
        zipped(tmp_path / "a.zip", {"0.png": picture(), "1.png": picture(1)}).read_bytes()
    )
    for sign, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.index(sign) + at] = number
    (tmp_path / "a.zip").write_bytes(data)
    dataset = Folder(str(tmp_path / "a.zip"))
    assert names(dataset) == ["1.png"]
    assert reasons(dataset) == {"0.png": f"packed with {name}, not deflate"}


@pytest.mark.parametrize(
    ("data", "words", "hint"),
    [
        (b"<!DOCTYPE html><title>Quota exceeded</title>", "an HTML page", "get it again"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
        (b"Rar!\x1a\x07\x01\0" + bytes(50), "a RAR archive", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a 7z archive", "unpack it"),
        (b"\x1f\x8b\x08\0" + bytes(50), "a gzip archive", "unpack it"),
        (bytes(257) + b"ustar\x0000" + bytes(300), "a tar archive", "unpack it"),
        (b"PK\3\4" + bytes(50), "cut short or damaged", "get it again"),
        (b"", "not a zip file", "unpack it"),
    ],
)
def test_what_only_its_name_calls_a_zip_is_named_for_what_it_is(
    tmp_path: Path, data: bytes, words: str, hint: str
) -> None:
    path = tmp_path / "faces.zip"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as caught:
        Folder(str(path))
    assert hint in str(caught.value.hint)


def test_archives_and_other_formats_inside_are_counted(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"1.png": picture(1)}).read_bytes()
    members = {
        "0.png": picture(),
        "more.zip": inner,
        "b/x.7z": b"7z",
        "s.tif": b"II*\0",
        "t.ppm": b"P6\n1 1\n255\nabc",
    }
    folder = fill(tmp_path / "set")
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    plain, archive = Folder(str(folder)), Folder(str(zipped(tmp_path / "set.zip", members)))
    assert names(plain) == names(archive) == ["0.png"]
    assert reasons(plain) == reasons(archive)
    assert set(reasons(archive)) == {"more.zip", "b/x.7z", "s.tif", "t.ppm"}
    assert "unpack it" in reasons(archive)["more.zip"]


def test_where_there_is_nothing_but_an_archive_it_is_to_be_unpacked(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"1.png": picture(1)})
    outer = zipped(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    with pytest.raises(DataError, match=r"found 1 \.zip; left out: 1 \(an archive") as caught:
        Folder(str(outer))
    assert "unpack the archive" in str(caught.value.hint)


def test_what_0_1_0_did_not_list_leaves_the_fingerprint_as_it_was(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "0.png")
    before = Folder(str(folder)).fingerprint()
    (folder / "a.ppm").write_bytes(b"P6\n1 1\n255\nabc")
    (folder / "a.zip").write_bytes(b"PK\3\4")
    assert Folder(str(folder)).fingerprint() == before
    (folder / "a.tif").write_bytes(b"II*\0")
    assert Folder(str(folder)).fingerprint() != before


def test_a_member_that_grows_a_hundredfold_is_left_out_unless_it_is_small(tmp_path: Path) -> None:
    members = {"big.bmp": b"BM" + bytes(20_000_000), "small.bmp": b"BM" + bytes(3_000_000)}
    dataset = Folder(str(zipped(tmp_path / "a.zip", members)))
    assert names(dataset) == ["small.bmp"]
    assert "a bomb" in reasons(dataset)["big.bmp"]
