"""Completion: what a shell is offered, that nothing crashes, and that nothing heavy is loaded."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner, Result

from animekit import plugins
from animekit.cli import app
from animekit.cli._commands import GENERAL
from animekit.cli._declared import declared
from animekit.plugins import Registry
from tests.support import nodes

LOOSE = '''
"""A model of a test."""
import animekit.hookspecs, no_module_of_this_name

class Loose:
    """A model that cannot be imported."""
    name = "loose"

@animekit.hookspecs.hookimpl
def animekit_models():
    return [Loose]
'''


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with three runs, two data sets and imported weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    labels = {"labels": ["red hair", "blue hair", "smile"], "groups": [2, 1]}
    for name, spec in (("0001-gan-a", {}), ("0002-acgan-b", labels), ("0003-gan-c", {})):
        folder = tmp_path / "runs" / name
        for step in (500, 1000):
            (folder / "checkpoints" / f"{step:06d}").mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"spec": spec}))
    for name in ("faces", "apples", ".hidden"):
        (tmp_path / "data" / name).mkdir(parents=True)
    imported = tmp_path / "home" / "weights" / "imported"
    imported.mkdir(parents=True)
    about = json.dumps({"model": "cyclegan", "spec": {}})
    save_file({}, imported / "horses.safetensors", {"animekit": about})
    return tmp_path


def complete(line: str, shell: str = "bash") -> Result:
    """Ask what may follow a line, as the function does that Typer installs in a shell."""
    words = line.split(" ")
    env = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TYPER_COMPLETE_ARGS": line}
    env |= {"_ANIMEKIT_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return CliRunner().invoke(app, [], env=env)


def offered(line: str) -> list[str]:
    """Return the words that bash is offered."""
    result = complete(line)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.split("\n")[:-1]


def test_no_node_of_the_tree_crashes_in_any_shell(registry: Registry) -> None:
    lines = [line for line, _, _ in nodes(registry)]
    assert {"animekit", "animekit train", "animekit train stargan", "animekit runs ls"} <= {*lines}
    for line in lines:
        for shell, end in (("bash", " "), ("zsh", " "), ("fish", " "), ("bash", " --")):
            result = complete(line + end, shell)
            assert (result.exit_code, result.stderr) == (0, ""), (line + end, shell)


def test_no_option_crashes_where_its_value_is_asked_for(registry: Registry) -> None:
    general: set[str] = set()  # what all commands have is asked for once
    with_words = 0
    for line, command, context in nodes(registry):
        if line.startswith("animekit train ") and not line.endswith(" gan"):
            continue  # one model stands for all
        for each in command.get_params(context):
            if each.param_type_name == "option" and not each.is_flag and each.name not in general:
                with_words += offered(f"{line} {each.opts[0]} ") != [""]
                general |= {each.name} if each.rich_help_panel == GENERAL else set()
    assert with_words > 25


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("animekit tra", "train transfer"),
        ("animekit train wg", "wgan wgangp"),
        ("animekit train wgangp --preset ", "course cpu demo resnet seed000-i seed000"),
        ("animekit config show wgangp --preset c", "course cpu"),
        ("animekit train gan --resume ", "0003-gan-c 0001-gan-a"),
        ("animekit train gan --lr 3 --steps 5 --resume 0001", "0001-gan-a"),
        ("animekit train wgangp --d-po", "--d-pool"),
        ("animekit train wgangp --d-pool ", "auto stride avg max"),
        ("animekit train gan --data ", "data/apples data/faces synthetic:"),
        ("animekit train cyclegan --data data/faces,data/a", "data/faces,data/apples"),
        ("animekit generate 00", "0003-gan-c 0002-acgan-b 0001-gan-a"),
        ("animekit generate cfa", "cfaces64"),
        ("animekit generate facef", ""),
        ("animekit generate --checkpoint ", "best last 500 1000"),
        ("animekit generate faces64 --checkpoint ", "best last"),
        ("animekit generate 0002 --sweep ", "hair smile"),
        ("animekit generate --device c", "cpu cuda"),
        ("animekit evaluate data", ""),
        ("animekit evaluate --ms", "--ms-ssim"),
        ("animekit evaluate --compare 0001", "0001-gan-a"),
        ("animekit evaluate --ref data/f", "data/faces"),
        ("animekit clean --check face,bl", "face,blur"),
        ("animekit clean --detector ", "lbp lbp-padded own"),
        ("animekit transfer ", "cyclegan stargan"),
        ("animekit transfer cyclegan ", "apple2orange horses"),
        ("animekit transfer gan ", "0003-gan-c 0001-gan-a"),
        ("animekit transfer stargan hair --attr bl", "blue_hair black_hair blonde_hair"),
        ("animekit runs ", "ls show compare rm restore gallery"),
        ("animekit runs --ru", "--runs"),
        ("animekit runs show 0002", "0002-acgan-b"),
        ("animekit runs compare 0003", "0003-gan-c"),
        ("animekit runs ls --sort ti", "time"),
        ("animekit models pull stargan/celeba-1", "stargan/celeba-128"),
        ("animekit data get app", "apple2orange"),
        ("animekit plugins wgang", "wgangp"),
        ("animekit plugins --kind d", "dataset detector"),
    ],
)
def test_names_complete_where_they_are_taken(line: str, words: str) -> None:
    found = offered(line)
    assert (found if words else found == [""]) and " ".join(found) == words


def test_zsh_and_fish_say_what_a_word_is() -> None:
    assert "gan\tThe original GAN" in complete("animekit train ga", "fish").stdout
    assert '"0003-gan-c":"run"' in complete("animekit runs show 0003", "zsh").stdout


def test_a_plugin_that_cannot_be_loaded_still_completes(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "loose.py").write_text(LOOSE)
    (place / "mine" / "worse.py").write_text("def (")
    assert offered("animekit train --plugins-dir mine lo") == ["loose"]
    assert offered("animekit config show --plugins-dir mine lo") == ["loose"]
    assert complete("animekit train loose --plugins-dir mine --").exit_code == 3
    assert complete("animekit train loose --plugins-dir mine --").output == ""


def test_damaged_runs_and_weights_offer_what_is_left(place: Path) -> None:
    (place / "runs" / "0003-gan-c" / "config.json").write_text("[")
    (place / "home" / "weights" / "imported" / "horses.safetensors").write_bytes(b"\xff" * 99)
    assert offered("animekit generate --sweep ") == [""]
    assert offered("animekit transfer cyclegan ") == ["apple2orange"]


def test_what_files_declare_is_what_loading_finds(registry: Registry) -> None:
    loaded = {
        (kind, name, cls.summary())
        for kind in plugins.KINDS
        for name, cls in registry.all(kind).items()
    }
    assert {(each.kind, each.name, each.summary) for each in declared()} == loaded


CODE = """
import json, os, sys, time
from animekit.cli import main
for line in json.loads(sys.argv[1]):
    os.environ.update(COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1))
    try:
        sys.argv = ["animekit"]
        main()
    except SystemExit:
        pass
heavy = {"torch", "pandas", "cv2", "PIL"} & set(sys.modules)
print(json.dumps([time.process_time(), sorted(heavy)]), file=sys.stderr)
"""


def test_completion_is_quick_and_imports_nothing_heavy() -> None:
    lines = ["animekit train ", "animekit train wgangp --preset ", "animekit evaluate --"]
    lines += ["animekit generate ", "animekit generate --checkpoint ", "animekit clean --check "]
    lines += ["animekit transfer stargan hair --attr ", "animekit models pull ", "animekit "]
    command = [sys.executable, "-c", CODE, json.dumps(lines)]
    env = {"_ANIMEKIT_COMPLETE": "complete_bash", "ANIMEKIT_HOME": "home"}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    seconds, heavy = json.loads(ended.stderr)
    assert "--ms-ssim" in ended.stdout and "cyclegan/apple2orange" in ended.stdout
    assert heavy == []
    assert seconds < 1.5  # of the processor, for all nine: a second nobody waits for


def test_the_installed_function_asks_as_this_file_does(tmp_path: Path) -> None:
    script = CliRunner().invoke(app, [], env={"_ANIMEKIT_COMPLETE": "source_bash"}).stdout
    program = shlex.join([sys.executable, "-m", "animekit"])
    asked = f'{script}\nanimekit() {{ {program} "$@"; }}\nexport -f animekit\n'
    asked += "COMP_WORDS=(animekit train wgang); COMP_CWORD=2; _animekit_completion ./animekit\n"
    (tmp_path / "animekit").write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    (tmp_path / "animekit").chmod(0o755)
    asked += 'echo "${COMPREPLY[@]}"'
    ended = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert ended.stdout == "wgangp\n"


def test_words_of_the_label_file_complete_behind_labels(place: Path) -> None:
    Path("tags.csv").write_text("0,long hair:3\tsmile:9\t\n1,smile:9\t\n", "utf-8")
    found = complete("animekit train acgan --tags tags.csv --labels ").stdout.split()
    assert found == ["smile", "long_hair"]
    more = complete("animekit train acgan --tags tags.csv --labels smile,l").stdout.split()
    assert more == ["smile,long_hair"]
