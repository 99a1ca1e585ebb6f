"""What models say of their loss terms: formulas in plain letters, with a model's own numbers.

x is a real image, z noise, c labels, G(z) or G(z, c) a fake, D a score, s the sigmoid, E the mean
over a batch and H the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from animekit.models.adversarial_params import InterpolatedParams

if TYPE_CHECKING:
    from animekit.models.base import Model

LEGEND = {
    "x'": "an image on the way from a real one to a fake (gradient penalty), or near a real one",
    "c'": "labels that an image has not",
    "x": "a real image",
    "z": "noise",
    "c": "the labels of an image, or those asked for",
    "G": "the generator: G(z) is a fake",
    "D": "the discriminator: its score before any sigmoid",
    "C": "what the discriminator reads of labels",
    "Q": "what is read of the codes",
    "D_a": "the discriminator of the first domain",
    "D_b": "the discriminator of the second domain",
    "E": "the mean over a batch",
    "H": "the cross-entropy",
    "s": "the sigmoid",
    "y": "a label of real and fake that is drawn anew for each image",
    "a": "a real image of the first domain",
    "b": "a real image of the second domain",
    "F": "the translator from b to a; G is that from a to b",
    "grad": "the gradient with respect to the image",
}
"""What the letters of formulas mean."""


def weighted(weight: float, formula: str) -> str:
    """Return a formula with its weight, where that is not 1.

    >>> weighted(10.0, "E[x]"), weighted(1.0, "E[x]")
    ('10 * E[x]', 'E[x]')
    """
    return formula if weight == 1 else f"{weight:g} * {formula}"


def told(model: Model) -> bool:
    """Say whether a model's discriminator scores images together with labels."""
    return hasattr(model, "tell") or hasattr(model, "told")


def scores(model: Model) -> tuple[str, str]:
    """Return D's score of a real image and of a fake, with labels where told.

    >>> from types import SimpleNamespace
    >>> scores(SimpleNamespace(data=None))
    ('D(x)', 'D(G(z))')
    """
    labelled = getattr(model.data, "value", "") == "labelled" and model.takes_labels
    fake = "G(z, c)" if labelled else "G(z)"
    return ("D(x, c)", f"D({fake}, c)") if labelled and told(model) else ("D(x)", f"D({fake})")


def cross_entropy(score: str, label: float | tuple[float, float]) -> str:
    """Return the cross-entropy of a score against a label, or a range of them.

    >>> cross_entropy("D(x)", 1), cross_entropy("D(x)", (0.8, 1.2))
    ('-E[log s(D(x))]', 'E[H(y, s(D(x)))], y in [0.8, 1.2]')
    """
    low, high = label if isinstance(label, tuple) else (label, label)
    if low == high == 1:
        return f"-E[log s({score})]"
    if low == high == 0:
        return f"-E[log(1 - s({score}))]"
    where = f"y = {low:g}" if low == high else f"y in [{low:g}, {high:g}]"
    return f"E[H(y, s({score}))], {where}"


def cross_entropy_d(params: Any, real: str, fake: str) -> dict[str, str]:
    """Return D's terms of the cross-entropy, with the labels of its parameters."""
    labels = params.real_label, params.fake_label
    for_real, for_fake = labels[::-1] if params.g_loss == "flipped" else labels
    flips = _flips(params)
    return {
        "real": cross_entropy(real, for_real) + flips,
        "fake": cross_entropy(fake, for_fake) + flips,
    }


def cross_entropy_g(params: Any, fake: str) -> str:
    """Return the generator's term, in the form of `g_loss`."""
    if params.g_loss == "saturating":
        return f"E[log(1 - s({fake}))]"
    return cross_entropy(fake, 0 if params.g_loss == "flipped" else 1)


def least_squares_d(params: Any, real: str, fake: str) -> str:
    """Return D's squared distances to its labels."""
    sides = []
    for score, label, among in (
        (real, params.b, params.real_label),
        (fake, params.a, params.fake_label),
    ):
        wanted = f"{label:g}" if among is None else f"y in [{among[0]:g}, {among[1]:g}]"
        sides.append(f"0.5 E[({score} - {wanted})^2]")
    return " + ".join(sides) + _flips(params)


def _flips(params: Any) -> str:
    return f", {params.label_flip:.3g} of the labels flipped" if params.label_flip else ""


def wasserstein(real: str, fake: str) -> str:
    """Return what a critic minimises: minus the estimated distance."""
    return f"E[{fake}] - E[{real}]"


def clipped(bound: float) -> str:
    """Return what weight clipping does behind an update."""
    return f"w <- min(max(w, -{bound:g}), {bound:g}) for every weight w of D"


def gradient_penalty(
    weight: float, *, one_sided: bool = False, labels: bool = False, share: float = 1.0
) -> str:
    """Return the penalty on the norm of a critic's gradient."""
    score = "D(x', c)" if labels else "D(x')"
    excess = f"max(0, |grad {score}| - 1)" if one_sided else f"(|grad {score}| - 1)"
    where = "" if share == 1 else f" over {share:.4g} of the batch"
    return weighted(weight, f"E[{excess}^2]") + where


def hinge(real: str, fake: str) -> str:
    """Return how far scores are from the right side of the margin."""
    return f"E[max(0, 1 - {real})] + E[max(0, 1 + {fake})]"


def paired(better: str, worse: str) -> str:
    """Return the cross-entropy of a pair: the first should score higher."""
    return f"E[log(1 + exp({worse} - {better}))]"


def _interpolated(params: Any) -> float:
    return params.gp_weight if isinstance(params, InterpolatedParams) else 0.0


def penalties(params: Any, model: Model) -> Mapping[str, str]:
    """Return the penalties that any adversarial model can have, by the terms of D."""
    real, fake = scores(model)
    near = real.replace("x", "x'", 1)
    every = f" in every {params.penalty_every}th step" if params.penalty_every > 1 else ""
    found = {
        "r1": (params.r1_weight, f"0.5 E[|grad {real}|^2]"),
        "r2": (params.r2_weight, f"0.5 E[|grad {fake}|^2]"),
        "dragan": (params.dragan_weight, f"E[(|grad {near}| - 1)^2]"),
        "gp": (_interpolated(params), gradient_penalty(1, labels=", c)" in real)),
    }
    return {
        f"d/{name}": weighted(params.penalty_every * weight, formula) + every
        for name, (weight, formula) in found.items()
        if weight
    }
