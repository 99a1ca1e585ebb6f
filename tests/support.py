"""What tests share: calls of the command line and their answers, small picture files, archives."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import jsonschema
import numpy as np
import pytest
import typer
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner, Result

from animekit.cli import Root, app
from animekit.cli._console import Screen
from animekit.cli._options import Session
from animekit.data.dataset import Dataset
from animekit.data.pack import Pack
from animekit.errors import DataError
from animekit.plugins import Registry

SCHEMAS = files("animekit.cli") / "schemas"
TINY = {"size": 32, "batch-size": 4, "g-channels": 4, "d-channels": 4, "z-dim": 8, "threads": 1}
TINY |= {"log-every": 1, "eval-every": 0}


class Group(Protocol):
    """A module of one group of commands."""

    def add_to(self, app: typer.Typer) -> None:
        """Add the group to the root."""


def alone(group: Group) -> typer.Typer:
    """Return a root that holds one group: the others need not be imported."""
    help_names = {"help_option_names": ["-h", "--help"]}
    root = typer.Typer(
        name="animekit", cls=Root, rich_markup_mode="rich", context_settings=help_names
    )
    root.callback()(lambda: None)
    group.add_to(root)
    return root


def call(
    *words: object, root: typer.Typer = app, given: str | bytes | None = None, **env: str
) -> Result:
    """Run one command line in this process; `given` is its standard input."""
    line = [str(word) for word in words]
    return CliRunner().invoke(root, line, input=given, env={"COLUMNS": "200", **env})


def answer(*words: object, root: typer.Typer = app, exit_code: int | None = 0) -> dict[str, Any]:
    """Run a command and return its JSON answer, which keeps its schema.

    None stands for any exit code.
    """
    result = call(*words, "--json", root=root)
    assert exit_code in (None, result.exit_code), result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert found["exit_code"] == result.exit_code
    assert keeps_its_schema(found)
    return found


def keeps_its_schema(found: dict[str, Any]) -> bool:
    """Hold a JSON answer against the schemas in the package."""
    name = found["schema"].removeprefix("animekit.").removesuffix("/1")
    wrong = problems("answer", found) + (problems(name, found["data"]) if found["ok"] else [])
    assert not wrong
    return True


def problems(schema: str | dict[str, Any], value: Any) -> list[str]:
    """Return where a value breaks a schema, which may be named as its file is."""
    if isinstance(schema, str):
        schema = json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in errors]


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


def refuses(measure: Callable[..., object], real: object, fake: object, words: str) -> None:
    """Hold a metric to one clear error, with a hint, for pictures that it cannot use."""
    with pytest.raises(DataError) as caught:
        measure(real, fake)
    assert words in caught.value.message
    assert caught.value.hint


def picture(value: int = 0, size: int = 8, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (value, 0, 255 - value)).save(buffer, format)
    return buffer.getvalue()


def fill(folder: Path, *names: str) -> Path:
    """Write a picture of its own colour under each name."""
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(index))
    return folder


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def names(dataset: Dataset) -> list[str]:
    return [dataset.name_of(index) for index in range(len(dataset))]


def reasons(dataset: Dataset | Pack) -> dict[str, str]:
    return {item.name: item.reason for item in dataset.skipped}


def words(dataset: Dataset, index: int) -> list[str]:
    """Return the names of the labels that an image has."""
    labels = dataset[index][1]
    vocabulary = dataset.spec(8).labels
    return [] if labels is None else [vocabulary[i] for i in np.flatnonzero(labels)]
