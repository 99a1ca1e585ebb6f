"""Pixels: the resize rule, mirroring, and the way to floats and back."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from animekit.images.pixels import mirror, resize, to_float, to_uint8


def test_resize_takes_the_centre_square() -> None:
    image = np.zeros((4, 10, 3), np.uint8)
    image[:, 3:7] = 200
    assert (resize(image, 4) == 200).all()
    assert (resize(image.transpose(1, 0, 2), 2) == 200).all()


def test_resize_down_averages_areas_and_resize_up_keeps_flat_colours() -> None:
    checks = np.indices((8, 8)).sum(0) % 2 * np.uint8(200)
    image = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    assert (resize(image, 4) == 100).all()
    assert (resize(np.full((1, 1, 3), 9, np.uint8), 64) == 9).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_resize_gives_the_asked_size_in_own_memory(height: int, width: int, size: int) -> None:
    image = np.full((height, width, 3), 50, np.uint8)
    small = resize(image, size)
    assert small.shape == (size, size, 3)
    assert small.flags.c_contiguous
    assert (small == 50).all()


def test_bytes_survive_the_way_to_floats_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).repeat(2, 1, 1, 3)
    floats = to_float(images)
    assert floats.shape == (2, 3, 16, 16)
    assert floats.dtype == torch.float32
    assert floats.is_contiguous(memory_format=torch.channels_last)
    assert (floats.min().item(), floats.max().item()) == (-1.0, 1.0)
    assert np.array_equal(to_uint8(floats), images.numpy())


def test_to_uint8_clamps_rounds_and_repeats_grey() -> None:
    values = torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0]).reshape(1, 1, 1, 5)
    assert to_uint8(values)[0, 0].tolist() == [[v] * 3 for v in (0, 0, 128, 255, 255)]


def test_mirror_flips_left_to_right_and_takes_no_images_too() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    assert np.array_equal(mirror(images), images[:, :, ::-1])
    assert mirror(images[:0]).shape == (0, 4, 5, 3)
