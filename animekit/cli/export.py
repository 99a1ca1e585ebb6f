"""`animekit export`: a trained model in files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CONSENT, OPEN, Common, argument, checkpoint_of, command, option
from animekit.errors import UsageError

FORMATS = ("onnx", "torchscript", "safetensors")
OWN = [
    argument("model", help="Run, checkpoint, weights file or name; left out, the newest run."),
    option("onnx", bool, help="For ONNX Runtime, in any language (where no format is named)."),
    option("torchscript", bool, help="For torch without animekit, in Python or C++."),
    option("safetensors", bool, help="The averaged weights alone, for animekit itself."),
    option("web", Path, metavar="DIR", help="A page that draws in the browser, on any host."),
    option("runtime", Path, metavar="FILE", help="Of --web: onnxruntime-web as npm has it, .tgz."),
    option("prompt", list[str], metavar="TEXT", help="Add its label vector; may be repeated."),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
    option("out", Path, "--out", "-o", metavar="PATH", help="Folder (exports), or one file."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "export", export, *OWN, *CONSENT, OPEN)


def export(
    common: Common,
    model: str | None,
    *,
    prompt: list[str] | None,
    checkpoint: str,
    out: Path | None,
    web: Path | None,
    runtime: Path | None,
    **named: bool,
) -> dict[str, Any]:
    """Write a model as ONNX, TorchScript, safetensors, or as a web page that draws.

    Each is held against the model. Beside them stands a JSON file: inputs, how noise is drawn,
    labels, vectors of prompts. A page needs ONNX Runtime for browsers, once: it is downloaded after
    asking, or given as --runtime.

    Examples
      animekit export faces64
      animekit export cfaces64 --onnx --prompt "blue hair red eyes" -o blue.onnx
      animekit export 7 --onnx --torchscript --safetensors -o exports
      animekit export cfaces64 --web page --open
    """
    from animekit.exporting.export import FOLDER, plan_export
    from animekit.exporting.export import export as write

    screen = common.screen
    if runtime is not None and web is None:
        raise UsageError("--runtime is of a page", "add --web DIR")
    asked: dict[str, Any] = {
        "formats": [name for name in FORMATS if named[name]],
        "prompts": prompt or (),
        "web": web,
        "checkpoint": checkpoint_of(checkpoint),
        "registry": common.registry(),
        "overwrite": common.yes,
    }
    if common.dry_run:
        paths = plan_export(model, out or FOLDER, **asked).paths
        for path in paths:
            screen.say(f"would write {path}")
        if web is not None and runtime is None:
            obtain_runtime(common)
        return {"would_write": [str(path) for path in paths]}
    if web is not None and runtime is None:
        plan_export(model, out or FOLDER, **asked)  # before a question, what speaks against it
        obtain_runtime(common)
    with screen.busy("writing"):
        made = write(model, out or FOLDER, runtime=runtime, **asked)
    for file in made.files:
        words = "the weights, bit for bit"
        if file.difference is not None:
            words = f"at most {file.difference:.1e} from the model, in [-1, 1]"
        screen.made(file.path, file.format, words)
    screen.made(made.description, "description", "inputs, noise and labels")
    return {"name": made.name, "description": str(made.description), **made.facts}


def obtain_runtime(common: Common) -> None:
    """Download the runtime of web pages, after asking; only show it with -n."""
    from animekit.cli.models import agree, downloading, introduce
    from animekit.hub import runtime

    if runtime.is_here():
        return
    introduce(common.screen, runtime.entry())
    if common.dry_run:
        return
    agree(common, f"Download {runtime.NAME}?")
    with downloading(common.screen, runtime.NAME) as progress:
        runtime.pull(progress)
