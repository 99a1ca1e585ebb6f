"""Which model takes a prompt where none is named, and the errors about one that cannot."""

from __future__ import annotations

from animekit import plugins
from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.models import weights
from animekit.plugins import Registry
from animekit.runs.checkpoint import steps_of
from animekit.runs.names import RUNS, list_runs
from animekit.runs.run import Loaded, Run, load_model

BUNDLED = "cfaces64"  # the bundled weights that take prompts


def conditional_runs(registry: Registry) -> list[Run]:
    """Return the runs whose model takes labels, the newest first.

    Those without a checkpoint, or whose config.json or plugin cannot be read, do not count.
    """
    found = []
    for path in reversed(list_runs(RUNS)):
        run = Run(path)
        try:
            config = run.config
            cls = registry.get("model", str(config.get("model")))
        except AnimekitError:
            continue
        spec = config.get("spec")
        labelled = isinstance(spec, dict) and bool(spec.get("labels"))
        takes = labelled and cls.takes_labels and hasattr(cls, "sample")
        if takes and steps_of(run.path):
            found.append(run)
    return found


def load_conditional(registry: Registry | None = None, *, checkpoint: str | int = "best") -> Loaded:
    """Load the newest run whose model takes labels, else the bundled weights.

    Raises NotFoundError where there is neither.
    """
    registry = registry if registry is not None else plugins.load()
    runs = conditional_runs(registry)
    if runs:
        return load_model(runs[0], registry, checkpoint=checkpoint)
    if BUNDLED in weights.bundled():
        return load_model(BUNDLED, registry)
    raise NotFoundError(
        "no model that takes a prompt: no run of one, and no bundled weights",
        _advice(registry),
        code="model.not_found",
    )


def without_labels(loaded: Loaded, what: str) -> UnusableError:
    """Return the error that a model takes no labels; `what` is what it was asked for."""
    return UnusableError(
        f"{what} is for a model that is told what to draw; {loaded.name} is"
        f" {_with_article(loaded.model.name)}, whose generator is told no labels",
        "leave MODEL out, or name one that takes prompts. " + _advice(plugins.load()),
        code="model.unconditional",
    )


def without_codes(loaded: Loaded, name: str) -> UnusableError:
    """Return the error that a model has neither labels nor codes to vary."""
    return UnusableError(
        f"{loaded.name} has no {name}: {_with_article(loaded.model.name)} has no codes in its z",
        "animekit train infogan makes one that does",
        code="model.codeless",
    )


def _advice(registry: Registry) -> str:
    known = [run.id for run in conditional_runs(registry)[:3]]
    known += [BUNDLED] if BUNDLED in weights.bundled() else []
    have = f"Here: {' '.join(known)}. " if known else ""
    return f"{have}Train one: animekit train acgan --data DIR --tags FILE"


def _with_article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"
