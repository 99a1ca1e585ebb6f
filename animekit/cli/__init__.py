"""The command line: one file a command; here the root, and how every call ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from animekit.cli import _failures, config, demo, doctor, export, models, play, plugins
from animekit.cli._commands import Group
from animekit.cli._console import Screen
from animekit.cli._crew import FLAG, count_of, shared
from animekit.cli._options import Session
from animekit.cli.ablate import command as ablate
from animekit.cli.clean import command as clean
from animekit.cli.data import command as data
from animekit.cli.evaluate import command as evaluate
from animekit.cli.explain import command as explain
from animekit.cli.generate import command as generate
from animekit.cli.grade import command as grade
from animekit.cli.project import command as project
from animekit.cli.reconstruct import command as reconstruct
from animekit.cli.report import command as report
from animekit.cli.runs import command as runs
from animekit.cli.train import command as train
from animekit.cli.transfer import command as transfer
from animekit.engines.processes import LOST, is_first_to_fail, place, take_place, variables
from animekit.errors import AnimekitError, Stopped, UsageError
from animekit.text import at_home

COMMANDS = (
    demo,
    clean,
    train,
    generate,
    evaluate,
    grade,
    reconstruct,
    transfer,
    play,
    project,
    ablate,
    explain,
    runs,
    report,
    export,
    data,
    models,
    config,
    plugins,
    doctor,
)  # in the order of the help
LONG = 20.0  # seconds of a command, from which on a person asks what took so long
TOGETHER = ("clean", "evaluate", "generate", "train", "transfer")  # what processes share
ON_THIS_MACHINE = ("evaluate", "generate", "train", "transfer")  # what --processes starts
TELL_THEMSELVES = ("train", "demo")  # while they work, what other programs take
COMPLETION = "_ANIMEKIT_COMPLETE"
"""Set by the shell function that Typer installs, which asks what may follow."""
BROKEN_PIPE = 141  # 128 + SIGPIPE: the reader of our output went away, which is no error


class Root(Group):
    """The `animekit` command: every call ends here, with an answer or one error."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **rest: Any
    ) -> None:
        """Run one command line and exit with its code."""
        words = [_at_home(word) for word in (sys.argv[1:] if args is None else args)]
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        wrong: UsageError | None = None
        try:
            take_place()
        except UsageError as error:
            wrong, os.environ["WORLD_SIZE"] = error, "1"  # so that one can say it
        with terminal_as_asked(words):
            plugins_dir = hoist(words, "--plugins-dir") or hoist(typed(), "--plugins-dir")
            screen = Screen(as_json="--json" in words, plain="--plain" in words)
            session = Session(screen, Path(plugins_dir) if plugins_dir else None)
            rest["standalone_mode"] = False
            sys.exit(self.answer(session, words, wrong, prog_name="animekit", **rest))

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        return [module.__name__.split(".")[2] for module in COMMANDS]  # animekit.cli.NAME

    def answer(
        self, session: Session, words: list[str], wrong: UsageError | None = None, **rest: Any
    ) -> int:
        """Run the command, write its JSON answer or its error, and return the exit code.

        `wrong` is what is wrong before it begins.
        """
        data, error, began = None, None, time.monotonic()
        try:
            if (code := elsewhere(session, words, wrong)) is not None:
                return code
            data = super().main(words, obj=session, **rest)
            if isinstance(data, int):  # --help and --version write for themselves; 130 is Ctrl-C
                if data != Stopped.exit_code:
                    return data
                raise KeyboardInterrupt
            tell_slowness(session, time.monotonic() - began)
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt, SystemExit) as caught:
            if isinstance(caught, SystemExit) and not _failures.is_of_a_plugin(caught):
                # Typer and Rich end so on a broken pipe
                return BROKEN_PIPE if caught.code == 1 else int(caught.code or 0)
            error = _failures.known(caught, session.args)
            if COMPLETION in os.environ and error is not None:
                return error.exit_code  # words in the middle of a line that is being typed
            speaks = says_why(error)
            if error is None:
                if speaks:
                    session.screen.bug(caught, _failures.culprit(caught))
                error = AnimekitError(f"{type(caught).__name__}: {caught}", code="bug")
            elif speaks:
                session.screen.error(error, caught)
                data = error.data
        session.screen.finish(session.command, session.args, data, error)
        return error.exit_code if error else 0


def elsewhere(session: Session, words: list[str], wrong: UsageError | None) -> int | None:
    """Return the exit code of a command that other processes do, else None.

    Raises what is `wrong` before any begins.
    """
    if wrong is not None:
        raise wrong
    command = next((word for word in words if not word.startswith("-")), "")
    if command not in TOGETHER and not place().is_main:
        return 0  # the first of several processes does it alone
    if command in ON_THIS_MACHINE and not {"-h", "--help"} & set(words):
        count = count_of(hoist(words, FLAG))
        return shared(session.screen, take_part, words, count) if count > 1 else None
    return None


def take_part(words: Sequence[str]) -> int:
    """Run the command line as one of several processes; return its exit code."""
    try:
        app(list(words))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def says_why(error: AnimekitError | None) -> bool:
    """Say whether it is for this one of several processes to say why all end.

    It is for the first one that fails; that they were stopped is told by the one that speaks.
    """
    if isinstance(error, Stopped) and not place().is_main:
        return False
    return is_first_to_fail(is_lost=error is not None and error.code == LOST)


def tell_slowness(session: Session, seconds: float) -> None:
    """Say what other programs took of the processor while a long command worked."""
    device = sys.modules.get("animekit.device")  # not imported for this: it brings torch
    if device is None or seconds < LONG or session.command.startswith(TELL_THEMSELVES):
        return
    warning = device.SINCE_START.warning()
    if warning is not None:
        session.screen.note(warning)


def terminal_as_asked(words: Sequence[str]) -> AbstractContextManager[None]:
    """Make --plain mean TERM=dumb, and --no-color NO_COLOR: all libraries obey."""
    asked = {"TERM": "dumb", "NO_COLOR": "1"} if "--plain" in words else {}
    if "--no-color" in words:
        asked["NO_COLOR"] = "1"
    return variables(asked)


def typed() -> list[str]:
    """Return the words of the line that a shell wants completed, none in a call."""
    if COMPLETION not in os.environ:
        return []
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()


def _at_home(word: str) -> str:
    """Return --OPTION=~/PATH with the home folder in it, which shells leave as it is."""
    option, sign, value = word.partition("=")
    return f"{option}={at_home(value)}" if sign and option.startswith("--") else word


def hoist(words: list[str], flag: str) -> str | None:
    """Take an option out of a command line, wherever it stands, and return its value.

    The plugins must be known before the sub-commands that they bring can be.

    >>> words = ["train", "hinge", "--plugins-dir", "mine", "-n"]
    >>> hoist(words, "--plugins-dir"), words
    ('mine', ['train', 'hinge', '-n'])
    """
    for at, word in enumerate(words):
        if word == "--":
            break
        if word == flag and at + 1 < len(words):
            words.pop(at)
            return words.pop(at)
        if word.startswith(flag + "="):
            return words.pop(at).partition("=")[2]
    return None


app = typer.Typer(
    name="animekit",
    cls=Root,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version and stop.")
    ] = False,
) -> None:
    """Train, use and measure generative models of anime faces.

    Examples
      animekit demo                              no data yet? a few minutes
      animekit clean data/faces                  what should not be there, and why
      animekit train wgangp --data data/faces    train a model on a folder
      animekit generate --seeds 0-24 --grid 5x5  draw 25 new faces
      animekit evaluate --ms-ssim --swd          measure the newest run
      animekit transfer cyclegan apple2orange    pictures in, pictures out
    """
    if version:
        from importlib import metadata

        typer.echo(f"animekit {metadata.version('animekit')}")
    elif context.invoked_subcommand is None:
        context.get_help()


for module in COMMANDS:
    module.add_to(app)


def main() -> None:
    """Run the command line: the entry point of the `animekit` command."""
    app()
