"""Archives: every honest one is unpacked as it is, into a new folder, whole or not at all."""

from __future__ import annotations

import errno
import io
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from animekit.errors import DeviceError, UnusableError
from animekit.files import move, refuse_full
from animekit.hub import archive as archives
from animekit.hub.archive import Limits, below, unpacked

FILES = {
    "set/readme.txt": b"hello\n",
    "set/trainA/1.jpg": bytes(range(256)) * 40,
    "set/trainA/deep/er/2.jpg": b"",
    "set/träinB/りんご.jpg": b"apple",
}


def make_zip(path: Path, files: dict[str, bytes] = FILES, *, method: int = 8) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("set/", b"")
        for name, data in files.items():
            file.writestr(name, data)
    return path


def make_tar(path: Path, files: dict[str, bytes] = FILES, **values: Any) -> Path:
    with tarfile.open(path, "w:gz", **values) as file:
        folder = tarfile.TarInfo("./set")
        folder.type = tarfile.DIRTYPE
        file.addfile(folder)
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode = len(data), 0o4777
            file.addfile(member, io.BytesIO(data))
    return path


def extract(archive: Path, folder: Path, **values: Any) -> Path:
    """Unpack an archive as a new folder, as `animekit data get` does."""
    refuse_full(folder)
    with unpacked(archive, folder, **values) as content:
        return move(content, folder)


def read(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(params=["stored", "deflated", "gnu", "pax"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an archive with `FILES`, whose name does not say what it is."""
    path = tmp_path / "download"
    if request.param in ("gnu", "pax"):
        kind = tarfile.GNU_FORMAT if request.param == "gnu" else tarfile.PAX_FORMAT
        return make_tar(path, format=kind)
    return make_zip(path, method=0 if request.param == "stored" else 8)


def test_files_and_folders_come_out_as_they_went_in(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    assert extract(archive, out) == out
    assert read(out) == FILES
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]


def test_an_empty_folder_may_be_there_already(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    extract(archive, out)
    assert read(out) == FILES


def test_files_are_neither_programs_nor_closed_to_others(archive: Path, tmp_path: Path) -> None:
    out = extract(archive, tmp_path / "out")
    (tmp_path / "like").mkdir()
    (tmp_path / "like" / "file").touch()
    like, plain = (tmp_path / "like").stat().st_mode, (tmp_path / "like" / "file").stat().st_mode
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE(like)
    assert {path.stat().st_mode for path in out.rglob("*") if path.is_file()} == {plain}


def test_a_long_name_is_kept(tmp_path: Path) -> None:
    name = "/".join(["folder" * 10] * 4 + ["x" * 200 + ".jpg"])
    for path in (
        make_tar(tmp_path / "gnu", {name: b"1"}, format=tarfile.GNU_FORMAT),
        make_tar(tmp_path / "pax", {name: b"1"}, format=tarfile.PAX_FORMAT),
        make_zip(tmp_path / "zip", {name: b"1"}),
    ):
        assert read(extract(path, tmp_path / f"{path.name}.out")) == {name: b"1"}


def test_only_one_part_is_taken_and_hidden_files_are_left(tmp_path: Path) -> None:
    extra = {"set/.DS_Store": b"x", "set/trainA/.git/x": b"x", "__MACOSX/set/1": b"x", "b": b"x"}
    path = make_zip(tmp_path / "a.zip", {**FILES, **extra, "set/__MACOSX/x": b""})
    out = extract(path, tmp_path / "out", place=below("set"))
    assert read(out) == {name.removeprefix("set/"): data for name, data in FILES.items()}
    assert read(extract(path, tmp_path / "a", place=below("set/trainA"))).keys() == {
        "1.jpg",
        "deep/er/2.jpg",
    }


def test_a_file_can_be_put_elsewhere(archive: Path, tmp_path: Path) -> None:
    def place(name: PurePosixPath) -> PurePosixPath | None:
        return PurePosixPath("one.jpg") if name.name == "1.jpg" else None

    assert read(extract(archive, tmp_path / "out", place=place)).keys() == {"one.jpg"}


def test_a_folder_with_something_in_it_is_never_touched(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(UnusableError, match="is not empty: nothing is ever overwritten") as caught:
        extract(archive, out)
    assert caught.value.code == "file.exists"
    assert read(out) == {"mine": b"mine"}


def test_a_file_or_a_link_is_no_folder(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link", "dangling"):
        with pytest.raises(UnusableError, match="is no folder"):
            extract(archive, tmp_path / name)
    assert not (tmp_path / "nowhere").exists() and not any((tmp_path / "empty").iterdir())


def test_a_folder_that_appears_in_between_is_not_touched_either(
    archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with unpacked(archive, out) as content:
        out.mkdir()
        (out / "mine").write_text("mine")
        with pytest.raises(UnusableError, match="is not empty"):
            move(content, out)
    assert read(out) == {"mine": b"mine"}


def test_what_nobody_moved_is_gone(archive: Path, tmp_path: Path) -> None:
    with unpacked(archive, tmp_path / "out") as content:
        assert read(content) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["download"]


def test_a_full_disk_leaves_nothing(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(DeviceError, match="no room for out"):
        extract(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["download"]


def test_limits_are_limits_and_not_one_less(archive: Path, tmp_path: Path) -> None:
    total = sum(map(len, FILES.values()))
    stream = 20 * 1024  # what a tar adds for headers and padding
    fits = Limits(members=5, member_bytes=256 * 40, total_bytes=total + stream)
    extract(archive, tmp_path / "out", limits=fits)
    for tight, reason in (
        (Limits(members=4), "more than 4 members"),
        (Limits(member_bytes=256 * 40 - 1), "10,240 bytes, the limit is 10,239"),
        (Limits(total_bytes=total - 1), "bytes in all"),
    ):
        with pytest.raises(UnusableError, match=reason):
            extract(archive, tmp_path / "less", limits=tight)
    assert not (tmp_path / "less").exists()
