"""Layout: grids, the course's figure, strips, tables, and the parts that sheets are made of."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.images.layout import (
    below,
    beside,
    course_figure,
    grid,
    padded,
    strip,
    table,
)


def test_grid_is_row_major_with_gaps_and_an_unfinished_last_row() -> None:
    images = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)])
    sheet = grid(images, columns=2, gap=1, background=(1, 2, 3))
    assert sheet.shape == (5, 7, 3)
    assert sheet[0, 0, 0] == 10
    assert sheet[0, 4, 0] == 20
    assert sheet[3, 0, 0] == 30
    assert sheet[2, 0].tolist() == [1, 2, 3]
    assert sheet[3, 4].tolist() == [1, 2, 3]
    assert np.array_equal(grid(images, columns=3)[:, 3:6], images[1])


def test_the_course_figure_has_the_geometry_of_matplotlib() -> None:
    images = np.zeros((25, 64, 64, 3), np.uint8)
    figure = course_figure(images)
    assert figure.shape == (480, 640, 4)
    assert (figure[..., 3] == 255).all()
    drawn = figure[..., 0] == 0
    assert drawn.sum() == 25 * 64 * 64
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    # plt.subplots(5, 5) leaves 57.6 pixels above, 52.8 below and 80 + 10.9 to the left.
    assert (rows[0], columns[0]) == (58, 91)
    assert abs(rows[-1] + 1 - (480 - 52.8)) < 1
    tops = rows[np.diff(rows, prepend=-9) > 1]
    lefts = columns[np.diff(columns, prepend=-9) > 1]
    assert np.abs(tops - (57.6 + 76.47 * np.arange(5))).max() <= 0.5
    assert np.abs(lefts - (90.9 + 102.62 * np.arange(5))).max() <= 0.5


def test_the_course_figure_takes_fewer_images_of_any_size_but_not_more_than_25() -> None:
    figure = course_figure(np.zeros((7, 32, 32, 3), np.uint8))
    assert (figure[..., 0] == 0).sum() == 7 * 64 * 64
    with pytest.raises(ValueError, match="25 cells, got 26"):
        course_figure(np.zeros((26, 8, 8, 3), np.uint8))


def test_a_strip_is_one_row_with_captions_under_it() -> None:
    images = np.full((3, 40, 40, 3), 90, np.uint8)
    plain = strip(images)
    assert plain.shape == (40, 3 * 40 + 2 * 2, 3)
    captioned = strip(images, ["0", "", "20,000"])
    assert captioned.shape == (56, plain.shape[1], 3)
    assert np.array_equal(captioned[:40], plain)
    below = captioned[40:]
    assert (below[:, :40] < 128).any()
    assert (below[:, 42:82] == 255).all()
    assert (below[:, 84:] < 128).any()


def test_parts_of_any_size_are_put_side_by_side_and_below_each_other() -> None:
    low, tall = np.full((2, 3, 3), 10, np.uint8), np.full((4, 1, 3), 20, np.uint8)
    row = beside([low, tall], gap=1, ground="#010203")
    assert row.shape == (4, 5, 3)
    assert (row[:2, :3] == 10).all() and (row[:, 4] == 20).all()
    assert (row[2:, :4] == (1, 2, 3)).all() and (row[:, 3] == (1, 2, 3)).all()
    column = below([low, tall], gap=1)
    assert column.shape == (7, 3, 3)
    assert (column[3:, 0] == 20).all() and (column[2] == 255).all()


def test_a_frame_is_as_wide_on_each_side() -> None:
    framed = padded(np.zeros((1, 2, 3), np.uint8), 2, "#ff0000")
    assert framed.shape == (5, 6, 3)
    assert (framed[2, 2:4] == 0).all()
    assert (framed == (255, 0, 0)).all(axis=2).sum() == 5 * 6 - 2


def test_a_table_has_titles_over_its_columns_and_beside_its_rows() -> None:
    images = np.full((6, 40, 40, 3), 90, np.uint8)
    whole = table(images, 3, ["blue", "", "red hair"], ["one", ""])
    (top, left) = (side - cells for side, cells in zip(whole.shape, (80, 120), strict=False))
    assert np.array_equal(whole[top:, left:], grid(images, 3))
    above = [(whole[:top, left + 40 * i : left + 40 * (i + 1)] < 128).any() for i in range(3)]
    assert above == [True, False, True]
    assert [(whole[top + 40 * i : top + 40 * (i + 1), :left] < 128).any() for i in range(2)] == [
        True,
        False,
    ]
    assert np.array_equal(table(images, 3, [], []), grid(images, 3))
    assert np.array_equal(table(images, 3, ["", "", ""], []), grid(images, 3))
    assert table(images, 3, ["a", "b", "c"], gap=2).shape[1] == 3 * 40 + 2 * 2
