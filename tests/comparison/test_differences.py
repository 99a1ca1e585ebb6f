"""What differs between configurations."""

from __future__ import annotations

from typing import Any

from animekit.comparison.differences import Difference, differences
from animekit.plugins import Registry


def config(**values: Any) -> dict[str, Any]:
    return {
        "model": "gan",
        "preset": None,
        "params": {"lr": 0.1},
        "options": {"steps": 5, "data": "a", "log_every": 1},
        "data": {"name": "faces", "fingerprint": "0123456789", "used": 3},
        "resolved": {"device": "cpu"},
        "environment": {"torch": "2"},
        **values,
    }


def test_equal_runs_differ_in_nothing_wherever_their_data_lie() -> None:
    moved = config(options={"steps": 5, "data": "elsewhere/a", "log_every": 1})
    assert differences({"a": config(), "b": moved}) == []


def test_what_matters_stands_first_and_what_is_off_last() -> None:
    other = config(
        model="wgangp",
        params={"lr": 0.2, "gp_weight": 10.0, "one_sided": False},
        options={"steps": 6, "data": "a", "log_every": 2},
        data={"name": "faces", "fingerprint": "9876543210", "used": 3},
        resolved={"device": "cuda:0"},
    )
    assert differences({"a": config(), "b": other}) == [
        Difference("recipe", "model", ("gan", "wgangp")),
        Difference("recipe", "steps", ("5", "6")),
        Difference("data", "data", ("faces (01234567)", "faces (98765432)")),
        Difference("parameter", "lr", ("0.1", "0.2")),
        Difference("parameter", "gp_weight", (None, "10.0")),
        Difference("machine", "device", ("cpu", "cuda:0")),
        Difference("bookkeeping", "log_every", ("1", "2")),
        Difference("off", "one_sided", (None, "false")),
    ]


def test_keys_of_earlier_versions_are_those_of_now(registry: Registry) -> None:
    old = config(options={"steps": 5, "data": "a", "report_every": 1}, params={"d_noise": 0.5})
    new = config(params={"instance_noise": 0.5})
    assert differences({"old": old, "new": new}, registry) == []
    assert differences({"old": old, "new": new}) != []
