"""The body of `animekit explain`: what is said of a model, and the files that are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit.cli._options import Common
from animekit.config import parse_set
from animekit.explanation.explain import explain
from animekit.explanation.result import COLUMNS, Explanation, refuse

KINDS = {".md": "markdown"}


def run(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Explain, write what was asked for, and return the data of the JSON answer."""
    paths = [Path(word) for word in options["out"] or ()]
    for path in paths:  # before the work
        refuse(path, overwrite=common.yes)
    typed = dict(parse_set(common.set or ()).values)
    tags = options["tags"]
    with common.screen.busy("looking"):
        found = explain(
            options["model"],
            options["data"],
            preset=options["preset"],
            tips=options["tip"] or (),
            params=typed,
            config=common.config,
            size=options["size"],
            tags=None if tags is None else str(tags),
            registry=common.registry(),
            origins=dict.fromkeys(typed, "--set"),
        )
    show(common, found)
    for path in paths:
        if common.dry_run:
            common.screen.say(f"would write {path}")
            continue
        found.save(path, overwrite=common.yes)
        common.screen.made(path, KINDS.get(path.suffix.lower(), "diagram"))
    return found.facts()


def show(common: Common, found: Explanation) -> None:
    """Write everything for a person, part by part."""
    screen = common.screen
    screen.say(found.model, "bold")
    screen.say(found.summary)
    screen.say(found.origin)
    for update in found.updates:
        screen.say("")
        moved = " and ".join(update.networks)
        screen.say(f"phase {update.phase} minimises, over {moved}, the sum of", "bold")
        screen.table(("term", "formula"), found.objective_rows(update.phase))
    if found.legend():
        screen.say("")
        screen.table(("where", ""), found.legend())
    screen.say("\nupdate rule", "bold")
    for line in found.code:
        screen.say(line)
    for network in found.networks:
        screen.say(f"\n{network.name}", "bold")
        screen.table(COLUMNS, found.layer_rows(network))
    if found.notes:
        screen.say("\nreading its losses", "bold")
        screen.say(found.notes)
    if found.paper is not None:
        paper = found.paper
        screen.say("\npaper", "bold")
        screen.say(f"{paper.authors}, {paper.year}: {paper.title}")
        screen.say(paper.link)
