"""The classifier that a name means: bundled, a weights file, or a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from animekit.errors import NotFoundError
from animekit.models import tagger
from animekit.models.tagger import BUNDLED, Classifier
from animekit.runs.names import meanings
from animekit.runs.run import Run, load_model

if TYPE_CHECKING:
    from animekit.plugins import Registry


def missing_classifier(where: str = BUNDLED) -> NotFoundError | None:
    """Return the error that there is no such classifier, None if there is one."""
    return None if _run_of(where) is not None else tagger.missing(where)


def load_classifier(registry: Registry, where: str = BUNDLED) -> Classifier:
    """Return the classifier that a name, a weights file or a run means.

    Raises NotFoundError where there is none, and CheckpointError for a model that reads no labels.
    """
    run = _run_of(where)
    if run is None:
        return tagger.load(registry, where, any_labels=True)
    found = load_model(run, registry)
    return tagger.of_model(found.model, run.id, found.sha256, any_labels=True)


def _run_of(where: str) -> Run | None:
    """Return the run that a classifier is of, None for a bundled name or a file."""
    first = next(iter(meanings(where)), None)
    if first is not None and first.run is not None:
        return Run(first.run)
    return Run(where) if (Path(where) / "config.json").is_file() else None
