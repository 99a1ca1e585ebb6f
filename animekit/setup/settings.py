"""Settings: the configuration file, written for a model and read for mistakes."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit import plugins
from animekit.config import (
    TOML_LIMIT,
    Layer,
    Params,
    current,
    read_file,
    resolve,
    unknown_key,
)
from animekit.errors import AnimekitError, ConfigError, UnusableError
from animekit.files import refuse_unwritable, write_atomic
from animekit.foreign import read_text
from animekit.text import did_you_mean, printable, spelled
from animekit.training.presets import preset_layer, presets_of
from animekit.training.recipe import BEST, PRESET, TrainOptions, make_recipe
from animekit.training.tips import KEY as TIPS

if TYPE_CHECKING:
    from animekit.models.base import Model
    from animekit.plugins import Registry

FILE = Path("animekit.toml")
KINDS = {"clean": "check", "evaluate": "metric"}
"""Commands whose tables are of plugins, and of which kind."""
LEFT_OUT = ("name",)  # options that are of one run alone
WIDE = 96  # letters of a line
Place = tuple[str, ...]
"""A key with the tables that it stands in."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a file: the line, where it is known, and what to do."""

    line: int | None
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}{self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def new_settings(
    model: str,
    path: Path | str = FILE,
    *,
    preset: str | None = None,
    registry: Registry | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> str:
    """Write a commented configuration file of a model, and return its text.

    The preset is named in it; below stands every option and parameter with its value and words,
    each behind a "#" that is taken away to change it. Raises UnusableError where the file is there.
    """
    path, registry = Path(path), registry or plugins.load()
    cls = registry.get("model", model)
    named = {} if preset in (None, "none") else preset_layer(cls, str(preset), registry).values
    layer = current(Layer(f"preset {preset}", named), cls.Params, TrainOptions)
    parts = [
        resolve(each, [Layer(layer.origin, {k: v for k, v in layer.values.items() if k in fields})])
        for each in (TrainOptions, cls.Params)
        for fields in [each.model_fields]
    ]
    text = "\n".join(_lines(cls.name, preset, *(part.params for part in parts))) + "\n"
    refuse_unwritable(path.absolute().parent)
    if path.exists() and not (overwrite or dry_run):
        hint = "--yes replaces it; -o writes elsewhere"
        raise UnusableError(f"{path} exists", hint, code="file.exists")
    if not dry_run:
        write_atomic(path, text)
    return text


def _lines(name: str, preset: str | None, options: Params, params: Params) -> Iterator[str]:
    yield f"## Settings of `animekit train {name}`, and of all commands that read this file."
    yield "## Take the # before a line away to change its value. Tables of other models can stand"
    yield "## below as well. animekit config validate FILE finds mistakes."
    yield ""
    yield f'{PRESET} = "{preset or "none"}"'
    yield ""
    yield "[train]"
    yield from _values(options, leave_out=LEFT_OUT)
    yield f"[{name}]"
    yield from _values(params)


def _values(params: Params, leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    for key, field in type(params).model_fields.items():
        if key in leave_out:
            continue
        value = params.model_dump(mode="json")[key]
        words = textwrap.wrap(field.description or "", WIDE - 3)
        yield from (f"## {line}" for line in words)
        yield f"## {key} is not set" if value is None else f"# {key} = {_toml(value)}"
        yield ""


def _toml(value: Any) -> str:
    """Return a plain value as TOML writes it, which JSON does too for all that a parameter is.

    >>> _toml((0.5, 1e-05)), _toml("a"), _toml(True)
    ('[0.5, 1e-05]', '"a"', 'true')
    """
    return json.dumps(value, ensure_ascii=False)


def find_mistakes(path: Path | str = FILE, *, registry: Registry | None = None) -> list[Mistake]:
    """Return all that is wrong in a configuration file, by line; [] for a sound one.

    Unknown keys and tables, values that their option does not take, tables of plugins that are not
    here. Raises NotFoundError and ConfigError where the file cannot be read as TOML at all.
    """
    registry = registry or plugins.load()
    tables = dict(read_file(path).values)
    lines = _places(read_text(path, "configuration file", limit=TOML_LIMIT))
    errors = list(_errors(tables, registry)) or list(_together(tables, path, registry))
    found = [
        Mistake(_line(lines, place), _without_origin(error.message), error.hint)
        for place, error in errors
    ]
    return sorted(found, key=lambda each: each.line or 0)


def count_values(table: Mapping[str, Any]) -> int:
    """Return how many values stand in a table and in those below it."""
    return sum(count_values(v) if isinstance(v, dict) else 1 for v in table.values())


def _errors(tables: Mapping[str, Any], registry: Registry) -> Iterator[tuple[Place, AnimekitError]]:
    models = registry.all("model")
    for name, value in tables.items():
        cls = registry.find("model", name)
        if not isinstance(value, dict):
            yield from _common((), {name: value}, models)
        elif name == "train":
            yield from _common((name,), value, models)
        elif name in KINDS:
            yield from _of_plugins(name, value, registry)
        elif cls is not None:
            yield from _of_model(name, value, cls)
        else:
            tables_known = ["train", *KINDS, *models]
            near = did_you_mean(name, tables_known)
            hint = "tables: " + " ".join(tables_known)
            yield (name,), ConfigError(f"unknown table [{printable(name)}].{near}", hint)


def _keys(schema: type[Params]) -> set[str]:
    return {*schema.model_fields, *(old for old in schema.renamed() if "=" not in old)}


def _common(
    above: Place, values: Mapping[str, Any], models: Mapping[str, type[Model]]
) -> Iterator[tuple[Place, AnimekitError]]:
    """Hold what is for all models against the options, and the rest against a model that has it."""
    for raw, value in values.items():
        place, key = (*above, raw), raw.replace("-", "_")
        schemas: list[type[Params]] = [TrainOptions, *(cls.Params for cls in models.values())]
        schema = next((each for each in schemas if key in _keys(each)), None)
        if key == PRESET:
            names = {BEST, "none", *(name for cls in models.values() for name in presets_of(cls))}
            if value not in names:
                near = did_you_mean(str(value), names)
                hint = "animekit config presets lists them"
                yield place, ConfigError(f'no model has the preset "{value}".{near}', hint)
        elif key == TIPS:
            continue
        elif schema is None:
            known = {PRESET, TIPS}.union(*(_keys(each) for each in schemas))
            error = unknown_key(raw, known, "")
            error.hint = "animekit config init MODEL writes all that there is"
            yield place, error
        else:
            yield from _one(place, schema, {key: value})


def _one(
    place: Place, schema: type[Params], value: Mapping[str, Any]
) -> Iterator[tuple[Place, AnimekitError]]:
    try:
        resolve(schema, [current(Layer("", value), schema)])
    except AnimekitError as error:
        yield place, error


def _of_model(
    name: str, table: Mapping[str, Any], cls: type[Model]
) -> Iterator[tuple[Place, AnimekitError]]:
    for raw, value in table.items():
        key = raw.replace("-", "_")
        schema = next((each for each in (cls.Params, TrainOptions) if key in _keys(each)), None)
        if key in (PRESET, TIPS):
            continue
        if schema is None:
            known = _keys(cls.Params) | _keys(TrainOptions)
            yield (name, raw), unknown_key(raw, known, "")
        else:
            yield from _one((name, raw), schema, {key: value})


def _together(
    tables: Mapping[str, Any], path: Path | str, registry: Registry
) -> Iterator[tuple[Place, AnimekitError]]:
    """Find what only several values together break: a preset, tips, two ends of a training."""
    for name in tables:
        if (cls := registry.find("model", name)) is not None:
            try:
                make_recipe(cls.name, registry, config_file=path)
            except AnimekitError as error:
                yield (name,), error


def _of_plugins(
    command: str, table: Mapping[str, Any], registry: Registry
) -> Iterator[tuple[Place, AnimekitError]]:
    kind = KINDS[command]
    for name, values in table.items():
        place = (command, name)
        if not isinstance(values, dict):
            hint = f"parameters stand in tables, as in [{command}.NAME]"
            yield place, ConfigError(f"[{command}] has the value {printable(name)}", hint)
            continue
        try:
            schema = registry.get(kind, name).Params
        except AnimekitError as error:
            yield place, error
            continue
        for raw, value in values.items():
            key = raw.replace("-", "_")
            if key in _keys(schema):
                yield from _one((*place, raw), schema, {key: value})
            else:
                yield (*place, raw), unknown_key(raw, _keys(schema), "")


def _without_origin(message: str) -> str:
    """Return a message without the place, which the line says."""
    return message.replace(" (from )", "")


def _places(text: str) -> dict[Place, int]:
    """Return on which line each key and table of a TOML text begins.

    >>> _places("a = 1\\n[train]\\nbatch-size = 3\\n[clean.blur]\\n")
    {('a',): 1, ('train',): 2, ('train', 'batch-size'): 3, ('clean',): 4, ('clean', 'blur'): 4}
    """
    found: dict[Place, int] = {}
    above: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$", line):
            above = _parts(header[1])
            for length in range(1, len(above) + 1):
                found.setdefault(above[:length], number)
        elif key := re.match(r"\s*([\w\"'.\- ]+?)\s*=", line):
            found.setdefault((*above, *_parts(key[1])), number)
    return found


def _parts(text: str) -> Place:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


def _line(lines: Mapping[Place, int], place: Place) -> int | None:
    """Return the line of a key, else that of the table that it stands in."""
    wanted = [spelled(part) for part in place]
    for length in range(len(wanted), 0, -1):
        for known, line in lines.items():
            if [spelled(part) for part in known] == wanted[:length]:
                return line
    return None
