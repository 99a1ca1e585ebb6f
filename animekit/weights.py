"""Weights on disk: safe reading of safetensors, and the model files that come with animekit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from animekit.errors import CheckpointError

BUNDLED = Path(__file__).with_name("weights")
HEADER_LIMIT = 1_000_000  # bytes of header; ours have about 10,000
KEY = "animekit"  # the metadata entry that makes a file self-describing


def bundled() -> dict[str, Path]:
    """Return the model files that come with animekit, by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.safetensors"))}


def to_bytes(tensors: dict[str, Tensor], config: dict[str, Any]) -> bytes:
    """Return a safetensors file with `config` in its metadata; equal input gives equal bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, {KEY: json.dumps(config, sort_keys=True)})


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Return the tensors, the embedded configuration and the sha256 of a safetensors file.

    Raises CheckpointError for what is not a safetensors file, is cut short, has an oversized
    header or a key twice (safetensors itself would take the last one).
    """
    try:
        data = path.read_bytes()
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
    except ValueError:
        raise CheckpointError(
            f"{path}: its animekit metadata is damaged", "copy it again"
        ) from None
    return tensors, config, hashlib.sha256(data).hexdigest()


def _header(path: Path, data: bytes) -> dict[str, Any]:
    size = int.from_bytes(data[:8], "little")
    problem = None
    header: Any = None
    if data[:1] == b"<":
        problem = "it is a web page"
    elif data[:2] == b"PK" or data[:1] == b"\x80":
        problem = "it is a pickled PyTorch file"
    elif len(data) < 8 or size > len(data) - 8:
        problem = f"its header should be {size:,} bytes, the file has {len(data):,}"
    elif size > HEADER_LIMIT:
        problem = f"its header of {size:,} bytes is over the limit of {HEADER_LIMIT:,}"
    else:
        try:
            header = json.loads(data[8 : 8 + size], object_pairs_hook=_no_key_twice)
        except ValueError as error:
            problem = f"its header cannot be read ({error})"
    if problem is not None or not isinstance(header, dict):
        raise CheckpointError(
            f"{path} is not a sound safetensors file: {problem or 'its header is no object'}",
            "give a .safetensors file",
        )
    return header


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key stands twice")
    return keys
