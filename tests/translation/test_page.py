"""The page: rows, hostile names, the one script that runs; it works anywhere and remembers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from animekit.images.page import pin
from animekit.translation import page
from animekit.translation.page import PageRow
from animekit.translation.result import FailedFile, Item, Transferred
from tests.html_page import HOSTILE, HtmlPage
from tests.translation.pictures import paint

MODEL = {"model": "cyclegan", "name": "<i>a2o", "step": 7000}


def row(out: str, **facts: Any) -> PageRow:
    values = {"source": "in/a.png", "column": "a2b", "width": 1024, "height": 256, "frames": 1}
    return PageRow(out, **{**values, "before": ".page/0.webp", "back": None, **facts})


def written(folder: Path, rows: list[PageRow], failed: list[FailedFile] | None = None) -> str:
    result = Transferred(MODEL, folder, ["a2b"], failed=failed or [])
    path = page.write(result, rows)
    assert path == folder / "index.html"
    return path.read_text(encoding="utf-8")


def test_hostile_names_are_text_and_lead_nowhere(tmp_path: Path) -> None:
    failed = [FailedFile(Path(name), "x", f"<u>{name}") for name in HOSTILE]
    text = written(tmp_path, [row(name, column="<b>a2b") for name in HOSTILE], failed)
    reader = HtmlPage(text)
    assert reader.open == []
    assert reader.handlers() == reader.all("b") == reader.all("i") == reader.all("u") == []
    assert len(reader.all("script")) == 1
    for name in HOSTILE[:4] + HOSTILE[5:]:
        assert reader.text.count(name) >= 3  # the result, the failure, and its reason
    assert "\u202e" not in text
    places = [each[key] for tag, key in (("a", "href"), ("img", "src")) for each in reader.all(tag)]
    assert len(places) == 3 * len(HOSTILE)
    assert all(re.fullmatch(r"\./[\w./%~-]+", str(place), re.ASCII) for place in places)


def test_the_one_script_that_may_run_is_pinned(tmp_path: Path) -> None:
    text = written(tmp_path, [row("a.png")])
    policy = str(HtmlPage(text).all("meta")[1]["content"])
    script = text.partition("<script>")[2].partition("</script>")[0]
    assert "default-src 'none'" in policy and "http" not in policy
    assert f"script-src '{pin(script)}'" in policy
    assert 'getElementById("toggle")' in script


def test_a_row_has_its_facts_and_its_pictures(tmp_path: Path) -> None:
    rows = [row("a.png", back=".page/1.webp"), row("b.mp4", frames=1200, before=None)]
    reader = HtmlPage(written(tmp_path, rows))
    assert [image["alt"] for image in reader.all("img")] == ["input", "output", "and back"]
    assert {(image["width"], image["height"]) for image in reader.all("img")} == {("512", "128")}
    assert [video["src"] for video in reader.all("video")] == ["./b.mp4"]
    assert "a2b · 1024×256 · 1,200 frames" in reader.text
    assert "cyclegan <i>a2o, step 7000, fp32. 2 results" in reader.text
    assert "FailedFiles" not in reader.text


def test_what_is_too_much_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "ROWS", 2)
    monkeypatch.setattr(page, "FAILURES", 1)
    failed = [FailedFile(Path(f"{index}.png"), "x", "torn") for index in range(3)]
    reader = HtmlPage(written(tmp_path, [row(f"{index}.png") for index in range(5)], failed))
    assert len(reader.all("section")) == 2
    assert "5 results, 3 failures" in reader.text
    assert "and 3 more in the folder" in reader.text
    assert "and 2 more in failed.txt" in reader.text


def test_a_row_names_files_as_the_page_sees_them() -> None:
    out = Path("out")
    item = Item(Path("in/a.png"), out / "x" / "a.png", "a2b", 3, 4, before=out / ".page" / "0.webp")
    made = PageRow.of(item, out)
    assert (made.out, made.before, made.back) == ("x/a.png", ".page/0.webp", None)
    assert (made.source, made.shown, made.is_video) == ("in/a.png", (3, 4), False)


def test_the_page_needs_nothing_from_elsewhere(swap: Callable[..., Transferred]) -> None:
    paint("in/<b>&'\" #?%.png"), paint("in/javascript:x.png")
    swap("in")
    text = Path("out/index.html").read_text(encoding="utf-8")
    assert "<b>&'" not in text
    assert "http" not in text.replace("http-equiv", "")
    sources = [part.split('"')[0] for part in text.split('src="')[1:]]
    assert len(sources) == 6
    assert all(source.startswith("./") for source in sources)
    assert all((Path("out") / unquote(source)).is_file() for source in sources)


def test_the_page_remembers_what_was_done_before(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    swap("in")
    paint("in/b.png")
    swap("in", existing="skip")
    text = Path("out/index.html").read_text()
    assert ">a.png<" in text
    assert ">b.png<" in text
    Path("out/a.png").unlink()
    Path("in/a.png").unlink()
    swap("in", existing="overwrite")
    assert ">a.png<" not in Path("out/index.html").read_text()
