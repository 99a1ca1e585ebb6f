"""Runs, weights, presets and calls of version 0.1.0, which named some values otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from animekit.errors import ConfigError
from animekit.models import weights
from animekit.plugins import Registry
from animekit.runs.run import Run, load_model
from animekit.training.recipe import TrainOptions, make_recipe
from tests.attacks import kill_runs

Train = Callable[..., Run]
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "noise and mirrors": ("gan", {"instance_noise": 0.1, "truncation": 0.7, "mirror": True}),
    "replay": ("acgan", {"replay_size": 8, "data": "synthetic:16"}),
    "a separate classifier": (
        "acgan",
        {"classifier": "separate", "architecture": "seed002", "data": "synthetic:16"},
    ),
    "mismatched labels": ("cwgangp", {"mismatch_labels": "one", "data": "synthetic:16"}),
}


def old(cls: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return values as version 0.1.0 wrote them."""
    renamed = cls.renamed()
    keys = {new: key for key, new in renamed.items() if "=" not in key}
    texts = {new: key.partition("=")[2] for key, new in renamed.items() if "=" in key}
    return {keys.get(k, k): texts.get(f"{k}={v}", v) for k, v in values.items()}


def age(run: Run, registry: Registry) -> None:
    """Write the names of version 0.1.0 into a run and its weights."""
    path = run.path / "config.json"
    config = json.loads(path.read_text())
    cls = registry.get("model", config["model"]).Params
    for part, schema in (("params", cls), ("options", TrainOptions)):
        config[part] = old(schema, config[part])
    config["origins"] = old(TrainOptions, old(cls, config["origins"]))
    path.write_text(json.dumps(config))
    assert "batch" in config["options"] and "batch_size" not in config["options"]
    assert "lr_decay" in config["params"] and "lr_schedule" not in config["params"]


def weights_of(run: Run, registry: Registry, path: Path) -> Path:
    """Return the weights of a run as a file of version 0.1.0."""
    newest = sorted(run.checkpoints.glob("0*"))[-1] / "model.safetensors"
    tensors, about, _ = weights.read(newest)
    about["params"] = old(registry.get("model", about["model"]).Params, about["params"])
    save_file(tensors, path, {weights.KEY: json.dumps(about)})
    return path


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_under_old_names_resumes_bit_for_bit_and_its_weights_load(
    name: str, tiny: Train, registry: Registry, tmp_path: Path
) -> None:
    model, values = RECIPES[name]
    straight, cut = tiny(model, steps=4, **values), tiny(model, steps=2, **values)
    age(cut, registry)
    file = weights_of(cut, registry, tmp_path / "old.safetensors")
    tiny(model, resume=cut.path, steps=4, params={"keep": 5, "batch": 4})
    assert kill_runs.differences(straight, cut) == []
    options = Run(cut.path).config["options"]
    assert (options["batch_size"], options["keep_checkpoints"]) == (4, 5)
    assert "batch" not in options
    params = load_model(file, registry).model.params
    assert params == load_model(straight, registry).model.params
    assert all(getattr(params, key, value) == value for key, value in values.items())


def test_files_the_environment_and_calls_may_use_old_names(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[train]\nbatch = 8\nreport-every = 7\n[cyclegan]\npool = 5\nlr_decay = 'linear'\n"
    )
    monkeypatch.setenv("ANIMEKIT_EMA", "0.5")
    made = make_recipe("cyclegan", registry, config_file=file, values={"blocks": 2, "halvings": 1})
    options, params = made.options, made.params
    assert (options.batch_size, options.log_every, options.ema_decay) == (8, 7, 0.5)
    found = params.model_dump(include={"pool_size", "lr_schedule", "n_blocks", "depth"})
    assert found == {"pool_size": 5, "lr_schedule": "linear", "n_blocks": 2, "depth": 1}
    assert made.origins["batch_size"] == made.origins["pool_size"] == str(file)
    assert (made.origins["ema_decay"], made.origins["depth"]) == ("environment", "the call")
    with pytest.raises(ConfigError, match="pool is called pool_size now, and both are given"):
        make_recipe("cyclegan", registry, values={"pool": 1, "pool_size": 2})


def test_the_config_of_an_old_run_is_a_configuration_file(tiny: Train, registry: Registry) -> None:
    run = tiny(steps=1, mirror=True, instance_noise=0.25)
    age(run, registry)
    made = make_recipe("gan", registry, config_file=run.path / "config.json")
    assert made.options.mirror and made.params.model_dump()["instance_noise"] == 0.25
