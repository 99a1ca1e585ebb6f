"""Presets: named recipes in TOML files beside a plugin."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from animekit.config import Layer, Params, flat_table, read_file, resolve
from animekit.errors import ConfigError, NotFoundError
from animekit.plugins import Registry
from animekit.text import did_you_mean, spelled

if TYPE_CHECKING:
    from animekit.models.base import Model


class Suits(Params):
    """For which trainings `--preset best` takes a recipe."""

    least_px: int = Field(0, description="smallest side of the images")
    most_px: int = Field(1 << 20, description="largest side of the images")
    most_images: int | None = Field(None, description="most images of the data")
    device: Literal["cpu", "cuda", "mps", "any"] = Field("any", description="the hardware")

    def fits(self, px: int, images: int | None, device: str) -> bool:
        """Say whether a training is such a one; of unknown data only where any would do."""
        few = self.most_images is None or (images is not None and images <= self.most_images)
        return few and self.least_px <= px <= self.most_px and self.device in ("any", device)


@dataclass(frozen=True)
class Preset:
    """A named TOML file beside a plugin: parameters and options of one recipe."""

    name: str
    path: Path
    description: str
    models: tuple[str, ...]
    values: dict[str, Any]
    suits: Suits | None = None  # what `--preset best` takes it for; None is never

    def layer(self, model: str) -> Layer:
        """Return the values for one model: the common ones, then the model's own table."""
        tables = (table for key, table in self.values.items() if spelled(key) == spelled(model))
        own = next((table for table in tables if isinstance(table, dict)), {})
        return Layer(
            f"preset {self.name}",
            {**flat_table(self.values), **flat_table(own)},
        )


def read_preset(path: Path) -> Preset:
    """Read one preset file; raises ConfigError where it is not one."""
    values = dict(read_file(path).values)
    description, models = values.pop("description", None), values.pop("models", None)
    suits = values.pop("suits", None)
    named = isinstance(models, list) and all(isinstance(model, str) for model in models)
    if not named or not isinstance(description, str):
        raise ConfigError(
            f"{path} is not a preset", 'a preset has description = "..." and models = ["..."]'
        )
    where = None if suits is None else resolve(Suits, [Layer(str(path), suits)]).params
    for key, value in values.items():
        if isinstance(value, dict) and spelled(key) not in map(spelled, models):
            raise ConfigError(
                f"{path} has a table [{key}], which is none of its models",
                "models = " + json.dumps(models),
            )
    return Preset(path.stem, path, description, tuple(models), values, where)


def presets(folders: Iterable[Path], model: str) -> dict[str, Preset]:
    """Return the presets of a model by name, from `presets/` folders beside plugins."""
    found: dict[str, Preset] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            preset = read_preset(path)
            if spelled(model) not in map(spelled, preset.models):
                continue
            if preset.name in found:
                raise ConfigError(
                    f'two presets of {model} are called "{preset.name}":'
                    f" {found[preset.name].path} and {path}",
                    "rename one of them",
                )
            found[preset.name] = preset
    return found


def presets_of(cls: type[Model]) -> dict[str, Preset]:
    """Return the presets of a model: TOML files in `presets/` beside its plugin."""
    module = sys.modules[cls.__module__]
    folder = Path(str(module.__file__)).parent / "presets"
    return presets([folder], cls.name)


def preset_layer(cls: type[Model], name: str, registry: Registry) -> Layer:
    """Return what a preset says for a model: all, or the networks alone."""
    found, networks = presets_of(cls), networks_of(cls, registry)
    if name in found:
        return found[name].layer(cls.name)
    if name not in networks:
        raise _no_preset(cls, name, {**found, **networks})
    return networks[name]


def networks_of(cls: type[Model], registry: Registry) -> dict[str, Layer]:
    """Return the networks of other models' presets that a model can take.

    That is one whose generator and discriminator are chosen by `AdversarialParams`. A preset gives
    the parameters of that topic, the size of z and the size of the images.
    """
    from animekit.models.adversarial import AdversarialParams

    if not issubclass(cls.Params, AdversarialParams):
        return {}
    wanted = {*AdversarialParams.topics["networks"], "z_dim", "size"}
    ancestors = [name for base in cls.__mro__ if (name := vars(base).get("name"))]
    found: dict[str, Layer] = {}
    for other in registry.all("model").values():
        if not issubclass(other.Params, AdversarialParams):
            continue
        for name, preset in presets_of(other).items():
            table = next((each for each in ancestors if each in preset.models), "")
            layer = preset.layer(table)
            layer = Layer(layer.origin, {k: v for k, v in layer.values.items() if k in wanted})
            if "architecture" in layer.values:
                found.setdefault(name, Layer(f"networks of preset {name}", layer.values))
    return {name: layer for name, layer in found.items() if name not in presets_of(cls)}


def _no_preset(cls: type[Model], name: str, known: Iterable[str]) -> NotFoundError:
    known = list(known)
    return NotFoundError(
        f'model {cls.name} has no preset "{name}".{did_you_mean(name, known)}',
        "presets: " + (" ".join(known) or "none"),
        code="preset.not_found",
    )
