"""The options that commands share, declared once, and the session that they make."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from animekit.cli._console import Screen, is_terminal

if TYPE_CHECKING:
    from animekit.plugins import Registry


def option(
    name: str,
    kind: Any,
    *flags: str,
    help: str,
    metavar: str = "",
    panel: str | None = None,
    default: Any = None,
    hidden: bool = False,
) -> Parameter:
    """Return one option as a parameter: None, or False, where it is not given."""
    plain = kind is bool and default is None and "/" not in "".join(flags)
    info = typer.Option(
        False if plain else default,
        *(flags or ("--" + name.replace("_", "-"),)),
        help=help,
        metavar=metavar,
        rich_help_panel=panel,
        hidden=hidden,
    )
    annotation = kind if plain or default is not None else kind | None
    return Parameter(name, Parameter.KEYWORD_ONLY, default=info, annotation=annotation)


def argument(name: str, *, help: str, required: bool = False) -> Parameter:
    """Return one argument as a parameter of a function, text or None."""
    info = typer.Argument(... if required else None, metavar=name.upper(), help=help)
    annotation = str if required else str | None
    return Parameter(name, Parameter.KEYWORD_ONLY, default=info, annotation=annotation)


EVERYWHERE = [
    option("json", bool, help="Answer in JSON."),
    option("quiet", bool, "--quiet", "-q", help="Print only the paths of results."),
    option("verbose", bool, "--verbose", "-v", help="Print the traces of failures too."),
    option("plain", bool, help="No escape codes, no boxes, tabs between columns."),
    option("no_color", bool, help="No colour."),
    option(
        "plugins_dir",
        Path,
        metavar="DIR",
        help="Load the plugins in this folder too, as ANIMEKIT_PLUGINS_DIR does.",
    ),
]
CHANCE = [
    option("seed", int, metavar="N", help=r"Where all chance begins. [dim]\[default: 0][/]"),
    option("gpu", str, metavar="auto|cpu|N", help=r"Where to compute. [dim]\[default: auto][/]"),
]
SETTINGS = [
    option("config", Path, metavar="FILE", help="Read values from TOML or a run's config.json."),
    option("set", list[str], metavar="KEY=VALUE", help="Set any parameter; may be repeated."),
]
CONSENT = [
    option("dry_run", bool, "--dry-run", "-n", help="Say what would be done, and stop."),
    option("yes", bool, "--yes", "-y", help="Answer yes to every question."),
    option("no_input", bool, help="Never ask; fail instead."),
]


SHARED = {parameter.name for parameter in (*CHANCE, *SETTINGS, *CONSENT)}
Body = Callable[..., Any]


NEWEST = "newest"
"""What `--resume` means where it names no run."""


@dataclass
class Session:
    """One call of the command line: what main() must know to end it well."""

    screen: Screen
    plugins_dir: Path | None = None
    command: str = "animekit"
    args: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # options that plugins bring
    _registry: Registry | None = None

    def registry(self) -> Registry:
        """Return the plugins, loaded when they are first asked for."""
        if self._registry is None:
            with self.screen.busy("loading"):
                from animekit import plugins

                self._registry = plugins.load(self.plugins_dir)
        return self._registry


@dataclass(frozen=True)
class Common:
    """The values of the shared options: what every command's function gets first."""

    session: Session
    screen: Screen
    seed: int | None = None
    gpu: str | None = None
    config: Path | None = None
    set: Sequence[str] | None = None
    dry_run: bool = False
    yes: bool = False
    no_input: bool = False

    def may_ask(self) -> bool:
        """Say whether a question would reach a person."""
        quiet = self.no_input or self.screen.as_json or self.screen.quiet
        return not quiet and is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def registry(self) -> Registry:
        """Return the plugins of this session, and name those that failed."""
        registry = self.session.registry()
        for failure in registry.failures:
            self.screen.warn(f"plugin {failure.module} is skipped: {failure.line}", "plugin")
        return registry


def share(name: str, body: Body, own: Sequence[Parameter] = ()) -> Body:
    """Return the function that Typer sees: `body`, and the options of every command.

    `name` is the command's in the JSON answer, and what `body` returns is the answer's `data`.
    """

    @functools.wraps(body)
    def call(context: typer.Context, **values: Any) -> Any:
        session: Session = context.obj
        session.command = name
        session.args = {
            key: value
            for key, value in {**values, **session.extra}.items()
            if value not in (None, False, [])
        }
        session.plugins_dir = values.pop("plugins_dir") or session.plugins_dir
        values.pop("no_color")  # it has done its work: see terminal_as_asked
        screen = session.screen = Screen(
            as_json=values.pop("json"),
            **{key: values.pop(key) for key in ("quiet", "verbose", "plain")},
        )
        common = {key: values.pop(key) for key in SHARED if key in values}
        return body(Common(session, screen, **common), **values)

    context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *own, *EVERYWHERE]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def command(app: typer.Typer, name: str, body: Body, *own: Parameter, of: str = "") -> None:
    """Register a function as a command of `app`; its docstring is the help."""
    app.command(name)(share(f"{of}.{name}" if of else name, body, own))


class DefaultGroup(TyperGroup):
    """A group whose bare name means its first command: `runs` is `runs ls`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name before options that stand alone."""
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)
