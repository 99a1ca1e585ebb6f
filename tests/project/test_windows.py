"""Windows: nothing of Unix alone is needed, as far as that can be seen on another system."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("animekit/**/*.py"), *ROOT.glob("plugins/**/*.py")])
GUARDED = {("animekit/device.py", "resource")}
"""What is imported in a function, behind a question for the system."""
UNIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}

AS_ON_WINDOWS = f"""
import os, signal, socket, sys
import cv2, filelock, numpy, pandas, platformdirs, torch, typer.testing  # have own ways
import PIL.Image, rich.console, multiprocessing.pool, tempfile, subprocess, concurrent.futures
for name in {sorted(UNIX)}:
    sys.modules[name] = None
for name in ("sched_getaffinity", "sysconf", "fork", "getuid", "geteuid", "uname", "statvfs",
             "mkfifo", "O_NOFOLLOW", "O_DIRECTORY", "getpgid", "killpg", "setsid", "getloadavg"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGPIPE", "SIGALRM", "SIGUSR1", "SIGKILL", "alarm", "setitimer"):
    if hasattr(signal, name):
        delattr(signal, name)
from pathlib import Path
real = Path.open
def no_proc(self, *rest, **more):
    if str(self).startswith("/proc"):
        raise FileNotFoundError(2, "No such file", str(self))
    return real(self, *rest, **more)
Path.open = no_proc
import importlib, pkgutil, animekit
for module in pkgutil.walk_packages(animekit.__path__, "animekit."):
    if module.name != "animekit.__main__":
        importlib.import_module(module.name)
from typer.testing import CliRunner
from animekit.cli import app
from animekit import plugins
assert not plugins.load().failures
small = "--size 32 --batch-size 4 --g-channels 4 --d-channels 4 --steps 1 --log-every 1"
for line in (
    "data synth faces --num 12 --size 64",
    "clean faces --min-size 100 --apply",
    "clean faces --undo",
    "clean faces",
    f"train gan --data faces {{small}}",
    "train gan --resume --steps 2",
    "runs",
    "generate --seeds 0-3",
    "generate --interpolate --frames 4 -o walk.gif",
    "evaluate --ms-ssim --num 4 --repeats 1 --ref faces",
):
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, (line, result.output)
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_imports_nothing_of_unix_and_names_the_encoding_of_text(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names} & UNIX
            assert {(path.relative_to(ROOT).as_posix(), name) for name in names} <= GUARDED
        if isinstance(node, ast.ImportFrom):
            assert node.module not in UNIX
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            bare = {"read_text": 0, "write_text": 1}.get(node.func.attr, -1) == len(node.args)
            assert not bare or node.keywords, f"line {node.lineno} names no encoding"


def test_basic_use_needs_nothing_that_only_unix_has(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_ON_WINDOWS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
