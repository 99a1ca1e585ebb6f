"""What plugin files declare, read without running them: a shell that waits needs no more."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from animekit.plugins import candidates


@dataclass(frozen=True)
class Declared:
    """What a plugin file says of one component, read without running the file."""

    kind: str
    name: str
    summary: str
    path: Path
    methods: frozenset[str]


def declared(plugins_dir: Path | str | None = None) -> Iterator[Declared]:
    """Yield what the files of all plugins declare, in a tenth of a second.

    These are the files that `load` imports. Only names that are written down are seen: a class
    whose `name = "..."` stands in its body, in a module that has a hook which returns it.
    """
    for source, _ in candidates(plugins_dir):
        try:
            found = importlib.util.find_spec(source.module) if source.version else None
            path = Path(str(found.origin if found else source.origin))
            yield from _read(path, ast.parse(path.read_text(encoding="utf-8")))
        except (ImportError, OSError, SyntaxError, ValueError):
            continue  # `load` says what is wrong with it


def _read(path: Path, tree: ast.Module) -> Iterator[Declared]:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for hook in tree.body:
        if not isinstance(hook, ast.FunctionDef) or not hook.name.startswith("animekit_"):
            continue
        kind = hook.name.removeprefix("animekit_").removesuffix("s")
        returned = [node.id for node in ast.walk(hook) if isinstance(node, ast.Name)]
        for node in (classes[name] for name in returned if name in classes):
            names = [
                line.value.value
                for line in node.body
                if isinstance(line, ast.Assign)
                and ast.unparse(line.targets[0]) == "name"
                and isinstance(line.value, ast.Constant)
            ]
            summary = ((ast.get_docstring(node) or "").splitlines() or [""])[0]
            methods = frozenset(each.name for each in node.body if hasattr(each, "name"))
            yield from (Declared(kind, str(name), summary, path, methods) for name in names)
