"""Plugins of users: names with a hyphen in every place, and errors that name the plugin's line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import answer, call, tiny

PLUGIN = '''"""One component of every kind, all with a hyphen in their names."""
import hashlib
import numpy as np
import torch
from pydantic import Field, field_validator
from animekit.cleaning.check import Check, Finding, Reason
from animekit.cleaning.detector import Detector
from animekit.config import Params
from animekit.data.dataset import Dataset
from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.training.logger import Logger

class MineParams(AdversarialParams):
    my_weight: float = Field(1.0, description="weight")

    @field_validator("my_weight")
    @classmethod
    def _fits(cls, value):
        return value  # PARAMS

class MyModel(AdversarialModel):
    """A GAN of a test (Nobody, 2020)."""
    name = "my-model"
    Params = MineParams

    def d_loss(self, real, fake):
        logits = self.discriminator(fake.images) - self.discriminator(real.images)
        return {"d": logits.mean()}  # LOSS

    def g_loss(self, real, fake):
        return {"g": -self.discriminator(fake.images).mean()}

class MySet(Dataset):
    """Grey squares."""
    name = "my-set"

    def __len__(self):
        return int(self.where or 8)

    def __getitem__(self, index):
        return np.full((32, 32, 3), 20 * index, np.uint8), None  # ITEM

    def fingerprint(self):
        return hashlib.sha256(self.where.encode()).hexdigest()

class SideParams(Params):
    side: int = Field(4, description="pixels")

class MyCheck(Check):
    """Find what is dark."""
    name = "my-check"
    Params = SideParams
    reasons = (Reason("dark", "review", "dark"),)
    measures = ("light",)

    def measure(self, picture):
        return {"light": float(picture.pixels[: self.params.side].mean())}  # MEASURE

    def judge(self, table):
        dark = table[table["light"] < 50]
        return [Finding(row, self.reasons[0]) for row in dark.index]  # JUDGE

class MyDetector(Detector):
    """Find one face, always."""
    name = "my-detector"

    def detect(self, image):
        return np.array([[0, 0, 8, 8, 1]], np.float32)  # DETECT

class MyMetric(Metric):
    """Distance of the mean colours."""
    name = "my-metric"
    Params = SideParams

    def compute(self, real, fake):
        return {"my-metric": float(abs(real.mean() - fake.mean()))}  # COMPUTE

class MyLogger(Logger):
    """Say how far it is."""
    name = "my-logger"

    def log(self, step, stats):
        print("logged", step)  # LOG

@hookimpl
def animekit_models():
    return [MyModel]

@hookimpl
def animekit_datasets():
    return [MySet]

@hookimpl
def animekit_checks():
    return [MyCheck]

@hookimpl
def animekit_detectors():
    return [MyDetector]

@hookimpl
def animekit_metrics():
    return [MyMetric]

@hookimpl
def animekit_loggers():
    return [MyLogger]
'''
EVALUATE = ("evaluate", "fakes", "--ref", "faces", "--num", 8, "--repeats", 1, "--my-metric")


@pytest.fixture(autouse=True)
def _a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "whole.py").write_text(PLUGIN)
    monkeypatch.setenv("ANIMEKIT_PLUGINS_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    for name in ("faces", "fakes"):
        (tmp_path / name).mkdir()
        for index in range(16):
            pixels = rng.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    yield
    for name in [each for each in sys.modules if each.startswith("animekit_loose")]:
        del sys.modules[name]


def spoil(mark: str, line: str) -> int:
    """Put other words into the marked line of the plugin; return its number."""
    lines = PLUGIN.splitlines()
    number = next(i for i, text in enumerate(lines) if text.endswith("# " + mark))
    indent = len(lines[number]) - len(lines[number].lstrip())
    lines[number] = " " * indent + line
    Path("mine/whole.py").write_text("\n".join(lines) + "\n")
    return number + 1


@pytest.mark.parametrize("sign", ["-", "_"])
def test_a_name_with_a_hyphen_works_in_both_spellings_for_every_kind(sign: str) -> None:
    my = f"my{sign}"
    trained = call(*tiny(Path(f"{my}set:8"), f"--{my}logger", model=f"{my}model"), "--steps=1")
    assert trained.exit_code == 0, trained.stderr
    assert "logged 1" in trained.stdout
    assert [path.name for path in Path("runs").glob("0*")] == [f"0001-my-model-{my}set32"]
    again = call("train", f"{my}model", "--resume", "--steps=2", f"--{my}logger")
    assert "logged 2" in again.stdout, again.stderr
    assert call("config", "show", f"{my}model", "--set", "my-weight=2").exit_code == 0
    assert call("plugins", f"{my}metric").exit_code == 0
    found = answer(*spelled(my), "--set", f"{my}metric.side=2")
    assert [row["name"] for row in found["data"]["metrics"]] == ["my-metric"]
    gated = call(*spelled(my), "--fail-if", "my-metric>-1")
    assert gated.exit_code == 5, gated.stderr
    words = ("clean", "faces", "--check", f"{my}check,face", "--detector", f"{my}detector")
    cleaned = answer(*words, "--set", f"{my}check.side=2")
    assert cleaned["data"]["files"] == 16


def spelled(my: str) -> list[object]:
    """Return the words of an evaluation with the flag in one spelling."""
    return [*EVALUATE[:-1], f"--{my}metric"]


def test_tables_of_a_model_are_read_in_both_spellings() -> None:
    Path("mine/presets").mkdir()
    preset = 'description = "x"\nmodels = ["my_model"]\n[my-model]\nmy_weight = 3.0\n'
    Path("mine/presets/small.toml").write_text(preset)
    Path("animekit.toml").write_text("[my_model]\nbatch-size = 7\n")
    rows = answer("config", "show", "my-model", "--preset", "small")["data"]
    values = {row["key"]: row["value"] for row in rows}
    assert (values["my_weight"], values["batch_size"]) == (3.0, 7)


@pytest.mark.parametrize(
    ("mark", "line", "words"),
    [
        ("PARAMS", "return 1 / 0", "train"),
        ("LOSS", "return {'d': logits.mean() + torch.zeros(3, 1) @ torch.zeros(3, 1)}", "train"),
        ("ITEM", "raise RuntimeError('out of paint')", "train"),
        ("MEASURE", "return {'light': picture.nothing}", "clean faces --check my-check"),
        ("JUDGE", "return [Finding(row, self.reasons[9]) for row in dark.index]", "clean faces"),
        ("DETECT", "return np.zeros(3) + np.zeros(4)", "clean faces --detector my-detector"),
        ("COMPUTE", "return {'x': real.mean() / fake.nothing}", "evaluate"),
    ],
)
def test_an_error_inside_a_plugin_names_it_and_its_line(mark: str, line: str, words: str) -> None:
    number = spoil(mark, line)
    for index in range(3):
        Image.new("RGB", (32, 32), (index, 0, 0)).save(f"faces/dark{index}.png")
    line_of: dict[str, list[object]] = {"train": [*tiny(Path("my-set:8"), model="my-model")]}
    line_of |= {"evaluate": [*EVALUATE]}
    result = call(*line_of.get(words, words.split()), *(["--steps=1"] if words == "train" else []))
    assert result.exit_code == 4, result.output
    assert "error: plugin whole failed: " in result.stderr
    assert f"whole.py, line {number}, in " in result.stderr
    assert "bug in animekit" not in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("mark", "line", "words", "message"),
    [
        ("LOSS", "return logits.mean()", "train", "the loss of phase d() gave Tensor"),
        ("LOSS", "return {'d': logits}", "train", "not named scalars that have a gradient"),
        ("LOSS", "return {'d': logits.mean().detach()}", "train", "not named scalars"),
        ("ITEM", "return None", "train", "my-set: __getitem__() gave NoneType"),
        ("ITEM", "return np.zeros((32, 32)), None", "train", "not an image uint8 [H, W, 3]"),
        ("MEASURE", "return 3", "clean faces --check my-check", "my-check: measure() gave int 3"),
        ("JUDGE", "return None", "clean faces --check my-check", "not a list of findings"),
        ("DETECT", "return 'none'", "clean faces --detector my-detector", "my-detector: detect()"),
        ("COMPUTE", "return [1, 2]", "evaluate", "my-metric: compute() gave list [1, 2]"),
        ("COMPUTE", "return {'x': 'much'}", "evaluate", "not named numbers"),
    ],
)
def test_what_a_plugin_returns_against_its_contract_names_the_method_and_the_file(
    mark: str, line: str, words: str, message: str
) -> None:
    spoil(mark, line)
    line_of: dict[str, list[object]] = {"train": [*tiny(Path("my-set:8"), model="my-model")]}
    line_of |= {"evaluate": [*EVALUATE]}
    result = call(*line_of.get(words, words.split()), *(["--steps=1"] if words == "train" else []))
    assert result.exit_code == 4, result.output
    assert message in result.stderr and "whole.py" in result.stderr


def test_a_logger_that_fails_is_off_with_its_line_in_the_log_of_the_run() -> None:
    number = spoil("LOG", "raise OSError('no wire')")
    result = call(*tiny(Path("my-set:8"), "--my-logger", model="my-model"), "--steps=1")
    assert result.exit_code == 0, result.stderr
    log = next(Path("runs").glob("0*")) / "log.txt"
    assert f"OSError('no wire') (whole.py, line {number})" in log.read_text()


def test_a_plugin_that_does_not_load_names_its_line_and_the_others_work() -> None:
    number = spoil("LOG", "pass\n\nprint(nothing)")
    Path("mine/other.py").write_text(PLUGIN)
    found = call("plugins").stdout
    assert f"NameError: name 'nothing' is not defined (whole.py, line {number + 2})" in found
    assert call(*EVALUATE).exit_code == 0


def test_a_bug_of_the_plugins_that_came_along_is_not_blamed_on_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from animekit_plugins.checks import size

    monkeypatch.setattr(size.Size, "judge", lambda self, table: 1 / 0)
    result = call("clean", "faces", "--check", "size")
    assert result.exit_code == 1 and "bug in animekit" in result.stderr


@pytest.mark.parametrize("name", ["class", "1st", "2-tone_x"])
def test_names_that_are_no_names_in_python_can_be_typed_all_the_same(name: str) -> None:
    Path("mine/whole.py").write_text(PLUGIN.replace('"my-metric"', f'"{name}"'))
    assert f"--{name.replace('_', '-')}" in call("evaluate", "--help").stdout
    assert call(*EVALUATE[:-1], f"--{name}").exit_code == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mean colour", "letters and digits"),
        ("my.metric", "letters and digits"),
        ("-metric", "letters and digits"),
        ("métrique", "letters and digits"),
        ("", "letters and digits"),
        ("num", "--num, which is an option already"),
        ("save_ref", "--save-ref, which is an option already"),
        ("json", "--json, which is an option already"),
    ],
)
def test_a_name_that_cannot_be_a_flag_takes_out_its_plugin_alone(name: str, why: str) -> None:
    lone = "\n".join(PLUGIN.split("@hookimpl")[0].splitlines())
    lone += "\n@hookimpl\ndef animekit_metrics():\n    return [MyMetric]\n"
    Path("mine/worse.py").write_text(lone.replace('name = "my-metric"', f'name = "{name}"'))
    assert why in call("plugins").stdout
    help_ = call("evaluate", "--help")
    assert help_.exit_code == 0 and "--my-metric" in help_.stdout
    assert call(*EVALUATE).exit_code == 0


@pytest.mark.parametrize("line", ["sys.exit(7)", "raise SystemExit", "raise SystemExit('enough')"])
def test_a_method_that_ends_the_program_is_a_failure_of_its_plugin(line: str) -> None:
    number = spoil("COMPUTE", f"import sys; {line}")
    ended = call(*EVALUATE)
    assert ended.exit_code == 4
    assert "plugin whole failed: SystemExit" in ended.stderr
    assert f"line {number}, in compute" in ended.stderr.replace("\n", " ")


def test_ctrl_c_inside_a_method_stops_as_it_does_elsewhere() -> None:
    spoil("COMPUTE", "raise KeyboardInterrupt")
    assert call(*EVALUATE).exit_code == 130


@pytest.mark.parametrize(
    "value", ["10**400", "-10**5000", "'3'", "b'3'", "1j", "[1.0]", "None", "np.zeros(2)"]
)
def test_a_number_that_no_float_holds_is_an_error_of_its_metric(value: str) -> None:
    spoil("COMPUTE", f"return {{'x': {value}}}")
    ended = call(*EVALUATE)
    assert ended.exit_code == 4, ended.stderr
    assert "my-metric: compute() gave" in ended.stderr


def test_two_metrics_that_give_one_key_are_refused_by_name() -> None:
    spoil("COMPUTE", "return {'swd_16': 1.0, 'other': 2.0}")
    ended = call(*EVALUATE, "--swd", "--set", "swd.patches=8")
    assert ended.exit_code == 4, ended.stderr
    seen = ended.stderr.replace("\n", " ")
    assert re.search('two metrics, (my-metric and swd|swd and my-metric), give .* "swd_16"', seen)
    planned = call(*EVALUATE, "--swd", "-n")  # it is known before anything is measured
    assert planned.exit_code == 4 and "two metrics" in planned.stderr


@pytest.mark.parametrize(
    ("command", "flag"),
    [(EVALUATE, "--my-metric"), (("train", "gan"), "--my-logger"), (EVALUATE[:-1], "--nothing")],
)
def test_an_unknown_flag_names_the_plugins_that_failed_to_load(
    command: tuple[object, ...], flag: str
) -> None:
    Path("mine/whole.py").write_text("import nothing_of_that_name\n")
    words = command if flag in command else (*command, flag)
    ended = call(*words)
    assert ended.exit_code == 2
    assert f"No such option: {flag}" in ended.stderr
    assert "failed to load: whole (ModuleNotFoundError" in ended.stderr.replace("\n", " ")


def test_a_flag_whose_plugin_failed_to_load_says_why() -> None:
    Path("mine/mean_colour.py").write_text(
        PLUGIN.replace("def compute(self, real, fake)", "def compute(self, real)")
    )
    Path("mine/whole.py").unlink()
    ended = call(*EVALUATE[:-1], "--mean-colour")
    assert ended.exit_code == 4
    seen = ended.stderr.replace("\n", " ")
    assert "its plugin mean_colour failed to load: MyMetric.compute(self, real)" in seen
    assert "mean_colour.py, line" in seen


def test_the_hint_behind_a_plugins_training_can_be_typed_and_its_run_is_not_passed_silently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ANIMEKIT_PLUGINS_DIR")
    assert call(*tiny(Path("synthetic:8"), "--steps=1")).exit_code == 0
    words = tiny(Path("my-set:8"), "--steps=1", "--plugins-dir", "mine", model="my-model")
    trained = call(*words)
    assert trained.exit_code == 0, trained.stderr
    hint = next(line for line in trained.stderr.splitlines() if "next: animekit" in line)
    assert hint.endswith("--plugins-dir mine")
    typed = hint.partition("animekit ")[2].split()
    assert call(*typed, "--seeds", "0", "-o", "a.png").exit_code == 0
    bare = call("generate", "--seeds", "0", "-o", "b.png")
    assert bare.exit_code == 0, bare.stderr
    seen = " ".join(bare.stderr.split())
    assert "using run 0001-gan-" in seen
    assert "not 0002-my-model-my-set32: the plugin of my-model is not here; try --plugins" in seen
