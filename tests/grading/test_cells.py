"""Cells: tight grids, the course's figure and gutters of any width are found, others not."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.grading.cells import blank, find_layout
from animekit.images.layout import course_figure, grid, padded
from animekit.images.pixels import resize
from tests.grading.support import cells, faces


def of_side(side: int) -> np.ndarray:
    return np.stack([resize(cell, side) for cell in cells()])


@pytest.mark.parametrize("side", [28, 48, 64, 96, 128])
def test_images_that_touch_are_found_at_any_size(side: int) -> None:
    found = find_layout(grid(of_side(side), 5))
    assert found is not None
    assert (found.style, found.words()) == ("tight", f"5x5 of {side}x{side}")
    assert found.is_course == (side == 64)


@pytest.mark.parametrize(("gap", "edge"), [(1, 0), (2, 2), (8, 0), (20, 40), (60, 7)])
@pytest.mark.parametrize("colour", ["white", "black", "#808080"])
def test_gutters_of_any_width_and_colour_are_found(gap: int, edge: int, colour: str) -> None:
    picture = padded(grid(cells(), 5, gap, colour), edge, colour)
    found = find_layout(picture)
    assert found is not None
    assert found.words() == "5x5 of 64x64"
    assert all(np.array_equal(a, b) for a, b in zip(found.cut(picture), cells(), strict=True))


def test_the_figure_of_the_course_is_known_by_name() -> None:
    picture = course_figure(cells())[..., :3]
    found = find_layout(picture)
    assert found is not None
    assert found.style == "figure"
    assert found.is_course
    assert np.array_equal(found.cut(picture)[24], cells()[24])


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (5, 4), (2, 5), (3, 3)])
def test_other_numbers_of_images_are_told(rows: int, columns: int) -> None:
    found = find_layout(grid(cells()[: rows * columns], columns))
    assert found is not None
    assert found.words() == f"{rows}x{columns} of 64x64"
    assert not found.is_course


def test_a_scaled_grid_is_found_though_its_seams_lie_between_pixels() -> None:
    found = find_layout(resize(faces(), 497))
    assert found is not None
    assert found.count == 25


def test_a_single_picture_is_no_grid() -> None:
    assert all(find_layout(resize(cell, 320 + 7)) is None for cell in cells())


def test_noise_is_no_grid_unless_it_has_the_size_of_25_images() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 480, 3), dtype=np.uint8)
    assert find_layout(noise) is None
    found = find_layout(noise[:320, :320])
    assert found is not None
    assert (found.style, found.count) == ("assumed", 25)


@pytest.mark.parametrize("block", [2, 4, 8, 16])
def test_the_checks_of_an_untrained_network_are_no_finer_grid(block: int) -> None:
    checks = np.random.default_rng(0).integers(0, 256, (320 // block, 320 // block, 3), np.uint8)
    found = find_layout(checks.repeat(block, 0).repeat(block, 1))
    assert found is not None
    assert found.words() == "5x5 of 64x64"


def test_images_of_one_colour_are_counted() -> None:
    found = cells()
    found[3] = 255
    found[24] = 0
    assert blank(list(found)) == [4, 25]
