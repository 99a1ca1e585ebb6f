"""Pages: values are escaped, pictures are inside, files are written whole."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError
from PIL import Image

from animekit.images import page
from tests.html_page import HOSTILE


def shown(value: object) -> str:
    """Return how a value of a template comes out."""
    return page._environment().from_string("{{ value }}").render(value=value)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_is_escaped_whatever_it_is(name: str) -> None:
    for text in (shown(name), shown(Path(name))):
        assert not set("<>\"'\u202e") & set(text)
    assert shown(["<b>"]) == "[&#39;&lt;b&gt;&#39;]"


def test_text_is_one_line_and_what_would_not_print_is_spelled_out() -> None:
    assert shown("a\n\x1b\udcff.png") == r"a\n\x1b\udcff.png"
    assert shown(1200) == "1200"


def test_a_value_that_is_missing_is_an_error_and_leaves_the_old_page(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("old")
    with pytest.raises(UndefinedError, match="summary"):
        page.write(tmp_path / "a.html", "clean.html")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.html", "old")]


def test_a_picture_is_scaled_to_its_longest_side_and_put_into_an_address() -> None:
    image = np.full((30, 60, 3), 200, np.uint8)
    for longest, size in ((None, (60, 30)), (100, (60, 30)), (20, (20, 10)), (1, (1, 1))):
        data = page.webp(image, 80, longest)
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.format, picture.size) == ("WEBP", size)
    head, _, text = page.embedded(data).partition(",")
    assert head == "data:image/webp;base64"
    assert base64.b64decode(text) == data
