"""Folders, archives and containers of images, with labels from a file or from class folders."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from animekit.config import Params
from animekit.containers.metadata import metadata_in
from animekit.containers.opened import Container, containers_in, is_container, open_container
from animekit.data.dataset import Dataset, Skipped, no_images, nothing_at
from animekit.data.manifest import kept_names, newest_manifest, read_manifest
from animekit.data.places import files_at
from animekit.data.spec import ImageSpec
from animekit.errors import DataError
from animekit.hookspecs import hookimpl
from animekit.images.decode import Header, ImageError, decode, header
from animekit.labels import sources
from animekit.labels.asked import AskedTable, of_table
from animekit.labels.ids import LabelUse, match
from animekit.labels.plan import LabelPlan
from animekit.labels.tables import AttributeTable
from animekit.labels.values import MAX_VALUES
from animekit_plugins.datasets._files import Archive, Files, is_hashed


@dataclass(frozen=True)
class Labels:
    """Label names and groups, and (labels, mask) by image name."""

    words: str = ""
    names: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    rows: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    use: LabelUse | None = None


class Folder(Dataset):
    """A folder, .zip, .parquet or .tar of images, with or without labels.

    Parquet files are what image sets of the Hugging Face Hub are; their other columns are labels.
    Tar files are WebDataset shards: .json, .cls and .txt beside a picture label it. Several are one
    set, as in "shards/{00..03}.tar" or "data/train-*.parquet", and so is a folder that holds them
    and no pictures; where they are named by splits, those of train.

    Every image counts, at any depth; hidden files and folders do not. If the folder was cleaned, an
    image that its newest manifest knows counts only if the decision there is keep. Labels come from
    the file or folder that is given, else from the first of these that names any image: tags.csv in
    the folder (it speaks of the images at its side and below), tags.csv beside the folder,
    metadata.jsonl, metadata.csv, dataset.json, a .txt beside each image, metadata.parquet. Such a
    file holds hair and eye tags, CelebA's list of attributes, or a table with named columns. What
    was found and could not be used is said. Without any, where every image lies in a first-level
    folder, the folders' names are the labels.
    """

    name = "folder"
    takes_plan = True

    def __init__(
        self,
        where: str,
        params: Params | None = None,
        tags: Path | None = None,
        plan: LabelPlan | None = None,
    ) -> None:
        super().__init__(where, params, tags)
        self.plan = plan
        self.path = Path(where)
        self._pictures = ""  # their hash, once they were read for the fingerprint
        self._source: Container = source_of(where)
        self.skipped = self._source.skipped
        if not self._source.names:
            raise self._empty()
        self._names, self._cleaned = self._kept()
        self._labels = self._find_labels()
        self.label_notes += self._source.notes
        self.label_use = self._labels.use

    @classmethod
    def matches(cls, where: str) -> bool:
        """Say whether this is a folder, or files called as those that hold pictures."""
        files = files_at(where)
        if files == [Path(where)] and files[0].is_dir():
            return True
        return bool(files) and all(
            path.is_file() and (path.suffix.lower() == ".zip" or is_container(path))
            for path in files
        )

    @property
    def description(self) -> str:
        """How many images in how many folders or files, how many kept, their labels."""
        folders = len({PurePosixPath(name).parent for name in self._names})
        place = _count(self._source.files, "file") if self._source.files else ""
        words = f"{_count(len(self), 'image')} in {place or _count(folders, 'folder')}"
        return f"{words}{self._cleaned}{self._labels.words}"

    def spec(self, size: int) -> ImageSpec:
        """Return what a model sees of these images at a size."""
        return ImageSpec(size=size, labels=self._labels.names, groups=self._labels.groups)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        name = self._names[index]
        return decode(self._source.read(name), name), self.labels_of(index)

    def labels_of(self, index: int) -> np.ndarray | None:
        """Return the labels of an image, uint8 [L] or None, without reading it."""
        name = self._names[index]
        return self._labels.rows[name][0] if name in self._labels.rows else None

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

    def file_of(self, index: int) -> bytes | None:
        """Return the bytes of a picture's file, as they are."""
        return self._source.read(self._names[index])

    def name_of(self, index: int) -> str:
        """Return the file name below the folder."""
        return self._names[index]

    def labelled(self) -> int:
        """Return how many images have labels."""
        return len(self._labels.rows)

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
        self._pictures = digest.hexdigest()
        for name, (labels, mask) in self._labels.rows.items():
            digest.update(name.encode("utf-8", "surrogateescape") + bytes(labels) + bytes(mask))
        vocabulary = (self._labels.names, self._labels.groups) if self._labels.names else None
        # what 0.1.0 did not list is no part of its fingerprints, or its runs would not resume
        left = [item for item in self.skipped if is_hashed(item)]
        digest.update(repr((vocabulary, left)).encode())
        return digest.hexdigest()

    def pictures(self) -> str:
        """Return a hex hash of the names and bytes of the images."""
        if not self._pictures:
            self.fingerprint()
        return self._pictures

    def _empty(self) -> DataError:
        folder = self.where if self.path.is_dir() else ""
        return no_images(self.where, self._source.others, self.skipped, folder)

    def _kept(self) -> tuple[list[str], str]:
        """Return the images that the newest manifest keeps or does not know, and words for it."""
        path = newest_manifest(self.path)
        if path is None:
            return self._source.names, ""
        table = read_manifest(path, ["decision"])
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
            return self._match(sources.given(self.tags))
        beside = sources.beside(self.path)
        found = self._source.labels() or [
            *sources.inside(self._source, self._source.names, self.where),
            *metadata_in(self._source),
        ]
        if not found or found[0].name != sources.TAG_FILE:
            found = beside + found
        else:
            found[1:1] = beside
        words, classes = "", True
        for place, source in enumerate(found):
            try:
                labels = self._match(source)
            except DataError as error:
                # Nobody asked for this file, so it must not stop a training without labels.
                words += f" ({source.name} is not used: {error.message.splitlines()[0]})"
                self.label_notes.append(f"{source.name}: {error.message}; {error.hint}")
                classes &= not source.is_all
                continue
            self.label_notes += [
                f"{each.name}: read only without {source.name}" for each in found[place + 1 :]
            ]
            return replace(labels, words=labels.words + words)
        self.label_notes += sources.unread(self._source, self._source.names)
        return self._class_folders(words) if classes else Labels(words)

    def _match(self, source: sources.Source) -> Labels:
        """Return the labels of the images that a source names; DataError if it names none."""
        found = source.read(self.plan)
        below = source.below
        names = [name[len(below) :] for name in self._source.names if name.startswith(below)]
        top = self.path.absolute()
        home = (top if self.path.is_dir() else top.with_suffix("")) / below
        pairs, use = match(
            found,
            names,
            file=source.name if self.tags is None else str(self.tags),
            home=home.as_posix(),
            exactly=source.exactly,
            exists=partial(_is_elsewhere, home, top.parent),
        )
        kept = set(self._names)
        rows = {below + name: pair for name, pair in pairs.items() if below + name in kept}
        if not rows:
            raise _no_row(use, names, self)
        words = f", {len(rows):,} with tags" + (f" ({found.words})" if found.words else "")
        if isinstance(found, AskedTable):
            self.said, self.clashes = found.counts, found.clashes
        if isinstance(found, AttributeTable):
            words = f", {len(rows):,} with labels ({found.words})"
        return Labels(words, tuple(found.names), tuple(found.groups), rows, use)

    def _class_folders(self, words: str) -> Labels:
        parts = [PurePosixPath(name).parts for name in self._names]
        classes = sorted({part[0] for part in parts})
        if any(len(part) != 2 for part in parts) or len(classes) < 2:
            return Labels(words)
        if len(classes) > MAX_VALUES and all(map(str.isdecimal, classes)):
            return Labels(f"{words} (numbered folders, no classes)")  # as 000 to 999
        vectors = dict(zip(classes, np.eye(len(classes), dtype=np.uint8), strict=True))
        known = np.ones(len(classes), np.uint8)
        rows = {
            name: (vectors[part[0]], known) for name, part in zip(self._names, parts, strict=True)
        }
        shown = " ".join(classes[:8]) + (" ..." if len(classes) > 8 else "")
        words = f", {len(classes)} classes: {shown}{words}"
        names, groups = tuple(classes), (len(classes),)
        if self.plan is None:
            return Labels(words, names, groups, rows)
        found = of_table(AttributeTable(names, groups, rows, "class folders"), self.plan)
        self.said = found.counts
        return Labels(f"{words} ({found.words})", found.names, found.groups, found.rows)


class RawFolder(Folder):
    """The same as if it had never been cleaned: raw:PATH, to compare with."""

    name = "raw"

    @classmethod
    def matches(cls, where: str) -> bool:
        """Say no: who wants it names it."""
        return False

    def _kept(self) -> tuple[list[str], str]:
        """Return all images, and words that say so where there is a manifest."""
        found = newest_manifest(self.path)
        return self._source.names, "" if found is None else " (raw: no manifest counts)"


def source_of(where: str) -> Container:
    """Return where files come from: a folder, an archive, or containers.

    Raises NotFoundError where there is nothing.
    """
    files = files_at(where)
    if not files or not files[0].exists():
        raise nothing_at(where)
    if is_container(files[0]) and not files[0].is_dir():
        return open_container(files, where)
    if len(files) > 1:
        raise DataError(
            f"{where} names {len(files):,} files, such as {files[0]}",
            "a pattern is for .parquet and .tar; join folders with a +",
        )
    if not files[0].is_dir():
        return Archive(files[0])
    folder = Files(files[0])
    if folder.names or not any(map(is_container, [*folder.others, *_named(folder.skipped)])):
        return folder
    inside, left = containers_in(files[0])
    if not inside:
        return folder
    found = open_container(inside, where)
    found.skipped += left
    return found


def _named(skipped: list[Skipped]) -> list[str]:
    return [item.name for item in skipped]


def _no_row(use: LabelUse, names: list[str], folder: Folder) -> DataError:
    """Return the error for labels of other images: it says what both are called."""
    first = f"; {use.unmatched.first[0]}" if use.unmatched.first else ""
    return DataError(
        f"{use.file} has no row for any of the {len(folder):,} images in {folder.where}{first}",
        f"its ids must be paths below the folder, or file names, such as {names[0]} or"
        f" {PurePosixPath(names[0]).stem}, with all zeros in front",
    )


def _is_elsewhere(home: Path, parent: Path, key: str) -> bool:
    """Say whether an id is the path of a file that is not in the folder."""
    plain = key.replace("\\", "/")
    try:
        files = [path for path in (home / plain, parent / plain) if path.is_file()]
        return bool(files) and not any(
            path.resolve().is_relative_to(home.resolve()) for path in files
        )
    except (OSError, ValueError):
        return False


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


@hookimpl
def animekit_datasets() -> list[type[Dataset]]:
    """Return the readers of folders and archives."""
    return [Folder, RawFolder]
