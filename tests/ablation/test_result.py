"""The table of results: means and spreads over seeds, and which differences say something."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from animekit.ablation.result import Ablation, Outcome, over_seeds
from animekit.ablation.written import as_csv, as_markdown
from animekit.evaluation.result import Row, Value


def test_the_spread_over_seeds_counts_where_it_is_larger_than_that_of_measuring() -> None:
    found = over_seeds([{"value": 1.0, "se": 0.1}, {"value": 3.0, "se": 0.3}])
    assert (found.value, found.sd, found.se, found.repeats) == (2.0, 2**0.5, 0.2, 2)
    assert found.spread == found.sd
    one = over_seeds([{"value": 1.0, "se": 0.1}, None])
    assert (one.sd, one.spread) == (None, 0.1)
    none = over_seeds([{"value": None, "reason": "flat"}])
    assert (none.value, none.reason) == (None, "flat")


def told(done: Ablation, better: str, base: Value, other: Value, real: float) -> Ablation:
    """Return an ablation of one number."""
    outcomes: list[Outcome] = [
        replace(outcome, values={"k": value})
        for outcome, value in zip(done.outcomes, (base, other), strict=True)
    ]
    rows = (Row("k", "metric", better, ""),)
    return replace(done, outcomes=tuple(outcomes), rows=rows, floor={"k": Value(real)})


@pytest.mark.parametrize(
    ("better", "base", "other", "real", "expected"),
    [
        ("lower", Value(5.0, 0.1), Value(4.0, 0.1), 0.0, "better"),
        ("lower", Value(5.0, 0.1), Value(6.0, 0.1), 0.0, "worse"),
        ("higher", Value(5.0, 0.1), Value(6.0, 0.1), 0.0, "better"),
        ("lower", Value(5.0, 0.5), Value(4.0, 0.3), 0.0, "alike"),
        ("real", Value(0.5, 0.01), Value(0.4, 0.01), 0.3, "better"),
        ("real", Value(0.31, 0.01), Value(0.1, 0.01), 0.3, "worse"),
        ("lower", Value(5.0), Value(4.0), 0.0, "unknown"),
        ("lower", Value(5.0, 0.1), Value(4.0), 0.0, "unknown"),
        ("lower", Value(5.0, 0.1), Value(None), 0.0, "unknown"),
    ],
)
def test_a_difference_counts_from_two_deviations_on(
    done: Ablation, better: str, base: Value, other: Value, real: float, expected: str
) -> None:
    found = told(done, better, base, other, real)
    assert found.judge(found.outcomes[1], "k") == expected


def test_sentences_say_what_the_table_says(done: Ablation) -> None:
    found = told(done, "lower", Value(5.0, 0.1), Value(4.0, 0.1), 1.0)
    assert found.sentences() == ["k: better than the base: model=lsgan"]
    assert [row[2] for row in found.as_table()] == ["k", "1.00", "5.00 ±0.10", "4.00 ±0.10 better"]


def test_few_seeds_are_a_warning(done: Ablation) -> None:
    assert done.warnings() == ["2 seeds: the spread is itself a rough guess"]


def test_markdown_and_csv_hold_every_row(done: Ablation) -> None:
    lines = [line for line in as_markdown(done).splitlines() if line.startswith("|")]
    assert lines[0].startswith("| variant | changes | steps |")
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        *("| real pictures", "| base", "| model=lsgan")
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv(done))))
    numbers = len(done.rows)
    assert len(rows) == numbers + 2 * 3 * numbers
    assert {row["seed"] for row in rows} == {"", "all", "0", "1"}
    mean = [row for row in rows if row["variant"] == "base" and row["metric"] == "swd_avg"]
    values = [float(row["value"]) for row in mean]
    assert values[0] == pytest.approx((values[1] + values[2]) / 2)


def test_facts_are_plain_values(done: Ablation) -> None:
    assert json.loads(json.dumps(done.facts(), allow_nan=False)) == done.facts()
