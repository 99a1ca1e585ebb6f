"""A grey generator followed by a coloriser, as one model (seed 003)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from animekit import config
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.hookspecs import hookimpl
from animekit.models.base import Losses, Model, Need, Paper, Phase
from animekit_plugins.models._colorizer import luminance
from animekit_plugins.models._stages import ColourStage, GreyStage, TwoStageParams


class TwoStage(Model):
    """Grey pictures, then their colours, by labels (MLDS 2018 report, seed 003).

    The first stage draws luminance; the second adds chroma and leaves the luminance alone, so that
    composition and detail are what was learned without colours. Both are auxiliary classifier GANs
    (Odena et al., 2017) with a discriminator each: phases d and g for grey, cd and cg for colours.
    The coloriser learns on real grey pictures and on those that the first stage draws.
    """

    name = "twostage"
    paper = Paper(
        "Conditional Image Synthesis with Auxiliary Classifier GANs",
        2017,
        "Odena, Olah and Shlens",
        "https://arxiv.org/abs/1610.09585",
    )
    data = Need.LABELLED
    Params = TwoStageParams
    params: TwoStageParams
    averaged: ClassVar[tuple[str, ...]] = ("grey.generator", "colour.generator")
    notes = "d, g draw in grey; cd, cg colour. cg/cls: colours are what was asked; it should fall."

    def __init__(self, params: TwoStageParams, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        self.grey = GreyStage(params, replace(spec, channels=1))
        self.colour = ColourStage(params, spec)

    @classmethod
    def tip(cls, number: int, params: config.Params, *, follow: bool) -> dict[str, Any]:
        """Return the parameters by which a tip is followed in both stages."""
        return GreyStage.tip(number, params, follow=follow)

    def validate(self) -> None:
        """Refuse images without colours, and what no stage can do."""
        if self.spec.channels != 3:
            raise ConfigError("twostage colours images: it needs 3 channels", "train acgan")
        for stage in (self.grey, self.colour):
            stage.validate()

    def cautions(self) -> list[str]:
        """Return what a user should know of either stage."""
        return list(dict.fromkeys((*self.grey.cautions(), *self.colour.cautions())))

    def phases(self) -> list[Phase]:
        """Return "d" and "g" of the grey stage, "cd" and "cg" of the colour stage."""
        every = self.params.c_every
        grey = [_seen_by(self._in_grey, phase) for phase in self.grey.phases()]
        colour = [_seen_by(self._in_colour, phase) for phase in self.colour.phases()]
        return grey + [replace(p, name=f"c{p.name}", every=every * p.every) for p in colour]

    def _in_grey(self, batch: Batch) -> Batch:
        """Return a batch as the grey stage sees it."""
        assert batch.z is not None
        return replace(batch, images=luminance(batch.images), z=batch.z[:, : self.params.z_dim])

    def _in_colour(self, batch: Batch) -> Batch:
        """Return a batch as the colour stage sees it."""
        step = batch.step // self.params.c_every
        return replace(batch, fake=batch.kept.get("coloured"), step=step)

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Draw grey fakes, and coloured ones where the colour stage moves."""
        view = self._in_grey(batch)
        self.grey.prepare(view, due)
        batch.target, batch.fake = view.target, view.fake
        if "cd" in due or "cg" in due:
            assert batch.z is not None and view.target is not None and view.fake is not None
            drawn = self.colour.drawn(len(batch.images))
            shown = torch.cat([view.fake.detach()[:drawn], view.images[drawn:]])
            with torch.set_grad_enabled("cg" in due):
                batch.kept["coloured"] = self.colour.paint(
                    shown, batch.z[:, self.params.z_dim :], view.target
                )

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z [n, z_dim + c_z_dim] on the CPU: for the grey picture, then colours."""
        return torch.cat([self.grey.noise(n, generator), self.colour.noise(n, generator)], 1)

    def noise_steps(self) -> list[tuple[str, int, float]]:
        """Return how `noise` draws, for programs that draw the same."""
        return [*self.grey.noise_steps(), *self.colour.noise_steps()]

    def stages(self, z: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return grey pictures [N, 1, S, S] and the same in colour [N, 3, S, S]."""
        own, rest = z[:, : self.params.z_dim], z[:, self.params.z_dim :]
        grey = self.grey.sample(own, labels)
        assert labels is not None
        return grey, self.colour.paint(grey, rest, labels)

    def sample(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images [N, 3, S, S] in [-1, 1] for z and labels [N, L]."""
        return self.stages(z, labels)[1]

    def sheet(self, batch: Batch) -> Tensor:
        """Return rows [N, 5, 3, S, S] in [-1, 1]: what both stages make of labels.

        A real image, the same in grey, the same coloured again; then drawn in grey, and coloured.
        """
        z = self.noise(len(batch.images), torch.Generator().manual_seed(0)).to(batch.images.device)
        wanted = self.grey.targets(batch)
        plain = luminance(batch.images)
        again = self.colour.paint(plain, z[:, self.params.z_dim :], wanted)
        grey, colour = self.stages(z, wanted)
        three = [each.expand(-1, 3, -1, -1) for each in (plain, grey)]
        return torch.stack([batch.images, three[0], again, three[1], colour], 1)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        found = dict(self.grey.formulas())
        return found | {f"c{key}": formula for key, formula in self.colour.formulas().items()}


def _seen_by(view: Callable[[Batch], Batch], phase: Phase) -> Phase:
    """Return a phase of a stage as one of the whole model's batches."""

    def loss(batch: Batch) -> Losses:
        return phase.loss(view(batch))

    def measure(batch: Batch, terms: Losses) -> Losses:
        return {} if phase.measure is None else phase.measure(view(batch), terms)

    return replace(phase, loss=loss, measure=measure)


@hookimpl
def animekit_models() -> list[type[Model]]:
    """Return the model of this module."""
    return [TwoStage]
