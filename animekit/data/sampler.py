"""Order and batches: pure functions of (seed, step), so that a resumed run sees the same images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from animekit.data.batch import Batch
from animekit.data.pack import Pack
from animekit.data.spec import ImageSpec
from animekit.data.store.ahead import Ahead
from animekit.data.store.parts import PartedImages, gathered, plain
from animekit.errors import DataError
from animekit.images.pixels import mirror, to_float
from animekit.labels.vocabulary import parts
from animekit.seeds import derive_seed


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
            self._orders[epoch] = self._shuffled(epoch, generator)
        return self._orders[epoch]

    def _shuffled(self, epoch: int, generator: torch.Generator) -> Tensor:
        return torch.randperm(self.n, generator=generator)


class WeightedSampler(Sampler):
    """An endless order in which items come as often as their weights say.

    One of weight 2 comes twice as often as one of weight 1. Items of one weight take turns in an
    order of their own, so that each of them comes equally often; an epoch holds as many of them as
    their weights add up to, rounded, and at least one. `indices(step)` is a pure function of
    (weights, batch, seed, step).
    """

    def __init__(self, weights: np.ndarray, batch: int, seed: int) -> None:
        values = np.unique(weights)
        self._items = [torch.from_numpy(np.flatnonzero(weights == value)) for value in values]
        shares = [
            max(1, round(float(value) * len(each)))
            for value, each in zip(values, self._items, strict=True)
        ]
        super().__init__(sum(shares), batch, seed)
        self._turns = [
            Sampler(len(each), share, derive_seed(seed, "weight", number))
            for number, (each, share) in enumerate(zip(self._items, shares, strict=True))
        ]

    def _shuffled(self, epoch: int, generator: torch.Generator) -> Tensor:
        drawn = [
            items[turns.indices(epoch + 1)]
            for items, turns in zip(self._items, self._turns, strict=True)
        ]
        return torch.cat(drawn)[torch.randperm(self.n, generator=generator)]


class BalancedSampler:
    """Draws in which all values of an attribute come equally often.

    Each place in a batch picks an attribute, then one of the values that occur, then one of the
    images that have it, all with equal chances and with replacement. Images without any label are
    drawn as often as they are in the data. `indices(step)` is a pure function of the labels and of
    (batch, seed, step). `labels` and `mask` are [N, L], `groups` as in ImageSpec.
    """

    def __init__(
        self, labels: np.ndarray, mask: np.ndarray, groups: Sequence[int], batch: int, seed: int
    ) -> None:
        known = np.asarray(mask, dtype=bool)
        self.n = len(labels)
        self.batch = batch
        self.seed = seed
        by_attribute = [each for each in _images_by_value(labels, known, groups) if each]
        if batch < 1 or not by_attribute:
            raise DataError(f"cannot draw balanced batches of {batch}: no image has a label")
        self._images = [images for values in by_attribute for images in values]
        self._values = np.array([len(values) for values in by_attribute])
        self._first = np.cumsum(self._values) - self._values
        self._without = np.flatnonzero(~known.any(axis=1))

    def indices(self, step: int) -> Tensor:
        """Return the items of a step, int64 [batch]; steps count from 1."""
        if step < 1:
            raise ValueError(f"steps count from 1, got {step}")
        rng = np.random.default_rng(derive_seed(self.seed, "balance", step))
        attribute = rng.integers(len(self._values), size=self.batch)
        value = self._first[attribute] + rng.integers(self._values[attribute])
        without = rng.random(self.batch) * self.n < len(self._without)
        place = rng.random(self.batch)
        pools = [
            self._without if plain else self._images[which]
            for plain, which in zip(without, value, strict=True)
        ]
        chosen = [pool[int(at * len(pool))] for pool, at in zip(pools, place, strict=True)]
        return torch.from_numpy(np.array(chosen, np.int64))


def _images_by_value(
    labels: np.ndarray, known: np.ndarray, groups: Sequence[int]
) -> Iterator[list[np.ndarray]]:
    """Yield for each attribute the images of each of its values that occur."""
    for part in parts(groups):
        has, seen = labels[:, part].astype(bool), known[:, part]  # [N, values]
        values = [has[:, 0], ~has[:, 0]] if has.shape[1] == 1 else list(has.T)
        rows = [np.flatnonzero(value & seen.any(axis=1)) for value in values]
        yield [each for each in rows if len(each)]


class Loader:
    """Batches of a pack by step, flipped and cut at random if asked.

    With `crop`, the pack was made at size + crop and a random window of the size is cut out.
    `rows` are the indices of the images to use, all of them by default. With `balance`, a
    BalancedSampler picks them; raises DataError where there are no labels. Where the images of the
    pack have weights, a WeightedSampler does.
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
        balance: bool = False,
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
        self.sampler: Sampler | BalancedSampler = (
            self._balanced(batch) if balance else self._sampler(batch)
        )
        self._pixels = plain(pack.images)
        parts = self._pixels.parts if isinstance(self._pixels, PartedImages) else [self._pixels]
        self._windows = [_windows(part, self.size) for part in parts] if crop else None
        self._ahead = Ahead(self._pixels)
        self._drawn: dict[int, np.ndarray] = {}  # the images of one step, the next one

    def _sampler(self, batch: int) -> Sampler:
        if self.pack.weights is not None:
            weights = self.pack.weights if self.rows is None else self.pack.weights[self.rows]
            return WeightedSampler(weights, batch, self.seed)
        return Sampler(len(self.pack) if self.rows is None else len(self.rows), batch, self.seed)

    def _balanced(self, batch: int) -> BalancedSampler:
        labels, mask = self.pack.labels, self.pack.mask
        if labels is None or mask is None:
            raise DataError("cannot draw balanced batches of images without labels", "give --tags")
        use = slice(None) if self.rows is None else self.rows
        return BalancedSampler(labels[use], mask[use], self.pack.spec.groups, batch, self.seed)

    @property
    def spec(self) -> ImageSpec:
        """What a model sees: the spec of the pack at the size of the batches."""
        spec = self.pack.spec
        return ImageSpec(self.size, spec.channels, spec.labels, spec.groups)

    def batch(self, step: int, own: np.ndarray | None = None) -> Batch:
        """Return the batch of a step, or its rows `own` alone; steps count from 1.

        Images are [N, 3, H, W] in [-1, 1], labels and mask [N, L] or None. The disk is asked for
        the images of the step after it, whose order is known.
        """
        if step not in self._drawn:
            self._ask(step, own)
        chosen = self._chosen(step)
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", step))
        flips = (torch.rand(len(chosen), generator=generator) < 0.5).numpy()
        places = self._places(len(chosen), generator)
        if own is not None:
            chosen, flips, places = chosen[own], flips[own], places[:, own]
        pixels = self._gather(chosen, places)
        self._ask(step + 1, own)
        if self.flip:
            pixels[flips] = mirror(pixels[flips])
        return Batch(
            images=to_float(torch.from_numpy(pixels).to(self.device)),
            labels=self._rows(self.pack.labels, chosen),
            mask=self._rows(self.pack.mask, chosen),
        )

    def _chosen(self, step: int) -> np.ndarray:
        """Return the images of a step, int64 [N]; those of the last step asked for are kept."""
        if step not in self._drawn:
            rows = self.sampler.indices(step).numpy()
            self._drawn = {step: rows if self.rows is None else self.rows[rows]}
        return self._drawn[step]

    def _ask(self, step: int, own: np.ndarray | None) -> None:
        chosen = self._chosen(step)
        self._ahead.ask(chosen if own is None else chosen[own])

    def _places(self, count: int, generator: torch.Generator) -> np.ndarray:
        """Return where windows are cut out, top and left: int64 [2, count]."""
        if self._windows is None:
            return np.zeros((2, count), np.int64)
        return torch.randint(self.crop + 1, (2, count), generator=generator).numpy()

    def _gather(self, chosen: np.ndarray, places: np.ndarray) -> np.ndarray:
        pixels = self._pixels
        if self._windows is None:
            return gathered(pixels, chosen)
        top, left = places
        if not isinstance(pixels, PartedImages):
            return self._windows[0][chosen, top, left].reshape(-1, self.size, self.size, 3)
        found = np.empty((len(chosen), self.size, self.size, 3), np.uint8)
        for part, start, rows in pixels.places(chosen):
            cut = self._windows[part][chosen[rows] - start, top[rows], left[rows]]
            found[rows] = cut.reshape(-1, self.size, self.size, 3)
        return found

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
