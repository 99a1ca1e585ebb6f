"""`animekit plugins`: what is installed, what each part can be told, what failed; new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from animekit.cli._commands import OpenGroup
from animekit.cli._console import Screen
from animekit.cli._options import CONSENT, Common, argument, command, option
from animekit.errors import NotFoundError, PluginError

if TYPE_CHECKING:
    from animekit.plugins import Component, PluginFailure, Registry

OWN = [
    argument("name", help="Show what this plugin can be told."),
    option("kind", str, metavar="KIND", help="Only this kind: model, dataset, check, ..."),
    option("failures", bool, help="Only what failed, with its trace."),
]
NEW = [
    argument("name", required=True, help="Its name, as people will type it: mean-colour."),
    option("kind", str, metavar="KIND", help="What it is.", default="model"),
    option("out", Path, "--out", "-o", metavar="DIR", help="Its folder (my_plugins)."),
]
CHECKED = [
    argument("name", required=True, help="The plugin that is held to its contract."),
    OWN[1],
    option("where", str, metavar="WHERE", help="What a data set is opened with.", default=""),
]
COLUMNS = ("name", "kind", "from", "state", "what it is")


def add_to(app: typer.Typer) -> None:
    """Add the group to the root; `animekit plugins NAME` shows one of them."""
    group = typer.Typer(
        cls=OpenGroup,
        help="List the plugins and what they can be told, check them, begin a new one.",
    )
    command(group, "ls", plugins, *OWN, title="plugins")
    command(group, "check", check, *CHECKED, of="plugins")
    command(group, "new", new, *NEW, CONSENT[0], of="plugins")
    app.add_typer(group, name="plugins")


def plugins(
    common: Common, name: str | None, kind: str | None, failures: bool
) -> list[dict[str, Any]]:
    """List the plugins, or show what one of them can be told.

    Examples
      animekit plugins
      animekit plugins wgangp
      animekit plugins --failures
    """
    registry = common.session.registry()
    if failures:
        return [_failure(common.screen, failure) for failure in registry.failures]
    if name is not None:
        return [_details(common.screen, registry, *one) for one in _find(registry, name, kind)]
    rows = [_row(registry, *one) for one in _all(registry, kind)]
    rows += [] if kind else [_broken(failure) for failure in registry.failures]
    common.screen.table(COLUMNS, [_cells(row) for row in rows])
    return rows


def check(common: Common, name: str, kind: str | None, where: str) -> list[dict[str, Any]]:
    """Hold a plugin to the contract of its kind, on drawn faces, as its tests would.

    Examples
      animekit plugins check wgangp
      animekit plugins check mean-colour --plugins-dir my_plugins
      animekit plugins check folder --where data/faces
    """
    from animekit.testing import check_plugin

    registry, rows = common.registry(), []
    for each, component in _find(registry, name, kind):
        with common.screen.busy(f"checking {component.name}"):
            try:
                check_plugin(component, registry=registry, where=where)
            except AssertionError as error:
                hint = f"mend it in {registry.sources[component].module}; it is a {each}"
                raise PluginError(str(error), hint, code="plugin.contract") from error
        common.screen.say(f"{component.name}  {each}  keeps the contract")
        rows.append(_row(registry, each, component))
    return rows


def new(common: Common, name: str, kind: str, out: Path | None) -> dict[str, Any]:
    """Begin a plugin: a file that works, to be changed, and a test that passes.

    Examples
      animekit plugins new mean-colour --kind metric
      animekit plugins new margin --kind model -o my_plugins
      animekit plugins new pale --kind check -n
    """
    from animekit.setup.scaffold import FOLDER, new_plugin

    folder = out or FOLDER
    made = new_plugin(name, kind, folder, registry=common.registry(), dry_run=common.dry_run)
    for path, words in zip(made, (f"a {kind} that works", "its contract, for pytest"), strict=True):
        if common.dry_run:
            common.screen.say(f"would write {path}  {words}")
        else:
            common.screen.made(path, "plugin", words)
    if not common.dry_run:
        common.screen.note(f"next: animekit plugins ls {name} --plugins-dir {folder}")
        common.screen.note(f"      animekit plugins check {name} --plugins-dir {folder}")
    return {"name": name, "kind": kind, "files": [str(path) for path in made]}


def _all(registry: Registry, kind: str | None) -> list[tuple[str, type[Component]]]:
    from animekit.plugins import KINDS
    from animekit.text import did_you_mean

    if kind not in (None, *KINDS):
        near = did_you_mean(str(kind), KINDS)
        raise NotFoundError(f'unknown kind "{kind}".{near}', "kinds: " + " ".join(KINDS))
    kinds = (kind,) if kind else KINDS
    return [(each, component) for each in kinds for component in registry.all(each).values()]


def _find(
    registry: Registry, name: str | None, kind: str | None
) -> list[tuple[str, type[Component]]]:
    """Return the components of a name; its own error where its plugin failed to load."""
    from animekit.text import did_you_mean, spelled

    known = _all(registry, kind)
    found = [(each, cls) for each, cls in known if registry.find(each, str(name)) is cls]
    if found:
        return found
    for failure in registry.failures:
        if spelled(failure.module.rpartition(".")[2]) == spelled(str(name)):
            raise NotFoundError(f"plugin {name} failed to load: {failure.line}", failure.trace)
    names = sorted({component.name for _, component in known})
    raise NotFoundError(
        f'unknown plugin "{name}".{did_you_mean(str(name), names)}',
        "known: " + " ".join(names),
        code="plugin.not_found",
    )


def _row(registry: Registry, kind: str, component: type[Component]) -> dict[str, Any]:
    source = registry.sources[component]
    row = {"name": component.name, "kind": kind, "dist": source.origin, "version": source.version}
    return row | {"ok": True, "error": None, "summary": component.summary()}


def _broken(failure: PluginFailure) -> dict[str, Any]:
    row = {"name": failure.module.rpartition(".")[2], "kind": "", "dist": failure.source}
    return row | {"version": "", "ok": False, "error": failure.line, "summary": ""}


def _cells(row: dict[str, Any]) -> list[str]:
    words = row["summary"] if row["ok"] else f"{row['error']}  (animekit plugins --failures)"
    source = f"{row['dist']} {row['version']}".strip()
    return [row["name"], row["kind"], source, "ok" if row["ok"] else "FAILED", words]


def _failure(screen: Screen, failure: PluginFailure) -> dict[str, Any]:
    screen.say(f"{failure.module}  ({failure.source})", "bold")
    screen.say(failure.trace)
    return _broken(failure) | {"trace": failure.trace}


def _details(
    screen: Screen, registry: Registry, kind: str, component: type[Component]
) -> dict[str, Any]:
    from animekit.cli._flags import rows_of
    from animekit.config import show

    source = registry.sources[component]
    where = f"{source.origin} {source.version}".strip()
    screen.say(f"{component.name}  {kind}  {source.module}  ({where})", "bold")
    screen.say(component.summary())
    parameters = rows_of(component.Params)
    if parameters:
        screen.say("")
        columns = ("parameter", "type", "default", "what it is")
        screen.table(
            columns,
            [
                [row["name"], row["type"], show(row["default"]), row["description"]]
                for row in parameters
            ],
        )
    presets = _presets(component) if kind == "model" else {}
    if presets:
        screen.say("")
        screen.table(("preset", "what it is"), presets.items())
    notes = getattr(component, "notes", "")
    if notes:
        screen.say(f"\nReading its losses: {notes}")
    row = _row(registry, kind, component)
    return row | {"params": parameters, "presets": presets}


def _presets(component: type[Any]) -> dict[str, str]:
    from animekit.training.presets import presets_of

    return {preset.name: preset.description for preset in presets_of(component).values()}
