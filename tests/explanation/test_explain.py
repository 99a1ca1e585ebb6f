"""Explain: every built-in model says what it minimises, and with which numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit.errors import ConfigError, NotFoundError, UsageError
from animekit.explanation.explain import explain
from animekit.explanation.layers import trace
from animekit.explanation.result import Explanation
from animekit.plugins import PluginSource, Registry, load
from animekit.runs.run import Run
from animekit.testing.tiny import tiny_model

BUILT_IN = tuple(load().all("model"))
NARROW = {"size": 32, "params": {"g_channels": 4, "d_channels": 4}}
CHANGES: dict[str, list[dict[str, Any]]] = {  # what changes the terms, or their formulas
    "gan": [
        {"g_loss": "flipped", "real_label": (0.8, 1.2)},
        {"g_loss": "saturating", "r1_weight": 1.0, "label_flip": 0.05},
    ],
    "lsgan": [{"real_label": (0.8, 1.2), "label_flip": 0.1}, {"gp_weight": 2.0}],
    "chinge": [{"gp_weight": 2.0, "penalty_every": 2}],
    "cwgan": [{"mismatch": "mean"}, {"mismatch": "none"}],
    "wgangp": [{"one_sided": True, "dragan_weight": 2.0, "r2_weight": 3.0, "penalty_every": 4}],
    "acgan": [
        *({"objective": word} for word in ("wasserstein", "difference", "hinge", "relativistic")),
        {"classifier": "separate", "architecture": "odena"},
        {"cls_fake_weight": 0.0},
    ],
    "cwgangp": [{"mismatch": "mean"}, {"mismatch": "none"}, {"objective": "gan"}],
    "infogan": [
        {"mi_in_d": True, "continuous": 2},
        {"codes": 0, "continuous": 1},
        {"warmup_steps": 5},
    ],
    "cyclegan": [{"identity_weight": 0.0}],
    "twostage": [{"objective": "gan"}, {"generated": 1.0}, {"l1_weight": 0.0}],
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_model_says_what_each_of_its_terms_is(name: str, registry: Registry) -> None:
    cls = registry.get("model", name)
    assert cls.paper is not None and cls.paper.link.startswith("https://") and cls.notes
    for changes in ({}, *CHANGES.get(name, [])):
        model = tiny_model(cls, **changes)
        terms = {f"{phase}/{term}" for phase, of in trace(model).terms.items() for term in of}
        assert terms == set(model.formulas()), changes
        assert all(model.formulas().values())


def test_formulas_have_the_numbers_of_the_parameters(registry: Registry) -> None:
    found = explain("wgangp", registry=registry, size=32, params={"gp_weight": 5, "n_critic": 3})
    assert found.objectives["d"]["gp"] == "5 * E[(|grad D(x')| - 1)^2]"
    assert found.objectives["g"]["adv"] == "-E[D(G(z))]"
    assert [update.rhythm for update in found.updates] == ["every step", "every 3 steps"]
    assert dict(found.legend()).keys() == {"x'", "x", "z", "G", "D", "E", "grad"}


def test_a_preset_changes_what_is_said(registry: Registry) -> None:
    plain, seed = (explain("acgan", registry=registry, preset=name) for name in (None, "seed000"))
    assert [update.phase for update in seed.updates] == ["d", "c", "g"]
    assert "preset seed000" in seed.origin and "its own values" in plain.origin
    assert plain.networks != seed.networks


def test_a_tip_is_explained_with_what_it_changes(registry: Registry) -> None:
    found = explain("gan", registry=registry, tips="9", **NARROW)
    assert found.updates[0].optimizer.startswith("SGD")
    assert "tip 9" in found.origin and "d_optimizer" in found.origin


def test_a_model_that_says_nothing_is_explained_by_its_terms(registry: Registry) -> None:
    gan = registry.get("model", "gan")

    class Silent(gan):
        """A model of somebody else (Nobody, 2030)."""

        name = "silent"
        paper = None

        def formulas(self) -> dict[str, str]:
            return {}

    own = load()
    own.add("model", Silent, PluginSource("here", "here", "0"))
    found = explain("silent", registry=own, **NARROW)
    assert found.objectives == {"d": {"real": "", "fake": ""}, "g": {"adv": ""}}
    assert found.objective_rows("g") == [("adv", "(not said)")]
    assert "## Paper" not in found.as_markdown()


def test_a_run_and_its_weights_are_explained_with_their_own_values(
    tiny: Callable[..., Run], registry: Registry, tmp_path: Path
) -> None:
    run = tiny("wgangp", steps=1, gp_weight=3.0, batch_size=4)
    found = explain(run, registry=registry)
    assert found.objectives["d"]["gp"].startswith("3 * ")
    assert "x <- 4 real images" in found.code[1]
    assert f"run {run.id}" in found.origin
    weights = next(run.path.glob("checkpoints/*/model.safetensors"))
    alone = tmp_path / "alone.safetensors"
    shutil.copy(weights, alone)
    told = explain(alone, registry=registry)
    assert told.networks == found.networks
    assert "x <- N real images" in told.code[1], "a file of weights knows no batch"


def test_labels_of_data_count_where_data_are_named(registry: Registry) -> None:
    usual = explain("acgan", registry=registry, **NARROW)
    drawn = explain("acgan", "synthetic:8", registry=registry, **NARROW)
    assert usual.networks[0].input != drawn.networks[0].input


def test_what_is_no_model_is_refused_in_words(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match='Did you mean "wgangp"'):
        explain("wganpg", registry=registry)
    with pytest.raises(ConfigError, match="gp_wieght"):
        explain("wgangp", registry=registry, params={"gp_wieght": 1})
    with pytest.raises(UsageError, match="their own parameters"):
        explain("faces64", registry=registry, params={"lr": 1})


def test_the_facts_are_plain_values(registry: Registry) -> None:
    found = explain("gan", registry=registry, **NARROW)
    assert isinstance(found, Explanation)
    assert json.loads(json.dumps(found.facts())) == found.facts()
