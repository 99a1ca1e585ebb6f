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
from animekit.hub.archive import Hostile, Limits, safe_name, unpacked

MB = 1024 * 1024
REFUSED = "is not unpacked|is not a sound archive"

NAMES = {
    "an absolute name": ("/evil", "//evil", "/"),
    "leads out of the archive": ("../evil", "a/../../evil", "a/..", ".."),
    "no name on every system": (
        *("a//b", "..\\evil", "a\\b", "C:\\evil", "C:evil", "c:/evil", "a:stream", "\\\\h\\s\\x"),
        *("con", "a/NUL", "aux.jpg", "COM1.tar.gz", "lpt9/x", "a.", "a ", "a./b", "a \n"),
        *("a\x00.jpg", 'a"b', "a|b", "a?b", "a*b", "<a>", "a\x1b[31m", "a\x9b31m", "a\udcff.jpg"),
    ),
    "too long a name": ("x" * 256, "/".join(["x"] * 600), "é" * 200),
}
CASES = [(name, reason) for reason, names in NAMES.items() for name in names]


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
        with (
            pytest.raises(UnusableError, match=reason) as caught,
            unpacked(archive, self.inner, limits=limits),
        ):
            pass
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


def tarred(path: Path, *members: tuple[str | tarfile.TarInfo, bytes], form: int = 2) -> Path:
    with tarfile.open(path, "w:gz", format=form) as file:
        for name, data in members:
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size = member.size or len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def raw_tar(path: Path, header: bytes, zeros: int = MB) -> Path:
    with gzip.open(path, "wb", 1) as file:
        file.write(header + bytes(zeros))
    return path


def patched(path: Path, change: Callable[[bytes], bytes], data: bytes = b"x" * 1000) -> Path:
    """Write a zip of one member, a.png, and change its bytes."""
    zipped(path, ("a.png", data))
    path.write_bytes(change(path.read_bytes()))
    return path


def special(name: str, kind: bytes, **values: Any) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in values.items():
        setattr(member, key, value)
    return member


@pytest.mark.parametrize(("name", "reason"), CASES, ids=[ascii(name)[:30] for name, _ in CASES])
def test_no_name_leads_outside_or_where_some_system_cannot(
    outside: Outside, tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(Hostile, match=reason) as caught:
        safe_name(name)
    assert str(caught.value).isprintable() and str(caught.value).isascii()
    if "\x00" not in name:
        # tarfile takes the last slash off
        path = tarred(tmp_path / "a.tar.gz", ("//" if name == "/" else name, b"x"), form=1)
        outside.refuses(path, reason)
    encoded = name.encode("utf-8", "surrogateescape")
    if name.isascii():  # Python's own writer would change some
        path = zipped(tmp_path / "a.zip", ("h" * len(name), b"x"))
        path.write_bytes(path.read_bytes().replace(b"h" * len(name), encoded))
        outside.refuses(path, REFUSED)


@pytest.mark.parametrize("name", ["../evil/", "/evil/", "a\\b/", "con/"])
def test_names_of_folders_are_looked_at_too(outside: Outside, tmp_path: Path, name: str) -> None:
    outside.refuses(zipped(tmp_path / "a.zip", (name, b"")), "is not unpacked")
    folder = special(name, tarfile.DIRTYPE)
    outside.refuses(tarred(tmp_path / "a.tar.gz", (folder, b"")), "is not unpacked")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        *((tarfile.SYMTYPE, {"linkname": to}) for to in ("/etc/passwd", "../../victim", "a.jpg")),
        *((tarfile.LNKTYPE, {"linkname": to}) for to in ("../../../victim", "a.jpg")),
        (tarfile.CHRTYPE, {"devmajor": 1, "devminor": 3}),
        (tarfile.BLKTYPE, {"devmajor": 8}),
        (tarfile.FIFOTYPE, {}),
        (b"z", {}),
        (tarfile.GNUTYPE_SPARSE, {}),
        (tarfile.REGTYPE, {"pax_headers": {"GNU.sparse.map": "0,1", "GNU.sparse.size": "9999999"}}),
    ],
)
def test_only_plain_files_come_out_of_a_tar(
    outside: Outside, tmp_path: Path, kind: bytes, values: dict[str, Any]
) -> None:
    evil = special("evil.jpg", kind, **values)
    path = tarred(tmp_path / "a.tar.gz", ("a.jpg", b"x"), (evil, b""))
    holes = kind == tarfile.GNUTYPE_SPARSE  # its list of holes would have no end
    outside.refuses(path, "is a file with holes" if holes else "is a link or a device")


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
        *(("a.jpg", "a.jpg"), ("a.jpg", "A.JPG"), ("a/1.jpg", "A/2.jpg"), ("ß.jpg", "SS.jpg")),
        *(
            ("a", "a/1.jpg"),
            ("a/1.jpg", "a"),
            ("a/1.jpg", "A"),
            ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ),
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

    def many(data: bytes) -> bytes:
        start, tail = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
        entry, end = data[start:tail], data[tail:]
        entries = b"".join(entry.replace(b"a.png", b"%d.png" % index) for index in range(10))
        counts = struct.pack("<HHLL", 10, 10, len(entries), start)
        return data[:start] + entries + end[:8] + counts + end[20:]

    path = patched(tmp_path / "a.zip", many, random.Random(0).randbytes(MB))
    outside.refuses(path, "its members overlap")


def test_a_flood_of_members_is_stopped(outside: Outside, tmp_path: Path) -> None:
    members = [(f"{index}.png", b"") for index in range(60)]
    for path in (zipped(tmp_path / "a.zip", *members), tarred(tmp_path / "a.tar.gz", *members)):
        outside.refuses(path, "more than 50 members", Limits(members=50))


def test_a_tar_without_end_is_stopped(outside: Outside, tmp_path: Path) -> None:
    header = special("big.png", tarfile.REGTYPE, size=1 << 40).tobuf(tarfile.GNU_FORMAT)
    path = raw_tar(tmp_path / "a.tar.gz", header, 64 * MB)
    outside.refuses(path, "the limit is")
    outside.refuses(path, "a bomb", Limits(member_bytes=1 << 41))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_cannot_fill_the_memory(outside: Outside, tmp_path: Path, kind: bytes) -> None:
    header = special("pax", kind, size=512 * MB).tobuf(tarfile.GNU_FORMAT)
    outside.refuses(raw_tar(tmp_path / "a.tar.gz", header), "a header of 536,870,912 bytes")


@pytest.mark.parametrize("size", [-1, -512, -1024, -(1 << 60)])
def test_a_size_below_zero_does_not_read_for_ever(
    outside: Outside, tmp_path: Path, size: int
) -> None:
    header = bytearray(tarfile.TarInfo("a.png").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = size.to_bytes(12, "big", signed=True)  # GNU's base 256
    header[148:156] = b"        "
    header[148:156] = b"%06o\x00 " % sum(header)
    began = time.process_time()
    outside.refuses(raw_tar(tmp_path / "a.tar.gz", bytes(header), 4096), REFUSED)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("size", [10, 999, 1001, 1_000_000_000])
def test_a_zip_that_lies_about_sizes_is_refused(
    outside: Outside, tmp_path: Path, size: int
) -> None:
    true, false = struct.pack("<L", 1000), struct.pack("<L", size)
    path = patched(tmp_path / "a.zip", lambda data: data.replace(true, false))  # in both headers
    outside.refuses(path, REFUSED)


def test_passwords_and_unusual_packing_are_refused(outside: Outside, tmp_path: Path) -> None:
    def locked(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[6] |= 1
        changed[data.index(b"PK\x01\x02") + 8] |= 1
        return bytes(changed)

    outside.refuses(patched(tmp_path / "a.zip", locked), "is encrypted")
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "b.zip", "w", method) as file:
            file.writestr("a.png", b"x")
        outside.refuses(tmp_path / "b.zip", "is packed with (bzip2|LZMA), not deflate")


def test_what_is_no_archive_or_ends_early_is_refused(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    noise = random.Random(0).randbytes(5000)
    whole = tarred(tmp_path / "a.tar.gz", ("a.png", noise)).read_bytes()
    early = [whole[:end] for end in (2, 20, len(whole) // 2, len(whole) - 4)]
    for data in (b"", b"PK", b"PK\x03\x04", b"<html>", b"Rar!\x1a\x07", bytes(1000), *early):
        path.write_bytes(data)
        outside.refuses(path, REFUSED)


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
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(gzip.compress(data, 1) if make is tarred else bytes(data))
        try:
            with unpacked(path, outside.inner):
                pass
        except UnusableError:
            refused += 1
    assert refused > 20
    assert outside.files() == {"victim": b"whole"}
