"""`animekit config`: every value and its origin, presets, and configuration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._commands import Group
from animekit.cli._options import CONSENT, SETTINGS, Common, argument, command, option
from animekit.errors import ConfigError

OWN = [
    argument("model", required=True, help="The model, as in animekit train MODEL."),
    option("origin", bool, help="Say where each value comes from."),
    option("preset", str, metavar="NAME", help="With this preset."),
]
INIT = [
    argument("model", required=True, help="The model that is to be trained."),
    option("preset", str, metavar="NAME", help="Start from this preset."),
    option("out", Path, "--out", "-o", metavar="FILE", help="Where to write (animekit.toml)."),
]
FILE = argument("file", help="The file (default: animekit.toml).")


def add_to(app: typer.Typer) -> None:
    """Add the group to the root."""
    group = typer.Typer(
        cls=Group,
        help="Show every value of a run before it starts, presets, and files of settings.",
    )
    command(group, "show", show, *OWN, *SETTINGS, of="config")
    one = argument("model", help="Only the presets of this model.")
    command(group, "presets", presets, one, of="config")
    command(group, "init", init, *INIT, *CONSENT, of="config")
    command(group, "validate", validate, FILE, of="config")
    app.add_typer(group, name="config")


def show(common: Common, model: str, origin: bool, preset: str | None) -> list[dict[str, Any]]:
    """Show what `animekit train MODEL` would be told: the value of each parameter.

    Examples
      animekit config show wgangp
      animekit config show wgangp --origin --preset cpu
      animekit config show wgangp --origin --set lr=3e-4
    """
    from animekit.config import parse_set
    from animekit.config import show as text
    from animekit.training import recipe

    typed = parse_set(common.set or ())
    made = recipe.make_recipe(
        model,
        common.registry(),
        preset=preset,
        config_file=common.config,
        values=typed.values,
        origins=dict.fromkeys(typed.values, typed.origin),
    )
    values = {**made.options.model_dump(), **made.params.model_dump()}
    rows = [
        {"key": key, "value": value, "origin": made.origins[key]} for key, value in values.items()
    ]
    columns = ("key", "value", "origin") if origin else ("key", "value")
    common.screen.table(
        columns, [(row["key"], text(row["value"]), row["origin"])[: len(columns)] for row in rows]
    )
    return rows


def presets(common: Common, model: str | None) -> list[dict[str, Any]]:
    """List the presets: named recipes of parameters and options.

    Examples
      animekit config presets
      animekit config presets wgangp
      animekit train wgangp --preset cpu
    """
    from animekit.config import show as show_value
    from animekit.training.presets import networks_of, presets_of

    registry = common.registry()
    models = [registry.get("model", model)] if model else [*registry.all("model").values()]
    rows = [
        {"model": cls.name, "preset": preset.name, "description": preset.description}
        for cls in models
        for preset in presets_of(cls).values()
    ]
    if model:
        of = models[0]
        rows += [
            {"model": of.name, "preset": name, "description": f"the networks alone: {words}"}
            for name, layer in networks_of(of, registry).items()
            for words in [" ".join(f"{k}={show_value(v)}" for k, v in layer.values.items())]
        ]
    common.screen.table(("model", "preset", "what it is"), [list(row.values()) for row in rows])
    return rows


def init(common: Common, model: str, preset: str | None, out: Path | None) -> dict[str, Any]:
    """Write a commented configuration file: every option and parameter of a model.

    Examples
      animekit config init wgangp
      animekit config init wgangp --preset cpu -o cpu.toml
      animekit config init gan -n
    """
    from animekit.setup.settings import FILE, new_settings

    path = out or FILE
    text = new_settings(
        model,
        path,
        preset=preset,
        registry=common.registry(),
        overwrite=common.yes,
        dry_run=common.dry_run,
    )
    if common.dry_run:
        common.screen.say(text.rstrip())
    else:
        common.screen.made(path, "settings", "take the # before a line away to change its value")
        common.screen.note(f"next: animekit config validate {path}")
    return {"path": str(path), "model": model, "preset": preset, "text": text}


def validate(common: Common, file: str | None) -> dict[str, Any]:
    """Find the mistakes in a configuration file, each with its line.

    Examples
      animekit config validate
      animekit config validate cpu.toml
      animekit config validate runs/0001-wgangp-faces64/config.json
    """
    from animekit.config import read_file
    from animekit.setup.settings import FILE, count_values, find_mistakes

    path = file or str(FILE)
    count = count_values(read_file(path).values)
    mistakes = find_mistakes(path, registry=common.registry())
    data = {"path": path, "values": count, "mistakes": [each.as_dict() for each in mistakes]}
    for each in mistakes:
        common.screen.say(f"{path}, {each}")
    if mistakes:
        words = f"{path}: {len(mistakes)} mistakes, the first on {mistakes[0]}"
        words = words if len(mistakes) > 1 else f"{path}, {mistakes[0]}"
        error = ConfigError(words, mistakes[0].hint, code="config.mistakes")
        error.data = data
        raise error
    common.screen.say(f"{path}  sound: {count} value{'s' * (count != 1)}")
    return data
