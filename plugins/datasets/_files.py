"""Where the files of a data set come from: a folder or a zip archive."""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from animekit.containers.opened import Container
from animekit.data.dataset import Skipped
from animekit.errors import DataError
from animekit.hub.archive import HARMLESS, Limits, unread_member
from animekit.images.decode import MAX_BYTES, ImageError, read_image_file
from animekit.images.formats import (
    HEAD_BYTES,
    UNREAD_ENDING,
    head_of,
    suffix_of,
    unread_words,
    use_of,
    what_it_is,
)
from animekit.labels.sources import Source

MEMBERS = 1_000_000
HASHED = (".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".psd", ".tga", ".svg")
UNPACK = "unpack it and give the folder"
ARCHIVE = "an archive in the data, and files in it are not looked at: unpack it"


class _Plain:
    """Files that say nothing of each other: labels are in some of them."""

    notes: list[str]
    files = 0

    def labels(self) -> list[Source]:
        """Return no labels."""
        return []


class Files(_Plain):
    """The files of a folder and of all folders in it, hidden ones left out."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.names: list[str] = []
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        self.notes = []
        for name in sorted(self._walk()):
            _sort(self, name, partial(self._head, name))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises ImageError."""
        return read_image_file(self.top / name, name)

    def _head(self, name: str) -> bytes:
        return head_of(self.top / name)

    def _walk(self) -> Iterator[str]:
        """Yield the names of regular files. Links are followed, no folder is entered twice."""
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
                name = prefix + entry.name
                kind = "hidden" if entry.name.startswith(".") else self._kind(name, entry)
                if kind == "file":
                    yield name
                elif kind == "folder" and (real := os.path.realpath(entry.path)) not in entered:
                    entered.add(real)
                    waiting.append((f"{name}/", Path(entry.path)))

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


class Archive(_Plain):
    """The members of a zip archive, read in memory and never without bound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        self.notes = []
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise _no_zip(path, error) from None
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        if len(members) > MEMBERS:
            raise DataError(
                f"{path} holds {len(members):,} files, the limit is {MEMBERS:,}", UNPACK
            )
        if sum(member.compress_size for member in members) > path.stat().st_size:
            raise DataError(f"{path} is a zip bomb: its members overlap", "get it from elsewhere")
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
        _sort(self, name, partial(self._head, name))

    def read(self, name: str, size: int = MAX_BYTES + 1) -> bytes:
        """Return the bytes of a member, at most `size`; raises ImageError."""
        try:
            with self._lock, self._zip.open(self._members[name]) as file:
                return file.read(size)
        except Exception as error:
            # zlib.error, BadZipFile, EOFError, struct.error: damage shows in many ways.
            raise ImageError(name, f"damaged in the archive ({error})", "damaged") from None

    def _head(self, name: str) -> bytes:
        try:
            return self.read(name, HEAD_BYTES)
        except ImageError:
            return b""


def _no_zip(path: Path, error: Exception) -> DataError:
    """Return the error of a file that only its name calls a zip."""
    head = head_of(path)
    what = what_it_is(head)
    hint, words = UNPACK, f"it is {what}"
    if isinstance(error, OSError) or not what:
        words = str(error)
    elif what == "a zip archive":
        words, hint = f"it is cut short or damaged ({error})", "get it again"
    elif "LFS" in what:
        hint = "git lfs pull gets the file"
    elif "archive" not in what:
        hint = "get it again: this is not what was published"
    return DataError(f"{path} is not a readable zip archive: {words}", hint)


def _refused(member: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    absolute = bool(parts) and (parts[0].startswith("/") or parts[0][1:] == ":")
    if not parts or ".." in parts or absolute:
        return "its name leads out of the archive"
    if kind not in (0, stat.S_IFREG):
        return "not a regular file"
    if words := unread_member(member):
        return words
    if member.file_size > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MB"
    if member.file_size > max(HARMLESS, Limits.ratio * member.compress_size):
        return f"a bomb: {member.compress_size:,} bytes become {member.file_size:,}"
    return ""


def is_hashed(item: Skipped) -> bool:
    """Say whether fingerprints tell of a file that was left out: those of 0.1.0 do."""
    unread = item.reason.endswith(UNREAD_ENDING)
    return item.reason != ARCHIVE and (not unread or suffix_of(item.name) in HASHED)


def _sort(source: Container, name: str, head: Callable[[], bytes]) -> None:
    """Put one file among the images, the skipped or the others, by its name and first bytes."""
    use = use_of(name, head)
    if use == "read":
        source.names.append(name)
    elif use == "foreign":
        source.skipped.append(Skipped(name, unread_words(name, head())))
    elif use == "archive":
        source.skipped.append(Skipped(name, ARCHIVE))
    else:
        source.others.append(name)
