"""What is asked of an ablation, held together."""

from __future__ import annotations

from typing import Any

import pytest

from animekit.ablation.request import AblateRequest, Budget
from animekit.errors import NotFoundError, UsageError
from animekit.plugins import Registry


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "one budget"),
        ({"steps": 1, "seconds": 2.0}, "one budget"),
        ({"steps": 0}, "more than nothing"),
        ({"seconds": -1.0}, "more than nothing"),
        ({"steps": 1, "repeats": 0}, "--repeats 1"),
        ({"steps": 1, "jobs": 0}, "--jobs 1"),
        ({"steps": 1, "axes": ["seed=0,1"]}, "seed is no axis"),
        ({"steps": 1, "axes": {"size": [32, 64]}}, "size is no axis"),
        ({"steps": 1, "params": {"seed": 3}}, "seed is not"),
        ({"steps": 1, "params": {"minutes": 3}}, "minutes is not"),
        ({"steps": 1, "on": "dirty"}, 'cannot train on "dirty"'),
    ],
)
def test_what_does_not_go_together_is_refused(
    asked: dict[str, Any], words: str, registry: Registry
) -> None:
    with pytest.raises(UsageError, match=words):
        AblateRequest.of("gan", registry=registry, **asked)


def test_an_unknown_metric_or_model_is_found_out_at_once(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="swd"):
        AblateRequest.of("gan", steps=1, metrics=["swdd"], registry=registry)
    with pytest.raises(NotFoundError, match="gan"):
        AblateRequest.of("gann", steps=1, registry=registry)


def test_words_and_values_of_python_mean_the_same(registry: Registry) -> None:
    typed = AblateRequest.of(
        "wgangp",
        steps=5,
        tips="4,5",
        axes=["gp_weight=1,100"],
        on="cleaned|raw",
        seeds="0-2",
        registry=registry,
    )
    told = AblateRequest.of(
        "wgangp",
        steps=5,
        tips=[4, 5],
        axes={"gp_weight": [1, 100]},
        on=["cleaned", "raw"],
        seeds=[0, 1, 2],
        registry=registry,
    )
    assert (typed.tips, typed.axes, typed.seeds) == (told.tips, told.axes, told.seeds)
    assert typed.tips == ("4", "5") and typed.seeds == (0, 1, 2)


def test_a_budget_tells_how_much_of_it_is_gone() -> None:
    assert Budget(steps=200).share(50, 1e9) == 0.25
    assert Budget(seconds=10.0).share(10**9, 5.0) == 0.5
    assert Budget(seconds=10.0).share(1, 50.0) == 1.0
    assert str(Budget(steps=2000)) == "2,000 steps"
