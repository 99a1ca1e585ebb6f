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
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from animekit.errors import UnusableError
from animekit.files import room_for
from animekit.images.formats import head_of, what_it_is
from animekit.text import one_name

CHUNK = 1024 * 1024
HARMLESS = 16 * 1024 * 1024  # bytes below which no ratio makes a bomb
LONGEST = 255, 1024  # bytes of one part of a name and of a path, on common file systems
TAR_HEADER = 64 * 1024  # bytes of a long name or of extended attributes: memory, not disk
# what some system reads otherwise: characters, the ends of names, devices, broken Unicode
NOT_PORTABLE = re.compile(
    r'[<>:"|?*\\\x00-\x1f\x7f-\x9f\ud800-\udfff]|[ .]\Z|\A\Z'
    r"|\A(con|prn|aux|nul|clock\$|com\d|lpt\d)(\..*)?\Z",
    re.IGNORECASE,
)
EXTENDED = b"xgXLK"  # types of tar headers that hold names and attributes
METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 20: "zstd"}
METHODS |= {93: "zstd", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd"}
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, NotImplementedError),
    *(OSError, EOFError, ValueError, OverflowError, RuntimeError),
)
TRUST = "get it from a source that you trust"
Place = Callable[[PurePosixPath], PurePosixPath | None]


class Hostile(ValueError):
    """An archive holds what no honest one needs."""


class Collision(Hostile):
    """Two names of an archive are one on some systems."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold; `ratio`: bytes that a byte may become.

    Of pictures it is 1, of text 10.
    """

    members: int = 250_000
    member_bytes: int = 2 * 1024**3
    total_bytes: int = 8 * 1024**3
    ratio: int = 100


def below(root: str) -> Place:
    """Return what keeps the files below a folder, but for hidden ones and macOS's.

    >>> place = below("set/a")
    >>> [str(place(PurePosixPath(name))) for name in ("set/a/1.png", "set/a/.x", "set/b/1.png")]
    ['1.png', 'None', 'None']
    """

    def place(name: PurePosixPath) -> PurePosixPath | None:
        inner = name.relative_to(root) if name.is_relative_to(root) else PurePosixPath()
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in inner.parts)
        return None if hidden or not inner.parts else inner

    return place


@contextmanager
def unpacked(
    archive: Path, beside: Path, *, place: Place = lambda name: name, limits: Limits | None = None
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
    """Return a member's name as a path for every system; raise Hostile for others.

    >>> safe_name("./set/a/1.png")
    PurePosixPath('set/a/1.png')
    """
    parts = [part for part in name.rstrip("/").split("/") if part != "."]
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    for problem, is_there in (
        ("is an absolute name", name.startswith("/")),
        ("leads out of the archive", ".." in parts),
        ("is no name on every system", any(map(NOT_PORTABLE.search, parts))),
        ("is too long a name", max(sizes, default=0) > LONGEST[0] or len(name) > LONGEST[1]),
    ):
        if is_there:
            raise Hostile(f"{_quoted(name)} {problem}")
    return PurePosixPath(*parts)


def unread_member(member: zipfile.ZipInfo) -> str:
    """Return why a member of a zip is not read: how it is packed; "" for what is.

    LZMA, bzip2 and zstd are left out on purpose: what they unpack to, and the memory they ask for,
    have no bound that the archive would have to tell.
    """
    if member.flag_bits & 1 or member.compress_type == 99:
        return "encrypted"
    if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return ""
    name = METHODS.get(member.compress_type, f"method {member.compress_type}")
    return f"packed with {name}, not deflate"


def _quoted(name: str) -> str:
    """Return a name for a message: a terminal must not obey what is in it."""
    return f'"{ascii(name[:100])[1:-1]}"'


class _Counted:
    """The stream of one member after the other, cut off where a bomb goes off."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self.packed, self.limits, self.written = packed, limits, 0
        self.stream: Any = None

    def read(self, size: int) -> bytes:
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
        hint = "unpack it yourself and rename one" if isinstance(error, Collision) else TRUST
        message = f"{archive.name} {what}: {error}"
        raise UnusableError(message, hint, code="archive") from None


def _take(path: PurePosixPath, taken: dict[str, str]) -> None:
    """Keep a place free of other spellings: on some systems A.png and a.png are one file."""
    for each in (*path.parents[:-1], path):
        spelled = str(path) if each is path else f"{each}/"
        was = taken.get(one_name(str(each)), "")
        if was and (was != spelled or each is path):  # only a folder comes twice
            raise Collision(f'"{path}" and "{was.rstrip("/")}" would be one file')
        taken[one_name(str(each))] = spelled


def _members(archive: Path, limits: Limits) -> Iterator[tuple[str, int, Any]]:
    """Give name, bytes and stream (None: a folder); it ends where the next member begins."""
    counted, head = _Counted(archive.stat().st_size, limits), head_of(archive)
    if head.startswith(b"PK"):
        return _zip_members(archive, counted)
    if head.startswith(b"\x1f\x8b"):
        return _tar_members(archive, counted)
    what = what_it_is(head)
    raise Hostile(f"it is {what}" if what else "it is neither a zip nor a tar.gz")


def _zip_members(archive: Path, counted: _Counted) -> Iterator[tuple[str, int, Any]]:
    with zipfile.ZipFile(archive) as file:
        if sum(member.compress_size for member in file.infolist()) > counted.packed:
            raise Hostile("its members overlap")
        for member in file.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            problem = unread_member(member)
            if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
                problem = "a link or a device"
            if problem:
                raise Hostile(f"{_quoted(member.filename)} is {problem}")
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


def _tar_members(archive: Path, counted: _Counted) -> Iterator[tuple[str, int, Any]]:
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
