"""`animekit train MODEL`: one sub-command for each model that a plugin brings."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from animekit.cli._options import NEWEST, Session
from animekit.errors import NotFoundError, UsageError


def add_to(app: typer.Typer) -> None:
    """Add the group to the root."""
    group = typer.Typer(cls=ModelGroup, subcommand_metavar="MODEL [OPTIONS]")
    group.callback()(train)
    app.add_typer(group, name="train")


def train() -> None:
    """Train a model on a folder of images.

    Examples
      animekit train wgangp --data data/faces
      animekit train wgangp --data data/faces -n     what it would do
      animekit train wgangp --help                   what this model can be told
    """


class ModelGroup(TyperGroup):
    """A group that finds its commands among the plugins: a new model is one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Ask for a model, and let `--resume` stand without a run."""
        if not args and not ctx.resilient_parsing:
            names = " ".join(self.list_commands(ctx))
            raise UsageError("name the model to train", f"animekit train MODEL, one of: {names}")
        return super().parse_args(ctx, [*spell_out(args)])

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the models."""
        session: Session = ctx.obj
        return list(session.registry().all("model"))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of one model; NotFoundError with the nearest name."""
        from animekit.cli.train.run import model_command

        session: Session = ctx.obj
        try:
            return model_command(session.registry().get("model", cmd_name), session.registry())
        except NotFoundError:
            if ctx.resilient_parsing or cmd_name.startswith("-"):
                return None
            raise


def spell_out(args: list[str]) -> list[str]:
    """Return the words with a value behind a bare `--resume`.

    >>> spell_out(["wgangp", "--resume", "-n"])
    ['wgangp', '--resume=newest', '-n']
    """
    following = [*args[1:], "-"]
    return [
        f"{word}={NEWEST}" if word == "--resume" and after.startswith("-") else word
        for word, after in zip(args, following, strict=True)
    ]
