"""What tests of containers share: Parquet files and shards of small pictures."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.support import picture


def parquet(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    """Write rows as a Parquet file; `classes` names the numbers of a column, as the Hub does."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows)
    classes = options.pop("classes", {})
    features = {name: {"names": each, "_type": "ClassLabel"} for name, each in classes.items()}
    said = json.dumps({"info": {"features": features}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({b"huggingface": said}), path, **options)
    return path


def hub_rows(count: int, first: int = 0, **columns: list[Any]) -> list[dict[str, Any]]:
    """Return rows as image sets on the Hub have them, with other columns beside the picture."""
    return [
        {"image": {"bytes": picture(first + i), "path": f"{first + i}.png"}}
        | {name: values[i % len(values)] for name, values in columns.items()}
        for i in range(count)
    ]


def shard(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    """Write a tar file of members, and of links."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            file.addfile(member)
    return path
