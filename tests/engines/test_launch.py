"""Several processes that this one starts: they answer, and end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from animekit.engines import launch as launching
from animekit.engines.launch import launch
from animekit.engines.processes import is_first_to_fail, place
from animekit.errors import ConfigError, DeviceError, Stopped, UsageError

ROOT = Path(__file__).parents[2]
LONG = 600.0  # seconds, which no test waits for


def says_where() -> tuple[str, dict[str, str | None]]:
    names = ("LOCAL_RANK", "MASTER_ADDR", "OMP_NUM_THREADS")
    return str(place()), {name: os.environ.get(name) for name in names}


def fails(rank: int, folder: Path) -> None:
    (folder / f"{place().rank}").touch()
    if place().rank == rank:
        raise ConfigError("it cannot be", "do this")
    time.sleep(LONG)


def dies(rank: int) -> None:
    if place().rank == rank:
        os.kill(os.getpid(), signal.SIGKILL)
    assert not is_first_to_fail(is_lost=True)  # the one that started it knows more
    raise DeviceError("lost the others", code="distributed.lost")


def has_a_bug() -> None:
    raise ZeroDivisionError("one in a process")


def waits(folder: Path) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(LONG)


def test_each_process_knows_its_place_and_the_first_one_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    where, told = launch(says_where, processes=2)
    assert where == "process 1 of 2"
    assert told == {"LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "3"}
    assert place().world == 1
    assert "RANK" not in os.environ  # here all is as before


def test_an_error_of_one_ends_all_and_is_raised_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "GRACE", 0.5)
    with pytest.raises(ConfigError, match="it cannot be") as caught:
        launch(fails, 1, tmp_path, processes=2)
    assert caught.value.hint == "do this"
    with pytest.raises(RuntimeError, match="ZeroDivisionError: one in a process"):
        launch(has_a_bug, processes=1)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_is_named_in_one_line(rank: int) -> None:
    with pytest.raises(DeviceError) as caught:
        launch(dies, rank, processes=2)
    assert caught.value.message == (
        f"process {rank + 1} of 2 was killed (SIGKILL), which ended the others"
    )
    assert caught.value.code == "distributed.killed"


def test_a_signal_goes_to_all_and_is_told_once(tmp_path: Path) -> None:
    def interrupt() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="stopped"):
        launch(waits, tmp_path, processes=2)
    assert signal.getsignal(signal.SIGINT) is before


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.is_file() or state.read_text().split()[2] != "Z"


def test_processes_end_when_the_one_that_started_them_is_gone(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from animekit.engines.launch import launch;"
        "from tests.engines.test_launch import waits;"
        f"launch(waits, Path({str(tmp_path)!r}), processes=2)"
    )
    first = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    limit = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < limit:
        time.sleep(0.05)
    first.kill()
    first.wait()
    members = [int(path.name) for path in tmp_path.iterdir()]
    while any(is_running(each) for each in members) and time.monotonic() < limit:
        time.sleep(0.05)
    assert len(members) == 2
    assert not any(is_running(each) for each in members)


def test_a_number_of_processes_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (0, 100_000):
        with pytest.raises(UsageError, match=f"cannot start {count} processes"):
            launch(says_where, processes=count)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(UsageError, match="this is process 2 of 2 already"):
        launch(says_where, processes=2)
