"""Order and batches: pure functions of (seed, step), so that a resumed run sees the same images."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from animekit.errors import DataError
from animekit.images import mirror, to_float
from animekit.model import Batch, ImageSpec
from animekit.store import Pack


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2**63) that depends on every part and on their order.

    >>> derive_seed(0, "order", 1) == derive_seed(0, "order", 1)
    True
    >>> derive_seed(1, "2") == derive_seed(12)
    False
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Sampler:
    """An endless order of n items: a permutation each epoch, across batches.

    `indices(step)` is a pure function of (n, batch, seed, step).
    """

    def __init__(self, n: int, batch: int, seed: int) -> None:
        if n < 1 or batch < 1:
            raise DataError(f"cannot draw batches of {batch} from {n} images")
        self.n = n
        self.batch = batch
        self.seed = seed
        self._orders: dict[int, Tensor] = {}

    def indices(self, step: int) -> Tensor:
        """Return the items of a step, int64 [batch]; steps count from 1."""
        if step < 1:
            raise ValueError(f"steps count from 1, got {step}")
        start, stop = (step - 1) * self.batch, step * self.batch
        epochs = range(start // self.n, (stop - 1) // self.n + 1)
        parts = [
            self._order(epoch)[max(0, start - epoch * self.n) : stop - epoch * self.n]
            for epoch in epochs
        ]
        return torch.cat(parts)

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._orders:
            while len(self._orders) > 1:
                del self._orders[next(iter(self._orders))]
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
            self._orders[epoch] = torch.randperm(self.n, generator=generator)
        return self._orders[epoch]


class Loader:
    """Batches of a pack by step, flipped and cut at random if asked.

    With `crop`, the pack was made at size + crop and a random window of the size is cut out.
    `rows` are the indices of the images to use, all of them by default.
    """

    def __init__(
        self,
        pack: Pack,
        batch: int,
        seed: int,
        *,
        flip: bool,
        crop: int,
        device: torch.device | str = "cpu",
        rows: np.ndarray | None = None,
    ) -> None:
        self.pack = pack
        self.size = pack.spec.size - crop
        if crop < 0 or self.size < 1:
            raise DataError(f"cannot cut {crop} pixels off images of {pack.spec.size}")
        self.seed = seed
        self.flip = flip
        self.crop = crop
        self.device = torch.device(device)
        self.rows = rows
        self.sampler = Sampler(len(pack) if rows is None else len(rows), batch, seed)
        # A plain view: indexing a numpy.memmap makes memmap objects of every result.
        self._pixels = np.asarray(pack.images)
        self._windows = _windows(self._pixels, self.size) if crop else None

    @property
    def spec(self) -> ImageSpec:
        """What a model sees: the spec of the pack at the size of the batches."""
        spec = self.pack.spec
        return ImageSpec(self.size, spec.channels, spec.labels, spec.groups)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step; steps count from 1.

        Images are [N, 3, H, W] in [-1, 1], labels and mask [N, L] or None.
        """
        chosen = self.sampler.indices(step).numpy()
        if self.rows is not None:
            chosen = self.rows[chosen]
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", step))
        flips = (torch.rand(len(chosen), generator=generator) < 0.5).numpy()
        pixels = self._gather(chosen, generator)
        if self.flip:
            pixels[flips] = mirror(pixels[flips])
        return Batch(
            images=to_float(torch.from_numpy(pixels).to(self.device)),
            labels=self._rows(self.pack.labels, chosen),
            mask=self._rows(self.pack.mask, chosen),
        )

    def _gather(self, chosen: np.ndarray, generator: torch.Generator) -> np.ndarray:
        if self._windows is None:
            return np.take(self._pixels, chosen, axis=0)
        top, left = torch.randint(self.crop + 1, (2, len(chosen)), generator=generator).numpy()
        return self._windows[chosen, top, left].reshape(-1, self.size, self.size, 3)

    def _rows(self, values: np.ndarray | None, chosen: np.ndarray) -> Tensor | None:
        if values is None:
            return None
        return torch.from_numpy(values[chosen]).to(self.device, torch.float32)


def _windows(pixels: np.ndarray, size: int) -> np.ndarray:
    """View [N, P, P, 3] as every window of a size: [N, P-size+1, P-size+1, size, size * 3].

    A row of a window is one run of bytes, so that cutting windows copies runs and not pixels.
    """
    count, side, _, channels = pixels.shape
    image, row, pixel, byte = pixels.strides
    places = side - size + 1
    return np.lib.stride_tricks.as_strided(
        pixels,
        (count, places, places, size, size * channels),
        (image, row, pixel, row, byte),
        writeable=False,
    )
