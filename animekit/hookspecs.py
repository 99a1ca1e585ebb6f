"""The six hooks of animekit: each takes no argument and returns classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from animekit.checking import Check
    from animekit.components import Detector, Logger, Metric
    from animekit.data import Dataset
    from animekit.model import Model

PROJECT = "animekit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def animekit_models() -> Iterable[type[Model]]:  # type: ignore[empty-body]
    """Generative models: `animekit train NAME`."""


@hookspec
def animekit_datasets() -> Iterable[type[Dataset]]:  # type: ignore[empty-body]
    """Ways to read images: by `matches(path)` or `NAME:PATH`."""


@hookspec
def animekit_checks() -> Iterable[type[Check]]:  # type: ignore[empty-body]
    """What `animekit clean` looks for in one image, or in all."""


@hookspec
def animekit_detectors() -> Iterable[type[Detector]]:  # type: ignore[empty-body]
    """Finders of anime faces, for `animekit clean` and the face metric."""


@hookspec
def animekit_metrics() -> Iterable[type[Metric]]:  # type: ignore[empty-body]
    """Numbers for `animekit evaluate` from real and fake images."""


@hookspec
def animekit_loggers() -> Iterable[type[Logger]]:  # type: ignore[empty-body]
    """Where a run reports: made once per run, closed at its end."""
