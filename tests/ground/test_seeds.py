"""Seeds as a user types them."""

from __future__ import annotations

import time

import pytest

from animekit.errors import UsageError
from animekit.seeds import LIMIT, check_seeds, format_seeds, parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0-24", range(25)), ("3,17,42", [3, 17, 42]), ("9", [9]), (" 5 - 7 , 5", [5, 6, 7, 5])],
)
def test_a_user_can_write_single_seeds_and_ranges(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == list(seeds)
    assert parse_seeds(format_seeds(list(seeds))) == list(seeds)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", 'seeds ""'),
        ("1,,2", 'seeds "1,,2"'),
        ("-3", '"-3"'),
        ("1-2-3", '"1-2-3"'),
        ("1.5", '"1.5"'),
        ("٣", '"٣"'),
        ("9-3", "run backwards"),
        ("0-99999999999999", "more than 1,000,000"),
        (str(LIMIT), "is not a seed"),
        ("9" * 5000, "is not a seed"),
        ("1-" + "9" * 5000, "is not a seed"),
        ("0,x" * 50_000, "cannot read"),
    ],
)
def test_anything_else_is_one_clear_line(text: str, seen: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_seeds(text)
    assert seen in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_a_hundred_thousand_seeds_are_read_at_once_and_endless_ones_are_refused() -> None:
    started = time.perf_counter()
    odd = list(range(1, 200_000, 2))
    assert parse_seeds(format_seeds(odd)) == odd
    assert len(parse_seeds("0-99999")) == 100_000
    assert time.perf_counter() - started < 5
    for seed in (10**5000, -(10**5000), 2**63, -1, 1.5, "1", True, None):
        with pytest.raises(UsageError, match="is not a seed") as caught:
            check_seeds([seed])  # type: ignore[list-item]
        assert len(str(caught.value)) < 100
