"""The six hooks of animekit: each takes no argument and returns classes.

What the classes derive from is in `animekit.plugins.HOMES`: importing it here would be a circle.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

PROJECT = "animekit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def animekit_models() -> Iterable[type]:  # type: ignore[empty-body]
    """Generative models: `animekit train NAME`."""


@hookspec
def animekit_datasets() -> Iterable[type]:  # type: ignore[empty-body]
    """Ways to read images: by `matches(path)` or `NAME:PATH`."""


@hookspec
def animekit_checks() -> Iterable[type]:  # type: ignore[empty-body]
    """What `animekit clean` looks for in one image, or in all."""


@hookspec
def animekit_detectors() -> Iterable[type]:  # type: ignore[empty-body]
    """Finders of anime faces, for `animekit clean` and the face metric."""


@hookspec
def animekit_metrics() -> Iterable[type]:  # type: ignore[empty-body]
    """Numbers for `animekit evaluate` from real and fake images."""


@hookspec
def animekit_loggers() -> Iterable[type]:  # type: ignore[empty-body]
    """Where a run reports: made once per run, closed at its end."""
