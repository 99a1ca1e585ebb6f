"""Sample sheets of models that change images: the same ones each time, and what became of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from animekit.data.batch import Batch
from animekit.data.pack import Pack
from animekit.data.sampler import Loader
from animekit.data.unpaired import PairLoader
from animekit.images.layout import grid
from animekit.images.pixels import resize, to_float, to_uint8
from animekit.labels import conditions
from animekit.models.abilities import Illustrates


def examples(loader: Loader, count: int) -> Batch:
    """Return a batch of up to `count` images from all parts of the data.

    They are uncut and unmirrored, [N, 3, S, S] in [-1, 1], with their labels and mask, or with as
    many `others`.
    """
    packs = [loader.pack, loader.second.pack] if isinstance(loader, PairLoader) else [loader.pack]
    count = min(count, *map(len, packs))
    size = loader.spec.size
    batch = Batch(images=_pictures(packs[0], count, size, loader.device))
    if len(packs) > 1:
        batch.others = _pictures(packs[1], count, size, loader.device)
    elif packs[0].labels is not None and packs[0].mask is not None:
        batch.labels, batch.mask = (
            torch.from_numpy(values[spread(len(packs[0]), count)]).to(loader.device, torch.float32)
            for values in (packs[0].labels, packs[0].mask)
        )
    return batch


def labels_of(loader: Loader, count: int) -> Tensor:
    """Return the labels float32 [count, L] of images from all parts of the data.

    An unknown attribute has a drawn value. The first ones are those of the pictures of `examples`
    where as many are asked for.
    """
    pack = loader.pack
    assert pack.labels is not None
    rows = spread(len(pack), count)
    mask = None if pack.mask is None else pack.mask[rows]
    found = conditions.filled(pack.labels[rows], mask, pack.spec.groups, rows.tolist())
    return torch.from_numpy(found).to(loader.device)


def spread(total: int, count: int) -> np.ndarray:
    """Return `count` indices from all parts of `total` images, int64, in order.

    >>> spread(10, 4).tolist(), spread(2, 5).tolist()
    ([0, 2, 5, 7], [0, 0, 0, 1, 1])
    """
    return np.arange(count) * total // count


def _pictures(pack: Pack, count: int, size: int, device: torch.device) -> Tensor:
    rows = spread(len(pack), count)
    pixels = np.stack([resize(np.asarray(pack.images[row]), size) for row in rows])
    return to_float(torch.from_numpy(pixels).to(device))


def draw_sheet(model: Illustrates, loader: Loader, rows: int) -> np.ndarray:
    """Return the sheet of some images of the data as one picture, uint8 [H, W, 3]."""
    sheet = model.sheet(examples(loader, rows))  # [R, K, C, S, S]
    return grid(to_uint8(sheet.flatten(0, 1)), sheet.shape[1])


def draw_reals(loader: Loader, count: int, columns: int) -> np.ndarray:
    """Return up to `count` real images as one picture; of two domains, one half each."""
    batch = examples(loader, count if not isinstance(loader, PairLoader) else count // 2)
    images = batch.images if batch.others is None else torch.cat([batch.images, batch.others])
    return grid(to_uint8(images), columns)
