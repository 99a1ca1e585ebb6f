"""The options that commands share, declared once, and the session that they make."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import typer
from typer.main import get_command

from animekit.cli import _complete
from animekit.cli._commands import GENERAL, HAVE_WORKED, Command, Renamed
from animekit.cli._console import Screen, is_terminal
from animekit.errors import PluginError, UsageError

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
    choices: Sequence[str] = (),
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
        autocompletion=_complete.words(choices) if choices else None,
    )
    annotation = kind if plain or default is not None else kind | None
    return Parameter(name, Parameter.KEYWORD_ONLY, default=info, annotation=annotation)


def argument(name: str, *, help: str, required: bool = False) -> Parameter:
    """Return one argument as a parameter of a function, text or None."""
    info = typer.Argument(... if required else None, metavar=name.upper(), help=help)
    kind = str if required else str | None
    return Parameter(name, Parameter.KEYWORD_ONLY, default=info, annotation=kind)


def checkpoint_of(word: str) -> str | int:
    """Read which checkpoint of a run is meant: best, last, or a step.

    >>> checkpoint_of("last"), checkpoint_of("2000")
    ('last', 2000)
    """
    if word in ("best", "last"):
        return word
    if not word.isdecimal():
        raise UsageError(f'no checkpoint "{word}"', "use best, last, or a step such as 2000")
    return int(word)


def in_panel(panel: str, parameters: Iterable[Parameter]) -> list[Parameter]:
    """Return the same options under one heading of the help."""
    return [_changed(parameter, rich_help_panel=panel) for parameter in parameters]


def _changed(parameter: Parameter, **values: Any) -> Parameter:
    info = copy.copy(parameter.default)
    vars(info).update(values)
    return parameter.replace(default=info)


EVERYWHERE = in_panel(
    GENERAL,
    [
        option("json", bool, help="Answer in JSON."),
        option("quiet", bool, "--quiet", "-q", help="Print only the paths of results."),
        option("verbose", bool, "--verbose", "-v", help="Print the traces of failures too."),
        option("plain", bool, help="No escape codes, no boxes, tabs between columns."),
        option("no_color", bool, help="No colour."),
        option("plugins_dir", Path, metavar="DIR", help="Load the plugins in this folder as well."),
    ],
)
CHANCE = in_panel(
    GENERAL,
    [
        option("seed", int, metavar="N", help=r"Where all chance begins. [dim]\[default: 0][/]"),
        option(
            "device",
            str,
            "--device",
            "--gpu",
            metavar="auto|cpu|cuda:N|mps",
            help=r"Where to compute; N alone is cuda:N. [dim]\[default: auto][/]",
            choices=("auto", "cpu", "cuda", "mps"),
        ),
    ],
)
SETTINGS = in_panel(
    GENERAL,
    [
        option(
            "config", Path, metavar="FILE", help="Read values from TOML or a run's config.json."
        ),
        option("set", list[str], metavar="KEY=VALUE", help="Set any parameter; may be repeated."),
    ],
)
CONSENT = in_panel(
    GENERAL,
    [
        option("dry_run", bool, "--dry-run", "-n", help="Say what would be done, and stop."),
        option("yes", bool, "--yes", "-y", help="Answer yes to every question."),
        option("no_input", bool, help="Never ask; fail instead."),
    ],
)
OPEN = option("open", bool, panel=GENERAL, help="Open the page or picture in the browser.")
SHARED = {"open", *(parameter.name for parameter in (*CHANCE, *SETTINGS, *CONSENT))}
Body = Callable[..., Any]


@dataclass
class Session:
    """One call of the command line: what main() must know to end it well."""

    screen: Screen
    plugins_dir: Path | None = None
    command: str = "animekit"
    args: dict[str, Any] = field(default_factory=dict)
    _registry: Registry | None = None

    def registry(self) -> Registry:
        """Return the plugins, loaded when they are first asked for."""
        if self._registry is None:
            with self.screen.busy("loading"):
                from animekit import plugins

                self._registry = plugins.load(self.plugins_dir)
                for kind, taken in TAKEN.items():
                    _refuse_taken(self._registry, kind, taken)
        return self._registry


@dataclass(frozen=True)
class Common:
    """The values of the shared options: what every command's function gets first."""

    session: Session
    screen: Screen
    seed: int | None = None
    device: str | None = None
    config: Path | None = None
    set: Sequence[str] | None = None
    dry_run: bool = False
    yes: bool = False
    no_input: bool = False
    open: bool = False

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


@dataclass(frozen=True)
class PluginFlags:
    """A flag for each plugin of a kind; the body gets the names as `metrics=[...]`."""

    kind: str
    panel: str

    def options(self, summaries: Mapping[str, str]) -> list[Parameter]:
        """Return one option for each name and its summary."""
        return [
            option(self.parameter(name), bool, flag_of(name), help=summary, panel=self.panel)
            for name, summary in summaries.items()
        ]

    def parameter(self, name: str) -> str:
        """Return the name that the flag of a plugin has among the parameters of the body."""
        found = name.replace("-", "_")
        return found if found.isidentifier() and not iskeyword(found) else f"{self.kind}_{found}"

    def summaries(self, session: Session) -> dict[str, str]:
        """Return the names and summaries of the plugins of this kind, which are loaded."""
        return {name: cls.summary() for name, cls in session.registry().all(self.kind).items()}


TAKEN: dict[str, set[str]] = {}
"""The flags of the commands in which each plugin of a kind has one too."""


def flags_of(parameter: Parameter) -> Iterator[str]:
    """Yield what can be typed for an option."""
    yield "--" + parameter.name.replace("_", "-")
    yield from "/".join(parameter.default.param_decls or ()).split("/")


def _refuse_taken(registry: Registry, kind: str, taken: Collection[str]) -> None:
    """Take out plugins whose flag would be an option that their command has already."""
    for name, component in registry.all(kind).items():
        if flag_of(name) in taken:
            words = (
                f"{kind} {name} cannot have the flag {flag_of(name)}, which is an option already"
            )
            registry.refuse(kind, component, PluginError(words, "give it another name"))


def flag_of(name: str) -> str:
    """Return the flag of a name, as in --mean-colour."""
    return "--" + name.replace("_", "-")


def share(
    name: str,
    body: Body,
    own: Sequence[Parameter] = (),
    flags: PluginFlags | None = None,
    summaries: Mapping[str, str] | None = None,
) -> Body:
    """Return the function that Typer sees: `body`, and the options of every command.

    `name` is the command's in the JSON answer, and what `body` returns is the answer's `data`.
    """

    @functools.wraps(body)
    def call(context: typer.Context, **values: Any) -> Any:
        session: Session = context.obj
        session.command = name
        session.args = {k: value for k, value in values.items() if value not in (None, False, [])}
        session.plugins_dir = values.pop("plugins_dir") or session.plugins_dir
        values = {k: v for k, v in values.items() if k not in HAVE_WORKED}
        screen = session.screen = Screen(
            as_json=values.pop("json"),
            **{key: values.pop(key) for key in ("quiet", "verbose", "plain")},
        )
        common = {key: values.pop(key) for key in SHARED if key in values}
        if flags is not None:
            chosen = [each for each in summaries or () if values.pop(flags.parameter(each))]
            values[flags.kind + "s"] = chosen
        try:
            return body(Common(session, screen, **common), **values)
        finally:  # below a gate, too
            if common.get("open") and not common.get("dry_run"):
                screen.open_made()

    listed = list(own)
    if flags is not None:
        panels = [parameter.default.rich_help_panel for parameter in listed]
        place = panels.index(flags.panel) if flags.panel in panels else len(listed)
        listed[place:place] = flags.options(summaries or {})
    listed.sort(key=lambda parameter: parameter.default.rich_help_panel == GENERAL)
    context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *(_completed(name, each) for each in (*listed, *EVERYWHERE))]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _completed(command: str, parameter: Parameter) -> Parameter:
    """Return a parameter that knows what the shell may offer for it."""
    info = parameter.default
    source = info.autocompletion or _complete.source_of(command, parameter.name, info.metavar or "")
    return parameter if source is None else _changed(parameter, autocompletion=source)


class PluginCommand(Command):
    """A command with a flag for each plugin of a kind; a call loads them."""

    flags: ClassVar[PluginFlags]
    make: ClassVar[Callable[[Mapping[str, str]], Command]]
    _made: Command | None = None

    def _full(self, ctx: Any) -> Command:
        session: Session = ctx.obj
        if ctx.resilient_parsing:  # a shell waits: read the names, load nothing
            return type(self).make(_complete.summaries(self.flags.kind, session.plugins_dir))
        if self._made is None:
            self._made = type(self).make(self.flags.summaries(session))
        return self._made

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, those of the plugins among them."""
        return super().get_params(ctx) if ctx.obj is None else self._full(ctx).get_params(ctx)

    def invoke(self, ctx: Any) -> Any:
        """Call the body by way of the command that knows all flags."""
        return ctx.invoke(self._full(ctx).callback, **ctx.params)


def make_command(
    name: str,
    body: Body,
    own: Sequence[Parameter],
    flags: PluginFlags | None = None,
    summaries: Mapping[str, str] | None = None,
    *,
    cls: type[Command] = Command,
    renamed: Renamed | None = None,
    title: str | None = None,
    **about: Any,
) -> Command:
    """Return a command that stands alone; `about` goes to Typer, such as `help`."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    if renamed:
        cls = type(cls.__name__, (cls,), {"renamed": renamed})
    app.command(title or name, cls=cls, **about)(share(name, body, own, flags, summaries))
    made = get_command(app)
    assert isinstance(made, Command)
    return made


def command(
    app: typer.Typer,
    name: str,
    body: Body,
    *own: Parameter,
    of: str = "",
    title: str = "",
    cls: type[Command] = Command,
    renamed: Renamed | None = None,
    flags: PluginFlags | None = None,
) -> None:
    """Register a function as a command of `app`; JSON answers call it `title`."""
    title = title or f"{of}.{name}".lstrip(".")
    if flags is not None:
        TAKEN[flags.kind] = {flag for each in (*own, *EVERYWHERE) for flag in flags_of(each)}
        make = functools.partial(make_command, title, body, own, flags)
        cls = type("PluginCommand", (PluginCommand,), {"flags": flags, "make": staticmethod(make)})
    if renamed:
        cls = type(cls.__name__, (cls,), {"renamed": renamed})
    app.command(name, cls=cls)(share(title, body, own))
