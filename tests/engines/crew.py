"""Several processes on this machine, forked, which compute together by gloo."""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from animekit.engines.engine import LocalEngine
from animekit.engines.many import ManyEngine
from animekit.engines.processes import place

CPU = torch.device("cpu")
LIMIT = 120  # seconds


def alone() -> LocalEngine:
    """Return the engine of one process in float64."""
    return LocalEngine(CPU, precision="fp64", threads=1)


def together(world: int, folder: Path, work: Callable[[LocalEngine], Any]) -> list[Any]:
    """Return what `work` returns in each of several processes, plain values and tensors.

    One that was killed returns nothing.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    crew = [
        context.Process(target=_work, args=(rank, world, port, folder, work))
        for rank in range(world)
    ]
    for each in crew:
        each.start()
    for each in crew:
        each.join(LIMIT)
    errors = [path.read_text() for path in sorted(folder.glob("error*"))]
    assert not errors, errors[0]
    paths = [folder / f"{rank}.pt" for rank in range(world)]
    return [torch.load(path, weights_only=True) for path in paths if path.is_file()]


def _work(
    rank: int, world: int, port: int, folder: Path, work: Callable[[LocalEngine], Any]
) -> None:
    own = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in own.items()} | {"MASTER_ADDR": "127.0.0.1"}
    try:
        torch.set_num_threads(1)
        engine = ManyEngine(CPU, place(), precision="fp64", threads=1)
        torch.save(work(engine), folder / f"{rank}.pt")
    except BaseException:
        (folder / f"error{rank}").write_text(traceback.format_exc())
    os._exit(0)  # behind pytest's back
