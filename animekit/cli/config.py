"""`animekit config`: the value of every parameter, and where it comes from."""

from __future__ import annotations

from typing import Any

import typer

from animekit.cli._commands import Group
from animekit.cli._options import SETTINGS, Common, argument, command, option

OWN = [
    argument("model", required=True, help="The model, as in animekit train MODEL."),
    option("origin", bool, help="Say where each value comes from."),
    option("preset", str, metavar="NAME", help="With this preset."),
]


def add_to(app: typer.Typer) -> None:
    """Add the group to the root."""
    group = typer.Typer(
        cls=Group, help="Show every value of a run before it starts, and the presets."
    )
    command(group, "show", show, *OWN, *SETTINGS, of="config")
    one = argument("model", help="Only the presets of this model.")
    command(group, "presets", presets, one, of="config")
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
    from animekit.training.recipe import networks_of, presets_of

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
