"""How fast a training step is: each switch of animekit, and a plain loop beside it.

All variants train the same DCGAN in one process, in rounds that visit each of them once, so that a
change of the machine's mood hits all alike. A ratio is taken within a round; printed are the
median and the range over rounds. Run it on an idle machine:

    python benchmarks/training_speed.py                 # about 7 minutes on 2 cores
    python benchmarks/training_speed.py --quick         # does it run at all
    python benchmarks/training_speed.py --channels 32 --batch 128 --only fp32,bf16,plain
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from animekit.engine import LocalEngine, threads
from animekit.model import ImageSpec
from animekit.sampler import Loader
from animekit.stepping import Stepper
from animekit.testing import tiny_dataset
from animekit_plugins.models.gan import GAN

Step = Callable[[], None]
IMAGES = 512  # of the data set; they lie in memory, so that no variant waits for a disk


@dataclass(frozen=True)
class Variant:
    """One way to train, and which other one it is measured against."""

    name: str
    against: str
    make: Callable[[argparse.Namespace], Step]


class UnfusedGAN(GAN):
    """GAN with the optimiser that torch takes by itself."""

    def optimizer(self, parameters: Iterable[nn.Parameter], lr: float) -> Adam:
        return Adam(parameters, lr=lr, betas=self.params.betas)


class TwiceGAN(GAN):
    """GAN that draws fakes for the discriminator and again for the generator."""

    def prepare(self, batch: Any, due: Any) -> None:
        with torch.no_grad():
            self.generator(batch.z)
        super().prepare(batch, due)


def stepper(
    options: argparse.Namespace,
    cls: type[GAN] = GAN,
    *,
    precision: str = "fp32",
    channels_last: bool = False,
    compiled: bool = False,
) -> Stepper:
    torch.manual_seed(0)
    params = cls.Params(g_channels=options.channels, d_channels=options.channels)
    pack = tiny_dataset(IMAGES).pack(options.size)
    made = Stepper(
        cls(params, ImageSpec(options.size)),
        LocalEngine(
            torch.device("cpu"),
            precision=precision,
            channels_last=channels_last,
            compiled=compiled,
        ),
        lambda seed: Loader(pack, options.batch, seed, flip=False, crop=0),
        seed=0,
        ema=0.999,
    )
    if compiled and (trouble := made.compile()):
        raise RuntimeError(trouble)
    return made


def animekit_step(options: argparse.Namespace, cls: type[GAN] = GAN, **engine: Any) -> Step:
    return stepper(options, cls, **engine).step


def reading_step(options: argparse.Namespace) -> Step:
    """A step that waits for its losses, as loops that print each step do."""
    made = stepper(options)

    def step() -> None:
        made.step()
        made.stats.means()

    return step


def lone_thread_step(options: argparse.Namespace) -> Step:
    made = stepper(options)

    def step() -> None:
        with threads(1):
            made.step()

    return step


def plain_networks(size: int, width: int) -> tuple[nn.Module, nn.Module]:
    """DCGAN as tutorials write it: sigmoid in the network, batch norm in both."""
    widths = [width]
    while 4 * 2 ** len(widths) < size:
        widths.append(min(2 * widths[-1], 16 * width))
    up: list[nn.Module] = [
        nn.ConvTranspose2d(100, widths[-1], 4, 1, 0, bias=False),
        nn.BatchNorm2d(widths[-1]),
        nn.ReLU(inplace=True),
    ]
    down: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for small, large in reversed(list(pairwise(widths))):
        up += [nn.ConvTranspose2d(large, small, 4, 2, 1, bias=False), nn.BatchNorm2d(small)]
        up += [nn.ReLU(inplace=True)]
    for small, large in pairwise(widths):
        down += [nn.Conv2d(small, large, 4, 2, 1, bias=False), nn.BatchNorm2d(large)]
        down += [nn.LeakyReLU(0.2, True)]
    up += [nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
    down += [nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0)]
    return nn.Sequential(*up), nn.Sequential(*down)


def plain_step(options: argparse.Namespace) -> Step:
    """The usual loop: two backward passes for the discriminator, losses read in each step."""
    generator, discriminator = plain_networks(options.size, options.channels)
    ours = stepper(options).model
    assert sum(p.numel() for p in ours.parameters()) == sum(
        p.numel() for net in (generator, discriminator) for p in net.parameters()
    )
    pixels = tiny_dataset(IMAGES).pack(options.size).images
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
    data = torch.utils.data.TensorDataset(images)
    loader = torch.utils.data.DataLoader(data, options.batch, shuffle=True, drop_last=True)
    batches = _endless(loader)
    criterion = nn.BCELoss()
    d_adam = Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    g_adam = Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step() -> None:
        real = next(batches)
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        discriminator.zero_grad()
        d_real = criterion(discriminator(real), ones)
        d_real.backward()
        fake = generator(torch.randn(len(real), 100, 1, 1))
        d_fake = criterion(discriminator(fake.detach()), zeros)
        d_fake.backward()
        d_adam.step()
        generator.zero_grad()
        g_loss = criterion(discriminator(fake), ones)
        g_loss.backward()
        g_adam.step()
        (d_real + d_fake).item(), g_loss.item()

    return step


def _endless(loader: Iterable[list[Tensor]]) -> Any:
    while True:
        for (images,) in loader:
            yield images


BF16 = {"precision": "bf16"}
LAST = {"channels_last": True}
VARIANTS = (
    Variant("fp32", "fp32", animekit_step),
    Variant("fp32 channels_last", "fp32", partial(animekit_step, **LAST)),
    Variant("bf16", "fp32", partial(animekit_step, **BF16)),
    Variant("bf16 channels_last", "fp32", partial(animekit_step, **BF16, **LAST)),
    Variant(
        "fp32 channels_last compiled",
        "fp32 channels_last",
        partial(animekit_step, **LAST, compiled=True),
    ),
    Variant(
        "bf16 channels_last compiled",
        "bf16 channels_last",
        partial(animekit_step, **BF16, **LAST, compiled=True),
    ),
    Variant("Adam of torch's choice", "fp32", partial(animekit_step, cls=UnfusedGAN)),
    Variant("fakes drawn twice", "fp32", partial(animekit_step, cls=TwiceGAN)),
    Variant("losses read each step", "fp32", reading_step),
    Variant("one thread", "fp32", lone_thread_step),
    Variant("plain PyTorch loop", "fp32", plain_step),
)


def measure(steps: dict[str, Step], rounds: int, repeats: int) -> dict[str, list[float]]:
    """Return seconds a step of every round, by variant."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for turn in range(rounds):
        names = list(steps)
        shift = turn * 5 % len(names)  # nobody always runs behind the same neighbour
        for name in names[shift:] + names[:shift]:
            start = time.perf_counter()
            for _ in range(repeats):
                steps[name]()
            seconds[name].append((time.perf_counter() - start) / repeats)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, against: str) -> str:
    if name == against or against not in seconds:
        return ""
    values = [b / a for a, b in zip(seconds[name], seconds[against], strict=True)]
    return f"x{median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((ln.partition(":")[2].strip() for ln in lines if "model name" in ln), model)
    return (
        f"{model}, {os.cpu_count()} cores, {torch.get_num_threads()} threads,"
        f" {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    )


def build(options: argparse.Namespace) -> dict[str, Step]:
    wanted = [word.strip() for word in options.only.split(",") if word.strip()]
    steps = {}
    for variant in VARIANTS:
        if wanted and not any(word in variant.name for word in wanted):
            continue
        start = time.perf_counter()
        try:
            steps[variant.name] = variant.make(options)
        except RuntimeError as error:
            print(f"left out {variant.name}: {error}")
            continue
        print(f"ready in {time.perf_counter() - start:5.1f} s: {variant.name}", flush=True)
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64, help="side of the images")
    parser.add_argument("--channels", type=int, default=64, help="width of both networks")
    parser.add_argument("--batch", type=int, default=64, help="images of a batch")
    parser.add_argument("--rounds", type=int, default=7, help="visits of each variant")
    parser.add_argument("--steps", type=int, default=2, help="steps of a visit")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all)")
    parser.add_argument("--only", default="", help="variants whose names hold one of these words")
    parser.add_argument("--quick", action="store_true", help="tiny networks and two rounds")
    options = parser.parse_args()
    if options.quick:
        options.channels, options.batch, options.rounds, options.steps = 8, 8, 2, 1
    with threads(options.threads):
        print(machine())
        if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
            print(f"not idle: the load is {os.getloadavg()[0]:.1f}, so trust no number here")
        print(f"DCGAN {options.size} px, {options.channels} channels, batch {options.batch}\n")
        start = time.perf_counter()
        steps = build(options)
        seconds = measure(steps, options.rounds, options.steps)
    rows = [
        (
            variant.name,
            f"{options.batch / median(seconds[variant.name]):.1f}",
            ratio(seconds, variant.name, variant.against),
            variant.against if variant.against != variant.name else "",
            ratio(seconds, variant.name, "plain PyTorch loop"),
        )
        for variant in VARIANTS
        if variant.name in seconds
    ]
    print(f"\n{'variant':28} {'images/s':>9}  {'ratio':20} {'against':20} beside the plain loop")
    for name, rate, first, against, second in rows:
        print(f"{name:28} {rate:>9}  {first:20} {against:20} {second}")
    print(f"\n{options.rounds} rounds, {time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
