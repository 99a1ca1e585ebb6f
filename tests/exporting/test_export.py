"""Export: files that other programs run, and that are the model."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import animekit
from animekit import plugins
from animekit.errors import AnimekitError, CheckpointError, ConfigError, UnusableError, UsageError
from animekit.exporting import checked
from animekit.exporting.graph import Graph, graphs_of
from animekit.models import weights
from animekit.models.sampling import noise_of_seeds
from animekit.plugins import Registry
from animekit.runs.run import load_model
from animekit.testing.tiny import tiny_model
from tests.support import answer, call


@pytest.fixture(scope="module")
def registry() -> Registry:
    return plugins.load()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_onnx(path: Path, **inputs: np.ndarray) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    found: np.ndarray = onnxruntime.InferenceSession(str(path)).run(None, inputs)[0]
    return found


def test_a_seed_drawn_from_the_file_alone_is_what_generate_draws(registry: Registry) -> None:
    made = animekit.export("faces64", formats=["onnx", "torchscript"], registry=registry)
    z = noise_of_seeds(load_model("faces64", registry).model, range(3))  # type: ignore[arg-type]
    wanted = animekit.generate("faces64", seeds="0-2", registry=registry).images.astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch says so of all TorchScript
        script: Any = torch.jit.load("exports/faces64.pt")
    for images in (
        run_onnx(Path("exports/faces64.onnx"), z=z),
        script(torch.from_numpy(z)).detach().numpy(),
    ):
        levels = np.rint((images.transpose(0, 2, 3, 1) + 1) * 127.5).astype(int)
        assert np.abs(levels - wanted).max() <= 1
    facts = json.loads(made.description.read_text(encoding="utf-8"))
    assert facts == made.facts
    assert facts["inputs"] == [{"name": "z", "type": "float32", "shape": ["batch", 100]}]
    assert facts["z"]["distribution"] == "normal" and facts["images"]["size"] == 64
    assert all(file.difference is not None and file.difference < 1e-4 for file in made.files)
    assert "exports/faces64.onnx" in str(made)


def test_weights_alone_draw_the_same_bytes(registry: Registry) -> None:
    made = animekit.export("cfaces64", "mine.safetensors", registry=registry)
    (file,) = made.files
    assert (file.path, file.difference) == (Path("mine.safetensors"), None)
    here, there = (
        animekit.generate(name, prompts="blue hair", seeds="3", registry=registry).images
        for name in ("cfaces64", "mine.safetensors")
    )
    assert np.array_equal(here, there)
    tensors, about, _ = weights.read(Path("mine.safetensors"))
    assert about["part"] == "average" and not [key for key in tensors if "discriminator" in key]


def test_prompts_become_vectors_that_the_file_takes(registry: Registry) -> None:
    words = "red eyes, blue hair"
    made = animekit.export("cfaces64", prompts=[words], registry=registry)
    vector = np.array([made.facts["prompts"][words]], np.float32)
    named = [made.facts["labels"][place] for place in np.flatnonzero(vector)]
    assert named == ["blue hair", "red eyes"]
    assert made.facts["attributes"]["hair"][0] == "orange"
    z = noise_of_seeds(load_model("cfaces64", registry).model, [5])  # type: ignore[arg-type]
    images = run_onnx(made.files[0].path, z=z, labels=vector)
    wanted = animekit.generate("cfaces64", prompts=words, seeds="5", registry=registry).images
    levels = np.rint((images.transpose(0, 2, 3, 1) + 1) * 127.5)
    assert np.abs(levels - wanted.astype(float)).max() <= 1
    with pytest.raises(ConfigError, match='unknown word "hat"'):
        animekit.export("cfaces64", "other", prompts=["blue hat"], registry=registry)
    assert not Path("other").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cyclegan-apple2orange", "stargan-hair"])
def test_translators_take_images_of_any_size(name: str, registry: Registry) -> None:
    made = animekit.export(name, registry=registry)
    assert made.facts["does"] == "translate"
    assert made.facts["inputs"][0]["shape"] == ["batch", 3, "height", "width"]
    unit = made.facts["images"]["multiple"]
    shape = (3, 3, 17 * unit, 11 * unit)
    given = {"images": np.zeros(shape, np.float32)}
    if made.facts["labels"]:
        given["labels"] = np.eye(len(made.facts["labels"]), dtype=np.float32)[:3]
    for file in made.files:
        assert run_onnx(file.path, **given).shape == shape
    assert len(made.files) == (2 if name.startswith("cyclegan") else 1)


QUICK = ("gan", "twostage", "vae", "infogan", "tagger")


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("format", ["onnx", "torchscript"])
def test_a_model_of_each_kind_is_what_its_file_says(
    name: str, format: str, registry: Registry
) -> None:
    check(name, 32, format, registry)


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("format", ["onnx", "torchscript"])
def test_every_model_is_what_its_file_says(size: int, format: str, registry: Registry) -> None:
    for name in registry.all("model"):
        check(name, size, format, registry)


def check(name: str, size: int, format: str, registry: Registry) -> None:
    if format == "onnx":
        pytest.importorskip("onnxruntime")
    model = tiny_model(registry.get("model", name), size).eval()
    for graph in graphs_of(model):
        path = Path(f"{name}{graph.direction}{checked.SUFFIXES[format]}")
        difference = checked.write_checked(graph, path).difference
        assert difference is not None and difference < 1e-4, name
        assert path.is_file()


def test_a_file_that_is_another_model_is_not_kept(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(graph: Graph, path: Path) -> Any:
        path.write_bytes(b"wrong")

        def run(inputs: Sequence[Tensor]) -> np.ndarray:
            return graph.network(*inputs).detach().numpy() + 0.1

        return run

    monkeypatch.setitem(checked.WRITERS, "torchscript", write)
    with pytest.raises(CheckpointError, match=r"torchscript of sgan differs from it by 0\.1"):
        animekit.export("faces64", "out.pt", registry=registry)
    assert not list(Path().iterdir())


def test_what_an_exporter_cannot_do_is_one_line(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(graph: Graph, path: Path) -> Any:
        raise RuntimeError("\n\nno such operator\nat line 3")

    monkeypatch.setitem(checked.WRITERS, "torchscript", write)
    with pytest.raises(UnusableError) as caught:
        animekit.export("faces64", "out.pt", registry=registry)
    assert caught.value.message == "sgan cannot be written as torchscript: no such operator"


def test_a_network_of_a_page_is_written_once_and_again_where_it_is_no_longer_the_model(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "store"))
    written: list[Path] = []
    write = checked.WRITERS["onnx"]
    monkeypatch.setitem(
        checked.WRITERS, "onnx", lambda graph, path: written.append(path) or write(graph, path)
    )
    model = tiny_model(registry.get("model", "gan"), 32).eval()
    graph = next(graphs_of(model))
    first, difference = checked.stored_network("a" * 64, graph)
    assert checked.stored_network("a" * 64, graph) == (first, difference)
    assert len(written) == 1
    kept = tmp_path / "store" / "networks" / f"{'a' * 64}.onnx"
    assert kept.read_bytes() == first
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(3)
    changed = next(graphs_of(model))
    assert checked.stored_network("a" * 64, changed)[0] != first
    kept.write_bytes(first[:100])
    assert len(checked.stored_network("a" * 64, changed)[0]) == len(first)
    assert len(written) == 3


def test_a_store_that_cannot_be_written_costs_no_page(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "file").touch()
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "file"))
    graph = next(graphs_of(tiny_model(registry.get("model", "gan"), 32).eval()))
    assert checked.stored_network("a" * 64, graph)[0]


def test_chance_inside_a_generator_is_refused(registry: Registry) -> None:
    cls = registry.get("model", "gan")
    model = tiny_model(cls, 32, g_noise=0.1).eval()
    with pytest.raises(UnusableError, match="draws noise or dropout inside"):
        list(graphs_of(model))
    model = tiny_model(cls, 32, g_dropout=0.3).eval()  # off when it samples
    assert len(list(graphs_of(model))) == 1


@pytest.mark.parametrize(
    ("out", "options", "error", "words"),
    [
        ("a.pt", {"formats": ["onnx"]}, UsageError, "a.pt can be torchscript alone"),
        ("out", {"formats": ["onyx"]}, UsageError, 'Did you mean "onnx"?'),
        ("there.pt", {}, UnusableError, "there.pt is there already"),
        ("there.pt/out", {}, UnusableError, "there.pt is in the way"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    out: str, options: Any, error: type[AnimekitError], words: str, registry: Registry
) -> None:
    Path("there.pt").write_text("mine", encoding="utf-8")
    with pytest.raises(error) as caught:
        animekit.export("faces64", out, registry=registry, **options)
    assert words in caught.value.message
    assert [path.name for path in Path().iterdir()] == ["there.pt"]
    assert Path("there.pt").read_text(encoding="utf-8") == "mine"


def test_without_its_packages_onnx_says_what_to_install(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = importlib.util.find_spec
    lacks = lambda name, *rest: None if name == "onnxruntime" else known(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", lacks)
    with pytest.raises(UnusableError, match="no ONNX without onnxruntime") as caught:
        animekit.export("faces64", registry=registry)
    assert '".[onnx]"' in str(caught.value.hint)
    animekit.export("faces64", formats=["safetensors"], registry=registry)


def test_the_command_writes_plans_and_keeps_its_schema() -> None:
    words = ("export", "faces64", "--torchscript", "--safetensors", "-o", "out")
    said = call(*words, "-n").stdout.split()
    assert said[2::3] == ["out/faces64.pt", "out/faces64.safetensors", "out/faces64.json"]
    assert not Path("out").exists()
    found = answer(*words, "--json")
    assert [file["format"] for file in found["data"]["files"]] == ["torchscript", "safetensors"]
    kinds = [made["kind"] for made in found["artifacts"]]
    assert kinds == ["torchscript", "safetensors", "description"]
    again = call(*words)
    assert again.exit_code == 4 and "is there already" in again.stderr
    assert call(*words, "--yes").exit_code == 0
