"""Which files of a place are containers of pictures, and which of these are the training split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from animekit.containers.parquet import ENDING as PARQUET
from animekit.containers.parquet import ParquetFiles, holds_pictures
from animekit.containers.shards import ENDING as TAR
from animekit.containers.shards import Shards
from animekit.data.dataset import Skipped
from animekit.errors import DataError
from animekit.labels.sources import Source

ENDINGS = (PARQUET, TAR)
"""What files that hold pictures are called, beside .zip."""
SPLIT = re.compile(r"(?:^|[/._-])(train|test|val|valid|validation|dev|eval)(?:[/._-]|$)")


class Container(Protocol):
    """Where files come from: names, what else there is, what is left out, labels.

    Names are below its top, with "/" between the parts. `files` are the files that hold them, 0
    where they lie in folders.
    """

    names: list[str]
    others: list[str]
    skipped: list[Skipped]
    notes: list[str]
    files: int

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises ImageError."""

    def labels(self) -> list[Source]:
        """Return what it says of its pictures beside files of labels."""


def is_container(path: Path | str) -> bool:
    """Say whether a file is called as one that holds pictures.

    >>> is_container("a/train-0.PARQUET"), is_container("a.tar.gz")
    (True, False)
    """
    return Path(path).suffix.lower() in ENDINGS


def open_container(files: Sequence[Path], where: str) -> Container:
    """Open Parquet files or shards as one set; DataError where they are mixed."""
    kinds = {path.suffix.lower() for path in files}
    if len(kinds) > 1:
        raise DataError(
            f"{where} names files of several kinds: {' '.join(sorted(kinds))}", "name those of one"
        )
    return ParquetFiles(files, where) if kinds == {PARQUET} else Shards(files, where)


def containers_in(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """Return the files of a folder that hold pictures, and those left out, with why.

    Of parts that are named by their split, as the Hub names them, those of "train" are taken.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if is_container(path)
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    tables = [path for path in found if path.suffix.lower() == PARQUET]
    found = [path for path in found if path not in tables or holds_pictures(path)]
    names = {path: path.relative_to(folder).as_posix() for path in found}
    splits = {path: SPLIT.search(names[path].lower()) for path in found}
    named = {path: said[1] for path, said in splits.items() if said}
    if "train" not in named.values():
        return found, []
    kept = [path for path in found if named.get(path, "train") == "train"]
    left = [
        Skipped(names[path], f"the split {split} and not train: --data {path} reads it")
        for path, split in named.items()
        if split != "train"
    ]
    return kept, left
