"""Comparisons of runs: the table, its forms, and the page."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.comparison.compare import Comparison, choose, compare
from animekit.errors import UnusableError, UsageError
from animekit.plugins import Registry
from animekit.runs.run import Run
from tests.browser import seen_at
from tests.html_page import HtmlPage

Tiny = Callable[..., Run]


@pytest.fixture(scope="module")
def compared(
    trained: Callable[..., Run], registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Comparison:
    """Return two tiny runs of different models, compared and measured together."""
    runs = tmp_path_factory.mktemp("compared") / "runs"
    pair = [trained(runs, "gan", steps=3), trained(runs, "wgangp", steps=2)]
    return compare(
        pair, seeds="0-2", measure=True, num=12, metrics=["swd"], registry=registry, folder=runs
    )


def test_two_runs_are_held_against_each_other(compared: Comparison) -> None:
    found = {each.key: each.values for each in compared.differences}
    assert found["model"] == ("gan", "wgangp") and found["steps"] == ("3", "2")
    assert found["gp_weight"] == ("0.0", "10.0") and found["one_sided"] == (None, "false")
    assert "size" not in found and "data" not in found
    assert compared.numbers.rows and compared.numbers.rows[0].floor
    assert compared.sheet is not None and list(compared.sheet.rows) == compared.labels
    head, *rows = compared.as_table()
    assert head == ["", "real", f"1 {compared.labels[0]}", f"2 {compared.labels[1]}", "which"]
    assert ["steps", "", "3", "2", ""] in rows and ["steps", "", "3", "2", "differs"] in rows
    facts = compared.facts()
    assert {row["key"] for row in facts["metrics"]} >= {"swd_avg"}


def test_a_comparison_is_written_in_every_form(compared: Comparison, tmp_path: Path) -> None:
    markdown = compared.save(tmp_path / "a.md").read_text()
    assert markdown.startswith("<!-- animekit runs compare -->") and "| steps | " in markdown
    rows = list(csv.reader(compared.save(tmp_path / "a.csv").read_text().splitlines()))
    assert rows[0][3:] == compared.labels and {len(row) for row in rows} == {5}
    compared.save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="ends in none of"):
        compared.save(tmp_path / "a.pdf")
    for form in ("md", "csv", "html"):
        path = tmp_path / f"mine.{form}"
        path.write_text("my own")
        with pytest.raises(UnusableError, match="animekit did not make it"):
            compared.save(path)


def test_the_page_needs_nothing_from_elsewhere(compared: Comparison) -> None:
    assert compared.save() == compared.place
    assert compared.place.name == "compare-0001-0002.html"
    page = HtmlPage(compared.place.read_text("utf-8"))
    for title in ("How far they came", "Same noise", "Numbers", "What differs", "Curves"):
        assert title in page.text
    assert page.all("img")
    assert all(str(each["src"]).startswith("data:image/webp;base64,") for each in page.all("img"))
    compared.save()  # over its own page


def test_the_page_of_a_comparison_fits_a_phone(compared: Comparison, tmp_path: Path) -> None:
    page = compared.save(tmp_path / "c.html")
    assert seen_at(page, 390, tmp_path) == (True, 2)  # a timeline each


def test_two_to_twelve_runs_are_compared(tiny: Tiny, registry: Registry, tmp_path: Path) -> None:
    run = tiny(steps=0)
    for given in ([run], [run, run.path], []):
        with pytest.raises(UsageError, match="a comparison of 1 run"):
            choose(given, tmp_path / "runs")
    other = tiny(steps=0)
    assert [each.id for each in choose((), tmp_path / "runs")] == [run.id, other.id]
    found = compare([run, other], sheet=False, registry=registry)
    assert found.differences == [] and found.sheet is None
