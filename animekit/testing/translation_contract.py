"""The contract of a model that turns images into images, as a check beside those of `contract`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from animekit.errors import UnusableError
from animekit.models.abilities import Illustrates, Reconstructs, Translates
from animekit.models.base import Model
from animekit.testing.tiny import tiny_model, tiny_stepper
from animekit.training.samples import examples

COUNT = 3


def check_translations(cls: type[Model], sizes: Sequence[int]) -> None:
    """Raise AssertionError where a model's pictures of pictures break the contract."""
    for size in sizes:
        model = tiny_model(cls, size).eval()
        if isinstance(model, Translates):
            _check_translates(model, size)
        if isinstance(model, Reconstructs):
            _check_images(cls, "reconstruct()", model.reconstruct, _images(size, size))
        if isinstance(model, Illustrates):
            _check_sheet(cls, size)


def _check_translates(model: Any, size: int) -> None:
    cls = type(model)
    targets: list[Any] = list(model.directions)
    if not targets:
        labels = torch.eye(len(model.spec.labels))
        targets = [labels[row % len(labels)][None] for row in range(2)]
    wide = size + model.multiple  # no square, and no side that it was trained at
    for target in targets:
        for height, width in ((size, size), (size, wide)):

            def translate(images: Tensor, target: Any = target) -> Tensor:
                given = target if isinstance(target, str) else target.expand(len(images), -1)
                found: Tensor = model.translate(images, given)
                return found

            _check_images(cls, f"translate() to {target}", translate, _images(height, width))
    if model.directions:
        with torch.inference_mode():
            try:
                model.translate(_images(size, size), "nowhere")
            except UnusableError:
                return
        raise _broken(cls, "translate() takes a direction that is not there", "refuse it")


def _images(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height + width)
    return 2 * torch.rand(COUNT, 3, height, width, generator=generator) - 1


def _check_images(cls: type[Model], what: str, function: Any, images: Tensor) -> None:
    with torch.inference_mode():
        found, alone = function(images), function(images[:1])
    if found.shape != images.shape or found.dtype != torch.float32:
        shown = f"{found.dtype} {list(found.shape)} for {list(images.shape)}"
        raise _broken(cls, f"{what} gives {shown}", "return float32 of the shape that came in")
    if not bool((found.abs() <= 1).all()):
        raise _broken(cls, f"{what} leaves [-1, 1]", "end the network in a tanh")
    if not torch.allclose(alone, found[:1], atol=1e-5):
        raise _broken(
            cls,
            f"{what} gives another image alone than in a batch",
            "in eval mode, let no image look at its neighbours, and draw no random numbers",
        )


def _check_sheet(cls: type[Model], size: int) -> None:
    stepper = tiny_stepper(cls, size)
    model = stepper.model.eval()
    assert isinstance(model, Illustrates)
    batch = examples(stepper.loader, COUNT)
    with torch.inference_mode():
        sheet = model.sheet(batch)
    if sheet.ndim != 5 or sheet.shape[0] != COUNT or sheet.shape[2:] != batch.images.shape[1:]:
        raise _broken(
            cls, f"sheet() of {COUNT} images is {list(sheet.shape)}", "return [N, K, C, S, S]"
        )
    if not bool((sheet[:, 0] == batch.images).all()):
        raise _broken(cls, "sheet() does not begin with the real images", "put them first")


def _broken(cls: type[Model], problem: str, remedy: str) -> AssertionError:
    return AssertionError(f"{cls.name}: {problem}; {remedy}")
