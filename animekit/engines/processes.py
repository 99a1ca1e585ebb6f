"""Which of several processes this is, as whoever started them says; without torch."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass

from animekit.errors import UsageError
from animekit.files import cores

PORT = 29500
"""Where processes meet if nobody says where, as torchrun and Accelerate have it."""
PORTS = 10_000
"""Of so many ports, from 20,000 on, a job takes one by its name."""
LOST = "distributed.lost"
"""The code of the error of a process that ends because another one did."""


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


@dataclass(frozen=True)
class Starter:
    """The variables by which a program tells processes which they are."""

    rank: str
    world: str
    local: str
    beside: str
    """How many there are on this machine."""
    job: str


TORCHRUN = Starter("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "")
STARTERS = (
    TORCHRUN,  # and accelerate launch, and launch.py
    Starter(
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
        "PMIX_NAMESPACE",
    ),
    Starter("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", ""),  # MPICH, Intel
    # of srun alone: a batch script has SLURM_NTASKS too, and is one process
    Starter("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "", "SLURM_JOB_ID"),
)
"""The first whose count is there speaks: mpirun may start its own by srun."""


def place(environment: Mapping[str, str] = os.environ) -> Rank:
    """Return which process this is; the only one where nobody started several.

    >>> place({"RANK": "1", "WORLD_SIZE": "2"})
    Rank(rank=1, world=2, local=1)
    >>> place({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1"})
    Rank(rank=5, world=8, local=1)
    """
    by = _starter(environment)
    world = _whole(environment, by, by.world, "1")
    if world == 1:
        return Rank()
    rank = _whole(environment, by, by.rank, "none")
    local = by.local if by.local in environment else "SLURM_LOCALID"  # srun --mpi=pmi2
    found = Rank(rank, world, _whole(environment, by, local, str(rank)))
    if not found.rank < found.world:
        raise UsageError(f"{by.rank} is {rank} of {by.world} {world}", "processes count from 0")
    return found


def take_place(environment: MutableMapping[str, str] = os.environ) -> Rank:
    """Return the same, and tell torch so in the words of torchrun.

    So processes of mpirun and srun find each other. Raises UsageError where those of several
    machines cannot know where the first one is.
    """
    here, by = place(environment), _starter(environment)
    if here.world == 1 or by is TORCHRUN:
        return here
    beside = _beside(environment, by, here)
    if "MASTER_ADDR" not in environment:
        environment["MASTER_ADDR"] = _first_machine(environment, by, here, beside)
    job = environment.get(by.job, "")
    port = 20_000 + zlib.crc32(job.encode()) % PORTS if job else PORT
    environment.setdefault("MASTER_PORT", str(port))
    each = environment.get("SLURM_CPUS_PER_TASK", str(threads_of_each(beside)))
    environment.setdefault("OMP_NUM_THREADS", each)
    told = {"RANK": here.rank, "WORLD_SIZE": here.world, "LOCAL_RANK": here.local}
    environment.update({name: str(value) for name, value in told.items()})
    environment["LOCAL_WORLD_SIZE"] = str(beside)
    return here


def threads_of_each(beside: int) -> int:
    """Return how many threads each of so many processes of one machine takes."""
    return max(1, cores() // beside)


def first_host(hosts: str) -> str:
    """Return the first machine of a list as SLURM writes it.

    >>> first_host("gpu[03-05,09],login"), first_host("a1,a2"), first_host("n[7]-ib")
    ('gpu03', 'a1', 'n7-ib')
    """
    found = re.match(r"([^\[,]+)(?:\[([^\],-]+)[^\]]*\]([^,]*))?", hosts)
    return "" if found is None else "".join(part or "" for part in found.groups())


@contextmanager
def variables(values: Mapping[str, object]) -> Iterator[None]:
    """Set variables of this process within the block, and put back what was there.

    >>> with variables({"ANIMEKIT_EXAMPLE": 3}):
    ...     os.environ["ANIMEKIT_EXAMPLE"]
    '3'
    >>> "ANIMEKIT_EXAMPLE" in os.environ
    False
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_asked: Callable[[bool], bool] | None = None


def speak_by(ask: Callable[[bool], bool]) -> None:
    """Let one who watches all processes decide which of them says why they end."""
    global _asked
    _asked = ask


def is_first_to_fail(*, is_lost: bool = False) -> bool:
    """Say whether no other process has said yet why all of them end.

    `is_lost`: this one ends because another did.
    """
    here = place()
    if here.world == 1:
        return True
    if _asked is not None:
        return _asked(is_lost)
    from datetime import timedelta

    from torch.distributed import DistError, TCPStore

    where = os.environ.get("MASTER_ADDR", ""), int(os.environ.get("MASTER_PORT", "0"))
    turn = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        store = TCPStore(*where, is_master=False, timeout=timedelta(seconds=3))
        return int(store.add(f"animekit/failed/{turn}", 1)) == 1
    except (DistError, RuntimeError, ValueError):
        # the first process is gone, where they met: it spoke, unless it was killed
        return is_lost or here.is_main


def _starter(environment: Mapping[str, str]) -> Starter:
    return next((each for each in STARTERS if each.world in environment), TORCHRUN)


def _beside(environment: Mapping[str, str], by: Starter, here: Rank) -> int:
    """Return how many processes there are on this machine."""
    if by.beside in environment:
        return _whole(environment, by, by.beside, "1")
    told = re.findall(r"(\d+)(?:\(x(\d+)\))?", environment.get("SLURM_STEP_TASKS_PER_NODE", ""))
    tasks = [int(count) for count, times in told for _ in range(int(times or 1))]  # of 4(x2),3
    machine = environment.get("SLURM_NODEID", "0")
    return tasks[int(machine)] if machine.isdecimal() and int(machine) < len(tasks) else here.world


def _first_machine(environment: Mapping[str, str], by: Starter, here: Rank, beside: int) -> str:
    found = "127.0.0.1" if beside == here.world else ""
    if not found and by.rank == "SLURM_PROCID":
        found = first_host(environment.get("SLURM_STEP_NODELIST", ""))
    if not found:
        raise UsageError(
            f"{here} does not know where the first one is: MASTER_ADDR is not in the environment",
            "export MASTER_ADDR=HOST, the machine of the first process",
        )
    return found


def _whole(environment: Mapping[str, str], by: Starter, name: str, default: str) -> int:
    text = environment.get(name, default)
    if not text.isdecimal() or (name == by.world and int(text) < 1):
        raise UsageError(
            f'{name} is "{text}" in the environment, and {by.world}'
            f" {environment.get(by.world, 'none')}",
            "start several processes by --processes, torchrun, mpirun or srun, one by none of them",
        )
    return int(text)
