"""Convolutions as products of matrices: maps and derivatives of every order as torch has them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from animekit.nn import convolutions, losses
from animekit.nn.convolutions import (
    ChosenConv2d,
    ChosenConvTranspose2d,
    Geometry,
    choose_kernels,
    geometry_of,
)

LAYERS: dict[str, tuple[type, tuple[Any, ...], tuple[int, int]]] = {
    "halving": (nn.Conv2d, (3, 5, 4, 2, 1), (8, 8)),
    "halving, oblong": (nn.Conv2d, (3, 5, (4, 2), (2, 1), (1, 0)), (8, 6)),
    "of one place": (nn.Conv2d, (3, 2, 4, 1, 0), (4, 4)),
    "keeping": (nn.Conv2d, (2, 3, 3, 1, 1), (5, 5)),
    "single": (nn.Conv2d, (4, 3, 1), (3, 3)),
    "doubling": (nn.ConvTranspose2d, (3, 5, 4, 2, 1), (4, 4)),
    "from one place": (nn.ConvTranspose2d, (6, 3, 4, 1, 0), (1, 1)),
    "apart": (nn.ConvTranspose2d, (2, 3, 2, 2), (3, 3)),
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks that are too narrow to gain choose too."""
    monkeypatch.setattr("animekit.nn.convolutions.LEAST", 0)


@pytest.fixture(params=[(True, True), (False, True), (False, False)], ids=str)
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, bool]:
    """Let everything be a product, or the weights' gradient alone, or nothing."""
    monkeypatch.setattr(Geometry, "products", lambda self, half: request.param)
    return request.param


def pair(name: str, kind: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Module, Tensor]:
    """Return a plain layer, one that chooses, with the same weights, and an input."""
    layer, form, sides = LAYERS[name]
    torch.manual_seed(0)
    plain = layer(*form).to(kind)
    chosen = nn.Sequential(copy.deepcopy(plain))
    choose_kernels(chosen)
    assert type(chosen[0]) in (ChosenConv2d, ChosenConvTranspose2d)
    return plain, chosen[0], torch.randn(2, form[0], *sides, dtype=kind)


def derivatives(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Return maps, first derivatives, and those of the squared gradient of the input."""
    x = x.clone().requires_grad_()
    made = layer(x)
    weights = torch.linspace(-1, 1, made.numel(), dtype=made.dtype).view_as(made)
    inner = [x, *layer.parameters()]
    first = torch.autograd.grad((made.square() * weights).sum(), inner, create_graph=True)
    second = torch.autograd.grad(first[0].square().sum(), inner)
    return [made, *first, *second]


@pytest.mark.parametrize("name", LAYERS)
def test_maps_and_two_orders_of_derivatives_are_those_of_torch(name: str, products: Any) -> None:
    plain, chosen, x = pair(name)
    for ours, theirs in zip(derivatives(chosen, x), derivatives(plain, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["halving", "doubling", "of one place"])
def test_derivatives_of_derivatives_are_right_by_differences(name: str, products: Any) -> None:
    _, chosen, x = pair(name)
    assert torch.autograd.gradcheck(chosen, x.requires_grad_())
    assert torch.autograd.gradgradcheck(chosen, x)


def test_a_penalty_is_that_of_torch(products: Any) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4), nn.Flatten(0)
    ).double()
    chosen = copy.deepcopy(plain)
    choose_kernels(chosen)
    found = []
    for network in (plain, chosen):
        torch.manual_seed(1)
        real, fake = torch.randn(2, 5, 3, 8, 8, dtype=torch.float64)
        penalty = losses.gradient_penalty(network, real, fake)
        penalty.backward()
        found.append([penalty, *(p.grad for p in network.parameters())])
    for ours, theirs in zip(*found, strict=True):
        if theirs is not None:  # the last bias has no part in the gradient
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["halving", "doubling", "from one place"])
def test_in_half_precision_both_round_alike(name: str, products: Any) -> None:
    plain, chosen, x = pair(name, torch.float32)
    found = []
    for layer in (plain, chosen):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = layer(x)
        made.float().square().sum().backward()
        assert made.dtype is torch.bfloat16 and layer.weight.grad.dtype is torch.float32
        found.append([made.float(), layer.weight.grad])
    for ours, theirs in zip(*found, strict=True):
        assert (ours - theirs).norm() / theirs.norm() < 0.02


def test_weights_keep_their_names_and_pictures_their_bits() -> None:
    plain, chosen, x = pair("doubling", torch.float32)
    assert list(plain.state_dict()) == list(chosen.state_dict())
    assert torch.equal(plain.eval()(x), chosen.eval()(x))
    copy.deepcopy(chosen)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.ConvTranspose2d(4, 4, 3, 2, 1, output_padding=1),
        spectral_norm(nn.Conv2d(4, 4, 3)),
        nn.Linear(4, 4),
    ],
    ids=lambda layer: str(layer)[:60],
)
def test_other_layers_stay_what_they_are(layer: nn.Module) -> None:
    before = type(layer)
    choose_kernels(nn.Sequential(layer))
    assert type(layer) is before


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "fits"),
    [(8, 4, 2, True), (9, 4, 2, False), (8, 3, 2, False), (2, 4, 1, False), (4, 4, 4, True)],
)
def test_only_what_tiles_has_a_place(side: int, kernel: int, stride: int, fits: bool) -> None:
    at = geometry_of((side, side), (kernel, kernel), (stride, stride), (0, 0))
    assert (at is not None) is fits


def test_a_layer_that_does_not_tile_is_torchs_own() -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(2, 3, 3, 2, 1), torch.randn(1, 2, 8, 8)
    before = layer(x)
    choose_kernels(layer)
    assert type(layer) is ChosenConv2d and torch.equal(layer(x), before)
    assert layer(x[0]).shape == (3, 4, 4)  # an image without a batch


def test_small_maps_are_products_and_middle_ones_give_their_weights_as_one() -> None:
    def at(side: int) -> Geometry:
        return Geometry((2 * side, 2 * side), (4, 4), (2, 2), (1, 1))

    assert at(4).products(half=False) == at(4).products(half=True) == (True, True)
    assert at(8).products(half=True) == (False, True)
    assert at(8).products(half=False) == at(16).products(half=True) == (False, False)
    assert convolutions.SMALL < convolutions.MIDDLE


def test_networks_that_are_too_narrow_to_gain_keep_torchs_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(2, 3, 4))
    monkeypatch.setattr("animekit.nn.convolutions.LEAST", 97)
    choose_kernels(network)
    assert type(network[0]) is nn.Conv2d
    monkeypatch.setattr("animekit.nn.convolutions.LEAST", 96)
    choose_kernels(network)
    assert type(network[0]) is type(network[1]) is ChosenConv2d
