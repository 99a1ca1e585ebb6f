"""How calls end that go wrong: one clear error, an exit code, and no bug hidden."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from animekit.cli._failures import known
from tests.support import call


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        ("trian gan", 2, "No such command 'trian'. Did you mean 'train', ", "animekit --help"),
        ("train", 2, "name the model to train", "acgan chinge"),
        (
            "train wganpg",
            3,
            'unknown model "wganpg". Did you mean "wgangp"?',
            "known models: acgan",
        ),
        ("train gan --stpes 3", 2, 'No such option: --stpes. Did you mean "--steps"?', "train gan"),
        ("train gan --set lrr=3", 4, 'unknown parameter "lrr" (from --set).', "known: "),
        ("train gan --lr -1", 4, "lr = -1: input should be greater than 0", "learning rate"),
        ("train gan --preset cpuu", 3, 'has no preset "cpuu". Did you mean "cpu"?', "presets:"),
        ("train gan --data nowhere", 3, "nowhere", "animekit demo"),
        ("train gan --resume 7", 3, 'no run "7" in runs', "train one"),
        ("runs show 7", 3, 'no run "7" in runs', "train one"),
        ("plugins wganpg", 3, 'unknown plugin "wganpg". Did you mean "wgangp"?', "known: "),
        ("plugins --kind modle", 3, 'unknown kind "modle". Did you mean "model"?', "kinds: "),
        ("generate --grid 5", 2, 'cannot read --grid "5"', "columns x rows"),
        ("generate --seeds 1 --interpolate 1,2", 2, "two sources of noise", "give one"),
        ("generate --checkpoint bst", 2, 'no checkpoint "bst"', "best, last"),
        ("generate --checkpoint ²", 2, 'no checkpoint "²"', "best, last"),
        ("generate --like none.png", 3, "no picture none.png", "animekit generate"),
    ],
)
def test_a_wrong_word_ends_with_one_clear_error(
    words: str, code: int, message: str, hint: str
) -> None:
    result = call(*words.split())
    assert result.exit_code == code
    assert result.stdout == ""
    error, *hints = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert any(hint in line and line.startswith("  ") for line in hints)


@pytest.mark.parametrize(("words", "code"), [("train gan --nope", 2), ("train nope", 3)])
def test_errors_are_json_too_where_json_is_asked_for(words: str, code: int) -> None:
    result = call(*words.split(), "--json")
    failed = json.loads(result.stdout)
    assert (result.exit_code, failed["exit_code"], failed["ok"]) == (code, code, False)
    assert failed["error"]["message"] in result.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize("words", ["--gpu 0", "--device cuda", "--device cuda:0", "--gpu cuda:0"])
def test_a_gpu_that_is_not_there_is_never_replaced_in_silence(pictures: Path, words: str) -> None:
    result = call("train", "wgangp", "--data", pictures, *words.split())
    assert result.exit_code == 6
    assert result.stderr.startswith("error: no CUDA device 0")


def fail(monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str) -> Result:
    """Run `animekit plugins` where looking for plugins raises."""

    def load(folder: Path | None) -> None:
        raise error

    monkeypatch.setattr("animekit.plugins.load", load)
    return call("plugins", *words)


def test_an_unexpected_error_shows_its_trace_and_is_called_a_bug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = fail(monkeypatch, ZeroDivisionError("by zero"), "--json")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "this is a bug in animekit" in result.stderr
    assert json.loads(result.stdout)["error"]["code"] == "bug"


@pytest.mark.parametrize(
    "option",
    [
        f"--set={'.'.join(['a'] * 20_000)}=1",
        f"--set=z_dim={'9' * 4200}",
        "--set=z_dim=1e999",
        f"--set=lr={'9' * 5000}",
        f"--set=z_dim={'9' * 19}",
        f"--steps={'9' * 5000}",
    ],
    ids=lambda option: option[:14] + str(len(option)),
)
def test_endless_values_and_keys_are_one_short_line(option: str) -> None:
    result = call("train", "gan", "--data", "synthetic:24", "-n", option)
    assert result.exit_code in (2, 4, 6)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and len(errors[0]) < 1100
    assert "Traceback" not in result.output


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    result = fail(monkeypatch, KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "stopped\n")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 6, "out of memory at batch 64"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), 6, "2.00 GiB"),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), 6, "out of memory"),
        (RuntimeError("Overflow when unpacking long, got 10**25"), 6, "out of memory"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), 6, "no space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 4, "cannot use /x: permission"),
    ],
)
def test_what_the_machine_lacks_is_told_with_advice(
    error: BaseException, code: int, words: str
) -> None:
    told = known(error, {"batch": "64"})
    assert told is not None
    assert told.exit_code == code
    assert words in told.message
    assert told.hint
    if "memory" in words:
        assert "--batch-size 32" in told.hint


def test_an_error_of_no_known_kind_stays_unknown() -> None:
    assert known(RuntimeError("mat1 and mat2"), {}) is None
    assert known(OSError("odd"), {}) is None


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; sys.argv = ['animekit', '--help']; from animekit.cli import main; main()"
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_colour_goes_with_no_color_and_every_code_with_plain() -> None:
    asked = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    coloured = call("train", "nope", **asked).stderr
    assert "\x1b[1;31m" in coloured
    assert "\x1b[1m" in call("train", "nope", "--no-color", **asked).stderr
    assert "31m" not in call("train", "nope", "--no-color", **asked).stderr
    assert "\x1b" not in call("train", "nope", "--plain", **asked).stderr
    assert "\x1b" not in call("train", "gan", "--help", "--plain", **asked).stdout
    assert "TERM" not in os.environ
