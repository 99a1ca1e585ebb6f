"""Importing: published weights, converted to a self-describing file in the store of weights."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from animekit.config import Layer, resolve
from animekit.errors import CheckpointError, DeviceError, NotFoundError, UnusableError, UsageError
from animekit.files import write_atomic
from animekit.hub import catalog
from animekit.hub.published import Published, Statistics, read_published
from animekit.models import weights
from animekit.plugins import Registry

# the labels of the published StarGAN for CelebA, in its order
CELEBA = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
SIZES = {"cyclegan": 256, "stargan": 128}  # sides that the original programs train at by default
UNKNOWN = "not known: ask whoever published the file"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


@dataclass(frozen=True)
class Imported:
    """Weights in the store: under which name, in which file, and what they are."""

    name: str
    path: Path
    summary: str
    about: dict[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """What a model of labels can be asked for."""
        return tuple(self.about["spec"]["labels"])


def import_weights(
    file: str | Path,
    registry: Registry,
    *,
    back: Path | None = None,
    name: str | None = None,
    source: str | None = None,
    licence: str | None = None,
    size: int | None = None,
    labels: Sequence[str] = (),
    statistics: Statistics = "image",
    overwrite: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Convert published weights, so that `load_model(name)` gives their model.

    `file` is a state dict of CycleGAN or StarGAN, or the name of downloaded weights; `back` the
    CycleGAN generator of the other direction. Raises CheckpointError where a file is none of these,
    UnusableError where the name is taken by other weights.
    """
    path, known = _found(str(file))
    first = read_published(path, statistics)
    second = read_published(back, statistics) if back is not None else None
    if name is None and known is not None:  # as the catalogue calls it, not as its file
        name = known.name.rpartition("/")[2]
    name = checked_name(name or name_of(path))
    tensors, params = _joined(first, second, path, back)
    original = (known.member if known is not None else "") or path.name
    about = {
        "model": first.model,
        "params": resolve(
            registry.get("model", first.model).Params, [Layer(str(path), params)]
        ).params.model_dump(mode="json"),
        "spec": _spec(first, path, size, labels),
        "part": "average",
        "step": int(match[1]) if (match := re.match(r"(\d+)-G\b", original)) else 0,
        "version": version("animekit"),
        "source": {
            "file": path.name,
            "sha256": first.sha256,
            "back_sha256": second.sha256 if second is not None else None,
            "url": source or (known.urls[0] if known else None),
            "licence": licence or (known.licence if known else UNKNOWN),
            "summary": first.summary,
            "statistics": statistics,
        },
    }
    target = weights.imported_dir() / f"{name}.safetensors"
    weights.build(about, tensors, registry, path)  # or it would fail when it is wanted
    if not dry_run:
        _write(target, weights.to_bytes(tensors, about), overwrite=overwrite)
    return Imported(name, target, first.summary, about)


def name_of(path: Path) -> str:
    """Return what to call weights: as their file, or its folder if it says nothing.

    >>> name_of(Path("horse2zebra.pth")), name_of(Path("maps_cyclegan/latest_net_G_A.pth"))
    ('horse2zebra', 'maps_cyclegan')
    """
    usual = re.fullmatch(r"(latest|\d+)(_net_G(_[AB])?|-G)", path.stem)
    return Path(os.path.realpath(path)).parent.name if usual else path.stem


def checked_name(name: str) -> str:
    """Return a name for weights; UsageError if it is no plain word, or ours."""
    if not re.fullmatch(NAME, name):
        raise UsageError(f'weights cannot be called "{name}"', "--name takes letters, digits, _.-")
    if name in weights.bundled():
        raise UsageError(f"the bundled weights are called {name}", "give another --name")
    return name


def _found(file: str) -> tuple[Path, catalog.Entry | None]:
    """Return the file, and its entry where it is named as the catalogue does."""
    if not Path(file).exists() and file in catalog.entries("weights"):
        return catalog.stored(file), catalog.find(file, "weights")
    for entry in catalog.entries("weights").values():
        if os.path.realpath(file) == os.path.realpath(catalog.place_of(entry)):
            return Path(file), entry
    if not Path(file).is_file():
        raise NotFoundError(f"no weights file {file}", "name a .pth or .ckpt file")
    return Path(file), None


def _joined(
    first: Published, second: Published | None, path: Path, back: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors and parameters of a model of one generator, or of two."""
    if first.model == "stargan":
        if second is not None:
            raise UsageError("StarGAN has one generator, so there is no --back", "leave it out")
        return {f"generator.{key}": value for key, value in first.tensors.items()}, first.params
    way, other = ("b2a", "a2b") if path.stem.endswith("_G_B") else ("a2b", "b2a")
    tensors = {f"generators.{way}.{key}": value for key, value in first.tensors.items()}
    if second is None:
        return tensors, {**first.params, "directions": way}
    if (second.model, second.params) != (first.model, first.params):
        raise CheckpointError(
            f"{path} and {back} do not go together: a {first.summary} and a {second.summary}",
            "give the two generators of one training",
        )
    tensors |= {f"generators.{other}.{key}": value for key, value in second.tensors.items()}
    return tensors, {**first.params, "directions": "both"}


def _spec(found: Published, path: Path, size: int | None, labels: Sequence[str]) -> dict[str, Any]:
    halvings = found.params.get("depth")
    names = tuple(labels) or (CELEBA if found.labels == len(CELEBA) else ())
    if not names:
        names = tuple(f"label {index + 1}" for index in range(found.labels))
    if len(names) != found.labels:
        raise UsageError(
            f"{path} knows {found.labels} labels, and {len(names)} names are given",
            "give one name for each label, or none",
        )
    return {
        "size": size or (2**halvings if halvings else SIZES[found.model]),
        "channels": 3,
        "labels": list(names),
        "groups": [1] * len(names),
    }


def _write(path: Path, data: bytes, *, overwrite: bool) -> None:
    if path.is_file() and path.read_bytes() != data and not overwrite:
        raise UnusableError(
            f"other weights are called {path.stem} already",
            "give another --name, or --yes to replace them",
            code="file.exists",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
    except OSError as error:
        raise DeviceError(
            f"cannot write {path}: {error.strerror or error}",
            "free some space, or set ANIMEKIT_HOME to a folder on another disk",
        ) from None
