"""Several processes on this machine at one piece of work, started and watched by this one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, TypeVar

from animekit.engines.processes import LOST, place, speak_by, threads_of_each, variables
from animekit.errors import AnimekitError, DeviceError, Stopped, UsageError
from animekit.files import cores

T = TypeVar("T")
GRACE = 10.0
"""Seconds that the others have to end by themselves when one has failed, and then to save."""
MOST = 8
"""Processes, beyond which there are at most four a core."""


@dataclass
class Ended:
    """How the processes of one piece of work ended."""

    count: int
    answers: dict[int, Any] = field(default_factory=dict)
    """What each returned, by its number; an exception is what it raised."""
    speaker: int | None = None
    """The first that failed by itself and said why, if one did."""
    error: BaseException | None = None
    """Else why all ended: what the first one raised, or that it was killed."""

    def lost(self, rank: int, code: int) -> None:
        """Note that a process is gone without an answer."""
        how = f"ended with {code}"
        with suppress(ValueError):
            how = f"was killed ({signal.Signals(-code).name})"
        if self.error is None and self.speaker is None:
            self.error = DeviceError(
                f"process {rank + 1} of {self.count} {how}, which ended the others",
                "what is saved is whole; a training goes on with --resume",
                code="distributed.killed",
            )

    def answered(self, rank: int, answer: Any) -> None:
        """Note what a process returned, or raised."""
        self.answers[rank] = answer
        if isinstance(answer, BaseException) and getattr(answer, "code", "") != LOST:
            self.error = self.error or answer

    @property
    def is_ending(self) -> bool:
        """Whether those that are left should end soon."""
        failed = self.speaker is not None or (
            self.error is not None and not isinstance(self.error, Stopped)
        )
        return failed or len(self.answers) == self.count


def launch(work: Callable[..., T], *args: Any, processes: int, **options: Any) -> T:
    """Do work in so many processes of this machine that compute together.

    Returns what it returned. `work` is `animekit.train`, `generate`, `evaluate` or `transfer`, or a
    function of a module of yours; what goes in and out is plain, or of animekit. Each process has
    a GPU of its own, or its share of the cores. Raises what the first that failed raised;
    DeviceError where one was killed.
    """
    work = getattr(work, "__wrapped__", work)  # which can be sent by its name
    shares = work.__module__.startswith("animekit.") and work.__name__ != "train"
    ended = gathered(work, args, options, processes=processes, joined=shares)
    failed = [each for each in ended.answers.values() if isinstance(each, BaseException)]
    if ended.error is not None or failed:
        raise ended.error or failed[0]
    found: T = ended.answers[0]
    return found


def gathered(
    work: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any] | None = None,
    *,
    processes: int,
    joined: bool = False,
) -> Ended:
    """Do work in so many processes, and return how each ended.

    When one fails or is killed all end, within seconds. Signals to this process go to all.
    `joined` work shares what it draws and reads; a training does so by itself.
    """
    most = max(MOST, 4 * cores())
    if not 1 <= processes <= most:
        hint = f"1 to {most} on this machine: one for each GPU, or one for some cores"
        raise UsageError(f"cannot start {processes} processes", hint)
    if place().world > 1:
        raise UsageError(f"this is {place()} already", "leave out one of the two that start them")
    context = multiprocessing.get_context("spawn")
    task = (work, args, options or {}, joined)
    members: list[_Watched] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        door = free.getsockname()[1]
    try:
        with _signals_to(members):
            for rank in range(processes):
                ours, theirs = context.Pipe()
                process = context.Process(target=_member, args=(theirs, *task))
                with variables(_environment(rank, processes, door)):
                    process.start()
                theirs.close()
                members.append(_Watched(rank, process, ours))
            return _watch(members)
    finally:
        for each in members:
            each.process.kill()


@dataclass
class _Watched:
    rank: int
    process: Any
    pipe: Connection


def _watch(members: list[_Watched]) -> Ended:
    """Wait for all; where one fails, end the others."""
    ended, going, until, asked = Ended(len(members)), list(members), 0.0, False
    while going:
        pipes = [each.pipe for each in going if not each.pipe.closed]
        rest = max(0.0, until - time.monotonic()) if until else None
        wait([*pipes, *(each.process.sentinel for each in going)], rest)
        gone = [each for each in going if not each.process.is_alive()]
        for each in going:
            _hear(each, ended)
        for each in gone:
            going.remove(each)
            if each.rank not in ended.answers:
                ended.lost(each.rank, int(each.process.exitcode or 0))
        if until and time.monotonic() >= until:
            for each in going:
                each.process.kill() if asked else each.process.terminate()
            until, asked = time.monotonic() + GRACE, True
        elif not until and ended.is_ending:
            until = time.monotonic() + GRACE
    return ended


def _hear(member: _Watched, ended: Ended) -> None:
    """Take what a process has said: its answer, or that it wants to say why it fails."""
    try:
        while not member.pipe.closed and member.pipe.poll():
            kind, said = member.pipe.recv()
            if kind == "answer":
                ended.answered(member.rank, said)
                member.pipe.close()
            else:
                first = ended.speaker is None and ended.error is None and not said
                ended.speaker = member.rank if first else ended.speaker
                member.pipe.send(first)
    except (EOFError, OSError):  # it is gone
        member.pipe.close()


def _environment(rank: int, count: int, door: int) -> dict[str, object]:
    """Return what tells a process its place as it starts, before it loads torch."""
    return {
        "RANK": rank,
        "WORLD_SIZE": count,
        "LOCAL_RANK": rank,
        "LOCAL_WORLD_SIZE": count,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": door,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads_of_each(count)),
    }


@contextmanager
def _signals_to(members: list[_Watched]) -> Iterator[None]:
    """Pass signals on, each once: the processes are out of reach of a terminal's Ctrl-C.

    Not on Windows, where a console's Ctrl-C reaches all.
    """

    def pass_on(number: int, frame: FrameType | None) -> None:
        if sys.platform == "win32" and number == signal.SIGINT:
            return
        number = number if number == signal.SIGINT else signal.SIGTERM
        for each in members:
            if each.process.is_alive():
                os.kill(each.process.pid, number)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, pass_on) for number in known} if main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _member(
    pipe: Connection,
    work: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    joined: bool,  # noqa: FBT001 - of a process
) -> None:
    """Do the work as one of the processes."""
    if sys.platform != "win32":
        os.setpgid(0, 0)

    def ask(is_lost: bool) -> bool:  # noqa: FBT001
        try:
            pipe.send(("speak", is_lost))
            return bool(pipe.recv())
        except (EOFError, OSError):
            return place().is_main

    speak_by(ask)
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    answer: Any
    try:
        if joined:
            from animekit.engines import crew

            crew.join()
        answer = work(*args, **options)
    except AnimekitError as error:
        answer = error
    except KeyboardInterrupt:
        answer = Stopped("stopped")
    except Exception as error:  # which may not be fit to be sent
        answer = RuntimeError("".join(traceback.format_exception(error)).rstrip())
    told = place().is_main or isinstance(answer, (int, BaseException))
    with suppress(OSError):  # who asked is gone
        pipe.send(("answer", answer if told else None))


def _end_with_the_first() -> None:
    """Save and stop when the process that started this one is gone."""
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
        os.kill(os.getpid(), signal.SIGTERM)
