"""Names that no file can have, loops of links, and disks that refuse: one line, never a trace."""

from __future__ import annotations

import errno
import inspect
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

import animekit
from animekit.cli._failures import known
from animekit.errors import AnimekitError
from animekit.files import as_error, as_name_error, in_words
from animekit.images.write import write_png
from tests.support import call

LONG = "a" * 300
NAMES = {
    "a name of 300 letters": LONG,
    "a path of 6,000 letters": "/".join(["a" * 200] * 30),
    "a link that leads to itself": "loop",
    "below such a link": "loop/x.png",
    "below a file": "file/x.png",
    "a file of no kind": "file",
    "bytes that are not UTF-8": "\udcff",
    "half a pair": "\ud800",
    "nothing": "",
    "control characters": "\x1b[2J\n\r",
}
COMMANDS = [
    "clean @",
    "clean faces --tags @",
    "clean faces --check blur --out @",
    "clean faces --merge @",
    "clean faces --manifest @ --apply",
    "clean faces --config @",
    "clean faces --crop --out @",
    "clean @ --undo",
    "train gan --data @ -n",
    "train gan --data faces --tags @ -n",
    "train gan --resume @",
    "train gan --config @ -n",
    "train cyclegan --data faces,@ -n",
    "generate @",
    "generate --like @",
    "generate --reproduce @ -n",
    "generate faces64 --noise @",
    "generate faces64 --num 1 --out @",
    "generate faces64 --num 1 --save-each @",
    "generate faces64 --num 1 --save-noise @",
    "generate cfaces64 --prompts @ -n",
    "evaluate @ --swd --ref faces",
    "evaluate faces --swd --ref @",
    "evaluate faces --swd --ref faces --tags @",
    "evaluate faces --swd --ref faces --save-ref @",
    "evaluate faces --swd --ref faces --compare @",
    "grade @",
    "grade faces --prompts @",
    "grade faces --cascade @",
    "grade faces --min-faces 0 --out @",
    "reconstruct @",
    "reconstruct vae @",
    "ablate gan --data @ --axis n_critic=1,2 --steps 1 -n",
    "ablate gan --data faces --axis n_critic=1,2 --steps 1 -n --out @",
    "explain @",
    "explain gan --config @",
    "explain gan --out @",
    "report @",
    "export @",
    "export faces64 -n --out @",
    "export faces64 -n --web @",
    "export faces64 --web page --runtime @",
    "play @ -n",
    "play faces64 -n --checkpoint @",
    "project @ faces",
    "project faces64 @ -n",
    "project faces64 faces --out @ -n",
    "report --runs @",
    "runs compare @ @",
    "runs rm @",
    "runs restore @",
    "transfer cyclegan @ faces",
    "transfer stargan hair @",
    "transfer @ hair faces",
    "runs show @",
    "runs ls --runs @",
    "data info @",
    "data info faces --tags @",
    "data tags @",
    "data label @",
    "data label faces -n --out @",
    "data label faces -n --classifier @",
    "data pack @",
    "data synth @ --num 1",
    "data get @",
    "models import @",
    "models pull @ -y",
    "models pack @ --licence mit --data-note x",
    "models pack faces64 --licence mit --data-note x --out @ -n",
    "models push @ hf:a/b -n --licence mit --data-note x",
    "models push faces64 @ -y",
    "config show gan --config @",
    "config presets @",
    "config init @",
    "config init gan -n --out @",
    "config validate @",
    "doctor --plugins-dir @",
    "plugins @",
    "plugins check @",
    "plugins new @",
    "plugins new mine -n --out @",
    "plugins --plugins-dir @",
    "demo --out @ -n",
    "evaluate cyclegan-apple2orange --swd --data @ --direction a2b",
    "evaluate stargan-hair --swd --data faces --attr @",
    "transfer cyclegan @ faces --weights published",
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with some pictures, a file and a link that leads to itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    for index in range(3):
        pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        write_png(tmp_path / f"faces/{index}.png", pixels)
    (tmp_path / "file").write_text("no picture", encoding="utf-8")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


def is_told(result: Result) -> bool:
    """Say whether a call ended well, or with one error of one line and the right exit code."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    clean = "Traceback" not in result.output and "\x1b[2J" not in result.output
    return clean and len(lines) == (result.exit_code != 0) and result.exit_code in (0, 2, 3, 4, 8)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_of_300_letters_is_one_line_in_every_command(place: Path, command: str) -> None:
    result = call(*(word.replace("@", LONG) for word in command.split()))
    assert is_told(result), result.output
    assert result.exit_code in (2, 3, 4) or command.endswith("-n")  # nothing was written


@pytest.mark.parametrize(("index", "command"), list(enumerate(COMMANDS)))
def test_other_odd_names_are_told_in_one_line(place: Path, index: int, command: str) -> None:
    """Each command meets two of the names, so that each name meets several commands."""
    others = list(NAMES.values())[1:]
    for name in itertools.islice(itertools.cycle(others), index % 9, index % 9 + 2):
        result = call(*(word.replace("@", name) for word in command.split()))
        assert is_told(result), (name, result.output)


def test_every_command_is_tried() -> None:
    from animekit.cli import COMMANDS as modules

    assert {line.split()[0] for line in COMMANDS} == {
        module.__name__.split(".")[2] for module in modules
    }


CALLS: dict[str, Callable[[Any], Any]] = {
    "ablate": lambda name: animekit.ablate("gan", name, steps=1, axes={"n_critic": [1, 2]}),
    "plan_ablate": lambda name: animekit.plan_ablate(
        "gan", name, steps=1, axes={"n_critic": [1, 2]}
    ),
    "compare": lambda name: animekit.compare([name, name]),
    "explain": lambda name: animekit.explain(name),
    "report": lambda name: animekit.report(name),
    "clean": lambda name: animekit.clean(name),
    "crop": lambda name: animekit.crop(name, "out"),
    "demo": lambda name: animekit.demo(f"file/{name}"),
    "doctor": lambda name: animekit.doctor(name),
    "export": lambda name: animekit.export(name),
    "plan_export": lambda name: animekit.plan_export(name),
    "plan_project": lambda name: animekit.plan_project("faces64", name),
    "project": lambda name: animekit.project("faces64", name),
    "evaluate": lambda name: animekit.evaluate(name, "faces", metrics=["swd"]),
    "generate": lambda name: animekit.generate(name),
    "grade": lambda name: animekit.grade(name),
    "interpolate": lambda name: animekit.interpolate(name),
    "like": lambda name: animekit.like(name),
    "make_reference": lambda name: animekit.make_reference(name, "name"),
    "merge": lambda name: animekit.merge("faces", [name]),
    "plan": lambda name: animekit.plan("gan", name),
    "plan_generate": lambda name: animekit.plan_generate(name),
    "play": lambda name: animekit.play(name, open=False),
    "label": lambda name: animekit.label(name),
    "plan_label": lambda name: animekit.plan_label("faces", classifier=name),
    "plan_play": lambda name: animekit.plan_play(name),
    "read_recipe": lambda name: animekit.read_recipe(name),
    "reconstruct": lambda name: animekit.reconstruct(name),
    "remake": lambda name: animekit.remake(name),
    "reproduce": lambda name: animekit.reproduce(name),
    "train": lambda name: animekit.train("gan", name),
    "transfer": lambda name: animekit.transfer("stargan", "hair", name),
    "Run": lambda name: animekit.Run(name),
}
FINE = {("transfer", "file"), ("grade", "file"), ("grade", "loop")}
"""What is no picture is listed with its reason."""


@pytest.mark.parametrize("name", CALLS)
def test_the_library_raises_its_own_errors_too(place: Path, name: str) -> None:
    # the demonstration draws its pictures before it needs a place for them
    for odd in (LONG,) if name == "demo" else (*NAMES.values(), "a\0b"):
        if odd == "" or (name, odd) in FINE:
            continue
        with pytest.raises(AnimekitError) as caught:
            CALLS[name](odd)
        assert caught.value.message, odd


def test_every_public_call_is_tried_and_keeps_its_signature() -> None:
    functions = {name for name in animekit.__all__ if callable(getattr(animekit, name))}
    assert functions - {"AnimekitError", "launch"} == set(CALLS)  # which calls one of these
    assert "seeds" in inspect.signature(animekit.generate).parameters


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENAMETOOLONG, 4, "cannot use x"),
        (errno.ELOOP, 4, "symbolic links"),
        (errno.EACCES, 4, "permission denied"),
        (errno.EPERM, 4, "not permitted"),
        (errno.ENOTDIR, 4, "not a directory"),
        (errno.EISDIR, 4, "is a directory"),
        (errno.EROFS, 4, "read-only"),
        (errno.EEXIST, 4, "x is in the way"),
        (errno.ENOTEMPTY, 4, "not empty"),
        (errno.EXDEV, 4, "cross-device"),
        (errno.ENOENT, 3, "there is no x"),
        (errno.ENOSPC, 6, "no space left on device while writing x"),
        (errno.EDQUOT, 6, "quota"),
        (errno.EFBIG, 6, "too large"),
        (errno.EIO, 6, "input/output error"),
        (errno.EMFILE, 6, "too many open files"),
        (errno.ENODEV, 6, "no such device"),
    ],
)
def test_what_the_system_refuses_has_its_words_and_its_exit_code(
    number: int, code: int, words: str
) -> None:
    error = OSError(number, os.strerror(number), "x")
    told = known(error, {})
    assert told is not None
    assert (told.exit_code, words in told.message.lower(), bool(told.hint)) == (code, True, True)

    @in_words
    def fails() -> None:
        raise error

    with pytest.raises(type(told)) as caught:
        fails()
    assert caught.value.message == told.message
    assert len(as_error(OSError(number, "no", LONG * 10)).message) < 300


def test_errors_that_are_no_refusal_stay_what_they_are() -> None:
    for error in (OSError("cannot identify image file"), ValueError("no"), KeyError("a")):
        assert known(error, {}) is None

        @in_words
        def fails(raised: Exception = error) -> None:
            raise raised

        with pytest.raises(type(error)):
            fails()
    assert as_name_error(ValueError("embedded null byte")) is not None
    assert as_name_error(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")) is not None
    assert as_name_error(UnicodeEncodeError("ascii", "é", 0, 1, "not in range")) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_ends_with_6_and_one_line(place: Path) -> None:
    (place / "file.npy").symlink_to("/dev/full")
    result = call("generate", "faces64", "--num", "1", "--json", "-o", "/dev/full/x.png")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (4, "file.exists")
    with pytest.raises(AnimekitError) as caught:
        in_words(Path("/dev/full").write_text)("x")
    assert caught.value.exit_code == 6
