"""Anime-style faces that animekit draws itself: no download, any number, exact labels."""

from __future__ import annotations

import hashlib
import itertools
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from animekit.config import Layer, Params, parse_value, resolve
from animekit.data.dataset import Dataset
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.hookspecs import hookimpl
from animekit.labels.tags import EYES, HAIR
from animekit.text import did_you_mean
from animekit_plugins.datasets._faces.picture import VERSION, colours_of, face_of, picture_of
from animekit_plugins.datasets._faces.traits import GROUPS, LABELS

FULL_SIZE = 256


class SyntheticParams(Params):
    """What may follow `synthetic:`, as in `synthetic:hair=blonde,count=500,seed=3`."""

    count: int = Field(10_000, ge=1, le=100_000_000, description="number of faces")
    seed: int = Field(0, ge=0, description="another seed draws other faces")
    hair: tuple[str, ...] | None = Field(
        None, description=f"only faces with hair of {', '.join(HAIR)}"
    )
    eyes: tuple[str, ...] | None = Field(
        None, description=f"only faces with eyes of {', '.join(EYES)}"
    )

    @field_validator("hair", "eyes")
    @classmethod
    def _is_drawn(
        cls, colours: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        known = HAIR if info.field_name == "hair" else EYES
        for colour in colours or ():
            if colour not in known:
                near = did_you_mean(colour, known)
                raise ValueError(f'"{colour}" is no colour of {info.field_name}.{near}')
        return colours


class Synthetic(Dataset):
    """Anime-style faces drawn by code, with exact labels: `synthetic:5000`.

    Face i of a seed is always the same one, whatever the count, the order and the size. Its labels
    are one hair colour, eye colour, hair style and skin tone, and any of blush, smile, open mouth,
    hat, ribbon and glasses. `synthetic:hair=blonde,count=200` are the first 200 faces of a seed
    that have blonde hair; `hair=blonde|blue,eyes=red` takes either hair, and red eyes.
    """

    name = "synthetic"
    Params = SyntheticParams
    params: SyntheticParams

    def __init__(
        self, where: str = "", params: SyntheticParams | None = None, tags: Path | None = None
    ) -> None:
        if tags is not None:
            raise ConfigError(
                "synthetic: faces have labels of their own, so a tags file cannot be used",
                "leave --tags out",
            )
        super().__init__(where, params if params is not None else _read(where))

    @property
    def description(self) -> str:
        """How many faces are drawn, and from which seed."""
        kept = ((self.params.hair, "hair"), (self.params.eyes, "eyes"))
        words = [f"{' or '.join(colours)} {part}" for colours, part in kept if colours]
        traits = f" with {' and '.join(words)}" if words else ""
        return f"{len(self):,} drawn faces{traits}, seed {self.params.seed}"

    def spec(self, size: int) -> ImageSpec:
        """Return what a model sees of these faces at a size."""
        return ImageSpec(size=size, labels=LABELS, groups=GROUPS)

    def __len__(self) -> int:
        return self.params.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.render(index, FULL_SIZE)

    def render(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw a face at a size: uint8 [size, size, 3], and its labels uint8 [L]."""
        if not 0 <= index < len(self):
            raise IndexError(f"no face {index}: there are {len(self)}")
        seed, number = self.params.seed, self._number(index)
        return picture_of(seed, number, size), face_of(seed, number).labels

    def labels_of(self, index: int) -> np.ndarray:
        """Return the labels of a face, uint8 [L], without drawing it."""
        labels: np.ndarray = face_of(self.params.seed, self._number(index)).labels
        return labels

    def pictures(self) -> str:
        """Return the fingerprint: the same faces have the same labels."""
        return self.fingerprint()

    def name_of(self, index: int) -> str:
        """Return the seed and the number of the face."""
        return f"synthetic-{self.params.seed}-{self._number(index)}"

    def _number(self, index: int) -> int:
        """Return which face of the seed has a place in this set."""
        return self._chosen[index] if self.params.hair or self.params.eyes else index

    @cached_property
    def _chosen(self) -> list[int]:
        """The numbers of the first faces of the seed that have the colours asked for."""
        hair = {HAIR.index(colour) for colour in self.params.hair or HAIR}
        eyes = {EYES.index(colour) for colour in self.params.eyes or EYES}
        pairs = ((number, *colours_of(self.params.seed, number)) for number in itertools.count())
        found = (number for number, first, second in pairs if first in hair and second in eyes)
        return list(itertools.islice(found, len(self)))

    def fingerprint(self) -> str:
        """Return a hex hash of the parameters and of the version of the drawing."""
        values: tuple[Any, ...] = (VERSION, self.params.count, self.params.seed, LABELS, GROUPS)
        if self.params.hair or self.params.eyes:
            values += (self.params.hair, self.params.eyes)
        return hashlib.blake2b(repr(values).encode(), digest_size=32).hexdigest()


def _read(where: str) -> SyntheticParams:
    """Read what follows `synthetic:`; raises ConfigError that names the wrong value."""
    parts = where.split(",") if "=" in where else [f"count={where}"] if where else []
    values: dict[str, Any] = {}
    for part in parts:
        key, _, value = part.partition("=")
        key = key.strip()
        colours = key in ("hair", "eyes")
        values[key] = tuple(map(str.strip, value.split("|"))) if colours else parse_value(value)
    return resolve(SyntheticParams, [Layer(f"synthetic:{where}", values)]).params


@hookimpl
def animekit_datasets() -> list[type[Dataset]]:
    """Return the faces that are drawn by code."""
    return [Synthetic]
