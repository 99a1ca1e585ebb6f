"""Errors that a user can act on: each says what failed, what was seen and what to type."""

from __future__ import annotations

import re
from typing import Any, ClassVar

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST = 1000
"""Letters of a message."""


class AnimekitError(Exception):
    """An expected failure with one clear line, a hint and a fixed exit code.

    Library code raises it where the facts are known; `animekit.cli` renders it in one place.
    Any other exception that reaches the command line is a bug and ends with exit code 1.
    """

    exit_code: ClassVar[int] = 1
    code: str = "error"
    data: Any = None
    """What was found all the same: the data of the JSON answer."""

    def __init__(self, message: str, hint: str | None = None, *, code: str | None = None) -> None:
        # a stranger's text may stand in it: it stays one line, which no terminal obeys
        message = CONTROL.sub(lambda found: repr(found[0])[1:-1], message[: LONGEST + 1])
        self.message = message if len(message) <= LONGEST else f"{message[:LONGEST]}..."
        super().__init__(self.message)
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(AnimekitError):
    """The command line itself is wrong."""

    exit_code = 2
    code = "usage"


class NotFoundError(AnimekitError):
    """The data, run or weights that were named do not exist."""

    exit_code = 3
    code = "not_found"


class UnusableError(AnimekitError):
    """Something was found but cannot be used: a file, a checkpoint, a data set."""

    exit_code = 4
    code = "unusable"


class ConfigError(UnusableError):
    """A parameter, preset or configuration file is wrong."""

    code = "config"


class DataError(UnusableError):
    """A data set was found but holds nothing that can be used."""

    code = "data"


class CheckpointError(UnusableError):
    """A checkpoint or weights file is damaged, unsafe or belongs to another model."""

    code = "checkpoint"


class PluginError(UnusableError):
    """A plugin breaks the contract: a clash of names, a hook gone wrong."""

    code = "plugin"


class GateError(AnimekitError):
    """A quality gate that the user asked for was not met."""

    exit_code = 5
    code = "gate"


class DeviceError(AnimekitError):
    """The device or a resource is missing: no CUDA, out of memory, disk full."""

    exit_code = 6
    code = "device"


class DivergedError(AnimekitError):
    """Training diverged and the allowed roll-backs are used up."""

    exit_code = 7
    code = "diverged"


class AlarmError(AnimekitError):
    """Training stopped on an alarm, as was asked; the state is saved."""

    exit_code = 7
    code = "alarm"


class PartialError(AnimekitError):
    """Some inputs failed; the rest is done."""

    exit_code = 8
    code = "partial"


class NetworkError(AnimekitError):
    """A download failed or its checksum is wrong."""

    exit_code = 9
    code = "network"


class Stopped(AnimekitError):
    """The user (or the system) stopped the work and the state is saved."""

    exit_code = 130
    code = "stopped"


class Terminated(Stopped):
    """SIGTERM stopped the work and the state is saved."""

    exit_code = 143
    code = "terminated"
