"""A checkpoint's state is held against the training that goes on in it, before torch has it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from animekit.training.fitting import check_counters, check_progress, fitted_states

Attack = Callable[[dict[str, Any]], Any]
STEPS = 3


class Remembering(Optimizer):
    """An optimiser that a plugin may bring: plain numbers and a count in its state and groups."""

    def __init__(self, parameters: Any, lr: float = 0.1) -> None:
        super().__init__(parameters, {"lr": lr, "updates": 0, "mode": "calm", "floor": None})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["updates"] += 1
            for p in group["params"]:
                state = self.state[p]
                state["slow"] = state.get("slow", torch.zeros_like(p)) + p.grad
                state["largest"] = max(state.get("largest", 0.0), float(p.grad.abs().max()))
                p -= group["lr"] * state["slow"]


RULES: dict[str, Callable[[Any], Optimizer]] = {
    "adam": lambda p: Adam(p, lr=0.1, betas=(0.5, 0.9), fused=True),
    "amsgrad": lambda p: Adam(p, lr=0.1, amsgrad=True, fused=True),
    "adamw": lambda p: AdamW(p, lr=0.1, weight_decay=0.02),
    "rmsprop": lambda p: RMSprop(p, lr=0.1, momentum=0.5, centered=True),
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "of a plugin": Remembering,
}


def network() -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1))
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def train(net: nn.Module, optimizer: Optimizer, steps: int) -> None:
    for step in range(steps):
        torch.manual_seed(step)
        optimizer.zero_grad()
        net(torch.randn(2, 3, 8, 8)).square().mean().backward()
        optimizer.step()


def saved(rule: str) -> dict[str, Any]:
    """Return the state of an optimiser that took a few steps."""
    net = network()
    optimizer = RULES[rule](net.parameters())
    train(net, optimizer, STEPS)
    return {"g": copy.deepcopy(optimizer.state_dict())}


def fit(rule: str, state: Any, updates: int = STEPS) -> dict[str, dict[str, Any]]:
    return fitted_states(state, {"g": RULES[rule](network().parameters())}, {"g": updates})


@pytest.mark.parametrize("rule", RULES)
def test_a_state_that_fits_goes_on_bit_for_bit_in_the_same_memory_order(rule: str) -> None:
    net = network()
    optimizer = RULES[rule](net.parameters())
    train(net, optimizer, STEPS)
    kept = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
    train(net, optimizer, 2)
    other = network()
    second = RULES[rule](other.parameters())
    made = fitted_states({"g": kept[1]}, {"g": second}, {"g": STEPS})
    other.load_state_dict(kept[0])
    second.load_state_dict(made["g"])
    train(other, second, 2)
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
        for key, value in optimizer.state[one].items():
            twin = second.state[two][key]
            assert value == twin if not isinstance(value, Tensor) else torch.equal(value, twin)
            assert not isinstance(value, Tensor) or value.stride() == twin.stride()


@pytest.mark.parametrize("rule", RULES)
def test_an_optimiser_that_took_no_step_yet_fits(rule: str) -> None:
    fresh = {"g": RULES[rule](network().parameters()).state_dict()}
    assert fit(rule, fresh, 0)["g"]["state"] == {}


@pytest.mark.parametrize("rule", ["adam", "amsgrad", "adamw", "rmsprop", "momentum"])
def test_an_optimiser_that_lost_what_it_remembers_is_refused(rule: str) -> None:
    state = saved(rule)
    state["g"]["state"].pop(1)
    with pytest.raises(ValueError, match="lacks 1 parameters"):
        fit(rule, state)
    state["g"]["state"].clear()
    with pytest.raises(ValueError, match="lacks 4 parameters"):
        fit(rule, state)


def test_a_rate_is_another_only_where_a_schedule_moves_it() -> None:
    state = saved("adam")
    group("lr", 0.05)(state)
    live = {"g": RULES["adam"](network().parameters())}
    made = fitted_states(state, live, {"g": STEPS}, {"g"})
    assert made["g"]["param_groups"][0]["lr"] == 0.05
    with pytest.raises(ValueError, match=r"param_groups\.lr is 0\.05"):
        fit("adam", state)


def moments(state: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    return [
        (values, key)
        for values in state["g"]["state"].values()
        for key, value in values.items()
        if isinstance(value, Tensor) and value.ndim
    ]


def swap(make: Callable[[Tensor], Any]) -> Attack:
    """Return an attack that puts something else in the place of one tensor."""

    def attack(state: dict[str, Any]) -> None:
        values, key = moments(state)[0]
        values[key] = make(values[key])

    return attack


TENSORS: dict[str, Callable[[Tensor], Any]] = {
    "three numbers": lambda t: torch.zeros(3),
    "none at all": lambda t: torch.zeros(0),
    "one": lambda t: torch.zeros(()),
    "turned": lambda t: t.flip(0).transpose(0, 1).contiguous(),
    "a view of one number as many": lambda t: torch.zeros(1).expand(2**60),
    "twice as precise": lambda t: t.double(),
    "half as precise": lambda t: t.bfloat16(),
    "integers": lambda t: t.long(),
    "complex": lambda t: t.to(torch.complex64),
    "truth values": lambda t: t.bool(),
    "sparse": lambda t: t.to_sparse(),
    "compressed rows": lambda t: torch.zeros(4, 4).to_sparse_csr(),
    "without memory": lambda t: t.to("meta"),
    "quantised": lambda t: torch.quantize_per_tensor(t.contiguous(), 0.1, 0, torch.qint8),
    "a parameter": lambda t: nn.Parameter(t),
    "not finite": lambda t: torch.full_like(t, torch.nan),
    "infinite in one place": lambda t: t.index_fill(0, torch.tensor([0]), torch.inf),
    "a list": lambda t: t.tolist(),
    "a number": lambda t: 0.5,
    "a text": lambda t: "0",
}


@pytest.mark.filterwarnings("ignore:.*quantiz.*", "ignore:Sparse CSR", "ignore:Casting complex")
@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "sgd"])
def test_a_moment_of_another_shape_or_kind_is_refused(rule: str, kind: str) -> None:
    state = saved(rule)
    swap(TENSORS[kind])(state)
    with pytest.raises(ValueError, match=r"optimizers\.g\.state\.0\."):
        fit(rule, state)


def test_moments_with_the_right_shape_in_another_order_are_copied_into_the_right_one() -> None:
    state = saved("adam")
    values, key = moments(state)[0]
    live = values[key].clone()
    values[key] = live.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    values["exp_avg_sq"] = torch.zeros(1).expand(live.shape)  # one number for all: no storage
    made = fit("adam", state)["g"]["state"][0]
    assert torch.equal(made[key], live) and made[key].stride() == live.stride()
    assert made["exp_avg_sq"].stride() == live.stride()


def group(key: str, value: Any) -> Attack:
    return lambda state: state["g"]["param_groups"][0].__setitem__(key, value)


def first(key: str, value: Any) -> Attack:
    return lambda state: state["g"]["state"][0].__setitem__(key, value)


class Endless(list[Any]):
    """A list that nobody should print."""

    def __repr__(self) -> str:
        raise AssertionError("printed")


BOMB: Any = Endless()
for _ in range(100):
    BOMB = Endless([BOMB, BOMB])

EVERYWHERE: dict[str, Attack] = {
    "no rate": lambda s: s["g"]["param_groups"][0].__setitem__("lr", None),
    "a rate below zero": group("lr", -0.1),
    "an infinite rate": group("lr", float("inf")),
    "no number as a rate": group("lr", float("nan")),
    "a text as a rate": group("lr", "0.1"),
    "true as a rate": group("lr", True),
    "lists in lists as a rate": group("lr", BOMB),
    "other parameters": group("params", [0, 1, 2, 4]),
    "a parameter twice": group("params", [0, 1, 2, 2]),
    "true as a parameter": group("params", [0, True, 2, 3]),
    "no parameters": group("params", []),
    "parameters beyond all": group("params", [10**30, 1, 2, 3]),
    "two groups": lambda s: s["g"]["param_groups"].append(s["g"]["param_groups"][0]),
    "no group": lambda s: s["g"]["param_groups"].clear(),
    "a group that is a list": lambda s: s["g"]["param_groups"].__setitem__(0, []),
    "groups that are a table": lambda s: s["g"].__setitem__("param_groups", {}),
    "a key that is no text": lambda s: s["g"]["param_groups"][0].__setitem__(5, 5),
    "a state of parameter 9": lambda s: s["g"]["state"].__setitem__(9, s["g"]["state"].get(0)),
    "a state of parameter -1": lambda s: s["g"]["state"].__setitem__(-1, {}),
    "a state of parameter True": lambda s: s["g"]["state"].__setitem__("0", {}),
    "a state that is a list": lambda s: s["g"]["state"].__setitem__(0, []),
    "states that are a list": lambda s: s["g"].__setitem__("state", []),
    "another optimiser": lambda s: s.__setitem__("h", s["g"]),
    "no optimiser": lambda s: s.clear(),
    "one more thing": lambda s: s["g"].__setitem__("more", 1),
    "a tensor in its place": lambda s: s.__setitem__("g", torch.zeros(3)),
}
OF_ADAM: dict[str, Attack] = {
    "betas of 1": group("betas", (1.0, 1.0)),
    "other betas": group("betas", (0.5, 0.99)),
    "betas as a list": group("betas", [0.5, 0.9]),
    "three betas": group("betas", (0.5, 0.9, 0.9)),
    "amsgrad": group("amsgrad", True),
    "a number for amsgrad": group("amsgrad", 0),
    "eps": group("eps", -1.0),
    "another first rate": group("initial_lr", 0.2),
    "an unknown key": group("surprise", 1),
    "an unknown moment": first("max_exp_avg_sq", torch.zeros(4, 3, 3, 3)),
    "another rate": group("lr", 5.0),
    "decay": group("weight_decay", 1e-3),
    "the other way": group("maximize", True),
    "a lost parameter": lambda s: s["g"]["state"].pop(0),
    "an emptied parameter": lambda s: s["g"]["state"].__setitem__(0, {}),
    "step 0 of one": first("step", torch.tensor(0.0)),
    "a step fewer of one": first("step", torch.tensor(2.0)),
    "a step beyond the run": first("step", torch.tensor(4.0)),
    "a step below zero": first("step", torch.tensor(-1.0)),
    "half a step": first("step", torch.tensor(0.5)),
    "no number of steps": first("step", torch.tensor(torch.nan)),
    "steps as an integer": first("step", 2),
    "steps as many": first("step", torch.zeros(7)),
    "squares below zero": first("exp_avg_sq", -torch.ones(4, 3, 3, 3)),
    "a lost moment": lambda s: s["g"]["state"][0].pop("exp_avg"),
}


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("rule", RULES)
def test_plain_values_of_another_type_or_range_are_refused(rule: str, name: str) -> None:
    state = saved(rule)
    EVERYWHERE[name](state)
    with pytest.raises(ValueError) as caught:
        fit(rule, state)
    assert len(str(caught.value)) < 200 and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", OF_ADAM)
def test_what_adam_never_writes_is_refused(name: str) -> None:
    state = saved("adam")
    OF_ADAM[name](state)
    with pytest.raises(ValueError, match=r"optimizers\.g"):
        fit("adam", state)


@pytest.mark.parametrize("key", ["foreach", "fused", "capturable", "differentiable"])
def test_which_kernel_runs_is_for_this_machine_to_say(key: str) -> None:
    state = saved("adam")
    live = state["g"]["param_groups"][0][key]
    group(key, not live)(state)
    assert fit("adam", state)["g"]["param_groups"][0][key] is live


def test_a_value_that_a_newer_torch_added_keeps_its_own() -> None:
    state = saved("adamw")
    del state["g"]["param_groups"][0]["maximize"]
    assert fit("adamw", state)["g"]["param_groups"][0]["maximize"] is False


def test_the_plain_values_of_a_plugins_optimiser_come_back() -> None:
    state = saved("of a plugin")
    group("floor", 0.25)(state)
    made = fit("of a plugin", state)["g"]
    assert made["param_groups"][0] | {"params": []} == {
        "lr": 0.1,
        "updates": STEPS,
        "mode": "calm",
        "floor": 0.25,
        "params": [],
    }
    assert made["state"][0]["largest"] == state["g"]["state"][0]["largest"] > 0


GOOD = {"step": 4, "images": 16, "updates": 2, "stream": 0, "ema_updates": 2}
CLOCK = {"step": 4, "seconds": 1.5, "rollbacks": 0, "best": None}


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("value", [None, -1, 1.0, True, "4", 2**63, torch.tensor(4), BOMB])
def test_counters_are_whole_numbers_from_zero(key: str, value: Any) -> None:
    check_counters(GOOD)
    with pytest.raises(ValueError, match=key):
        check_counters(GOOD | {key: value})


def test_there_are_never_more_updates_than_steps() -> None:
    for key in ("updates", "ema_updates"):
        with pytest.raises(ValueError, match=key):
            check_counters(GOOD | {key: 5})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("step", value) for value in (3, 4.0, None, torch.zeros(2), BOMB)),
        *(("seconds", value) for value in (-1.0, float("nan"), 1e300, None, "1", 10**400)),
        *(("rollbacks", value) for value in (-1, 4, 0.0, None, False)),
        *(("best", value) for value in (float("inf"), "1", True, torch.tensor(1.0))),
    ],
)
def test_the_clock_and_the_best_score_are_numbers(key: str, value: Any) -> None:
    check_progress(CLOCK | {"best": 0.5}, 4, 3)
    with pytest.raises(ValueError, match=key):
        check_progress(CLOCK | {key: value}, 4, 3)
