"""What is said of labels that were read: counts, doubts, and names that no file can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.errors import UnusableError, UsageError
from animekit.labelling.result import FoundLabels
from animekit.labels.tables import read_labels
from animekit.labels.vocabulary import Vocabulary

KNOWN = Vocabulary(("long hair", "short hair", "smile"), (2, 1))


def found(*rows: tuple[int, float, int, float], names: tuple[str, ...] = ()) -> FoundLabels:
    """Return what was read: which hair and how surely, a smile or none and how surely."""
    labels = np.array([(1 - hair, hair, smile) for hair, _, smile, _ in rows], np.uint8)
    certainty = np.array([(first, second) for _, first, _, second in rows], np.float32)
    pictures = names or tuple(f"{index}.png" for index in range(len(rows)))
    return FoundLabels("f", None, pictures, KNOWN, labels, certainty, 0.6, "reader 0, 8 px")


def test_counts_are_of_what_is_known() -> None:
    read = found((0, 0.9, 1, 0.9), (1, 0.7, 0, 0.5), (1, 0.5, 0, 0.8))
    assert read.counts() == {"hair": {"long": 1, "short": 1}, "smile": {"yes": 1, "no": 1}}
    facts = read.facts()["attributes"]
    assert facts["hair"]["known"] == 2 and facts["hair"]["unknown"] == 1
    assert facts["hair"]["certainty"] == pytest.approx(0.8)
    assert [line.split() for line in str(read).splitlines()[1:4]] == [
        ["hair", "known", "2", "66.7", "%", "0.80"],
        ["long", "1", "50.0", "%"],
        ["short", "1", "50.0", "%"],
    ]
    assert list(read.doubts()) == []


def test_few_known_values_and_one_value_alone_are_doubted() -> None:
    read = found((0, 0.9, 1, 0.9), *[(1, 0.5, 1, 0.7)] * 5)
    few, one = read.doubts()
    assert few.startswith("hair is known of 17% of the pictures: reader may not know")
    assert one == "smile is yes in all pictures where it is known: it teaches nothing"


def test_a_picture_whose_name_no_text_can_hold_has_no_row(tmp_path: Path) -> None:
    rows = [(0, 0.9, 1, 0.9), (1, 0.9, 0, 0.9), (1, 0.9, 1, 0.9)]
    read = found(*rows, names=("a.png", "two\nlines.png", "b\udcff.png"))
    assert read.unnamed == ["two\nlines.png", "b\udcff.png"]
    assert next(read.doubts()).startswith("no row is of 2 pictures")
    table = read_labels(read.save(tmp_path / "new" / "tags.csv"))
    assert list(table.numbers) == ["a.png"]


def test_where_nothing_is_known_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match=r"nothing in 1 pictures is 0.6 sure .* 0.50"):
        found((0, 0.5, 1, 0.4)).save(tmp_path / "tags.csv")
    assert not [*tmp_path.iterdir()]


def test_a_place_is_needed_and_other_content_stays(tmp_path: Path) -> None:
    read = found((0, 0.9, 1, 0.9), (1, 0.9, 0, 0.9))
    with pytest.raises(UsageError, match="no place"):
        read.save()
    path = read.save(tmp_path / "tags.csv")
    assert read.save(path) == path  # the same again
    path.write_text(path.read_text(encoding="utf-8") + "mine.png,,\n", encoding="utf-8")
    with pytest.raises(UnusableError, match="exists"):
        read.save(path)
    read.save(path, overwrite=True)
    assert "mine" not in path.read_text(encoding="utf-8")
