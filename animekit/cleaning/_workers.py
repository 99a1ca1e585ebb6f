"""Workers that look at pictures: forked processes, or threads that share one interpreter.

What takes time (hashing, decoding, OpenCV, torch) lets go of the interpreter, but comes back to it
some fifty times a picture: two threads then do what one and a fifth would, two processes what two
would. So many pictures are looked at in processes, where the system can fork and all checks say
that they bear it; few ones, and all of them elsewhere, in threads.

Figures of threads are of Python 3.11.7 and torch 2.13 on two cores of an AMD EPYC, November 2026.
"""

from __future__ import annotations

import ctypes
import functools
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

T = TypeVar("T")

PR_SET_PDEATHSIG = 1  # of prctl.h: the signal that a process gets as its parent dies

TURN_SECONDS = 2e-4
"""How long one worker may keep the interpreter from another one that wants it.

Python's own turn is 5 ms. A worker that comes back from a layer of a network waits so long while
another one makes its many short calls: a matrix product of 0.66 ms beside a busy thread took 1.3 ms
at 5 ms, and 0.9 ms at 0.2 ms.
"""


@contextmanager
def short_turns() -> Iterator[None]:
    """Let threads take turns at the interpreter every `TURN_SECONDS`."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Hold torch, if anything has imported it, at one thread for each of ours.

    Torch has a thread a core by itself: with a worker a core, that would be cores squared. Its
    maps are megabytes, which the kernel would clear again for each stack of pictures.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    from animekit.device import kept_pages

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with kept_pages():
            yield
    finally:
        torch.set_num_threads(before)


class WorkerPool(Generic[T]):
    """Workers that all do one job for other numbers: `submit` gives them out.

    A job that fails in a process is done again in this one, so that its error is seen as it is.
    """

    def __init__(self, count: int, job: Callable[[int], T], *, forked: bool) -> None:
        self._job = job
        processes = _processes(count, job) if forked else None
        self.forked = processes is not None
        self._pool: Executor = processes or ThreadPoolExecutor(
            count, thread_name_prefix="animekit-clean"
        )
        self._given: dict[Future[Any], int] = {}

    def submit(self, number: int) -> Future[Any]:
        """Give a number to a worker."""
        if not self.forked:
            return self._pool.submit(self._job, number)
        with warnings.catch_warnings():  # Python 3.12 warns of threads: no check relies on one
            warnings.simplefilter("ignore", DeprecationWarning)
            future = self._pool.submit(_do, number)
        self._given[future] = number
        return future

    def result(self, future: Future[Any]) -> T:
        """Return what the job gave; raise its error."""
        number, found = self._given.pop(future, None), future.result()
        return self._job(number) if number is not None and found is None else found

    def close(self) -> None:
        """Let the workers end what they do, and nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _processes(count: int, job: Callable[[int], Any]) -> ProcessPoolExecutor | None:
    """Return a pool of forked processes, None where there can be none.

    Forked, they have the checks as they stand: nothing is sent to them but numbers.
    """
    if sys.platform != "linux" or multiprocessing.current_process().daemon:
        return None  # elsewhere a fork breaks the system's own libraries, or is unknown
    try:
        context = multiprocessing.get_context("fork")
        return ProcessPoolExecutor(count, context, initializer=_begin, initargs=(job,))
    except (OSError, ImportError, NotImplementedError):  # no semaphores, as in some sandboxes
        return None


_jobs: list[Callable[[int], Any]] = []
"""The job of a forked process."""


def _begin(job: Callable[[int], Any]) -> None:
    """Let a forked process do a job until its parent ends or dies; signals are the parent's."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _jobs[:] = [job]


def _do(number: int) -> Any:
    """Do the job for a number; None where it fails."""
    try:
        return _jobs[0](number)
    except Exception:
        return None


class _Lazy(Generic[T]):
    """An attribute that is computed once, without a lock: one thread looks at one picture.

    Before Python 3.12, `functools.cached_property` has one lock for all objects of a class. Two
    threads that each computed 50 attributes of 10 ms took 1.02 s with it, and 0.51 s with this.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        if instance is None:
            return self  # type: ignore[return-value]
        value = self.make(instance)
        instance.__dict__[self.name] = value  # found before this descriptor from now on
        return value


if TYPE_CHECKING or sys.version_info >= (3, 12):  # which has no lock
    lazy = functools.cached_property
else:
    lazy = _Lazy
