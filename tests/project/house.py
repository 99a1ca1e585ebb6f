"""The house in figures: rooms, layers, circles and lines, read from the code of a checkout.

`python -m tests.project.house [FOLDER]` prints them; `test_architecture.py` holds the rules.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

GROUND = (
    "errors", "text", "files", "foreign", "seeds", "signals", "gates", "config", "hookspecs",
    "contract", "plugins", "device",
)  # fmt: skip
VERBS = ("cleaning", "training", "generation", "evaluation", "translation")
LAYERS: dict[str, int] = {
    **dict.fromkeys(GROUND, 0),
    **dict.fromkeys(("labels", "images", "engines"), 1),
    "data": 2,
    **dict.fromkeys(("nn", "containers"), 3),
    "models": 4,
    **dict.fromkeys(("runs", "hub"), 5),
    "labelling": 6,
    **dict.fromkeys(VERBS, 6),
    # 7 and 8 are for rooms that stand on several verbs
    **dict.fromkeys(
        ("comparison", "explanation", "exporting", "grading", "projection", "sharing"), 7
    ),
    **dict.fromkeys(("ablation", "playing", "reporting"), 8),
    # "" is animekit/__init__.py
    **dict.fromkeys(("", "demonstration", "setup", "testing"), 9),
    **dict.fromkeys(("__main__", "cli"), 10),
}
"""How high each room and ground module of animekit/ stands; an import goes down, or stays."""


@dataclass(frozen=True)
class Import:
    """One imported module, and when: at import, inside a function, or for types alone."""

    module: str
    line: int
    at_import: bool
    for_types: bool = False


@dataclass(frozen=True)
class Source:
    """A parsed file and the name under which it is imported."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._imports(self.tree, at_import=True, for_types=False))

    def _imports(self, tree: ast.AST, *, at_import: bool, for_types: bool) -> Iterator[Import]:
        for node in ast.iter_child_nodes(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, node.lineno, at_import, for_types)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                for alias in node.names:
                    yield Import(f"{base}.{alias.name}", node.lineno, at_import, for_types)
            else:
                inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
                yield from self._imports(
                    node, at_import=at_import and not inside, for_types=for_types or types
                )

    def _base(self, node: ast.ImportFrom) -> str:
        base = node.module or ""
        if not node.level:
            return base
        up = node.level - 1 if self.is_package else node.level
        parts = self.name.split(".")
        return ".".join([*parts[: len(parts) - up], *filter(None, [base])])

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What a local name stands for: {"np": "numpy", "load": "torch.load"}."""
        names = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {a.asname: a.name for a in node.names if a.asname}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        return names

    def dotted(self, node: ast.AST) -> str:
        """Return a.b.c of a name or attribute chain, with aliases put back; "" if it is neither."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            left = self.dotted(node.value)
            return f"{left}.{node.attr}" if left else f".{node.attr}"
        return ""

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield self.dotted(node.func), node

    @property
    def is_plugin(self) -> bool:
        return self.name.startswith("animekit_plugins")

    @property
    def is_screen(self) -> bool:
        return within(self.name, "animekit.cli") or self.name == "animekit.__main__"

    @property
    def room(self) -> str:
        """The room or ground module of animekit/ that holds the file; "" for its top."""
        return room_of(self.name)


def within(module: str, *packages: str) -> bool:
    """Return whether a module is one of the packages, or lies in one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def room_of(module: str) -> str:
    """Return the second part of animekit.ROOM.file."""
    return (*module.split("."), "")[1]


def sources(root: Path = ROOT) -> list[Source]:
    """Return every file of animekit/ and plugins/."""
    found = []
    for folder, package in (("animekit", "animekit"), ("plugins", "animekit_plugins")):
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            name = ".".join([package, *parts])
            text = path.read_text(encoding="utf-8")
            is_package = path.name == "__init__.py"
            found.append(Source(name.removesuffix(".__init__"), text, is_package))
    return found


def arrows(files: Iterable[Source]) -> dict[str, dict[str, Import]]:
    """Return which file imports which, for types too: {"animekit.a": {"animekit.b": Import}}."""
    files = list(files)
    names = {source.name for source in files}
    found: dict[str, dict[str, Import]] = {}
    for source in files:
        targets = found.setdefault(source.name, {})
        for each in source.imports:
            name = each.module if each.module in names else each.module.rpartition(".")[0]
            if name in names and name != source.name:
                targets.setdefault(name, each)
    return found


def circles(graph: dict[str, Iterable[str]]) -> list[list[str]]:
    """Return the groups of files that can reach each other (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def climbs(files: Iterable[Source]) -> list[str]:
    """Return the imports that go up, or sideways to another room of the same height."""
    found = []
    for name, targets in arrows(files).items():
        here = room_of(name) if not name.startswith("animekit_plugins") else None
        for other, how in targets.items():
            there = room_of(other)
            if (
                name in ("animekit", "animekit.__main__")
                or here is None
                or other.startswith("animekit_plugins")
            ):
                continue  # lazy public names; plugins have rules of their own
            if other == "animekit":
                found.append(f"{name}:{how.line} imports animekit itself")
                continue
            below = LAYERS[there] < LAYERS[here] or here == there
            ground = LAYERS[here] == LAYERS[there] == 0 and is_lower(there, here)
            if not below and not ground:
                found.append(f"{name}:{how.line} imports {other}")
    return found


def is_lower(there: str, here: str) -> bool:
    """Return whether a ground module stands before another: they are listed in that order."""
    return GROUND.index(there) < GROUND.index(here)


def comment_share(files: Iterable[Source]) -> float:
    """Return the share of lines that hold a comment."""
    lines = comments = 0
    for source in files:
        lines += len(source.text.splitlines())
        tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
        comments += sum(token.type == tokenize.COMMENT for token in tokens)
    return comments / max(lines, 1)


def files_for(verb: str, files: Iterable[Source]) -> int:
    """Return how many files of animekit/ a command of the name reaches in its own rooms.

    They are the files of the command line and of verb rooms that are reached from the command's
    file: what a reader of one command has to open, without what all commands share.
    """
    files = {source.name: source for source in files}
    graph = arrows(files.values())
    starts = [f"animekit.cli.{verb}.command", f"animekit.cli.{verb}"]
    todo = [name for name in starts if name in files][:1]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        todo += [other for other in graph[name] if not other.startswith("animekit_plugins")]
    return len(seen)


def figures(root: Path = ROOT) -> dict[str, object]:
    """Return the figures of a checkout, this one or an older."""
    files = sources(root)
    core = [source for source in files if not source.is_plugin]
    top = list((root / "animekit").glob("*.py"))
    rooms = [path for path in (root / "animekit").iterdir() if (path / "__init__.py").is_file()]
    tests = [path.read_text(encoding="utf-8") for path in (root / "tests").rglob("*.py")]
    known = all(source.room in LAYERS for source in core)
    graph = {name: list(targets) for name, targets in arrows(core).items()}
    own = {source.name for source in core if source.name != "animekit"}
    graph = {name: [other for other in graph[name] if other in own] for name in own}
    return {
        "modules at the top": len(top),
        "rooms": len(rooms),
        "import circles, types included": len(circles(graph)),
        "imports upward or sideways": len(climbs(core)) if known else "(no layers)",
        "arrows": sum(len(targets) for targets in graph.values()),
        "files, product": len(files),
        "lines, product": sum(len(source.text.splitlines()) for source in files),
        "lines, animekit/": sum(len(source.text.splitlines()) for source in core),
        "lines, tests": sum(len(text.splitlines()) for text in tests),
        "longest file": max(len(source.text.splitlines()) for source in files),
        "comments, % of lines": round(100 * comment_share(files), 1),
    }


if __name__ == "__main__":
    for what, value in figures(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT).items():
        print(f"{what:32} {value}")
