"""Export: a model as files for other programs, each held against the model itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit import plugins
from animekit.errors import UnusableError, UsageError
from animekit.exporting.checked import SUFFIXES, ExportedFile, stored_network, write_checked
from animekit.exporting.formats import need_onnx
from animekit.exporting.graph import Graph, graphs_of
from animekit.exporting.page import page_config, page_files, refuse_folder
from animekit.files import refuse_unwritable, sha256_of, write_atomic
from animekit.hub import runtime as runtimes
from animekit.labels import prompt as reading
from animekit.models import weights
from animekit.models.blueprint import averaged
from animekit.models.sampling import attributes_of, own_truncation
from animekit.runs.run import Loaded, load_model
from animekit.text import Printed, did_you_mean, size

if TYPE_CHECKING:
    from animekit.plugins import Registry
    from animekit.runs.run import Run as RunFolder

FOLDER = Path("exports")
PAGE = "index.html"
AXES = {0: "batch", 2: "height", 3: "width"}


@dataclass(frozen=True)
class Exported(Printed):
    """What was written: the files, and the description beside them."""

    name: str
    files: tuple[ExportedFile, ...]
    description: Path
    facts: dict[str, Any] = field(repr=False)

    def as_table(self) -> list[Sequence[str]]:
        """Return each file with its size and its largest difference."""
        rows = [
            (str(file.path), size(file.path.stat().st_size), _spelled(file.difference))
            for file in self.files
        ]
        return [("file", "size", "largest difference"), *rows]


@dataclass(frozen=True)
class ExportPlan:
    """What would be written: each file with the graph in it, None for weights alone.

    `graph` is the first of the model's, of which the description tells.
    """

    loaded: Loaded
    graph: Graph
    targets: dict[Path, Graph | None]
    description: Path
    prompts: dict[str, list[float]]
    web: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All files, of a web page its first, the description last."""
        pages = [] if self.web is None else [self.web / PAGE]
        return [*self.targets, *pages, self.description]


def export(
    model: str | Path | RunFolder | None = None,
    out: str | Path = FOLDER,
    *,
    formats: Sequence[str] = (),
    prompts: Sequence[str] = (),
    web: str | Path | None = None,
    runtime: str | Path | None = None,
    checkpoint: str | int = "best",
    registry: Registry | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write a model as ONNX, TorchScript or safetensors, or as a web page that draws.

    `out` is a folder, or a file whose ending says the format; `formats` are by default that one,
    or ONNX. Every file is read back by the program that it is for, and run on batches of one and
    five images (a translator on other sizes too): one that differs from the model by more than a
    level of 256 is not kept. The description (JSON) has names and shapes of inputs, how z is drawn,
    the labels, and the vectors of `prompts`.

    `web` is a folder for a page that draws in any browser, on any static host or from a disk; then
    other files are written only where `formats` or `out` name them. The page holds ONNX Runtime for
    browsers: that of the store, or of its package on npm, `runtime`.

    Raises UsageError for an unknown format, UnusableError for a model that no graph holds, where
    packages are missing or a file is in the way, CheckpointError where a file is not the model,
    NotFoundError where the runtime of a page is not here: nothing is downloaded.
    """
    plan = plan_export(
        model,
        out,
        formats=formats,
        prompts=prompts,
        web=web,
        checkpoint=checkpoint,
        registry=registry,
        overwrite=overwrite,
    )
    browser = None
    if web is not None:  # before the work: nothing is downloaded
        browser = runtimes.stored() if runtime is None else runtimes.take(Path(runtime))
    plan.description.parent.mkdir(parents=True, exist_ok=True)
    made = [
        _weights(plan.loaded, path) if graph is None else write_checked(graph, path)
        for path, graph in plan.targets.items()
    ]
    if plan.web is not None and browser is not None:
        made.append(_page(plan, plan.web, browser))
    facts = _describe(plan.loaded, plan.graph, made)
    facts |= {"prompts": plan.prompts} if plan.prompts else {}
    write_atomic(plan.description, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return Exported(plan.loaded.name, tuple(made), plan.description, facts)


def plan_export(
    model: str | Path | RunFolder | None = None,
    out: str | Path = FOLDER,
    *,
    formats: Sequence[str] = (),
    prompts: Sequence[str] = (),
    web: str | Path | None = None,
    checkpoint: str | int = "best",
    registry: Registry | None = None,
    overwrite: bool = False,
) -> ExportPlan:
    """Return what `export` would write; raise what it would raise before it writes."""
    out, page = Path(out), None if web is None else Path(web)
    if page is None or formats or out.suffix in SUFFIXES.values():
        formats = _formats(out, formats)
    folder = out.parent if out.suffix in SUFFIXES.values() else out
    if "onnx" in formats or page is not None:
        need_onnx()
    refuse_unwritable(folder if formats or page is None else page)
    loaded = load_model(model, registry or plugins.load(), checkpoint=checkpoint)
    stem = loaded.name if folder is out else out.stem
    graphs = list(graphs_of(loaded.model))
    targets = _targets(folder, stem, formats, graphs)
    place = folder / f"{stem}.json" if targets or page is None else page / "model.json"
    if page is not None:
        page_config(loaded, "here")  # says what no page can hold
        refuse_folder(page, PAGE, overwrite=overwrite)
        overwrite = overwrite or not targets
    plan = ExportPlan(loaded, graphs[0], targets, place, _vectors(loaded, prompts), page)
    for path in (*targets, place):
        if path.is_dir() or (path.exists() and not overwrite):
            hint = "--yes replaces it; -o writes elsewhere"
            raise UnusableError(f"{path} is there already", hint, code="file.exists")
    return plan


def _formats(out: Path, formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats that are asked for, that of a file's ending alone."""
    for name in formats:
        if name not in SUFFIXES:
            near = did_you_mean(name, SUFFIXES)
            raise UsageError(f'no format "{name}".{near}', "formats: " + " ".join(SUFFIXES))
    meant = next((name for name, ending in SUFFIXES.items() if out.suffix == ending), None)
    if meant is None:
        return tuple(dict.fromkeys(formats)) or ("onnx",)
    if set(formats) - {meant}:
        raise UsageError(f"{out} can be {meant} alone", "give a folder for several formats")
    return (meant,)


def _targets(
    folder: Path, stem: str, formats: Sequence[str], graphs: Sequence[Graph]
) -> dict[Path, Graph | None]:
    """Return each file that is to be written, and the graph in it; None for weights alone."""
    found: dict[Path, Graph | None] = {}
    for name in formats:
        if name == "safetensors":
            found[folder / f"{stem}{SUFFIXES[name]}"] = None
            continue
        for graph in graphs:
            way = f"-{graph.direction}" if graph.direction else ""
            found[folder / f"{stem}{way}{SUFFIXES[name]}"] = graph
    return found


def drawing_page(
    loaded: Loaded, graph: Graph, runtime: Path
) -> tuple[dict[str, bytes], float | None]:
    """Return the files of a page, and how far its network is from the model.

    Raises as `export` does for ONNX; `runtime` is the folder of hub.runtime.
    """
    config = page_config(loaded, "here")
    network, difference = stored_network(loaded.sha256, graph)
    return page_files(config, network=network, runtime=runtime), difference


def _page(plan: ExportPlan, folder: Path, runtime: Path) -> ExportedFile:
    """Write a page that draws into a folder."""
    files, difference = drawing_page(plan.loaded, plan.graph, runtime)
    folder.mkdir(parents=True, exist_ok=True)
    for name in reversed(files):  # the first page last: it makes the folder animekit's
        write_atomic(folder / name, files[name])
    return ExportedFile("web", folder / PAGE, sha256_of(folder / PAGE), difference)


def _weights(loaded: Loaded, path: Path) -> ExportedFile:
    """Write the averaged weights of a model, as bundled ones are."""
    about = {**(loaded.config or {}), "part": "average"}
    write_atomic(path, weights.to_bytes(averaged(loaded.model), about))
    return ExportedFile("safetensors", path, sha256_of(path), None)


def _vectors(loaded: Loaded, prompts: Sequence[str]) -> dict[str, list[float]]:
    """Return the label vector of each prompt."""
    if not prompts:
        return {}
    vocabulary = attributes_of(loaded.model).vocabulary  # type: ignore[arg-type]
    return {text: reading.parse(text, vocabulary)[0].astype(float).tolist() for text in prompts}


def _describe(loaded: Loaded, graph: Graph, files: Sequence[ExportedFile]) -> dict[str, Any]:
    """Return what another program has to know to use the files."""
    model: Any = loaded.model
    shapes = [
        [AXES[place] if place in free else side for place, side in enumerate(each.shape)]
        for each, free in zip(graph.examples(1), graph.free, strict=True)
    ]
    facts: dict[str, Any] = {
        "schema": "animekit.export/1",
        "model": model.name,
        "does": graph.kind,
        "weights": {"name": loaded.name, "step": loaded.step, "sha256": loaded.sha256},
        "inputs": [
            {"name": name, "type": "float32", "shape": shape}
            for name, shape in zip(graph.inputs, shapes, strict=True)
        ],
        "output": graph.output,
        "images": {
            "size": model.spec.size,
            "channels": model.spec.channels,
            "layout": "batch, channels (RGB), height, width",
            "range": [-1, 1],
            "multiple": graph.multiple,
        },
        "labels": list(model.spec.labels),
        "groups": list(model.spec.groups),
        "files": [
            {"format": file.format, "file": file.path.name, "sha256": file.sha256}
            | ({} if file.difference is None else {"largest_difference": file.difference})
            for file in files
        ],
    }
    if graph.kind == "generate":
        facts["z"] = {
            "distribution": getattr(model.params, "z", "normal"),
            "std": getattr(model.params, "z_std", 1.0),
            "truncation": own_truncation(model),
            "codes": list(getattr(model, "codes", ())),
        }
        known = attributes_of(model)
        facts["attributes"] = {name: known.values(name) for name in known.names}
    return facts


def _spelled(difference: float | None) -> str:
    return "the weights, bit for bit" if difference is None else f"{difference:.1e}"
