"""Reports: every kind of run has one, whatever its folder lacks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.errors import CheckpointError, NotFoundError, UnusableError, UsageError
from animekit.generation.generate import generate
from animekit.plugins import Registry
from animekit.reporting.report import Report, report
from animekit.reporting.section import TITLES
from animekit.runs.run import Run
from tests.browser import dom, seen_at, seen_without_scripts
from tests.html_page import HtmlPage


@pytest.fixture(scope="module")
def plain(kinds: dict[str, Run], registry: Registry) -> Report:
    return report(kinds["plain"], registry=registry)


def absent(found: Report) -> dict[str, list[str]]:
    return {each.name: each.absent for each in found.sections}


def test_a_report_has_all_sections_and_needs_nothing_from_elsewhere(plain: Report) -> None:
    page = HtmlPage(plain.html)
    assert page.open == [] and not page.handlers()
    assert [each["id"] for each in page.all("section")] == list(TITLES)
    assert all(str(each["src"]).startswith("data:image/") for each in page.all("img"))
    assert not page.all("link") and len(page.all("script")) == 1
    assert all(str(each["href"]).startswith("#") for each in page.all("a"))
    assert len(plain.html) < 10_000_000


def test_every_face_has_the_command_that_remakes_it(
    plain: Report, kinds: dict[str, Run], registry: Registry
) -> None:
    (section,) = [each for each in plain.sections if each.name == "faces"]
    face = section.values["faces"][7]
    assert face.command == f"animekit generate {kinds['plain'].id} --seeds 7"
    assert face.command in plain.html and len(section.values["faces"]) == 25
    (honesty,) = [each for each in plain.sections if each.name == "honesty"]
    scores = [each.score for each in honesty.values["lowest"] or ()]
    assert scores == sorted(scores)
    assert generate(kinds["plain"], seeds="7", registry=registry).images.shape[0] == 1


def test_a_model_that_is_told_labels_shows_what_it_makes_of_them(
    kinds: dict[str, Run], registry: Registry
) -> None:
    found = report(kinds["told"], registry=registry)
    (section,) = [each for each in found.sections if each.name == "conditions"]
    figures = [figure.title for figure, _ in section.values["matrices"]]
    assert any("eyes" in title for title in figures)
    assert "--sweep" in found.html and "--cond-acc" in section.absent[0]
    assert re.search(r"seed 3<br>|seed 3</small>|seed 3, ", found.html)
    assert "blonde hair" in found.html


def test_a_translator_shows_its_sheet_and_says_what_it_is_not(
    kinds: dict[str, Run], registry: Registry
) -> None:
    found = report(kinds["translates"], registry=registry)
    assert absent(found)["faces"] == ["stargan makes no images from noise"]
    assert f"animekit transfer stargan {kinds['translates'].id}" in found.html
    assert "are of models that draw from noise" in absent(found)["honesty"][0]


def test_what_a_folder_lacks_is_said_and_spoils_nothing_else(
    copied: Callable[[str], Run], registry: Registry
) -> None:
    run = copied("plain")
    for name in ("checkpoints", "samples"):
        shutil.rmtree(run.path / name)
    for path in run.path.glob("*.jsonl"):
        path.unlink()
    (run.path / "metrics.jsonl").write_text('{"step": 1, "seconds": 2.0}\n')
    (run.path / "log.txt").write_text("2026-01-01 00:00:00 step 3 rollback: not finite\n")
    found = report(run, registry=registry)
    lacks = absent(found)
    assert "has no checkpoint best" in lacks["faces"][0]
    assert "no sample grids" in lacks["timeline"][0] and "1 report" in lacks["curves"][0]
    assert "never evaluated" in lacks["honesty"][0]
    assert "not finite" in found.html and found.summary.state == "interrupted"
    assert [each["id"] for each in HtmlPage(found.html).all("section")] == list(TITLES)


def test_odd_values_of_a_run_are_no_bug(copied: Callable[[str], Run], registry: Registry) -> None:
    import json

    run = copied("plain")
    config = {**run.config, "spec": {"size": "x"}, "data": {"skipped": 5, "used": "a"}}
    for key in ("resolved", "environment", "origins", "preset"):
        config.pop(key)
    config["options"].pop("steps")
    (run.path / "config.json").write_text(json.dumps(config))
    found = report(run, registry=registry)
    assert found.summary.state == "damaged" and len(found.sections) == len(TITLES)


def test_hostile_values_of_a_run_are_text(copied: Callable[[str], Run], registry: Registry) -> None:
    import json

    run = copied("plain")
    config = run.config
    config["data"] |= {"name": "<script>alert(1)</script>", "skipped": [["a", "{{ 7*7 }}<b>"], 3]}
    config["options"]["data"] = "'\"><img src=x onerror=alert(2)>"
    config["origins"]["data"] = "<i>"
    (run.path / "config.json").write_text(json.dumps(config))
    page = HtmlPage(report(run, registry=registry).html)
    assert len(page.all("script")) == 1 and not page.handlers() and not page.all("i")
    assert "{{ 7*7 }}<b>" in page.text and "49<b>" not in page.text


def test_neighbours_are_those_that_an_evaluation_stored(
    copied: Callable[[str], Run], registry: Registry
) -> None:
    import json

    run = copied("plain")
    folder = run.path / "eval" / "0001"
    folder.mkdir(parents=True)
    value = {"value": 3.0, "sd": 0.5, "se": None, "n": 9, "reason": None}
    record = {
        "metrics": [
            {
                "name": "swd",
                "better": "lower",
                "definition": "d",
                "values": {"r": value, "a": value},
            }
        ],
        "columns": [{"name": "r"}, {"run": run.id, "step": 3}],
        "verdicts": {"a": {"text": "no sign of mode collapse"}},
        "provenance": {"n": 9, "repeats": 1, "size": 32, "real": {"name": "discs"}},
    }
    (folder / "evaluation.json").write_text(json.dumps(record))
    shutil.copy(run.samples / "reals.png", folder / "neighbours-0001-gan.png")
    found = report(run, registry=registry)
    assert "as eval/0001 stored it" in found.html
    assert "3.00 ±0.50" in found.html and "no sign of mode collapse" in found.html


def test_a_report_is_written_into_the_run_and_not_over_others(
    copied: Callable[[str], Run], plain: Report, tmp_path: Path
) -> None:
    path = plain.save(tmp_path / "r.html")
    plain.save(path)
    path.write_text("my own")
    with pytest.raises(UnusableError, match="animekit did not make it"):
        plain.save(path)
    plain.save(path, overwrite=True)
    with pytest.raises(UsageError, match=r"\.html"):
        plain.save(tmp_path / "r.txt")
    assert plain.place == plain.run.path / "report.html"


def test_no_run_and_a_damaged_one_are_refused(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(NotFoundError):
        report(None, folder=tmp_path, registry=registry)
    run = tmp_path / "0001-gan-a"
    run.mkdir()
    (run / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="does not hold the values of a run"):
        report(run, registry=registry)


def test_a_phone_needs_no_side_scroll_and_scripts_may_be_off(plain: Report, tmp_path: Path) -> None:
    page = plain.save(tmp_path / "r.html")
    for width in (390, 1280):
        assert seen_at(page, width, tmp_path) == (True, 1)
    frames = plain.html.count("<figcaption>step ")
    assert frames > 1 and seen_without_scripts(page, tmp_path) == (len(TITLES), frames)
    assert 'class="frames one"' in dom(page, tmp_path)  # and the policy lets our script run
