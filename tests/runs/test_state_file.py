"""state.pt is looked through before torch reads it: tensors and plain values, and no more."""

from __future__ import annotations

import io
import pickle
import resource
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from animekit.errors import CheckpointError
from animekit.runs.state_file import read_state_file


def written(path: Path, state: Any, **how: Any) -> Path:
    torch.save(state, path, **how)
    return path


def again(path: Path, values: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    """Write a state file once more, with other pickled values."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", method) as new:
        for member in old.infolist():
            mine = member.filename.endswith("data.pkl")
            new.writestr(member.filename, values if mine else old.read(member))
    path.write_bytes(buffer.getvalue())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_state_file(path)
    assert str(path) in caught.value.message and "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_plain_values_and_dense_tensors_come_back(tmp_path: Path) -> None:
    state = {
        "step": 3,
        "best": None,
        "betas": (0.5, 0.9),
        "name": "d",
        "tensors": [torch.arange(4.0), torch.zeros(2, 3).t(), torch.tensor(True)],
    }
    found = read_state_file(written(tmp_path / "state.pt", state))
    assert found.keys() == state.keys() and found["betas"] == (0.5, 0.9)
    assert torch.equal(found["tensors"][0], torch.arange(4.0))
    assert found["tensors"][1].stride() == (1, 3)


ODD: dict[str, Callable[[], Any]] = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "compressed rows": lambda: torch.eye(3).to_sparse_csr(),
    "without memory": lambda: torch.zeros(3, device="meta"),
    "quantised": lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8),
    "parameter": lambda: nn.Parameter(torch.zeros(3)),
    "unsigned": lambda: torch.zeros(3, dtype=torch.uint16),
    "size": lambda: torch.Size([3]),
    "device": lambda: torch.device("cpu"),
    "dtype": lambda: torch.float32,
    "bytes": lambda: bytearray(3),
    "set": lambda: {1, 2},
    "counter": lambda: Counter("abc"),
    "complex": lambda: 1j,
    "of numpy": lambda: np.float64(1.0),
    "path": lambda: Path("x"),
}


@pytest.mark.filterwarnings("ignore:.*quantiz.*", "ignore:Sparse CSR")
@pytest.mark.parametrize("kind", ODD)
def test_what_no_state_of_ours_holds_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    assert "it asks for " in refusal(written(tmp_path / "state.pt", {"a": ODD[kind]()}))


def test_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (print, ("run",))

    assert "builtins.print" in refusal(written(tmp_path / "state.pt", {"a": Evil()}))


@pytest.mark.parametrize("state", [[], None, 3, torch.zeros(3)])
def test_what_is_no_table_is_no_state(tmp_path: Path, state: Any) -> None:
    assert "no training state" in refusal(written(tmp_path / "state.pt", state))


def test_the_old_format_and_plain_pickles_are_refused(tmp_path: Path) -> None:
    old = written(tmp_path / "old.pt", {"a": 1}, _use_new_zipfile_serialization=False)
    refusal(old)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"a": 1}))
    refusal(tmp_path / "plain.pt")
    (tmp_path / "empty.pt").write_bytes(b"")
    refusal(tmp_path / "empty.pt")


def test_a_tensor_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "state.pt", {"a": torch.arange(4.0)})
    with zipfile.ZipFile(path) as archive:
        values = archive.read(archive.namelist()[0])
    many = b"J\x00\x00\x00\x40"  # 2**30 numbers in place of four
    longer = values.replace(b"K\x04tq", many + b"tq").replace(b"K\x04\x85", many + b"\x85")
    assert longer.count(many) == 2
    refusal(again(path, longer))


def test_values_that_unpack_to_gigabytes_are_refused_before_they_do(tmp_path: Path) -> None:
    path = written(tmp_path / "state.pt", {"a": torch.arange(4.0)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    values = b"\x80\x02" + b"N0" * 20_000_000 + b"}."
    assert "compressed" in refusal(again(path, values, zipfile.ZIP_DEFLATED))
    del values
    allocating = b"\x80\x02cbuiltins\nbytearray\nq\x00\x8a\x06" + (10**13).to_bytes(6, "little")
    assert "bytearray" in refusal(again(path, allocating + b"\x85R."))
    assert "more than" in refusal(again(path, b"\x80\x02" + b"N0" * 5_000_000 + b"}."))
    assert time.monotonic() - start < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB


def test_flipped_bytes_are_values_or_a_refusal(tmp_path: Path) -> None:
    path = written(tmp_path / "state.pt", {"step": 3, "a": torch.arange(4.0), "b": [(0.5, 0.9)]})
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in random.integers(len(whole), size=random.integers(1, 4)):
            damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with suppress(CheckpointError):
            assert isinstance(read_state_file(path), dict)
