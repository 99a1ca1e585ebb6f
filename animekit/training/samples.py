"""Sample grids of a training: the same noise, labels and real images each time."""

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
from animekit.models.abilities import Generates, Illustrates
from animekit.models.sampling import noise_of_seeds
from animekit.training.stepper import Stepper

BATCH = 64
"""Images that are drawn at once."""


def draw_grid(stepper: Stepper, side: int) -> np.ndarray | None:
    """Return the sample grid of a step, uint8 [H, W, 3], None if nothing is drawn.

    Seeds 0, 1, 2, ... from noise to images; a model that changes images shows what it makes of
    some of the data.
    """
    fakes = draw_fakes(stepper, side * side, offset=0)
    if fakes is not None:
        return grid(fakes, side)
    if not isinstance(stepper.model, Illustrates):
        return None
    with stepper.average as model, torch.inference_mode(), stepper.engine.autocast():
        assert isinstance(model, Illustrates)
        return draw_sheet(model, stepper.loader, side, stepper.engine.dtype)


def draw_fakes(stepper: Stepper, count: int, *, offset: int) -> np.ndarray | None:
    """Return images uint8 [N, H, W, 3] of seeds, by the averaged weights.

    The seeds count from `offset`.
    A conditional model is asked for what real images from all parts of the data are. None for a
    model that does not draw from noise.
    """
    if not isinstance(stepper.model, Generates):
        return None
    fakes = []
    asked = labels_of(stepper.loader, count) if stepper.loader.spec.labels else None
    device, dtype = stepper.engine.device, stepper.engine.dtype
    with stepper.average as model, torch.inference_mode(), stepper.engine.autocast():
        assert isinstance(model, Generates)
        for start in range(offset, offset + count, BATCH):
            seeds = range(start, min(start + BATCH, offset + count))
            z = torch.from_numpy(noise_of_seeds(model, seeds)).to(device, dtype)
            labels = None if asked is None else asked[start - offset :][: len(z)].to(device, dtype)
            fakes.append(to_uint8(model.sample(z, labels)))
    return np.concatenate(fakes)


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
        rows = rows_of_all_parts(len(packs[0]), count)
        batch.labels, batch.mask = (
            torch.from_numpy(values[rows]).to(loader.device, torch.float32)
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
    rows = rows_of_all_parts(len(pack), count)
    mask = None if pack.mask is None else pack.mask[rows]
    found = conditions.filled(pack.labels[rows], mask, pack.spec.groups, rows.tolist())
    return torch.from_numpy(found).to(loader.device)


def rows_of_all_parts(total: int, count: int) -> np.ndarray:
    """Return `count` indices from all parts of `total` images, int64, in order.

    >>> rows_of_all_parts(10, 4).tolist(), rows_of_all_parts(2, 5).tolist()
    ([0, 2, 5, 7], [0, 0, 0, 1, 1])
    """
    return np.arange(count) * total // count


def _pictures(pack: Pack, count: int, size: int, device: torch.device) -> Tensor:
    rows = rows_of_all_parts(len(pack), count)
    pixels = np.stack([resize(np.asarray(pack.images[row]), size) for row in rows])
    return to_float(torch.from_numpy(pixels).to(device))


def draw_sheet(
    model: Illustrates, loader: Loader, rows: int, dtype: torch.dtype = torch.float32
) -> np.ndarray:
    """Return the sheet of some images of the data as one picture, uint8 [H, W, 3]."""
    batch = examples(loader, rows)
    batch = batch.double() if dtype == torch.float64 else batch
    sheet = model.sheet(batch)  # [R, K, C, S, S]
    return grid(to_uint8(sheet.flatten(0, 1)), sheet.shape[1])


def draw_reals(loader: Loader, count: int, columns: int) -> np.ndarray:
    """Return up to `count` real images as one picture; of two domains, one half each."""
    batch = examples(loader, count if not isinstance(loader, PairLoader) else count // 2)
    images = batch.images if batch.others is None else torch.cat([batch.images, batch.others])
    return grid(to_uint8(images), columns)
