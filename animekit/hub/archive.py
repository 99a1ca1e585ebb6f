"""Zip and tar.gz archives of strangers: unpacked whole and harmless, or not at all."""

from __future__ import annotations

import errno
import gzip
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
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from animekit.errors import UnusableError
from animekit.files import room_for

CHUNK = 1024 * 1024
HARMLESS = 16 * 1024 * 1024  # bytes below which no ratio makes a bomb
LONGEST = 255, 1024  # bytes of one part of a name and of a path, on common file systems
TAR_HEADER = 64 * 1024  # bytes of a long name or of extended attributes: memory, not disk
MAC_FOLDER = "__MACOSX"
# what some system reads otherwise: characters, the ends of names, devices, broken Unicode
NOT_PORTABLE = re.compile(
    r'[<>:"|?*\\\x00-\x1f\x7f-\x9f\ud800-\udfff]|[ .]\Z|\A\Z'
    r"|\A(con|prn|aux|nul|clock\$|com\d|lpt\d)(\..*)?\Z",
    re.IGNORECASE,
)
EXTENDED = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error),
    *(OSError, EOFError, ValueError, OverflowError, RuntimeError),
)

Place = Callable[[PurePosixPath], PurePosixPath | None]
Member = tuple[str, int, Any]  # name, bytes, an open stream (None: a folder)


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


@contextmanager
def unpacked(
    archive: Path,
    beside: Path,
    *,
    place: Place = lambda name: name,
    limits: Limits | None = None,
) -> Iterator[Path]:
    """Give a new folder on the same disk as `beside` that holds the archive's files.

    `place` says where a file goes, None for nowhere. The folder is gone at the end, unless `move`
    has put it somewhere. Raises UnusableError for an archive that is damaged, hostile (links,
    devices, names that lead elsewhere or fall together, bombs) or too large.
    """
    with room_for(beside):
        temporary = Path(tempfile.mkdtemp(prefix=f".{beside.name}-", dir=beside.parent))
        try:
            content = temporary / "content"  # mkdtemp's own folder is closed to others
            content.mkdir()
            _unpack(archive, content, place, limits or Limits())
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
    parts = [part for part in name.rstrip("/").split("/") if part != "."]
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    if name.startswith("/"):
        problem = "is an absolute name"
    elif ".." in parts:
        problem = "leads out of the archive"
    elif any(map(NOT_PORTABLE.search, parts)):
        problem = "is no name on every system"
    elif max(sizes, default=0) > LONGEST[0] or len(name) > LONGEST[1]:
        problem = "is too long a name"
    else:
        return PurePosixPath(*parts)
    raise Hostile(f"{_quoted(name)} {problem}")


def _quoted(name: str) -> str:
    """Return a name for a message: a terminal must not obey what is in it."""
    return f'"{ascii(name[:100])[1:-1]}"'


class _Counted:
    """The stream of one member after the other, cut off where a bomb goes off."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self.packed, self.limits, self.written = packed, limits, 0
        self.stream: Any = None

    def read(self, size: int) -> bytes:
        """Read as a file does."""
        data: bytes = self.stream.read(size)
        self.written += len(data)
        if self.written > self.limits.total_bytes:
            raise Hostile(f"more than {self.limits.total_bytes:,} bytes in all")
        if self.written > max(HARMLESS, self.limits.ratio * self.packed):
            raise Hostile(f"a bomb: {self.packed:,} bytes become {self.written:,} and more")
        return data


def _unpack(archive: Path, folder: Path, place: Place, limits: Limits) -> None:
    """Write the regular files of an archive below a folder; folders come with their files."""
    taken: dict[str, str] = {}
    try:
        for count, (name, size, source) in enumerate(_members(archive, limits), 1):
            path = safe_name(name)
            if count > limits.members:
                raise Hostile(f"more than {limits.members:,} members")
            if not 0 <= size <= limits.member_bytes:
                raise Hostile(f"{path} has {size:,} bytes, the limit is {limits.member_bytes:,}")
            wanted = None if source is None else place(path)
            if wanted is None or not wanted.parts:
                continue
            _take(wanted, taken)
            target = folder / wanted
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(source, file, CHUNK)
            if target.stat().st_size != size:
                raise Hostile(f"{path} has other than the {size:,} bytes that the archive says")
    except DAMAGED as error:
        # a damaged zip makes zipfile seek before the beginning; gzip's own errors have no number
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        what = "is not unpacked" if isinstance(error, Hostile) else "is not a sound archive"
        raise UnusableError(
            f"{archive.name} {what}: {error}", "get it from a source that you trust", code="archive"
        ) from None


def _take(path: PurePosixPath, taken: dict[str, str]) -> None:
    """Keep a place free of other spellings: on some systems A.png and a.png are one file."""
    folders = {_plain(folder): f"{folder}/" for folder in path.parents[:-1]}
    others = [taken[key] for key, name in folders.items() if taken.get(key, name) != name]
    if _plain(path) in taken:  # only a folder may come twice
        others.append(taken[_plain(path)])
    if others:
        raise Hostile(f'"{path}" and "{others[0].rstrip("/")}" would be one file')
    taken |= {**folders, _plain(path): str(path)}


def _plain(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _members(archive: Path, limits: Limits) -> Iterator[Member]:
    """Give what an archive holds in turn; a stream ends where the next member begins."""
    with archive.open("rb") as file:
        start, counted = file.read(2), _Counted(archive.stat().st_size, limits)
    if start == b"PK":
        return _zip_members(archive, counted)
    if start == b"\x1f\x8b":
        return _tar_members(archive, counted)
    raise Hostile("it is neither a zip nor a tar.gz")


def _zip_members(archive: Path, counted: _Counted) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        if sum(member.compress_size for member in file.infolist()) > counted.packed:
            raise Hostile("its members overlap")
        for member in file.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
                raise Hostile(f"{_quoted(member.filename)} is a link or a device")
            if member.flag_bits & 1:
                raise Hostile(f"{_quoted(member.filename)} has a password")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Hostile(f"{_quoted(member.filename)} is packed in an unusual way")
            with file.open(member) as counted.stream:
                source = None if member.is_dir() else counted
                yield member.orig_filename, member.file_size, source  # filename is cut at a NUL


class _Header(tarfile.TarInfo):
    """A tar header that does not make tarfile read megabytes of names into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> _Header:
        header: _Header = super().frombuf(buf, encoding, errors)
        if header.type in EXTENDED and not 0 <= header.size <= TAR_HEADER:
            raise Hostile(f"a header of {header.size:,} bytes")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise Hostile(f"{_quoted(header.name)} is a file with holes")
        return header


def _tar_members(archive: Path, counted: _Counted) -> Iterator[Member]:
    with gzip.open(archive) as counted.stream:  # headers and padding are counted too
        stream: Any = counted
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as file:
            for member in file:
                if not member.isdir() and (not member.isreg() or member.issparse()):
                    raise Hostile(f"{_quoted(member.name)} is a link or a device")
                yield member.name, member.size, None if member.isdir() else file.extractfile(member)
                file.members.clear()  # type: ignore[attr-defined]  # all headers it has seen
        while counted.read(CHUNK):  # to the end, where gzip compares its sum
            pass
