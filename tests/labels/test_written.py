"""Labels as a table: what is read back of it is what was written, or nothing is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.errors import UnusableError
from animekit.labels.ids import match
from animekit.labels.plan import LabelPlan
from animekit.labels.sources import given
from animekit.labels.tables import parse_labels
from animekit.labels.vocabulary import COURSE, Vocabulary
from animekit.labels.written import header_of, refuse_unread, table_text
from tests.labels.faces import FACE

SETS = {
    "hair and eyes": COURSE,
    "hair alone": Vocabulary(COURSE.labels[:12], (12,)),
    "colours and a smile": Vocabulary((*COURSE.labels, "smile"), (12, 11, 1)),
    "a colour that is no tag": Vocabulary(("blue hair", "red hair", "teal hair"), (3,)),
    "hair beside eyes": Vocabulary(("blue hair", "red eyes"), (2,)),
    "faces of many kinds": FACE,
    "no word in common": Vocabulary(("twintail", "long hair", "bob cut"), (3,)),
    "folders of classes": Vocabulary(("Cats", "grey dog_2", "blond-ish", "7", "none", "no"), (6,)),
    "classes by number": Vocabulary(tuple(f"class {i}" for i in range(120)), (120,)),
    "two of a kind": Vocabulary(("long hair", "short hair", "curly hair", "wavy hair"), (2, 2)),
    "names of columns": Vocabulary(("image", "id", "No", "row", "a, b"), (1, 1, 1, 1, 1)),
}
ODD = [
    "a.png",
    "b, c.png",
    'say "no".png',
    " lead.png",
    "f/0.png",
    "g/0.png",
    "g/0.jpg",
    "日本.png",
]


def drawn(vocabulary: Vocabulary, count: int, unknown: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw a value of each attribute for so many pictures; each value occurs."""
    random = np.random.default_rng(0)
    labels = np.zeros((count, len(vocabulary.labels)), np.uint8)
    mask = np.zeros_like(labels)
    for part in vocabulary.attributes.values():
        width = part.stop - part.start
        values = np.arange(count) % max(width, 2)
        random.shuffle(values)
        if width == 1:
            labels[:, part.start] = values
        else:
            labels[np.arange(count), part.start + values] = 1
        mask[:, part] = (random.random(count) >= unknown)[:, None]
    return labels * mask, mask


@pytest.mark.parametrize("what", SETS)
@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_what_was_written_is_read_back(what: str, unknown: float) -> None:
    vocabulary = SETS[what]
    names = [*ODD, *(f"{i}.webp" for i in range(232))]
    labels, mask = drawn(vocabulary, len(names), unknown)
    text = table_text(names, vocabulary, labels, mask)
    refuse_unread("tags.csv", text, names, vocabulary, labels, mask)
    found = parse_labels("tags.csv", text)
    pairs, use = match(found, names, file="tags.csv")
    used = {name for name, any_of in zip(vocabulary.labels, labels.any(0), strict=True) if any_of}
    assert used <= set(found.names) and set(found.names) <= {*vocabulary.labels, *COURSE.labels}
    assert not use.unmatched.count and not use.doubled.count
    for name, row, known in zip(names, labels, mask, strict=True):
        read, seen = pairs.get(name, (np.zeros(len(found.names)),) * 2)
        said = {label for label, on in zip(found.names, read, strict=True) if on}
        assert said == {label for label, on in zip(vocabulary.labels, row, strict=True) if on}
        place = dict(zip(found.names, seen, strict=True))
        assert all(
            place[label] == on
            for label, on in zip(vocabulary.labels, known, strict=True)
            if label in used
        )


def test_colours_are_written_as_the_course_has_them() -> None:
    labels, mask = drawn(COURSE, 2, 0)
    mask[1, :12] = 0
    text = table_text(["0.png", "1.png"], COURSE, labels * mask, mask)
    head, first, second = text.splitlines()
    assert head == header_of(COURSE).strip() == "file,hair,eyes"
    assert first.startswith("0.png,") and first.endswith(" eyes") and " hair," in first
    assert second.startswith("1.png,,")
    assert parse_labels("tags.csv", text).groups == (12, 11)


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (("caption",), "no column that tells"),
        (("open mouth", "open_mouth"), "have one name"),
        (("12+",), "is no word"),
        (("this|that", "other thing"), "read as others"),
    ],
)
def test_labels_that_would_be_read_as_others_are_refused(labels: tuple[str, ...], why: str) -> None:
    groups = (2,) if "|" in labels[0] else (1,) * len(labels)
    vocabulary = Vocabulary(labels, groups)
    values, mask = drawn(vocabulary, 6, 0)
    names = [f"{i}.png" for i in range(6)]
    text = table_text(names, vocabulary, values, mask)
    with pytest.raises(UnusableError, match=why):
        refuse_unread("tags.csv", text, names, vocabulary, values, mask)


def test_a_value_that_all_share_is_left_out_and_no_error() -> None:
    vocabulary = Vocabulary(("long hair", "short hair", "smile"), (2, 1))
    labels = np.array([[1, 0, 1], [1, 0, 0]], np.uint8)
    mask = np.ones_like(labels)
    text = table_text(["0.png", "1.png"], vocabulary, labels, mask)
    refuse_unread("tags.csv", text, ["0.png", "1.png"], vocabulary, labels, mask)
    assert parse_labels("tags.csv", text).names == ("smile",)


def test_whole_labels_can_be_asked_for_by_name(tmp_path: Path) -> None:
    text = "file,cut (labels)\n0.png,twintail\n1.png,Long Hair\n2.png,\n"
    (tmp_path / "tags.csv").write_text(text, encoding="utf-8")
    source = given(tmp_path / "tags.csv")
    assert source.read().names == ("Long Hair", "twintail")
    asked = source.read(LabelPlan.parse("twintail"))
    assert asked.names == ("twintail",) and asked.row("2.png")[1].tolist() == [0]


def test_no_other_column_means_what_it_did_not_mean_before() -> None:
    text = "file,labels,my labels\n0.png,twintail,a\n1.png,bob,b\n"
    assert parse_labels("tags.csv", text).names[:2] == ("bob labels", "twintail labels")
