"""`animekit train MODEL`: one sub-command for each model that a plugin brings."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from animekit.cli import _complete
from animekit.cli._commands import Command, Group
from animekit.cli._crew import PROCESSES
from animekit.cli._options import (
    CHANCE,
    CONSENT,
    EVERYWHERE,
    SETTINGS,
    Common,
    PluginFlags,
    Session,
    make_command,
    option,
)
from animekit.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from animekit.models.base import Model

PANELS = {
    "Data": ("data", "tags", "labels", "min_count", "size", "mirror", "crop"),
    "Training": ("batch_size", "steps", "epochs", "minutes", "pretrained", "stop_on"),
    "Output": ("name", "log_every", "sample_every", "save_every", "keep_checkpoints"),
}
METAVARS = {
    "data": "PATH",
    "tags": "FILE",
    "labels": "WORDS",
    "min_count": "N",
    "size": "PX",
    "crop": "PX",
    "epochs": "N",
    "minutes": "M",
    "pretrained": "MODEL",
}
LOGGERS = PluginFlags("logger", "Output")


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


class ModelCommand(Command):
    """The command that trains one model."""

    valued = {"--resume": ("--resume-run", "[^-].*")}


class ModelGroup(Group):
    """A group that finds its commands among the plugins: a new model is one."""

    _listing = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Ask for a model where none is named."""
        if not args and not ctx.resilient_parsing:
            names = " ".join(self.list_commands(ctx))
            raise UsageError("name the model to train", f"animekit train MODEL, one of: {names}")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the model's command; loaded where its own option waits for a value."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, TypedCommand) and rest and rest[-1].startswith("--"):
            known = {flag for each in command.params for flag in each.opts}
            command = command if rest[-1] in known else command.full(ctx)
        return name, command, rest

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the models; for a shell that waits none is loaded."""
        session: Session = ctx.obj
        if ctx.resilient_parsing:
            return list(_complete.summaries("model", session.plugins_dir))
        return list(session.registry().all("model"))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of one model; NotFoundError with the nearest name."""
        session: Session = ctx.obj
        if ctx.resilient_parsing:
            summary = _complete.summaries("model", session.plugins_dir).get(cmd_name)
            if summary is None or self._listing:
                return None if summary is None else Command(cmd_name, short_help=summary)
            return typed_command(cmd_name)
        try:
            return model_command(session.registry().get("model", cmd_name), session)
        except NotFoundError:
            if cmd_name.startswith("-"):
                return None
            raise

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer the models by name and summary: their options are not asked for yet."""
        self._listing = True
        return super().shell_complete(ctx, incomplete)


def model_command(model: type[Model], session: Session) -> Command:
    """Return the command that trains one model: its parameters are options."""
    from animekit.training.presets import presets_of

    def body(common: Common, **given: Any) -> Any:
        from animekit.cli.train.run import run

        return run(common, model, given)

    presets = list(presets_of(model))
    start = f"animekit train {model.name} --data data/faces"
    quick = f"--preset {presets[0]}" if presets else "--steps 2000"
    summary = model.summary().replace("[", r"\[")
    return make_command(
        "train",
        body,
        [*options(model, presets), *CHANCE, PROCESSES, *SETTINGS, *CONSENT],
        LOGGERS,
        LOGGERS.summaries(session),
        cls=ModelCommand,
        renamed=renamed_flags(model),
        title=model.name,
        short_help=summary,
        help=f"Train {model.name}: {summary}\n\nExamples\n  {start}\n  {start} {quick}\n"
        f"  animekit train {model.name} --resume",
    )


def options(model: type[Model] | None, presets: Sequence[str] = ()) -> list[Parameter]:
    """Return the options of a training, with a model's parameters under their topics."""
    from animekit.cli._flags import options_of
    from animekit.training.recipe import TrainOptions

    known = "; known: " + ", ".join(presets) if presets else ""
    own = [
        option("preset", str, metavar="NAME", help=f"Start from a named recipe{known}."),
        option(
            "tip",
            list[str],
            metavar="N",
            help="Follow ganhacks tips, as in 5,9; none:4 is the opposite of 4. May be repeated.",
        ),
        option("resume", bool, help="Go on with the newest run; `--resume RUN` with this one."),
        option("resume_run", str, metavar="RUN", help="Go on with this run."),
        option("benchmark", bool, help="With -n: time some steps.", panel="Training"),
        option("verify", bool, help="Read the packed images back before training.", panel="Data"),
        option("out", Path, "--out", "-o", metavar="DIR", help="Folder of runs.", panel="Output"),
        option("preview", bool, help="Show sample grids in the terminal.", panel="Output"),
    ]
    taken = {each.name for each in (*own, *CHANCE, PROCESSES, *SETTINGS, *CONSENT, *EVERYWHERE)}
    panels = {name: panel for panel, names in PANELS.items() for name in names}
    training = options_of(TrainOptions, taken, panel="Advanced", panels=panels, metavars=METAVARS)
    parameters = [] if model is None else options_of(model.Params, taken, panel="Model")
    topics = dict.fromkeys(str(each.default.rich_help_panel) for each in parameters)
    order = ["None", *PANELS, *sorted(topics, key=lambda topic: topic != "Model"), "Advanced"]
    found = [*own, *training, *parameters]
    return sorted(found, key=lambda each: order.index(str(each.default.rich_help_panel)))


def renamed_flags(model: type[Model]) -> dict[str, str]:
    """Return the flags that a training had in earlier versions, and those of now."""
    from animekit.cli import _flags
    from animekit.training.recipe import TrainOptions

    found = {"--measure": "--benchmark"}
    for params in (TrainOptions, model.Params):
        found |= _flags.renamed_flags(params)
    del found["--gpu"]  # of --device the one name is as good as the other
    return found


class TypedCommand(ModelCommand):
    """The command of a model in a line that is being typed."""

    def full(self, ctx: Any) -> Command:
        """Return the command with the parameters of its model, which is loaded."""
        session: Session = ctx.obj
        session.screen.quiet = True
        return model_command(session.registry().get("model", str(self.name)), session)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer the names of all options; no other word comes here."""
        if not incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return self.full(ctx).shell_complete(ctx, incomplete)


def typed_command(name: str) -> Command:
    """Return what can be said of a model's command without torch."""
    return make_command(
        "train",
        lambda common, **given: None,
        [*options(None), *CHANCE, PROCESSES, *SETTINGS, *CONSENT],
        cls=TypedCommand,
        title=name,
    )
