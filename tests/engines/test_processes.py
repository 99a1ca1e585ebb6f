"""Which process this is, by the words of each program that starts several."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from animekit.engines.many import ManyEngine
from animekit.engines.processes import Rank, first_host, place, take_place, variables
from animekit.errors import UsageError

from .crew import CPU

OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "PMIX_NAMESPACE": "3046768641",
    "SLURM_PROCID": "0",  # of the srun by which mpirun started its own
    "SLURM_STEP_NUM_TASKS": "9",
}
HYDRA = {"PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "3", "MPI_LOCALNRANKS": "4"}
SRUN = {
    "SLURM_PROCID": "5",
    "SLURM_STEP_NUM_TASKS": "7",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "4,3",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_CPUS_PER_TASK": "6",
    "SLURM_JOB_ID": "4711",
}


@pytest.mark.parametrize(
    ("environment", "found", "told"),
    [
        (OPEN_MPI, Rank(1, 2, 1), {"MASTER_ADDR": "127.0.0.1", "LOCAL_WORLD_SIZE": "2"}),
        (HYDRA, Rank(3, 4, 3), {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}),
        (
            {**HYDRA, "PMI_SIZE": "8", "MASTER_ADDR": "one"},
            Rank(3, 8, 3),
            {"MASTER_ADDR": "one", "LOCAL_WORLD_SIZE": "4"},
        ),
        (SRUN, Rank(5, 7, 1), {"MASTER_ADDR": "gpu07", "OMP_NUM_THREADS": "6"}),
        (
            {"PMI_RANK": "5", "PMI_SIZE": "7", **SRUN, "MASTER_PORT": "1234"},
            Rank(5, 7, 1),  # srun --mpi=pmi2
            {"LOCAL_WORLD_SIZE": "3", "MASTER_PORT": "1234"},
        ),
    ],
    ids=["mpirun", "hydra", "two machines", "srun", "pmi2"],
)
def test_each_starter_is_understood_and_torch_told_in_its_own_words(
    environment: dict[str, str], found: Rank, told: dict[str, str]
) -> None:
    environment = {"OMP_NUM_THREADS": "6", **environment}
    if found.world == 7 and "PMI_RANK" in environment:
        environment["MASTER_ADDR"] = "one"
    assert place(environment) == found
    assert take_place(environment) == found
    told = {"RANK": str(found.rank), "WORLD_SIZE": str(found.world), **told}
    assert {name: environment[name] for name in told} == told
    assert take_place(environment) == place(environment) == found  # a second time, too


def test_jobs_that_know_their_names_meet_at_doors_of_their_own() -> None:
    doors = set()
    for job in ("1", "2"):
        environment = {**OPEN_MPI, "PMIX_NAMESPACE": job}
        take_place(environment)
        doors.add(int(environment["MASTER_PORT"]))
    assert len(doors) == 2
    assert all(20_000 <= door < 30_000 for door in doors)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WORLD_SIZE": "1", **OPEN_MPI},  # how one of several says that it works alone
        {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"},  # a batch script
    ],
    ids=["nobody", "one of several alone", "mpirun of one", "batch script"],
)
def test_a_process_alone_changes_nothing(environment: dict[str, str]) -> None:
    before = dict(environment)
    assert take_place(environment) == Rank()
    assert environment == before


def test_processes_of_several_machines_ask_for_the_first_one() -> None:
    with pytest.raises(UsageError, match="process 4 of 8 does not know where the first") as caught:
        take_place({**HYDRA, "PMI_SIZE": "8"})
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("export MASTER_ADDR=")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "2"}, 'RANK is "none" in the environment, and WORLD_SIZE 2'),
        ({"WORLD_SIZE": "two"}, 'WORLD_SIZE is "two"'),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is 2 of WORLD_SIZE 2"),
        ({"PMI_SIZE": "2", "PMI_RANK": "-1"}, 'PMI_RANK is "-1" in the environment, and PMI_SIZE'),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(
    environment: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        place(environment)


@pytest.mark.parametrize(
    ("hosts", "first"),
    [("n1", "n1"), ("n1,n2", "n1"), ("c[001,004-5],d", "c001"), ("a[2-3]x,b", "a2x"), ("", "")],
)
def test_the_first_machine_of_a_list(hosts: str, first: str) -> None:
    assert first_host(hosts) == first


def _works_with_the_words_of_mpirun(rank: int, folder: Path) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        os.environ.pop(name, None)
    mine = {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_LOCAL_RANK": str(rank)}
    os.environ |= {**OPEN_MPI, **mine, "PMIX_NAMESPACE": str(os.getppid())}
    engine = ManyEngine(CPU, place(), precision="fp64", threads=1)
    (folder / f"{rank}").write_text(str(engine.total(torch.tensor(2.0 + rank)).item()))
    engine.barrier()
    os._exit(0)


def test_processes_of_mpirun_add_up(tmp_path: Path) -> None:
    import multiprocessing

    context = multiprocessing.get_context("fork")
    crew = [
        context.Process(target=_works_with_the_words_of_mpirun, args=(rank, tmp_path))
        for rank in range(2)
    ]
    for each in crew:
        each.start()
    for each in crew:
        each.join(60)
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["5.0", "5.0"]


def test_variables_are_what_they_were_after_the_block_however_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANIMEKIT_THERE", "before")
    monkeypatch.delenv("ANIMEKIT_NEW", raising=False)

    def fail() -> None:
        with variables({"ANIMEKIT_THERE": "within", "ANIMEKIT_NEW": 2}):
            assert (os.environ["ANIMEKIT_THERE"], os.environ["ANIMEKIT_NEW"]) == ("within", "2")
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert os.environ["ANIMEKIT_THERE"] == "before" and "ANIMEKIT_NEW" not in os.environ
