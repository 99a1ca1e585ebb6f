"""A loose plugin: a logger that keeps what it is told in capitals."""

from pathlib import Path

from pydantic import Field

from animekit.config import Params
from animekit.hookspecs import hookimpl
from animekit.training.logger import Logger


class ShoutParams(Params):
    """What the logger can be told."""

    mark: str = Field("!", description="what ends each word")


class Shout(Logger):
    """Keep each note in capitals."""

    name = "shout"
    Params = ShoutParams
    params: ShoutParams

    def __init__(self, params: Params | None = None) -> None:
        super().__init__(params)
        self.heard: list[str] = []

    def note(self, step: int, kind: str, message: str) -> None:
        """Keep a note."""
        self.heard.append(message.upper() + self.params.mark)


HERE = Path(__file__)


@hookimpl
def animekit_loggers() -> list[type[Logger]]:
    """Return the logger of this file."""
    return [Shout]
