"""Metadata beside pictures in a Parquet file: which picture each row is of, and its labels."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from animekit.containers.parquet import arrow, first_words
from animekit.containers.records import FILE_NAME, labels_in
from animekit.containers.schema import class_names, named, plain_columns
from animekit.errors import DataError
from animekit.labels.rows import MAX_BYTES, too_large
from animekit.labels.sources import Place, Source

FILE = "metadata.parquet"


def metadata_in(place: Place) -> list[Source]:
    """Return the labels of the one metadata.parquet of a place; [] without one.

    Its rows name pictures by their path below its own folder. One that cannot be read is refused
    when its labels are asked for.
    """
    found = [name for name in place.others if PurePosixPath(name).name == FILE]
    if len(found) != 1:
        return []
    name = found[0]
    below = name[: len(name) - len(FILE)]

    def read(plan: Any) -> Any:
        return _labels(name, place.read(name)).read(plan)

    return [Source(name, read, below, exactly=True, is_all=True)]


def _labels(name: str, data: bytes) -> Source:
    import pyarrow

    if len(data) > MAX_BYTES:
        raise too_large(name, f"more than {MAX_BYTES >> 20} MB")
    try:
        with arrow().ParquetFile(pyarrow.BufferReader(data)) as file:
            schema = file.schema_arrow
            columns = plain_columns(schema)
            table = file.read(columns=columns)
    except pyarrow.ArrowException as error:
        words = f"{name} is not a readable Parquet file: {first_words(error)}"
        raise DataError(words, "get it again") from None
    if FILE_NAME not in columns:
        raise DataError(f'{name} has no column "{FILE_NAME}"', "it must name the pictures")
    names = [str(each or "") for each in table.column(FILE_NAME).to_pylist()]
    classes = class_names(schema)
    others = {each: table.column(each).to_pylist() for each in columns if each != FILE_NAME}
    found = labels_in(name, names, {n: named(v, classes.get(n)) for n, v in others.items()})
    if not found:
        raise DataError(f"{name} has no column of labels", "columns of words, or of yes and no")
    return found[0]
