"""Commands of documents: how they are read, made smaller and run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from animekit.cli import app

ROOT = Path(__file__).parents[2]

SMALL = {
    "SIZE": "32",
    "BATCH_SIZE": "4",
    "STEPS": "2",
    "G_CHANNELS": "4",
    "D_CHANNELS": "4",
    "Z_DIM": "8",
    "THREADS": "1",
    "LOG_EVERY": "1",
    "EVAL_EVERY": "0",
}
"""ANIMEKIT_* variables under which the commands of the documents run."""

SMALLER: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"(train .*)--minutes (\d+)", lambda found: f"{found[1]}--steps {2 + int(found[2]) // 5}"),
    (r"--steps (\d{4,})", lambda found: f"--steps {max(2, int(found[1]) // 10_000)}"),
    (r"synthetic:(?!hair)\d*", lambda found: "synthetic:16"),
    (r"count=\d+", lambda found: "count=6"),
    (r"(ablate .*)--seconds \d+", lambda found: f"{found[1]}--seconds 1"),
    (r"--(size|batch-size) \d+", lambda found: ""),
    (r"(animekit project .*)", lambda found: f"{found[1]} --steps 3 --starts 2 --features 0"),
    (r"(animekit (play|export .*--web).*)", lambda found: f"{found[1]} -n"),  # waits, downloads
)
"""What the command line says would win over the environment; so this is made smaller too."""


@dataclass(frozen=True)
class Line:
    """One command of a document, and the exit code that it promises."""

    text: str
    exit_code: int = 0


def blocks(text: str, language: str = r"\w*") -> list[str]:
    """Return the code blocks of a page in a language; all where none is named."""
    found = re.findall(rf"^ *```({language})\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    return [body for _, body in found]


def commands(text: str) -> Iterator[Line]:
    """Yield the lines of the sh blocks, without their comments."""
    for block in blocks(text, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            promised = re.search(r"# exit (\d+)", line)
            if words:
                yield Line(shlex.join(words), int(promised[1]) if promised else 0)


def smaller(text: str) -> str:
    """Return a command that asks for less work."""
    for pattern, change in SMALLER:
        text = re.sub(pattern, change, text)
    return text


def problem_of(line: Line) -> str | None:
    """Run one command here, and say what went wrong with it."""
    program, *words = shlex.split(smaller(line.text))
    if program == "make":
        return missing_target(words[0] if words else "help")
    if program == "source":
        return None if words == [".venv/bin/activate"] else f"nobody reads {words}"
    if program.startswith("./"):
        return None if (ROOT / program).is_file() else f"no file {program}"
    if program != "animekit":
        return f"nobody runs {line.text}"
    result = CliRunner().invoke(app, words)
    if result.exit_code == line.exit_code:
        return None
    return f"{line.text}: exit {result.exit_code}, not {line.exit_code}\n{result.output}"


def missing_target(name: str) -> str | None:
    """Say whether the Makefile lacks a target."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return None if re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE) else f"make {name}"
