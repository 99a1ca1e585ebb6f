"""The report of a cleaning: whole in one file, bounded, and deaf to hostile names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.cleaning import report
from animekit.cleaning.clean import Cleaning, clean
from animekit.cleaning.sheets import Thumbs, group_by_reason, write_sheets
from animekit.plugins import Registry
from tests.html_page import HOSTILE, HtmlPage

CHECKS = ("size", "duplicate", "blur", "mono", "flat", "exposure", "corrupt")


@pytest.fixture(scope="module")
def cleaning(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Cleaning:
    """Clean pictures of noise, copies, flat ones and a damaged one, with names that attack."""
    folder = tmp_path_factory.mktemp("data") / "<b>faces & more"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(30):
        small = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((80, 80), Image.Resampling.BICUBIC)
        image.save(folder / f"{index:02d}.png")
    for name in HOSTILE:
        image.save(folder / name)
        Image.new("RGB", (70, 70), (9, 9, 9)).save(folder / f"flat {name}")
    (folder / "<i>broken.png").write_bytes(b"<html>")
    (folder / "truncated.png").write_bytes((folder / "00.png").read_bytes()[:300])
    return clean(folder, checks=CHECKS, registry=registry, workers=1)


def page_of(cleaning: Cleaning, tmp_path: Path) -> str:
    thumbs = Thumbs(Path(cleaning.summary["path"]))
    made = group_by_reason(cleaning.manifest, cleaning.findings)
    sheets = write_sheets(made, thumbs, tmp_path / "sheets")
    return report.write_report(cleaning, made, sheets, thumbs).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(cleaning: Cleaning, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(cleaning, tmp_path_factory.mktemp("report"))


def test_the_report_is_one_file_that_asks_for_no_other(page: str) -> None:
    reader = HtmlPage(page)
    assert reader.open == []
    assert {tag for tag, _ in reader.seen}.isdisjoint({"script", "link", "iframe", "object"})
    assert reader.all("img")
    for image in reader.all("img"):
        assert str(image["src"]).startswith("data:image/webp;base64,")
    for link in reader.all("a"):
        assert re.fullmatch(r"#\w+|sheets/\w+\.png", str(link["href"]))
    assert "http:" not in page and "https:" not in page and "@import" not in page
    assert "default-src 'none'" in str(reader.all("meta"))


def test_hostile_names_are_text_and_nothing_else(page: str) -> None:
    reader = HtmlPage(page)
    assert reader.handlers() == []
    assert reader.all("b") == reader.all("i") == []
    assert "{{ 7*7 }}{% raw %}{# no #}.png" in reader.text
    assert "<script>alert(1)<&script>.png" in reader.text
    assert '"onmouseover="alert(2)".png' in reader.text
    assert "<b>faces & more" in reader.text
    assert "\u202e" not in page
    titles = [str(figure.get("title", "")) for figure in reader.all("figure")]
    assert any("alert(2)" in title for title in titles)  # inside the quotes


def test_every_reason_is_counted_and_shown(page: str, cleaning: Cleaning) -> None:
    reader = HtmlPage(page)
    sections = [section["id"] for section in reader.all("section")]
    counts = cleaning.summary["by_reason"]
    assert sorted(map(str, sections)) == sorted(counts)
    assert {"duplicate", "flat", "corrupt", "not_image"} & set(counts) >= {"duplicate", "flat"}
    row = re.search(r'href="#duplicate".*?<td class="number">(\d+)</td>', page, re.DOTALL)
    assert row is not None and int(row[1]) == counts["duplicate"]
    assert f"{cleaning.summary['files']:,}" in reader.text
    assert "animekit clean" in reader.text and "--undo" in reader.text
    assert "<svg" in page and 'class="bad"' in page


def test_the_kept_one_of_each_group_is_marked(page: str, cleaning: Cleaning) -> None:
    kept = [figure for figure in HtmlPage(page).all("figure") if figure.get("class") == "kept"]
    groups = {finding.group for finding in cleaning.findings if finding.group is not None}
    assert len(kept) == len(groups) == 2


def test_files_that_cannot_be_shown_are_listed_with_their_reason(page: str) -> None:
    listed = re.search(r'<section id="corrupt">.*?</section>', page, re.DOTALL)
    assert listed is not None
    assert "truncated.png</bdi>: truncated" in listed[0]


def test_pictures_together_stay_within_their_bytes(
    cleaning: Cleaning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = HtmlPage(page_of(cleaning, tmp_path)).all("img")
    monkeypatch.setattr(report, "PICTURE_BYTES", 3000)
    small = page_of(cleaning, tmp_path)
    assert 0 < len(HtmlPage(small).all("img")) < len(full)
    assert sum(len(str(image["src"])) for image in HtmlPage(small).all("img")) < 3000 * 4 / 3 + 400
    assert re.search(r"\d+ pictures were left out", small)


def test_a_clean_folder_has_a_report_too(
    tmp_path: Path, pictures: Path, registry: Registry
) -> None:
    made = clean(pictures, checks=["corrupt"], registry=registry, out=tmp_path / "out")
    path = report.write_report(made, [], [], Thumbs(pictures))
    assert "Nothing was flagged." in HtmlPage(path.read_text(encoding="utf-8")).text
