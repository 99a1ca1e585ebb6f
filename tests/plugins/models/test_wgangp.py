"""The share of a batch that the gradient penalty of wgangp looks at."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from animekit.nn import losses
from animekit.testing.check import tiny_stepper
from animekit_plugins.models.wgangp import WGANGP


@pytest.mark.parametrize(("share", "seen"), [(1.0, 4), (0.5, 2), (0.8, 3), (0.01, 1)])
def test_the_penalty_looks_at_its_share_of_a_batch(
    monkeypatch: pytest.MonkeyPatch, share: float, seen: int
) -> None:
    found: list[tuple[Tensor, Tensor]] = []
    kept = losses.gradient_penalty

    def look(critic: Any, real: Tensor, fake: Tensor, **more: Any) -> Tensor:
        found.append((real, fake))
        return kept(critic, real, fake, **more)

    monkeypatch.setattr(losses, "gradient_penalty", look)
    made = tiny_stepper(WGANGP, 32, gp_share=share)
    batch = len(made.draw(1).images)
    made.step()
    expected = max(1, round(share * batch))
    assert batch == 4 and expected == seen
    assert [len(each) for each in found[0]] == [seen, seen]


def test_the_whole_of_it_trains_as_before() -> None:
    def weights(**values: Any) -> Tensor:
        made = tiny_stepper(WGANGP, 32, **values)
        made.step()
        return torch.cat([each.flatten() for each in made.model.parameters()])

    assert torch.equal(weights(), weights(gp_share=1.0))
    assert not torch.equal(weights(), weights(gp_share=0.5))


def test_its_formula_says_what_share_that_is() -> None:
    made = tiny_stepper(WGANGP, 32, gp_share=0.25).model
    assert str(made.formulas()["d/gp"]).endswith(" over 0.25 of the batch")
    assert "share" not in str(tiny_stepper(WGANGP, 32).model.formulas()["d/gp"])
