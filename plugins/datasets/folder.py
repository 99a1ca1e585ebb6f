"""Folders and zip archives of images, with labels from a file or from class folders."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from animekit.config import Params
from animekit.data.dataset import Dataset, no_images, nothing_at
from animekit.data.manifest import kept_names, newest_manifest, read_manifest
from animekit.data.spec import ImageSpec
from animekit.errors import DataError
from animekit.hookspecs import hookimpl
from animekit.images.decode import Header, ImageError, decode, header
from animekit.labels.tables import AttributeTable, read_labels
from animekit.labels.tags import Tags
from animekit_plugins.datasets._files import Archive, Files, FileSource, is_hashed

TAG_FILE = "tags.csv"


@dataclass(frozen=True)
class Labels:
    """Label names and groups, and (labels, mask) by image name."""

    words: str = ""
    names: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    rows: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


class Folder(Dataset):
    """A folder or .zip of images, labelled by a file or by class folders.

    Every image counts, at any depth; hidden files and folders do not. If the folder was cleaned, an
    image that its newest manifest knows counts only if the decision there is keep. Labels come from
    the file that is given, else from the tags.csv in the folder (it speaks of the images at its
    side and below), else from tags.csv beside the folder, if that names any of these images. Such a
    file holds hair and eye tags, CelebA's list of attributes, or a table with named columns.
    Without one, where every image lies in a first-level folder, the folders' names are the labels.
    """

    name = "folder"

    def __init__(self, where: str, params: Params | None = None, tags: Path | None = None) -> None:
        super().__init__(where, params, tags)
        self.path = Path(where)
        if not self.path.exists():
            raise nothing_at(where)
        self._source: FileSource = Files(self.path) if self.path.is_dir() else Archive(self.path)
        self.skipped = self._source.skipped
        if not self._source.names:
            raise self._empty()
        self._names, self._cleaned = self._kept()
        self._labels = self._find_labels()

    @classmethod
    def matches(cls, where: str) -> bool:
        """Say whether this is a folder, or a file that is a zip archive."""
        path = Path(where)
        return path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip")

    @property
    def description(self) -> str:
        """How many images in how many folders, kept of how many, and their labels."""
        folders = len({PurePosixPath(name).parent for name in self._names})
        words = f"{_count(len(self), 'image')} in {_count(folders, 'folder')}"
        return f"{words}{self._cleaned}{self._labels.words}"

    def spec(self, size: int) -> ImageSpec:
        """Return what a model sees of these images at a size."""
        return ImageSpec(size=size, labels=self._labels.names, groups=self._labels.groups)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        name = self._names[index]
        image = decode(self._source.read(name), name)
        return image, self._labels.rows[name][0] if name in self._labels.rows else None

    def mask_of(self, index: int) -> np.ndarray | None:
        """Return uint8 [L], 1 where a label is known; None where all or none are."""
        name = self._names[index]
        return self._labels.rows[name][1] if name in self._labels.rows else None

    def header(self, index: int) -> Header | None:
        """Return the size and format of a file; None where it has none or cannot be read."""
        try:
            return header(self._source.read(self._names[index]))
        except ImageError:
            return None

    def name_of(self, index: int) -> str:
        """Return the file name below the folder."""
        return self._names[index]

    def fingerprint(self) -> str:
        """Return a hex hash of the names and bytes of the images and of their labels."""
        digest = hashlib.blake2b(digest_size=32)
        for name in self._names:
            try:
                content = self._source.read(name)
            except ImageError as error:
                content = error.reason.encode("utf-8", "surrogateescape")
            key = name.encode("utf-8", "surrogateescape")
            digest.update(len(key).to_bytes(8, "little") + key)
            digest.update(hashlib.blake2b(content, digest_size=32).digest())
        for name, (labels, mask) in self._labels.rows.items():
            digest.update(name.encode("utf-8", "surrogateescape") + bytes(labels) + bytes(mask))
        vocabulary = (self._labels.names, self._labels.groups) if self._labels.names else None
        # what 0.1.0 did not list is no part of its fingerprints, or its runs would not resume
        left = [item for item in self.skipped if is_hashed(item)]
        digest.update(repr((vocabulary, left)).encode())
        return digest.hexdigest()

    def _empty(self) -> DataError:
        folder = self.where if self.path.is_dir() else ""
        return no_images(self.where, self._source.others, self.skipped, folder)

    def _kept(self) -> tuple[list[str], str]:
        """Return the images that the newest manifest keeps or does not know, and words for it."""
        path = newest_manifest(self.path)
        if path is None:
            return self._source.names, ""
        table = read_manifest(path)
        known, kept = set(table["name"]), set(kept_names(table))
        names = [name for name in self._source.names if name in kept or name not in known]
        if not names:
            raise DataError(
                f"{path} keeps none of the {len(self._source.names):,} images in {self.where}",
                f"edit its column decision, or look again: animekit clean {self.where}",
            )
        new = len(names) - sum(name in known for name in names)
        words = f"{len(names) - new:,} of {len(table):,} kept"
        words += f", {new:,} newer" if new else ""
        return names, f" (manifest {path.parent.name}: {words})"

    def _find_labels(self) -> Labels:
        if self.tags is not None:
            labels = self._match(read_labels(self.tags))
            if labels is None:
                raise DataError(
                    f"{self.tags} has no row for any of the {len(self):,} images in {self.where}",
                    "its ids must be file names without the extension, such as"
                    f" {PurePosixPath(self._names[0]).stem}",
                )
            return labels
        problem = ""
        for found in (self._tags_inside, self._tags_beside):
            try:
                labels = found()
            except DataError as error:
                # Nobody asked for this file, so it must not stop a training without labels.
                problem = f" ({TAG_FILE} is not used: {error.message.splitlines()[0]})"
                continue
            if labels is not None:
                return labels
        return self._class_folders(problem)

    def _match(self, tags: Tags | AttributeTable, below: str = "") -> Labels | None:
        """Return the labels of the images that the tags name; None if they name none."""
        names = (name for name in self._names if name.startswith(below))
        found = ((name, tags.labels(name.removeprefix(below))) for name in names)
        rows = {name: pair for name, pair in found if pair is not None}
        words = f", {len(rows):,} with tags"
        if isinstance(tags, AttributeTable):
            words = f", {len(rows):,} with labels ({tags.words})"
        return Labels(words, tuple(tags.names), tuple(tags.groups), rows) if rows else None

    def _tags_inside(self) -> Labels | None:
        """Use tags.csv at the top, or the only one below; two of them cannot be told apart."""
        files = [name for name in self._source.others if PurePosixPath(name).name == TAG_FILE]
        if TAG_FILE in files:
            files = [TAG_FILE]
        if len(files) != 1:
            return None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / TAG_FILE
            path.write_bytes(self._source.read(files[0]))
            return self._match(read_labels(path), below=files[0].removesuffix(TAG_FILE))

    def _tags_beside(self) -> Labels | None:
        path = self.path.absolute().parent / TAG_FILE
        return self._match(read_labels(path)) if path.is_file() else None

    def _class_folders(self, words: str) -> Labels:
        parts = [PurePosixPath(name).parts for name in self._names]
        classes = sorted({part[0] for part in parts})
        if any(len(part) != 2 for part in parts) or len(classes) < 2:
            return Labels(words)
        vectors = dict(zip(classes, np.eye(len(classes), dtype=np.uint8), strict=True))
        known = np.ones(len(classes), np.uint8)
        rows = {
            name: (vectors[part[0]], known) for name, part in zip(self._names, parts, strict=True)
        }
        shown = " ".join(classes[:8]) + (" ..." if len(classes) > 8 else "")
        words = f", {len(classes)} classes: {shown}{words}"
        return Labels(words, tuple(classes), (len(classes),), rows)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


@hookimpl
def animekit_datasets() -> list[type[Dataset]]:
    """Return the reader of folders and archives."""
    return [Folder]
