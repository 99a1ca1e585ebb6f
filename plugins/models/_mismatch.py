"""What conditional critics with wrong labels share (seed 001): right pairs, and wrong ones."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.engines.parts import shuffled
from animekit.models import formulas
from animekit.models.adversarial import UpdateRule
from animekit.models.conditional import ToldModel, ToldParams, labels_of
from animekit.nn import losses
from animekit.nn.architectures import MatchingDiscriminator, ProjectionDiscriminator


class MismatchParams(ToldParams):
    """The report's values, and what becomes of the two kinds of wrong pairs."""

    old_names = {"wrong": "mismatch_labels"}

    mismatch: Literal["max", "mean", "none"] = Field(
        "max", description="wrong pairs: the larger score, the mean of both, or fakes alone"
    )
    mismatch_labels: Literal["all", "one"] = Field(
        "all", description="wrong labels: those of another image, or one attribute changed"
    )
    optimizer: UpdateRule = Field("rmsprop", description="update rule")
    n_critic: int = Field(5, ge=1, description="critic updates per generator update")
    condition: Literal["projection", "concat"] = Field(
        "concat", description="how D is told labels: by an inner product, or beside its maps"
    )


class MismatchModel(ToldModel):
    """A critic of images together with labels, which also sees wrong labels."""

    params: MismatchParams
    discriminator: MatchingDiscriminator | ProjectionDiscriminator
    aliases = {"d/wasserstein": "-w_est", "d/gp": "gp", "g/adv": "g"}
    notes = "w_est is real minus wrong pairs; it falls as fakes and their labels improve."

    def pairs(self, real: Batch, fake: Batch, kinds: int) -> tuple[Tensor, list[Tensor]]:
        """Return the scores [N] of right pairs, and of wrong ones.

        These are fakes, then real images with wrong labels, drawn anew `kinds` times.
        """
        critic, labels = self.discriminator, self.told_of_real(real, fake)
        assert labels is not None
        seen, drawn = self.both(critic.features, real.images, fake.images)
        right = real.scored(critic.score(seen, self.soften(labels)))
        generated = fake.scored(critic.score(drawn, self.soften(labels_of(fake))))
        return right, [generated] + [
            critic.score(seen, self.soften(self.wrong_labels(labels, real.mask)))
            for _ in range(kinds)
        ]

    def distance(self, right: Tensor, wrong: list[Tensor]) -> Tensor:
        """Return minus the estimated distance of right pairs and wrong ones."""
        scores = torch.stack(wrong)
        reduced = scores.amax(0) if self.params.mismatch == "max" else scores.mean(0)
        return losses.wasserstein_d(right, reduced)

    def wrong_labels(self, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return labels [N, L] that are wrong in an attribute that is known.

        Of an image of which nothing is known, they differ in any attribute.
        """
        sizes = self.spec.groups
        mask = torch.ones_like(labels) if mask is None else mask
        known = torch.stack([part[:, 0] for part in mask.split(sizes, 1)], 1)
        picked = (torch.rand_like(known) + known).argmax(1, keepdim=True)
        changed = [
            torch.where(picked == index, _another(group), group)
            for index, group in enumerate(labels.split(sizes, 1))
        ]
        one = torch.cat(changed, 1)
        if self.params.mismatch_labels == "one":
            return one
        (others,) = shuffled(labels)
        right = ((others == labels) | (mask == 0)).all(1, keepdim=True)
        return torch.where(right, one, others)

    def distance_formula(self) -> str:
        """Return what the critic minimises, by what becomes of wrong pairs."""
        real, fake = formulas.scores(self)
        wrong = {
            "max": f"max({fake}, D(x, c'))",
            "mean": f"({fake} + D(x, c'))/2",
            "none": fake,
        }
        return formulas.wasserstein(real, wrong[self.params.mismatch])


def _another(labels: Tensor) -> Tensor:
    """Return one value for each row [N, K] that it has not, or the opposite where K is 1."""
    if labels.shape[1] == 1:
        return 1 - labels
    drawn = torch.rand_like(labels).masked_fill(labels > 0, -1).argmax(1)
    return torch.nn.functional.one_hot(drawn, labels.shape[1]).to(labels.dtype)
