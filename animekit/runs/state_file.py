"""The file state.pt: tensors and plain values, looked through before torch reads it."""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any

from animekit.errors import CheckpointError

PICKLE_LIMIT = 8 * 2**20  # bytes of the values; those of 500 parameters take 200,000
TENSOR = "torch._utils _rebuild_tensor_v2"
PLAIN = re.compile(rf"{re.escape(TENSOR)}|collections OrderedDict|torch \w+Storage")
"""What a state of plain values and dense tensors asks for; nothing else is read.

The unpickler of torch knows more: sparse, quantised and meta tensors, byte arrays of any length.
"""


def read_state_file(path: Path) -> dict[str, Any]:
    """Return the tensors and plain values of a state.pt, none of them checked yet.

    Raises CheckpointError for what is not stored as torch stores it, is packed smaller than it is
    or asks for anything else than dense tensors.
    """
    import torch

    try:
        _look_through(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of any kind, from the unpickler; never try again without it
        refused = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it asks for {refused[1]}" if refused else str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} is refused: {reason or type(error).__name__}",
            "only tensors and plain values are read",
        ) from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no training state", "use another checkpoint")
    return state


def _look_through(path: Path) -> None:
    """Raise ValueError for an archive or a pickle that torch would follow too far."""
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no archive that torch wrote")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which torch never does")
        values = [member for member in members if member.filename.endswith("data.pkl")]
        if len(values) != 1 or sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("it is no archive that torch wrote")
        if values[0].file_size > PICKLE_LIMIT:
            raise ValueError(f"its values take more than {PICKLE_LIMIT:,} bytes")
        for opcode, name, _ in pickletools.genops(archive.read(values[0])):
            if opcode.name in ("STACK_GLOBAL", "INST") or (
                opcode.name == "GLOBAL" and not PLAIN.fullmatch(str(name))
            ):
                named = str(name or opcode.name).replace(" ", ".")
                raise ValueError(f"GLOBAL {named.replace('__builtin__', 'builtins')}")
