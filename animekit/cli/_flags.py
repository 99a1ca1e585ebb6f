"""From the fields of a pydantic model to flags, and to rows of a table."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from inspect import Parameter
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from animekit.cli._options import option
from animekit.config import Layer, Params, current, parse_value, show

LONGEST = 12  # letters of a type in the help
NAMES = {int: "INT", float: "FLOAT", bool: "BOOL", str: "TEXT"}
METAVARS = {"INT": "N", "FLOAT": "F", "TEXT": "NAME"}
"""What stands for a value of a type in the help of commands."""


def options_of(
    params: type[Params],
    taken: Iterable[str],
    *,
    panel: str,
    panels: Mapping[str, str] | None = None,
    metavars: Mapping[str, str] | None = None,
) -> list[Parameter]:
    """Return options for fields that are not `taken`, the schema's own ones first.

    `panels` names the help panel of a field, else its topic does, `panel` that of all others. A
    boolean becomes --NAME and --no-NAME, of which help shows the one that changes the default.
    """
    own = params.__annotations__
    found = []
    for name, field in sorted(params.model_fields.items(), key=lambda item: item[0] not in own):
        if name in taken:
            continue
        where = (panels or {}).get(name) or _topic(field) or panel
        words = (field.description or "").replace("[", r"\[")
        if _plain(field.annotation) is bool:
            found += _switch(name, where, words, default=bool(field.default))
            continue
        kind = type_name(field.annotation)
        choices = kind.split("|") if "|" in kind else []
        metavar = ",".join(METAVARS.get(part, part) for part in kind.split(","))
        if len(kind) > LONGEST and choices:
            words += rf" [dim]({', '.join(choices)})[/]"
            metavar = "CHOICE"
        if field.default is not None:
            words += rf" [dim]\[default: {show(field.default)}][/]"
        metavar = (metavars or {}).get(name, metavar)
        found.append(option(name, str, help=words, metavar=metavar, panel=where, choices=choices))
    return found


def renamed_flags(params: type[Params]) -> dict[str, str]:
    """Return the flags that parameters had in earlier versions, and those of now."""
    found = {}
    for old, new in params.renamed().items():
        if "=" in old:
            continue
        is_switch = _plain(params.model_fields[new].annotation) is bool
        for start in ("--", "--no-") if is_switch else ("--",):
            found[start + old.replace("_", "-")] = start + new.replace("_", "-")
    return found


def _topic(field: FieldInfo) -> str:
    """Return the topic of a parameter as a heading; "" where it has none."""
    extra = field.json_schema_extra
    return str(extra.get("topic", "")).capitalize() if isinstance(extra, dict) else ""


def _switch(name: str, panel: str, words: str, *, default: bool) -> list[Parameter]:
    return [
        option(name, bool, help=words, panel=panel, hidden=default),
        option("no_" + name, bool, help=f"turn off: {words}", panel=panel, hidden=not default),
    ]


def values_of(given: Mapping[str, Any], *schemas: type[Params]) -> dict[str, Any]:
    """Return the options that were given, read as `--set` does; text stays text."""
    fields = {name: field for schema in schemas for name, field in schema.model_fields.items()}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or value is False:
            continue
        if name not in fields:
            values[name.removeprefix("no_")] = False
        elif isinstance(value, str) and _plain(fields[name].annotation) is not str:
            values[name] = parse_value(value)
        else:
            values[name] = value
    return dict(current(Layer("the command line", values), *schemas).values)


def type_name(annotation: Any) -> str:
    """Return the name of a type as help shows it.

    >>> type_name(tuple[float, float]), type_name(Literal["on", "off"]), type_name(int | None)
    ('FLOAT,FLOAT', 'on|off', 'INT')
    """
    plain = _plain(annotation)
    if get_origin(plain) is Literal:
        return "|".join(str(choice) for choice in get_args(plain))
    if get_origin(plain) is tuple:
        return ",".join(type_name(part) for part in get_args(plain) if part is not ...)
    return NAMES.get(plain, "TEXT")


def rows_of(params: type[Params]) -> list[dict[str, Any]]:
    """Return name, type, default and description of each field."""
    return [
        {
            "name": name,
            "type": type_name(field.annotation),
            "default": field.default,
            "description": field.description or "",
        }
        for name, field in params.model_fields.items()
    ]


def _plain(annotation: Any) -> Any:
    """Return X of X | None."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation
