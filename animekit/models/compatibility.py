"""Which parameters of an adversarial model go together, and with which architecture."""

from __future__ import annotations

from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.adversarial_params import AdversarialParams
from animekit.models.label_noise import CrossEntropyParams, refuse_labels
from animekit.nn.architectures import ARCHITECTURES


def refuse_unfit(p: AdversarialParams, spec: ImageSpec, model: str, *, labels: int) -> None:
    """Raise ConfigError for parameters that contradict each other or the images.

    `labels` is how many the generator is told.
    """
    _refuse_what_needs_another(p)
    if isinstance(p, CrossEntropyParams):
        refuse_labels(p, getattr(p, "objective", "gan"))
    architecture = ARCHITECTURES[p.architecture]
    if p.g_norm == "conditional" and not labels:
        raise ConfigError(
            f"g_norm=conditional follows labels, and {model} has none",
            "use another norm, or a conditional model",
        )
    sides = [2**k for k in range(3, 8) if 2**k < spec.size]
    if p.attention and p.attention not in sides and architecture.attends:
        raise ConfigError(
            f"no maps of {spec.size} px images have the side attention={p.attention}",
            f"use {', '.join(map(str, sides))}, or 0 for none",
        )
    asked = {
        "d_pool": (p.d_pool != "auto" and not architecture.pools, "it halves in one way"),
        "g_upsample": (
            p.g_upsample != "auto" and not architecture.upsamples,
            "it doubles in one way",
        ),
        "attention": (p.attention and not architecture.attends, "it has no place for it"),
        "g_skip": (p.g_skip and not architecture.skips, "no map of it gates another"),
        "g_norm=conditional": (
            p.g_norm == "conditional" and not architecture.tells,
            "its norms cannot follow labels",
        ),
    }
    for name, (wrong, reason) in asked.items():
        if wrong:
            raise ConfigError(
                f"architecture {architecture.name} has no {name}: {reason}",
                f"leave {name} out, or use another architecture",
            )


def _refuse_what_needs_another(p: AdversarialParams) -> None:
    """Raise ConfigError for a parameter that does nothing without another, or against it."""
    if p.augment_target is not None and not p.augment:
        raise ConfigError(
            "augment_target has no augmentation to adapt",
            "add --set augment=color,translation,cutout",
        )
    if p.g_dropout_sampling and not p.g_dropout:
        raise ConfigError("g_dropout_sampling has no g_dropout to keep", "add --set g_dropout=0.5")
    if p.n_gen > 1 and (p.n_critic > 1 or p.n_critic_first):
        raise ConfigError(
            f"n_gen={p.n_gen} moves the generator more often, n_critic the discriminator",
            "leave one of them at 1",
        )
    if p.first_again and not p.n_critic_first:
        raise ConfigError(
            "first_again has no n_critic_first to come back to", "add --set n_critic_first=100"
        )
