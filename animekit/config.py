"""Configuration: frozen parameters, presets, `--set`, the origin of values."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from animekit.errors import ConfigError, NotFoundError
from animekit.text import did_you_mean

P = TypeVar("P", bound="Params")


class Params(BaseModel):
    """Hyperparameters of one component: frozen, closed, each with a description."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic reads true as 1, and a learning rate of "yes" is never what was meant
        if isinstance(value, bool):
            kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
            if bool not in kinds and kinds & {int, float}:
                raise ValueError("should be a number, not true or false")
        return value


def _kinds(annotation: Any) -> set[Any]:
    return {annotation}.union(*(_kinds(part) for part in get_args(annotation)))


@dataclass(frozen=True)
class Layer:
    """Values from one place, which `origin` names: "--set", "preset cpu"."""

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Resolved(Generic[P]):
    """Frozen parameters, and the origin of each value."""

    params: P
    origins: dict[str, str]


def resolve(cls: type[P], layers: Iterable[Layer]) -> Resolved[P]:
    """Merge layers, the strongest last, into validated parameters of `cls`.

    A value that was typed is read as the field's type: "0,0.99" as a pair of floats, 7 as the text
    "7", 64 as a list of one. Raises ConfigError that names the key, the value, its origin, and the
    nearest known key.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(cls.model_fields, "default")
    for layer in layers:
        for key, value in layer.values.items():
            if key not in cls.model_fields:
                raise unknown_key(key, cls.model_fields, layer.origin)
            values[key] = _fit(cls.model_fields[key], value)
            origins[key] = layer.origin
    try:
        return Resolved(cls.model_validate(values), origins)
    except ValidationError as error:
        raise _explain(cls, error, values, origins) from None


def _fit(field: FieldInfo, value: Any) -> Any:
    annotation: Any = Annotated[field.annotation, field]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    typed = parse_value(value) if isinstance(value, str) else show(value)
    texts = tuple(map(show, value)) if isinstance(value, tuple) else (value,)
    for reading in (value, typed, texts):
        try:
            adapter.validate_python(reading)
        except ValidationError:
            continue
        return reading
    return value


def _explain(
    cls: type[Params], error: ValidationError, values: Mapping[str, Any], origins: Mapping[str, str]
) -> ConfigError:
    first = error.errors()[0]
    same = [e for e in error.errors() if e["loc"][:1] == first["loc"][:1]]  # a union's alternatives
    texts = list(dict.fromkeys(e["msg"].removeprefix("Value error, ") for e in same))
    message = ", or ".join(text[:1].lower() + text[1:] for text in texts)
    if not first["loc"]:  # a rule that spans several parameters names them itself
        return ConfigError(message)
    key = str(first["loc"][0])
    field = cls.model_fields[key]
    hint = f"{key}: {field.description or 'no description'}"
    if field.is_required() and key not in values:
        return ConfigError(f"{key} is missing", hint)
    default = field.get_default(call_default_factory=True)
    value = show(values.get(key, default))
    words = [word for word in _kinds(field.annotation) if isinstance(word, str)]
    near = did_you_mean(value, words)
    return ConfigError(
        f"{key} = {value}: {message} (from {origins[key]}){near and '.' + near}",
        hint if field.is_required() else f"{hint}; default {show(default)}",
    )


def unknown_key(key: str, known: Iterable[str], origin: str) -> ConfigError:
    """Return the error for a key that nothing knows, with the nearest known one."""
    known = sorted(known)
    return ConfigError(
        f'unknown parameter "{key}" (from {origin}).{did_you_mean(key, known)}',
        "known: " + " ".join(known),
        code="config.unknown_key",
    )


def show(value: Any) -> str:
    """Return a value as a user would type it after `--set key=`.

    >>> show((0.5, 0.999)), show(True), show(None)
    ('0.5,0.999', 'true', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ",".join(show(item) for item in value)
    return str(value)


def parse_value(text: str) -> Any:
    """Read what was typed: numbers, booleans, none, comma lists, else the text.

    >>> parse_value("3e-4"), parse_value("0,0.99"), parse_value("none"), parse_value("lrelu:.2")
    (0.0003, (0, 0.99), None, 'lrelu:.2')
    """
    text = text.strip()
    if "," in text:
        return tuple(parse_value(part) for part in text.split(",") if part.strip())
    if text.lower() in ("none", "null"):
        return None
    if text.lower() in ("true", "on", "yes", "false", "off", "no"):
        return text if text.lower() in ("on", "off") else text.lower() in ("true", "yes")
    digits = text.lstrip("+-")
    if digits.startswith("0") and digits.isdecimal() and digits != "0":
        return text  # "0007" is the name of a run
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_set(pairs: Sequence[str]) -> Layer:
    """Read `--set key=value` pairs into one layer.

    >>> dict(parse_set(["lr=3e-4", "betas=0,0.99"]).values)
    {'lr': 0.0003, 'betas': (0, 0.99)}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f'cannot read --set "{pair}"', "write --set key=value, as in lr=3e-4")
        values[key.strip().replace("-", "_")] = parse_value(text)
    return Layer("--set", values)


def from_environment(known: Iterable[str], environ: Mapping[str, str] | None = None) -> Layer:
    """Return the values of `ANIMEKIT_<KEY>` variables for the known keys."""
    environ = os.environ if environ is None else environ
    names = {key: f"ANIMEKIT_{key.upper()}" for key in known}
    values = {key: parse_value(environ[name]) for key, name in names.items() if environ.get(name)}
    return Layer("environment", values)


def read_file(path: Path | str) -> Layer:
    """Read a TOML file, or a run's config.json, into one layer.

    A TOML file has the options under `[train]`, parameters at the top or under `[MODEL]`. A run's
    config.json gives its parameters and options back.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"no configuration file {path}", "give --config a TOML or JSON file")
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", "it must be TOML, or JSON") from None
    if path.suffix == ".json":
        parts = values if isinstance(values, dict) else {}
        params, options = parts.get("params"), parts.get("options")
        if not isinstance(params, dict) or not isinstance(options, dict) or "model" not in parts:
            raise ConfigError(f"{path} is not the config.json of a run", "use runs/ID/config.json")
        values = {str(parts["model"]): {**params, **options}}
    return Layer(str(path), values)


def config_layers(path: Path | str | None, model: str, known: Iterable[str]) -> list[Layer]:
    """Return the layers of the configuration files for one model, the strongest last.

    `--config FILE`, else `./animekit.toml`, over the user's own
    `$XDG_CONFIG_HOME/animekit/config.toml`. Tables of other models are left out; the config.json
    of another model's run is an error.
    """
    own = user_config()
    here = Path("animekit.toml")
    files = [own] if own.is_file() else []
    if path or here.is_file():
        files.append(Path(path) if path else here)
    known = set(known)
    layers = []
    for layer in map(read_file, files):
        if layer.origin.endswith(".json") and model not in layer.values:
            raise ConfigError(
                f"{layer.origin} is of a {next(iter(layer.values))} run, not {model}",
                f"train {next(iter(layer.values))}, or write the common values to a TOML file",
            )
        tables = [layer.values.get(table, {}) for table in ("train", model)]
        flat = _flat(layer.values)
        for table in tables:
            flat |= _flat(table) if isinstance(table, dict) else {}
        for key in flat:
            if key not in known:
                raise unknown_key(key, known, layer.origin)
        layers.append(Layer(layer.origin, flat))
    return layers


def user_config() -> Path:
    """Return where the user's own configuration file is, or would be."""
    folder = platformdirs.user_config_path("animekit", appauthor=False, roaming=True)
    return folder / "config.toml"


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key.replace("-", "_"): value for key, value in table.items() if not isinstance(value, dict)
    }


@dataclass(frozen=True)
class Preset:
    """A named TOML file beside a plugin: parameters and options of one recipe."""

    name: str
    path: Path
    description: str
    models: tuple[str, ...]
    values: dict[str, Any]

    def layer(self, model: str) -> Layer:
        """Return the values for one model: the common ones, then the model's own table."""
        return Layer(
            f"preset {self.name}", {**_flat(self.values), **_flat(self.values.get(model, {}))}
        )


def read_preset(path: Path) -> Preset:
    """Read one preset file; raises ConfigError where it is not one."""
    values = dict(read_file(path).values)
    description, models = values.pop("description", None), values.pop("models", None)
    named = isinstance(models, list) and all(isinstance(model, str) for model in models)
    if not named or not isinstance(description, str):
        raise ConfigError(
            f"{path} is not a preset", 'a preset has description = "..." and models = ["..."]'
        )
    for key, value in values.items():
        if isinstance(value, dict) and key not in models:
            raise ConfigError(
                f"{path} has a table [{key}], which is none of its models",
                "models = " + json.dumps(models),
            )
    return Preset(path.stem, path, description, tuple(models), values)


def presets(folders: Iterable[Path], model: str) -> dict[str, Preset]:
    """Return the presets of a model by name, from `presets/` folders beside plugins."""
    found: dict[str, Preset] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            preset = read_preset(path)
            if model not in preset.models:
                continue
            if preset.name in found:
                raise ConfigError(
                    f'two presets of {model} are called "{preset.name}":'
                    f" {found[preset.name].path} and {path}",
                    "rename one of them",
                )
            found[preset.name] = preset
    return found
