"""Ten tips of ganhacks (Chintala et al., 2016) as parameters of adversarial models.

A tip is followed where some parameters have some values; its opposite, to compare it with, where
they have others. What is right already stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from animekit.errors import ConfigError
from animekit.models.adversarial_params import AdversarialParams
from animekit.nn.architectures import ARCHITECTURES, Architecture

Wanted = dict[str, Any]


def adversarial_tip(
    model: str, number: int, p: AdversarialParams, *, follow: bool, penalised: bool = False
) -> Wanted:
    """Return the parameters by which a tip is followed, or its opposite.

    `penalised` says that the model's own penalty looks at single images. Raises ConfigError with
    the reason where the model cannot follow the tip.
    """
    architecture = ARCHITECTURES[p.architecture]
    if number == 2:
        return _of_labels(model, number, p, {"g_loss": ("nonsaturating", "flipped")}, follow=follow)
    if number == 4:
        return _batches(p, architecture, follow=follow, penalised=penalised)
    if number == 5:
        return _gradients(p, architecture, follow=follow)
    if number == 6:
        return _labels(model, p, follow=follow)
    return _PLAIN[number](p, follow=follow)


def _kept(p: AdversarialParams, key: str, *fine: Any) -> Any:
    """Return the value of a parameter if it is fine, else the first that is."""
    value = getattr(p, key)
    meant = ARCHITECTURES[p.architecture].autos.get(key) if value == "auto" else value
    return value if meant in fine else fine[0]


def _of_labels(
    model: str, number: int, p: AdversarialParams, fine: dict[str, tuple[Any, ...]], *, follow: bool
) -> Wanted:
    objective = getattr(p, "objective", "gan")
    if "g_loss" not in type(p).model_fields or objective != "gan":
        where = f"{model} with objective={objective}" if hasattr(p, "objective") else model
        raise ConfigError(
            f"tip {number} is about the cross-entropy, and {where} has none",
            "leave it out, or train gan" + (" with objective=gan" * hasattr(p, "objective")),
        )
    if not follow:
        return {"g_loss": "saturating"}
    return {key: _kept(p, key, *values) for key, values in fine.items()}


def _batches(
    p: AdversarialParams, architecture: Architecture, *, follow: bool, penalised: bool
) -> Wanted:
    alone = penalised or p.penalised
    own = "none" if alone and architecture.d_norm == "batch" else architecture.d_norm
    meant = own if p.d_norm == "auto" else p.d_norm
    return {
        "d_batches": "separate" if follow else "mixed",
        "d_norm": p.d_norm if meant == "batch" else "batch",
        "g_norm": _kept(p, "g_norm", "batch", "conditional") if follow else p.g_norm,
    }


def _gradients(p: AdversarialParams, architecture: Architecture, *, follow: bool) -> Wanted:
    wanted: Wanted = {}
    for key in ("g_activation", "d_activation"):
        value = getattr(p, key)
        meant = architecture.autos[key] if value == "auto" else value
        dense = meant.startswith(("lrelu", "selu", "glu"))
        wanted[key] = (value if dense else "lrelu") if follow else "relu"
        if meant == "glu" or (meant == "relu" and not follow):
            wanted[key] = value
    if architecture.pools:
        wanted["d_pool"] = _kept(p, "d_pool", "avg", "stride") if follow else "max"
    if architecture.upsamples and follow:
        wanted["g_upsample"] = _kept(p, "g_upsample", "pixelshuffle", "transposed")
    return wanted


def _labels(model: str, p: AdversarialParams, *, follow: bool) -> Wanted:
    if "label_flip" not in type(p).model_fields or getattr(p, "objective", "gan") != "gan":
        objective = f"objective={p.objective}" if hasattr(p, "objective") else model
        raise ConfigError(
            f"tip 6 is about the labels of real and fake, and {objective} has none",
            "leave it out, or train gan or lsgan",
        )
    low, high = getattr(p, "a", 0.0), getattr(p, "b", 1.0)
    hard = type(p).model_fields["real_label"].default

    def between(first: float, last: float) -> tuple[float, float]:
        return round(low + first * (high - low), 6), round(low + last * (high - low), 6)

    def soft(key: str, fine: tuple[float, float]) -> Any:
        given = getattr(p, key)
        return given if given is not None and given[0] != given[1] else fine

    if follow:
        return {
            "real_label": soft("real_label", between(0.7, 1.2)),
            "fake_label": soft("fake_label", between(0.0, 0.3)),
            "label_flip": p.label_flip or 0.05,  # type: ignore[attr-defined]
        }
    fake = type(p).model_fields["fake_label"].default
    return {"real_label": hard, "fake_label": fake, "label_flip": 0.0}


def _pixels(p: AdversarialParams, *, follow: bool) -> Wanted:
    return {"g_output": _kept(p, "g_output", "tanh") if follow else "sigmoid"}


def _sphere(p: AdversarialParams, *, follow: bool) -> Wanted:
    return {"z": _kept(p, "z", "normal", "sphere") if follow else "uniform"}


def _rules(p: AdversarialParams, *, follow: bool) -> Wanted:
    descends = p.d_optimizer == "sgd"
    if follow:  # its steps are as long as gradients, not as the rate alone: it needs a larger one
        rate = p.d_lr if descends and p.d_lr else 0.01
        return {"optimizer": "adam", "d_optimizer": "sgd", "d_lr": rate}
    return {"d_optimizer": None if descends else p.d_optimizer}


def _noise(p: AdversarialParams, *, follow: bool) -> Wanted:
    return {
        "instance_noise": (p.instance_noise or 0.1) * follow,
        "instance_noise_decay": "linear" if follow else "none",
        "g_noise": (p.g_noise or 0.05) * follow,
    }


def _more_of_d(p: AdversarialParams, *, follow: bool) -> Wanted:
    if not follow:
        return {"n_critic": 1, "n_critic_first": 0}
    wanted: Wanted = {"n_gen": 1, "n_critic": max(2, p.n_critic)}
    if type(p).model_fields["n_critic"].default > 1:  # critics begin as those of WGAN
        wanted["n_critic_first"] = p.n_critic_first or 100
    return wanted


def _dropout(p: AdversarialParams, *, follow: bool) -> Wanted:
    return {"g_dropout": (p.g_dropout or 0.5) * follow, "g_dropout_sampling": follow}


_PLAIN: dict[int, Callable[..., Wanted]] = {
    1: _pixels,
    3: _sphere,
    9: _rules,
    13: _noise,
    14: _more_of_d,
    17: _dropout,
}
