"""Columns of Parquet files: which hold pictures, which may be labels, names of classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from animekit.errors import AnimekitError
from animekit.foreign import parse_json


@dataclass(frozen=True)
class PictureColumn:
    """The column of pictures: its name, and whether it is a struct of bytes and path."""

    name: str
    is_struct: bool
    has_path: bool = False

    @property
    def leaf(self) -> str:
        """The path of the bytes in the file."""
        return f"{self.name}.bytes" if self.is_struct else self.name


def picture_columns(schema: Any) -> list[PictureColumn]:
    """Return the columns that may hold pictures: bytes, or structs that have them."""
    import pyarrow.types as kinds

    def is_bytes(kind: Any) -> bool:
        return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))

    found = []
    for each in schema:
        if "." in each.name:
            continue  # which names a part of a struct as well
        if is_bytes(each.type):
            found.append(PictureColumn(each.name, is_struct=False))
        elif kinds.is_struct(each.type):
            parts = {part.name: part.type for part in each.type}
            if is_bytes(parts.get("bytes", each.type)):
                path = parts.get("path", each.type)
                has_path = kinds.is_string(path) or kinds.is_large_string(path)
                found.append(PictureColumn(each.name, is_struct=True, has_path=bool(has_path)))
    return found


def plain_columns(schema: Any) -> list[str]:
    """Return the columns that may be labels: words, numbers, flags, lists of words."""
    import pyarrow.types as kinds

    def is_plain(kind: Any) -> bool:
        if kinds.is_dictionary(kind):
            kind = kind.value_type
        if kinds.is_list(kind) or kinds.is_large_list(kind):
            return bool(kinds.is_string(kind.value_type))
        text = kinds.is_string(kind) or kinds.is_large_string(kind)
        number = kinds.is_integer(kind) or kinds.is_floating(kind)
        return bool(text or number or kinds.is_boolean(kind))

    return [each.name for each in schema if "." not in each.name and is_plain(each.type)]


def own_metadata(values: Mapping[str, Sequence[str]], picture: str) -> dict[bytes, bytes]:
    """Return what our own file says of its columns, to us and to the Hub.

    `values` are the labels of each column, in the order of the label vector.
    """

    def plain(kind: str) -> dict[str, str]:
        return {"dtype": kind, "_type": "Value"}

    features: dict[str, Any] = {picture: {"_type": "Image"}}
    for name, each in values.items():
        words = {"feature": plain("string"), "_type": "Sequence"}
        features[name] = plain("bool") if len(each) == 1 else words
    said = {b"animekit": {"attributes": values}, b"huggingface": {"info": {"features": features}}}
    return {key: json.dumps(each).encode() for key, each in said.items()}


def own_values(schema: Any) -> dict[str, list[str]]:
    """Return the labels of each column of our own file; {} for any other."""
    try:
        said = parse_json((schema.metadata or {})[b"animekit"].decode(), "the file's attributes")
        found = dict(said["attributes"])
    except (AnimekitError, UnicodeDecodeError, LookupError, TypeError, ValueError):
        return {}
    sound = all(
        name in schema.names and isinstance(each, list) and each and all(map(_is_label, each))
        for name, each in found.items()
    )
    names = [label for each in found.values() for label in each] if sound else []
    return found if len(set(names)) == len(names) else {}


def _is_label(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of numbered classes by column, as the Hub's files say them."""
    said = (schema.metadata or {}).get(b"huggingface")
    if said is None:
        return {}
    try:
        found = parse_json(said.decode(), "the file's features")
        features = found["info"]["features"]
        names = {
            name: feature["names"]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (AnimekitError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
        return {}
    return {
        name: each
        for name, each in names.items()
        if isinstance(each, list) and all(isinstance(word, str) for word in each)
    }


def safe(name: object) -> str:
    """Return a name below the set, as that of a file; "" for what is none.

    >>> safe("a\\\\0.png"), safe("../0.png"), safe(None)
    ('a/0.png', '', '')
    """
    if not isinstance(name, str) or not name.isprintable():
        return ""
    plain = name.replace("\\", "/")
    parts = plain.split("/")
    if not all(parts) or {".", ".."} & {*parts} or parts[0][1:2] == ":" or len(plain) > 1000:
        return ""
    return plain


def named(values: list[Any], names: list[str] | None) -> list[Any]:
    """Return the names of numbered classes; -1 stands for none, as the Hub writes it.

    >>> named([1, 0, -1, None], ["red", "blue"]), named([1], None)
    (['blue', 'red', None, None], [1])
    """
    if names is None:
        return values
    return [
        names[value] if isinstance(value, int) and 0 <= value < len(names) else None
        for value in values
    ]
