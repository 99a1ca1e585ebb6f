"""Weights files: what is not a sound safetensors file of the right model is refused, in words."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from animekit import plugins
from animekit.data.spec import ImageSpec
from animekit.errors import CheckpointError
from animekit.models import weights
from animekit.plugins import Registry
from animekit.runs.run import load_model

TENSOR = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
WIDE = {"g_channels": 4, "d_channels": 4, "z_dim": 8}


def file_of(header: Any, payload: bytes = bytes(8), size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + payload


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        weights.read(path)
    assert str(path) in caught.value.message and "\n" not in caught.value.message
    assert caught.value.exit_code == 4 and caught.value.hint
    return caught.value.message


def model_file(path: Path, registry: Registry, name: str = "gan", **changes: Any) -> Path:
    """Write the weights of an untrained model; `changes` replace parts of its description."""
    cls = registry.get("model", name)
    model = cls(cls.Params(**WIDE), ImageSpec(32))
    tensors, about = changes.pop("tensors", model.state_dict()), weights.describe(model, 5, {})
    path.write_bytes(weights.to_bytes(tensors, {**about, **changes}))
    return path


def test_what_was_written_is_read_back_with_its_description_and_hash(tmp_path: Path) -> None:
    tensors = {"b": torch.arange(6.0).view(2, 3), "a": torch.tensor(7), "empty": torch.zeros(0, 3)}
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights.to_bytes(tensors, {"model": "gan", "step": 3}))
    read, about, digest = weights.read(path)
    assert about == {"model": "gan", "step": 3}
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[key], tensors[key]) for key in tensors)


def test_equal_weights_give_equal_bytes_in_any_memory_order() -> None:
    plain = torch.arange(24.0).view(1, 2, 3, 4)
    last = plain.contiguous(memory_format=torch.channels_last)
    assert weights.to_bytes({"a": plain}, {}) == weights.to_bytes({"a": last}, {})
    assert weights.to_bytes({"a": plain}, {}) != weights.to_bytes({"a": plain + 1}, {})


@settings(max_examples=30, deadline=None)
@given(
    tensors=st.dictionaries(
        st.text(
            st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8
        ).filter(lambda name: name != "__metadata__"),
        st.lists(st.floats(width=32, allow_nan=False), max_size=4).map(torch.tensor),
        max_size=4,
    ),
    about=st.dictionaries(TEXT, st.integers(-(2**63), 2**63) | TEXT, max_size=3),
)
def test_any_names_and_descriptions_survive(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Tensor], about: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(weights.to_bytes(tensors, about))
    read, described, _ = weights.read(path)
    assert described == about
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[key], tensors[key]) for key in tensors)


def test_files_of_other_programs_have_no_description(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, path, {"format": "pt"})
    assert weights.read(path)[1] == {}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file has 0"),
        (b"\x01\x02", "the file has 2"),
        (b"<!doctype html><html>sign in", "web page"),
        (b"\n\n  <html>", "web page"),
        (b"PK\x03\x04" + bytes(60), "pickled PyTorch file"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(60), "pickled PyTorch file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS"),
        (file_of(TENSOR, size=10**9), "1,000,000,000 bytes"),
        (file_of(TENSOR, size=2**63), "bytes"),
        (file_of(b" " * 1_000_001), "over the limit"),
        (file_of(TENSOR)[:40], "bytes"),
        (file_of(TENSOR, bytes(7)), "not a sound"),
        (file_of(TENSOR, bytes(9)), "not a sound"),
        (file_of(b'{"a": \xff\xfe}'), "cannot read"),
        (file_of(b"{'a': 1}"), "cannot read"),
        (file_of(b"[" * 100_000), "cannot read"),
        (file_of(b"[]"), "no object"),
        (file_of(b"null"), "no object"),
        (file_of(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, ' * 2), "read"),
        (file_of(b'{"a":1,"a":2}'), "twice"),
        (file_of(b'{"__metadata__":{"x":"1","x":"2"}}', b""), "twice"),
        (file_of({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 80]}}), "not a sound"),
        (file_of({"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}), "not a sound"),
        (file_of({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}), "not a sound"),
        (file_of({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}), "not a sound"),
        (file_of({**TENSOR, "b": TENSOR["a"]}), "not a sound"),
        (file_of({"__metadata__": {"animekit": 3}, **TENSOR}), "not a sound"),
        (file_of({"__metadata__": {"animekit": "{"}, **TENSOR}), "metadata"),
        (file_of({"__metadata__": None, **TENSOR}), "metadata"),
        (file_of({"__metadata__": [], **TENSOR}), "not a sound"),
        (file_of({"__metadata__": "animekit", **TENSOR}), "not a sound"),
        (file_of({"__metadata__": {"animekit": None}, **TENSOR}), "not a sound"),
        (file_of({"__metadata__": {"animekit": "5"}, **TENSOR}), "metadata"),
        (file_of({"__metadata__": {"animekit": "[]"}, **TENSOR}), "metadata"),
        (file_of({"__metadata__": {"animekit": "[" * 50_000}, **TENSOR}), "metadata"),
    ],
)
def test_what_is_no_sound_file_is_refused_with_what_it_is(
    tmp_path: Path, data: bytes, says: str
) -> None:
    assert says in refusal(tmp_path / "x.safetensors", data)


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            weights.read(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**40)  # a sparse terabyte
    with pytest.raises(CheckpointError, match="pickled PyTorch file"):
        weights.read(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_never_ends_in_anything_but_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(weights.to_bytes({"a": torch.arange(4.0)}, {"model": "gan"}))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(bytes(whole[:kept]))
    try:
        tensors, about, _ = weights.read(path)
    except CheckpointError:
        return
    assert isinstance(about, dict) and kept == len(whole), "only payload and names may differ"
    assert [value.numel() for value in tensors.values()] in ([4], [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"params": {**WIDE, "g_channels": 8}},
            r"generator.*\.weight is float32 \(.*\), not float32 \(.*more",
        ),
        ({"spec": {"size": 64, "channels": 3, "labels": [], "groups": []}}, "more"),
        ({"params": {**WIDE, "no_such": 1}}, "does not fit model gan: "),
        ({"params": {**WIDE, "g_channels": -1}}, "does not fit model gan: "),
        ({"params": None}, "does not say"),
        ({"spec": {}}, "does not say"),
        ({"spec": None}, "does not say"),
        ({"spec": {"size": 33, "channels": 3, "labels": [], "groups": []}}, "33 px"),
        ({"spec": {"size": "32", "channels": 3, "labels": [], "groups": []}}, "does not say"),
        ({"spec": {"size": 32, "channels": None, "labels": [], "groups": []}}, "does not say"),
        ({"step": "many"}, "does not say"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    tmp_path: Path, registry: Registry, change: dict[str, Any], says: str
) -> None:
    path = model_file(tmp_path / "m.safetensors", registry, **change)
    with pytest.raises(CheckpointError, match=says) as caught:
        load_model(path, registry)
    assert "\n" not in caught.value.message


def test_weights_of_another_model_name_it(tmp_path: Path, registry: Registry) -> None:
    path = model_file(tmp_path / "m.safetensors", registry, model="ganx")
    with pytest.raises(CheckpointError, match=r'unknown model "ganx".*Did you mean "gan"') as found:
        load_model(path, registry)
    assert "plugin" in str(found.value.hint)


def test_missing_unknown_and_misshapen_tensors_are_refused(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "m.safetensors"
    whole = weights.read(model_file(path, registry))[0]
    key = "generator.main.0.weight"
    for tensors, says in (
        ({k: v for k, v in whole.items() if k != key}, f"{key} is missing"),
        ({**whole, "generator.other": torch.zeros(1)}, "generator.other is unknown"),
        ({**whole, key: torch.zeros(3)}, rf"{key} is float32 \(3,\), not"),
        ({}, "is missing and"),
    ):
        with pytest.raises(CheckpointError, match=says):
            load_model(model_file(path, registry, tensors=tensors), registry)
    assert load_model(model_file(path, registry), registry).step == 5


def test_a_file_without_a_description_says_so(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="does not say which model"):
        load_model(path, registry)


def test_a_small_file_cannot_ask_for_a_large_model(tmp_path: Path, registry: Registry) -> None:
    for channels in (10**5, 10**12):
        path = model_file(
            tmp_path / "m.safetensors", registry, params={**WIDE, "d_channels": channels}
        )
        with pytest.raises(CheckpointError, match="does not fit"):
            load_model(path, registry)


def test_bundled_weights_are_named_by_their_files() -> None:
    for name, path in weights.bundled().items():
        assert path.name == f"{name}.safetensors"
        assert weights.read(path)[1]["model"]


def test_the_weights_of_a_detector_are_not_taken_for_a_model() -> None:
    path = weights.bundled()["facefinder"]
    tensors, about, _ = weights.read(path)
    with pytest.raises(CheckpointError, match="facefinder.safetensors is a detector, no model"):
        weights.build(about, tensors, plugins.load(), path)


def test_a_program_is_told_from_pickled_tensors(tmp_path: Path) -> None:
    program, pickled = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    with zipfile.ZipFile(program, "w") as archive:
        archive.writestr("a/code/__torch__.py", "def forward(self): ...")
        archive.writestr("a/constants.pkl", b"\x80\x02).")
    torch.save({"x": torch.zeros(2)}, pickled)
    with pytest.raises(CheckpointError, match="TorchScript program"):
        weights.read(program)
    with pytest.raises(CheckpointError, match="pickled PyTorch file"):
        weights.read(pickled)
    kinds = [weights.archive_kind(tmp_path / f"{name}.safetensors") for name in "abc"]
    assert kinds == ["program", "pickle", None]
