"""Features of images by a network, computed in one way only, and kept by content."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from animekit.engines import crew
from animekit.errors import CheckpointError, UnusableError
from animekit.files import cache_dir, write_atomic
from animekit.models import weights
from animekit.models.abilities import Classifies

VERSION = 1  # raise it when resizing or the way of computing change
CACHED_FROM = 256  # images: fewer are computed in less time than a file is worth
CACHE_BYTES = 2 << 30  # features of the least recently used sets go when there are more
CHUNK_PIXELS = 1 << 19  # of the network's input: bounds the memory of a task
CHUNK_IMAGES = (4, 64)
HASHED_AT_ONCE = 256  # images
MIDDLE = 127.5  # pixels become x / 127.5 - 1 for models of animekit
SMALLEST_MAP = 2  # px: a pooled map of one pixel is no map

ShareProgress = Callable[[float], None]
Read = Callable[[Tensor], Tensor]
Kind = Literal["features", "logits"]


def silent(share: float) -> None:
    """Take the share of a task that is done, and tell nobody."""


@dataclass(frozen=True)
class Resizer:
    """One way to bring images to the side of a network, and its name.

    `apply` takes float32 [N, 3, H, W] in 0..255 and the side, and returns [N, 3, side, side].
    """

    name: str
    apply: Callable[[Tensor, int], Tensor]


def bicubic(images: Tensor, side: int) -> Tensor:
    """Return images of a side by an antialiased bicubic filter, rounded.

    >>> flat = torch.full((1, 3, 5, 5), 200.0)
    >>> bicubic(flat, 8).unique().tolist()
    [200.0]
    """
    if images.shape[2:] == (side, side):
        return images
    resized = F.interpolate(images, (side, side), mode="bicubic", antialias=True)
    return resized.clamp_(0, 255).round_()


BICUBIC = Resizer("torch bicubic antialiased, rounded to uint8", bicubic)


@dataclass(frozen=True)
class Extractor:
    """A network that turns images into features, with all that fixes its numbers.

    `name` ends the names of the numbers that it gives; `sha256` is that of the weights file. The
    functions take float32 [N, 3, size, size] in 0..255 and are called by several threads at once.
    `groups` says how many logits belong to each softmax; empty stands for one over all.
    """

    name: str
    sha256: str
    size: int
    to_features: Read
    to_logits: Read | None = None
    to_maps: Callable[[Tensor], list[Tensor]] | None = None
    groups: tuple[int, ...] = ()
    resizer: Resizer = BICUBIC
    network: nn.Module | None = None
    """What the functions run, for who moves it to another device or freezes it."""

    @property
    def identity(self) -> str:
        """All that features depend on but the images."""
        return f"{VERSION}:{self.name}:{self.sha256}:{self.resizer.name}:{self.size}"

    @property
    def description(self) -> str:
        """Which network in which version saw the images in which size."""
        return f"{self.name} {self.sha256[:8]}, {self.resizer.name}, {self.size} px"

    @property
    def chunk(self) -> int:
        """Number of images that pass through the network together; even."""
        least, most = CHUNK_IMAGES
        return max(least, min(most, CHUNK_PIXELS // self.size**2 // 2 * 2))

    def features(self, images: np.ndarray, progress: ShareProgress = silent) -> np.ndarray:
        """Return float32 [N, D] for uint8 images [N, 3, H, W].

        Raises UnusableError where the network gives anything but one row of finite numbers for
        each image.
        """
        return _rows(self.over(images, self.to_features, progress=progress), self.name, len(images))

    def logits(self, images: np.ndarray, progress: ShareProgress = silent) -> np.ndarray:
        """Return float32 [N, L] for uint8 images; UnusableError if there are none."""
        if self.to_logits is None:
            raise self.lacks("classes")
        return _rows(self.over(images, self.to_logits, progress=progress), self.name, len(images))

    def lacks(self, what: str) -> UnusableError:
        """Return the error that this network has no such output."""
        return UnusableError(
            f"extractor {self.name} gives no {what}, only features",
            "name another extractor, such as tagger",
            code="features.lacking",
        )

    def over(
        self, images: np.ndarray, read: Read, *, per: int = 1, progress: ShareProgress = silent
    ) -> np.ndarray:
        """Return the rows that `read` makes of uint8 images [N, 3, H, W], in order.

        `read` takes a chunk of resized images and gives one row for every `per` of them. All
        chunks have one length, the last one filled up, and each is computed by a single thread:
        an image's row depends neither on the number of threads nor on the length of the set.
        Several processes compute some each, and have all.
        """
        images = images[crew.own(len(images), self.chunk)]
        done = 0

        def work(start: int) -> np.ndarray:
            part = np.ascontiguousarray(images[start : start + self.chunk])
            full = np.zeros((self.chunk, *part.shape[1:]), np.uint8)
            full[: len(part)] = part
            with torch.no_grad():  # of this thread
                pixels = self.resizer.apply(torch.from_numpy(full).float(), self.size)
                return read(pixels)[: len(part) // per].numpy()

        rows = []
        with single_threads() as pool:
            for result in pool.map(work, range(0, len(images), self.chunk)):
                rows.append(result)
                done += self.chunk
                progress(min(1.0, done / len(images)))
        return np.concatenate(crew.everyone(rows))


@contextmanager
def single_threads() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of as many threads as torch has, each with one torch thread.

    Each task is then computed in one way only, whatever the number of threads.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        # the workers are in no inference mode, and could not write to tensors that were made in one
        with torch.inference_mode(False):
            yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _rows(values: np.ndarray, name: str, count: int) -> np.ndarray:
    problem = ""
    if values.ndim != 2 or len(values) != count:
        problem = f"gave {list(values.shape)} for {count:,} images, not one row for each"
    elif not np.isfinite(values).all():
        problem = "gave numbers that are not finite"
    if problem:
        raise UnusableError(
            f"extractor {name} {problem}", "name another extractor", code="features.output"
        )
    return values.astype(np.float32, copy=False)


class LastMaps:
    """Maps of a network that has no method for them: the last one of each size.

    They are caught while `run` computes something else, so it must call the network's modules.
    """

    def __init__(self, network: nn.Module, run: Read) -> None:
        self.run = run
        self.local = threading.local()  # chunks pass through one network in several threads
        for module in network.modules():
            module.register_forward_hook(self._keep)

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return maps [N, C, h, w] of falling size for a chunk of images."""
        self.local.found = found = dict[int, Tensor]()
        try:
            self.run(images)
        finally:
            del self.local.found
        side = images.shape[-1]
        return [maps for size, maps in found.items() if SMALLEST_MAP <= size < side]

    def _keep(self, module: nn.Module, inputs: object, output: object) -> None:
        found = getattr(self.local, "found", None)
        if found is not None and isinstance(output, Tensor) and output.ndim == 4:
            found[output.shape[-1]] = output


def of_classifier(model: Classifies, name: str, sha256: str) -> Extractor:
    """Return a model that classifies as an extractor of features, logits, maps."""

    def features(pixels: Tensor) -> Tensor:
        return model.features(pixels / MIDDLE - 1)

    def logits(pixels: Tensor) -> Tensor:
        return model.classify(pixels / MIDDLE - 1)

    network = model if isinstance(model, nn.Module) else None
    return Extractor(
        name,
        sha256,
        model.spec.size,
        features,
        logits,
        None if network is None else LastMaps(network, features),
        model.spec.groups,
        network=network,
    )


def cached_features(
    extractor: Extractor,
    images: np.ndarray,
    *,
    kind: Kind = "features",
    progress: ShareProgress = silent,
) -> np.ndarray:
    """Return features (or logits) of uint8 images, from a file if it has them.

    The file lies in `cache_dir()/features` under the sha256 of the pixels and of all that fixes
    the extractor. A damaged one is computed anew; where none can be written, none is kept. Sets of
    fewer than 256 images are always computed.
    """
    compute = extractor.logits if kind == "logits" else extractor.features
    if len(images) < CACHED_FROM:
        return compute(images, progress)
    key = _key(extractor, images, kind)
    path = cache_dir() / "features" / f"{key}.safetensors"
    values = _read(path, key, len(images))
    if values is None:
        values = compute(images, progress)
        with suppress(OSError):
            _write(path, key, values)
    progress(1.0)
    return values


def _key(extractor: Extractor, images: np.ndarray, kind: Kind) -> str:
    digest = hashlib.sha256(f"{extractor.identity}:{kind}:{images.shape}".encode())
    for start in range(0, len(images), HASHED_AT_ONCE):
        digest.update(np.ascontiguousarray(images[start : start + HASHED_AT_ONCE]).data)
    return digest.hexdigest()


def _read(path: Path, key: str, count: int) -> np.ndarray | None:
    try:
        tensors, about, _ = weights.read(path)
    except CheckpointError:  # none there, or not whole
        return None
    values = tensors.get("values", torch.empty(0)).numpy()
    whole = about == _about(key, values) and values.ndim == 2 and len(values) == count
    if not whole or values.dtype != np.float32:
        return None
    with suppress(OSError):
        path.touch()  # used: the last to go
    return values


def _write(path: Path, key: str, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"values": torch.from_numpy(values)}
    write_atomic(path, weights.to_bytes(tensors, _about(key, values)))
    files = [(file.stat(), file) for file in path.parent.iterdir()]
    files.sort(key=lambda pair: pair[0].st_mtime)
    total = sum(stat.st_size for stat, _ in files)
    for stat, file in files[:-1]:
        if total <= CACHE_BYTES:
            break
        file.unlink(missing_ok=True)
        total -= stat.st_size


def _about(key: str, values: np.ndarray) -> dict[str, str]:
    digest = hashlib.sha256(np.ascontiguousarray(values).data)
    return {"key": key, "sha256": digest.hexdigest()}
