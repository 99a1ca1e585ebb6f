"""Label files read for the words that are asked for: any tag, any column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from animekit.errors import DataError
from animekit.labels.plan import COLOURS, LabelPlan, Vectors, joined, key_of
from animekit.labels.rows import Doubled, Sheet, TagRow, entry_rows, numbered, sheet_of, tag_rows
from animekit.labels.tables import AttributeTable, given_twice, parse_labels, table_of
from animekit.labels.tag_words import TagReader
from animekit.labels.tags import NAMES, SkippedRow, known, labels_in, tag_columns
from animekit.labels.words import shown


@dataclass(frozen=True)
class AskedTable(AttributeTable):
    """Labels of the words of a plan, beside all words that the file says.

    `counts` say how many rows say each word, `clashes` in how many rows several words of a group
    that excludes each other are said.
    """

    counts: Counter[str] = field(default_factory=Counter)
    clashes: dict[str, int] = field(default_factory=dict)


def parse_asked(where: str, text: str, plan: LabelPlan) -> AskedTable:
    """Read a label file of any form for the words of a plan, as `parse_labels`."""
    if text.lstrip().startswith("{"):
        return of_rows(where, entry_rows(where, text), plan)
    if "\0" in text or text.partition("\n")[0].strip().isdecimal():  # no text, or CelebA's list
        found = parse_labels(where, text)
        if isinstance(found, AttributeTable):
            return of_table(found, plan)
    lines = numbered(where, text)
    return of_sheet(sheet_of(where, lines), plan)


def of_sheet(sheet: Sheet, plan: LabelPlan) -> AskedTable:
    """Return the labels of a sheet: tags, or named columns."""
    columns = tag_columns(sheet, fewest=0)
    if columns is None:
        return of_table(table_of(sheet), plan)
    return of_rows(sheet.where, tag_rows(sheet, columns), plan, sheet.said)


def of_rows(where: str, rows: Iterable[TagRow], plan: LabelPlan, words: str = "") -> AskedTable:
    """Return the labels of rows of tags; DataError where no row has any.

    A row that has tags and does not say a word says no to it; a blank one says nothing.
    """
    reader, counts = TagReader(plan.words), Counter[str]()
    texts: dict[str, str] = {}
    numbers: dict[str, int] = {}
    skipped: list[SkippedRow] = []
    doubled: list[Doubled] = []
    others: dict[str, tuple[str, ...]] = {}
    for number, key, tags, problem, is_header, beside in rows:
        said, counted = reader.row(tags)
        if is_header and not said.intersection(reader.known.values()):
            continue
        if key in numbers and not problem:
            same = reader.row(texts[key])[0] == said
            doubled.append(Doubled(key, number, numbers[key], same))
            problem = f'id "{shown(key)}" was already given in row {numbers[key]}'
        elif not problem and not (key and counted):
            problem = f'no tags in "{shown(" ".join(tags.split()))}"' if key else "no id"
        if problem:
            skipped.append(SkippedRow(number, problem))
            continue
        texts[key], numbers[key] = tags, number
        counts.update(counted)
        if beside:
            others[key] = beside
    if not texts:
        seen = f"row {skipped[0].row}: {skipped[0].reason}" if skipped else "the file is empty"
        raise DataError(f"no tags in {where}: {seen}", "rows: 0,aqua hair red eyes")
    wrong = [each for each in doubled if not each.same]
    if wrong:
        raise given_twice(where, *wrong)
    given = _vectors(reader, list(texts.values()), plan)
    table = AttributeTable(given.names, given.groups, {}, words, numbers, doubled, skipped, others)
    return _asked(table, list(texts), given, counts, plan)


def of_table(table: AttributeTable, plan: LabelPlan) -> AskedTable:
    """Return the labels of a table of named columns."""
    pairs = list(table.rows.values())
    labels, mask = (np.stack(each) for each in zip(*pairs, strict=True))
    given = Vectors(table.names, table.groups, labels, mask)
    sums = zip(table.names, labels.sum(0, np.int64).tolist(), strict=True)
    counts = Counter({key_of(name): count for name, count in sums})
    return _asked(table, list(table.rows), given, counts, plan)


def _vectors(reader: TagReader, texts: list[str], plan: LabelPlan) -> Vectors:
    """Return the words of a plan that rows of tags say, and the colours that are asked for."""
    said, counted = zip(*map(reader.row, texts), strict=True)
    nouns = [noun for noun in COLOURS if (noun,) in plan.asked]
    single = [w for w in plan.words if w not in nouns and any(w in row for row in said)]
    labels = np.array([[word in row for word in single] for row in said], np.uint8)
    labels = labels.reshape(len(said), len(single))
    vectors = [Vectors(tuple(single), (1,) * len(single), labels, np.ones_like(labels))]
    if nouns:
        colours = np.array([[name in row for name in NAMES] for row in counted], np.uint8)
        colours |= np.stack([labels_in(text, Counter()) for text in texts])
        masks = np.stack([known(row) for row in colours])
    for noun in nouns:
        part = COLOURS[noun]
        names = NAMES[part]
        vectors.append(Vectors(names, (len(names),), colours[:, part], masks[:, part]))
    return joined(vectors)


def _asked(
    table: AttributeTable, ids: list[str], given: Vectors, counts: Counter[str], plan: LabelPlan
) -> AskedTable:
    """Return a table with the columns of a plan in place of its own."""
    found = plan.arranged(given)
    return AskedTable(
        found.names,
        found.groups,
        dict(zip(ids, zip(found.labels, found.mask, strict=True), strict=True)),
        "; ".join(filter(None, (f"labels {plan}", table.words))),
        table.numbers,
        table.doubled,
        table.skipped,
        table.others,
        counts,
        plan.clashes(given),
    )
