"""`animekit doctor`: what this machine has for animekit, to read or to paste into a question."""

from __future__ import annotations

from typing import Any

import typer

from animekit.cli._options import Common, command

STYLES = {"ok": "green", "note": "yellow", "BROKEN": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "doctor", doctor)


def doctor(common: Common) -> dict[str, Any]:
    """Look at everything animekit needs: versions, device, folders, plugins, weights.

    Nothing is changed. A broken part is named with what to do, and the exit code is 4.

    Examples
      animekit doctor
      animekit doctor --json
      animekit doctor --plain > doctor.txt
    """
    from animekit.setup import doctor as parts

    screen = common.screen
    with screen.busy("looking"):
        found = parts.doctor(registry=common.session.registry())
    wide = max(len(each.id) for each in found.checks)
    for each in found.checks:
        screen.say(f"{each.state:<6}  {each.id:<{wide}}  {each.detail}", STYLES[each.state])
        for line in (each.hint or "").splitlines():
            screen.say(f"{'':<6}  {'':<{wide}}  -> {line}")
    if (failure := found.failure()) is not None:
        raise failure
    return found.as_dict()
