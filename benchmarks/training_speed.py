"""Training speed: what each option gives, as ratios over plain fp32, in one process.

    python benchmarks/training_speed.py                       # gan, DCGAN 64 px, 64 channels, batch 64
    python benchmarks/training_speed.py --model wgangp --set n_critic=1

Variants take turns for some steps a round; a ratio compares two variants of one round, so that a
machine that slows down slows both. "peer" is the usual hand-written DCGAN loop on the same networks
(default Adam, two generator draws a step, losses read each step). Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Adam

from animekit import jobs, plugins, recipe
from animekit.config import parse_set
from animekit.model import Batch
from animekit.plugins import Registry
from animekit.stepping import Stepper

Step = Callable[[], object]
VARIANTS: dict[str, dict[str, Any]] = {
    "fp32": {},
    "channels_last": {"channels_last": True},
    "bf16": {"precision": "bf16"},
    "bf16 channels_last": {"precision": "bf16", "channels_last": True},
    "compile channels_last": {"channels_last": True, "compile": "on"},
    "compile bf16 channels_last": {"precision": "bf16", "channels_last": True, "compile": "on"},
}


def stepper(registry: Registry, arguments: argparse.Namespace, **values: Any) -> Stepper:
    """Return a stepper on drawn faces, compiled if asked."""
    given = {
        "data": "synthetic:512",
        "size": arguments.size,
        "batch": arguments.batch,
        "gpu": arguments.gpu,
        "g_channels": arguments.channels,
        "d_channels": arguments.channels,
        "channels_last": False,
        "compile": "off",
        **parse_set(arguments.set).values,
        **values,
    }
    made = jobs.job(arguments.model, registry, given).stepper()
    if made.engine.compiled:
        trouble = made.compile()
        if trouble:
            print(f"  {values}: {trouble}")
    return made


def unfused(made: Stepper) -> Step:
    """Return the step with torch's default Adam."""
    for phase in made.phases:
        old = made.optimizers[phase.name].param_groups[0]
        new = Adam(phase.parameters(), lr=old["lr"], betas=old["betas"], fused=False)
        new.param_groups[0]["initial_lr"] = old["lr"]
        made.optimizers[phase.name] = new
    return made.step


def redrawn(made: Stepper) -> Step:
    """Return the step that draws the fakes again for the generator."""
    model: Any = made.model
    play = made._losses["g"]

    def again(batch: Batch) -> Any:
        batch.fake = model.generator(batch.z)
        return play(batch)

    made._losses["g"] = again
    made._prepare = lambda batch, due: model.prepare(batch, ["d"])
    return made.step


def read_each_step(made: Stepper) -> Step:
    """Return the step that reads every loss on the host."""

    def step() -> None:
        made.step()
        made.stats.means()

    return step


def peer(made: Stepper) -> Step:
    """Return one step of the usual hand-written loop on the same networks and images."""
    model: Any = made.model
    g, d = model.generator, model.discriminator
    criterion = nn.BCEWithLogitsLoss()
    optimizers = [Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (d, g)]
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        real = made.loader.batch(count).images
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        d.zero_grad()
        loss_real = criterion(d(real), ones)
        loss_real.backward()
        fake = g(torch.randn(len(real), model.params.z_dim))
        loss_fake = criterion(d(fake.detach()), zeros)
        loss_fake.backward()
        optimizers[0].step()
        g.zero_grad()
        loss_g = criterion(d(g(torch.randn(len(real), model.params.z_dim))), ones)
        loss_g.backward()
        optimizers[1].step()
        _ = loss_real.item() + loss_fake.item() + loss_g.item()

    return step


def single_thread(step: Step) -> Step:
    """Return the step on one thread."""

    def run() -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        step()
        torch.set_num_threads(before)

    return run


def build(arguments: argparse.Namespace) -> dict[str, Step]:
    """Return one step function a variant, each with a model of its own."""
    registry = plugins.load()

    def make(**values: Any) -> Stepper:
        return stepper(registry, arguments, **values)

    chosen = {
        name: values
        for name, values in VARIANTS.items()
        if "compile" not in values or not arguments.no_compile
    }
    steps: dict[str, Step] = {name: make(**values).step for name, values in chosen.items()}
    steps["fp32, default Adam"] = unfused(make())
    steps["fp32, fakes drawn twice"] = redrawn(make())
    steps["fp32, losses read each step"] = read_each_step(make())
    steps["fp32, one thread"] = single_thread(make().step)
    if arguments.gpu == "cpu" and arguments.model == "gan":
        steps["peer"] = peer(make())
    return steps


def main() -> None:
    """Print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="gan")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--gpu", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="steps of a variant in a round")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    variants = build(arguments)
    for step in variants.values():
        step()  # the first step of each allocates
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(arguments.rounds):
        for name, step in variants.items():
            start = time.perf_counter()
            for _ in range(arguments.steps):
                step()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[name].append((time.perf_counter() - start) / arguments.steps)
    facts = recipe.environment()
    print(
        f"{arguments.model}, {arguments.size} px, {arguments.channels} channels, batch"
        f" {arguments.batch}; torch {facts['torch']}, {facts['cpu_capability']},"
        f" {torch.get_num_threads()} threads"
    )
    for name, times in seconds.items():
        ratios = [base / own for base, own in zip(seconds["fp32"], times, strict=True)]
        print(
            f"{name:28s} {arguments.batch / statistics.median(times):7.1f} img/s"
            f"  x{statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]"
        )


if __name__ == "__main__":
    main()
