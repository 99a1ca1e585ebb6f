"""Numbers of several runs: which evaluation they come from, and what is apart."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from animekit.comparison.numbers import NumberRow, gather
from animekit.runs.records import Measured, records
from animekit.runs.run import Run


def cell(value: float | None, spread: float | None = 1.0, **values: Any) -> Measured:
    given = {"real": 2.0, "real_spread": 0.1, "better": "lower", "basis": "b", **values}
    return Measured("swd", value, spread, definition="d", n=9, **given)


@pytest.mark.parametrize(
    ("cells", "best", "words"),
    [
        ((cell(10), cell(20)), 0, "1 is best"),
        ((cell(10), cell(12)), 0, "under 2 sd: 1, 2"),
        ((cell(12), cell(10), cell(30)), 1, "under 2 sd: 1, 2"),
        ((cell(10), cell(20, better="higher")), 0, "1 is best"),
        ((cell(10, better="higher"), cell(20, better="higher")), 1, "2 is best"),
        ((cell(1, better="real"), cell(9, better="real")), 0, "1 is best"),
        ((cell(10), cell(20, basis="other")), None, "not measured alike"),
        ((cell(10), None), None, ""),
        ((cell(10, None), cell(20, None)), 0, "1 leads, no spread known"),
        ((cell(0, None), cell(0, None)), 0, "under 2 sd: 1, 2"),
        ((cell(10), cell(20), None, cell(None)), 0, "1 is best"),
    ],
)
def test_a_row_says_what_is_apart(
    cells: tuple[Measured | None, ...], best: int | None, words: str
) -> None:
    row = NumberRow("swd", cells)
    assert (row.best(), row.words()) == (best, words)


def test_the_floor_is_said_where_it_is_one() -> None:
    assert NumberRow("swd", (cell(9), cell(8))).floor == "2.00 ±0.10"
    assert NumberRow("swd", (cell(9), cell(8, real=3.0))).floor == ""


def evaluation(folder: Path, age: float, **columns: float) -> None:
    """Write a record of runs by id, whose numbers have deviations of 1."""
    folder.mkdir(parents=True)
    values = {"real vs real": {"value": 2.0, "sd": 0.1, "se": None, "n": 9, "reason": None}}
    for name, value in columns.items():
        values[name] = {"value": value, "sd": 1.0, "se": 0.5, "n": 9, "reason": None}
    record = {
        "metrics": [{"name": "swd", "better": "lower", "definition": "swd n 9", "values": values}],
        "columns": [{"name": "faces"}, *({"run": name, "step": 5} for name in columns)],
        "verdicts": {name: {"text": f"{name} is fine"} for name in columns},
        "provenance": {"n": 9, "repeats": 3, "size": 64, "real": {"name": "faces"}},
    }
    path = folder / "evaluation.json"
    path.write_text(json.dumps(record))
    os.utime(path, (age, age))


def test_an_evaluation_of_all_goes_before_a_newer_one_of_each(tmp_path: Path) -> None:
    one, two = (Run.create("gan", name, {"model": "gan"}, tmp_path) for name in "ab")
    evaluation(one.path / "eval" / "0001", 10, **{one.id: 1.0})
    evaluation(two.path / "eval" / "0001", 20, **{two.id: 7.0, one.id: 3.0})
    evaluation(one.path / "eval" / "0002", 30, **{one.id: 2.0})
    (one.path / "eval" / "0003").mkdir()
    (one.path / "eval" / "0003" / "evaluation.json").write_text('{"columns": [1]}')
    found = gather([one, two])
    assert [each and each.value for each in found.rows[0].cells] == [3.0, 7.0]
    assert found.rows[0].floor == "2.00 ±0.10" and not found.notes
    assert found.records[0] is not None and found.records[0].verdict == f"{one.id} is fine"
    assert [record.numbers["swd"].value for record in records(one)] == [1.0, 2.0]


def test_a_run_that_was_renamed_keeps_its_numbers(tmp_path: Path) -> None:
    run = Run.create("gan", "a", {"model": "gan"}, tmp_path)
    evaluation(run.path / "eval" / "0001", 10, **{run.id: 1.0})
    renamed = Run(run.path.rename(tmp_path / "0009-gan-mine"))
    assert [record.numbers["swd"].value for record in records(renamed)] == [1.0]


def test_what_was_not_measured_alike_is_said(tmp_path: Path) -> None:
    one, two = (Run.create("gan", name, {"model": "gan"}, tmp_path) for name in "ab")
    (note,) = gather([one, two]).notes
    assert note.startswith(f"not evaluated: {one.id}, {two.id}; animekit evaluate {one.id} --comp")
    evaluation(one.path / "eval" / "0001", 10, **{one.id: 1.0})
    found = gather([one, two])
    assert found.rows[0].cells[1] is None and found.notes[0].startswith(f"not evaluated: {two.id};")
