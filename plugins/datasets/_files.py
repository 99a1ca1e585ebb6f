"""Where the files of a data set come from: a folder or a zip archive."""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from animekit.data.dataset import Skipped
from animekit.errors import DataError
from animekit.images.decode import EXTENSIONS, MAX_BYTES, ImageError, read_image_file

FOREIGN = (".tif", ".tiff", ".heic", ".heif", ".avif", ".jfif", ".jxl", ".psd", ".tga", ".svg")
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"BM")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DEFLATE_LIMIT = 1100  # deflate packs at most 1032 to 1; more means members that overlap


class FileSource(Protocol):
    """Where files come from: names below its top, with "/" between the parts."""

    names: list[str]
    others: list[str]
    skipped: list[Skipped]

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises ImageError."""


class Files:
    """The files of a folder and of all folders in it, hidden ones left out."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.names: list[str] = []
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        for name, path in sorted(self._walk()):
            _sort(self, name, partial(_head, path))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises ImageError."""
        return read_image_file(self.top / name, name)

    def _walk(self) -> Iterator[tuple[str, Path]]:
        """Yield regular files. Links are followed, but no folder is entered twice."""
        entered = {os.path.realpath(self.top)}
        waiting = [("", self.top)]
        while waiting:
            prefix, folder = waiting.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self._skip(prefix or ".", f"cannot be opened: {error.strerror}")
                continue
            for entry in entries:
                name, path = prefix + entry.name, Path(entry.path)
                kind = "hidden" if entry.name.startswith(".") else self._kind(name, entry)
                if kind == "file":
                    yield name, path
                elif kind == "folder" and (real := os.path.realpath(path)) not in entered:
                    entered.add(real)
                    waiting.append((f"{name}/", path))

    def _kind(self, name: str, entry: os.DirEntry[str]) -> str:
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            self._skip(name, "a link to nothing" if entry.is_symlink() else f"{error.strerror}")
            return "skipped"
        if stat.S_ISDIR(mode):
            return "folder"
        if stat.S_ISREG(mode):
            return "file"
        self._skip(name, "not a regular file")
        return "skipped"

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.append(Skipped(name, reason))


class Archive:
    """The members of a zip archive, read in memory and never without bound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
            raise DataError(
                f"{path} is not a readable zip archive: {error}", "unpack it and give the folder"
            ) from None
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > DEFLATE_LIMIT * path.stat().st_size:
            raise DataError(f"{path} is a zip bomb: it unpacks to more than zip can pack")
        # Members are opened from several threads, and ZipFile counts its open ones without a lock.
        self._lock = threading.Lock()
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in sorted(members, key=lambda member: member.filename):
            self._add(member)

    def _add(self, member: zipfile.ZipInfo) -> None:
        name = member.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts):
            return
        reason = _refused(member, parts)
        if name in self._members:
            reason = "a second member of this name"
        if reason:
            self.skipped.append(Skipped(name, reason))
            return
        self._members[name] = member
        _sort(self, name, lambda: self.read(name)[:16])

    def read(self, name: str) -> bytes:
        """Return the bytes of a member; raises ImageError."""
        try:
            with self._lock, self._zip.open(self._members[name]) as file:
                return file.read(MAX_BYTES + 1)
        except Exception as error:
            # zlib.error, BadZipFile, EOFError, struct.error: damage shows in many ways.
            raise ImageError(name, f"damaged in the archive ({error})", "damaged") from None


def _refused(member: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    absolute = bool(parts) and (parts[0].startswith("/") or parts[0][1:] == ":")
    if not parts or ".." in parts or absolute:
        return "its name leads out of the archive"
    if kind not in (0, stat.S_IFREG):
        return "not a regular file"
    if member.flag_bits & 1:
        return "encrypted"
    if member.compress_type not in METHODS:
        return f"packed with method {member.compress_type}, not deflate"
    if member.file_size > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MB"
    return ""


def _sort(source: FileSource, name: str, head: Callable[[], bytes]) -> None:
    """Put one file among the images, the skipped or the others, by its name and first bytes."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in EXTENSIONS:
        source.names.append(name)
    elif suffix in FOREIGN:
        source.skipped.append(Skipped(name, f"{suffix} is not a format that animekit reads"))
    elif not suffix and head().startswith(MAGIC):
        source.names.append(name)
    else:
        source.others.append(name)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""
