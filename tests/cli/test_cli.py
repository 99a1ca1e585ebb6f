"""What tests of commands share: a call, its JSON answer, its schemas, a tiny training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command
from typer.testing import CliRunner, Result

import animekit
from animekit.cli import app
from animekit.cli._console import Screen
from animekit.cli._options import Session
from animekit.plugins import Registry

TINY = {"size": 32, "batch-size": 4, "g-channels": 4, "d-channels": 4, "z-dim": 8, "threads": 1}
TINY |= {"log-every": 1, "eval-every": 0}


def call(*words: str | Path, **env: str) -> Result:
    """Run one command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200", **env})


def answer(*words: str | Path) -> dict[str, Any]:
    """Run a command that must succeed and return its JSON answer."""
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def problems(schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    """Yield where a value breaks the part of JSON Schema that ours are written in."""
    kinds = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}
    names = schema.get("type", [])
    fits = {
        **{name: isinstance(value, kind) for name, kind in kinds.items()},
        "integer": type(value) is int,
        "number": type(value) in (int, float),
    }
    if names and not any(fits[name] for name in ([names] if isinstance(names, str) else names)):
        yield f"{place} is {value!r}, not {names}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {value!r}, not one of {schema['enum']}"
    if isinstance(value, dict):
        yield from [
            f"{place} lacks {key}" for key in schema.get("required", []) if key not in value
        ]
        for key, part in schema.get("properties", {}).items():
            yield from problems(part, value[key], f"{place}.{key}") if key in value else ()
    for index, item in enumerate(value if isinstance(value, list) else []):
        yield from problems(schema.get("items", {}), item, f"{place}[{index}]")


def keeps_its_schema(found: dict[str, Any]) -> bool:
    """Hold a JSON answer against the schemas in the package."""
    name = found["schema"].removeprefix("animekit.").removesuffix("/1")
    schemas = Path(animekit.__file__).parent / "cli" / "schemas"
    wrong = list(problems(json.loads((schemas / "answer.json").read_text()), found, "answer"))
    if found["ok"]:
        data = json.loads((schemas / f"{name}.json").read_text())
        wrong += problems(data, found["data"], "data")
    assert not wrong
    return True


def tiny(data: Path, *words: str | Path, model: str = "gan") -> list[str]:
    """Return the words of a training that takes a moment."""
    flags = [f"--{key}={value}" for key, value in TINY.items()]
    return ["train", model, f"--data={data}", *flags, "--gpu", "cpu", *map(str, words)]


def nodes(registry: Registry) -> Iterator[tuple[str, Any, typer.Context]]:
    """Walk the tree of commands, groups too: the line, the command and its context."""
    root = get_command(app)
    session = Session(Screen(quiet=True), _registry=registry)
    waiting = [("animekit", root, typer.Context(root, info_name="animekit", obj=session))]
    while waiting:
        line, command, context = waiting.pop()
        yield line, command, context
        names = command.list_commands(context) if hasattr(command, "list_commands") else []
        for name in names:
            below = command.get_command(context, name)
            inner = typer.Context(below, parent=context, info_name=name, obj=session)
            waiting.append((f"{line} {name}", below, inner))
