"""Folders and zip archives of images, with labels from a tags file or from class folders."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from animekit.config import Params
from animekit.data import Dataset, Skipped, looked_for, seen
from animekit.errors import DataError
from animekit.hookspecs import hookimpl
from animekit.images import EXTENSIONS, MAX_BYTES, ImageError, decode, read_image_file
from animekit.model import ImageSpec
from animekit.tags import Tags, read_tags

TAG_FILE = "tags.csv"
FOREIGN = (".tif", ".tiff", ".heic", ".heif", ".avif", ".jfif", ".jxl", ".psd", ".tga", ".svg")
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"BM")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DEFLATE_LIMIT = 1100  # deflate packs at most 1032 to 1; more means members that overlap


class Source(Protocol):
    """Where files come from: names below its top, with "/" between the parts."""

    names: list[str]
    others: list[str]
    skipped: list[Skipped]
    tags: bytes | None

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises ImageError."""


class Files:
    """The files of a folder and of all folders in it, hidden ones left out."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.names: list[str] = []
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        for name, path in sorted(self._walk(top, "", {os.path.realpath(top)})):
            _sort(self, name, lambda path=path: _head(path))
        tags = top / TAG_FILE
        self.tags = tags.read_bytes() if tags.is_file() else None

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises ImageError."""
        return read_image_file(self.top / name, name)

    def _walk(self, folder: Path, prefix: str, open_: set[str]) -> Iterator[tuple[str, Path]]:
        """Yield regular files; links are followed, but never into a folder that is open."""
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            self.skipped.append(Skipped(prefix, f"cannot be opened: {error.strerror}"))
            return
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith("."):
                continue
            try:
                mode = entry.stat().st_mode
            except OSError as error:
                link = "a link to nothing" if entry.is_symlink() else f"{error.strerror}"
                self.skipped.append(Skipped(name, link))
                continue
            if stat.S_ISDIR(mode):
                real = os.path.realpath(entry.path)
                if real not in open_:
                    yield from self._walk(Path(entry.path), f"{name}/", open_ | {real})
            elif stat.S_ISREG(mode):
                yield name, Path(entry.path)
            else:
                self.skipped.append(Skipped(name, "not a regular file"))


class Archive:
    """The members of a zip archive, read in memory only and never more than an image may have."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        self.tags: bytes | None = None
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
            raise DataError(
                f"{path} is not a readable zip archive: {error}", "unpack it and give the folder"
            ) from None
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > DEFLATE_LIMIT * path.stat().st_size:
            raise DataError(f"{path} is a zip bomb: it unpacks to more than zip can pack")
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
        if name == TAG_FILE:
            self.tags = self.read(name)
        _sort(self, name, lambda: self.read(name)[:16])

    def read(self, name: str) -> bytes:
        """Return the bytes of a member; raises ImageError."""
        try:
            with self._zip.open(self._members[name]) as file:
                return file.read(MAX_BYTES + 1)
        except Exception as error:
            # zlib.error, BadZipFile, EOFError, struct.error: damage shows in many ways.
            raise ImageError(name, f"damaged in the archive ({error})", "damaged") from None


def _refused(member: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0]:
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


def _sort(source: Source, name: str, head: Callable[[], bytes]) -> None:
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


class Folder(Dataset):
    """A folder or .zip of images, flat or nested, labelled by tags.csv or class folders."""

    name = "folder"

    def __init__(self, where: str, params: Params | None = None, tags: Path | None = None) -> None:
        super().__init__(where, params, tags)
        self.path = Path(where)
        self._source: Source = Files(self.path) if self.path.is_dir() else Archive(self.path)
        self._names = self._source.names
        self.skipped = self._source.skipped
        if not self._names:
            raise self._empty()
        self._label_file = self._find_tags()
        self._labels, self._classes = self._find_labels()

    @classmethod
    def matches(cls, where: str) -> bool:
        """Say whether this is a folder, or a file that is a zip archive."""
        path = Path(where)
        return path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip")

    @property
    def description(self) -> str:
        """How many images in how many folders, and how many have labels."""
        folders = len({PurePosixPath(name).parent for name in self._names})
        words = f"{len(self):,} images in {folders} folder{'s' if folders > 1 else ''}"
        return words + (f", {len(self._labels):,} with labels" if self._classes else "")

    def spec(self, size: int) -> ImageSpec:
        """Return what a model sees of these images at a size."""
        labels, groups = self._classes or ((), ())
        return ImageSpec(size=size, labels=labels, groups=groups)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        name = self._names[index]
        image = decode(self._source.read(name), name)
        return image, self._labels[name][0] if name in self._labels else None

    def mask_of(self, index: int) -> np.ndarray | None:
        """Return uint8 [L], 1 where a label is known; None where all or none are."""
        name = self._names[index]
        return self._labels[name][1] if name in self._labels else None

    def name_of(self, index: int) -> str:
        """Return the file name below the folder."""
        return self._names[index]

    def fingerprint(self) -> str:
        """Return a hex hash of the names and bytes of the images and of their labels."""
        digest = hashlib.blake2b(digest_size=32)
        for name in self._names:
            try:
                content = hashlib.blake2b(self._source.read(name), digest_size=32).digest()
            except ImageError as error:
                content = hashlib.blake2b(error.reason.encode(), digest_size=32).digest()
            key = name.encode("utf-8", "surrogateescape")
            digest.update(len(key).to_bytes(8, "little") + key + content)
        for name, (labels, mask) in self._labels.items():
            digest.update(name.encode("utf-8", "surrogateescape") + bytes(labels) + bytes(mask))
        digest.update(repr((self._classes, self.skipped)).encode())
        return digest.hexdigest()

    def _empty(self) -> DataError:
        found = seen(self._source.others + [item.name for item in self.skipped])
        hint = f"looked for {looked_for()}; no data yet? animekit demo"
        return DataError(f"no images in {self.where}: found {found}", hint)

    def _find_tags(self) -> Tags | None:
        """Read the tags file that was given, else tags.csv in the folder or beside it."""
        if self.tags is not None:
            return read_tags(self.tags)
        if self._source.tags is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / TAG_FILE
                path.write_bytes(self._source.tags)
                return read_tags(path)
        beside = Path(os.path.abspath(self.path)).parent / TAG_FILE
        return read_tags(beside) if beside.is_file() else None

    def _find_labels(
        self,
    ) -> tuple[
        dict[str, tuple[np.ndarray, np.ndarray]],
        tuple[tuple[str, ...], tuple[int, ...]] | None,
    ]:
        """Return (labels, mask) by name, and the label names and groups, if there are any."""
        tags = self._label_file
        if tags is None:
            return self._class_folders()
        found = ((name, tags.labels(name)) for name in self._names)
        labels = {name: pair for name, pair in found if pair is not None}
        if labels:
            return labels, (tuple(tags.names), tuple(tags.groups))
        if self.tags is None:
            return self._class_folders()  # the file beside belongs to other images
        raise DataError(
            f"{self.tags} has no row for any of the {len(self):,} images in {self.where}",
            f"its ids must be file names without the extension, such as"
            f" {PurePosixPath(self._names[0]).stem}",
        )

    def _class_folders(
        self,
    ) -> tuple[
        dict[str, tuple[np.ndarray, np.ndarray]],
        tuple[tuple[str, ...], tuple[int, ...]] | None,
    ]:
        parts = [PurePosixPath(name).parts for name in self._names]
        classes = sorted({part[0] for part in parts})
        if any(len(part) != 2 for part in parts) or len(classes) < 2:
            return {}, None
        rows = np.eye(len(classes), dtype=np.uint8)
        known = np.ones(len(classes), np.uint8)
        labels = {
            name: (rows[classes.index(part[0])], known)
            for name, part in zip(self._names, parts, strict=True)
        }
        return labels, (tuple(classes), (len(classes),))


@hookimpl
def animekit_datasets() -> list[type[Dataset]]:
    """Return the folder reader."""
    return [Folder]
