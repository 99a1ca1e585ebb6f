"""Compiled steps: the same gradients as eager ones, or a warning and eager steps."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch._dynamo
from torch._dynamo.utils import counters

from animekit import plugins
from animekit.engines.engine import LocalEngine
from animekit.testing.check import tiny_stepper
from animekit.training.phases import only
from animekit_plugins.models.gan import GAN

MODELS = plugins.load().all("model")
CPU = torch.device("cpu")
CALM = {"optimizer": "sgd", "lr": 0.05}  # Adam's first steps would blow up differences of rounding

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "clang++", "c++"))), reason="needs a C++ compiler"
)


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.fixture
def quick(monkeypatch):
    """Everything that torch.compile does but the machine code: traced, differentiated, guarded."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))


def pair(cls, *, precision="fp32", size=32, **changes):
    """The same stepper twice: one that compiles, one that does not."""
    return [
        tiny_stepper(
            cls, size, engine=LocalEngine(CPU, precision=precision, compiled=on), **changes
        )
        for on in (True, False)
    ]


def largest_gap(one, other):
    first, second = one.model.state_dict(), other.model.state_dict()
    gaps = [(first[key] - second[key]).abs().max() for key in first]
    return torch.stack([gap.double() for gap in gaps]).max().item()  # NaN stays NaN


def start_of(stepper):
    return {key: value.clone() for key, value in stepper.model.state_dict().items()}


VARIANTS = {
    "gan": ("gan", {}),
    "wgan": ("wgan", {"n_critic": 3}),
    "wgangp": ("wgangp", {}),
    "noise": ("gan", {"instance_noise": 0.1, "g_dropout": 0.3, "real_label": (0.8, 1.2)}),
    "penalties and spectral norm": (
        "lsgan",
        {"spectral_norm": True, "r1_weight": 1.0, "dragan_weight": 1.0, "minibatch_std": True},
    ),
    "augmented pairs": ("relativistic", {"augment": ("color", "translation", "cutout")}),
    "one-sided on dense layers": ("wgangp", {"one_sided": True, "architecture": "course"}),
}


def sometimes_slow(variant):
    slow = any(word in variant for word in ("norm", "dense", "augmented"))
    return pytest.param(variant, marks=pytest.mark.slow if slow else [])


@pytest.mark.parametrize("variant", [sometimes_slow(variant) for variant in VARIANTS])
def test_traced_steps_equal_eager_steps(variant, quick):
    name, changes = VARIANTS[variant]
    compiled, eager = pair(MODELS[name], **{"n_critic": 1, **CALM, **changes})
    assert compiled.compile() is None
    # draws and both phases; where the generator does not move, draws and "d" once more
    assert counters["stats"]["unique_graphs"] == (5 if name == "wgan" else 3)
    assert not counters["graph_break"]
    for _ in range(3):
        compiled.step()
        eager.step()
    assert largest_gap(compiled, eager) < 1e-5
    assert compiled.stats.means() == pytest.approx(eager.stats.means(), rel=1e-4, abs=1e-5)


def test_what_comes_in_some_steps_alone_is_compared_and_equals_eager_steps(quick):
    rare = {"penalty_every": 2, "augment": ("color",), "augment_target": 0.6}
    compiled, eager = pair(MODELS["relativistic"], n_critic=1, **CALM, **rare)
    assert compiled.compile() is None
    assert compiled.model.augmentation.strength == 1  # comparing left no trace
    for _ in range(5):
        compiled.step()
        eager.step()
    assert largest_gap(compiled, eager) < 1e-5


def test_steps_behind_compilation_compile_nothing(quick):
    stepper, _ = pair(MODELS["wgan"], n_critic=3)
    assert stepper.compile() is None
    graphs = dict(counters["stats"])
    for _ in range(4):
        stepper.step()
        with stepper.average as model, torch.inference_mode():  # a sample grid
            model.sample(torch.zeros(2, 100))
    assert counters["stats"] == graphs


def test_steps_run_the_compiled_functions(monkeypatch):
    called = []

    def compile_(function):
        def compiled(*arguments):
            called.append(function.__name__)
            return function(*arguments)

        return compiled

    stepper, _ = pair(GAN, n_critic=1)
    monkeypatch.setattr(stepper.engine, "compile", compile_)
    assert stepper.compile() is None
    called.clear()
    stepper.step()
    assert called == ["prepare", "_d_phase", "_g_phase"]


def test_compilation_leaves_the_model_as_it_was(quick):
    stepper, _ = pair(GAN)
    before = start_of(stepper)
    assert stepper.compile() is None
    assert all(torch.equal(before[key], value) for key, value in start_of(stepper).items())
    assert stepper.done == 0 and not stepper.stats.sums
    assert all(p.requires_grad and p.grad is None for p in stepper.model.parameters())


class Scale:
    """Stands for a model: its programs are of one code object, whatever the object."""

    def __init__(self, width):
        self.width = width

    def times(self, x):
        return x * self.width


def test_many_models_of_one_process_are_all_compiled(quick):
    # torch.compile gives up behind eight programs of one function, unless they are kept apart
    engine = LocalEngine(CPU, compiled=True)
    for width in range(1, 13):
        assert engine.compile(Scale(width).times)(torch.ones(width)).sum() == width**2
        assert counters["stats"]["unique_graphs"] == width


def test_an_engine_that_was_not_asked_returns_the_function_itself(quick):
    assert LocalEngine(CPU).compile(len) is len
    assert LocalEngine(CPU, compiled=True).compile(len) is not len


@pytest.mark.parametrize("sound", [0, 2])
def test_a_model_that_cannot_be_compiled_trains_on_with_a_warning(sound, monkeypatch):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        if len(graphs) > sound:
            raise NotImplementedError("no such kernel\nand a long story")
        return graph.forward

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    compiled, eager = pair(GAN)
    trouble = compiled.compile()
    assert trouble.startswith("cannot compile (")
    assert "no such kernel" in trouble
    assert trouble.endswith("): training without it")
    assert "\n" not in trouble
    for _ in range(4):
        compiled.step()
        eager.step()
    assert largest_gap(compiled, eager) == 0
    assert all(parameter.requires_grad for parameter in compiled.model.parameters())


def test_an_error_without_words_is_named(monkeypatch):
    def refuse(function):
        raise NotImplementedError

    stepper, _ = pair(GAN)
    monkeypatch.setattr(stepper.engine, "compile", refuse)
    assert stepper.compile() == "cannot compile (NotImplementedError): training without it"


@pytest.mark.parametrize("spoil", [lambda v: 1.01 * v, lambda v: v * float("nan")])
def test_wrong_gradients_of_a_compiler_are_not_used(spoil, monkeypatch):
    def miscompile(function):
        def wrong(*args):
            found = function(*args)
            return found and {key: spoil(value) for key, value in found.items()}

        return wrong

    stepper, eager = pair(GAN)
    monkeypatch.setattr(stepper.engine, "compile", miscompile)
    trouble = stepper.compile()
    assert trouble.startswith("compiled gradients of d differ by ")
    stepper.step()
    eager.step()
    assert largest_gap(stepper, eager) == 0


def test_parameters_need_gradients_again_after_a_failed_loss():
    stepper, _ = pair(GAN)

    def fail():
        with only(stepper.model, stepper.phases[0]):
            assert not stepper.model.generator.main[0].weight.requires_grad
            raise ValueError("as a loss may")

    with pytest.raises(ValueError, match="as a loss may"):
        fail()
    assert all(parameter.requires_grad for parameter in stepper.model.parameters())


@pytest.mark.parametrize("last", [True, False])
def test_images_and_weights_lie_in_memory_as_the_engine_was_told(last):
    stepper = tiny_stepper(GAN, engine=LocalEngine(CPU, channels_last=last))
    weight = stepper.model.discriminator.main[2].weight
    for tensor in (stepper.draw(1).images, weight):
        assert tensor.is_contiguous(memory_format=torch.channels_last) == last
        assert tensor.is_contiguous() != last


# With machine code


@pytest.mark.slow
@needs_compiler
@pytest.mark.timeout(900)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["gan", "wgangp"])
def test_compiled_steps_equal_eager_steps(name, precision, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    noisy = {"instance_noise": 0.1, "n_critic": 1, **CALM}
    compiled, eager = pair(MODELS[name], precision=precision, **noisy)
    assert compiled.compile() is None
    assert list(tmp_path.rglob("*.cpp"))  # machine code was made
    for _ in range(3):
        compiled.step()
        eager.step()
    start, _ = pair(MODELS[name], **noisy)
    moved = largest_gap(start, eager)
    assert largest_gap(compiled, eager) < moved * (1e-4 if precision == "fp32" else 0.1)


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from tests.training.test_engine_compile import GAN, largest_gap, pair
compiled, eager = pair(GAN)
print(compiled.compile())
compiled.step()
eager.step()
print(largest_gap(compiled, eager))
"""


@pytest.mark.slow
def test_a_machine_without_a_cpp_compiler_trains_on_with_a_warning(tmp_path):
    script = SCRIPT.format(folder=str(Path(__file__).parents[2]))
    environment = {key: value for key, value in os.environ.items() if key not in ("CXX", "CC")}
    environment |= {"PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    trouble, gap = found.stdout.splitlines()[-2:]
    assert trouble.startswith("cannot compile (")
    assert "compiler" in trouble
    assert float(gap) == 0
