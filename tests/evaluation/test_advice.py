"""The hint of a failed gate fits what was measured."""

from __future__ import annotations

import pytest

from animekit.evaluation.advice import advice


@pytest.mark.parametrize(
    ("kind", "count", "values", "said"),
    [
        ("model", 5000, [40.0], "train longer"),
        ("images", 5000, [40.0], "look at the images"),
        ("images", 3, [40.0], "3 images a side say little"),
        ("model", 5000, [40.0, None], "undefined"),
    ],
)
def test_the_hint_fits_what_was_measured(
    kind: str, count: int, values: list[float | None], said: str
) -> None:
    assert said in advice(kind, count, values)
    assert kind != "images" or "train" not in advice(kind, count, values)
