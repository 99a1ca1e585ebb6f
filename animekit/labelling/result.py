"""What a tagger read in pictures: counted, and written as a file of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from animekit.data.dataset import Skipped
from animekit.errors import UnusableError, UsageError
from animekit.files import as_error, write_atomic
from animekit.labels.attributes import Attributes
from animekit.labels.vocabulary import Vocabulary
from animekit.labels.written import can_be_named, header_of, refuse_unread, table_text
from animekit.text import Printed, printable

ENDING = ".csv"
FEW = 0.2
"""The share of known pictures below which a classifier may not know what it looks at."""


@dataclass(frozen=True)
class FoundLabels(Printed):
    """The labels that a classifier read in N pictures.

    `labels` are the likeliest, uint8 [N, L], in the order of the `vocabulary`; `certainty` is the
    probability of each attribute's value, float32 [N, A]. Below `sure` a value is unknown.
    """

    data: str
    place: Path | None
    pictures: tuple[str, ...]
    vocabulary: Vocabulary
    labels: np.ndarray
    certainty: np.ndarray
    sure: float
    classifier: str
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def known(self) -> np.ndarray:
        """Whether each attribute of each picture is known, bool [N, A]."""
        return np.asarray(self.certainty >= self.sure)

    @cached_property
    def mask(self) -> np.ndarray:
        """Which labels are known, uint8 [N, L]."""
        return np.repeat(self.known, self.vocabulary.groups, axis=1).astype(np.uint8)

    @property
    def unnamed(self) -> list[str]:
        """The pictures whose names no text can hold: they have no row."""
        return [name for name in self.pictures if not can_be_named(name)]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return in how many pictures each value is known, by attribute."""
        words, sums = Attributes(self.vocabulary), (self.labels * self.mask).sum(0, np.int64)
        found: dict[str, dict[str, int]] = {}
        for column, (name, part) in enumerate(self.vocabulary.attributes.items()):
            known, own = int(self.known[:, column].sum()), sums[part].tolist()
            values = ["yes", "no"] if len(own) == 1 else [str(each) for each in words.values(name)]
            own = [own[0], known - own[0]] if len(own) == 1 else own
            found[name] = dict(zip(values, own, strict=True))
        return found

    def as_table(self) -> list[Sequence[str]]:
        """Return the pictures of each attribute and value, and how certain they are."""
        rows: list[Sequence[str]] = [("attribute", "value", "pictures", "share", "certainty")]
        for column, (name, values) in enumerate(self.counts().items()):
            known = int(self.known[:, column].sum())
            rows.append(_row(name, "known", known, len(self), self._certainty(column)))
            for value, count in sorted(values.items(), key=lambda pair: -pair[1]):
                if count:
                    rows.append(_row("", printable(value), count, known, None))
        return rows

    def _certainty(self, column: int) -> float | None:
        """Return the mean probability of the values that are known; None without any."""
        known = self.certainty[self.known[:, column], column]
        return float(known.mean()) if len(known) else None

    def facts(self) -> dict[str, Any]:
        """Return it as plain values, the data of `--json`."""
        attributes = {}
        for column, (name, values) in enumerate(self.counts().items()):
            known, mean = int(self.known[:, column].sum()), self._certainty(column)
            attributes[name] = {
                "known": known,
                "unknown": len(self) - known,
                "certainty": None if mean is None else round(mean, 4),
                "values": values,
            }
        return {
            "data": self.data,
            "classifier": self.classifier,
            "sure": self.sure,
            "images": len(self),
            "attributes": attributes,
            "skipped": [asdict(each) for each in self.skipped],
            "unnamed": self.unnamed,
            "doubts": list(self.doubts()),
        }

    def doubts(self) -> Iterator[str]:
        """Say what may be wrong with these labels."""
        for column, (name, values) in enumerate(self.counts().items()):
            share = self.known[:, column].mean()
            used = [value for value, count in values.items() if count]
            if share < FEW:
                yield (
                    f"{name} is known of {share:.0%} of the pictures: {self.classifier.split()[0]}"
                    " may not know such pictures (the bundled tagger learned drawn faces of 64 px)"
                )
            elif len(used) == 1 and len(values) > 1:
                yield f"{name} is {used[0]} in all pictures where it is known: it teaches nothing"
        if self.unnamed:
            yield f"no row is of {len(self.unnamed):,} pictures, whose names no text can hold"

    def save(self, path: Path | str | None = None, *, overwrite: bool = False) -> Path:
        """Write a row for each picture, as `tags=` reads it; return the path.

        Without a path, tags.csv in the folder. A file that is there with other content is replaced
        only if `overwrite` is true. Raises UnusableError also where nothing is known.
        """
        if path is None and self.place is None:
            raise UsageError("these labels have no place of their own", "name a file: tags.csv")
        path = Path(self.place if path is None else path)  # type: ignore[arg-type]
        refuse_place(path, header_of(self.vocabulary), overwrite=overwrite)
        text = self._text(str(path))
        if not overwrite and not _is(path, text.encode("utf-8")):
            raise _exists(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, text)
        except OSError as error:
            raise as_error(error, "name another file", doing="write", where=path) from None
        return path

    def _text(self, where: str) -> str:
        rows = [row for row, name in enumerate(self.pictures) if can_be_named(name)]
        names = [self.pictures[row] for row in rows]
        labels, mask = (self.labels * self.mask)[rows], self.mask[rows]
        if not mask.any():
            raise UnusableError(
                f"nothing in {len(self):,} pictures is {self.sure:g} sure (the surest is"
                f" {self.certainty.max():.2f}): no file is written",
                "lower --sure, or name a --classifier that knows such pictures",
                code="labels.none",
            )
        text = table_text(names, self.vocabulary, labels, mask)
        refuse_unread(where, text, names, self.vocabulary, labels, mask)
        return text


def refuse_place(path: Path, header: str, *, overwrite: bool) -> None:
    """Raise UsageError for no table's name, UnusableError where another file is."""
    if path.suffix.lower() != ENDING:
        raise UsageError(f"{path} would not be read as a table", f"name it {path}{ENDING}")
    if path.is_dir():
        raise UnusableError(f"{path} is a folder", "name a file", code="file.exists")
    if path.exists() and not overwrite:
        begin = header.encode("utf-8")
        with path.open("rb") as file:
            if file.read(len(begin)) != begin:
                raise _exists(path)


def _row(
    name: str, value: str, count: int, total: int, certainty: float | None
) -> tuple[str, str, str, str, str]:
    share = f"{100 * count / max(total, 1):.1f} %"
    return name, value, f"{count:,}", share, "" if certainty is None else f"{certainty:.2f}"


def _is(path: Path, data: bytes) -> bool:
    """Say whether a file is not there yet, or holds this already."""
    return not path.exists() or (path.is_file() and path.read_bytes() == data)


def _exists(path: Path) -> UnusableError:
    hint = "--yes replaces it; --out writes elsewhere"
    return UnusableError(f"{path} exists", hint, code="file.exists")
