"""Text of the generated reference pages; cog puts it between the marks (`make docs`).

Everything is read off the objects that the program itself uses: the command line's own parameters,
the errors, the hooks and the schemas. No terminal takes part, and plugins of others stay out.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import typer
from pydantic.fields import FieldInfo
from rich.text import Text
from typer.main import get_command

import animekit
from animekit import hookspecs, plugins
from animekit.cleaning.check import Check
from animekit.cleaning.detector import Detector
from animekit.cli import app
from animekit.cli._console import Screen
from animekit.cli._flags import type_name
from animekit.cli._options import EVERYWHERE, Session
from animekit.config import show
from animekit.data.dataset import Dataset
from animekit.errors import AnimekitError
from animekit.evaluation.metric import Metric
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.models.base import Model
from animekit.plugins import Component, Registry
from animekit.training import presets, recipe
from animekit.training.logger import Logger

BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
KEYWORD = inspect.Parameter.KEYWORD_ONLY
BASES = (Model, AdversarialModel, Dataset, Check, Detector, Metric, Logger)


@cache
def registry() -> Registry:
    """Return animekit's own plugins: the pages are the same on every machine."""
    name, asked = "ANIMEKIT_PLUGINS", os.environ.get("ANIMEKIT_PLUGINS")
    os.environ[name] = ""
    try:
        return plugins.load()
    finally:
        del os.environ[name]
        if asked is not None:
            os.environ[name] = asked


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command below the root with the words that call it; one model for all."""
    root = get_command(app)
    session = Session(Screen(), _registry=registry())
    yield from _below(root, typer.Context(root, info_name="animekit", obj=session))


def _below(group: Any, context: Any) -> Iterator[tuple[str, Any]]:
    names = group.list_commands(context)
    if context.info_name == "train":  # its commands are models; their parameters are in models.md
        names = names[-1:]
    for name in names:
        command = group.get_command(context, name)
        inner = typer.Context(command, parent=context, info_name=name, obj=context.obj)
        if hasattr(command, "list_commands"):
            yield from _below(command, inner)
        else:
            yield inner.command_path, command


def cli() -> str:
    """Return every command with its examples and options."""
    everywhere = {parameter.name for parameter in EVERYWHERE}
    parts, common = [], []
    for words, command in commands():
        model = words.removeprefix("animekit train ") if "animekit train " in words else None
        title = "animekit train MODEL" if model else words
        about = "Train a model on a folder of images." if model else command.help
        summary, _, examples = about.partition("\n\nExamples\n")
        examples = command.help.partition("\n\nExamples\n")[2] or examples
        own = registry().get("model", model).Params.model_fields if model else {}
        shown = [
            parameter
            for parameter in command.params
            if parameter.name not in everywhere
            and parameter.name.removeprefix("no_") not in own
            and not getattr(parameter, "hidden", False)
        ]
        parts.append(f"## {title}\n\n{_plain(summary)}\n")
        parts.append(f"```text\n{inspect.cleandoc(examples)}\n```\n")
        parts.append(_table(("option", "meaning"), [_row(parameter) for parameter in shown]))
        common = [_row(parameter) for parameter in command.params if parameter.name in everywhere]
    common.append(("`-h, --help`", "Show the help of the command."))
    parts.append("## Every command\n")
    parts.append(_table(("option", "meaning"), common))
    return "\n".join(parts)


def _row(parameter: Any) -> tuple[str, str]:
    """Return an option or argument and its help, without markup and what only one model has."""
    metavar = parameter.metavar or ""
    if not parameter.opts[0].startswith("-"):
        return f"`{metavar}`", _plain(parameter.help)
    flags = ", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=len))
    words = re.sub("; known: [^.]*", "", _plain(parameter.help))
    default = parameter.default
    if default is not None and not isinstance(default, bool) and "[default:" not in words:
        words += f" [default: {show(default)}]"
    return f"`{flags} {metavar}".rstrip() + "`", words


def exit_codes() -> str:
    """Return the exit codes as a table, from the errors themselves."""
    kinds = [kind for kind in _subclasses(AnimekitError) if "exit_code" in vars(kind)]
    rows = [(0, "Done."), (1, "A bug in animekit; the traceback is on stderr.")]
    rows += [(k.exit_code, _first(k)) for k in sorted(kinds, key=lambda kind: kind.exit_code)]
    return _table(("exit", "meaning"), rows)


def hooks() -> str:
    """Return every hook with its exact signature, and the methods of what they return."""
    parts = []
    for name, function in vars(hookspecs).items():
        if name.startswith("animekit_"):
            signature = str(inspect.signature(function)).replace("'", "")
            code = f"```python\ndef {name}{signature}: ...\n```\n"
            kind = name.removeprefix("animekit_").removesuffix("s")
            base = f"Its classes derive from `{plugins.HOMES[kind]}.{kind.capitalize()}`."
            parts.append(f"### {name}\n\n{_first(function)} {base}\n\n{code}")
    parts.append("## What the classes may define\n")
    for base in BASES:
        parts.append(f"### {base.__name__}\n\n`{base.__module__}`: {_first(base)}\n")
        parts.append(_table(("method", "what it does"), list(_methods(base))))
    return "\n".join(parts)


def _methods(base: type[Component]) -> Iterator[tuple[str, str]]:
    for name, value in vars(base).items():
        function = inspect.unwrap(getattr(value, "__func__", value))
        special = name in ("__len__", "__getitem__")
        if inspect.isfunction(function) and (special or not name.startswith("_")):
            named = inspect.signature(function).parameters.values()
            names = [  # with a default: a class that has no use for it may leave it out
                p.name if p.default is p.empty else f"{p.name}={p.default!r}"
                for p in named
                if p.name not in ("self", "cls")
            ]
            what = _first(function) if function.__doc__ else "The number of items."
            yield f"`{name}({', '.join(names)})`", what


def api() -> str:
    """Return every public name of the package: its signature and its docstring."""
    functions, classes = [], []
    for name in animekit.__all__:
        value = getattr(animekit, name)
        if inspect.isclass(value):
            classes.append(value)
        elif inspect.isfunction(value) and value.__name__ == name:  # other names are older ones
            functions.append(value)
            home = inspect.getmodule(inspect.unwrap(value))
            returned = getattr(home, str(value.__annotations__.get("return")), None)
            if inspect.isclass(returned) and returned.__module__.startswith("animekit."):
                classes.append(returned)
    parts = [_callable(f"animekit.{each.__name__}", each) for each in functions]
    parts.append("## What the calls return\n")
    for cls in dict.fromkeys(classes):
        parts.append(f"### {cls.__name__}\n\n`{cls.__module__}`\n\n{_docstring(cls)}")
        parts.append(_table(("attribute or method", "what it is"), list(_members(cls))))
    return "\n".join(parts)


def _callable(name: str, function: Any) -> str:
    signature = inspect.signature(function)
    lines = [f"    {_parameter(each)},\n" for each in signature.parameters.values()]
    stars = [i for i, each in enumerate(signature.parameters.values()) if each.kind is KEYWORD]
    if stars:
        lines.insert(stars[0], "    *,\n")
    code = f"{name}(\n{''.join(lines)}) -> {_hint(signature.return_annotation)}"
    return f"## {name}\n\n```text\n{code}\n```\n\n{_docstring(function)}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}: {_hint(parameter.annotation)}{default}"


def _hint(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "Any")


def _docstring(value: Any) -> str:
    """Return a docstring without its doctest."""
    text = inspect.cleandoc(value.__doc__ or "").partition("\n\n>>>")[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")) + "\n"


def _members(cls: type[Any]) -> Iterator[tuple[str, str]]:
    for name, value in inspect.getmembers(cls):
        if name.startswith("_") or not getattr(value, "__doc__", None):
            continue
        if isinstance(value, (property, cached_property)):
            yield f"`{name}`", _first(value)
        elif inspect.isroutine(value) and "animekit" in str(getattr(value, "__module__", "")):
            yield f"`{name}()`", _first(value)


def models() -> str:
    """Return every built-in model: its presets, and the parameters that are its own."""
    parts = []
    for name, model in registry().all("model").items():
        parts.append(f"## {name}\n\n{model.summary()}\n")
        if model.notes:
            parts.append(f"Reading its losses: {model.notes}\n")
        base = AdversarialParams if issubclass(model, AdversarialModel) else None
        parts.append(parameters(model.Params, base))
        found = presets.presets_of(model).values()
        rows = [(f"`{preset.name}`", preset.description) for preset in found]
        parts.append(_table(("preset", "what it is"), rows))
    return "\n".join(parts)


def models_of_readme() -> str:
    """Return the models with the lines of their plugins, parts of their own included."""
    rows = []
    for name, model in registry().all("model").items():
        rows.append((f"`{name}`", model.summary(), _lines_of(model)))
    return _table(("model", "what it is", "lines, with its parts"), rows)


def _lines_of(model: type[Any]) -> int:
    """Return the lines of the file of a plugin, and of all parts beside it that it needs."""
    waiting, seen = [Path(inspect.getfile(model))], set[Path]()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        text = file.read_text(encoding="utf-8")
        parts = re.findall(r"from (?:animekit_plugins\.models)?\.(_\w+) import", text)
        waiting += {file.with_name(f"{part}.py") for part in parts} - seen
    return sum(len(each.read_text(encoding="utf-8").splitlines()) for each in seen)


def adversarial() -> str:
    """Return the parameters that all models of a generator and a discriminator have."""
    return parameters(AdversarialParams)


def options() -> str:
    """Return the training options."""
    return parameters(recipe.TrainOptions)


def parameters(cls: type[Any], base: type[Any] | None = None) -> str:
    """Return the fields of a Params class as a table; with `base`, those that differ from it."""
    rows = []
    for key, field in cls.model_fields.items():
        row = (f"`{key}`", _kind(field), f"`{show(field.default)}`", field.description or "")
        known = base.model_fields.get(key) if base else None
        if known is None or (known.default, known.description) != (field.default, row[3]):
            rows.append(row)
    return _table(("key", "type", "default", "meaning"), rows)


def _kind(field: FieldInfo) -> str:
    """Return the type and the bounds of a field, as in "FLOAT > 0"."""
    bounds = [
        f"{sign} {'2^63' if limit == 2**63 else limit}"
        for part in field.metadata
        for name, sign in BOUNDS.items()
        if (limit := getattr(part, name, None)) is not None
    ]
    return " ".join([type_name(field.annotation).replace("|", ", "), ", ".join(bounds)]).strip()


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def _plain(help: str) -> str:
    return Text.from_markup(" ".join(help.split())).plain


def _first(thing: object) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


def _subclasses(kind: type[AnimekitError]) -> list[type[AnimekitError]]:
    """Return the errors below a kind that animekit itself defines."""
    found = []
    for child in kind.__subclasses__():
        if child.__module__ == AnimekitError.__module__:
            found += [child, *_subclasses(child)]
    return found
