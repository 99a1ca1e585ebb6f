"""Data sets to give away: pictures as they are, and their labels, as a Parquet file or a folder."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from animekit import plugins
from animekit.containers.parquet import ENDING, arrow
from animekit.containers.records import FILE_NAME, Names
from animekit.containers.schema import own_metadata, safe
from animekit.data.dataset import Dataset, Skipped, no_images
from animekit.data.joined import open_dataset
from animekit.data.places import Data, joined
from animekit.errors import DataError, UnusableError, UsageError
from animekit.files import Progress, as_error, cores, move, refuse_full, writing
from animekit.images.decode import ImageError
from animekit.images.formats import EXTENSIONS, KINDS, sniff, suffix_of
from animekit.images.write import png_bytes
from animekit.labels.values import CLASS_COLUMNS
from animekit.labels.vocabulary import Vocabulary
from animekit.labels.written import column_of, separator_of
from animekit.text import did_you_mean

if TYPE_CHECKING:
    from animekit.plugins import Registry

SHARED = ("parquet", "folder")
"""The forms that a data set can be given away in."""
IMAGE, METADATA = "image", "metadata.csv"
Cell = tuple[int, ...] | None
GROUP_ROWS, GROUP_BYTES = 1000, 64 << 20
"""A row group of a Parquet file: what readers unpack at a time."""
BLOCK = 256
"""Pictures that are read at a time."""


@dataclass(frozen=True)
class Shared:
    """What was written: how many pictures of how many, and which were left out."""

    path: Path
    kind: str
    images: int
    found: int
    labels: tuple[str, ...]
    fingerprint: str
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Bytes of the file, or of all files of the folder."""
        files = [self.path] if self.path.is_file() else self.path.rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())


class _Item(NamedTuple):
    """One picture: its bytes, its labels by attribute, or why it is left out."""

    name: str
    data: bytes
    cells: tuple[Cell, ...]
    problem: str = ""


def share(
    data: Data,
    kind: str,
    out: Path | str,
    *,
    size: int = 64,
    tags: Path | None = None,
    labels: str | None = None,
    overwrite: bool = False,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Shared:
    """Write a data set as a Parquet file, or as a folder with metadata.csv.

    Pictures go as they are, byte for byte; what is drawn by code is drawn at `size`, as PNG. One
    that cannot be decoded is left out and named. `--data` opens the result with the same pictures
    and labels. Raises UsageError for another kind, UnusableError where something is there already,
    and as `open_dataset`.
    """
    out = Path(out)
    refuse_form(kind, out, overwrite=overwrite)
    registry = plugins.load() if registry is None else registry
    dataset = open_dataset(joined(data), registry, tags, labels)
    write = _to_parquet if kind == "parquet" else _to_folder
    skipped = list(dataset.skipped)
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        count = write(dataset, out, _whole(dataset, size, skipped, progress))
    except OSError as error:
        raise as_error(error, "name another place") from None
    spec = dataset.spec(size)
    found = len(dataset) + len(dataset.skipped)
    return Shared(out, kind, count, found, spec.labels, dataset.fingerprint(), skipped)


def refuse_form(kind: str, out: Path, *, overwrite: bool) -> None:
    """Raise UsageError for no form, UnusableError where something is in the way."""
    if kind not in SHARED:
        raise UsageError(
            f'"{kind}" is no form of a data set.{did_you_mean(kind, SHARED)}',
            f"forms: {' '.join(SHARED)}",
        )
    if kind == "folder":
        refuse_full(out)
    elif out.is_dir() or (out.exists() and not overwrite):
        hint = "name a file" if out.is_dir() else "--yes replaces it; or name another"
        raise UnusableError(f"{out} exists", hint, code="file.exists")
    elif out.suffix.lower() != ENDING:
        raise UsageError(f"{out} would not be known as a Parquet file", f"name it {out}{ENDING}")


def _whole(
    dataset: Dataset, size: int, skipped: list[Skipped], progress: Progress | None
) -> Iterator[_Item]:
    """Yield the pictures that can be decoded under names of their own; note the others."""
    total, count, names = len(dataset), 0, Names()
    attributes = [*_attributes(dataset).values()]

    def read(index: int) -> _Item:
        return _item(dataset, index, size, attributes)

    with ThreadPoolExecutor(cores(), thread_name_prefix="animekit-share") as pool:
        for start in range(0, total, BLOCK):
            stop = min(start + BLOCK, total)
            for item in pool.map(read, range(start, stop)):
                if item.problem:
                    skipped.append(Skipped(item.name, item.problem))
                    continue
                count += 1
                yield item._replace(name=names.fresh(item.name))
            if progress is not None:
                progress(stop, total)
    if not count:
        raise no_images(dataset.where, (), skipped)


def _item(dataset: Dataset, index: int, size: int, attributes: Sequence[slice]) -> _Item:
    name = dataset.name_of(index)
    try:
        data = dataset.file_of(index)
        if data is None:
            image, labels = dataset.render(index, size)
            data = png_bytes(image)
        else:
            labels = dataset[index][1]  # which decodes it too
    except ImageError as error:
        return _Item(name, b"", (), error.reason)
    except DataError as error:
        return _Item(name, b"", (), error.message)
    mask = None if labels is None else dataset.mask_of(index)
    cells = tuple(_cell(part, labels, mask) for part in attributes)
    return _Item(_file_name(name, index, data), data, cells)


def _cell(part: slice, labels: np.ndarray | None, mask: np.ndarray | None) -> Cell:
    """Return the places of the values that a picture has; None where they are not known."""
    if labels is None or (mask is not None and not mask[part].any()):
        return None
    return tuple(np.flatnonzero(labels[part]).tolist())


def _attributes(dataset: Dataset) -> dict[str, slice]:
    spec = dataset.spec(8)
    return Vocabulary(spec.labels, spec.groups).attributes


def _file_name(name: str, index: int, data: bytes) -> str:
    """Return a name below a folder, with the ending of its format."""
    plain = safe(name.replace(":", "-")) or str(index)
    if suffix_of(plain) in KINDS:
        return plain
    return plain + next(end for end in EXTENSIONS if KINDS[end] == (sniff(data) or "PNG"))


def _to_parquet(dataset: Dataset, out: Path, items: Iterator[_Item]) -> int:
    """Write one file, a row group at a time; count its rows."""
    parquet = arrow()
    import pyarrow as pa

    labels = dataset.spec(8).labels
    attributes = _attributes(dataset)
    values = {name: list(labels[part]) for name, part in attributes.items()}
    kinds = [pa.bool_() if len(each) == 1 else pa.list_(pa.string()) for each in values.values()]
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [pa.field(IMAGE, picture)]
    columns += [pa.field(_column(n), kind) for n, kind in zip(values, kinds, strict=True)]
    schema = pa.schema(columns, metadata=own_metadata(values, IMAGE))
    count = 0
    with writing(out) as temporary, parquet.ParquetWriter(temporary, schema) as file:
        for group in _groups(items):
            pictures = [{"bytes": item.data, "path": item.name} for item in group]
            arrays = [pa.array(pictures, picture)]
            for place, (each, kind) in enumerate(zip(values.values(), kinds, strict=True)):
                cells = [_plain(item.cells[place], each) for item in group]
                arrays.append(pa.array(cells, kind))
            file.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=len(group))
            count += len(group)
    return count


def _plain(cell: Cell, values: Sequence[str]) -> bool | list[str] | None:
    """Return a cell as yes or no, or as words; None where it is not known."""
    if cell is None:
        return None
    return bool(cell) if len(values) == 1 else [values[place] for place in cell]


def _groups(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    """Yield the rows of row groups, which are bounded in number and in bytes."""
    group: list[_Item] = []
    held = 0
    for item in items:
        group.append(item)
        held += len(item.data)
        if len(group) == GROUP_ROWS or held >= GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


def _to_folder(dataset: Dataset, out: Path, items: Iterator[_Item]) -> int:
    """Write pictures and metadata.csv into a folder that appears whole; count them."""
    spec = dataset.spec(8)
    labels, attributes = spec.labels, _attributes(dataset)
    parted = separator_of(Vocabulary(spec.labels, spec.groups))
    count = 0
    place = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.absolute().parent))
    try:
        content = place / "content"  # mkdtemp's own folder is closed to others
        content.mkdir()
        with (content / METADATA).open("w", encoding="utf-8", newline="") as text:
            table = csv.writer(text, lineterminator="\n")
            named = ((name, labels[part]) for name, part in attributes.items())
            table.writerow([FILE_NAME, *(_whole_column(*each) for each in named)])
            for item in items:
                target = content / item.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(item.data)
                cells = zip(item.cells, attributes.values(), strict=True)
                table.writerow(
                    [item.name, *(_text(cell, labels[part], parted) for cell, part in cells)]
                )
                count += 1
        if not attributes:
            (content / METADATA).unlink()
        move(content, out)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return count


def _text(cell: Cell, values: Sequence[str], parted: str) -> str:
    found = _plain(cell, values)
    if isinstance(found, list):
        return parted.join(found)
    return "" if found is None else str(int(found))


def _whole_column(attribute: str, values: Sequence[str]) -> str:
    """Return what a column of metadata.csv is called, so that its cells are read as `values`."""
    if attribute.lower() in CLASS_COLUMNS:  # their cells are whole there
        return attribute
    return _column(column_of(attribute, values))


def _column(attribute: str) -> str:
    """Return what a column is called; no other column may be taken for the picture."""
    return f"{attribute} label" if attribute.lower() in (IMAGE, FILE_NAME) else attribute
