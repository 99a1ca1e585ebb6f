"""Zip and tar.gz archives of strangers: unpacked whole and harmless, or not at all."""

from __future__ import annotations

import errno
import gzip
import lzma
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from animekit.errors import UnusableError
from animekit.files import move, refuse_full, room_for

CHUNK = 1024 * 1024
HARMLESS = 16 * 1024 * 1024  # bytes below which no ratio makes a bomb
LONGEST_NAME = 255  # bytes of one part of a name, on common file systems
LONGEST_PATH = 1024
TAR_HEADER = 64 * 1024  # bytes of a long name or of extended attributes: memory, not disk
MAC_FOLDER = "__MACOSX"
DEVICES = re.compile(r"(con|prn|aux|nul|clock\$|com\d|lpt\d)(\..*)?", re.IGNORECASE)
NOT_PORTABLE = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f-\x9f]')
EXTENDED = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, struct.error, UnicodeError, ValueError, OverflowError, RuntimeError),
)

Place = Callable[[PurePosixPath], PurePosixPath | None]


class Hostile(ValueError):
    """An archive holds what no honest one needs."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold."""

    members: int = 250_000
    member_bytes: int = 2 * 1024**3
    total_bytes: int = 8 * 1024**3
    ratio: int = 100
    """Bytes that a byte of the archive may become; pictures reach 1, text 10."""


def as_it_is(name: PurePosixPath) -> PurePosixPath | None:
    """Keep every file at its place in the archive."""
    return name


def below(root: str) -> Place:
    """Return what keeps the files below a folder of the archive, without that folder.

    Hidden files, and what macOS puts beside others, are left out.

    >>> place = below("set/a")
    >>> [str(place(PurePosixPath(name))) for name in ("set/a/1.png", "set/a/.x", "set/b/1.png")]
    ['1.png', 'None', 'None']
    """
    folder = PurePosixPath(root)

    def place(name: PurePosixPath) -> PurePosixPath | None:
        if not name.is_relative_to(folder) or name == folder:
            return None
        inner = name.relative_to(folder)
        hidden = any(part.startswith(".") or part == MAC_FOLDER for part in inner.parts)
        return None if hidden else inner

    return place


def extract(
    archive: Path, folder: Path, *, place: Place = as_it_is, limits: Limits | None = None
) -> Path:
    """Unpack an archive as a new folder; one that holds something is never touched.

    Raises UnusableError for an archive that is damaged, hostile (links, devices, names that lead
    elsewhere or fall together, bombs) or too large; nothing of it is left then.
    """
    refuse_full(folder)
    with unpacked(archive, folder, place=place, limits=limits) as content:
        return move(content, folder)


@contextmanager
def unpacked(
    archive: Path, beside: Path, *, place: Place = as_it_is, limits: Limits | None = None
) -> Iterator[Path]:
    """Give a new folder on the same disk as `beside` that holds the archive's files.

    `place` says where a file goes, None for nowhere. The folder is gone at the end, unless `move`
    has put it somewhere. Raises as `extract`.
    """
    limits = limits or Limits()
    with room_for(beside):
        temporary = Path(tempfile.mkdtemp(prefix=f".{beside.name}-", dir=beside.parent))
        try:
            content = temporary / "content"  # mkdtemp's own folder is closed to others
            content.mkdir()
            _unpack(archive, _Writer(content, place, limits, archive.stat().st_size))
            yield content
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def safe_name(name: str) -> PurePosixPath:
    """Return the name of a member as a relative path; raise Hostile for others.

    It must be a name on every system, not only on this one.

    >>> safe_name("./set/a/1.png")
    PurePosixPath('set/a/1.png')
    >>> safe_name("set/../../1.png")
    Traceback (most recent call last):
    animekit.hub.archive.Hostile: "set/../../1.png" leads out of the archive
    """
    shown = _quoted(name)
    if name.startswith("/"):
        raise Hostile(f"{shown} is an absolute name")
    parts = [part for part in name.rstrip("/").split("/") if part != "."]
    if ".." in parts:
        raise Hostile(f"{shown} leads out of the archive")
    for part in parts:
        if not part or NOT_PORTABLE.search(part) or DEVICES.fullmatch(part) or part[-1] in " .":
            raise Hostile(f"{shown} is no name on every system")
        if len(part.encode("utf-8", "surrogatepass")) > LONGEST_NAME or len(name) > LONGEST_PATH:
            raise Hostile(f"{shown[:60]}... is too long a name")
    if "".join(parts).encode("utf-8", "replace").decode() != "".join(parts):
        raise Hostile(f"{shown} is not valid Unicode")
    return PurePosixPath(*parts)


def _quoted(name: str) -> str:
    """Return a name for a message: a terminal must not obey what is in it."""
    return f'"{ascii(name)[1:-1]}"'


@dataclass
class _Writer:
    """Writes the members of one archive below a folder, and counts."""

    folder: Path
    place: Place
    limits: Limits
    packed: int  # bytes of the archive
    members: int = 0
    written: int = 0
    taken: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def add(self, name: str, source: Callable[[], IO[bytes] | None], size: int) -> None:
        """Write one file, if it is wanted; folders come with their files."""
        path = self.note(name)
        if path is None:
            return
        if not 0 <= size <= self.limits.member_bytes:
            raise Hostile(f"{path} has {size:,} bytes, the limit is {self.limits.member_bytes:,}")
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        opened = source()
        if opened is None:
            raise Hostile(f"{path} is no plain file")
        with opened, target.open("xb") as file:
            done = 0
            while chunk := opened.read(min(CHUNK, size - done + 1)):
                done += len(chunk)
                self.count(len(chunk))
                if done > size:
                    break
                file.write(chunk)
        if done != size:
            raise Hostile(f"{path} has {done:,} bytes or more, the archive says {size:,}")

    def note(self, name: str) -> PurePosixPath | None:
        """Check the name of a file and return where it goes; None for nowhere."""
        self.members += 1
        if self.members > self.limits.members:
            raise Hostile(f"more than {self.limits.members:,} members")
        path = self.place(safe_name(name))
        if path is None or not path.parts:
            return None
        for depth in range(1, len(path.parts) + 1):
            self._take(PurePosixPath(*path.parts[:depth]), last=depth == len(path.parts))
        return path

    def _take(self, path: PurePosixPath, *, last: bool) -> None:
        """Keep a place free of other spellings: on some systems A.png and a.png are one file."""
        plain = unicodedata.normalize("NFC", str(path)).casefold()
        before = self.taken.get(plain)
        if before is None:
            self.taken[plain] = (str(path), last)
        elif last or before != (str(path), False):  # only a folder may come twice
            raise Hostile(f'"{path}" and "{before[0]}" would be one file')

    def count(self, number: int) -> None:
        """Count bytes that came out; stop a bomb while it goes off."""
        self.written += number
        if self.written > self.limits.total_bytes:
            raise Hostile(f"more than {self.limits.total_bytes:,} bytes in all")
        if self.written > max(HARMLESS, self.limits.ratio * self.packed):
            raise Hostile(f"a bomb: {self.packed:,} bytes become {self.written:,} and more")


def _unpack(archive: Path, writer: _Writer) -> None:
    try:
        with archive.open("rb") as file:
            start = file.read(4)
            if start[:2] == b"PK":
                _unzip(archive, writer)
            elif start[:2] == b"\x1f\x8b":
                _untar(archive, writer)
            else:
                raise Hostile("it is neither a zip nor a tar.gz")
    except OSError as error:
        damaged = isinstance(error, gzip.BadGzipFile) or error.errno == errno.EINVAL
        if not damaged:  # a damaged zip makes zipfile seek before the beginning
            raise
        raise _refusal(archive, error) from None
    except DAMAGED as error:
        raise _refusal(archive, error) from None


def _refusal(archive: Path, error: Exception) -> UnusableError:
    what = "is not unpacked" if isinstance(error, Hostile) else "is not a sound archive"
    return UnusableError(
        f"{archive.name} {what}: {error}", "get it from a source that you trust", code="archive"
    )


def _unzip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:
            _judge(member)
        if sum(member.compress_size for member in members) > writer.packed:
            raise Hostile("its members overlap")
        for member in members:
            if not member.is_dir():
                # orig_filename: zipfile cuts a name at a NUL
                writer.add(member.orig_filename, partial(file.open, member), member.file_size)
            else:
                safe_name(member.orig_filename)


def _judge(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (
        kind == stat.S_IFDIR and not member.is_dir()
    ):
        raise Hostile(f"{_quoted(member.filename)} is a link or a device")
    if member.flag_bits & 1:
        raise Hostile(f"{_quoted(member.filename)} has a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Hostile(f"{_quoted(member.filename)} is packed in an unusual way")


class _Member(tarfile.TarInfo):
    """A tar header that does not make tarfile read megabytes of names into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> _Member:
        member: _Member = super().frombuf(buf, encoding, errors)
        if member.type in EXTENDED and not 0 <= member.size <= TAR_HEADER:
            raise Hostile(f"a header of {member.size:,} bytes")
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise Hostile(f"{_quoted(member.name)} is a file with holes")
        return member


class _Counted:
    """The decompressed stream of a tar.gz, with headers and padding, cut off where it bursts."""

    def __init__(self, stream: gzip.GzipFile, writer: _Writer) -> None:
        self.stream = stream
        self.meter = _Writer(writer.folder, writer.place, writer.limits, writer.packed)

    def read(self, size: int) -> bytes:
        """Read as a file does."""
        data = self.stream.read(size)
        self.meter.count(len(data))
        return data


def _untar(archive: Path, writer: _Writer) -> None:
    with gzip.open(archive) as stream:
        counted = _Counted(stream, writer)
        with tarfile.open(
            fileobj=counted,  # type: ignore[call-overload]
            mode="r|",
            tarinfo=_Member,
        ) as file:
            for member in file:
                if member.isdir():
                    safe_name(member.name)
                elif not member.isreg() or member.issparse():
                    raise Hostile(f"{_quoted(member.name)} is a link or a device")
                else:
                    writer.add(member.name, partial(file.extractfile, member), member.size)
                file.members.clear()  # tarfile keeps every header it has seen
        while counted.read(CHUNK):  # to the end, where gzip compares its sum
            pass
