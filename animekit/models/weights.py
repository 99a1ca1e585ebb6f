"""Weights on disk: safe reading of safetensors that say which model they are of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.config import Layer, resolve
from animekit.data.spec import ImageSpec
from animekit.errors import CheckpointError, ConfigError, NotFoundError
from animekit.files import weights_dir
from animekit.plugins import Registry

if TYPE_CHECKING:  # torch is imported where tensors are read: names alone need none
    from torch import Tensor

    from animekit.models.base import Model

BUNDLED = Path(__file__).parents[1] / "assets" / "weights"
HEADER_LIMIT = 1_000_000  # bytes of header; ours have about 10,000
SHARED = ("name", "fingerprint", "used", "held_out", "label_counts", "label_known")
"""What weights tell of the data that they were trained on."""
KEY = "animekit"  # the metadata entry that makes a file self-describing


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
            f"{path} is not a sound safetensors file: {error}", "copy or download it again"
        ) from None
    try:
        config = json.loads(header.get("__metadata__", {}).get(KEY, "{}"))
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: its animekit metadata is damaged", "copy it again")
    return tensors, config, hashlib.sha256(data).hexdigest()


def about(path: Path) -> dict[str, Any]:
    """Return what a weights file says of itself, reading no tensor; {} without."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= HEADER_LIMIT else {}
        found = json.loads(header["__metadata__"][KEY])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refuse_others(path: Path, start: bytes, length: int) -> None:
    """Raise CheckpointError where the first bytes are not those of a safetensors file."""
    size = int.from_bytes(start[:8], "little")
    if length >= 8 and size <= min(length - 8, HEADER_LIMIT):
        return
    text = start.lstrip()
    if text.startswith(b"<"):
        problem = "it is a web page"
    elif text.startswith(b"version https://git-lfs"):
        problem = "it is a Git LFS pointer to the file"
    elif start[:2] == b"PK" or start[:1] == b"\x80":
        problem = "it is a pickled PyTorch file"
    elif length < 8 or size > length - 8:
        problem = f"its header should be {size:,} bytes, the file has {length:,}"
    else:
        problem = f"its header of {size:,} bytes is over the limit of {HEADER_LIMIT:,}"
    hint = "give a .safetensors file"
    if "pickled" in problem:
        hint += f"; animekit models import {path} converts one of CycleGAN or StarGAN"
    raise CheckpointError(f"{path} is not a sound safetensors file: {problem}", hint)


def _header(path: Path, data: bytes) -> dict[str, Any]:
    size = int.from_bytes(data[:8], "little")
    header, problem = None, "its header is no object"
    try:
        header = json.loads(data[8 : 8 + size], object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        problem = f"its header cannot be read ({error})"
    if not isinstance(header, dict):
        raise CheckpointError(
            f"{path} is not a sound safetensors file: {problem}", "give a .safetensors file"
        )
    return header


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key stands twice")
    return keys


def describe(model: Model, step: int, config: dict[str, Any]) -> dict[str, Any]:
    """Return what a weights file says of itself: enough to build the model again."""
    return {
        "model": model.name,
        "params": model.params.model_dump(mode="json"),
        "spec": {
            "size": model.spec.size,
            "channels": model.spec.channels,
            "labels": list(model.spec.labels),
            "groups": list(model.spec.groups),
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

    Raises CheckpointError where description, tensors and the plugin do not fit each other.
    """
    if about.get("kind", "model") != "model":
        raise CheckpointError(
            f"{path} is a {about['kind']}, no model", "animekit plugins --kind detector lists those"
        )
    try:
        if not isinstance(about["model"], str) or not isinstance(about.get("step", 0), int):
            raise TypeError
        name, given, spec = about["model"], dict(about["params"]), dict(about["spec"])
        labels, groups = tuple(spec["labels"]), tuple(spec["groups"])
        if not isinstance(spec["size"], int) or not isinstance(spec["channels"], int):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{path} does not say which model it is of", "give a file that animekit wrote"
        ) from None
    image = ImageSpec(spec["size"], spec["channels"], labels, groups)
    try:
        cls = registry.get("model", name)
        params = resolve(cls.Params, [Layer(str(path), given)]).params
        model = cls(params, image).eval()
    except NotFoundError as error:
        raise CheckpointError(
            f"{path}: {error.message}", f"install its plugin; {error.hint}"
        ) from None
    except (ConfigError, RuntimeError) as error:  # RuntimeError: no memory for what it asks for
        raise CheckpointError(
            f"{path} does not fit model {name}: {str(error).partition(chr(10))[0]}",
            f"it was made by animekit {about.get('version') or 'of an unknown version'}",
        ) from None
    _compare(model, tensors, about, path)
    model.load_state_dict(tensors, strict=about.get("part") != "average")
    return model


def _compare(model: Model, tensors: dict[str, Tensor], about: dict[str, Any], path: Path) -> None:
    """Raise CheckpointError unless the tensors are those of the model (or of its average)."""
    expected = model.state_dict()
    if about.get("part") == "average":
        prefixes = tuple(f"{name}." for name in model.averaged)
        expected = {key: value for key, value in expected.items() if key.startswith(prefixes)}
    wrong = [
        f"{key} is {tuple(tensors[key].shape)}, not {tuple(value.shape)}"
        for key, value in expected.items()
        if key in tensors and tensors[key].shape != value.shape
    ]
    wrong += [f"{key} is missing" for key in expected if key not in tensors]
    wrong += [f"{key} is unknown" for key in tensors if key not in expected]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise CheckpointError(
            f"{path} does not fit model {model.name}: {wrong[0]}{more}", "name another file"
        )
