"""Where the time of a training step goes, beside the time of its convolutions alone; as Markdown.

    python benchmarks/speed/step.py                          # gan and wgangp, automatic and fp32
    python benchmarks/speed/step.py --model wgangp --precision auto --steps 10
    python benchmarks/speed/step.py --quick                  # does it run at all

The parts are what torch's profiler counts, as shares of a step that is timed without it. The
convolutions alone are those of the same step, replayed on tensors of the same shapes and orders:
with torch's own kernels, and with those that the run has. A model with a penalty is timed without
it as well. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode

from animekit import plugins
from animekit.config import parse_set
from animekit.device import threads, tuned
from animekit.nn import convolutions, losses
from animekit.plugins import Registry
from animekit.training.job import new_job
from animekit.training.request import TrainRequest
from animekit.training.stepper import Stepper

KERNELS = ("_ToMaps", "_ToImages", "_ToWeights")
PARTS = {
    "forward": "convolutions, forward",
    "data": "convolutions, gradient of the data",
    "weights": "convolutions, gradient of the weights",
    "norm": "normalisation",
    "activation": "activations",
    "copies": "casts and copies",
    "optimiser": "optimisers",
    "average": "moving average",
    "loading": "data",
    "rest": "rest: losses, sums of gradients, Python",
}
WORDS = {
    "norm": ("norm",),
    "activation": ("relu", "clamp_min", "threshold", "tanh", "softplus", "sigmoid", "selu"),
    "copies": ("copy", "contiguous", "clone"),
}
AUTOMATIC = {"channels_last": True, "convolutions": "auto", "compile": "off"}


@dataclass
class StepTable:
    """What one model's step takes, in seconds, and of what."""

    model: str
    precision: str
    kernels: str
    batch: int
    seconds: float
    parts: dict[str, float]
    alone: dict[str, float] = field(default_factory=dict)
    penalty: float | None = None

    def rows(self) -> list[tuple[str, float, float | None]]:
        """Return a name, milliseconds, and a share of the step for each row."""
        rows: list[tuple[str, float, float | None]] = [
            (PARTS[key], 1e3 * value, value / self.seconds) for key, value in self.parts.items()
        ]
        rows.append(("**a step**", 1e3 * self.seconds, 1.0))
        if self.penalty is not None:
            rows.append(("of it for the penalty", 1e3 * self.penalty, self.penalty / self.seconds))
        for name, value in self.alone.items():
            rows.append((f"its convolutions alone, {name}", 1e3 * value, value / self.seconds))
        return rows


def tables(
    models: tuple[str, ...] = ("gan", "wgangp"),
    precisions: tuple[str, ...] = ("auto", "fp32"),
    *,
    registry: Registry | None = None,
    steps: int = 5,
    **values: Any,
) -> Iterator[StepTable]:
    """Yield the table of every model and precision; `values` are options and parameters."""
    registry = registry or plugins.load()
    for model in models:
        for precision in precisions:
            yield table(model, precision, registry, steps, values)


def table(
    model: str, precision: str, registry: Registry, steps: int, values: dict[str, Any]
) -> StepTable:
    """Return where the time of a model's step goes; steps are rounded up to whole cycles."""

    def made(**more: Any) -> Stepper:
        given = {"data": "synthetic:512", "device": "cpu"} | AUTOMATIC | values | more
        given |= {"precision": precision}
        return new_job(TrainRequest(model, given, registry)).stepper()

    stepper = made()
    cycle = max(phase.every for phase in stepper.phases)
    steps = -(-steps // cycle) * cycle
    engine = stepper.engine
    with tuned(engine.device, engine.precision):
        calls = recorded(made(convolutions="torch"), cycle)
        own = own_calls(stepper, cycle) if engine.products else None
        timed(stepper, cycle)
        seconds, alone, ours = [], [], []
        for _ in range(3):  # in turns: a machine that slows down slows all
            seconds.append(timed(stepper, steps))
            alone.append(replayed(calls) / cycle)
            if own is not None:
                ours.append(sum(times(call, 2) * n for call, n in own.items()) / cycle)
        parts = shares(stepper, steps, replayed_parts(calls))
        penalty = None
        if model.endswith("gp"):
            with without_penalty():
                timed(stepper, cycle)
                penalty = median(seconds) - timed(stepper, steps)
    whole = median(seconds)
    batch = len(stepper.draw(1).images)
    return StepTable(
        model,
        engine.precision,
        "products" if engine.products else "torch",
        batch,
        whole,
        {key: whole * parts.get(key, 0.0) for key in PARTS},
        {"torch's kernels": median(alone)} | ({"ours": median(ours)} if own else {}),
        penalty,
    )


def timed(stepper: Stepper, steps: int) -> float:
    """Return seconds a step, over steps that begin with a cycle."""
    stepper.done = 0
    start = time.perf_counter()
    for _ in range(steps):
        stepper.step()
    return (time.perf_counter() - start) / steps


@contextmanager
def without_penalty() -> Iterator[None]:
    """Let the gradient penalty be nothing, within the block."""
    kept = losses.gradient_penalty
    losses.gradient_penalty = lambda critic, real, fake, **_: real.new_zeros(())
    try:
        yield
    finally:
        losses.gradient_penalty = kept


# convolutions alone

Shape = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]


@dataclass(frozen=True)
class Call:
    """One convolution or its backward pass: shapes and strides of the tensors, and the rest."""

    function: Any
    arguments: tuple[Any, ...]

    def remade(self, mask: list[bool] | None = None) -> Callable[[], object]:
        """Return the call on new tensors of these shapes; with another mask of what is wanted."""
        given = [
            torch.empty_strided(a.shape, a.strides, dtype=a.kind).normal_()
            if isinstance(a, Like)
            else list(a)
            if isinstance(a, tuple)
            else a
            for a in self.arguments
        ]
        if mask is not None:
            given[-1] = mask
        return lambda: self.function(*given)


@dataclass(frozen=True)
class Like:
    """The shape, strides and type of a tensor."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    kind: torch.dtype


def call_of(function: Any, arguments: tuple[Any, ...]) -> Call:
    """Return a call without its tensors."""
    return Call(
        function,
        tuple(
            Like(tuple(a.shape), a.stride(), a.dtype)
            if isinstance(a, Tensor)
            else tuple(a)
            if isinstance(a, list)
            else a
            for a in arguments
        ),
    )


class Recorder(TorchDispatchMode):
    """Counts the convolutions that torch does within the block."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[Call] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (
            torch.ops.aten.convolution.default,
            torch.ops.aten.convolution_backward.default,
        ):
            self.calls[call_of(func, tuple(args))] += 1
        return func(*args, **(kwargs or {}))


def recorded(stepper: Stepper, steps: int) -> Counter[Call]:
    """Return the convolutions of some steps, and how often each was done."""
    timed(stepper, 1)
    stepper.done = 0
    with Recorder() as recorder:
        for _ in range(steps):
            stepper.step()
    return recorder.calls


def own_calls(stepper: Stepper, steps: int) -> Counter[Call]:
    """Return the calls of our kernels in some steps."""
    calls: Counter[Call] = Counter()
    kept = {name: getattr(convolutions, name).forward for name in KERNELS}

    def counting(forward: Callable[..., Any]) -> Any:
        def counted(first: Tensor, second: Tensor, at: Any) -> Any:
            calls[call_of(forward, (first, second, at))] += 1
            return forward(first, second, at)

        return staticmethod(counted)

    for name, forward in kept.items():
        getattr(convolutions, name).forward = counting(forward)
    try:
        timed(stepper, steps)
    finally:
        for name, forward in kept.items():
            getattr(convolutions, name).forward = staticmethod(forward)
    return calls


def times(call: Call, repeats: int, mask: list[bool] | None = None) -> float:
    """Return the seconds of a call, the least of some."""
    with torch.no_grad():
        work = call.remade(mask)
        work()
        found = []
        for _ in range(repeats):
            start = time.perf_counter()
            work()
            found.append(time.perf_counter() - start)
    return min(found)


def replayed(calls: Counter[Call]) -> float:
    """Return the seconds of all convolutions, one by one, as they were called."""
    return sum(times(call, 2) * count for call, count in calls.items())


def replayed_parts(calls: Counter[Call]) -> float:
    """Return the share of the weights' gradient in the backward passes of convolutions."""
    data = weights = 0.0
    for call, count in calls.items():
        if call.function is torch.ops.aten.convolution_backward.default:
            wanted = call.arguments[-1]
            data += count * times(call, 2, [True, False, False]) if wanted[0] else 0.0
            weights += count * times(call, 2, [False, True, False]) if wanted[1] else 0.0
    return weights / max(data + weights, 1e-12)


# parts of a step


def shares(stepper: Stepper, steps: int, of_weights: float) -> dict[str, float]:
    """Return the share of each part, as the profiler sees it."""
    draw = stepper.draw

    def drawn(step: int) -> Any:
        with record_function("loading"):
            return draw(step)

    stepper.draw = drawn  # type: ignore[method-assign]
    stepper.done = 0
    try:
        start = time.perf_counter()
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            for _ in range(steps):
                stepper.step()
            whole = time.perf_counter() - start
    finally:
        stepper.draw = draw  # type: ignore[method-assign]
    found: Counter[str] = Counter()
    for event in seen.events():
        took = event.self_cpu_time_total / 1e6
        kind = part_of(event)
        if kind == "backward":
            found["weights"] += of_weights * took
            found["data"] += (1 - of_weights) * took
        else:
            found[kind] += took
    found["rest"] += max(0.0, whole - sum(found.values()))
    return {key: value / sum(found.values()) for key, value in found.items()}


def part_of(event: Any) -> str:
    """Return the part to which the own time of an event belongs."""
    names = [event.name]
    while event.cpu_parent is not None:
        event = event.cpu_parent
        names.append(event.name)
    chain = " ".join(names)
    if "loading" in names:
        return "loading"
    if "Optimizer.step" in chain:
        return "optimiser"
    if "lerp_" in names[0]:
        return "average"
    own = next((name for name in names if name.startswith(KERNELS) and "Backward" not in name), "")
    back = "Backward" in chain or "autograd::engine" in chain
    if own.startswith("_ToWeights"):
        return "weights"
    if own or "conv" in names[0] or any(name.startswith("aten::conv") for name in names[1:]):
        if "convolution_backward" in chain:
            return "weights" if "_ToWeights" in chain else "data" if own else "backward"
        return "data" if back else "forward"
    return next(
        (part for part, words in WORDS.items() if any(word in names[0] for word in words)), "rest"
    )


# output


def markdown(found: list[StepTable]) -> str:
    """Return the tables side by side, as Markdown."""
    names = list(dict.fromkeys(name for each in found for name, _, _ in each.rows()))
    heads = [f"{each.model}, {each.precision}, {each.kernels}" for each in found]
    lines = [f"| ms a step | {' | '.join(heads)} |", "|---" * (len(found) + 1) + "|"]
    for name in names:
        cells = []
        for each in found:
            row = next((row for row in each.rows() if row[0] == name), None)
            cells.append("" if row is None else f"{row[1]:.0f} ({100 * (row[2] or 0):.1f} %)")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    ratios = [
        "; ".join(f"{each.seconds / value:.2f} {name}" for name, value in each.alone.items())
        for each in found
    ]
    lines.append(f"| a step beside its convolutions | {' | '.join(ratios)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", action="append", help="a model; may be repeated")
    parser.add_argument("--precision", action="append", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all)")
    parser.add_argument("--steps", type=int, default=5, help="steps of a measurement")
    parser.add_argument("--quick", action="store_true", help="tiny networks")
    asked = parser.parse_args()
    values = dict(parse_set(asked.set).values)
    if asked.quick:
        values |= {"g_channels": 4, "d_channels": 4, "batch_size": 4, "size": 32}
        convolutions.LEAST = 0
    models = tuple(asked.model or ("gan", "wgangp"))
    precisions = tuple(asked.precision or ("auto", "fp32"))
    with threads(asked.threads) as count:
        values["threads"] = count
        print(markdown(list(tables(models, precisions, steps=asked.steps, **values))))


if __name__ == "__main__":
    main()
