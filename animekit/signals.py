"""Stopping by signal: the first one asks for a save, a second Ctrl-C stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from animekit.errors import Stopped, Terminated


class StopSignals:
    """Turns SIGINT and SIGTERM into a wish within the block, in the main thread."""

    def __init__(self) -> None:
        self.received: type[Stopped] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.received is not None:
            raise KeyboardInterrupt
        self.received = Terminated if number == signal.SIGTERM else Stopped

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
