"""Tiny things for tests: drawn faces with exact labels, narrow models, and their steppers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from animekit.config import Params
from animekit.data.dataset import Dataset
from animekit.data.pack import Pack
from animekit.data.sampler import Loader
from animekit.data.spec import ImageSpec
from animekit.data.unpaired import PairLoader
from animekit.engines.engine import LocalEngine
from animekit.images.pixels import resize
from animekit.models.base import Model, Need
from animekit.training.stepper import Stepper

BATCH = 4
WIDTH = 4  # of every parameter that is called *_channels
N_CRITIC = 2  # other updates wait for it

HAIR = {"black hair": (30, 25, 35), "blonde hair": (240, 210, 90), "blue hair": (60, 90, 210)}
EYES = {"red eyes": (200, 30, 40), "green eyes": (40, 170, 70)}


class TinyFaces(Dataset):
    """Faces of a few shapes and colours, drawn in a few lines; labels are exact.

    `where` is their number. A face depends on its index alone.
    """

    name = "tinyfaces"

    def __len__(self) -> int:
        return int(self.where)

    def spec(self, size: int) -> ImageSpec:
        """Return the spec: three colours of hair, two of eyes."""
        return ImageSpec(size, labels=(*HAIR, *EYES), groups=(len(HAIR), len(EYES)))

    def fingerprint(self) -> str:
        """Return what the content follows from."""
        return f"tinyfaces-1-{len(self)}"

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a face uint8 [64, 64, 3] and its labels uint8 [5]."""
        rng = np.random.default_rng(index)
        hair, eyes = rng.integers(len(HAIR)), rng.integers(len(EYES))
        x, y = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 64))
        x, y = x - rng.uniform(-0.1, 0.1), y - rng.uniform(-0.1, 0.1)
        wide = rng.uniform(0.5, 0.7)
        image = np.broadcast_to(rng.integers(150, 250, 3), (64, 64, 3)).copy()
        image[(x / (wide + 0.2)) ** 2 + (y / 0.9) ** 2 < 1] = list(HAIR.values())[hair]
        image[(x / wide) ** 2 + ((y - 0.2) / 0.65) ** 2 < 1] = (250, 220, 200)
        image[((np.abs(x) - 0.28) / 0.12) ** 2 + ((y - 0.2) / 0.18) ** 2 < 1] = list(EYES.values())[
            eyes
        ]
        labels = np.zeros(len(HAIR) + len(EYES), np.uint8)
        labels[[hair, len(HAIR) + eyes]] = 1
        return image.astype(np.uint8), labels

    def pack(self, size: int) -> Pack:
        """Return all of them at a size as a packed store that lies in memory."""
        items = [self[index] for index in range(len(self))]
        labels = np.stack([item[1] for item in items])
        return Pack(
            folder=Path(),
            spec=self.spec(size),
            images=np.stack([resize(item[0], size) for item in items]),
            labels=labels,
            mask=np.ones_like(labels),
            fingerprint=self.fingerprint(),
            skipped=[],
            found=len(items),
        )


def tiny_dataset(count: int = 64) -> TinyFaces:
    """Return that many drawn faces.

    >>> image, labels = tiny_dataset(8)[0]
    >>> image.shape, labels.tolist()
    ((64, 64, 3), [0, 0, 1, 0, 1])
    """
    return TinyFaces(str(count))


def small_params(cls: type[Model], **changes: Any) -> Params:
    """Return parameters that make a model cheap: narrow networks, few critic updates.

    `changes` that the model does not know are left out.
    """
    fields = cls.Params.model_fields
    wanted = {key: WIDTH for key in fields if key.endswith("_channels")}
    wanted |= {"n_critic": N_CRITIC, **changes}
    values: dict[str, Any] = {}
    for key in wanted.keys() & fields.keys():
        try:
            cls.Params.model_validate({key: wanted[key]})
        except ValidationError:
            continue  # the model sets a bound of its own: leave its default
        values[key] = wanted[key]
    return cls.Params.model_validate(values)


def tiny_model(cls: type[Model], size: int = 32, **changes: Any) -> Model:
    """Return a narrow model for drawn faces of a size, with changed parameters."""
    params = small_params(cls, **changes)
    labelled = cls.needs(params) is Need.LABELLED
    model = cls(params, tiny_dataset().spec(size) if labelled else ImageSpec(size))
    model.validate()
    return model


def tiny_stepper(
    cls: type[Model],
    size: int = 32,
    *,
    seed: int = 0,
    engine: LocalEngine | None = None,
    batch: int = BATCH,
    accumulate: int = 1,
    **changes: Any,
) -> Stepper:
    """Return a stepper over drawn faces; `seed` is that of the first weights."""
    torch.manual_seed(seed)
    pack = tiny_dataset(2 * batch + 1).pack(size)

    def loader(stream: int) -> Loader:
        if cls.data is Need.UNPAIRED:
            return PairLoader((pack, pack), batch, stream, flip=False, crop=0)
        return Loader(pack, batch, stream, flip=False, crop=0)

    return Stepper(
        tiny_model(cls, size, **changes),
        engine or LocalEngine(torch.device("cpu")),
        loader,
        seed=0,
        ema=0.9,
        total=100,
        batch_size=batch,
        accumulate=accumulate,
    )
