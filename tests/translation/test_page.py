"""The page: it works from anywhere, and remembers earlier calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from animekit.translation.result import Transferred
from tests.translation.pictures import paint


def test_the_page_needs_nothing_from_elsewhere(swap: Callable[..., Transferred]) -> None:
    paint("in/<b>&'\" #?%.png"), paint("in/javascript:x.png")
    swap("in")
    page = Path("out/index.html").read_text(encoding="utf-8")
    assert "<b>&'" not in page
    assert "http" not in page.replace("http-equiv", "")
    sources = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert len(sources) == 6
    assert all(source.startswith("./") for source in sources)
    from urllib.parse import unquote

    assert all((Path("out") / unquote(source)).is_file() for source in sources)


def test_the_page_remembers_what_was_done_before(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    swap("in")
    paint("in/b.png")
    swap("in", existing="skip")
    page = Path("out/index.html").read_text()
    assert ">a.png<" in page
    assert ">b.png<" in page
    Path("out/a.png").unlink()
    Path("in/a.png").unlink()
    swap("in", existing="overwrite")
    assert ">a.png<" not in Path("out/index.html").read_text()
