"""Configuration: frozen parameters, presets, `--set`, the origin of values."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar, cast, get_args

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

from animekit.errors import ConfigError, UsageError
from animekit.files import is_file
from animekit.foreign import TOML_LIMIT, read_json, read_toml
from animekit.text import at_home, did_you_mean, spelled

CALL = "the call"  # where values of a function's caller are from
P = TypeVar("P", bound="Params")
F = TypeVar("F", bound=Callable[..., Any])


class Params(BaseModel):
    """Hyperparameters of one component: frozen, closed, each with a description."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )
    old_names: ClassVar[Mapping[str, str]] = {}
    """What earlier versions wrote: {"pool": "pool_size"} for a key, {"how=own": "how=separate"}
    for a value. Runs, weights, files and command lines of theirs are read as what they meant."""
    topics: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Fields by the topic under which help shows them; a field has it in json_schema_extra."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for base in reversed(cls.__mro__):
            for topic, names in vars(base).get("topics", {}).items():
                for name in names:
                    cls.model_fields[name].json_schema_extra = {"topic": topic}

    @classmethod
    def renamed(cls) -> dict[str, str]:
        """Return `old_names` of this class and its bases, without what is a field again."""
        found: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            found |= vars(base).get("old_names", {})
        return {old: new for old, new in found.items() if old not in cls.model_fields}

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


def current(layer: Layer, *schemas: type[Params]) -> Layer:
    """Return a layer with old keys and values as they are called now.

    Raises ConfigError where a key stands under both of its names.
    """
    fields = {key for schema in schemas for key in schema.model_fields}
    names = {old: new for schema in schemas for old, new in schema.renamed().items()}
    values: dict[str, Any] = {}
    for key, value in layer.values.items():
        new = key if key in fields else names.get(key, key)
        if new != key and new in layer.values:
            raise ConfigError(
                f"{key} is called {new} now, and both are given (from {layer.origin})",
                f"leave {key} out",
            )
        meant = names.get(f"{new}={value}")
        values[new] = value if meant is None else meant.partition("=")[2]
    return Layer(layer.origin, values)


def renamed_arguments(**names: str) -> Callable[[F], F]:
    """Let a function take arguments by the names that they had in earlier versions.

    >>> renamed_arguments(gpu="device")(lambda device: device)(gpu="cpu")
    'cpu'
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            for old, new in names.items():
                if old in given and new in given:
                    raise UsageError(f"{old} is called {new} now, both are given", "give one")
                if old in given:
                    given[new] = given.pop(old)
            return function(*args, **given)

        return cast(F, call)

    return decorate


@dataclass(frozen=True)
class Resolved(Generic[P]):
    """Frozen parameters, and the origin of each value."""

    params: P
    origins: dict[str, str]


def resolve(cls: type[P], layers: Iterable[Layer]) -> Resolved[P]:
    """Merge layers, the strongest last, into validated parameters of `cls`.

    Names of earlier versions are read as today's. A value that was typed is read as the field's
    type: "0,0.99" as a pair of floats, 7 as the text "7", 64 as a list of one. Raises ConfigError
    that names the key, the value, its origin, and the nearest known key.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(cls.model_fields, "default")
    for layer in layers:
        for key, value in current(layer, cls).values.items():
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
    lone = isinstance(value, list) and len(value) == 1  # [1] is no number, and "1" would be one
    typed = parse_value(value) if isinstance(value, str) else value if lone else show(value)
    for reading in (value, typed, tuple(map(show, value)) if type(value) is tuple else (value,)):
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
    message = message.replace("field required", "there must be more values")
    if not first["loc"]:  # a rule that spans several parameters names them itself
        return ConfigError(message)
    field = cls.model_fields[key := str(first["loc"][0])]
    hint = f"{key}: {field.description or 'no description'}"
    if field.is_required() and key not in values:
        return ConfigError(f"{key} is missing", hint)
    default = field.get_default(call_default_factory=True)
    seen = values.get(key, default)
    value = str(seen) if isinstance(seen, list) else show(seen)
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
    if text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    if (digits := text.lstrip("+-")).startswith("0") and digits.isdecimal() and digits != "0":
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
    read = read_json if path.suffix == ".json" else read_toml
    hint = "give --config a TOML file, or the config.json of a run"
    values = read(path, "configuration file", limit=TOML_LIMIT, kind=ConfigError, hint=hint)
    if path.suffix == ".json":
        parts = values if isinstance(values, dict) else {}
        params, options = parts.get("params"), parts.get("options")
        if not isinstance(params, dict) or not isinstance(options, dict) or "model" not in parts:
            raise ConfigError(f"{path} is not the config.json of a run", "use runs/ID/config.json")
        values = {str(parts["model"]): {**params, **options}}
    return Layer(str(path), values)


def file_layers(path: Path | str | None) -> Iterator[Layer]:
    """Yield what the configuration files hold, the weakest first: the user's own.

    `--config FILE`, else `./animekit.toml`, over `$XDG_CONFIG_HOME/animekit/config.toml`.
    """
    yield from map(read_file, filter(is_file, [user_config()]))  # none in a home not ours to read
    if path or Path("animekit.toml").is_file():
        yield read_file(path or "animekit.toml")


def command_tables(path: Path | str | None, command: str) -> list[Layer]:
    """Return the tables of a command's components, as [clean.blur], of all files.

    Keys are as "blur.side". Raises ConfigError where the command's table holds other than tables.
    """
    found: list[Layer] = []
    for layer in file_layers(path):
        table = layer.values.get(command, {})
        for name, values in table.items() if isinstance(table, dict) else [(command, table)]:
            if not isinstance(values, dict):
                raise ConfigError(
                    f"{layer.origin}: [{command}] has {name}",
                    f"parameters stand in tables, as in [{command}.NAME]",
                )
            own = {f"{name}.{key}": value for key, value in flat_table(values).items()}
            found.append(Layer(f"[{command}.{name}] in {layer.origin}", own))
    return found


def config_layers(
    path: Path | str | None, model: str, known: Iterable[str], old: Iterable[str] = ()
) -> list[Layer]:
    """Return the layers of the configuration files for one model, the strongest last.

    Tables of other models are left out; the config.json of another model's run is an error. `old`
    are keys of earlier versions, which are let through.
    """
    known, old = set(known), set(old)
    layers = []
    for layer in file_layers(path):
        if layer.origin.endswith(".json") and model not in layer.values:
            raise ConfigError(
                f"{layer.origin} is of a {next(iter(layer.values))} run, not {model}",
                f"train {next(iter(layer.values))}, or write the common values to a TOML file",
            )
        tables = [layer.values.get("train", {})]
        tables += [table for key, table in layer.values.items() if spelled(key) == spelled(model)]
        flat = flat_table(layer.values)
        for table in tables:
            flat |= flat_table(table) if isinstance(table, dict) else {}
        for key in flat:
            if key not in known and key not in old:
                raise unknown_key(key, known, layer.origin)
        layers.append(Layer(layer.origin, {key: at_home(value) for key, value in flat.items()}))
    return layers


def user_config() -> Path:
    """Return where the user's own configuration file is, or would be."""
    return platformdirs.user_config_path("animekit", appauthor=False, roaming=True) / "config.toml"


def flat_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of a TOML table, keys with underscores."""
    return {
        key.replace("-", "_"): value for key, value in table.items() if not isinstance(value, dict)
    }
