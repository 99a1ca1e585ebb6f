"""Weights that other projects published: state dicts read safely, recognised and renamed.

Known are the generators of pytorch-CycleGAN-and-pix2pix (Zhu et al., 2017) and of StarGAN (Choi et
al., 2018). The result gives the pixels of the original programs.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from animekit.errors import CheckpointError, NotFoundError
from animekit.nn.translators import (
    LabelTranslator,
    ResnetTranslator,
    TranslatorShape,
    UNetTranslator,
)
from animekit.text import clipped

Statistics = Literal["image", "running"]
STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")
MAX_BYTES = 2 << 30
COLOURS = 3
TORCH_PROTOCOL = b"\x02"  # of the pickles that torch.save writes
TAKEN = "latest_net_G_A.pth and latest_net_G.pth of CycleGAN, and N-G.ckpt of StarGAN, are taken"


@dataclass(frozen=True)
class Published:
    """One generator of another project under our names.

    `tensors` are the state dict of a translator built from `params` (those of the model that is
    named); `labels` is how many labels it is told, `summary` a few words for the user.
    """

    model: Literal["cyclegan", "stargan"]
    params: dict[str, Any]
    tensors: dict[str, Tensor]
    labels: int
    summary: str
    sha256: str


def read_published(path: Path, statistics: Statistics = "image") -> Published:
    """Read a weights file that another project's program saved, and recognise it.

    A batch norm takes the statistics of each image, as the original test.py does unless it is told
    --eval; with "running" it takes those that training left in the file. Instance norms always take
    those of the image. Raises NotFoundError, and CheckpointError that says what else the file is.
    """
    tensors, sha256 = load_tensors(path)
    if tensors and all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    for known in (_resnet, _unet, _stargan):
        found = known(_Source(path, tensors, statistics))
        if found is not None:
            return Published(*found, sha256)
    raise _refused(path, _other(tensors))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Return the tensors of a file of torch.save, and its sha256; no code is run."""
    if not path.is_file():
        raise NotFoundError(f"no weights file {path}", TAKEN)
    if path.stat().st_size > MAX_BYTES:
        raise _refused(path, f"it is larger than {MAX_BYTES >> 30} GB")
    data = path.read_bytes()
    problem = _first_words(data)
    if problem:
        raise _refused(path, problem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they speak of torch's own options
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # of any kind, from the unpickler; never try again without it
        raise _refused(path, _why(str(error), data)) from None
    if not isinstance(found, Mapping):
        raise _refused(path, f"it holds a {type(found).__name__}, not a dictionary of tensors")
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise _refused(path, f"its entry {key!r} is a {type(value).__name__}, not a tensor")
    return dict(found), hashlib.sha256(data).hexdigest()


def _first_words(data: bytes) -> str:
    """Return in words what bytes are, "" where torch.save may have written them."""
    text = data[:512].lstrip()
    if not data:
        return "it is empty"
    if text.startswith(b"<"):
        return "it is a web page; the download failed"
    if text.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer to the file"
    if data[:1] == b"\x80":  # a pickle, as torch wrote before 1.6
        return ""
    if data[:2] != b"PK":
        return "torch.save did not write it"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return "it is cut short or damaged; get it again"
    if not any(name.endswith("/data.pkl") for name in names):
        return "it is an archive of something else; unpack it"
    return ""


def _why(error: str, data: bytes) -> str:
    """Return in words what kept torch from reading a file.

    Torch's own words are not repeated: they advise to read it without the safe unpickler.
    """
    named = re.search(r"GLOBAL (\S+)", error) or re.search(r"[Uu]nsupported class (\S+)", error)
    if named:
        return f"it asks to run code ({clipped(named[1])}), and only tensors are read"
    if "TorchScript" in error:
        return "it is a TorchScript program, and only tensors are read"
    if data[:1] == b"\x80" and data[1:2] > TORCH_PROTOCOL:
        return f"it is a pickle of protocol {data[1]} of another program, not of torch.save"
    if re.search(r"EOF|truncat|unexpected pos|storage|failed reading|ran out of", error):
        return "it is cut short or damaged; get it again"
    return "it holds more than tensors, and only tensors are read"


def _refused(path: Path, problem: str) -> CheckpointError:
    return CheckpointError(f"{path} is refused: {problem}", TAKEN, code="weights.foreign")


Found = tuple[Literal["cyclegan", "stargan"], dict[str, Any], dict[str, Tensor], int, str]


@dataclass(frozen=True)
class _Source:
    """A state dict under its own names, and what to say about it."""

    path: Path
    tensors: dict[str, Tensor]
    statistics: Statistics

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self.tensors[key].shape) if key in self.tensors else ()

    def norm(self, conv: str, norm: str) -> str:
        """Tell the norm from what the first layer that has one holds."""
        if f"{norm}.weight" in self.tensors:
            return "batch" if self.statistics == "running" else "affine"
        if f"{conv}.bias" not in self.tensors:
            raise _refused(self.path, "it has no norms (it was trained with --norm none)")
        return "instance"

    def renamed(
        self, build: Callable[[], nn.Module], names: dict[str, str], norm: str
    ) -> dict[str, Tensor]:
        """Return the tensors under our names, checked against their network.

        `names` gives the module of ours for each of theirs.
        """
        with torch.device("meta"):
            expected = build().state_dict()
        found, wrong = {}, []
        for key, value in self.tensors.items():
            module, _, leaf = key.rpartition(".")
            if key.endswith(STATISTICS) and norm != "batch":
                continue
            ours = f"{names[module]}.{leaf}" if module in names else ""
            if ours not in expected:
                wrong.append(f"{key} is unknown")
            elif value.shape != expected[ours].shape:
                wrong.append(f"{key} is {list(value.shape)}, not {list(expected[ours].shape)}")
            elif value.is_floating_point() and not bool(value.isfinite().all()):
                wrong.append(f"{key} is not finite")
            else:
                found[ours] = value.float() if value.is_floating_point() else value
        theirs = {ours: key for key, ours in names.items()}
        for key in expected.keys() - found.keys():
            module, _, leaf = key.rpartition(".")
            name = f"{theirs.get(module, module)}.{leaf}"
            if leaf == "num_batches_tracked":  # older versions of torch did not keep it
                found[key] = torch.zeros((), dtype=torch.int64)
            elif name not in self.tensors:
                wrong.append(f"{name} is missing")
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise _refused(self.path, f"{sorted(wrong)[0]}{more}")
        return found

    def colours(self, first: int, last: int) -> None:
        """Refuse a generator that is not from colour pictures to colour pictures."""
        if (first, last) != (COLOURS, COLOURS):
            raise _refused(self.path, f"it turns {first} channels into {last}, not 3 into 3")


def _resnet(source: _Source) -> Found | None:
    shape = source.shape("model.1.weight")
    if len(shape) != 4 or shape[2:] != (7, 7):
        return None
    inside = {re.match(r"model\.(\d+)\.conv_block\.", key) for key in source.tensors}
    blocks = sorted({int(match[1]) for match in inside if match})
    count = len(blocks)
    if not count or blocks != list(range(10, 10 + count)):
        raise _refused(source.path, f"its residual blocks are {blocks}, not 10, 11, and so on")
    second = 6 if "model.10.conv_block.6.weight" in source.tensors else 5
    if source.shape(f"model.10.conv_block.{second}.weight")[2:] != (3, 3):
        second = 5  # a batch norm lies there: without dropout
    norm = source.norm("model.1", "model.2")
    last = 16 + count  # of the last convolution
    plain = (1, 2, 4, 5, 7, 8, 10 + count, 11 + count, 13 + count, 14 + count, last + 1)
    names = {f"model.{place}": f"main.{place}" for place in plain}
    for block in blocks:
        for theirs, ours in ((1, 1), (2, 2), (second, 5), (second + 1, 6)):
            names[f"model.{block}.conv_block.{theirs}"] = f"main.{block}.main.{ours}"
    source.colours(shape[1], (source.shape(f"model.{last + 1}.weight") or (COLOURS,))[0])
    made = TranslatorShape(width=shape[0], blocks=count, norm=norm)
    tensors = source.renamed(lambda: ResnetTranslator(made), names, norm)
    params = {"architecture": "resnet", "g_channels": shape[0], "n_blocks": count, "norm": norm}
    return "cyclegan", params, tensors, 0, f"CycleGAN generator, {count} blocks of {4 * shape[0]}"


def _unet(source: _Source) -> Found | None:
    shape = source.shape("model.model.0.weight")
    if (
        len(shape) != 4
        or shape[2:] != (4, 4)
        or "model.model.1.model.1.weight" not in source.tensors
    ):
        return None
    names = {"model.model.0": "down.0.0", "model.model.3": "up.0.1"}
    prefix, level = "model.model.1.model", 1
    while f"{prefix}.5.weight" in source.tensors:  # inside: a level below it
        places = {1: "down.{}.1", 2: "down.{}.2", 5: "up.{}.1", 6: "up.{}.2"}
        names |= {f"{prefix}.{place}": ours.format(level) for place, ours in places.items()}
        prefix, level = f"{prefix}.3.model", level + 1
    places = {1: "down.{}.1", 3: "up.{}.1", 4: "up.{}.2"}
    names |= {f"{prefix}.{place}": ours.format(level) for place, ours in places.items()}
    norm = source.norm("model.model.1.model.1", "model.model.1.model.2")
    source.colours(shape[1], (*source.shape("model.model.3.weight"), 0, 0)[1])
    halvings = level + 1
    made = TranslatorShape(width=shape[0], halvings=halvings, norm=norm)
    tensors = source.renamed(lambda: UNetTranslator(made), names, norm)
    params = {"architecture": "unet", "g_channels": shape[0], "depth": halvings, "norm": norm}
    return "cyclegan", params, tensors, 0, f"U-Net generator for {2**halvings} px"


def _stargan(source: _Source) -> Found | None:
    shape = source.shape("main.0.weight")
    if len(shape) != 4 or shape[2:] != (7, 7) or "main.1.weight" not in source.tensors:
        return None
    inside = {re.match(r"main\.(\d+)\.main\.", key) for key in source.tensors}
    count, labels = len({match[1] for match in inside if match}), shape[1] - COLOURS
    if count < 1 or labels < 1:
        raise _refused(source.path, f"it has {count} residual blocks and {labels} labels")
    made = TranslatorShape(width=shape[0], blocks=count, labels=labels)
    modules = {key.rpartition(".")[0] for key in source.tensors}
    names = {module: module for module in modules}
    tensors = source.renamed(lambda: LabelTranslator(made), names, "affine")
    params = {"g_channels": shape[0], "n_blocks": count}
    return "stargan", params, tensors, labels, f"StarGAN generator, {labels} labels"


def _other(tensors: dict[str, Tensor]) -> str:
    """Return in words what a state dict is that is none of the known generators."""
    keys = list(tensors)
    patches = {"model.0.weight", "model.2.weight"} <= set(keys)
    if patches or {"conv1.weight", "conv2.weight"} <= set(keys) or "net.0.weight" in keys:
        return "it is a discriminator; the generator is wanted"
    if not keys:
        return "it holds nothing"
    shown = ", ".join(keys[:3]) + (", ..." if len(keys) > 3 else "")
    return f"it is no generator of CycleGAN or StarGAN: it has {shown}"
