"""Whether a checkpoint's state fits the training that it is to go on in, before it is used.

A run folder may come from a stranger, or from a disk that lost bits. torch takes what it is given:
moments of another shape make its fused kernels read and write behind them. So every tensor is held
against the live one, and every plain value against its type and range.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from animekit.models.blueprint import described, finite
from animekit.text import clipped

LARGEST = 2**53  # of a count: beyond it a float no longer tells two of them apart
KERNELS = frozenset({"foreach", "fused", "capturable", "differentiable"})
"""Which code an optimiser runs: the live one knows what this device can do."""
SQUARES = frozenset({"exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum", "exp_inf", "acc_delta"})
"""Means of squares and the like in torch's own optimisers: none is below zero."""
COUNTERS = ("step", "images", "updates", "stream", "ema_updates")


def check_counters(state: Mapping[str, Any]) -> None:
    """Raise ValueError unless a stepper's counters are whole and go together."""
    for key in COUNTERS:
        _refuse_unless(_is_count(state.get(key)), f"{key} is", state.get(key))
    for key in ("updates", "ema_updates"):
        _refuse_unless(
            state[key] <= state["step"], f"step is {state['step']} and {key}", state[key]
        )


def check_progress(state: Mapping[str, Any], step: int, rollbacks: int) -> None:
    """Raise ValueError unless a state is of this step, and its clock one of a run."""
    seconds, back, best = (state.get(key) for key in ("seconds", "rollbacks", "best"))
    timed = _is_number(seconds) and 0 <= seconds < LARGEST  # type: ignore[operator]
    _refuse_unless(_same(state.get("step"), step), f"step is not {step} but", state.get("step"))
    _refuse_unless(timed, "seconds is", seconds)
    _refuse_unless(_is_count(back) and back in range(rollbacks + 1), "rollbacks is", back)
    _refuse_unless(best is None or _is_number(best), "best is", best)


def phases_of(saved: object, known: Collection[str]) -> set[str]:
    """Return a saved list of phases as a set, else ValueError."""
    fits = type(saved) is list and all(type(name) is str and name in known for name in saved)
    _refuse_unless(fits, "partial is", saved)
    return set(saved)  # type: ignore[call-overload]


def fitted_scales(saved: object, live: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return saved states of the scalers of fp16, else ValueError."""
    if type(saved) is not dict or saved.keys() != live.keys():
        raise ValueError(
            f"it has no scales of {', '.join(live) or 'fp32 or bf16, which need none'}"
        )
    for name, state in live.items():
        one, place = saved[name], f"scales.{name}"
        _refuse_unless(type(one) is dict and one.keys() == state.keys(), f"{place} is no state")
        for key, value in one.items():
            moves = key in ("scale", "_growth_tracker")
            fits = _alike(value, state[key]) and value >= 0 if moves else _same(value, state[key])
            _refuse_unless(fits and (key != "scale" or value > 0), f"{place}.{key} is", value)
    return {name: saved[name] for name in live}


def fitted_states(
    saved: object,
    optimizers: Mapping[str, Optimizer],
    updates: Mapping[str, int],
    scheduled: Collection[str] = (),
    partial: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return saved states of optimisers in the live ones' layout, else ValueError.

    Tensors are copies in the memory order of the live ones. An optimiser makes its state in its
    first step, so those that have none take one with gradients of zero; the parameters are to be
    loaded afterwards. `updates` are the steps that each of them has taken, and a schedule moves the
    rate of the `scheduled` ones. In `partial` ones a parameter may have missed some updates.
    """
    if type(saved) is not dict or saved.keys() != optimizers.keys():
        raise ValueError(f"it has no states of the optimisers {', '.join(optimizers)}")
    return {
        name: _fitted(
            saved[name],
            optimizer,
            f"optimizers.{name}",
            updates[name],
            moving=name in scheduled,
            partial=name in partial,
        )
        for name, optimizer in optimizers.items()
    }


def _fitted(
    saved: Any, optimizer: Optimizer, place: str, updates: int, *, moving: bool, partial: bool
) -> dict[str, Any]:
    """Return the saved state of one optimiser in the layout of the live one."""
    _refuse_unless(
        type(saved) is dict and set(saved) == {"state", "param_groups"}, f"{place} is no state"
    )
    _begin(optimizer)
    live = optimizer.state_dict()
    known = type(optimizer).__module__.startswith("torch.optim.")
    groups, states = saved["param_groups"], saved["state"]
    _refuse_unless(
        type(groups) is list and len(groups) == len(live["param_groups"]),
        f"{place} has other groups of parameters",
    )
    pairs = zip(groups, live["param_groups"], strict=True)
    made = [
        _group(one, like, f"{place}.param_groups", known=known, moving=moving)
        for one, like in pairs
    ]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    indices = [index for group in live["param_groups"] for index in group["params"]]
    by_index = dict(zip(indices, parameters, strict=True))
    _refuse_unless(
        type(states) is dict and all(type(key) is int and key in by_index for key in states),
        f"{place}.state is of other parameters",
    )
    if known and updates and not partial:
        needed = {
            i for i, like in live["state"].items() if any(map(torch.is_tensor, like.values()))
        }
        lost = [index for index in needed if not states.get(index)]
        _refuse_unless(not lost, f"{place}.state lacks {len(lost):,} parameters")
    state = {}
    for index, values in states.items():
        where = f"{place}.state.{index}"
        named = type(values) is dict and all(type(key) is str for key in values)
        _refuse_unless(named, f"{where} is no state")
        likes = live["state"].get(index, {})
        if values and known:  # empty: a parameter that had no gradient yet
            lacking = [key for key in likes if key not in values]
            _refuse_unless(not lacking, f"{where} lacks {', '.join(lacking)}")
        state[index] = {
            key: _value(value, likes.get(key), by_index[index], f"{where}.{key}", known=known)
            for key, value in values.items()
            if key in likes or value is not None
        }
        for key, value in state[index].items():
            exact = known and not partial
            _check_range(key, value, f"{where}.{key}", updates, known=known, exact=exact)
    return {"state": state, "param_groups": made}


def _begin(optimizer: Optimizer) -> None:
    """Let an optimiser make its state, where a parameter of it has none."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if all(optimizer.state.get(p) for p in parameters):
        return
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _group(
    saved: Any, live: Mapping[str, Any], place: str, *, known: bool, moving: bool
) -> dict[str, Any]:
    """Return the values of a group; in torch's own optimisers only a schedule changes one, lr."""
    named = type(saved) is dict and all(type(key) is str for key in saved)
    _refuse_unless(named, f"{place} holds no group")
    _refuse_unless(_same(saved.get("params"), live["params"]), f"{place} has other parameters")
    made = dict(live)  # what a newer torch has learned since keeps its value
    for key, value in saved.items():
        where = f"{place}.{key}"
        if key in KERNELS or key == "params":
            continue
        _refuse_unless(key in live or not known, f"{where} is unknown")
        fits = _same if known and not (key == "lr" and moving) else _alike
        _refuse_unless(fits(value, live.get(key)), f"{where} is", value)
        _refuse_unless(key != "lr" or value >= 0, f"{where} is", value)
        made[key] = value
    return made


def _value(value: Any, live: Any, parameter: Tensor, place: str, *, known: bool) -> Any:
    """Return one value of a parameter's state, in the shape and memory order of the live one."""
    _refuse_unless(live is not None or not known, f"{place} is unknown")
    if not isinstance(value, Tensor):
        _refuse_unless(
            not isinstance(live, Tensor) and _alike(value, live), f"{place} is no tensor"
        )
        return value
    like = live if isinstance(live, Tensor) else parameter
    plain = type(value) is Tensor and value.layout is torch.strided and value.device.type == "cpu"
    _refuse_unless(plain, f"{place} is no plain tensor")
    _refuse_unless(
        value.shape == like.shape and value.dtype == like.dtype,
        f"{place} is {described(value)}, not {described(like)}",
    )
    _refuse_unless(finite(value), f"{place} holds values that are not finite")
    return torch.empty_like(like, device="cpu", requires_grad=False).copy_(value.detach())


def _check_range(
    key: str, value: Any, place: str, updates: int, *, known: bool, exact: bool
) -> None:
    """Raise ValueError for steps that are not those of the run, and for squares below zero.

    Of `exact` states each parameter has taken all updates.
    """
    if key == "step":
        steps = value if not isinstance(value, Tensor) else value.max().item()
        whole = _is_number(steps) and 0 <= steps <= updates and steps == int(steps)
        whole = whole and (steps == updates or not exact)
        _refuse_unless(whole, f"{place} is", steps)
    elif known and key in SQUARES and isinstance(value, Tensor) and value.numel():
        _refuse_unless(bool(value.min() >= 0), f"{place} holds squares below zero")


def _same(value: Any, live: Any) -> bool:
    """Say whether plain values are equal and of one type, all the way down."""
    if type(value) is not type(live):
        return False
    if isinstance(live, (list, tuple)):
        return len(value) == len(live) and all(map(_same, value, live))
    if isinstance(live, Tensor):
        return value.shape == live.shape and torch.equal(value, live.cpu())
    return bool(value == live)


def _alike(value: Any, live: Any) -> bool:
    """Say whether a value may stand for a live one: of its type, or a number too, and finite."""
    if live is None:
        return value is None or type(value) is bool or _is_number(value)
    if _is_number(live) and _is_number(value):
        return True
    if type(value) is not type(live):
        return False
    if isinstance(live, (list, tuple)):
        return len(value) == len(live) and all(map(_alike, value, live))
    if isinstance(live, Tensor):
        return value.shape == live.shape and value.dtype == live.dtype and finite(value)
    return isinstance(live, (bool, str))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 2**63 and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _refuse_unless(fits: Any, problem: str, seen: Any = "") -> None:
    """Raise ValueError with the problem and the value that was seen, which may be anything."""
    if fits:
        return
    if type(seen) not in (str, int, float, bool) or (type(seen) is int and abs(seen) >= 2**63):
        seen = "nothing" if seen is None else f"of type {type(seen).__name__}"
    raise ValueError(f"{problem} {clipped(str(seen))}".rstrip())
