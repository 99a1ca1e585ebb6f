"""The commonest words of a label file: what could be learned from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animekit.data.survey import survey
from animekit.errors import UsageError
from animekit.labels import sources
from animekit.labels.asked import AskedTable
from animekit.labels.plan import LabelPlan
from animekit.text import Printed, printable


@dataclass(frozen=True)
class TagCounts(Printed):
    """How many pictures each word is said of, the commonest first.

    `rows` counts the pictures with any tag, `words` the words that there are.
    """

    path: str
    rows: int
    words: int
    counts: dict[str, int]

    def as_table(self) -> list[Sequence[str]]:
        """Return the words with their counts, and their shares of the rows."""
        rows = [
            (printable(word), f"{count:,}", f"{100 * count / self.rows:.1f} %")
            for word, count in self.counts.items()
        ]
        return [("label", "rows", "share"), *rows]

    def facts(self) -> dict[str, Any]:
        """Return the counts as plain values."""
        return {"path": self.path, "rows": self.rows, "words": self.words, "top": self.counts}


def tag_counts(path: Path | str, top: int | None = None) -> TagCounts:
    """Count the words of a file of labels, or of a folder: the `top` commonest.

    Tags of any kind count, not colours alone, and the columns of a table. Raises UsageError for no
    number of words, NotFoundError and DataError for a file that is none.
    """
    if top is not None and top < 1:
        raise UsageError(f"the {top} commonest tags are none", "ask for --top 50")
    path = Path(path)
    source = sources.given(path)
    if path.is_dir():
        pictures = [file.name for file in survey(path).files]
        found = sources.inside(sources.files_of(path), pictures, str(path))
        source = found[0] if found else source
    table = source.read(LabelPlan(()))
    assert isinstance(table, AskedTable)
    said = sorted(table.counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return TagCounts(str(path), len(table), sum(count > 0 for _, count in said), dict(said[:top]))
