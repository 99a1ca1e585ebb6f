"""Course reports: headings, figures and numbers are filled in, words are left to the student."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.errors import UnusableError, UsageError
from animekit.plugins import Registry
from animekit.reporting.assignment import Assignment, assignment
from animekit.runs.run import Run
from tests.browser import seen_at
from tests.html_page import HtmlPage

HEADINGS = (
    "1. Model description",
    "2. Experiment settings and observation",
    "3. Comparison with WGAN, WGAN-GP or LSGAN",
    "4. Training tips",
    "5. Mode collapse",
)


@pytest.fixture(scope="module")
def written(
    trained: Callable[..., Run], registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Assignment:
    """Return the report of a run beside one of another objective, and one with a tip."""
    runs = tmp_path_factory.mktemp("course") / "runs"
    main = trained(runs, "gan", steps=3)
    trained(runs, "lsgan", steps=2)
    trained(runs, "gan", steps=3, params={"fake_label": "0,0.3", **_SMALL})
    trained(runs, "gan", steps=3, tips="6,none:4", params=_SMALL)
    trained(runs, "gan", steps=2, data="synthetic:8")
    return assignment([main], registry=registry)


_SMALL = {"g_channels": 4, "d_channels": 4, "z_dim": 8}


def test_runs_beside_it_serve_where_they_fit(written: Assignment) -> None:
    parts = dict(written.group.rows())
    assert parts == {
        "model": "0001-gan-discs32",
        "comparison": "0002-lsgan-discs32",
        "tip 1": "0004-gan-discs32",
        "tip 2": "0003-gan-discs32",
    }
    text = written.markdown()
    assert "### Tip 6, none:4" in text and "| fake_label | 0.0,0.0 | 0.0,0.3 |" in text
    assert "Tip 6: soft and noisy labels in D." in text
    assert "batches of their own (the opposite)." in text
    assert any("1 more run, " in line for line in written.open_points)
    assert any("--preset collapse" in line for line in written.open_points)


def test_what_was_not_recorded_as_a_tip_is_not_called_one(written: Assignment) -> None:
    text = written.markdown()
    assert text.count("### Tip") == 1 and "### Fake_label" in text
    assert "which tip is it" in text.partition("### Fake_label")[2]
    assert "which tip is it" not in text.partition("### Fake_label")[0]


def test_all_headings_of_the_course_stand_in_both_forms(
    written: Assignment, tmp_path: Path
) -> None:
    page, text, *pictures = written.save(tmp_path / "homework")
    read = HtmlPage(page.read_text("utf-8"))
    for heading in HEADINGS:
        assert heading in read.text and f"## {heading}" in text.read_text("utf-8")
    assert read.text.count("To write:") == text.read_text("utf-8").count("**To write:**") > 6
    assert len(read.all("img")) == len(pictures) > 3
    assert all(str(each["src"]).startswith("data:image/") for each in read.all("img"))
    for path in pictures:
        assert f"(figures/{path.name})" in text.read_text("utf-8")
    assert "25 images of 0001-gan-discs32" in read.text
    assert "real: -E[log s(D(x))]" in read.text  # the objective, as `explain` says it
    assert "| layer | kernel | stride | output | parameters |" in text.read_text("utf-8")


def test_a_students_own_words_are_never_lost(written: Assignment, tmp_path: Path) -> None:
    folder = tmp_path / "homework"
    _, text, *_ = written.save(folder)
    written.save(folder)  # nobody wrote in it
    mine = text.read_text("utf-8").replace("> ...", "> It collapsed, since", 1)
    text.write_text(mine, "utf-8")
    with pytest.raises(UnusableError, match="was edited since"):
        written.save(folder)
    assert text.read_text("utf-8") == mine
    written.save(folder, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        written.save(tmp_path / "file")


def test_runs_that_are_named_serve_alone(written: Assignment, registry: Registry) -> None:
    main, other = written.group.main, written.group.tips[0]
    found = assignment([main, other.path], registry=registry)
    assert dict(found.group.rows()) == {"model": main.id, "tip 1": other.id}
    assert any(line.startswith("no run of another objective") for line in found.open_points)
    with pytest.raises(UsageError):
        assignment([], registry=registry)


def test_the_page_of_an_assignment_fits_a_phone(written: Assignment, tmp_path: Path) -> None:
    page, *_ = written.save(tmp_path / "homework")
    assert seen_at(page, 390, tmp_path)[0]
