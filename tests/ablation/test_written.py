"""The files of an ablation, and the page that needs nothing beside it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from animekit.ablation.result import Ablation
from animekit.ablation.variants import Variant
from animekit.ablation.written import save


@pytest.fixture(scope="module")
def page(done: Ablation) -> str:
    return save(done)["page"].read_text("utf-8")


def test_everything_is_written_and_twice_the_same(done: Ablation) -> None:
    files = save(done)
    assert {path.name for path in files.values()} == {
        *("index.html", "table.md", "table.csv", "table.json"),
        *("sheet.png", "curves.png", "model-lsgan.gif"),
    }
    assert (done.folder / "curves.svg").is_file()
    first = {path: path.read_bytes() for path in files.values()}
    assert {path: path.read_bytes() for path in save(done).values()} == first
    table = json.loads((done.folder / "table.json").read_text("utf-8"))
    assert table == done.facts()


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    assert "<script" not in page
    addresses = re.findall(r'(?:src|href)="([^"]{0,20})', page)
    assert addresses and all(each.startswith("data:image/") for each in addresses)
    assert "The same noise" in page and "While they were trained" in page and "Curves" in page


def test_names_are_escaped(done: Ablation) -> None:
    base, other = done.outcomes
    odd = replace(other.planned, variant=Variant("<b>x</b>", {"model": "lsgan"}))
    found = replace(done, outcomes=(base, replace(other, planned=odd)))
    text = save(found)["page"].read_text("utf-8")
    assert "<b>x</b>" not in text and "&lt;b&gt;x" in text
