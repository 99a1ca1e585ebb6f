"""Attack: archives that write elsewhere, through links, over each other, or without an end."""

from __future__ import annotations

import gzip
import io
import random
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit.errors import UnusableError
from animekit.hub.archive import Hostile, Limits, extract, safe_name

MB = 1024 * 1024

OUTSIDE = [
    *("../evil", "a/../../evil", "a/..", "..", "/evil", "//evil", "/", "a//b", ""),
    *("..\\evil", "a\\b", "C:\\evil", "C:evil", "c:/evil", "a:stream", "\\\\host\\share\\x"),
]
NOT_EVERYWHERE = [
    *("con", "a/NUL", "aux.jpg", "COM1.tar.gz", "lpt9/x", "a.", "a ", "a./b", "a \n", "a\x00.jpg"),
    *(
        'a"b',
        "a|b",
        "a?b",
        "a*b",
        "<a>",
        "a\x1b[31m",
        "a\x9b31m",
        "x" * 256,
        "/".join(["x"] * 600),
        "é" * 200,
    ),
]


class Outside:
    """A folder tree around the place of extraction, to see that nothing else changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inner = folder / "a" / "b" / "out"
        self.inner.parent.mkdir(parents=True)
        (folder / "victim").write_text("whole")

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def refuses(self, archive: Path, reason: str, limits: Limits | None = None) -> None:
        """Hold that an archive is refused for a reason, and leaves nothing."""
        before = self.files()
        with pytest.raises(UnusableError, match=reason) as caught:
            extract(archive, self.inner, limits=limits)
        assert caught.value.code == "archive" and caught.value.exit_code == 4
        assert archive.name in caught.value.message
        assert "\x1b" not in caught.value.message and "\x00" not in caught.value.message
        assert self.files() == before
        assert [path.name for path in self.inner.parent.iterdir()] == []


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "tree")


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def tarred(path: Path, *members: tuple[str | tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as file:
        for name, data in members:
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size = member.size or len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def raw_zip(path: Path, name: str) -> Path:
    """Write a zip whose member has a name that Python's own writer would change."""
    holder = "h" * len(name.encode())
    zipped(path, (holder, b"x"))
    path.write_bytes(path.read_bytes().replace(holder.encode(), name.encode()))
    return path


def special(name: str, kind: bytes, **values: Any) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in values.items():
        setattr(member, key, value)
    return member


@pytest.mark.parametrize(
    "name", [name for name in OUTSIDE + NOT_EVERYWHERE if name and "\x9b" not in name]
)
def test_a_zip_cannot_write_outside_or_where_some_system_cannot(
    outside: Outside, tmp_path: Path, name: str
) -> None:
    outside.refuses(raw_zip(tmp_path / "a.zip", name), "is not unpacked|not a sound archive")


@pytest.mark.parametrize("name", [name for name in OUTSIDE + NOT_EVERYWHERE if "\x00" not in name])
def test_a_tar_cannot_write_outside_or_where_some_system_cannot(
    outside: Outside, tmp_path: Path, name: str
) -> None:
    if name in ("", "/"):
        name = "//"  # tarfile takes the last slash off
    outside.refuses(tarred(tmp_path / "a.tar.gz", (name, b"x")), "is not unpacked")


@pytest.mark.parametrize("name", ["../evil/", "/evil/", "a\\b/", "con/"])
def test_names_of_folders_are_looked_at_too(outside: Outside, tmp_path: Path, name: str) -> None:
    outside.refuses(zipped(tmp_path / "a.zip", (name, b"")), "is not unpacked")
    folder = special(name, tarfile.DIRTYPE)
    outside.refuses(tarred(tmp_path / "a.tar.gz", (folder, b"")), "is not unpacked")


def test_a_name_that_is_not_unicode_is_refused(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as file:
        file.addfile(tarfile.TarInfo("a\udcff.jpg"), io.BytesIO(b""))
    outside.refuses(path, "is not valid Unicode")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (tarfile.SYMTYPE, {"linkname": "/etc/passwd"}),
        (tarfile.SYMTYPE, {"linkname": "../../../victim"}),
        (tarfile.SYMTYPE, {"linkname": "b.jpg"}),
        (tarfile.LNKTYPE, {"linkname": "../../../victim"}),
        (tarfile.LNKTYPE, {"linkname": "a.jpg"}),
        (tarfile.CHRTYPE, {"devmajor": 1, "devminor": 3}),
        (tarfile.BLKTYPE, {"devmajor": 8}),
        (tarfile.FIFOTYPE, {}),
        (b"z", {}),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(
    outside: Outside, tmp_path: Path, kind: bytes, values: dict[str, Any]
) -> None:
    evil = special("evil.jpg", kind, **values)
    path = tarred(tmp_path / "a.tar.gz", ("a.jpg", b"x"), (evil, b""))
    outside.refuses(path, "is a link or a device")


def test_a_chain_of_links_with_long_paths_cannot_lead_out(outside: Outside, tmp_path: Path) -> None:
    """CVE-2025-4517: realpath gives up on a path that is too long, and the filter believes it."""
    part = "d" * 247
    members: list[tuple[tarfile.TarInfo, bytes]] = []
    path = ""
    for letter in "abcdefghijklmnop":
        members.append((special(f"{path}{part}", tarfile.DIRTYPE), b""))
        members.append((special(f"{path}{letter}", tarfile.SYMTYPE, linkname=part), b""))
        path += f"{part}/"
    way = "/".join("abcdefghijklmnop")
    members.append((special(f"{way}/l", tarfile.SYMTYPE, linkname="../" * 16), b""))
    members.append((special("escape", tarfile.SYMTYPE, linkname=f"{way}/l/../../victim"), b""))
    members.append((special("escape", tarfile.LNKTYPE, linkname="escape"), b""))
    members.append((tarfile.TarInfo("escape"), b"owned"))
    outside.refuses(tarred(tmp_path / "a.tar.gz", *members), "is not unpacked")


@pytest.mark.parametrize(
    "mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR]
)
def test_links_and_devices_in_a_zip_are_refused(
    outside: Outside, tmp_path: Path, mode: int
) -> None:
    evil = zipfile.ZipInfo("evil.jpg")
    evil.create_system, evil.external_attr = 3, (mode | 0o777) << 16
    outside.refuses(zipped(tmp_path / "a.zip", (evil, b"/etc/passwd")), "is a link or a device")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.jpg", "a.jpg"),
        ("a.jpg", "A.JPG"),
        ("a/1.jpg", "A/2.jpg"),
        ("a", "a/1.jpg"),
        ("a/1.jpg", "a"),
        ("a/1.jpg", "A"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("ß.jpg", "SS.jpg"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_that_would_be_one_file_are_refused(
    outside: Outside, tmp_path: Path, first: str, second: str
) -> None:
    members = ((first, b"x"), (second, b"evil"))
    outside.refuses(zipped(tmp_path / "a.zip", *members), "would be one file")
    outside.refuses(tarred(tmp_path / "a.tar.gz", *members), "would be one file")


def test_a_bomb_is_stopped_before_it_fills_the_disk(outside: Outside, tmp_path: Path) -> None:
    zeros = bytes(64 * MB)
    for path in (
        zipped(tmp_path / "a.zip", ("zeros.png", zeros)),
        tarred(tmp_path / "a.tar.gz", ("zeros.png", zeros)),
        zipped(tmp_path / "b.zip", *((f"{index}.png", zeros[: 4 * MB]) for index in range(8))),
    ):
        assert path.stat().st_size < MB
        outside.refuses(path, "a bomb")


def test_a_bomb_of_members_that_share_their_bytes_is_refused(
    outside: Outside, tmp_path: Path
) -> None:
    """As in Fifield's zip bomb: many entries of the directory point to one piece of data."""
    path = zipped(tmp_path / "a.zip", ("0.png", random.Random(0).randbytes(MB)))
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], data[data.index(b"PK\x05\x06") :]
    many = b"".join(entry.replace(b"0.png", b"%d.png" % index) for index in range(10))
    counts = struct.pack("<HHLL", 10, 10, len(many), start)
    path.write_bytes(data[:start] + many + end[:8] + counts + end[20:])
    outside.refuses(path, "its members overlap")


def test_a_flood_of_members_is_stopped(outside: Outside, tmp_path: Path) -> None:
    members = [(f"{index}.png", b"") for index in range(60)]
    for path in (zipped(tmp_path / "a.zip", *members), tarred(tmp_path / "a.tar.gz", *members)):
        outside.refuses(path, "more than 50 members", Limits(members=50))


def test_a_tar_without_end_is_stopped(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    member = tarfile.TarInfo("big.png")
    member.size = 1 << 40
    with gzip.open(path, "wb", 1) as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT) + bytes(64 * MB))
    outside.refuses(path, "the limit is|a bomb")
    outside.refuses(path, "a bomb", Limits(member_bytes=1 << 41))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_cannot_fill_the_memory(outside: Outside, tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    header = special("pax", kind, size=512 * MB)
    with gzip.open(path, "wb", 1) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT) + bytes(MB))
    outside.refuses(path, "a header of 536,870,912 bytes")


def negative(size: int) -> bytes:
    """Return a tar header whose size is below zero, in GNU's base 256."""
    buffer = bytearray(tarfile.TarInfo("a.png").tobuf(tarfile.GNU_FORMAT))
    buffer[124:136] = size.to_bytes(12, "big", signed=True)
    buffer[148:156] = b"        "
    buffer[148:156] = b"%06o\x00 " % sum(buffer)
    return bytes(buffer)


@pytest.mark.parametrize("size", [-1, -512, -1024, -(1 << 60)])
def test_a_size_below_zero_does_not_read_for_ever(
    outside: Outside, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(negative(size) + bytes(4096)))
    began = time.process_time()
    outside.refuses(path, "is not unpacked|not a sound archive")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_SPARSE])
def test_a_file_with_holes_is_refused(outside: Outside, tmp_path: Path, kind: bytes) -> None:
    path = tarred(tmp_path / "a.tar.gz", (special("holes.png", kind), b""))
    outside.refuses(path, "with holes")


def test_a_file_with_holes_by_pax_is_refused(outside: Outside, tmp_path: Path) -> None:
    member = special("holes.png", tarfile.REGTYPE)
    member.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)}
    path = tarred(tmp_path / "a.tar.gz", (member, b"x"))
    outside.refuses(path, "is not unpacked")


def lying(path: Path, size: int) -> Path:
    """Write a zip whose member is longer or shorter than both its headers say."""
    zipped(path, ("a.png", b"x" * 1000))
    data = path.read_bytes().replace(struct.pack("<L", 1000), struct.pack("<L", size))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [10, 999, 1001, 1_000_000_000])
def test_a_zip_that_lies_about_sizes_is_refused(
    outside: Outside, tmp_path: Path, size: int
) -> None:
    path = lying(tmp_path / "a.zip", size)
    outside.refuses(path, "is not unpacked|not a sound archive")


def test_passwords_and_unusual_packing_are_refused(outside: Outside, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("a.png", b"x"))
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    outside.refuses(path, "has a password")
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(path, "w", method) as file:
            file.writestr("a.png", b"x")
        outside.refuses(path, "packed in an unusual way")


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x03\x04", b"\x1f\x8b", b"<html>", b"Rar!\x1a\x07", bytes(1000)]
)
def test_what_is_no_archive_is_refused(outside: Outside, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    outside.refuses(path, "is not unpacked|not a sound archive")


def test_a_tar_that_ends_early_is_refused(outside: Outside, tmp_path: Path) -> None:
    whole = tarred(tmp_path / "a.tar.gz", ("a.png", random.Random(0).randbytes(5000))).read_bytes()
    path = tmp_path / "b.tar.gz"
    for end in (20, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:end])
        outside.refuses(path, "is not a sound archive")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_no_damage_whatever_is_a_bug(
    outside: Outside, tmp_path: Path, make: Callable[..., Path]
) -> None:
    """Flip bytes at random: an archive is unpacked or refused, and nothing else happens."""
    chance = random.Random(0)
    members = [(f"{index}/{index}.png", chance.randbytes(30)) for index in range(4)]
    whole = make(tmp_path / "whole", *members).read_bytes()
    if make is tarred:
        whole = gzip.decompress(whole)
    path, refused = tmp_path / "damaged", 0
    for round_ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(gzip.compress(data, 1) if make is tarred else bytes(data))
        try:
            extract(path, outside.inner.with_name(f"out{round_}"))
        except UnusableError:
            refused += 1
    assert refused > 20
    assert (outside.folder / "victim").read_text() == "whole"
    assert {path.name for path in outside.folder.iterdir()} == {"a", "victim"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a/../b", "leads out"), ("/a", "an absolute name"), ("a./b", "no name on every system")],
)
def test_the_reason_is_the_right_one(name: str, reason: str) -> None:
    with pytest.raises(Hostile, match=reason):
        safe_name(name)


def test_terminal_codes_in_a_name_are_shown_as_text() -> None:
    with pytest.raises(Hostile) as caught:
        safe_name("\x1b[31m/\u202e")
    with pytest.raises(Hostile):
        safe_name("\x9b31m")  # the same code in one letter
    assert "\\x1b" in str(caught.value) and "\\u202e" in str(caught.value)
