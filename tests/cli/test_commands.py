"""The tree of commands as a whole: its shape, its help, and what it imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.main import get_command

import animekit
from animekit.cli import app
from animekit.cli._commands import GENERAL
from animekit.cli._options import CHANCE, CONSENT, EVERYWHERE, SETTINGS
from animekit.plugins import Registry
from tests.support import call, nodes

LEAVES = {
    "demo": [*CHANCE, *CONSENT],
    "clean": [*SETTINGS, *CONSENT],
    "train gan": [*CHANCE, *SETTINGS, *CONSENT],
    "generate": [*CHANCE, *CONSENT],
    "evaluate": [*CHANCE, *SETTINGS, *CONSENT],
    "grade": CONSENT,
    "reconstruct": [*CHANCE, *CONSENT],
    "transfer": [*CHANCE, *CONSENT],
    "project": [*CHANCE, *CONSENT],
    "report": CONSENT,
    "export": CONSENT,
    "play": [CHANCE[1], *CONSENT],
    "ablate": [CHANCE[1], *SETTINGS, *CONSENT],
    "explain": [*SETTINGS, *CONSENT],
    "runs ls": [],
    "runs show": [],
    "runs compare": [CHANCE[1], *CONSENT],
    "runs rm": CONSENT[:1],
    "runs restore": CONSENT[:1],
    "runs gallery": CONSENT,
    "data info": [],
    "data pack": CONSENT,
    "data synth": [CHANCE[0], *CONSENT],
    "data tags": CONSENT,
    "data label": CONSENT,
    "data get": CONSENT,
    "models ls": [],
    "models pull": CONSENT,
    "models verify": [],
    "models pack": CONSENT,
    "models push": CONSENT,
    "models import": CONSENT,
    "config show": SETTINGS,
    "config presets": [],
    "config init": CONSENT,
    "config validate": [],
    "plugins ls": [],
    "plugins check": [],
    "plugins new": CONSENT[:1],
    "doctor": [],
}


def leaves() -> Iterator[str]:
    """Walk the tree of commands; the models stand for one."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        below = list(getattr(command, "commands", {})) + (["gan"] if name == "train" else [])
        yield from [f"{name} {leaf}" for leaf in below] or [name]


def test_bare_animekit_prints_short_help_and_succeeds() -> None:
    result = call()
    assert result.exit_code == 0
    assert result.stderr == ""
    names = re.findall(r"│ (\w+)  ", result.stdout)
    assert names == [
        "demo",
        "clean",
        "train",
        "generate",
        "evaluate",
        "grade",
        "reconstruct",
        "transfer",
        "play",
        "project",
        "ablate",
        "explain",
        "runs",
        "report",
        "export",
        "data",
        "models",
        "config",
        "plugins",
        "doctor",
    ]


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import json, sys, time\n"
        "sys.argv = ['animekit', '--help']\n"
        "from animekit.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(json.dumps([time.process_time(), sorted(sys.modules)]), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(ended.stderr)
    assert "Usage: animekit" in ended.stdout
    assert not {"torch", "pydantic", "pandas", "numpy", "cv2", "PIL"} & set(modules)
    assert seconds < 0.5  # of the processor: another process beside us does not count


def test_version_is_that_of_the_package() -> None:
    assert call("--version").stdout == f"animekit {animekit.__version__}\n"
    module = [sys.executable, "-m", "animekit", "--version"]
    ended = subprocess.run(module, capture_output=True, text=True, check=True)
    assert ended.stdout == f"animekit {animekit.__version__}\n"


def test_the_tree_has_no_other_leaves() -> None:
    assert set(leaves()) == set(LEAVES)


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_leaf_explains_itself_and_takes_the_shared_options(leaf: str) -> None:
    result = call(*leaf.split(), "-h")
    assert result.exit_code == 0
    text = [line.strip() for line in result.stdout.splitlines()]
    start = text.index("Examples")
    assert re.fullmatch(r"[A-Z].*\.", " ".join(text[3 : start - 1]))
    assert [line.split()[0] for line in text[start + 1 : start + 4]] == ["animekit"] * 3
    for parameter in (*EVERYWHERE, *LEAVES[leaf]):
        assert parameter.default.param_decls[0] in result.stdout


def test_the_help_of_every_option_says_what_it_takes_and_ends_with_what_all_have(
    registry: Registry,
) -> None:
    for line, command, context in nodes(registry):
        shown = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
        for each in shown:
            place = f"{line} {each.opts[0]}"
            assert each.help, place
            assert bool(each.metavar) is not getattr(each, "is_flag", False), place
        if not hasattr(command, "commands"):
            panels = [each.rich_help_panel for each in shown]
            first = panels.index(GENERAL)
            assert set(panels[first:]) == {GENERAL}, line
            assert {"json", "help"} <= {each.name for each in shown[first:]}, line


@pytest.mark.parametrize(
    "line", ["", "train wgangp", "generate", "evaluate", "transfer", "runs ls"]
)
def test_help_fits_a_terminal_and_names_no_types(line: str) -> None:
    shown = call(*line.split(), "--help", COLUMNS="80").stdout
    assert max(map(len, shown.splitlines())) == 80
    assert not re.search(r"<\w+>", shown)
    assert "\u2026" not in shown  # nothing is cut


def test_every_name_of_the_api_can_be_had() -> None:
    assert set(animekit.__all__) <= set(dir(animekit))
    for name in animekit.__all__:
        assert getattr(animekit, name) is not None
    assert callable(animekit.demo)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        animekit.nothing  # noqa: B018


def test_importing_animekit_imports_nothing_heavy() -> None:
    code = "import sys, animekit; dir(animekit); print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_old_names_of_flags_stand_for_options_that_exist_and_help_is_silent_on_them(
    registry: Registry,
) -> None:
    seen = set()
    for line, command, context in nodes(registry):
        renamed = getattr(command, "renamed", {})
        options = list(command.get_params(context))
        flags = {flag for each in options for flag in (*each.opts, *each.secondary_opts)}
        assert set(renamed.values()) <= flags, line
        assert not flags & set(renamed), line
        seen |= {line.split()[1] for _ in renamed}
    assert seen == {"clean", "train", "generate", "evaluate", "reconstruct", "transfer"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("generate --trunc 0.7 --truncation 0.8", "--trunc and --truncation are one option"),
        ("generate --matrix hair,eyes --vary=hair", "--matrix and --vary are one option"),
        ("clean --keep best --keep-duplicate first", "--keep and --keep-duplicate are one option"),
        ("train gan --no-flip --no-mirror", "--no-flip and --no-mirror are one option"),
        ("evaluate --vs a --compare b", "--vs and --compare are one option"),
    ],
)
def test_a_flag_under_two_names_is_refused(words: str, message: str) -> None:
    result = call(*words.split())
    assert result.exit_code == 2
    assert message in result.stderr
