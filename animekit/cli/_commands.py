"""Commands and groups as Typer builds them: their help, and words that may be left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typer.core import TyperArgument, TyperCommand, TyperGroup

GENERAL = "General"
"""The panel of what many commands share: the last one of every help."""


@dataclass(frozen=True)
class Bare:
    """What an option means without a value, and which words are its values."""

    value: str
    pattern: str = "[^-].*"


def with_values(words: Sequence[str], bare: Mapping[str, Bare]) -> list[str]:
    """Return the words with a value for each option that stands without one.

    >>> bare = {"--resume": Bare("newest"), "--undo": Bare("last", r"last|[0-9]+")}
    >>> with_values(["--resume", "-n"], bare), with_values(["--resume", "7"], bare)
    (['--resume=newest', '-n'], ['--resume', '7'])
    >>> with_values(["--undo", "faces"], bare), with_values(["--undo", "7", "--resume"], bare)
    (['--undo=last', 'faces'], ['--undo', '7', '--resume=newest'])
    """
    found: list[str] = []
    for index, word in enumerate(words):
        if word == "--":
            return [*found, *words[index:]]
        option = bare.get(word)
        after = words[index + 1] if index + 1 < len(words) else "-"
        alone = option is not None and re.fullmatch(option.pattern, after, re.DOTALL) is None
        found.append(f"{word}={option.value}" if option is not None and alone else word)
    return found


class _Readable:
    """What the help of all commands and groups is spared: types in angle brackets."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options and arguments, those for help and completion in our style."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for each in params:
            if isinstance(each, TyperArgument):
                each.display_type_rich = lambda ctx: None  # type: ignore[method-assign]
            elif each.is_flag and each.metavar is None:  # declared by Typer: --help and the like
                each.metavar = ""
                if each.name == "help":
                    each.rich_help_panel, each.help = GENERAL, "Show this help."
        return params


class Command(_Readable, TyperCommand):
    """A command; `bare` names its options whose value may be left out."""

    bare: ClassVar[Mapping[str, Bare]] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the values in that were left out; while they are being typed, none was."""
        return super().parse_args(
            ctx, args if ctx.resilient_parsing else with_values(args, self.bare)
        )


class Group(_Readable, TyperGroup):
    """A group of commands."""


class DefaultGroup(Group):
    """A group whose bare name means its first command: `runs` is `runs ls`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name before options that stand alone."""
        bare = not args and not ctx.resilient_parsing  # while it is being typed, any may come
        if bare or (args and args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer the options of the first command beside the names of all."""
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            first = next(iter(self.commands.values()))
            known = {item.value for item in found}
            more = first.shell_complete(first.make_context(None, [], ctx, obj=ctx.obj), incomplete)
            found += [item for item in more if item.value not in known]
        return found
