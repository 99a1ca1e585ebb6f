"""The gallery of a folder of runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.comparison.gallery import gallery
from animekit.errors import NotFoundError
from animekit.runs.run import Run
from tests.browser import seen_at
from tests.html_page import HtmlPage


def test_every_run_has_a_card_a_damaged_one_too(tiny: Callable[..., Run], tmp_path: Path) -> None:
    run = tiny(steps=1)
    runs = run.path.parent
    shutil.copytree(run.path, runs / "0002-gan-spoilt")
    (runs / "0002-gan-spoilt" / "config.json").write_text("{")
    (runs / "compare-0001-0002.html").touch()
    page = HtmlPage(gallery(runs).read_text("utf-8"))
    assert page.text.index("0002-gan-spoilt") < page.text.index(run.id)
    assert "damaged" in page.text and "compare-0001-0002.html" in page.text
    assert len(page.all("img")) == 2
    assert seen_at(runs / "index.html", 390, tmp_path)[0]
    elsewhere = gallery(runs, tmp_path / "else" / "g.html", states=["finished"])
    assert "0002-gan-spoilt" not in elsewhere.read_text("utf-8")
    with pytest.raises(NotFoundError, match="in this state"):
        gallery(runs, states=["diverged"])


def test_ablations_beside_the_runs_are_linked(tiny: Callable[..., Run], tmp_path: Path) -> None:
    runs = tiny(steps=1).path.parent
    page = runs.parent / "ablations" / "gan-1" / "index.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert "Ablations" not in gallery(runs).read_text("utf-8")  # some other page
    (page.parent / "ablation.json").touch()
    own = page.parent / "runs"
    shutil.copytree(runs, own)
    links = HtmlPage(gallery(runs, overwrite=True).read_text("utf-8")).all("a")
    assert {"href": "./../ablations/gan-1/index.html"} in links
    (own / "index.html").unlink()
    assert {"href": "./../index.html"} in HtmlPage(gallery(own).read_text("utf-8")).all("a")
