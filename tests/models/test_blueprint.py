"""No model is built before it is known to be what a file holds: odd descriptions end at once."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animekit.config import Params
from animekit.data.spec import ImageSpec
from animekit.errors import CheckpointError, ConfigError
from animekit.models import blueprint, weights
from animekit.models.base import Model
from animekit.models.blueprint import mismatches, outline, refuse_too_large
from animekit.plugins import Registry
from animekit.runs.run import load_model
from animekit.testing.tiny import tiny_model
from tests.models.test_weights import WIDE, model_file

SPEC = {"size": 32, "channels": 3, "labels": [], "groups": []}
HUGE = (10**6, 10**9, 2**31, 2**62, 10**25, 10**300)


def described(path: Path, registry: Registry, **changes: Any) -> Path:
    return model_file(path / "m.safetensors", registry, **changes)


def refused(path: Path, registry: Registry) -> str:
    """Return why a file is refused, which takes no time and no memory."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(CheckpointError) as caught:
        load_model(path, registry)
    assert time.monotonic() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    assert "\n" not in caught.value.message and len(caught.value.message) < 500
    assert caught.value.hint
    return caught.value.message


def test_every_model_has_an_outline_of_the_shapes_that_it_is_built_with(registry: Registry) -> None:
    for name, cls in registry.all("model").items():
        model = tiny_model(cls)
        built = model.state_dict()
        made = outline(cls, model.params, model.learned, built)
        assert {value.device.type for value in made.state_dict().values()} == {"meta"}, name
        assert mismatches(made.state_dict(), built, exact=True) == [], name


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("key", ["g_channels", "d_channels", "z_dim"])
def test_a_width_that_no_machine_has_is_refused_at_once(
    tmp_path: Path, registry: Registry, key: str, number: int
) -> None:
    path = described(tmp_path, registry, params={**WIDE, key: number})
    refused(path, registry)


@pytest.mark.parametrize("number", [10**4, *HUGE])
def test_a_million_blocks_are_refused_at_once(
    tmp_path: Path, registry: Registry, number: int
) -> None:
    for key in ("g_blocks", "d_blocks"):
        params = {**WIDE, "architecture": "srresnet", key: number}
        refused(described(tmp_path, registry, params=params), registry)


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"n_blocks": 10**6}, 32),
        ({"depth": 10**6}, 32),
        ({"architecture": "unet", "depth": 10**6}, 64),
        ({"d_layers": 10**6}, 64),
        ({"pool_size": 10**12}, 32),
        ({"pool_size": 10**5}, 1024),
    ],
)
def test_a_translator_of_any_depth_is_refused_at_once(
    tmp_path: Path, registry: Registry, params: dict[str, Any], size: int
) -> None:
    path = described(
        tmp_path,
        registry,
        model="cyclegan",
        params={"g_channels": 4, "d_channels": 4, **params},
        spec=SPEC | {"size": size},
    )
    refused(path, registry)


@pytest.mark.parametrize(
    "change",
    [
        *({"size": value} for value in (*HUGE, 0, -32, True, 32.0, "32", None, [32])),
        *({"channels": value} for value in (*HUGE, 0, -3, True, 3.0)),
        {"labels": "red hair"},
        {"labels": ["red", 5], "groups": [2]},
        {"labels": ["red", "red"], "groups": [2]},
        {"labels": {"red": 1}, "groups": [1]},
        {"labels": ["red"], "groups": []},
        {"labels": ["red"], "groups": [10**25]},
        {"labels": ["red"], "groups": [True]},
        {"labels": ["red", "blue"], "groups": [3, -1]},
        {"labels": ["red"], "groups": ["1"]},
        {"labels": [], "groups": [0]},
        {"labels": None},
        {"groups": None},
        {"groups": 10**25},
    ],
    ids=str,
)
def test_a_spec_of_wrong_types_is_refused(
    tmp_path: Path, registry: Registry, change: dict[str, Any]
) -> None:
    refused(described(tmp_path, registry, spec=SPEC | change), registry)


@pytest.mark.parametrize(
    "change",
    [
        {"params": [["z_dim", 8]]},
        {"params": 10**25},
        {"params": {"z_dim": "8" * 5_000}},
        {"params": {**WIDE, "betas": [0.5] * 1000}},
        {"params": {**WIDE, "lr": -1}},
        {"model": 10**25},
        {"model": ["gan"]},
        {"model": None},
        {"model": "x" * 10_000},
        {"step": -1},
        {"step": 10**25},
        {"step": 1.5},
        {"step": True},
        {"version": 10**25},
        {"kind": ["detector"] * 1000},
        {"spec": 10**25},
        {"spec": [32, 3]},
        {"data": []},
        {"plugin": "gan"},
        {"source": 5},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_description_of_wrong_types_is_refused(
    tmp_path: Path, registry: Registry, change: dict[str, Any]
) -> None:
    refused(described(tmp_path, registry, **change), registry)


@pytest.mark.filterwarnings("ignore:Casting complex")
@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.uint8, torch.bool])
def test_numbers_of_another_kind_are_refused_and_not_cast(
    tmp_path: Path, registry: Registry, dtype: torch.dtype
) -> None:
    whole = weights.read(described(tmp_path, registry))[0]
    key = "generator.main.0.weight"
    assert key in refused(
        described(tmp_path, registry, tensors=whole | {key: whole[key].to(dtype)}), registry
    )


def test_complex_weights_are_refused(tmp_path: Path, registry: Registry) -> None:
    whole = weights.read(described(tmp_path, registry))[0]
    key = "generator.main.0.weight"
    path = described(tmp_path, registry, tensors=whole | {key: torch.complex(*[whole[key]] * 2)})
    assert "complex" in refused(path, registry)


def test_floats_in_the_place_of_a_count_are_refused(tmp_path: Path, registry: Registry) -> None:
    whole = weights.read(described(tmp_path, registry))[0]
    key = next(key for key in whole if key.endswith("num_batches_tracked"))
    path = described(tmp_path, registry, tensors=whole | {key: whole[key].float()})
    assert key in refused(path, registry)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, registry: Registry, value: float
) -> None:
    whole = weights.read(described(tmp_path, registry))[0]
    whole["generator.main.0.weight"][0, 0, 0, 0] = value
    path = described(tmp_path, registry, tensors=whole)
    assert "not finite" in refused(path, registry)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_another_length_are_floats(
    tmp_path: Path, registry: Registry, dtype: torch.dtype
) -> None:
    whole = weights.read(described(tmp_path, registry))[0]
    floats = {k: v.to(dtype) if v.is_floating_point() else v for k, v in whole.items()}
    tensors, about, _ = weights.read(described(tmp_path, registry, tensors=floats))
    model = weights.build(about, tensors, registry, tmp_path)
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert mismatches(model.state_dict(), tensors) == []
    assert mismatches(model.state_dict(), tensors, exact=True) != []


def test_an_average_alone_cannot_ask_for_a_huge_discriminator(
    tmp_path: Path, registry: Registry
) -> None:
    whole = weights.read(described(tmp_path, registry))[0]
    generator = {key: value for key, value in whole.items() if key.startswith("generator.")}
    about = {"tensors": generator, "part": "average"}
    path = described(tmp_path, registry, **about)
    tensors, facts, _ = weights.read(path)
    assert weights.build(facts, tensors, registry, path).spec.size == 32
    wide = described(tmp_path, registry, params={**WIDE, "d_channels": 4000}, **about)
    assert "numbers" in refused(wide, registry)


class Peeking(Model):
    """A model of a plugin that computes with tensors while it is built."""

    name = "peeking"

    def __init__(self, params: Params, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        rates = [float(rate) for rate in torch.linspace(0, 1, 3)]
        self.layer = nn.Linear(len(rates), 2)


def test_a_plugin_that_looks_at_tensors_while_it_is_built_can_be_loaded() -> None:
    state = torch.random.get_rng_state()
    made = outline(Peeking, Params(), ImageSpec(32), {"layer.weight": torch.zeros(2, 3)})
    assert made.layer.weight.shape == (2, 3)
    assert torch.equal(torch.random.get_rng_state(), state)


class Endless(Model):
    """A model that never ends."""

    name = "endless"

    def __init__(self, params: Params, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        self.layers: nn.ModuleList = nn.ModuleList()
        while True:
            self.layers.append(nn.Linear(1, 1))


def test_building_stops_where_a_file_has_no_tensors_for_it() -> None:
    with pytest.raises(ValueError, match="more than 1,050 parts"):
        outline(Endless, Params(), ImageSpec(32), {"a": Tensor()})
    nn.Sequential(*(nn.ReLU() for _ in range(1200)))  # the limit is gone with the outline


def test_networks_that_pass_the_memory_are_refused_before_they_are_made(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = registry.get("model", "gan")
    wide = cls.Params(g_channels=400_000)
    with pytest.raises(
        ConfigError, match=r"would have [\d,]{18,} numbers: with gradients"
    ) as caught:
        refuse_too_large(cls, wide, ImageSpec(32))
    assert "narrower" in caught.value.hint
    with pytest.raises(ConfigError, match="more than 20,000 parts"):
        refuse_too_large(Endless, Params(), ImageSpec(32))
    state = torch.random.get_rng_state()
    refuse_too_large(cls, cls.Params(), ImageSpec(32))
    refuse_too_large(Peeking, Params(), ImageSpec(32))
    assert torch.equal(torch.random.get_rng_state(), state)
    monkeypatch.setattr(blueprint, "physical_memory", lambda: None)  # as on Windows
    refuse_too_large(cls, wide, ImageSpec(32))
