"""Packing: a model as a folder for others, with its card, its licence and pictures it drew."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit import plugins
from animekit.errors import AnimekitError, CheckpointError, UnusableError, UsageError
from animekit.files import refuse_unwritable, sha256_of, write_atomic
from animekit.foreign import read_json
from animekit.generation.generate import generate
from animekit.generation.recipe import Recipe
from animekit.hub.convert import NAME
from animekit.models import weights
from animekit.models.abilities import Classifies, Generates, Translates
from animekit.models.blueprint import averaged
from animekit.runs.run import Loaded, Run, load_model
from animekit.runs.summary import best_of
from animekit.sharing.description import (
    CONFIG,
    README,
    SCHEMA,
    WEIGHTS,
    config_of,
    readme_of,
)
from animekit.text import Printed, size

if TYPE_CHECKING:
    from animekit.plugins import Registry

FOLDER = Path("shared")
SAMPLES = "samples.png"
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".mp4")
COUNT = 25  # pictures in the sheet that is drawn for the card
KINDS: dict[str, Any] = {"generate": Generates, "translate": Translates, "classify": Classifies}
LONGEST = 2000  # letters of a licence or a note


@dataclass(frozen=True)
class Packed(Printed):
    """A folder that others can take: its files, what it says of itself, and warnings."""

    folder: Path
    files: tuple[Path, ...]
    config: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the model is called."""
        return str(self.config["name"])

    @property
    def sha256(self) -> str:
        """That of the weights."""
        return str(self.config["weights"]["sha256"])

    def as_table(self) -> list[Sequence[str]]:
        """Return each file with its size and sha256."""
        rows = [
            (path.relative_to(self.folder).as_posix(), size(path.stat().st_size), sha256_of(path))
            for path in self.files
        ]
        return [("file", "size", "sha256"), *rows]


@dataclass(frozen=True)
class PackPlan(Printed):
    """What would be packed, where, and from which weights."""

    loaded: Loaded
    folder: Path
    name: str
    does: str
    data: bytes
    licence: str
    data_note: str
    samples: tuple[Path, ...]

    @property
    def names(self) -> list[str]:
        """The files that would be written."""
        own = [SAMPLES] if self.does == "generate" else []
        return [WEIGHTS, CONFIG, README, *own, *(path.name for path in self.samples)]

    def as_table(self) -> list[Sequence[str]]:
        """Return where which files would be written."""
        return [("would write", str(self.folder / name)) for name in self.names]


def pack(
    model: str | Path | Run | Loaded | None,
    out: str | Path | None = None,
    *,
    licence: str | None = None,
    data_note: str | None = None,
    name: str | None = None,
    samples: Sequence[str | Path] = (),
    checkpoint: str | int = "best",
    overwrite: bool = False,
    registry: Registry | None = None,
) -> Packed:
    """Write a model as a folder for others: weights, config.json, README, pictures.

    The averaged weights are written as safetensors that draw the same bytes, which is tried.
    `licence` and `data_note` (what it was trained on, and whether that may be) are a must: nobody
    else knows them. Pictures are drawn here; `samples` are others that animekit drew from noise.
    A picture that shows real ones, or cannot be told, is refused unless `overwrite` says that it
    may go out too. Raises UsageError where a word is missing, UnusableError for files in the way.
    """
    registry = registry if registry is not None else plugins.load()
    plan = plan_pack(
        model,
        out,
        licence=licence,
        data_note=data_note,
        name=name,
        samples=samples,
        checkpoint=checkpoint,
        overwrite=overwrite,
        registry=registry,
    )
    plan.folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{plan.folder.name}-", dir=plan.folder.parent))
    try:
        config = _write(plan, fresh, registry)
        plan.folder.mkdir(parents=True, exist_ok=True)
        for each in plan.names:
            (fresh / each).replace(plan.folder / each)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    warnings = []
    if plan.does == "translate" and not plan.samples:
        warnings.append(
            "no pictures: those of a translator show what it was given. --sample adds one"
        )
    files = tuple(plan.folder / each for each in plan.names)
    return Packed(plan.folder, files, config, tuple(warnings))


def plan_pack(
    model: str | Path | Run | Loaded | None,
    out: str | Path | None = None,
    *,
    licence: str | None = None,
    data_note: str | None = None,
    name: str | None = None,
    samples: Sequence[str | Path] = (),
    checkpoint: str | int = "best",
    overwrite: bool = False,
    registry: Registry | None = None,
) -> PackPlan:
    """Return what `pack` would write; raise what it would raise before it writes."""
    said = {"--licence": licence, "--data-note": data_note}
    missing = [flag for flag, text in said.items() if not (text or "").strip()]
    if missing:
        raise UsageError(
            f"nobody but you can say it: {' and '.join(missing)}",
            'as in --licence cc-by-nc-4.0 --data-note "12,000 course pictures, not free"',
            code="pack.unsaid",
        )
    long = [flag for flag, text in said.items() if len(text or "") > LONGEST]
    if long:
        raise UsageError(f"{long[0]} is over {LONGEST:,} letters", "say it shorter, with a link")
    registry = registry if registry is not None else plugins.load()
    loaded = (
        model if isinstance(model, Loaded) else load_model(model, registry, checkpoint=checkpoint)
    )
    called = name or re.sub(r"[^A-Za-z0-9_.-]+", "-", loaded.name).strip("-.") or "model"
    if not re.fullmatch(NAME, called):
        raise UsageError(
            f'a model cannot be called "{called}"', "--name takes letters, digits, _.-"
        )
    folder = Path(out) if out is not None else FOLDER / called
    refuse_unwritable(folder)
    does = _does(loaded)
    pictures = tuple(map(Path, samples))
    for path in pictures:
        _refuse_real(path, overwrite=overwrite)
    plan = PackPlan(
        loaded,
        folder,
        called,
        does,
        _bytes(loaded, model),
        " ".join((licence or "").split()),
        " ".join((data_note or "").split()),
        pictures,
    )
    if len(set(plan.names)) < len(plan.names):
        raise UsageError("two files would have one name", "rename a --sample")
    taken = [each for each in plan.names if (folder / each).exists()]
    if taken and not overwrite and not is_packed(folder):
        raise UnusableError(
            f"{folder / taken[0]} is there already",
            "--yes replaces it; -o writes elsewhere",
            code="file.exists",
        )
    return plan


def is_packed(folder: Path) -> bool:
    """Say whether a folder is one that `pack` wrote."""
    try:
        return described(folder)["schema"] == SCHEMA
    except AnimekitError:
        return False


def described(folder: Path) -> dict[str, Any]:
    """Return the config.json of a packed folder; UnusableError for another one."""
    found = read_json(folder / CONFIG, "description of a packed model", kind=CheckpointError)
    return checked(found, str(folder))


def checked(config: object, where: str) -> dict[str, Any]:
    """Return a sound description of a packed model; CheckpointError if it is none."""
    found = config if isinstance(config, dict) else {}
    file = found.get("weights")
    file = file if isinstance(file, dict) else {}
    sound = (
        found.get("schema") == SCHEMA
        and all(isinstance(found.get(key), str) for key in ("name", "licence", "data_note"))
        and re.fullmatch(NAME, found["name"])
        and isinstance(file.get("sha256"), str)
        and re.fullmatch("[0-9a-f]{64}", file["sha256"])
        and type(file.get("size")) is int
        and file["size"] > 0
        and file.get("file") == WEIGHTS
    )
    if not sound:
        raise CheckpointError(
            f"{where} is no model that animekit packed: its {CONFIG} says otherwise",
            "animekit models pack RUN makes such a folder",
            code="pack.unknown",
        )
    return found


def _does(loaded: Loaded) -> str:
    model: object = loaded.model
    for word, ability in KINDS.items():
        if isinstance(model, ability):
            return word
    raise UnusableError(f"{loaded.name} does nothing that others could use", "name another model")


def _bytes(loaded: Loaded, where: object) -> bytes:
    """Return the weights file of a model as it is, or its average as one is written."""
    if loaded.run is None and isinstance(where, (str, Path)):
        path = {**weights.imported(), **weights.bundled()}.get(str(where), Path(where))
        if path.is_file() and sha256_of(path) == loaded.sha256:
            return path.read_bytes()
    about = loaded.config or {}
    return weights.to_bytes(averaged(loaded.model), {**about, "part": "average"})


def _write(plan: PackPlan, folder: Path, registry: Registry) -> dict[str, Any]:
    """Write all files into a new folder; return what config.json holds."""
    write_atomic(folder / WEIGHTS, plan.data)
    file = {
        "file": WEIGHTS,
        "size": len(plan.data),
        "sha256": hashlib.sha256(plan.data).hexdigest(),
    }
    again = load_model(folder / WEIGHTS, registry)
    again.name = plan.name
    pictures = [path.name for path in plan.samples]
    if plan.does == "generate":
        drawn = generate(again, num=COUNT, device="cpu", registry=registry)
        here = generate(plan.loaded, num=1, device="cpu", registry=registry)
        if not np.array_equal(drawn.images[:1], here.images):
            raise CheckpointError(
                f"the packed weights of {plan.name} draw other pictures than the model",
                "name a checkpoint or a weights file in its place",
            )
        drawn.save(folder / SAMPLES, overwrite=True)
        pictures.insert(0, SAMPLES)
    for path in plan.samples:
        shutil.copyfile(path, folder / path.name)
    notes = {"licence": plan.licence, "data_note": plan.data_note}
    config = config_of(plan.loaded, plan.name, plan.does, file, notes)
    run = plan.loaded.run
    best = {} if run is None else best_of(run, run.metrics())
    about = getattr(plan.loaded.model, "paper", None)
    paper = "" if about is None else f"{about.title}, {about.year}"
    write_atomic(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    write_atomic(folder / README, readme_of(config, paper, best, pictures))
    return config


def _refuse_real(path: Path, *, overwrite: bool) -> None:
    """Raise UnusableError for a picture that was not drawn from noise."""
    if path.suffix.lower() not in PICTURES:
        raise UsageError(f"{path} is no picture", f"give one of {' '.join(PICTURES)}")
    try:
        Recipe.read(path)
    except UnusableError:
        if not overwrite:
            raise UnusableError(
                f"{path} may show real pictures: animekit did not draw it from noise",
                "leave it out; --yes shares it all the same, where you may",
                code="pack.real",
            ) from None
