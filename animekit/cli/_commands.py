"""Commands and groups as Typer builds them: their help, and words that may be left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from typer.core import TyperArgument, TyperCommand, TyperGroup

from animekit.errors import UsageError

GENERAL = "General"
"""The panel of what many commands share: the last one of every help."""
HAVE_WORKED = {"no_color", "processes"}
"""Options that have done their work before a command is called: see cli/__init__.py."""
OWN_SEEDS = "seeds"
"""What `generate --interpolate` means without a value: the seeds of --seeds."""
Valued = Mapping[str, tuple[str, str]]
"""Flags that may be typed with a value: the option that takes it, and a pattern of its values."""


def spell_out(words: Sequence[str], valued: Valued) -> list[str]:
    """Return the words with the option in place of a flag that has a value.

    >>> valued = {"--resume": ("--resume-run", "[^-].*"), "--undo": ("--undo-id", "[0-9]+")}
    >>> spell_out(["--resume", "-n"], valued), spell_out(["--resume", "7"], valued)
    (['--resume', '-n'], ['--resume-run', '7'])
    >>> spell_out([], valued), spell_out(["--resume"], valued)
    ([], ['--resume'])
    >>> spell_out(["--undo", "faces", "--resume=7"], valued), spell_out(["--undo", "7"], valued)
    (['--undo', 'faces', '--resume-run=7'], ['--undo-id', '7'])
    """
    found = []
    for index, word in enumerate(words):
        after = words[index + 1] if index + 1 < len(words) else ""
        flag, equals, value = word.partition("=")
        name, pattern = valued.get(flag, ("", ""))
        if name and (equals or re.fullmatch(pattern, after, re.DOTALL)):
            word = name + equals + value
        found.append(word)
    return found


Renamed = Mapping[str, str]
"""Flags of earlier versions, each with its name of now."""


def with_new_names(words: Sequence[str], renamed: Renamed) -> list[str]:
    """Return the words, flags of earlier versions under the names that they have now.

    Raises UsageError for a flag under two names, of which one would be ignored.

    >>> with_new_names(["--keep=best", "--from", "a.csv"], {"--keep": "--keep-duplicate"})
    ['--keep-duplicate=best', '--from', 'a.csv']
    """
    found: list[str] = []
    typed: dict[str, str] = {}
    for word in words:
        flag, equals, value = word.partition("=")
        name = renamed.get(flag, flag)
        other = typed.setdefault(name, flag) if name in renamed.values() else flag
        if other != flag:
            raise UsageError(f"{other} and {flag} are one option", f"give {name} alone")
        found.append(name + equals + value)
    return found


def with_hyphens(words: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return the words, flags that were typed with _ as they are spelled.

    >>> with_hyphens(["--ms_ssim", "--out=a_b", "a_b"], ["--ms-ssim", "--out"])
    ['--ms-ssim', '--out=a_b', 'a_b']
    """
    found = []
    for word in words:
        flag, equals, value = word.partition("=")
        spelled = flag.replace("_", "-")
        known = flag.startswith("--") and flag not in flags and spelled in flags
        found.append(spelled + equals + value if known else word)
    return found


def with_values(words: Sequence[str], alone: Mapping[str, str]) -> list[str]:
    """Return the words, options that stand alone with the value that is meant.

    >>> with_values(["--path", "-o", "a", "--path", "3"], {"--path": "all"})
    ['--path=all', '-o', 'a', '--path', '3']
    """
    found = []
    for word, after in zip(words, [*words, "-"][1:], strict=True):
        bare = word in alone and after.startswith("-")
        found.append(f"{word}={alone[word]}" if bare else word)
    return found


class _Readable:
    """What the help of all commands and groups is spared: types in angle brackets."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options and arguments, those that Typer declares in our style."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for each in params:
            if isinstance(each, TyperArgument):
                each.display_type_rich = lambda ctx: None  # type: ignore[method-assign]
            elif each.is_flag and each.metavar is None:  # --help and the like
                each.metavar = ""
        return params


class Command(_Readable, TyperCommand):
    """A command; `valued` are its flags that may be typed with a value.

    `renamed` are those of earlier versions under other names, of which help is silent; `alone` are
    options that may be typed without a value, with the value that is meant.
    """

    valued: ClassVar[Valued] = {}
    renamed: ClassVar[Renamed] = {}
    alone: ClassVar[Mapping[str, str]] = {}
    _last = ""

    def get_help_option(self, ctx: Any) -> Any:
        """Return --help as one of the options that all commands have."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.rich_help_panel, found.help = GENERAL, "Show this help."
        return found

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words: old flags as new ones, a flag with a value as the option of it."""
        flags = {
            flag for each in self.get_params(ctx) for flag in (*each.opts, *each.secondary_opts)
        }
        words = with_new_names(with_hyphens(args, {*flags, *self.renamed}), self.renamed)
        self._last = words[-1] if words else ""
        if not ctx.resilient_parsing:  # a line that is being typed may still get the value
            words = with_values(words, self.alone)
        return super().parse_args(ctx, spell_out(words, self.valued))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer names of options, and the values of a flag that may have one."""
        name, _ = self.valued.get(self._last, ("", ""))
        for each in self.get_params(ctx):
            if name in each.opts and not incomplete.startswith("-"):
                found: list[Any] = each.shell_complete(ctx, incomplete)
                return found
        return super().shell_complete(ctx, incomplete)


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


class OpenGroup(DefaultGroup):
    """A group whose first command takes a word that is none: `plugins wgangp`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name before a word that is none."""
        known = not args or args[0].startswith("-") or args[0] in self.commands
        if not known and not (ctx.resilient_parsing and len(args) == 1):
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer what the first command takes, too."""
        found = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            first = next(iter(self.commands.values()))
            context = first.make_context(None, [], ctx, obj=ctx.obj, resilient_parsing=True)
            for each in first.get_params(context):
                if each.param_type_name == "argument":
                    found += each.shell_complete(context, incomplete)
        return found
