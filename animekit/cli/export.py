"""`animekit export`: a trained model in files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CONSENT, Common, argument, checkpoint_of, command, option

FORMATS = ("onnx", "torchscript", "safetensors")
OWN = [
    argument("model", help="Run, checkpoint, weights file or name; left out, the newest run."),
    option("onnx", bool, help="For ONNX Runtime, in any language (where no format is named)."),
    option("torchscript", bool, help="For torch without animekit, in Python or C++."),
    option("safetensors", bool, help="The averaged weights alone, for animekit itself."),
    option("prompt", list[str], metavar="TEXT", help="Add its label vector; may be repeated."),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
    option("out", Path, "--out", "-o", metavar="PATH", help="Folder (exports), or one file."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "export", export, *OWN, *CONSENT)


def export(
    common: Common,
    model: str | None,
    *,
    prompt: list[str] | None,
    checkpoint: str,
    out: Path | None,
    **named: bool,
) -> dict[str, Any]:
    """Write a model as ONNX, TorchScript or safetensors, and hold each against it.

    Beside them stands a JSON file: inputs, how noise is drawn, labels, vectors of prompts.

    Examples
      animekit export faces64
      animekit export cfaces64 --onnx --prompt "blue hair red eyes" -o blue.onnx
      animekit export 7 --onnx --torchscript --safetensors -o exports
    """
    from animekit.exporting.export import FOLDER, plan_export
    from animekit.exporting.export import export as write

    screen = common.screen
    asked: dict[str, Any] = {
        "formats": [name for name in FORMATS if named[name]],
        "prompts": prompt or (),
        "checkpoint": checkpoint_of(checkpoint),
        "registry": common.registry(),
        "overwrite": common.yes,
    }
    if common.dry_run:
        paths = plan_export(model, out or FOLDER, **asked).paths
        for path in paths:
            screen.say(f"would write {path}")
        return {"would_write": [str(path) for path in paths]}
    with screen.busy("writing"):
        made = write(model, out or FOLDER, **asked)
    for file in made.files:
        words = "the weights, bit for bit"
        if file.difference is not None:
            words = f"at most {file.difference:.1e} from the model, in [-1, 1]"
        screen.made(file.path, file.format, words)
    screen.made(made.description, "description", "inputs, noise and labels")
    return {"name": made.name, "description": str(made.description), **made.facts}
