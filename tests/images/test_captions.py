"""Captions: text is measured, wrapped, cut and drawn within its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.images.captions import fitting, label, width, without_middle, wrapped


def test_a_label_stands_where_it_is_told_to_and_within_its_shape() -> None:
    places = {}
    for align in ("left", "middle", "right"):
        image = label("ab", 12, (20, 60), align=align, inset=5, ink="#ff0000", ground="#00ff00")
        assert image.shape == (20, 60, 3)
        columns = np.flatnonzero((image[..., 0] > 128).any(axis=0))
        places[align] = (columns[0], columns[-1])
    assert abs(places["left"][0] - 5) <= 1
    assert abs(places["right"][1] - 54) <= 1
    assert abs(sum(places["middle"]) - 59) <= 2
    assert (label("", 12, (3, 4)) == 255).all()


def test_lines_of_a_label_are_as_many_and_centred() -> None:
    rows = (label(["a", "a"], 12, (40, 20)) < 128).any(axis=(1, 2))
    starts = np.flatnonzero(rows[1:] & ~rows[:-1])
    assert len(starts) == 2
    assert abs(starts[1] - starts[0] - 15) <= 1
    assert abs(np.flatnonzero(rows).mean() - 20) <= 2


def test_a_text_is_wrapped_evenly_and_the_last_line_is_cut() -> None:
    assert wrapped("no light and red eyes", 200, 12) == ["no light and red eyes"]
    lines = wrapped("one two three four five six seven eight nine", 60, 12, most=2)
    assert len(lines) == 2 and lines[1].endswith("…")
    assert all(width(line, 12) <= 60 for line in lines)
    (cut,) = wrapped("extraordinarily", 40, 12)
    assert cut.startswith("ext") and cut.endswith("…") and width(cut, 12) <= 40
    assert wrapped("", 40, 12) == []


def test_letters_shrink_until_the_longest_text_fits() -> None:
    wide = width("a long caption", 10)
    assert fitting(["a", "a long caption"], wide, (12, 11, 10, 9)) == 10
    assert fitting(["a long caption"], 3, (12, 11)) == 7
    assert fitting([], 0, (12,)) == 12


def test_a_long_text_loses_its_middle() -> None:
    assert without_middle("short", 90, 10) == "short"
    cut = without_middle("a_very_long_name_of_a_picture_0001.png", 90, 10)
    assert cut.startswith("a_very") and cut.endswith(".png") and "…" in cut


@pytest.mark.parametrize("text", ["顔" * 60, "\ufffd\ufffd.png"])
def test_any_text_is_cut_to_its_room(text: str) -> None:
    assert width(without_middle(text, 96, 10), 10) <= 96
