"""How fast a training step is: each switch of animekit, and a plain loop beside it.

    python benchmarks/speed/training.py                  # gan, DCGAN 64 px: 7 minutes on 2 cores
    python benchmarks/speed/training.py --quick          # does it run at all
    python benchmarks/speed/training.py --model wgangp --set n_critic=1 --only fp32,bf16

All variants train the same networks in one process, in rounds that visit each of them once, so that
a machine that slows down slows all. A ratio is taken within a round; printed are the median and the
range over rounds. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from animekit import plugins
from animekit.config import parse_set
from animekit.data.batch import Batch
from animekit.device import threads, tuned
from animekit.plugins import Registry
from animekit.training.job import new_job
from animekit.training.request import TrainRequest
from animekit.training.stepper import Stepper

Step = Callable[[], object]
PLAIN = "plain PyTorch loop"
BF16, LAST, COMPILE = {"precision": "bf16"}, {"channels_last": True}, {"compile": "on"}


@dataclass(frozen=True)
class Variant:
    """One way to train: options, what is done to the stepper, and what it is measured against."""

    name: str
    against: str
    options: dict[str, Any]
    change: Callable[[Stepper], Step] = lambda made: made.step


def unfused(made: Stepper) -> Step:
    """Return the step with the Adam that torch takes by itself."""
    for phase in made.phases:
        old = made.optimizers[phase.name].param_groups[0]
        made.optimizers[phase.name] = Adam(phase.parameters(), lr=old["lr"], betas=old["betas"])
    return made.step


def redrawn(made: Stepper) -> Step:
    """Return the step that draws the fakes again for the generator."""
    model: Any = made.model
    loss = made._losses["g"]

    def again(batch: Batch) -> Any:
        batch.fake = model.generator(batch.z)
        return loss(batch)

    made._losses["g"] = again
    made._prepare = lambda batch, due: model.prepare(batch, ["d"])
    return made.step


def read_each_step(made: Stepper) -> Step:
    """Return the step that waits for its losses, as loops that print each step do."""

    def step() -> None:
        made.step()
        made.stats.means()

    return step


def single_thread(made: Stepper) -> Step:
    """Return the step on one thread."""

    def step() -> None:
        with threads(1):
            made.step()

    return step


def plain_networks(size: int, width: int, *, critic: bool) -> tuple[nn.Module, nn.Module]:
    """Return DCGAN as tutorials write it: sigmoid in the network, batch norm in both.

    A critic has neither in D, and biases.
    """
    widths = [width]
    while 4 * 2 ** len(widths) < size:
        widths.append(min(2 * widths[-1], 16 * width))
    up: list[nn.Module] = [
        nn.ConvTranspose2d(100, widths[-1], 4, 1, 0, bias=False),
        nn.BatchNorm2d(widths[-1]),
        nn.ReLU(inplace=True),
    ]
    down: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=critic), nn.LeakyReLU(0.2, True)]
    for small, large in reversed(list(pairwise(widths))):
        up += [nn.ConvTranspose2d(large, small, 4, 2, 1, bias=False), nn.BatchNorm2d(small)]
        up += [nn.ReLU(inplace=True)]
    for small, large in pairwise(widths):
        down += [nn.Conv2d(small, large, 4, 2, 1, bias=critic)]
        down += [] if critic else [nn.BatchNorm2d(large)]
        down += [nn.LeakyReLU(0.2, True)]
    up += [nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
    down += [nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=critic)]
    down += [nn.Flatten(0)] if critic else [nn.Sigmoid(), nn.Flatten(0)]
    return nn.Sequential(*up), nn.Sequential(*down)


def plain_loop(made: Stepper) -> Step:
    """Return a step of the usual loop, with its own networks of the same size, on the same data.

    torch's own Adam, losses read in each step; the images wait in memory as floats.
    """
    model: Any = made.model
    critic = model.name == "wgangp"
    if model.name not in ("gan", "wgangp"):
        raise RuntimeError(f"no peer trains {model.name}")
    width = next(p.shape[0] for p in model.discriminator.parameters() if p.ndim == 4)
    networks = plain_networks(model.spec.size, width, critic=critic)
    generator, discriminator = (net.to(made.engine.device) for net in networks)
    count = sum(p.numel() for net in (generator, discriminator) for p in net.parameters())
    ours = sum(p.numel() for p in model.parameters())
    if count != ours:
        raise RuntimeError(f"{count:,} parameters are not the {ours:,} of {model.name}")
    pixels = torch.from_numpy(np.array(made.loader.pack.images)).permute(0, 3, 1, 2).contiguous()
    batches = endless(pixels.float() / 127.5 - 1, made.loader.sampler.batch)
    if critic:
        return plain_critic(generator, discriminator, batches, model.params.n_critic)
    return plain_gan(generator, discriminator, batches)


def plain_gan(generator: nn.Module, discriminator: nn.Module, batches: Iterator[Tensor]) -> Step:
    """Return a step in the way of torch's DCGAN example: two backward passes for D.

    The fakes are drawn once.
    """
    device = next(generator.parameters()).device
    criterion = nn.BCELoss()
    d_adam, g_adam = (
        Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (discriminator, generator)
    )

    def step() -> None:
        real = next(batches).to(device)
        ones, zeros = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)
        discriminator.zero_grad()
        real_loss = criterion(discriminator(real), ones)
        real_loss.backward()
        fake = generator(torch.randn(len(real), 100, 1, 1, device=device))
        fake_loss = criterion(discriminator(fake.detach()), zeros)
        fake_loss.backward()
        d_adam.step()
        generator.zero_grad()
        loss = criterion(discriminator(fake), ones)
        loss.backward()
        g_adam.step()
        _ = (real_loss + fake_loss).item(), loss.item()

    return step


def plain_critic(
    generator: nn.Module, critic: nn.Module, batches: Iterator[Tensor], n_critic: int
) -> Step:
    """Return a critic update in the way of the usual WGAN-GP scripts, and G in every n-th.

    They let the critic's loss run back through G as well; here the fakes are detached.
    """
    device = next(generator.parameters()).device
    d_adam, g_adam = (
        Adam(net.parameters(), lr=1e-4, betas=(0.0, 0.9)) for net in (critic, generator)
    )
    done = 0

    def penalty(real: Tensor, fake: Tensor) -> Tensor:
        alpha = torch.rand(len(real), 1, 1, 1, device=device)
        points = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = critic(points)
        (gradient,) = torch.autograd.grad(
            scores, points, torch.ones_like(scores), create_graph=True, retain_graph=True
        )
        return ((gradient.view(len(real), -1).norm(2, dim=1) - 1) ** 2).mean()

    def step() -> None:
        nonlocal done
        done += 1
        real = next(batches).to(device)
        d_adam.zero_grad()
        z = torch.randn(len(real), 100, 1, 1, device=device)
        fake = generator(z).detach()
        loss = -critic(real).mean() + critic(fake).mean() + 10 * penalty(real, fake)
        loss.backward()
        d_adam.step()
        _ = loss.item()
        if done % n_critic == 0:
            g_adam.zero_grad()
            g_loss = -critic(generator(z)).mean()
            g_loss.backward()
            g_adam.step()
            _ = g_loss.item()

    return step


def endless(images: Tensor, batch: int) -> Iterator[Tensor]:
    """Yield batches of a torch DataLoader for ever."""
    data = torch.utils.data.TensorDataset(images)
    loader = torch.utils.data.DataLoader(data, batch, shuffle=True, drop_last=True)
    while True:
        for (found,) in loader:
            yield found


AUTOMATIC = LAST | {"precision": "auto", "convolutions": "auto"}
VARIANTS = (
    Variant("automatic", PLAIN, AUTOMATIC),
    Variant("automatic, fp32", PLAIN, LAST | {"convolutions": "auto"}),
    Variant("products, fp32", PLAIN, LAST | {"convolutions": "products"}),
    Variant("fp32", "", {}),
    Variant("fp32 channels_last", "fp32", LAST),
    Variant("bf16", "fp32", BF16),
    Variant("bf16 channels_last", "fp32", BF16 | LAST),
    Variant("fp32 channels_last compiled", "fp32 channels_last", LAST | COMPILE),
    Variant("bf16 channels_last compiled", "bf16 channels_last", BF16 | LAST | COMPILE),
    Variant("fp32, Adam not fused", "fp32", {}, unfused),
    Variant("fp32, fakes drawn twice", "fp32", {}, redrawn),
    Variant("fp32, losses read each step", "fp32", {}, read_each_step),
    Variant("fp32, one thread", "fp32", {}, single_thread),
    Variant(PLAIN, "fp32", {}, plain_loop),
)


def build(registry: Registry, arguments: argparse.Namespace) -> dict[str, Step]:
    """Return one step function a variant, each with a model of its own."""
    words = [word.strip() for word in arguments.only.split(",") if word.strip()]
    steps: dict[str, Step] = {}
    for variant in VARIANTS:
        if words and not any(word in variant.name for word in words):
            continue
        if variant.options.get("compile") == "on" and arguments.no_compile:
            continue
        start = time.perf_counter()
        try:
            steps[variant.name] = variant.change(stepper(registry, arguments, variant.options))
        except RuntimeError as error:
            print(f"left out {variant.name}: {error}")
            continue
        print(f"ready in {time.perf_counter() - start:5.1f} s: {variant.name}", flush=True)
    return steps


def stepper(registry: Registry, arguments: argparse.Namespace, options: dict[str, Any]) -> Stepper:
    """Return a stepper on drawn faces, compiled if asked; RuntimeError where that fails."""
    values = {
        "data": "synthetic:512",
        "size": arguments.size,
        "batch_size": arguments.batch,
        "device": arguments.device,
        "g_channels": arguments.channels,
        "d_channels": arguments.channels,
        "channels_last": False,
        "compile": "off",
        "convolutions": "torch",
        **parse_set(arguments.set).values,
        **options,
    }
    made = new_job(TrainRequest(arguments.model, values, registry)).stepper()
    if made.engine.compiled and (trouble := made.compile()):
        raise RuntimeError(trouble)
    return made


def measure(steps: dict[str, Step], rounds: int, repeats: int) -> dict[str, list[float]]:
    """Return seconds a step of every round, by variant.

    Each visit begins with a step that is not timed: it brings back what the others drove out of the
    caches. Ours run as a training does, the plain loop as torch does.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds):
        names = list(steps)
        shift = turn * 5 % len(names)  # nobody runs always behind the same neighbour
        for name in names[shift:] + names[:shift]:
            with nullcontext() if name == PLAIN else tuned(torch.device("cpu"), "fp32"):
                steps[name]()
                start = time.perf_counter()
                for _ in range(repeats):
                    steps[name]()
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                seconds[name].append((time.perf_counter() - start) / repeats)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, against: str) -> str:
    """Return how many times faster than another variant one is, with the range over rounds."""
    if name == against or against not in seconds:
        return ""
    values = [b / a for a, b in zip(seconds[name], seconds[against], strict=True)]
    return f"x{median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def machine() -> str:
    """Return what the numbers were measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((ln.partition(":")[2].strip() for ln in lines if "model name" in ln), model)
    return (
        f"{model}, {os.cpu_count()} cores, {torch.get_num_threads()} threads,"
        f" {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    )


def arguments_of_user() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="gan")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--size", type=int, default=64, help="side of the images")
    parser.add_argument("--channels", type=int, default=64, help="width of both networks")
    parser.add_argument("--batch", type=int, default=64, help="images of a batch")
    parser.add_argument("--device", default="cpu", help="cpu, auto, cuda, cuda:1 or mps")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all)")
    parser.add_argument("--rounds", type=int, default=6, help="visits of each variant")
    parser.add_argument("--steps", type=int, default=2, help="steps of a visit")
    parser.add_argument("--only", default="", help="variants whose names hold one of these words")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--quick", action="store_true", help="tiny networks, two rounds")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.channels, arguments.batch, arguments.rounds, arguments.steps = 8, 8, 2, 1
    return arguments


def main() -> None:
    """Print a table of ratios."""
    arguments = arguments_of_user()
    start = time.perf_counter()
    with threads(arguments.threads):
        print(machine())
        if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
            print(f"not idle: the load is {os.getloadavg()[0]:.1f}, so trust no number here")
        steps = build(plugins.load(), arguments)
        seconds = measure(steps, arguments.rounds, arguments.steps)
    print(
        f"\n{arguments.model}, {arguments.size} px, {arguments.channels} channels, batch"
        f" {arguments.batch}; {arguments.rounds} rounds of {arguments.steps} steps"
    )
    print(f"\n{'variant':28} {'images/s':>8}  {'ratio':20} {'against':20} beside the plain loop")
    for variant in VARIANTS:
        if variant.name in seconds:
            print(
                f"{variant.name:28} {arguments.batch / median(seconds[variant.name]):8.1f}"
                f"  {ratio(seconds, variant.name, variant.against):20} {variant.against:20}"
                f" {ratio(seconds, variant.name, PLAIN)}"
            )
    print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
