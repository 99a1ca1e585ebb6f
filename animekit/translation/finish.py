"""What a transfer leaves besides pictures: the page, the sheet, and the list of failures."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from animekit.files import is_file, write_atomic
from animekit.foreign import read_jsonl
from animekit.translation import page
from animekit.translation.page import PAGE_FOLDER, PageRow

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


def _rows(result: Transferred) -> list[PageRow]:
    """Return the rows of the page, old ones first, and keep them for the next call."""
    record = result.out / PAGE_FOLDER / RECORD
    found = filter(None, map(_row, read_jsonl(record, "list of results", any_name=True).rows))
    known = {row.out: row for row in found}
    known |= {row.out: row for row in (PageRow.of(item, result.out) for item in result.items)}
    rows = [row for row in known.values() if is_file(result.out / row.out)]
    record.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(record, "".join(json.dumps(asdict(row)) + "\n" for row in rows))
    return rows


def _row(facts: dict[str, Any]) -> PageRow | None:
    """Return a row of an earlier call; None for what this version cannot show."""
    try:
        return TypeAdapter(PageRow).validate_python(facts)
    except ValidationError:
        return None
