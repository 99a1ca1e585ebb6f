"""What a tag file says: counts of hair and eye colours, what was passed over, and a picture."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from animekit.data.survey import survey
from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.files import write_atomic
from animekit.images.decode import ImageError, decode
from animekit.images.pixels import resize
from animekit.labels import sources
from animekit.labels.columns import is_picture
from animekit.labels.ids import LabelUse, RowsTold, match
from animekit.labels.sources import TAG_FILE
from animekit.labels.tables import agreeing
from animekit.labels.tags import EYES, HAIR, Tags, decoded, format_labels, read_tags
from animekit.labels.words import shown

TEXTS = (".csv", ".txt", ".tsv")
FORMS = ("Python dict", "rows of 0 and 1", "tags with counts", "hair and eyes in words")
FOUND = "captions or metadata"
"""The form of what a folder holds instead of a tag file."""
SAMPLE = 50
"""Rows that the form of a file is told from."""
SIDE = 64
"""Pixels of an example."""

Cell = tuple[int, int]


@dataclass
class TagTable:
    """Counts of one tag file.

    `pairs` int [12, 11] counts the rows with one hair and one eye colour, `only_hair`, `only_eyes`
    and `several` the others; `skipped` counts the rows without any label by reason, `ignored` the
    hair and eye tags that name no known colour. `quirks` say how the bytes differ from a plain
    table. `pictures` compares the ids with a folder, and `use` says what became of each row there.
    """

    path: Path
    form: str
    tags: Tags
    pairs: np.ndarray
    only_hair: int
    only_eyes: int
    several: int
    skipped: dict[str, int]
    ignored: dict[str, int]
    quirks: list[str]
    pictures: dict[str, int] | None = None
    use: LabelUse | None = None
    examples: dict[Cell, np.ndarray] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return len(self.tags) + sum(self.skipped.values())

    @property
    def both(self) -> int:
        """How many rows have one hair and one eye colour."""
        return int(self.pairs.sum())

    @property
    def doubled(self) -> RowsTold:
        """Rows of an id that is already there, and whether they say the same."""
        told = RowsTold()
        for each in self.tags.doubled:
            words = "as" if each.same else "with other labels than"
            told.add(f'row {each.row}: "{shown(each.id)}" {words} in row {each.first}')
        return told

    @property
    def passed(self) -> RowsTold:
        """Rows that give no label, and why."""
        told = RowsTold()
        twice = {each.row for each in self.tags.doubled}
        for row in self.tags.skipped:
            if row.row not in twice:
                told.add(f"row {row.row}: {row.reason}")
        return told

    @property
    def contradicting(self) -> int:
        """How many rows say other things than an earlier row of their id."""
        return sum(not each.same for each in self.tags.doubled)

    def facts(self) -> dict[str, Any]:
        """Return the counts as plain values."""
        counts = self.tags.counts()
        return {
            "path": str(self.path),
            "form": self.form,
            "rows": self.rows,
            "labelled": len(self.tags),
            "one_of_each": self.both,
            "only_hair": self.only_hair,
            "only_eyes": self.only_eyes,
            "several": self.several,
            "hair": {colour: counts[f"{colour} hair"] for colour in HAIR},
            "eyes": {colour: counts[f"{colour} eyes"] for colour in EYES},
            "pairs": {
                hair: dict(zip(EYES, row, strict=True))
                for hair, row in zip(HAIR, self.pairs.tolist(), strict=True)
            },
            "skipped": self.skipped,
            "ignored": self.ignored,
            "quirks": self.quirks,
            "doubled": asdict(self.doubled) | {"contradicting": self.contradicting},
            "passed": asdict(self.passed),
            "pictures": self.pictures,
            "unmatched": None if self.use is None else asdict(self.use.unmatched),
        }


def tag_table(path: Path | str, images: Path | str | None = None) -> TagTable:
    """Read a tag file, or what a folder has for one, and count what it says.

    `images` is a folder of pictures to compare the ids with and to take examples from; for a
    folder with tags it is that folder. Raises as `read_tags`.
    """
    path = Path(path)
    data, exactly = b"", False
    if path.is_dir():
        images = path if images is None else images
        path = find_tags(path)
    if path.is_dir() or path.suffix.lower() in (".jsonl", ".json"):
        pictures = [file.name for file in survey(path).files] if path.is_dir() else None
        tags, source = sources.tags_of_folder(path, pictures)
        exactly = source.exactly
    else:
        tags, data = read_tags(path), path.read_bytes()
    labels = tags.frame.to_numpy()
    hair, eyes = labels[:, : len(HAIR)], labels[:, len(HAIR) :]
    many_hair, many_eyes = hair.sum(axis=1), eyes.sum(axis=1)
    one = (many_hair == 1) & (many_eyes == 1)
    only_hair, only_eyes = int((many_eyes == 0).sum()), int((many_hair == 0).sum())
    table = TagTable(
        path,
        form_of(decoded(str(path), data)) if data else FOUND,
        tags,
        hair[one].T.astype(np.int64) @ eyes[one].astype(np.int64),
        only_hair,
        only_eyes,
        len(tags) - int(one.sum()) - only_hair - only_eyes,
        dict(Counter(_kind(row.reason) for row in tags.skipped).most_common()),
        dict(tags.ignored.most_common()),
        _quirks(data, tags) if data else [],
    )
    if images is not None:
        _compare(table, Path(images), exactly=exactly)
    return table


def find_tags(path: Path) -> Path:
    """Return a tag file: the one that is named, or the one in a folder.

    In a folder it is tags.csv, or else the only text that can be read as tags; the folder itself
    where its pictures have captions or metadata instead. Raises NotFoundError where there is
    nothing, and UnusableError that names the files where there are several.
    """
    if not path.is_dir():
        return path
    if (path / TAG_FILE).is_file():
        return path / TAG_FILE
    files = sorted(path.iterdir())
    pictures = {each.stem for each in files if is_picture(each.name)}
    texts = [each for each in files if each.suffix.lower() in TEXTS and each.stem not in pictures]
    texts = [each for each in texts if each.name not in sources.METADATA]
    found = [each for each in texts if each.is_file() and _has_tags(each)]
    if len(found) == 1:
        return found[0]
    names = " ".join(each.name for each in found)
    if found:
        raise UnusableError(f"{path} holds {len(found)} tag files: {names}", "name one of them")
    beside = [each.name for each in files if is_picture(each.name)]
    if sources.inside(sources.files_of(path), beside, str(path)):
        return path
    raise NotFoundError(f"no tag file in {path}", f"looked for {sources.ORDER}; or name a file")


def form_of(text: str) -> str:
    r"""Return which of the forms that go round a tag file has.

    >>> form_of("{0: 'red hair'}"), form_of("0,re:zero:12\tblue hair:7\t")
    ('Python dict', 'tags with counts')
    """
    if text.lstrip().startswith("{"):
        return FORMS[0]
    rows = [row for row in re.split(r"\r\n|\n|\r", text[:100_000]) if row.strip()][:SAMPLE]
    said: Counter[str] = Counter()
    for row in rows:
        tags = row.partition(",")[2]
        if re.fullmatch(r"[01](,[01]){22}\s*", tags):
            said[FORMS[1]] += 1
        elif re.search(r":\d+\s*(\t|,|$)", tags):
            said[FORMS[2]] += 1
        else:
            said[FORMS[3]] += 1
    return said.most_common(1)[0][0] if said else FORMS[3]


def export_simple(tags: Tags, path: Path, *, strict: bool = False, overwrite: bool = False) -> int:
    """Write tags as `0,blue hair red eyes`, the course's simple form; count the rows.

    With `strict`, only rows with one hair and one eye colour. A file that is there with other
    content is replaced only if `overwrite` is true. Raises DataError where two rows of an id
    contradict each other: nobody can say which is right.
    """
    agreeing("the tags", tags)
    labels = tags.frame.to_numpy()
    one = (labels[:, : len(HAIR)].sum(axis=1) == 1) & (labels[:, len(HAIR) :].sum(axis=1) == 1)
    lines = [
        f"{key},{format_labels(row)}\n"
        for key, row, is_one in zip(tags.frame.index, labels, one, strict=True)
        if is_one or not strict
    ]
    data = "".join(lines).encode("utf-8")
    if path.exists() and not overwrite and not (path.is_file() and path.read_bytes() == data):
        raise UnusableError(
            f"{path} exists", "--yes replaces it; --export writes elsewhere", code="file.exists"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)
    return len(lines)


def _kind(reason: str) -> str:
    """Return a reason without what it quotes from the row.

    >>> _kind('id "7" was already given in row 3'), _kind('no "id," before "blue hair"')
    ('id was already given', 'no id before the tags')
    """
    if reason.startswith("id "):
        return "id was already given"
    return "no id before the tags" if reason.startswith('no "id,"') else reason.partition(" in ")[0]


def _has_tags(path: Path) -> bool:
    try:
        read_tags(path)
    except AnimekitError:
        return False
    return True


def _quirks(data: bytes, tags: Tags) -> list[str]:
    """Say how the bytes of a file differ from rows of text that end in a line feed."""
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    data = data.decode("utf-16").encode() if is_wide else data
    rows = data.split(b"\n")
    said = {
        "UTF-16": is_wide,
        "byte order mark": data.startswith(b"\xef\xbb\xbf"),
        "lines end in CRLF": b"\r\n" in data,
        "lines end in CR": b"\r" in data.replace(b"\r\n", b""),
        "no line end at the end": bool(data) and not data.endswith((b"\n", b"\r")),
        "rows end in a tab": any(row.rstrip(b"\r").endswith(b"\t") for row in rows),
        "one line": len(rows) <= 2 and len(tags) > 1,
        "header row": len(rows) > 2 and 1 not in tags.numbers.values() and _is_header(rows[0]),
    }
    return [words for words, is_so in said.items() if is_so]


def _is_header(row: bytes) -> bool:
    """Say whether a row names columns: "id,tags" or "0,1,2"."""
    key, _, rest = row.decode("utf-8-sig", "replace").partition(",")
    return not key.strip().isdecimal() or not any(letter.isalpha() for letter in rest)


def _compare(table: TagTable, folder: Path, *, exactly: bool = False) -> None:
    """Count the pictures that have tags, and take an example for each cell."""
    names = [file.name for file in survey(folder).files]
    home = folder.absolute().as_posix()
    pairs, table.use = match(table.tags, names, file=str(table.path), home=home, exactly=exactly)
    found = {name: labels for name, (labels, _) in pairs.items()}
    table.pictures = {
        "found": len(names),
        "with_tags": len(found),
        "without_tags": len(names) - len(found),
        "tags_without_picture": table.use.unmatched.count,
    }
    table.examples = _examples(folder, found)


def _examples(folder: Path, found: Mapping[str, np.ndarray]) -> dict[Cell, np.ndarray]:
    """Return the first picture of each cell that can be decoded, small."""
    examples: dict[Cell, np.ndarray] = {}
    for name in sorted(found, key=_natural):
        hair = np.flatnonzero(found[name][: len(HAIR)])
        eyes = np.flatnonzero(found[name][len(HAIR) :])
        cell = (int(hair[0]), int(eyes[0])) if len(hair) == len(eyes) == 1 else None
        if cell is None or cell in examples:
            continue
        try:
            examples[cell] = resize(decode(folder / name, name), SIDE)
        except ImageError:
            continue
    return examples


def _natural(name: str) -> tuple[int, str]:
    stem = Path(name).stem
    return (int(stem) if stem.isdecimal() else 0), name
