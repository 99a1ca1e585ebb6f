"""Noise in, pictures out: the same bits for an image alone and in any company."""

from __future__ import annotations

import hashlib
import math
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from animekit.device import threads
from animekit.engines import crew
from animekit.errors import DataError, NotFoundError, UnusableError
from animekit.files import is_file
from animekit.images import noise_picture
from animekit.images.pixels import to_uint8
from animekit.labels.attributes import Attributes
from animekit.labels.vocabulary import Vocabulary
from animekit.models.abilities import Generates
from animekit.plugins import broken
from animekit.seeds import MAX_IMAGES
from animekit.text import clipped

CHUNK = 8
"""Images that pass through a network at once; `draw` says why it is fixed."""


def noise_of_seeds(model: Generates, seeds: Sequence[int]) -> np.ndarray:
    """Return z [N, ...], each row drawn on the CPU from its own seed alone."""
    rows = [model.noise(1, torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.cat(rows).float().numpy()


def noise_of_file(source: Path | str | np.ndarray, model: Generates) -> np.ndarray:
    """Read z [N, ...] of a model, float32, from .npy, a picture or an array.

    A picture (PNG) is noise as pages of animekit save it, of one image. Any float type is taken,
    and axes of length 1 may be added behind ([25, 100, 1, 1]). Nothing is unpickled. Raises
    NotFoundError without the file, DataError that says what was seen.
    """
    name = "noise" if isinstance(source, np.ndarray) else str(source)
    shape = tuple(model.noise(1, torch.Generator().manual_seed(0)).shape[1:])
    array = source if isinstance(source, np.ndarray) else _load(Path(source), shape)
    if array.dtype.kind != "f":
        raise _bad_noise(name, f"holds {clipped(str(array.dtype))}, not floating-point numbers")
    if array.ndim and len(array) > MAX_IMAGES:
        raise _bad_noise(name, f"holds {len(array):,} rows, over the limit of {MAX_IMAGES:,}")
    seen = tuple(array.shape)
    if _stripped(seen[1:]) != _stripped(shape) or not len(array):
        raise _bad_noise(
            name, f"has shape {seen}, this model needs {('N', *shape)}".replace("'", "")
        )
    with np.errstate(over="ignore"):
        z = np.array(array, dtype=np.float32).reshape(len(array), *shape)
    if not np.isfinite(z).all():
        raise _bad_noise(name, "holds NaN or infinite numbers")
    return z


def digest(z: np.ndarray) -> str:
    """Return the sha256 of noise, whatever float type or file it came in."""
    return hashlib.sha256(np.ascontiguousarray(z, dtype="<f4").tobytes()).hexdigest()


def draw(model: object, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Return the images uint8 [N, H, W, 3] of z [N, ...], each bit for bit its own.

    Kernels choose their algorithm by the shape of a batch, and vector instructions treat the ends
    of an array apart, so an image may differ in its last bits with the number of its companions
    and with its place among them. Here every batch has `CHUNK` places, and the place of an image
    follows from its own z and labels: nothing that another image could change. The number of
    threads is a power of two.

    Several processes draw some each, and have all. Raises UnusableError for a model that makes no
    images from noise, or makes NaN.
    """
    mine = crew.own(len(z))
    own = _drawn(model, z[mine], None if labels is None else labels[mine])
    return np.stack(crew.everyone(own))


def _drawn(model: object, z: np.ndarray, labels: np.ndarray | None) -> list[np.ndarray]:
    generating = as_generating(model)
    device = device_of(model)
    images: list[np.ndarray | None] = [None] * len(z)
    with threads(_even(torch.get_num_threads())):
        for rows in _batches(z, labels):
            taken = [row for row in rows if row is not None]
            filled = [taken[0] if row is None else row for row in rows]
            given = None if labels is None else labels[filled]
            made = _sample(generating, z[filled], given, device)
            for place, row in enumerate(rows):
                if row is not None:
                    images[row] = made[place]
    return [image for image in images if image is not None]


def _even(count: int) -> int:
    """Return the largest power of two up to a count: so many threads cut sums as one does.

    Three or five would cut the sums of a convolution elsewhere; one pixel in 100,000 is then a
    level off.

    >>> [_even(count) for count in (1, 2, 3, 7, 8)]
    [1, 2, 2, 4, 8]
    """
    return 1 << (count.bit_length() - 1)


def device_of(model: object) -> torch.device:
    """Return where a model lies; one without parameters is on the CPU."""
    parameter = next(iter(getattr(model, "parameters", list)()), None)
    return torch.device("cpu") if parameter is None else parameter.device


def refuse_nan(made: Tensor, beside: str = "", hint: str = "use another checkpoint") -> Tensor:
    """Return what a model made; UnusableError where not all of it is finite."""
    if not bool(torch.isfinite(made).all()):
        problem = f"the model makes NaN: its weights are spoilt{beside}"
        raise UnusableError(problem, hint, code="model.nan")
    return made


def own_truncation(model: object) -> float:
    """Return what z is multiplied by where nobody says: the model's own wish, or 1."""
    return float(getattr(model, "default_truncation", 1.0))


def attributes_of(model: Generates) -> Attributes:
    """Return what a model can be asked for; one without labels and codes has nothing."""
    vocabulary = Vocabulary(model.spec.labels, model.spec.groups)
    return Attributes(vocabulary, tuple(getattr(model, "codes", ())))


def as_generating(model: object) -> Generates:
    """Return the model if it turns noise into images; UnusableError if it does not."""
    if isinstance(model, Generates):
        return model
    name = getattr(model, "name", type(model).__name__)
    raise UnusableError(
        f"{name} makes no images from noise",
        "animekit plugins lists the models; one that translates is for animekit transfer",
        code="model.not_generating",
    )


def _batches(z: np.ndarray, labels: np.ndarray | None) -> Iterator[list[int | None]]:
    places: list[list[int]] = [[] for _ in range(CHUNK)]
    for row in range(len(z)):
        own = z[row].tobytes() + (b"" if labels is None else labels[row].tobytes())
        places[zlib.crc32(own) % CHUNK].append(row)
    for turn in range(max(map(len, places))):
        yield [rows[turn] if turn < len(rows) else None for rows in places]


def _sample(
    model: Generates, z: np.ndarray, labels: np.ndarray | None, device: torch.device
) -> np.ndarray:
    given = None if labels is None else torch.from_numpy(labels).to(device)
    deterministic = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
    with torch.inference_mode(), torch.random.fork_rng(), deterministic:
        torch.manual_seed(0)  # for a generator with dropout at sampling time
        images = model.sample(torch.from_numpy(z).to(device), given)
    if not isinstance(images, Tensor) or images.ndim != 4 or len(images) != len(z):
        raise broken(model, "sample", images, f"{len(z)} images [N, C, H, W] in [-1, 1]")
    return to_uint8(refuse_nan(images))


def _load(path: Path, shape: Sequence[int]) -> np.ndarray:
    if not is_file(path):
        raise NotFoundError(
            f"no noise file {clipped(str(path), 200)}",
            "animekit generate --save-noise z.npy writes one",
        )
    try:
        with path.open("rb") as file:
            head = file.read(8)
            if head == noise_picture.SIGNATURE:
                return noise_picture.read_noise(path, math.prod(shape)).reshape(1, *shape)
            if not head.startswith(b"\x93NUMPY"):
                raise ValueError("it does not begin as a .npy file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what NumPy says of headers, the error says too
            # Mapped, so that a header that lies about its size asks for no memory.
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except DataError:
        raise
    except Exception as error:  # of any kind: NumPy evaluates the header, and multiplies its sizes
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        # NumPy goes on to advise allow_pickle=True: nothing here unpickles
        reason = "it holds Python objects" if "object" in words.lower() else clipped(words, 120)
        raise _bad_noise(str(path), f"cannot be read: {reason}") from None


def _bad_noise(name: str, what: str) -> DataError:
    return DataError(
        f"{name} {what}", 'write it with numpy.save("z.npy", z), z of float32', code="data.noise"
    )


def _stripped(shape: Sequence[int]) -> tuple[int, ...]:
    kept = list(shape)
    while kept and kept[-1] == 1:
        kept.pop()
    return tuple(kept)
