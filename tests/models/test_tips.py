"""Each of the ten tips sets parameters that an adversarial model takes, or says why it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from animekit import plugins
from animekit.errors import ConfigError
from animekit.models.adversarial_params import AdversarialParams
from animekit.testing.tiny import small_params, tiny_model, tiny_stepper
from animekit.training.tips import TIPS

MODELS = plugins.load().all("model")
ADVERSARIAL = [name for name, cls in MODELS.items() if issubclass(cls.Params, AdversarialParams)]
OTHERS = [name for name in MODELS if name not in ADVERSARIAL]
LABELLED = {"gan", "acgan", "infogan"}  # cross-entropy by default


def asked(name: str, number: int, *, follow: bool = True, **values: Any) -> dict[str, Any]:
    params = small_params(MODELS[name], **values)
    return MODELS[name].tip(number, params, follow=follow)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_every_adversarial_model_builds_with_each_tip_and_its_opposite(name: str) -> None:
    refused = set()
    for number in TIPS:
        for follow in (True, False):
            try:
                wanted = asked(name, number, follow=follow)
            except ConfigError:  # with which words, other tests say
                refused.add(number)
                continue
            assert wanted.keys() <= MODELS[name].Params.model_fields.keys()
            if name in ("projected", "cprojected") and wanted.get("g_output") == "sigmoid":
                continue  # it says so itself
            tiny_model(MODELS[name], **wanted)
    expected = set() if name in LABELLED else {2} if name == "lsgan" else {2, 6}
    assert refused == expected


@pytest.mark.parametrize("name", ["gan", "lsgan", "wgangp", "acgan"])
def test_all_tips_together_train(name: str) -> None:
    params: dict[str, Any] = {}
    for number in TIPS:
        if number not in ({2} if name == "lsgan" else {2, 6} if name == "wgangp" else ()):
            params |= asked(name, number)
    stepper = tiny_stepper(MODELS[name], **{**params, "n_critic": 1, "n_critic_first": 0})
    for _ in range(3):
        stepper.step()
    assert stepper.healthy()


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_without_a_discriminator_says_that_tips_are_not_for_it(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is none"):
        MODELS[name].tip(5, MODELS[name].Params(), follow=True)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_what_dcgan_does_already_stays_as_it_is(number: int) -> None:
    params = MODELS["gan"].Params()
    for key, value in MODELS["gan"].tip(number, params, follow=True).items():
        assert getattr(params, key) == value
    assert any(
        getattr(params, key) != value
        for key, value in MODELS["gan"].tip(number, params, follow=False).items()
    )


CASES: list[tuple[str, int, bool, dict[str, Any], dict[str, Any]]] = [
    ("gan", 1, False, {}, {"g_output": "sigmoid"}),
    ("gan", 1, True, {"architecture": "modern"}, {"g_output": "tanh"}),
    ("acgan", 2, False, {}, {"g_loss": "saturating"}),
    ("gan", 3, False, {}, {"z": "uniform"}),
    ("gan", 3, True, {"z": "sphere"}, {"z": "sphere"}),
    ("gan", 4, False, {}, {"d_batches": "mixed", "d_norm": "auto", "g_norm": "auto"}),
    ("gan", 4, True, {"r1_weight": 1.0}, {"d_batches": "separate", "d_norm": "batch"}),
    ("wgangp", 4, True, {}, {"d_norm": "batch", "g_norm": "auto"}),
    ("gan", 5, True, {"g_activation": "relu", "d_pool": "max"}, {"d_pool": "avg"}),
    ("gan", 5, True, {"g_upsample": "nearest"}, {"g_upsample": "pixelshuffle"}),
    ("gan", 5, False, {}, {"g_activation": "auto", "d_activation": "relu", "d_pool": "max"}),
    ("gan", 6, True, {}, {"real_label": (0.7, 1.2), "fake_label": (0.0, 0.3), "label_flip": 0.05}),
    ("gan", 6, True, {"real_label": (0.8, 1.2)}, {"real_label": (0.8, 1.2)}),
    ("gan", 6, False, {"label_flip": 0.1}, {"real_label": (1.0, 1.0), "label_flip": 0.0}),
    ("lsgan", 6, True, {"a": -1.0}, {"real_label": (0.4, 1.4), "fake_label": (-1.0, -0.4)}),
    ("lsgan", 6, False, {"label_flip": 0.1}, {"real_label": None, "fake_label": None}),
    ("wgan", 9, True, {}, {"optimizer": "adam", "d_optimizer": "sgd", "d_lr": 0.01}),
    ("gan", 9, False, {"d_optimizer": "sgd"}, {"d_optimizer": None}),
    ("gan", 13, True, {"g_noise": 0.2}, {"instance_noise": 0.1, "g_noise": 0.2}),
    ("gan", 13, False, {"instance_noise": 0.2}, {"instance_noise": 0, "g_noise": 0}),
    ("wgan", 14, True, {"n_critic": 5}, {"n_critic": 5, "n_critic_first": 100}),
    ("gan", 14, True, {"n_critic": 1}, {"n_critic": 2}),
    ("gan", 14, False, {}, {"n_critic": 1}),
    ("gan", 17, True, {}, {"g_dropout": 0.5, "g_dropout_sampling": True}),
    ("gan", 17, False, {"g_dropout": 0.3}, {"g_dropout": 0, "g_dropout_sampling": False}),
]


@pytest.mark.parametrize(("name", "number", "follow", "values", "expected"), CASES)
def test_a_tip_is_these_parameters(
    name: str, number: int, follow: bool, values: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = asked(name, number, follow=follow, **values)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "number", "values", "words"),
    [
        ("wgan", 6, {}, "labels of real and fake, and wgan has none"),
        ("acgan", 6, {"objective": "hinge"}, "objective=hinge has none"),
        ("acgan", 2, {"objective": "wasserstein"}, "acgan with objective=wasserstein has none"),
        ("lsgan", 2, {}, "tip 2 is about the cross-entropy, and lsgan has none"),
    ],
)
def test_a_tip_that_a_model_cannot_follow_is_refused_with_the_reason(
    name: str, number: int, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        asked(name, number, **values)
