"""Play: a model in the browser, drawn there or by this machine, until Ctrl-C."""

from __future__ import annotations

import importlib.util
import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from animekit import plugins
from animekit.errors import UnusableError, UsageError
from animekit.exporting.export import drawing_page
from animekit.exporting.graph import graphs_of
from animekit.exporting.page import page_config, page_files, translating_page
from animekit.hub import runtime
from animekit.models.abilities import Generates, Translates
from animekit.playing.desk import DrawingDesk, TranslatingDesk
from animekit.playing.server import LOOPBACK, PlayServer, Service, is_loopback
from animekit.runs.run import Loaded, load_model
from animekit.runs.run import Run as RunFolder
from animekit.signals import StopSignals

if TYPE_CHECKING:
    from animekit.plugins import Registry

Draw = Literal["auto", "browser", "server"]
DRAWS = ("auto", "browser", "server")
NEEDED = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class PlayPlan:
    """What would be served: a model, drawn where, and for whom."""

    loaded: Loaded
    draws: Literal["browser", "server"]
    host: str
    port: int
    device: str
    registry: Registry = field(repr=False)
    reason: str = ""
    """Why the browser does not draw itself; "" where it does."""

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach it."""
        return is_loopback(self.host)

    def serve(self) -> PlayServer:
        """Begin to serve, and return the server, which runs until `stop`."""
        files, services = self._page()
        return PlayServer(files, services, self.host, self.port)

    def _page(self) -> tuple[dict[str, bytes], dict[str, Service]]:
        model = self.loaded.model
        if isinstance(model, Translates) and not isinstance(model, Generates):
            translating = TranslatingDesk(self.loaded, self.registry, self.device)
            return translating_page(translating.config()), translating.services
        if self.draws == "server":
            drawing = DrawingDesk(self.loaded, self.device)
            return page_files(page_config(self.loaded, "there")), drawing.services
        files, _ = drawing_page(self.loaded, next(graphs_of(model)), runtime.stored())
        return files, {}


def play(
    model: str | Path | RunFolder | None = None,
    *,
    host: str | None = None,
    port: int = 0,
    draw: Draw = "auto",
    open: bool = True,
    checkpoint: str | int = "best",
    device: str = "auto",
    registry: Registry | None = None,
) -> int:
    """Serve a page on which a model draws or translates, until Ctrl-C.

    Returns how many requests there were. `draw` says where: "browser" needs the runtime of web
    pages and the extra `onnx`, "server" draws here; "auto" takes the browser where it can. What
    translates does so here. Without a `host` this machine alone can reach it. The page is opened
    if `open`. `plan_play(...).serve()` does not wait.

    Raises UnusableError for a model that does neither, and where the port is taken.
    """
    plan = plan_play(
        model,
        host=host,
        port=port,
        draw=draw,
        checkpoint=checkpoint,
        device=device,
        registry=registry,
    )
    with plan.serve() as server:
        if open:
            webbrowser.open(server.address)
        return wait(server)


def wait(server: PlayServer) -> int:
    """Wait for Ctrl-C, which is how playing ends; return how much was asked for."""
    with StopSignals() as signals:
        while signals.received is None:
            time.sleep(0.1)
    return server.requests


def plan_play(
    model: str | Path | RunFolder | None = None,
    *,
    host: str | None = None,
    port: int = 0,
    draw: Draw = "auto",
    checkpoint: str | int = "best",
    device: str = "auto",
    registry: Registry | None = None,
) -> PlayPlan:
    """Return what `play` would serve; raise what it would raise before it does."""
    if draw not in DRAWS:
        raise UsageError(f'cannot draw in "{draw}"', f"use {' '.join(DRAWS)}")
    if not 0 <= port < 1 << 16:
        raise UsageError(f"there is no port {port}", "--port 0 takes a free one")
    registry = registry if registry is not None else plugins.load()
    loaded = load_model(model, registry, checkpoint=checkpoint, able="sample")
    draws, reason = _where(loaded, draw)
    return PlayPlan(loaded, draws, host or LOOPBACK, port, device, registry, reason)


def _where(loaded: Loaded, draw: Draw) -> tuple[Literal["browser", "server"], str]:
    """Return where a model is drawn, and why it is not in the browser."""
    model = loaded.model
    if not isinstance(model, (Generates, Translates)):
        raise UnusableError(
            f"{loaded.name} neither draws nor translates",
            "animekit models lists weights; faces64 draws, stargan-hair translates",
            code="play.nothing",
        )
    why = _why_not(loaded)
    if draw == "server" or (draw == "auto" and why):
        return "server", why if draw == "auto" else "as asked"
    if why:
        raise UnusableError(f"{loaded.name} is not drawn in the browser: {why}", "--draw server")
    return "browser", ""


def _why_not(loaded: Loaded) -> str:
    """Return why the browser cannot draw, "" where it can."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not isinstance(loaded.model, Generates):
        return "it translates pictures"
    if missing:
        return f"{' and '.join(missing)} is missing (extra onnx)"
    if not runtime.is_here():
        return f"{runtime.NAME} is not here; animekit export MODEL --web DIR gets it"
    try:
        page_config(loaded, "here")
        list(graphs_of(loaded.model))
    except UnusableError as error:
        return error.message
    return ""
