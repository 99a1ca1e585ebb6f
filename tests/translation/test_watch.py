"""A watched folder: what comes is translated, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.errors import UsageError
from animekit.translation import watch
from animekit.translation.result import Transferred
from tests.translation.pictures import paint, tree


def test_a_watched_folder_is_served_until_ctrl_c(
    swap: Callable[..., Transferred], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WATCH_SECONDS", 0.05)
    paint("in/a.png")
    heard: list[tuple[int, int]] = []

    def later() -> None:
        deadline = time.monotonic() + 30
        while not Path("out/a.png").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        paint("in/b.png")
        while not Path("out/b.png").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=later)
    thread.start()
    result = swap("in", watch=True, progress=lambda done, total: heard.append((done, total)))
    thread.join()
    assert tree("out") == ["a.png", "b.png", "index.html"]
    assert result.done == 2
    assert result.failure() is None
    assert heard == [(0, 1), (1, 1), (1, 2), (2, 2)]


def test_a_watch_needs_a_folder(swap: Callable[..., Transferred]) -> None:
    paint("a.png")
    for words, out in (((), "out"), (("a.png",), "b.png"), (("cam:0",), "b.mp4")):
        with pytest.raises(UsageError, match="--watch needs a folder"):
            swap(*words, out=out, watch=True)
