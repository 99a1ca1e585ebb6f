"""`python -m benchmarks`: one table of ratios, which says how far it can be trusted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import sections
from benchmarks.rows import Asked, Point, Row, in_turns, markdown, row


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put two sections of known figures in place of those that take minutes."""

    def known(asked: Asked) -> Iterator[Row | Point | str]:
        sys.stdout.write("words of a script")
        yield row("known", "a loop", "img/s", 100, [1.0, 2.0], [2.0, 6.0], "a plain loop")
        yield "known: something is left out"

    def grown(asked: Asked) -> Iterator[Row | Point | str]:
        yield from (Point("batch", "animekit", at, 2.0 / at, "ms", "grown") for at in (8, 16))

    monkeypatch.setattr(sections, "SECTIONS", {"known": known, "grown": grown})
    monkeypatch.setattr(command, "load", lambda: 0.1)


def test_the_table_the_plot_and_the_facts_are_written(
    two: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    line = "| known: a loop | 66.7 img/s | 25 img/s | **2.50x** [2.00..3.00] | a plain loop |"
    assert line in shown
    assert "words of a script" not in shown
    assert "known: something is left out" in shown
    assert (tmp_path / "table.md").read_text("utf-8") == shown.rstrip("\n") + "\n"
    assert json.loads((tmp_path / "table.json").read_text("utf-8"))["rows"][0]["ratio"] == 2.5
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_json_alone_is_printed_where_it_is_asked_for(
    two: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--only", "known", "--json", "-o", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["rows"]] == ["a loop"]
    assert not (tmp_path / "growth.png").exists()


def test_a_section_that_is_run_alone_keeps_the_others(two: None, tmp_path: Path) -> None:
    place = ["-o", str(tmp_path)]
    assert command.main(place) == 0
    whole = (tmp_path / "table.json").read_text("utf-8")
    assert command.main(["--only", "known", "--keep", *place]) == 0
    assert (tmp_path / "table.json").read_text("utf-8") == whole
    assert command.main(["--only", "grown", *place]) == 0
    assert json.loads((tmp_path / "table.json").read_text("utf-8"))["rows"] == []


def test_what_was_found_before_a_section_fails_is_written(
    two: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(asked: Asked) -> Iterator[Row | Point | str]:
        yield "never seen"
        raise ZeroDivisionError

    monkeypatch.setitem(sections.SECTIONS, "broken", broken)
    with pytest.raises(ZeroDivisionError):
        command.main(["-o", str(tmp_path)])
    assert "known: a loop" in (tmp_path / "table.md").read_text("utf-8")


def test_a_busy_machine_is_said_and_refused_where_that_is_asked_for(
    two: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "load", lambda: 3.2)
    assert command.main(["--only", "known", "-o", str(tmp_path)]) == 0
    assert "The machine is busy (load 3.2)" in (tmp_path / "table.md").read_text("utf-8")
    assert command.main(["--strict", "-o", str(tmp_path / "no")]) == 4
    assert "busy (load 3.2)" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_an_unknown_section_is_refused_with_those_that_are(
    two: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--only", "stepz"]) == 2
    assert "no section stepz: known grown" in capsys.readouterr().err


def test_each_side_runs_once_a_round_and_behind_each_other() -> None:
    order: list[str] = []
    jobs = {name: lambda name=name: order.append(name) for name in "abc"}
    seconds = in_turns(jobs, 3)
    assert "".join(order) == "abcbcacab"
    assert {name: len(each) for name, each in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_row_without_a_peer_is_a_figure_alone() -> None:
    assert "| loading: a share | 0.5 % |  |  |  |" in markdown(
        [Row("loading", "a share", "%", 0.5)], [], "here"
    )


def test_the_store_is_held_against_a_folder_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "_share", lambda asked: iter(()))
    monkeypatch.setattr(sections, "WORKERS", (0,))  # workers take seconds to begin
    [found] = list(sections.loading(Asked(quick=True, rounds=1)))
    assert isinstance(found, Row)
    assert found.unit == "img/s"
    assert found.ratio and found.ratio > 0.5
