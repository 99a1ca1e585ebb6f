"""Requests: what is asked for is held against itself before a model is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from animekit.errors import UsageError
from animekit.generation.interpolation import Interpolation
from animekit.generation.request import GenerateRequest, check_grid, names_of, sweep_of

PATH = Interpolation()
NOISE = np.zeros((1, 4), np.float32)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seeds": "1", "noise": NOISE}, "two sources of z"),
        ({"seeds": []}, "no seeds"),
        ({"seeds": "3-1"}, "run backwards"),
        ({"num": 0}, "cannot make 0 images"),
        ({"grid": (2000, 2000)}, "a grid of 4000000 images"),
        ({"best_of": 0}, "the best of 0"),
        ({"best_of": 1001}, "the best of 1001"),
        ({"truncation": 0.0}, "truncation 0.0"),
        ({"truncation": float("nan")}, "truncation nan"),
        ({"sweep": "hair,eyes,smile"}, "a sweep over 3"),
        ({"sweep": "hair,"}, 'cannot read --sweep "hair,"'),
        ({"random": ["hair", " "]}, "cannot read --random"),
        ({"sweep": "hair", "best_of": 2}, "best-of and a sweep"),
        ({"noise": NOISE, "best_of": 2}, "best-of and noise"),
        ({"labels": NOISE, "best_of": 2}, "best-of and labels"),
        ({"noise": NOISE, "sweep": "hair"}, "noise and a sweep"),
        ({"labels": NOISE, "prompts": "red hair"}, "labels and prompts"),
        ({"labels": NOISE, "random": "hair"}, "labels and prompts"),
        ({"sweep": "hair", "grid": (5, 5)}, "a sweep and --grid"),
        ({"interpolation": PATH, "sweep": "hair"}, "--interpolate and a sweep"),
        ({"interpolation": PATH, "random": "hair"}, "--interpolate and --random"),
        ({"interpolation": PATH, "best_of": 2}, "--interpolate and --best-of"),
        ({"interpolation": PATH, "num": 2}, "--interpolate and --num"),
        ({"interpolation": PATH, "per_prompt": 2}, "--interpolate and --per-prompt"),
        ({"interpolation": PATH, "labels": NOISE}, "--interpolate and labels"),
    ],
)
def test_what_cannot_be_had_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        GenerateRequest(**options)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_seeds_and_names_are_read_once_from_any_form() -> None:
    request = GenerateRequest(
        seeds=(seed for seed in (3, 17)), sweep="hair, eyes", random=(n for n in ("smile",))
    )
    for _ in range(2):
        assert request.numbers == (3, 17)
        assert request.names == ("hair", "eyes", "smile")
    assert GenerateRequest(seeds="0-2").numbers == (0, 1, 2)
    assert GenerateRequest().numbers is None
    assert names_of("smile", "sweep") == names_of(["smile"], "sweep") == ("smile",)


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, False),
        ({"prompts": ""}, True),
        ({"sweep": "hair"}, True),
        ({"random": "hair"}, True),
        ({"sweep": "code0"}, False),
        ({"sweep": "code0,hair"}, True),
    ],
)
def test_labels_are_needed_for_all_but_codes(options: dict[str, Any], needed: bool) -> None:
    assert GenerateRequest(**options).needs_labels is needed


def test_the_older_names_of_a_sweep_still_name_it() -> None:
    assert sweep_of(None, None, None) == ()
    assert sweep_of("hair, eyes", None, None) == sweep_of(None, ["hair", "eyes"], None)
    assert sweep_of(None, None, "smile") == sweep_of(["smile"], None, None) == ("smile",)
    for older in ((None, "hair", None), (None, None, "hair,eyes"), ("hair", None, "hair")):
        with pytest.raises(UsageError):
            sweep_of(*older)


def test_a_grid_holds_columns_times_rows() -> None:
    check_grid(6, (3, 2))
    with pytest.raises(UsageError, match="7 images do not fit into a grid of 3x2"):
        check_grid(7, (3, 2))


def test_an_interpolation_has_a_mode_and_a_frame_for_each_point() -> None:
    with pytest.raises(UsageError, match='unknown mode "sideways"'):
        Interpolation(mode="sideways")  # type: ignore[arg-type]
    Interpolation(3).check(3)
    with pytest.raises(UsageError, match="cannot make 3 frames for 4 seeds"):
        Interpolation(3).check(4)
