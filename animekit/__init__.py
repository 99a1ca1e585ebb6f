"""Train, use and measure generative models of anime faces.

Every name below is imported on first use, so that `import animekit` costs nothing:

    import animekit as ak
    run = ak.train("wgangp", "data/faces", steps=20_000)
    ak.generate(run, seeds=range(25)).save("samples/gan.png")
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from animekit.ablation.ablate import ablate, plan_ablate
    from animekit.cleaning.clean import clean, merge
    from animekit.cleaning.crop import crop
    from animekit.comparison.compare import compare
    from animekit.demonstration import demo
    from animekit.engines.launch import launch
    from animekit.errors import AnimekitError
    from animekit.evaluation.evaluate import evaluate
    from animekit.evaluation.make_reference import make_reference
    from animekit.evaluation.reconstruct import reconstruct
    from animekit.explanation.explain import explain
    from animekit.exporting.export import export, plan_export
    from animekit.generation.generate import generate, interpolate, plan_generate
    from animekit.generation.recipe import like, read_recipe
    from animekit.generation.reproduce import remake, reproduce
    from animekit.grading.grade import grade
    from animekit.labelling.label import label, plan_label
    from animekit.playing.play import plan_play, play
    from animekit.projection.project import plan_project, project
    from animekit.reporting.report import report
    from animekit.runs.run import Run
    from animekit.setup.doctor import doctor
    from animekit.training.plan import plan
    from animekit.training.train import train
    from animekit.translation.transfer import transfer

    __version__: str

# Threads of torch that wait for each other shall sleep. By default they spin, and where anything
# else runs on the machine, a step takes many times as long. OpenMP reads this as torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_HOMES = {
    "AnimekitError": "animekit.errors",
    "Run": "animekit.runs.run",
    "ablate": "animekit.ablation.ablate",
    "clean": "animekit.cleaning.clean",
    "compare": "animekit.comparison.compare",
    "crop": "animekit.cleaning.crop",
    "demo": "animekit.demonstration",
    "doctor": "animekit.setup.doctor",
    "evaluate": "animekit.evaluation.evaluate",
    "explain": "animekit.explanation.explain",
    "export": "animekit.exporting.export",
    "generate": "animekit.generation.generate",
    "grade": "animekit.grading.grade",
    "interpolate": "animekit.generation.generate",
    "label": "animekit.labelling.label",
    "launch": "animekit.engines.launch",
    "like": "animekit.generation.recipe",
    "make_reference": "animekit.evaluation.make_reference",
    "merge": "animekit.cleaning.clean",
    "plan": "animekit.training.plan",
    "plan_ablate": "animekit.ablation.ablate",
    "plan_export": "animekit.exporting.export",
    "plan_generate": "animekit.generation.generate",
    "plan_label": "animekit.labelling.label",
    "plan_play": "animekit.playing.play",
    "play": "animekit.playing.play",
    "plan_project": "animekit.projection.project",
    "project": "animekit.projection.project",
    "read_recipe": "animekit.generation.recipe",
    "reconstruct": "animekit.evaluation.reconstruct",
    "remake": "animekit.generation.reproduce",
    "report": "animekit.reporting.report",
    "reproduce": "animekit.generation.reproduce",
    "train": "animekit.training.train",
    "transfer": "animekit.translation.transfer",
}

__all__ = [
    "AnimekitError",
    "Run",
    "__version__",
    "ablate",
    "clean",
    "compare",
    "crop",
    "demo",
    "doctor",
    "evaluate",
    "explain",
    "export",
    "generate",
    "grade",
    "interpolate",
    "label",
    "launch",
    "like",
    "make_reference",
    "merge",
    "plan",
    "plan_ablate",
    "plan_export",
    "plan_generate",
    "plan_label",
    "plan_play",
    "plan_project",
    "play",
    "plugins",
    "project",
    "read_recipe",
    "reconstruct",
    "remake",
    "report",
    "reproduce",
    "train",
    "transfer",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    value: Any
    if name == "__version__":
        from importlib.metadata import version

        value = version("animekit")
    elif name == "plugins":
        value = importlib.import_module("animekit.plugins")
    elif name in _HOMES:
        from animekit.files import in_words

        value = getattr(importlib.import_module(_HOMES[name]), name)
        value = value if isinstance(value, type) else in_words(value)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what is public, imported or not."""
    return sorted(set(globals()) | set(__all__))
