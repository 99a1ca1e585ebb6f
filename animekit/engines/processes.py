"""Which of several processes this is, as torchrun and accelerate launch say; without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from animekit.errors import UsageError

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@dataclass(frozen=True)
class Rank:
    """Process number `rank` of `world`, and number `local` of its machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def __str__(self) -> str:
        """Return it as a person counts.

        >>> print(Rank(1, 4))
        process 2 of 4
        """
        return f"process {self.rank + 1} of {self.world}"


def place(environment: Mapping[str, str] = os.environ) -> Rank:
    """Return which process this is; the only one where nobody started several.

    >>> place({"RANK": "1", "WORLD_SIZE": "2"})
    Rank(rank=1, world=2, local=1)
    """
    world = _whole(environment, "WORLD_SIZE", "1")
    if world == 1:
        return Rank()
    rank = _whole(environment, "RANK", "none")
    found = Rank(rank, world, _whole(environment, "LOCAL_RANK", str(rank)))
    if not found.rank < found.world:
        raise UsageError(f"RANK is {rank} of WORLD_SIZE {world}", "processes count from 0")
    return found


def is_first_to_fail() -> bool:
    """Say whether no other process has said yet why all of them end."""
    if place().world == 1:
        return True
    from datetime import timedelta

    from torch.distributed import DistError, TCPStore

    where = os.environ.get("MASTER_ADDR", ""), int(os.environ.get("MASTER_PORT", "0"))
    turn = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        store = TCPStore(*where, is_master=False, timeout=timedelta(seconds=3))
        return int(store.add(f"animekit/failed/{turn}", 1)) == 1
    except (DistError, RuntimeError, ValueError):
        return True  # nobody is left who could have said it


def _whole(environment: Mapping[str, str], name: str, default: str) -> int:
    text = environment.get(name, default)
    if not text.isdecimal() or (name == "WORLD_SIZE" and int(text) < 1):
        raise UsageError(
            f'{name} is "{text}" in the environment, and WORLD_SIZE'
            f" {environment.get('WORLD_SIZE', 'none')}",
            "start several processes by torchrun or accelerate launch, one by neither",
        )
    return int(text)
