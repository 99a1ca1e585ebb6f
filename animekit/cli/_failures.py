"""From any exception to the error that a user can act on, where there is one."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from animekit.errors import (
    AnimekitError,
    DeviceError,
    PluginError,
    Stopped,
    UsageError,
)
from animekit.files import as_error, as_name_error

if TYPE_CHECKING:
    from animekit.plugins import PluginFault


TOO_MUCH = re.compile("DefaultCPUAllocator|Storage size calculation overflowed|unpacking long")
"""What torch says of tensors that no memory holds, and of sizes that no integer of 64 bits does."""


def known(error: BaseException, args: Mapping[str, Any]) -> AnimekitError | None:
    """Return the error with a message, a hint and an exit code; None for a bug.

    `args` are the options of the command, for advice such as half the batch.
    """
    if isinstance(error, AnimekitError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Stopped("stopped")
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if _is_out_of_memory(error):
        return _out_of_memory(error, args)
    found: AnimekitError | None = None
    if isinstance(error, OSError) and error.errno is not None:  # without: of some library
        found = as_error(error)
    elif isinstance(error, ValueError):
        found = as_name_error(error)
    if isinstance(found, DeviceError):
        return found
    return _of_a_plugin(error) or found


def _of_a_plugin(error: BaseException) -> PluginError | None:
    """Return the error that names the plugin of a user and its line; None for animekit's own."""
    fault = _fault(error)
    if fault is None or fault.is_own:
        return None
    message = (str(error).splitlines() or [""])[0]
    return PluginError(
        f"plugin {fault.plugin} failed: {type(error).__name__}: {message}",
        f"{fault.path}, line {fault.line}, in {fault.function}: {fault.text}\n"
        "--verbose shows the whole traceback",
        code="plugin.failed",
    )


def is_of_a_plugin(error: BaseException) -> bool:
    """Say whether a line of a user's plugin raised it, as sys.exit() there does."""
    return _of_a_plugin(error) is not None


def _fault(error: BaseException) -> PluginFault | None:
    plugins = sys.modules.get("animekit.plugins")  # without it there was no plugin to be at fault
    found: PluginFault | None = None if plugins is None else plugins.fault_of(error)
    return found


def culprit(error: BaseException) -> str:
    """Return where a bug is, for the last line that is said of it."""
    fault = _fault(error)
    if fault is None:
        return "this is a bug in animekit; please report it with the lines above"
    return (
        f"this is a bug in the plugin {fault.plugin} ({fault.where}); if it came with animekit,"
        " please report it with the lines above"
    )


def _usage(error: typer.TyperException) -> AnimekitError:
    message = error.format_message()
    near = getattr(error, "possibilities", None)  # Typer's own guesses at a mistyped option
    flag = str(getattr(error, "option_name", None) or "")
    context = getattr(error, "ctx", None)
    hint = f"see {context.command_path} --help" if context else None
    registry = getattr(getattr(context, "obj", None), "_registry", None)  # if it was loaded
    failures = registry.failures if registry is not None and flag else []
    for failure in failures:
        if _letters(failure.module.rpartition(".")[2]) == _letters(flag):
            return PluginError(
                f"no option {flag}: its plugin {failure.module} failed to load: {failure.line}",
                "animekit plugins --failures shows the whole traceback",
                code="plugin.failed",
            )
    if near:
        from animekit.text import did_you_mean

        message = f"{error.message}.{did_you_mean(flag, near)}"
    if registry is not None and failures:
        hint = f"{hint}; {registry.failed}"
    return UsageError(message, hint)


def _letters(word: str) -> str:
    return re.sub("[-_]", "", word).lower()


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, (RuntimeError, TypeError)) and bool(TOO_MUCH.search(str(error)))


def _out_of_memory(error: BaseException, args: Mapping[str, Any]) -> DeviceError:
    wanted = re.search(r"allocate ([\d.]+ \w*)", str(error))
    where = "CUDA" if "CUDA" in str(error) else "memory"
    batch = args.get("batch_size", args.get("batch"))
    message = "out of memory" if where == "memory" else f"{where} out of memory"
    message += f" at batch {batch}" if batch else ""
    message += f" (the last piece was {wanted[1]})" if wanted else ""
    devices = sys.modules.get("animekit.device")
    if devices is not None and "CUDA" not in str(error):
        message += f": {devices.memory_words(devices.torch.device('cpu'))}"
    advice = (
        f"try --batch-size {max(1, int(batch) // 2)}" if batch else "try a smaller --batch-size"
    )
    advice += ", a smaller --size, or networks of fewer channels"
    return DeviceError(message, advice, code="device.memory")
