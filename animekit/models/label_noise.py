"""Labels of real and fake that D learns: ranges and flips, for cross-entropy and least squares."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from animekit.errors import ConfigError
from animekit.models.adversarial_params import AdversarialParams
from animekit.models.base import Losses
from animekit.nn import losses


class FlippedParams(AdversarialParams):
    """How often D is told the opposite of what an image is."""

    topics = {"objective": ("label_flip",)}

    label_flip: float = Field(
        0.0, ge=0, le=0.5, description="share of the images whose label D learns as the opposite"
    )


class CrossEntropyParams(FlippedParams):
    """The labels that D learns for real and fake, and what G makes of its answer."""

    topics = {"objective": ("g_loss", "real_label", "fake_label")}

    g_loss: Literal["nonsaturating", "saturating", "flipped"] = Field(
        "nonsaturating", description="max log D, min log(1 - D), or labels flipped for both"
    )
    real_label: tuple[float, float] = Field((1.0, 1.0), description="range of labels of real")
    fake_label: tuple[float, float] = Field((0.0, 0.0), description="range of labels of fake")


def cross_entropy_d(p: CrossEntropyParams, real: Tensor, fake: Tensor) -> Losses:
    """Return D's terms "real" and "fake" for logits [N] of both."""
    labels = p.real_label, p.fake_label
    for_real, for_fake = labels[::-1] if p.g_loss == "flipped" else labels
    wanted = losses.noisy_labels(real, for_real, for_fake, p.label_flip)
    terms = {"real": losses.cross_entropy(real, wanted)}
    wanted = losses.noisy_labels(fake, for_fake, for_real, p.label_flip)
    return terms | {"fake": losses.cross_entropy(fake, wanted)}


class LeastSquaresParams(FlippedParams):
    """Ranges in place of two of the three labels of least squares."""

    topics = {"objective": ("a", "b", "c", "real_label", "fake_label")}

    a: float = Field(0.0, description="what the discriminator should say of fake")
    b: float = Field(1.0, description="what the discriminator should say of real")
    c: float = Field(1.0, description="what the generator wants to be told")
    real_label: tuple[float, float] | None = Field(
        None, description="range of labels of real, in place of b"
    )
    fake_label: tuple[float, float] | None = Field(
        None, description="range of labels of fake, in place of a"
    )


def least_squares_d(p: LeastSquaresParams, real: Tensor, fake: Tensor) -> Tensor:
    """Return D's term for scores [N] of both."""
    for_real, for_fake = p.real_label or (p.b, p.b), p.fake_label or (p.a, p.a)
    b = losses.noisy_labels(real, for_real, for_fake, p.label_flip)
    a = losses.noisy_labels(fake, for_fake, for_real, p.label_flip)
    return losses.least_squares_d(real, fake, a, b)


def cross_entropy_g(p: CrossEntropyParams, fake: Tensor) -> Tensor:
    """Return the generator's term for logits [N] of fakes, in the form of `g_loss`."""
    return losses.GENERATOR[p.g_loss](fake)


def refuse_labels(p: CrossEntropyParams, objective: str) -> None:
    """Raise ConfigError for labels that an objective does not look at."""
    if objective == "gan":
        return
    for key in ("g_loss", "real_label", "fake_label", "label_flip"):
        if getattr(p, key) != CrossEntropyParams.model_fields[key].default:
            raise ConfigError(
                f"{key} is of the cross-entropy, and objective={objective} has no labels"
                " of real and fake",
                f"leave {key} out, or use objective=gan",
            )
