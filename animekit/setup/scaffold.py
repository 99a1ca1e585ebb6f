"""A new plugin: one file that works, and a test of its contract that passes."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from animekit.contract import NAME, RULE
from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.files import refuse_unwritable, write_atomic
from animekit.plugins import KINDS, Registry
from animekit.text import clipped, did_you_mean

FOLDER = Path("my_plugins")
TAKEN = {"Check", "Dataset", "Detector", "Field", "Finding", "ImageSpec", "Logger", "Metric"}
"""Names that the files import, and that no class of theirs can have too."""


def new_plugin(
    name: str,
    kind: str,
    folder: Path | str = FOLDER,
    *,
    registry: Registry | None = None,
    dry_run: bool = False,
) -> list[Path]:
    """Write `FOLDER/NAME.py` and `FOLDER/tests/test_NAME.py`, and return both paths.

    The plugin is a small one of its kind that does something, to be changed. Raises UsageError for
    a name that nobody can type, NotFoundError for an unknown kind, and UnusableError for a name
    that is taken, in the folder or by a plugin of the registry.
    """
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise NotFoundError(f'unknown kind "{clipped(kind)}".{near}', "kinds: " + " ".join(KINDS))
    if not NAME.fullmatch(name):
        raise UsageError(f'"{clipped(name)}" is no name for a plugin', RULE)
    module = name.replace("-", "_").lower()
    if keyword.iskeyword(module) or not module.isidentifier():
        raise UsageError(f'"{name}" cannot be the name of a Python file', "begin with a letter")
    if registry is not None and registry.find(kind, name) is not None:
        raise UnusableError(f"there is a {kind} {name} already", "give it another name")
    folder = Path(folder)
    made = {folder / f"{module}.py": kind, folder / "tests" / f"test_{module}.py": "test"}
    for path in made:
        refuse_unwritable(path.parent)
        if path.exists():
            raise UnusableError(
                f"{path} exists: nothing is ever overwritten", "give it another name", code="file"
            )
    words = [word for word in re.split("[-_]", name) if word]
    values: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "module": module,
        "Class": _class_name(words, kind),
        "title": " ".join(words).capitalize(),
    }
    if not dry_run:
        for path, source in made.items():
            text = (files(__package__) / "templates" / f"{source}.py.txt").read_text("utf-8")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, Template(text).substitute(values))
    return list(made)


def _class_name(words: list[str], kind: str) -> str:
    """Return the words as the name of a class, with its kind where that alone would clash.

    >>> _class_name(["mean", "colour"], "metric"), _class_name(["check"], "check")
    ('MeanColour', 'CheckCheck')
    """
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return f"{name}{kind.capitalize()}" if name in {*TAKEN, "Params", "Reason"} else name
