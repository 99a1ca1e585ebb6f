"""Plugins: found as entry points and loose files, each loaded alone."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pluggy

from animekit import hookspecs
from animekit.config import Params
from animekit.errors import NotFoundError, PluginError
from animekit.text import did_you_mean

GROUP = "animekit.plugins"
KINDS = ("model", "dataset", "check", "detector", "metric", "logger")
HOMES = {
    "model": "animekit.models.base",
    "dataset": "animekit.data.dataset",
    "check": "animekit.cleaning.check",
    "detector": "animekit.cleaning.detector",
    "metric": "animekit.evaluation.metric",
    "logger": "animekit.training.logger",
}
"""Where the base class of a kind lives: in the room that calls it."""

Importer = Callable[[], ModuleType]


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that did not load, kept so that it can be shown and the others work."""

    module: str
    source: str
    error: BaseException

    @property
    def line(self) -> str:
        """One line: the kind of error and the first line of its message."""
        message = (str(self.error).splitlines() or [""])[0]
        return f"{type(self.error).__name__}: {message}"

    @property
    def trace(self) -> str:
        """The whole traceback, for the author of the plugin."""
        return "".join(traceback.format_exception(self.error))


@dataclass(frozen=True)
class PluginSource:
    """Where a component came from: its module and the distribution or file."""

    module: str
    origin: str
    version: str

    def __str__(self) -> str:
        return f"{self.module} ({' '.join(filter(None, [self.origin, self.version]))})"


@dataclass
class Registry:
    """Every component that was found, by kind and name."""

    components: dict[str, dict[str, type[Component]]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    sources: dict[type[Component], PluginSource] = field(default_factory=dict)
    modules: list[PluginSource] = field(default_factory=list)
    failures: list[PluginFailure] = field(default_factory=list)

    def get(self, kind: str, name: str) -> type[Any]:
        """Return the component of this kind and name.

        Raises NotFoundError with the nearest name, the known names and the plugins that failed.
        """
        known = self.components[kind]
        if name in known:
            return known[name]
        hint = f"known {kind}s: {' '.join(sorted(known))}"
        if self.failures:
            hint += "; plugins that failed to load: " + ", ".join(
                f"{failure.module} ({failure.line})" for failure in self.failures
            )
        raise NotFoundError(
            f'unknown {kind} "{name}".{did_you_mean(name, known)}', hint, code=f"{kind}.not_found"
        )

    def all(self, kind: str) -> Mapping[str, type[Any]]:
        """Return the components of a kind by name, sorted."""
        return dict(sorted(self.components[kind].items()))

    def add(self, kind: str, component: type[Any], source: PluginSource) -> None:
        """Register one component; a second one of the same name is an error."""
        _inspect(kind, component)
        other = self.components[kind].get(component.name)
        if other is component:
            return
        if other is not None:
            raise PluginError(
                f'two {kind}s are called "{component.name}": in {self.sources[other]} and in'
                f" {source}",
                f"rename one of them, or remove its plugin; {hookspecs.PROJECT.upper()}_PLUGINS=''"
                " leaves only the built-in ones",
                code="plugin.clash",
            )
        self.components[kind][component.name] = component
        self.sources[component] = source


def _inspect(kind: str, component: Any) -> None:
    home = importlib.import_module(HOMES[kind])
    base = getattr(home, kind.capitalize())
    if not isinstance(component, type) or not issubclass(component, base):
        raise PluginError(
            f"animekit_{kind}s returned {component!r}, which is no {base.__name__} class",
            f"return classes that are derived from {base.__module__}.{base.__name__}",
        )
    name = getattr(component, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise PluginError(
            f"{component.__name__} has the name {name!r}, which nobody can type",
            'give the class a name of letters, digits and "-", as in name = "wgangp"',
        )


def load(plugins_dir: Path | str | None = None) -> Registry:
    """Load every plugin that can be found, and return their components.

    Installed plugins come through the entry-point group `animekit.plugins`: a module is a plugin,
    a package stands for each module in it. Loose files come from `plugins_dir`, else from
    `ANIMEKIT_PLUGINS_DIR`. A plugin that fails is kept in `registry.failures`; with
    `ANIMEKIT_RAISE_PLUGIN_ERRORS=1` its error is raised instead. `ANIMEKIT_PLUGINS=""` leaves only
    the plugins of animekit itself.
    """
    registry = Registry()
    for source, importer in _candidates(plugins_dir):
        try:
            _register(registry, importer(), source)
        except (Exception, SystemExit) as error:
            error.add_note(f"while loading plugin {source}")
            clash = isinstance(error, PluginError) and error.code == "plugin.clash"
            if clash or os.environ.get("ANIMEKIT_RAISE_PLUGIN_ERRORS") == "1":
                raise
            registry.failures.append(PluginFailure(source.module, source.origin, error))
    return registry


def _register(registry: Registry, module: ModuleType, source: PluginSource) -> None:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    found: list[tuple[str, Any]] = []
    for kind in KINDS:
        hook = f"animekit_{kind}s"
        calls = [call.function for call in getattr(manager.hook, hook).get_hookimpls()]
        if not calls and callable(getattr(module, hook, None)):
            raise PluginError(f"{hook} is not marked as a hook", "write @hookimpl above it")
        for call in calls:
            components = call()
            if isinstance(components, (str, type)) or not isinstance(components, Iterable):
                raise PluginError(
                    f"{hook} returned {components!r}, not a list", "return a list of classes"
                )
            found += [(kind, component) for component in components]
    for kind, component in found:  # all of a plugin, or nothing
        _inspect(kind, component)
    for kind, component in found:
        registry.add(kind, component, source)
    registry.modules.append(source)


def _candidates(plugins_dir: Path | str | None) -> Iterator[tuple[PluginSource, Importer]]:
    only_builtin = os.environ.get("ANIMEKIT_PLUGINS") == ""
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: point.value)
    seen: set[str] = set()
    for point in points:
        distribution = point.dist.name if point.dist else "unknown"
        if point.value in seen or (only_builtin and distribution != hookspecs.PROJECT):
            continue
        seen.add(point.value)
        version = point.dist.version if point.dist else ""
        for name, importer in _modules_of(point.value):
            yield PluginSource(name, distribution, version), importer
    if only_builtin:
        return
    variable = "ANIMEKIT_PLUGINS_DIR"
    if plugins_dir:
        yield from _loose_files(Path(plugins_dir), "--plugins-dir")
    elif os.environ.get(variable):
        yield from _loose_files(Path(os.environ[variable]), variable)


def _modules_of(name: str) -> Iterator[tuple[str, Importer]]:
    try:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    except (Exception, SystemExit) as error:
        yield name, partial(_fail, error)
        return
    if spec.submodule_search_locations is None:
        yield name, partial(importlib.import_module, name)
        return
    for info in pkgutil.iter_modules(spec.submodule_search_locations, name + "."):
        if not info.name.rpartition(".")[2].startswith("_"):
            yield from _modules_of(info.name)


def _fail(error: BaseException) -> ModuleType:
    raise error


def _loose_files(folder: Path, told_by: str) -> Iterator[tuple[PluginSource, Importer]]:
    if not folder.is_dir():
        raise NotFoundError(
            f"no plugins folder {folder} (from {told_by})", f"give {told_by} a folder of .py files"
        )
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_"):
            yield PluginSource(path.stem, str(path), ""), partial(_import_file, path)


def _import_file(path: Path) -> ModuleType:
    # two folders may hold a file of the same name; the same file has the same name in every run
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    name = f"animekit_loose_{digest[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


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
    for source, _ in _candidates(plugins_dir):
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


class Component:
    """A named, documented class with frozen parameters: what a hook returns.

    `name` is what a user types; the first line of the docstring is what the command line shows.
    """

    name: ClassVar[str]
    Params: ClassVar[type[Params]] = Params

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the class's own docstring."""
        return (inspect.cleandoc(cls.__doc__ or "").splitlines() or [""])[0]
