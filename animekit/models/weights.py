"""Weights on disk: safe reading of safetensors that say which model they are of."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.config import Layer, Params, resolve
from animekit.data.spec import ImageSpec
from animekit.errors import (
    AnimekitError,
    CheckpointError,
    ConfigError,
    NotFoundError,
    UnusableError,
)
from animekit.files import weights_dir
from animekit.foreign import parse_json, read_json
from animekit.images.formats import FORMATS, sniff
from animekit.plugins import Registry
from animekit.text import clipped

if TYPE_CHECKING:  # torch is imported where tensors are read: names alone need none
    from torch import Tensor

    from animekit.models.base import Model

BUNDLED = Path(__file__).parents[1] / "assets" / "weights"
HEADER_LIMIT = 1_000_000  # bytes of header; ours have about 10,000
SHARED = ("name", "fingerprint", "used", "held_out", "label_counts", "label_known")
"""What weights tell of the data that they were trained on."""
KEY = "animekit"  # the metadata entry that makes a file self-describing
LONGEST_NAME = 100  # characters of the name of a model
LARGEST_SIDE, LARGEST_CHANNELS = 4096, 64  # of images that a weights file may speak of
BUILDING: tuple[type[Exception], ...] = (ConfigError, RuntimeError, ValueError, TypeError)
BUILDING += (ArithmeticError, LookupError, MemoryError)
"""What a model raises that is built from parameters which no model can have."""


def bundled() -> dict[str, Path]:
    """Return the model files that come with animekit, by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.safetensors"))}


def examples(name: str) -> Path | None:
    """Return the folder of example pictures beside bundled weights, None without."""
    folder = BUNDLED / "examples" / name
    return folder if name in bundled() and folder.is_dir() else None


def imported_dir() -> Path:
    """Return where `animekit models import` keeps what it converted."""
    return weights_dir() / "imported"


def imported() -> dict[str, Path]:
    """Return the model files that were imported, by name."""
    return {path.stem: path for path in sorted(imported_dir().glob("*.safetensors"))}


def note_of(path: Path) -> dict[str, str]:
    """Return where weights that were taken are from, and their terms; {} without."""
    try:
        found = read_json(path.with_suffix(".json"), "note on weights")
    except AnimekitError:
        return {}
    keys = ("from", "sha256", "licence", "data_note")
    sound = isinstance(found, dict) and all(isinstance(found.get(key), str) for key in keys)
    return {key: found[key] for key in keys} if sound else {}


def to_bytes(tensors: dict[str, Tensor], config: dict[str, Any]) -> bytes:
    """Return a safetensors file that holds `config`; equal input gives equal bytes."""
    import safetensors.torch

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, {KEY: json.dumps(config, sort_keys=True)})


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Return the tensors, the configuration and the sha256 of a safetensors file.

    Raises CheckpointError for what is not a safetensors file, is cut short, has an oversized
    header or a key twice (safetensors itself would take the last one).
    """
    import safetensors.torch

    try:
        with path.open("rb") as file:
            start = file.read(512)
            _refuse_others(path, start, path.stat().st_size)
            data = start + file.read()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}", "name another") from None
    header = _header(path, data)
    try:
        tensors = safetensors.torch.load(data)
    except Exception as error:  # SafetensorError is no subclass of a common base across versions
        raise CheckpointError(
            f"{path} is not a sound safetensors file: {_short(error)}",
            "copy or download it again",
        ) from None
    metadata = header.get("__metadata__", {})
    try:  # safetensors itself takes null in its place
        config = parse_json(metadata.get(KEY, "{}"), "its description")
    except (UnusableError, AttributeError):
        config = None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: its animekit metadata is damaged", "copy it again")
    return tensors, config, hashlib.sha256(data).hexdigest()


def about(path: Path) -> dict[str, Any]:
    """Return what a weights file says of itself, reading no tensor; {} without."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(size) if size <= HEADER_LIMIT else b"{}", "header")
        found = parse_json(header["__metadata__"][KEY], "description")
    except (OSError, UnusableError, KeyError, TypeError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def archive_kind(path: Path) -> str | None:
    """Return "program" for TorchScript, "pickle" for torch.save, else None."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return None
    if any(name == "constants.pkl" or name.startswith("code/") for name in names):
        return "program"
    return "pickle" if "data.pkl" in names else None


def _refuse_others(path: Path, start: bytes, length: int) -> None:
    """Raise CheckpointError where the first bytes are not those of a safetensors file."""
    size = int.from_bytes(start[:8], "little")
    if length >= 8 and size <= min(length - 8, HEADER_LIMIT):
        return
    hint = "give a .safetensors file"
    kind = sniff(start)
    if kind in FORMATS:
        raise CheckpointError(
            f"{path} is a picture ({kind}), and no weights",
            "animekit generate --reproduce PICTURE draws one of animekit again",
            code="path.picture",
        )
    text = start.lstrip()
    if text.startswith(b"<"):
        problem = "it is a web page"
    elif text.startswith(b"version https://git-lfs"):
        problem = "it is a Git LFS pointer to the file"
    elif start[:2] == b"PK" and archive_kind(path) == "program":
        problem = "it is a TorchScript program"
    elif start[:2] == b"PK" or start[:1] == b"\x80":
        problem = "it is a pickled PyTorch file"
    elif length < 8 or size > length - 8:
        problem = f"its header should be {size:,} bytes, the file has {length:,}"
    else:
        problem = f"its header of {size:,} bytes is over the limit of {HEADER_LIMIT:,}"
    if "pickled" in problem:
        hint += f"; animekit models import {path} converts one of CycleGAN or StarGAN"
    raise CheckpointError(f"{path} is not a sound safetensors file: {problem}", hint)


def _header(path: Path, data: bytes) -> dict[str, Any]:
    size = int.from_bytes(data[:8], "little")
    header, problem = None, "its header is no object"
    try:
        header = parse_json(data[8 : 8 + size], "its header")
    except UnusableError as error:
        problem = error.message
    if not isinstance(header, dict):
        raise CheckpointError(
            f"{path} is not a sound safetensors file: {problem}", "give a .safetensors file"
        )
    return header


def describe(model: Model, step: int, config: dict[str, Any]) -> dict[str, Any]:
    """Return what a weights file says of itself: enough to build the model again."""
    return {
        "model": model.name,
        "params": model.params.model_dump(mode="json"),
        "spec": {
            "size": model.learned.size,
            "channels": model.learned.channels,
            "labels": list(model.learned.labels),
            "groups": list(model.learned.groups),
        },
        "step": step,
        "version": config.get("animekit", ""),
        "data": _shareable(config.get("data", {}), SHARED),
        "plugin": _shareable(config.get("plugin", {}), ("module", "version")),
    }


def _shareable(facts: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return some facts alone: weights files are passed on, and paths are nobody's business."""
    return {key: facts[key] for key in keys if key in facts}


def build(
    about: dict[str, Any], tensors: dict[str, Tensor], registry: Registry, path: Path
) -> Model:
    """Return the model that a weights file describes, with its weights, in eval mode.

    Raises CheckpointError where description, tensors and the plugin do not fit each other; nothing
    is built before that is known.
    """
    if about.get("kind", "model") != "model":
        raise CheckpointError(
            f"{path} is a {clipped(str(about['kind']))}, no model",
            "animekit plugins --kind detector lists those",
        )
    try:
        name, given, image = _described(about)
    except ValueError as error:
        raise CheckpointError(
            f"{path} does not say which model it is of: {error}", "give a file that animekit wrote"
        ) from None
    average = about.get("part") == "average"
    try:
        cls = registry.get("model", name)
        params = resolve(cls.Params, [Layer(str(path), given)]).params
        refuse_misfits(cls, params, image, tensors, average=average)
        model = cls(params, image).eval()
    except NotFoundError as error:
        raise CheckpointError(
            f"{path}: {error.message}", f"install its plugin; {error.hint}"
        ) from None
    except BUILDING as error:
        raise CheckpointError(
            f"{path} does not fit model {name}: {_short(error)}",
            f"it was made by animekit {about.get('version') or 'of an unknown version'}",
        ) from None
    model.load_state_dict(tensors, strict=not average)
    return model


def refuse_misfits(
    cls: type[Model],
    params: Params,
    spec: ImageSpec,
    tensors: dict[str, Tensor],
    *,
    average: bool = False,
) -> None:
    """Raise one of BUILDING unless tensors are those of a model, or its average."""
    from animekit.models.blueprint import averaged, mismatches, outline

    model = outline(cls, params, spec, tensors)
    wrong = mismatches(averaged(model) if average else model.state_dict(), tensors)
    if wrong:
        more = f" and {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
        raise ValueError(f"{wrong[0]}{more}")


def _short(error: Exception) -> str:
    """Return the first line of what a plugin or a library says of a stranger's values."""
    return clipped(str(error).partition("\n")[0], 200)


def _described(about: dict[str, Any]) -> tuple[str, dict[str, Any], ImageSpec]:
    """Return the name, parameters and images of a model; ValueError for what none could have."""
    name: Any
    name, params, spec = (about.get(key) for key in ("model", "params", "spec"))
    named = isinstance(name, str) and len(name) <= LONGEST_NAME
    if not (named and isinstance(params, dict) and isinstance(spec, dict)):
        raise ValueError("no name, parameters and spec")
    for key, value, largest in (
        ("size", spec.get("size"), LARGEST_SIDE),
        ("channels", spec.get("channels"), LARGEST_CHANNELS),
        ("step", about.get("step", 0) or 1, 2**53),
    ):
        if type(value) is not int or not 1 <= value <= largest:
            raise ValueError(f"its {key} is no number from 1 to {largest:,}")
    if not isinstance(about.get("version", ""), str):
        raise ValueError("its version is no text")
    for key in ("data", "plugin", "source"):
        if not isinstance(about.get(key, {}), dict):
            raise ValueError(f"its {key} is no table")
    labels: Any
    groups: Any
    labels, groups = spec.get("labels"), spec.get("groups")
    texts = isinstance(labels, list) and all(isinstance(each, str) for each in labels)
    if not texts or len(set(labels)) != len(labels):
        raise ValueError("its labels are no list of different names")
    counts = isinstance(groups, list) and all(type(n) is int and n > 0 for n in groups)
    if not counts or sum(groups) != len(labels):
        raise ValueError("its groups do not count its labels")
    return name, params, ImageSpec(spec["size"], spec["channels"], tuple(labels), tuple(groups))
