"""The command line, from the words that are typed to the exit code."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest
import torch
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner, Result

import animekit
from animekit.cli import app
from animekit.cli._failures import known
from animekit.cli._options import CHANCE, CONSENT, EVERYWHERE, SETTINGS, Common
from animekit.cli.train import show
from animekit.runs.run import Run

TINY = {"size": 32, "batch": 4, "g-channels": 4, "d-channels": 4, "z-dim": 8, "threads": 1}
TINY |= {"report-every": 1, "eval-every": 0}
LEAVES = {
    "demo": [*CHANCE, *CONSENT],
    "clean": [*SETTINGS, *CONSENT],
    "train gan": [*CHANCE, *SETTINGS, *CONSENT],
    "generate": [*CHANCE, *CONSENT],
    "evaluate": [*CHANCE, *SETTINGS, *CONSENT],
    "reconstruct": [*CHANCE, *CONSENT],
    "transfer": [*CHANCE, *CONSENT],
    "runs ls": [],
    "runs show": [],
    "data info": [],
    "data pack": CONSENT,
    "data synth": [CHANCE[0], *CONSENT],
    "data tags": CONSENT,
    "data get": CONSENT,
    "models ls": [],
    "models pull": CONSENT,
    "models verify": [],
    "models import": CONSENT,
    "config show": SETTINGS,
    "config presets": [],
    "plugins": [],
}
HINGE = '''
"""Hinge loss."""
from pydantic import Field
from torch.nn.functional import relu
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.hookspecs import hookimpl

class HingeParams(AdversarialParams):
    """How wide the margin is."""
    margin: float = Field(1.0, gt=0, description="width of the margin")
    soft: bool = Field(True, description="round the corner")

class Hinge(AdversarialModel):
    """GAN with the hinge loss [a test]."""
    name = "hinge"
    Params = HingeParams

    def d_loss(self, real, fake):
        margin, d = self.params.margin, self.discriminator
        real, fake = d(real.images), d(fake.images)
        return {"hinge": relu(margin - real).mean() + relu(margin + fake).mean()}

    def g_loss(self, real, fake):
        return {"adv": -self.discriminator(fake.images).mean()}

@hookimpl
def animekit_models():
    return [Hinge]
'''
STOPPER = '''
"""A logger that presses Ctrl-C."""
import os, signal
from animekit.training.logger import Logger
from animekit.hookspecs import hookimpl

class Stopper(Logger):
    """Stop the run at its third step."""
    name = "stopper"

    def log(self, step, stats):
        """Press Ctrl-C."""
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)

@hookimpl
def animekit_loggers():
    return [Stopper]
'''


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def drawn(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one tiny run in it."""
    folder = tmp_path_factory.mktemp("drawn")
    trained(folder / "runs", steps=2)
    return folder


def call(*words: str | Path, **env: str) -> Result:
    """Run one command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200", **env})


def answer(*words: str | Path) -> dict[str, Any]:
    """Run a command that must succeed and return its JSON answer."""
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def problems(schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    """Yield where a value breaks the part of JSON Schema that ours are written in."""
    kinds = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}
    names = schema.get("type", [])
    fits = {
        **{name: isinstance(value, kind) for name, kind in kinds.items()},
        "integer": type(value) is int,
        "number": type(value) in (int, float),
    }
    if names and not any(fits[name] for name in ([names] if isinstance(names, str) else names)):
        yield f"{place} is {value!r}, not {names}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {value!r}, not one of {schema['enum']}"
    if isinstance(value, dict):
        yield from [
            f"{place} lacks {key}" for key in schema.get("required", []) if key not in value
        ]
        for key, part in schema.get("properties", {}).items():
            yield from problems(part, value[key], f"{place}.{key}") if key in value else ()
    for index, item in enumerate(value if isinstance(value, list) else []):
        yield from problems(schema.get("items", {}), item, f"{place}[{index}]")


def keeps_its_schema(found: dict[str, Any]) -> bool:
    """Hold a JSON answer against the schemas in the package."""
    name = found["schema"].removeprefix("animekit.").removesuffix("/1")
    schemas = Path(animekit.__file__).parent / "cli" / "schemas"
    wrong = list(problems(json.loads((schemas / "answer.json").read_text()), found, "answer"))
    if found["ok"]:
        data = json.loads((schemas / f"{name}.json").read_text())
        wrong += problems(data, found["data"], "data")
    assert not wrong
    return True


def tiny(data: Path, *words: str | Path, model: str = "gan") -> list[str]:
    """Return the words of a training that takes a moment."""
    flags = [f"--{key}={value}" for key, value in TINY.items()]
    return ["train", model, f"--data={data}", *flags, "--gpu", "cpu", *map(str, words)]


def leaves() -> Iterator[str]:
    """Walk the tree of commands; the models stand for one."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        below = list(getattr(command, "commands", {})) + (["gan"] if name == "train" else [])
        yield from [f"{name} {leaf}" for leaf in below] or [name]


# the shape of the whole


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
        "reconstruct",
        "transfer",
        "runs",
        "data",
        "models",
        "config",
        "plugins",
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


# words that are wrong


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        ("trian gan", 2, "No such command 'trian'. Did you mean 'train', ", "animekit --help"),
        ("train", 2, "name the model to train", "acgan cwgangp"),
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
def test_a_gpu_that_is_not_there_is_never_replaced_in_silence(pictures: Path) -> None:
    result = call("train", "wgangp", "--data", pictures, "--gpu", "0")
    assert result.exit_code == 6
    assert result.stderr.startswith("error: no CUDA device 0")


@pytest.mark.usefixtures("at_run")
@pytest.mark.parametrize(
    "words",
    [
        *("generate --num 2", "generate --each d --num 2", "runs", "runs show 1", "plugins"),
        *("plugins gan", "config show gan", "config presets", "runs show 9", "generate --nope"),
    ],
)
def test_json_answers_keep_the_schemas_of_the_package(words: str) -> None:
    assert keeps_its_schema(json.loads(call(*words.split(), "--json").stdout))


def test_a_schema_can_be_broken() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"b": {"enum": [1]}}}
    assert list(problems(schema, {"b": 2}, "x")) == ["x lacks a", "x.b is 2, not one of [1]"]
    assert list(problems({"items": {"type": "integer"}}, [1, True], "x")) == [
        "x[1] is True, not integer"
    ]


# whatever else can happen


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


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    result = fail(monkeypatch, KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "stopped\n")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 6, "out of memory at batch 64"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), 6, "2.00 GiB"),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), 6, "out of memory"),
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
        assert "--batch 32" in told.hint


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


# plugins and configuration


def test_plugins_are_listed_with_their_source() -> None:
    rows = {row["name"]: row for row in answer("plugins")["data"]}
    assert {"gan", "lsgan", "wgan", "wgangp", "folder", "synthetic", "tensorboard"} <= set(rows)
    assert rows["gan"]["kind"] == "model"
    assert rows["gan"]["dist"] == "animekit"
    assert {row["kind"] for row in answer("plugins", "--kind", "model")["data"]} == {"model"}


def test_one_plugin_shows_its_parameters_with_defaults_and_words() -> None:
    shown = call("plugins", "wgangp").stdout
    assert re.search(r"gp_weight +FLOAT +10.0 +weight of the gradient penalty", shown)
    assert re.search(r"cpu +Narrow", shown)
    (facts,) = answer("plugins", "wgangp")["data"]
    row = next(row for row in facts["params"] if row["name"] == "n_critic")
    assert (row["type"], row["default"]) == ("INT", 5)


def test_a_broken_plugin_is_named_and_the_others_work(tmp_path: Path) -> None:
    (tmp_path / "hinge.py").write_text(HINGE)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    listing = call("plugins", "--plugins-dir", tmp_path)
    assert listing.exit_code == 0
    assert re.search(r"broken .*FAILED +ModuleNotFoundError: No module named", listing.stdout)
    assert re.search(r"hinge +model .*ok +GAN with the hinge loss", listing.stdout)
    traces = call("plugins", "--failures", "--plugins-dir", tmp_path).stdout
    assert "Traceback" in traces
    assert "import nothing_of_this_name" in traces
    one = call("plugins", "broken", "--plugins-dir", tmp_path)
    assert one.exit_code == 3
    assert "Traceback" in one.stderr
    warned = call("config", "presets", "--plugins-dir", tmp_path)
    assert "warning: plugin broken is skipped" in warned.stderr
    assert "broken (ModuleNotFoundError" in call("train", "x", "--plugins-dir", tmp_path).stderr


def test_a_new_model_is_a_command_wherever_its_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "hinge.py").write_text(HINGE)
    named = f"--plugins-dir={folder}"
    helps = [
        call("train", "hinge", "--help", "--plugins-dir", folder),
        call("train", named, "hinge", "-h"),
        call("--plugins-dir", folder, "train", "hinge", "-h"),
        call("train", "hinge", "-h", ANIMEKIT_PLUGINS_DIR=str(folder)),
    ]
    for shown in helps:
        assert shown.exit_code == 0, shown.output
        assert "Train hinge: GAN with the hinge loss [a test]." in shown.stdout
        assert re.search(r"--margin +F +width of the margin \[default: 1.0\]", shown.stdout)
    assert call("train", "hinge", "-h").exit_code == 3


def test_values_are_shown_with_their_origin(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nbatch = 8\n")
    words = ["config", "show", "wgangp", "--preset", "cpu", "--config", file, "--set", "lr=3"]
    rows = {row["key"]: row for row in answer(*words)["data"]}
    assert (rows["lr"]["value"], rows["lr"]["origin"]) == (3.0, "--set")
    assert (rows["batch"]["value"], rows["batch"]["origin"]) == (8, str(file))
    assert rows["g_channels"]["origin"] == "preset cpu"
    assert rows["seed"]["origin"] == "default"
    assert re.search(r"^lr +3.0 +--set$", call(*words, "--origin").stdout, re.MULTILINE)
    assert "origin" not in call(*words).stdout


def test_presets_are_listed_by_model() -> None:
    rows = answer("config", "presets", "wgangp")["data"]
    assert {row["model"] for row in rows} == {"wgangp"}
    assert "cpu" in {row["preset"] for row in rows}


# the demo


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo draw few faces."""
    monkeypatch.setattr("animekit.demonstration.DATA", "synthetic:40")


@pytest.mark.usefixtures("few")
def test_the_demo_needs_nothing_and_says_where_to_look() -> None:
    result = call("demo", "--minutes", "0.001")
    assert result.exit_code == 0, result.stderr
    places = [line.split("  ")[0] for line in result.stdout.partition("\n\n")[0].splitlines()]
    assert places[:2] == ["demo/faces.png", "demo/runs/0001-gan-synthetic64/samples/reals.png"]
    assert all(Path(place).is_file() for place in places)
    with Image.open("demo/faces.png") as faces:
        assert faces.size == (320, 320)
    assert "Next: animekit train gan --data FOLDER" in result.stdout
    again = call("demo", "--minutes", "0.001", "--json")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert keeps_its_schema(lines[-1])
    assert lines[-1]["data"]["run"] == "demo/runs/0002-gan-synthetic64"


def test_a_dry_demo_makes_nothing() -> None:
    assert "would draw faces" in call("demo", "-n").stdout
    assert not Path("demo").exists()


# training


def plan(pictures: Path, *words: str, model: str = "wgangp") -> dict[str, Any]:
    """Return the resolved values of a run that is only planned."""
    values = answer(*tiny(pictures, *words, "-n", model=model))["data"]["values"]
    return {key: value for key, (value, origin) in values.items()}


def test_parameters_of_a_model_are_options_and_equal_set(pictures: Path) -> None:
    for words in (
        ["--gp-weight", "5", "--betas=0,0.99"],
        ["--set=gp_weight=5", "--set=betas=0,.99"],
    ):
        values = plan(pictures, *words)
        assert (values["gp_weight"], values["betas"]) == (5.0, [0.0, 0.99])


def test_switches_turn_on_and_off(pictures: Path) -> None:
    assert (plan(pictures)["flip"], plan(pictures)["channels_last"]) == (False, True)
    values = plan(pictures, "--flip", "--no-channels-last", "--one-sided")
    assert (values["flip"], values["channels_last"], values["one_sided"]) == (True, False, True)


def test_a_name_that_looks_like_a_number_stays_a_name(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "2024").symlink_to(pictures)
    assert plan(Path("2024"), "--name", "1e3")["name"] == "1e3"


def test_a_plan_says_everything_and_makes_nothing(pictures: Path) -> None:
    result = call(*tiny(pictures, "-n", "--measure", "--steps", "70", model="wgangp"))
    assert result.exit_code == 0
    for words in (
        r"would train +wgangp",
        r"into +runs/0001-wgangp-discs32",
        r"24 of 24 used",
        r"goal +70 steps",
        r"generator 0\.\d+ M",
        r"g every 5 steps",
        r"img/s, about 0",
        r"steps +70 +--set",
    ):
        assert re.search(words, result.stdout), words
    assert not Path("runs").exists()


def test_a_run_reports_on_stderr_and_answers_with_its_folder(pictures: Path) -> None:
    result = call(*tiny(pictures, "--steps", "3"))
    assert result.exit_code == 0
    assert result.stdout == "runs/0001-gan-discs32\n"
    assert "run 0001-gan-discs32   data 24 images 32x32" in result.stderr
    assert "step=3/3" in result.stderr
    assert "next: animekit generate 0001-gan-discs32" in result.stderr
    quiet = call(*tiny(pictures, "--steps", "1", "-q", "-o", "other"))
    assert (quiet.stdout, quiet.stderr) == ("other/0001-gan-discs32\n", "")
    elsewhere = call("train", "gan", "--resume", "1", "-o", "other")
    assert "next: animekit generate other/0001-gan-discs32" in elsewhere.stderr


def test_json_lines_tell_the_whole_run(pictures: Path) -> None:
    result = call(*tiny(pictures, "--steps", "2", "--json"))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    events = [line["event"] for line in lines]
    assert events[:2] == ["plan", "start"]
    assert {"tick", "sample", "checkpoint"} < set(events)
    assert events[-1] == "end"
    assert keeps_its_schema(lines[-1])
    assert lines[-1]["data"]["id"] == "0001-gan-discs32"
    assert {line["schema"] for line in lines} == {"animekit.train/1"}


def test_a_bare_resume_goes_on_with_the_newest_run(pictures: Path) -> None:
    call(*tiny(pictures, "--steps", "2"))
    result = call("train", "gan", "--resume", "--steps", "4")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "runs/0001-gan-discs32\n"
    assert Run("1").metrics()[-1]["step"] == 4
    other = call("train", "wgangp", "--resume", "1", "--steps", "5")
    assert (other.exit_code, other.stdout) == (4, "")


def test_ctrl_c_saves_and_says_how_to_go_on(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "stopper.py").write_text(STOPPER)
    before = signal.getsignal(signal.SIGINT)  # in a background job it is ignored
    result = call(*tiny(pictures, "--steps", "9", "--stopper", "--plugins-dir", folder))
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-2].startswith("stopped at step ")
    assert "animekit train gan --resume runs/0001-gan-discs32" in result.stderr.splitlines()[-1]
    assert signal.getsignal(signal.SIGINT) is before
    rows = answer("runs")["data"]
    assert [(row["state"], row["steps"] < 9) for row in rows] == [("interrupted", True)]


def test_runs_are_listed_and_shown(drawn: Path) -> None:
    (row,) = answer("runs", "ls", "--runs", drawn / "runs")["data"]
    assert (row["id"], row["method"], row["state"], row["steps"]) == (
        *("0001-gan-discs32", "gan", "finished", 2),
    )
    assert "0001-gan-discs32  gan     finished  2" in call("runs", "--runs", drawn / "runs").stdout
    shown = call("runs", "show", "1", "--runs", drawn / "runs").stdout
    assert re.search(r"g_channels +4 +--set", shown)
    assert call("runs").stderr.startswith("no runs in runs yet")


def test_a_damaged_run_does_not_hide_the_others(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name, text in (("0001-gan-a", "{"), ("0002-gan-b", "{}")):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "config.json").write_text(text)
    (tmp_path / "runs" / "0003-gan-c").symlink_to(drawn / "runs" / "0001-gan-discs32")
    states = [row["state"] for row in answer("runs")["data"]]
    assert states == ["damaged", "damaged", "finished"]


def test_a_run_that_is_held_is_running(drawn: Path) -> None:
    with filelock.FileLock(drawn / "runs" / "0001-gan-discs32" / ".lock"):
        (row,) = answer("runs", "--runs", drawn / "runs")["data"]
    assert row["state"] == "running"


# generating


@pytest.fixture
def at_run(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where the run is the newest; pictures go to the test's own folder."""
    Path("runs").symlink_to(drawn / "runs")


@pytest.mark.usefixtures("at_run")
def test_generate_draws_the_newest_run_and_says_which() -> None:
    result = call("generate", "--seeds", "0-3", "--tile", "16")
    assert result.stdout == "samples/gan.png\n"
    assert "using run 0001-gan-discs32, checkpoint" in result.stderr
    with Image.open("samples/gan.png") as picture:
        assert picture.size == (64, 16)
    assert call("generate", "-q", "-o", "x.png").stdout == "x.png\n"


@pytest.mark.usefixtures("at_run")
def test_the_answer_names_each_image() -> None:
    found = answer("generate", "--seeds", "5-8", "--grid", "2x2")
    assert found["data"]["model"]["run"] == "0001-gan-discs32"
    places = [(image["row"], image["col"], image["seed"]) for image in found["data"]["images"]]
    assert places == [(0, 0, 5), (0, 1, 6), (1, 0, 7), (1, 1, 8)]
    assert [artifact["path"] for artifact in found["artifacts"]] == ["samples/gan.png"]


@pytest.mark.usefixtures("at_run")
def test_a_picture_can_be_made_again() -> None:
    call("generate", "--seeds", "3,1", "--trunc", "0.7", "-o", "a.png")
    call("generate", "--like", "a.png", "-o", "b.png")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


@pytest.mark.usefixtures("at_run")
def test_seed_is_where_the_seeds_begin() -> None:
    assert [
        i["seed"] for i in answer("generate", "--seed", "7", "--num", "2")["data"]["images"]
    ] == [*(7, 8)]


@pytest.mark.usefixtures("at_run")
def test_files_of_others_are_kept_without_yes() -> None:
    Path("mine.png").write_text("mine")
    refused = call("generate", "-o", "mine.png", "--num", "1")
    assert refused.exit_code == 4
    assert "--yes" in refused.stderr
    assert Path("mine.png").read_text() == "mine"
    assert call("generate", "-o", "mine.png", "--num", "1", "-y").exit_code == 0


@pytest.mark.usefixtures("at_run")
@pytest.mark.parametrize(("said", "code", "kept"), [("n\n", 4, True), ("y\n", 0, False)])
def test_a_person_is_asked_before_a_file_is_replaced(
    said: str, code: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Common, "may_ask", lambda common: True)
    Path("mine.png").write_text("mine")
    result = CliRunner().invoke(app, ["generate", "-o", "mine.png", "--num", "1"], input=said)
    assert result.exit_code == code
    assert "Replace it?" in result.stderr
    assert (Path("mine.png").read_bytes() == b"mine") is kept


@pytest.mark.usefixtures("at_run")
def test_noise_goes_out_and_comes_in_again() -> None:
    call("generate", "--num", "2", "--save-noise", "z.npy", "-o", "a.png", "--tile", "32")
    call("generate", "--noise", "z.npy", "-o", "b.png", "--tile", "32")
    with Image.open("a.png") as first, Image.open("b.png") as second:
        assert first.tobytes() == second.tobytes()


@pytest.mark.usefixtures("at_run")
def test_single_images_a_strip_a_figure_and_a_gif() -> None:
    each = call("generate", "--num", "2", "--each", "one")
    assert each.stdout == "one  2 of 2 images\n"
    assert sorted(path.name for path in Path("one").iterdir()) == ["seed0000.png", "seed0001.png"]
    assert call("generate", "--style", "figure", "-o", "f.png").exit_code == 0
    with Image.open("f.png") as figure:
        assert figure.size == (640, 480)
    way = ["generate", "--interpolate", "3,17", "--frames", "6"]
    assert call(*way, "--gif", "-q").stdout == "samples/gan.gif\n"
    with Image.open("samples/gan.gif") as gif:
        assert getattr(gif, "n_frames", 1) == 6
    assert call(*way, "--style", "strip", "-o", "s.png").exit_code == 0


@pytest.mark.usefixtures("at_run")
def test_a_picture_can_go_to_stdout() -> None:
    result = call("generate", "--num", "1", "-o", "-")
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert not Path("samples").exists()


@pytest.mark.usefixtures("at_run")
def test_too_small_a_grid_and_a_dry_run_write_nothing() -> None:
    assert call("generate", "--seeds", "0-9", "--grid", "3x3").exit_code == 2
    assert "would draw images of seeds 0-9" in call("generate", "-n", "--seeds", "0-9").stdout
    assert not Path("samples").exists()


def test_the_display_of_a_run_is_dropped_rather_than_the_run(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show.Plain, "log", lambda *given: 1 / 0)
    assert call(*tiny(pictures, "--steps", "1")).exit_code == 0
