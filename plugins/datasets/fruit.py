"""Pictures of apples or of oranges that animekit draws itself: two domains, no download."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from animekit.config import Layer, Params, parse_value, resolve
from animekit.data.dataset import Dataset
from animekit.errors import ConfigError
from animekit.hookspecs import hookimpl
from animekit.text import did_you_mean
from animekit_plugins.datasets._fruit import KINDS, VERSION, picture_of

FULL_SIZE = 256


class FruitParams(Params):
    """What may follow `fruit:`, as in `fruit:kind=apples,count=50,seed=3`."""

    kind: Literal["apples", "oranges"] = Field(description="apples or oranges")
    count: int = Field(200, ge=1, le=100_000_000, description="number of pictures")
    seed: int = Field(0, ge=0, description="another seed draws other pictures")


class Fruit(Dataset):
    """Pictures of fruit drawn by code: `fruit:apples` or `fruit:oranges`.

    One to five fruits with light, shadow and skin, on paper, wood, cloth or before leaves. Picture
    i of a kind and a seed is always the same one, whatever the count, the order and the size. There
    are no labels. Raises ConfigError where the kind is missing or unknown.
    """

    name = "fruit"
    Params = FruitParams
    params: FruitParams

    def __init__(
        self, where: str = "", params: FruitParams | None = None, tags: Path | None = None
    ) -> None:
        if tags is not None:
            raise ConfigError("fruit: drawn fruit has no labels to read", "leave --tags out")
        super().__init__(where, params if params is not None else _read(where))

    @property
    def description(self) -> str:
        """How many pictures are drawn, of what, and from which seed."""
        return f"{len(self):,} drawn pictures of {self.params.kind}, seed {self.params.seed}"

    def __len__(self) -> int:
        return self.params.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, None]:
        return self.render(index, FULL_SIZE)

    def render(self, index: int, size: int) -> tuple[np.ndarray, None]:
        """Draw a picture at a size: uint8 [size, size, 3], and None for labels."""
        if not 0 <= index < len(self):
            raise IndexError(f"no picture {index}: there are {len(self)}")
        return picture_of(self.params.kind, self.params.seed, index, size), None

    def name_of(self, index: int) -> str:
        """Return the kind, the seed and the number of the picture."""
        return f"{self.params.kind}-{self.params.seed}-{index}"

    def fingerprint(self) -> str:
        """Return a hex hash of the parameters and of the version of the drawing."""
        values = ("fruit", VERSION, self.params.kind, self.params.count, self.params.seed)
        return hashlib.blake2b(repr(values).encode(), digest_size=32).hexdigest()


def _read(where: str) -> FruitParams:
    """Read what follows `fruit:`; raises ConfigError that names the wrong value."""
    values: dict[str, Any] = {}
    for part in filter(None, where.split(",")):
        key, equals, value = part.partition("=")
        if equals:
            values[key.strip()] = parse_value(value)
        else:
            values["kind"] = key.strip()
    hint = "fruit:apples, fruit:oranges, or fruit:kind=apples,count=50,seed=3"
    if "kind" not in values:
        raise ConfigError(f'"fruit:{where}" does not say which fruit', hint)
    kind = str(values["kind"])
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS).strip()
        hint = f"{near} It takes {hint}" if near else f"it takes {hint}"
        raise ConfigError(f'fruit: no pictures of "{kind}" are drawn', hint)
    return resolve(FruitParams, [Layer(f"fruit:{where}", values)]).params


@hookimpl
def animekit_datasets() -> list[type[Dataset]]:
    """Return the fruit that is drawn by code."""
    return [Fruit]
