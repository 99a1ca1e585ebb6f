"""Plugins: found as entry points and loose files, each loaded alone."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import linecache
import os
import pkgutil
import sys
import textwrap
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
from animekit.contract import examine
from animekit.errors import NotFoundError, PluginError
from animekit.text import did_you_mean, spelled

GROUP = "animekit.plugins"
BUILT_IN, LOOSE = "animekit_plugins", "animekit_loose_"
"""The package of animekit's own plugins, and what begins the name of a loose file's module."""
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
        """One line: what happened, and the line of the plugin in which it did."""
        if isinstance(self.error, PluginError):
            return f"{self.error.message}; {self.error.hint}"
        message = (str(self.error).splitlines() or [""])[0]
        place = fault_of(self.error)
        return f"{type(self.error).__name__}: {message}" + (f" ({place.where})" if place else "")

    @property
    def trace(self) -> str:
        """The whole traceback, for the author of the plugin."""
        return "".join(traceback.format_exception(self.error))


@dataclass(frozen=True)
class PluginFault:
    """The line of a plugin in which an error happened, or which led to it."""

    plugin: str
    path: Path
    line: int
    function: str
    is_own: bool
    """Whether it came with animekit, or lies where such plugins do."""

    @property
    def where(self) -> str:
        """The file and the line, as in "colour.py, line 14"."""
        return f"{self.path.name}, line {self.line}"

    @property
    def text(self) -> str:
        """The line itself."""
        return linecache.getline(str(self.path), self.line).strip()


def fault_of(error: BaseException) -> PluginFault | None:
    """Return the innermost line of a plugin on the way of an error, if it met one."""
    owners = {point.value.partition(".")[0] for point in metadata.entry_points(group=GROUP)}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__"))
        package, loose = module.partition(".")[0], module.startswith(LOOSE)
        if loose or (package in owners and package != hookspecs.PROJECT):
            path = Path(frame.f_code.co_filename)
            name = path.stem if loose else module
            return PluginFault(name, path, line, frame.f_code.co_name, package == BUILT_IN)
    cause = error.__cause__ or error.__context__
    return None if cause is None else fault_of(cause)


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

    @property
    def failed(self) -> str:
        """The plugins that failed to load, each with its reason; "" where none did."""
        each = (f"{failure.module} ({failure.line})" for failure in self.failures)
        return "plugins that failed to load: " + ", ".join(each) if self.failures else ""

    def find(self, kind: str, name: str) -> type[Any] | None:
        """Return the component of a name, in which - and _ are one; None for none."""
        known = self.components[kind]
        same = (each for key, each in known.items() if spelled(key) == spelled(name))
        return known.get(name) or next(same, None)

    def get(self, kind: str, name: str) -> type[Any]:
        """Return the component of this kind and name, in which - and _ are one.

        Raises NotFoundError with the nearest name, the known names and the plugins that failed.
        """
        known, found = self.components[kind], self.find(kind, name)
        if found is not None:
            return found
        hint = f"known {kind}s: {' '.join(sorted(known))}"
        if self.failures:
            hint += f"; {self.failed}"
        raise NotFoundError(
            f'unknown {kind} "{name}".{did_you_mean(name, known)}', hint, code=f"{kind}.not_found"
        )

    def all(self, kind: str) -> Mapping[str, type[Any]]:
        """Return the components of a kind by name, sorted."""
        return dict(sorted(self.components[kind].items()))

    def add(self, kind: str, component: type[Any], source: PluginSource) -> None:
        """Register one component; a second one of the same name is an error."""
        _inspect(kind, component)
        other = self.find(kind, component.name)
        if other is component:
            return
        if other is not None:
            raise PluginError(
                f'two {kind}s are called "{other.name}": in {self.sources[other]} and in {source}',
                f"rename one of them, or remove its plugin; {hookspecs.PROJECT.upper()}_PLUGINS=''"
                " leaves only the built-in ones",
                code="plugin.clash",
            )
        self.components[kind][component.name] = component
        self.sources[component] = source

    def refuse(self, kind: str, component: type[Any], error: PluginError) -> None:
        """Take a component out again, and keep why among the failures."""
        del self.components[kind][component.name]
        source = self.sources.pop(component)
        self.failures.append(PluginFailure(source.module, source.origin, error))


def _inspect(kind: str, component: Any) -> None:
    home = importlib.import_module(HOMES[kind])
    examine(kind, component, getattr(home, kind.capitalize()))


def load(plugins_dir: Path | str | None = None) -> Registry:
    """Load every plugin that can be found, and return their components.

    Installed plugins come through the entry-point group `animekit.plugins`: a module is a plugin,
    a package stands for each module in it. Loose files come from `plugins_dir`, else from
    `ANIMEKIT_PLUGINS_DIR`. A plugin that fails is kept in `registry.failures`; with
    `ANIMEKIT_RAISE_PLUGIN_ERRORS=1` its error is raised instead. `ANIMEKIT_PLUGINS=""` leaves only
    the plugins of animekit itself.
    """
    registry = Registry()
    for source, importer in candidates(plugins_dir):
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


def candidates(plugins_dir: Path | str | None) -> Iterator[tuple[PluginSource, Importer]]:
    """Yield every plugin that can be found, and the function that imports it."""
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
    name = f"{LOOSE}{digest[:8]}_{path.stem}"
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


def broken(component: Any, method: str, given: object, wanted: str) -> PluginError:
    """Return the error for a method that gave something else than its base says."""
    try:
        seen = textwrap.shorten(repr(given), 60)
    except Exception:  # a stranger's repr, or a number of too many digits to print
        seen = "that cannot be shown"
    what = f"{type(given).__name__} {seen}"
    return PluginError(
        f"{component.name}: {method}() gave {what}, not {wanted}",
        f"mend {method}() in {inspect.getsourcefile(type(component))}",
        code="plugin.contract",
    )


class Component:
    """A named, documented class with frozen parameters: what a hook returns.

    `name` is what a user types; the first line of the docstring is what the command line shows.
    """

    name: ClassVar[str]
    Params: ClassVar[type[Params]] = Params
    must_define: ClassVar[tuple[str, ...]] = ()
    """Methods without which a class of a plugin is refused when it is loaded."""

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the class's own docstring."""
        return (inspect.cleandoc(cls.__doc__ or "").splitlines() or [""])[0]
