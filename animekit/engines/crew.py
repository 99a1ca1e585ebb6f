"""Several processes at one piece of work that falls into rows: each does some, all have all.

A command that joins shares what it draws and reads; before `join` each process works by itself.
Those that are not the first take part, and then have nothing to write or say.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import torch

from animekit.engines.engine import LocalEngine
from animekit.engines.many import ManyEngine
from animekit.engines.processes import place

T = TypeVar("T")

_engine: LocalEngine = LocalEngine(torch.device("cpu"))


def join() -> bool:
    """Work with the other processes from now on; say whether this is the first.

    Each then sees one GPU of its machine as the only one.
    """
    global _engine
    here = place()
    if here.world > 1 and _engine.world == 1:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        cards = seen.split(",") if seen else [str(here.local)] * (here.local + 1)
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[here.local % len(cards)]
        _engine = ManyEngine(torch.device("cpu"), here)
    return here.is_main


def own(count: int, step: int = 1) -> slice:
    """Return which of so many rows are for this process, in blocks of `step`.

    >>> own(10)
    slice(0, 10, None)
    """
    blocks = -(-count // step)
    each = -(-blocks // _engine.world) * step
    return slice(min(count, _engine.rank * each), min(count, (_engine.rank + 1) * each))


def everyone(mine: Sequence[T]) -> list[T]:
    """Return what all processes have, in their order."""
    return [each for part in _engine.of_all(list(mine)) for each in part]


def wait() -> None:
    """Wait until every process is here."""
    _engine.barrier()
