"""Where labels lie: tags.csv, metadata, captions and dataset.json, in a folder or beside it."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from animekit.errors import AnimekitError, DataError, NotFoundError
from animekit.foreign import parse_json
from animekit.labels.asked import of_rows, of_sheet, of_table, parse_asked
from animekit.labels.classes import MAX_CLASSES, read_classes
from animekit.labels.plan import LabelPlan
from animekit.labels.rows import (
    MAX_BYTES,
    MAX_LINE,
    MAX_ROWS,
    Sheet,
    TagRow,
    numbered,
    sheet_of,
    too_large,
)
from animekit.labels.tables import AttributeTable, labels_of, parse_labels
from animekit.labels.tags import SkippedRow, Tags, decoded, read_text, tags_of
from animekit.labels.words import shown

TAG_FILE = "tags.csv"
METADATA = ("metadata.jsonl", "metadata.csv")
"""What image folders of the Hugging Face Hub call their labels."""
CLASSES = "dataset.json"
"""What StyleGAN calls its labels."""
CAPTION = ".txt"
ORDER = f"{TAG_FILE}, {METADATA[0]}, {METADATA[1]}, {CLASSES}, a {CAPTION} beside each picture"
UNREAD = (".caption", ".json", ".xml", ".npz")
"""Files beside pictures that others take labels from, and animekit does not."""
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


Found = Tags | AttributeTable
Read = Callable[[LabelPlan | None], Found]
"""Reads labels: those of a plan, or hair and eye colours, or all that are there."""


class Place(Protocol):
    """A folder or an archive: the names of the files that are no pictures."""

    others: list[str]

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; an AnimekitError where it cannot be read."""


@dataclass(frozen=True)
class Source:
    """One place where labels are, which is read only when asked.

    It speaks of the pictures below the folder `below`, which ends in "/" or is "". With `exactly`,
    it names each by its path below there. With `is_all`, folders are no classes, even if it cannot
    be used.
    """

    name: str
    reader: Read
    below: str = ""
    exactly: bool = False
    is_all: bool = False

    def read(self, plan: LabelPlan | None = None) -> Found:
        """Return the labels: those of a plan, else hair and eye colours or named columns."""
        return self.reader(plan)


def inside(place: Place, pictures: Collection[str], where: str) -> list[Source]:
    """Return the places of labels in a folder, the first to be tried first."""
    found = []
    for name, read in (
        (TAG_FILE, _read_file),
        (METADATA[0], _read_lines),
        (METADATA[1], _read_table),
        (CLASSES, _read_classes),
    ):
        files = [other for other in place.others if PurePosixPath(other).name == name]
        files = [name] if name in files else files
        if len(files) == 1:
            found.append(_one(place, files[0], where, read))
        elif files:
            found.append(_several(files))
    captions = _captions(place, pictures)
    if captions:
        words = f"{len(captions):,} {CAPTION} beside the pictures"
        read = partial(_read_captions, place, captions, words)
        found.append(Source(words, read, exactly=True))
    return found


def beside(folder: Path) -> list[Source]:
    """Return the tags.csv that lies beside a folder, if there is one."""
    path = folder.absolute().parent / TAG_FILE
    return [_of_path(path)] if path.is_file() else []


def label_files(folder: Path, pictures: Collection[str]) -> list[str]:
    """Return the files that label some pictures of a folder, by their names below it."""
    place = _Folder(folder)
    known = (TAG_FILE, *METADATA, CLASSES)
    tables = [name for name in place.others if PurePosixPath(name).name in known]
    return tables + _captions(place, pictures)


def given(path: Path) -> Source:
    """Return the labels of a file, or of a folder that holds such a file or captions.

    Raises NotFoundError where there is nothing, and DataError that says what is there.
    """
    if path.is_dir():
        place = _Folder(path)
        found = inside(place, (), str(path))
        texts = [name for name in place.others if name.endswith(CAPTION)]
        if texts and not found:
            words = f"{len(texts):,} {CAPTION} in {path}"
            return Source(words, partial(_read_captions, place, texts, words))
        if not found:
            raise NotFoundError(f"no labels in {path}", f"looked for {ORDER}; or name a file in it")
        return found[0]
    if path.suffix.lower() == ".jsonl" or path.name == CLASSES:
        read = _read_classes if path.name == CLASSES else _read_lines
        return _one(_Folder(path.parent), path.name, str(path.parent), read)
    return _of_path(path)


def files_of(folder: Path) -> Place:
    """Return the files of a folder and of all folders in it, hidden ones left out."""
    return _Folder(folder)


def tags_of_folder(folder: Path, pictures: Collection[str] | None = None) -> tuple[Tags, Source]:
    """Return the hair and eye tags of a folder or a file, and where they were.

    `pictures` are those of the folder, whose captions are read. Raises as `given`, and DataError
    for labels of another kind.
    """
    source = given(folder)
    if pictures:
        found = inside(_Folder(folder), pictures, str(folder))
        source = found[0] if found else source
    tags = source.read(None)
    if isinstance(tags, Tags):
        return tags, source
    raise DataError(
        f"{source.name} gives other labels than hair and eye colours: {tags.words}",
        f"animekit data info PICTURES --tags {folder}",
    )


def unread(place: Place, pictures: Collection[str]) -> list[str]:
    """Say which files may hold labels and are never read unasked."""
    stems = {_stem(name) for name in pictures}
    said = []
    for suffix in UNREAD:
        count = sum(name.endswith(suffix) and _stem(name) in stems for name in place.others)
        if count:
            said.append(f"{count:,} {suffix} beside the pictures")
    known = (TAG_FILE, *METADATA)
    tables = [name for name in place.others if name.endswith(TABLES) and "/" not in name]
    return said + [f"{name} (--tags reads it)" for name in tables if name not in known]


class _Folder:
    """The files of a folder and of all folders in it, hidden ones left out."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.others: list[str] = []
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            base = Path(folder).relative_to(top)
            self.others += [(base / name).as_posix() for name in files if name[0] != "."]
            if len(self.others) > MAX_ROWS:
                raise too_large(str(top), f"more than {MAX_ROWS:,} files")
        self.others.sort()

    def read(self, name: str) -> bytes:
        try:
            with (self.top / name).open("rb") as file:
                return file.read(MAX_BYTES + 1)  # of which `decoded` says that it is too much
        except OSError as error:
            raise DataError(f"cannot read {self.top / name}: {error.strerror}") from None


def _of_path(path: Path) -> Source:
    return Source(path.name, lambda plan: _read_file(str(path), read_text(path), plan))


def _one(
    place: Place, name: str, where: str, read: Callable[[str, str, LabelPlan | None], Found]
) -> Source:
    file = f"{where}/{name}"
    below = name[: len(name) - len(PurePosixPath(name).name)]
    return Source(
        name,
        lambda plan: read(file, decoded(file, place.read(name)), plan),
        below,
        exactly=read is _read_classes,
        is_all=True,
    )


def _several(files: list[str]) -> Source:
    def refuse(plan: LabelPlan | None) -> Tags:
        raise DataError(
            f"{len(files)} files may hold the labels: {', '.join(files[:3])}",
            f"open one of the folders, or join them into one {TAG_FILE} at the top",
        )

    return Source(PurePosixPath(files[0]).name, refuse, is_all=True)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _captions(place: Place, pictures: Collection[str]) -> list[str]:
    """Return the texts that are called like a picture: 0.txt or 0.png.txt beside 0.png."""
    names = {_stem(name) for name in pictures} | set(pictures)
    return [name for name in place.others if name.endswith(CAPTION) and name[:-4] in names]


def _read_file(where: str, text: str, plan: LabelPlan | None) -> Found:
    """Read a tag file, CelebA's list or a table."""
    return parse_labels(where, text) if plan is None else parse_asked(where, text, plan)


def _of_sheet(sheet: Sheet, plan: LabelPlan | None) -> Found:
    return labels_of(sheet) if plan is None else of_sheet(sheet, plan)


def _read_captions(place: Place, names: list[str], words: str, plan: LabelPlan | None) -> Found:
    """Read tags out of a text a picture, as kohya's scripts write them."""
    rows = (_caption(place, *each) for each in enumerate(names, start=1))
    if plan is not None:
        return of_rows(words, rows, plan, words)
    return replace(tags_of(words, rows), words=words)


def _caption(place: Place, number: int, name: str) -> TagRow:
    try:
        data = place.read(name)
        text = decoded(name, data[:MAX_LINE])
    except AnimekitError as error:
        return TagRow(number, name[:-4], "", error.message)
    return TagRow(number, name[:-4], ",".join(text.split("\n")))


def _read_lines(where: str, text: str, plan: LabelPlan | None) -> Found:
    """Read the lines of metadata.jsonl: objects of one file_name, and what is said of it."""
    rows: list[tuple[int, dict[str, Any]]] = []
    bad: list[SkippedRow] = []
    if text.count("\n") > MAX_ROWS:
        raise too_large(where, f"more than {MAX_ROWS:,} rows")
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            row = parse_json(line, f"row {number}", kind=DataError) if line.strip() else None
        except DataError as error:
            bad.append(SkippedRow(number, error.message))
            continue
        if isinstance(row, dict):
            rows.append((number, row))
    if bad and not rows:
        raise DataError(
            f"{where}: no row can be read; {bad[0].reason}", 'rows: {"file_name": "0.png", ...}'
        )
    names = list(dict.fromkeys(key for _, row in rows for key in row))
    if not any(name.endswith("file_name") for name in names) or len(names) > MAX_CLASSES:
        raise DataError(f'{where} has no "file_name" in its rows', '{"file_name": "0.png", ...}')
    plain = [key for key in names if all(_is_plain(row.get(key)) for _, row in rows)]
    lines = [(0, _line([" ".join(key.split()) for key in plain]))]
    lines += [(number, _line([_text(row.get(key)) for key in plain])) for number, row in rows]
    found = _of_sheet(replace(sheet_of(where, lines), is_metadata=True), plan)
    found.skipped.extend(bad)
    nested = [shown(key) for key in names if key not in plain]
    words = [found.words, f"{', '.join(nested[:3])} left out" if nested else ""]
    return replace(found, words="; ".join(filter(None, words)))


def _read_table(where: str, text: str, plan: LabelPlan | None) -> Found:
    """Read metadata.csv: a header with file_name, and a row a picture."""
    return _of_sheet(replace(sheet_of(where, numbered(where, text)), is_metadata=True), plan)


def _read_classes(where: str, text: str, plan: LabelPlan | None) -> Found:
    found = read_classes(where, text)
    return found if plan is None else of_table(found, plan)


def _is_plain(value: Any) -> bool:
    """Say whether a value is one cell: a word, a number, yes or no, or a list of words."""
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return not isinstance(value, dict)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else ", ".join(str(value).splitlines())


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
