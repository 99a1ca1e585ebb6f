"""`animekit play`: a model in the browser, on this machine."""

from __future__ import annotations

from typing import Any

import typer

from animekit.cli._options import CONSENT, GENERAL, Common, argument, checkpoint_of, command, option

DRAWS = ("auto", "browser", "server")
OWN = [
    argument("model", help="Run, checkpoint, weights file or name; left out, the newest run."),
    option(
        "draw",
        str,
        metavar="auto|browser|server",
        help="Where it draws; auto: in the browser where that can.",
        default="auto",
        choices=DRAWS,
    ),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
    option("host", str, metavar="HOST", help="Let others reach it, at this address of ours."),
    option("port", int, metavar="N", help="Port; 0 takes a free one.", default=0),
    option("browse", bool, "--open/--no-open", help="Open the browser.", default=True),
    option(
        "device",
        str,
        "--device",
        "--gpu",
        metavar="auto|cpu|cuda:N",
        help="Where to compute.",
        default="auto",
        panel=GENERAL,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "play", play, *OWN, *CONSENT)


def play(
    common: Common, model: str | None, *, checkpoint: str, browse: bool, **options: Any
) -> dict[str, Any]:
    """Play with a model in the browser, until Ctrl-C.

    Attributes, noise, transitions, many at once; of a model that translates, pictures are dropped
    on the page. It is for this machine alone, at an address that nobody can guess; --host opens it
    to others who are told the address.

    Examples
      animekit play
      animekit play cfaces64
      animekit play stargan-hair --no-open --port 8000
    """
    from animekit.playing.play import plan_play, wait

    screen = common.screen
    with screen.busy("loading"):
        plan = plan_play(
            model, checkpoint=checkpoint_of(checkpoint), registry=common.registry(), **options
        )
    screen.note(plan.loaded.origin)
    where = "in the browser" if plan.draws == "browser" else "by this machine"
    screen.note(f"drawn {where}{f': {plan.reason}' if plan.reason else ''}")
    facts = {"model": plan.loaded.name, "draws": plan.draws, "host": plan.host}
    if not plan.is_local:
        screen.warn(
            "whoever is told the address, with this machine's own name in it, can use"
            " this model; it is plain HTTP",
            "play.host",
        )
    if common.dry_run:
        screen.say(f"would serve {plan.loaded.name} at {plan.host}")
        return facts
    with screen.busy("preparing the page"):
        server = plan.serve()
    with server:
        if screen.quiet:  # the one thing that is left of the answer
            screen.made(server.address, "page")
        screen.say(server.address)
        screen.note("Ctrl-C ends it" if not screen.as_json else f"{server.address}; Ctrl-C ends it")
        if browse:
            show(common, server.address)
        return {**facts, "address": server.address, "requests": wait(server)}


def show(common: Common, address: str) -> None:
    """Open the browser, or say that there is none."""
    import webbrowser

    if not webbrowser.open(address):
        common.screen.warn(f"no browser was found to open {address}", "open")
