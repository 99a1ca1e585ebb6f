"""What a transfer leaves besides pictures: the page, the sheet, and the list of failures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.files import read_jsonl, write_atomic
from animekit.translation import page
from animekit.translation.page import PAGE_FOLDER, Row

if TYPE_CHECKING:
    from animekit.translation.result import Transferred
    from animekit.translation.session import TransferSession

RECORD = "items.jsonl"
FAILED = "failed.txt"


def finish(result: Transferred, flow: TransferSession, *, html: bool) -> None:
    """Write index.html, sheet.png and failed.txt, as far as they are needed.

    The page also shows what earlier calls made in the same folder.
    """
    if result.items:
        result.sheet = flow.sheet.write(result.out)
    failures = result.out / FAILED
    if result.failed:
        lines = [f"{each.path}\t{each.code}\t{each.reason}\n" for each in result.failed]
        result.out.mkdir(parents=True, exist_ok=True)
        write_atomic(failures, os.fsencode("".join(lines)))
    elif failures.is_file() and result.items:
        write_atomic(failures, b"")  # those of an earlier call are done now
    if html and (result.items or result.failed) and result.out.is_dir():
        rows = _rows(result)
        result.page = page.write(result, rows)


def _rows(result: Transferred) -> list[Row]:
    """Return the rows of the page, old ones first, and keep them for the next call."""
    record = result.out / PAGE_FOLDER / RECORD
    known: dict[str, dict[str, Any]] = {str(row.get("out")): row for row in read_jsonl(record)}
    for item in result.items:
        row = {
            "out": _below(item.out, result.out),
            "source": str(item.source),
            "column": item.column,
            "width": item.width,
            "height": item.height,
            "frames": item.frames,
            "before": None if item.before is None else _below(item.before, result.out),
            "back": None if item.back is None else _below(item.back, result.out),
        }
        known[str(row["out"])] = row
    rows = [row for row in known.values() if (result.out / str(row["out"])).is_file()]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    record.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(record, text)
    return [Row(**row) for row in rows if set(row) == set(Row.__annotations__)]


def _below(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix()
