"""Gradient penalties that every adversarial objective can have, and in which steps."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from animekit.data.batch import Batch
from animekit.models.adversarial_params import AdversarialParams, InterpolatedParams
from animekit.models.base import Losses, falls_on
from animekit.nn import losses


def penalty_terms(
    p: AdversarialParams,
    critic: Callable[[Tensor | None], losses.Discriminator],
    batch: Batch,
    real: Batch,
    fake: Batch,
) -> Losses:
    """Return the penalties of a step, on what D saw; a rarer one is heavier."""
    every = p.penalty_every * p.n_gen  # D moves in steps that n_gen divides
    if not p.penalised or (p.penalty_every > 1 and not falls_on(batch, every)):
        return {}
    terms, on_real = {}, critic(batch.target)
    if p.r1_weight:
        penalty = losses.zero_centred_penalty(on_real, real.images)
        terms["r1"] = p.penalty_every * p.r1_weight * penalty
    if p.r2_weight:
        penalty = losses.zero_centred_penalty(critic(fake.labels), fake.images)
        terms["r2"] = p.penalty_every * p.r2_weight * penalty
    if p.dragan_weight:
        penalty = losses.dragan_penalty(on_real, real.images)
        terms["dragan"] = p.penalty_every * p.dragan_weight * penalty
    if isinstance(p, InterpolatedParams) and p.gp_weight:
        penalty = losses.gradient_penalty(on_real, real.images, fake.images)
        terms["gp"] = p.penalty_every * p.gp_weight * penalty
    return terms
