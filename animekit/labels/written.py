"""Labels written as a table, which `read_labels` reads back as the same labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence

import numpy as np

from animekit.errors import AnimekitError, UnusableError
from animekit.labels.columns import BLANK, IS_NUMBER, WHOLE, is_whole
from animekit.labels.ids import match
from animekit.labels.tables import parse_labels
from animekit.labels.tags import NAMES, has_colour
from animekit.labels.values import NO, YES, label_of
from animekit.labels.vocabulary import Vocabulary
from animekit.labels.words import shown, words_of

PICTURE_COLUMN = "file"


def can_be_named(picture: str) -> bool:
    """Say whether a label file can name a picture: in UTF-8, and in one line.

    >>> can_be_named("a, b.png"), can_be_named("a\\nb.png"), can_be_named("\\udcff.png")
    (True, False, False)
    """
    return not any(letter in "\0\r\n" or "\ud800" <= letter <= "\udfff" for letter in picture)


def column_of(attribute: str, values: Sequence[str]) -> str:
    """Return what a column is called, so that its cells are read as `values`.

    A yes or no is called as its label. Of several values, the words of the attribute are added to
    a cell that does not end in them: where that would make other labels, the column says that its
    cells are whole.

    >>> column_of("hair", ("red hair", "blue hair")), column_of("smile", ("Smile",))
    ('hair', 'Smile')
    >>> column_of("hair style", ("twintail", "long hair"))
    'hair style (labels)'
    """
    if len(values) == 1:
        return values[0]
    coloured = any(map(has_colour, values)) and not set(values) <= set(NAMES)
    plain = not coloured and all(_is_plain(value, attribute) for value in values)
    return attribute if plain else f"{attribute} {WHOLE}"


def _is_plain(value: str, column: str) -> bool:
    said = " ".join(words_of(value))
    is_word = said not in BLANK | YES | NO and not IS_NUMBER.fullmatch(said)
    return said == value and is_word and label_of(value, column) == value


def header_of(vocabulary: Vocabulary) -> str:
    """Return the first line: the picture, and a column for each attribute.

    >>> header_of(Vocabulary(("red hair", "blue hair", "smile"), (2, 1)))
    'file,hair,smile\\n'
    """
    found = vocabulary.attributes.items()
    columns = (column_of(name, vocabulary.labels[part]) for name, part in found)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([PICTURE_COLUMN, *columns])
    return buffer.getvalue()


def separator_of(vocabulary: Vocabulary) -> str:
    """Return what parts several values in one cell, as the table will be read.

    Where all columns hold hair and eye colours, their cells are read as tags.

    >>> separator_of(Vocabulary(("red hair", "blue hair"), (2,)))
    ', '
    """
    pairs = vocabulary.attributes.items()
    columns = [column_of(name, vocabulary.labels[part]) for name, part in pairs]
    several = min(vocabulary.groups, default=0) > 1 and not any(map(is_whole, columns))
    return ", " if several and set(vocabulary.labels) <= set(NAMES) else "|"


def table_text(
    pictures: Sequence[str], vocabulary: Vocabulary, labels: np.ndarray, mask: np.ndarray
) -> str:
    """Return a row for each picture: its name, and a cell for each attribute.

    `labels` and `mask` are [N, L] of 0 and 1; what is not known is blank.
    """
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    attributes, parted = [*vocabulary.attributes.values()], separator_of(vocabulary)
    for picture, row, known in zip(pictures, labels, mask, strict=True):
        # a space at the edge of a cell is none of it
        name = picture if picture == picture.strip() else f"./{picture}"
        cells = (
            _cell(vocabulary.labels[part], row[part], known[part], parted) for part in attributes
        )
        table.writerow([name, *cells])
    return header_of(vocabulary) + buffer.getvalue()


def _cell(values: Sequence[str], labels: np.ndarray, known: np.ndarray, parted: str) -> str:
    if not known.any():
        return ""
    if len(values) == 1:
        return "yes" if labels[0] else "no"
    return parted.join(value for value, on in zip(values, labels, strict=True) if on)


def refuse_unread(
    where: str,
    text: str,
    pictures: Collection[str],
    vocabulary: Vocabulary,
    labels: np.ndarray,
    mask: np.ndarray,
) -> None:
    """Raise UnusableError where a table would be read as other labels.

    An attribute of which all pictures have one value is none: readers leave it out.
    """
    try:
        found = parse_labels(where, text)
        pairs, _ = match(found, pictures, file=where)
    except AnimekitError as error:
        raise _unread(error.message, error.hint) from None
    width = len(found.names)
    nothing = np.zeros(width, np.uint8)
    rows = [pairs.get(picture, (nothing, nothing)) for picture in pictures]
    read, seen = (np.array(each).reshape(-1, width) for each in zip(*rows, strict=True))
    place = {name: column for column, name in enumerate(found.names)}
    for attribute, part in vocabulary.attributes.items():
        own = range(part.start, part.stop)
        here = [column for column in own if vocabulary.labels[column] in place]
        used = [column for column in own if labels[:, column].any()]
        if len(own) > 1 and not here and len(used) < 2:
            continue
        at = [place[vocabulary.labels[column]] for column in here]
        same = np.array_equal(read[:, at], labels[:, here])
        if not set(used) <= set(here) or not (same and np.array_equal(seen[:, at], mask[:, here])):
            raise _unread(
                f'values of "{shown(attribute)}" would be read as others',
                "train the classifier with labels of letters and spaces, each another",
            )


def _unread(why: str, hint: str | None) -> UnusableError:
    words = f"these labels cannot be written as a table: {why}"
    return UnusableError(words, hint, code="labels.unwritten")
