"""How far several processes are from one with the whole batch, for every model, in float64.

    python -m benchmarks.speed.processes [MODEL...] [--processes 2] [--steps 20] [--accumulate 1]

prints a Markdown table: the largest difference of a weight or buffer after so many steps, that of a
moving average, and whether all processes hold the same bits. Models are tiny, with drawn faces of
32 px. A model may have parameters behind it, as in `cyclegan:pool_size=0`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import socket
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from animekit import plugins
from animekit.engines.engine import LocalEngine
from animekit.engines.many import ManyEngine
from animekit.engines.processes import place
from animekit.testing.tiny import tiny_stepper

CPU = torch.device("cpu")
BATCH = 8
Found = tuple[dict[str, Tensor], dict[str, Tensor]]


def trained(model: str, engine: LocalEngine, steps: int, accumulate: int) -> Found:
    """Return weights with buffers, and their averages, after some steps."""
    name, *changes = model.split(":")
    cls = plugins.load().get("model", name)
    pairs = (change.split("=") for change in changes)
    own: dict[str, Any] = {key: int(value) for key, value in pairs}
    stepper = tiny_stepper(cls, engine=engine, batch=BATCH, accumulate=accumulate, **own)
    for _ in range(steps):
        stepper.step()
    return stepper.model.state_dict(), stepper.average.state


def work(rank: int, world: int, port: int, folder: Path, task: tuple[str, int, int]) -> None:
    """Train as one of several processes; leave what came of it in a folder."""
    own = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in own.items()} | {"MASTER_ADDR": "127.0.0.1"}
    engine = ManyEngine(CPU, place(), precision="fp64", threads=1)
    torch.save(trained(task[0], engine, *task[1:]), folder / f"{rank}.pt")
    engine.barrier()
    os._exit(0)


def together(world: int, task: tuple[str, int, int]) -> list[Found]:
    """Return what each of several processes ends with."""
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        context = multiprocessing.get_context("fork")
        crew = [
            context.Process(target=work, args=(rank, world, port, Path(name), task))
            for rank in range(world)
        ]
        for each in crew:
            each.start()
        for each in crew:
            each.join()
        return [torch.load(Path(name, f"{rank}.pt"), weights_only=True) for rank in range(world)]


def gap(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the largest difference of any number."""
    pairs = [(value.double(), other[key].double()) for key, value in one.items() if value.numel()]
    return max(((a - b).abs().max().item() for a, b in pairs), default=0.0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*")
    for name, default in (("processes", 2), ("steps", 20), ("accumulate", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    world, own = asked.processes, f"batch of {BATCH}, {asked.accumulate} part(s)"
    print(f"{world} processes, {asked.steps} steps, {own}, torch {torch.__version__},", end=" ")
    print(f"{platform.machine()}, one thread a process\n")
    print("| model | weights and buffers | moving average | processes among themselves |")
    print("|---|---|---|---|")
    for model in asked.models or plugins.load().all("model"):
        task = (model, asked.steps, asked.accumulate)
        one = trained(model, LocalEngine(CPU, precision="fp64", threads=1), *task[1:])
        found = together(world, task)
        same = all(torch.equal(found[0][0][key], each[0][key]) for each in found for key in one[0])
        gaps = [gap(one[part], found[0][part]) for part in (0, 1)]
        words = [f"{value:.1e}" if value else "0" for value in gaps]
        print(
            f"| {model} | {' | '.join(words)} | {'same bits' if same else 'DIFFER'} |", flush=True
        )


if __name__ == "__main__":
    main()
