"""metrics.jsonl: one bad line costs that line, and nothing behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animekit.runs.reports import last_evaluation, last_with, read_reports, set_aside

ROWS = [{"step": step, "seconds": step / 2, "d/real": -1.5} for step in range(1, 21)]


def written(path: Path, rows: list[Any] = ROWS) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_all_reports_come_back_in_order(tmp_path: Path) -> None:
    found = read_reports(written(tmp_path / "metrics.jsonl"))
    assert (found.rows, found.bad) == (ROWS, 0)
    assert (read_reports(tmp_path / "none").rows, read_reports(tmp_path / "none").bad) == ([], 0)


@pytest.mark.parametrize("end", ['{"step": 3', "\0\0\0", '{"step": 3}\0', '{"st', '{"step": 3}{'])
def test_what_a_crash_cut_off_is_left_out_and_is_no_damage(tmp_path: Path, end: str) -> None:
    path = written(tmp_path / "metrics.jsonl")
    with path.open("a") as file:
        file.write(end)
    found = read_reports(path)
    assert (found.rows, found.bad) == (ROWS, 0)
    with path.open("ab") as file:
        file.write(b"\xe9\xa1")
    assert (read_reports(path).rows, read_reports(path).bad) == (ROWS, 0)


@pytest.mark.parametrize("place", [0, 7, 19])
@pytest.mark.parametrize(
    "line",
    [
        'X"step": 1}',
        "",
        "3",
        "[]",
        '"x"',
        "null",
        "\0" * 40,
        '{"step": 1, "step": 2}',
        '{"step": "1"}',
        '{"step": 1.5}',
        '{"step": -1}',
        '{"step": true}',
        '{"step": null}',
        '{"step": 1, "seconds": "3"}',
        '{"step": 1, "d/real": NaN}',
        '{"step": 1, "d/real": 1e999}',
        '{"step": 1, "seconds": [1]}',
        '{"step": 10000000000000000000000000}',
        "[" * 100_000,
        '{"a":' * 50_000,
    ],
    ids=lambda line: line[:20],
)
def test_a_bad_line_is_passed_over_and_those_behind_it_stay(
    tmp_path: Path, line: str, place: int
) -> None:
    path = written(tmp_path / "metrics.jsonl")
    lines = path.read_text().splitlines()
    lines[place] = line
    path.write_text("\n".join(lines) + "\n")
    found = read_reports(path)
    assert found.rows == ROWS[:place] + ROWS[place + 1 :]
    assert found.bad == (line != "")  # an empty line is nothing at all


def test_a_flipped_bit_costs_at_most_its_line_or_two(tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.jsonl")
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for place in random.integers(len(whole), size=200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        found = read_reports(path)
        assert len(found.rows) >= 18
        assert sum(row in ROWS for row in found.rows) >= 18


def test_rows_of_other_programs_stay(tmp_path: Path) -> None:
    other = {"loss": "high", "list": [1]}
    found = read_reports(written(tmp_path / "metrics.jsonl", [other, *ROWS]))
    assert (found.rows, found.bad) == ([other, *ROWS], 0)
    assert found.up_to(2) == [other, *ROWS[:2]]


def test_each_value_is_that_of_the_last_report_that_has_it() -> None:
    rows = [*ROWS, {"step": 20, "eval/swd_avg": 9.0}]
    assert last_with(rows, "step")["step"] == 20
    assert last_with(rows, "seconds") == ROWS[-1]
    assert last_evaluation(rows) == rows[-1]
    assert last_evaluation(ROWS) == last_with([], "step") == {}


def test_a_damaged_file_is_kept_under_a_free_name(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for number, text in enumerate(("a", "b"), start=1):
        path.write_text(text)
        kept = set_aside(path)
        assert (kept.name, kept.read_text()) == (f"metrics-damaged-{number}.jsonl", text)
    assert path.read_text() == "b"
