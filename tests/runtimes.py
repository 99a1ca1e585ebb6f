"""The runtime of web pages for tests: that of this machine, where a person has fetched it."""

from __future__ import annotations

import shutil
from pathlib import Path

import platformdirs
import pytest

from animekit.hub import runtime

STORE = platformdirs.user_cache_path("animekit", appauthor=False)
"""Where it is outside of tests, which have a home of their own."""


def with_runtime() -> Path:
    """Return the folder of the runtime, in the store of the tests; skip where there is none."""
    pytest.importorskip("onnxruntime")
    there = STORE / "runtime" / runtime.place().name
    if not runtime.is_here():
        if not there.is_dir():
            pytest.skip("no onnxruntime-web here: animekit export faces64 --web DIR fetches it")
        shutil.copytree(there, runtime.place())
    return runtime.stored()
