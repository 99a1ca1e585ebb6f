"""Pictures in a terminal: half blocks in colour, letters without, nothing where nobody looks."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from animekit.cli._console import Screen
from animekit.cli._preview import preview

RED, BLUE = (200, 10, 10), (10, 10, 200)


class Utf8(io.StringIO):
    encoding = "utf-8"


def screen(*, width: int = 81, height: int = 24, **more: Any) -> Screen:
    made = Screen()
    made.live = True
    colours = {"color_system": "truecolor", **more}
    made.err = Console(
        file=Utf8(), force_terminal=True, width=width, height=height, highlight=False, **colours
    )
    return made


def shown(made: Screen) -> str:
    return made.err.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_two_pixels_are_a_character() -> None:
    made = screen()
    preview(made, np.array([[RED, BLUE], [BLUE, BLUE]], np.uint8))
    assert re.findall(r"38;2;([\d;]+);48;2;([\d;]+)m▀", shown(made)) == [
        ("200;10;10", "10;10;200"),
        ("10;10;200", "10;10;200"),
    ]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 500), (500, 3), (64, 64)])
def test_a_picture_fits_the_screen(height: int, width: int) -> None:
    made = screen(no_color=True)
    preview(made, np.full((height, width, 3), 255, np.uint8))
    lines = shown(made).splitlines()
    assert 1 <= len(lines) <= 20 and all(len(line) <= 80 for line in lines)


def test_of_a_grid_as_many_images_are_shown_as_can_be_seen() -> None:
    sheet = np.zeros((8 * 64, 8 * 64, 3), np.uint8)
    sheet[: 2 * 64, : 2 * 64] = 255  # 40 rows of pixels are two faces of 18
    made = screen(no_color=True)
    preview(made, sheet, tile=64)
    lines = shown(made).splitlines()
    assert len(lines) == 20 and all(line == "@" * 40 for line in lines)


@pytest.mark.parametrize("how", [{"no_color": True}, {"color_system": None}])
def test_without_colours_letters_stand_for_light(how: dict[str, Any]) -> None:
    made = screen(**how)
    preview(made, np.array([[[255] * 3, [128] * 3, [0] * 3]] * 2, np.uint8))
    assert shown(made) == "@+\n"


def test_nobody_is_shown_what_nobody_sees() -> None:
    for change in ({"live": False}, {"quiet": True}):
        made = screen()
        vars(made).update(change)
        preview(made, np.zeros((4, 4, 3), np.uint8))
        assert shown(made) == ""
