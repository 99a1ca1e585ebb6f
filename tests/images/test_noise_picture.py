"""Noise as a picture: every bit of it, or an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import animekit
from animekit.errors import DataError, UnusableError, UsageError
from animekit.images.noise_picture import picture_of, read_noise, write_noise
from animekit.plugins import Registry
from tests import javascript

Z = np.array([*np.random.default_rng(0).standard_normal(61), 0, 1e-30, -1e30], np.float32)
IMAGE = """
globalThis.ImageData = class { constructor(width, height) {
  Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) }) } };
return [...animekit.files.noisePicture(Float32Array.from(given)).data]
"""


@pytest.mark.parametrize("count", [1, 2, 64, 7])
def test_noise_comes_back_bit_for_bit(tmp_path: Path, count: int) -> None:
    write_noise(tmp_path / "z.png", Z[-count:])
    assert np.array_equal(read_noise(tmp_path / "z.png", count), Z[-count:])


def test_the_picture_is_that_of_a_page() -> None:
    image = picture_of(Z)
    found = np.array(javascript.run(IMAGE, "files.js", given=Z.tolist())).reshape(64, 64, 4)
    assert np.array_equal(found[..., :3], image)


def test_a_changed_picture_and_another_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "z.png"
    write_noise(path, Z)
    with pytest.raises(DataError, match="no noise of 81 numbers"):
        read_noise(path, 65 + 16)
    Image.open(path).save(tmp_path / "z.jpg", quality=95)
    Image.open(tmp_path / "z.jpg").save(path)
    with pytest.raises(DataError, match="was changed since"):
        read_noise(path, 64)
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read"):
        read_noise(path, 64)


def test_generate_writes_and_reads_noise_as_a_picture(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "z.png"
    made = animekit.generate("faces64", seeds=[7], registry=registry)
    made.save_noise(path)
    made.save_noise(path)  # the same again
    again = animekit.generate("faces64", noise=path, registry=registry)
    assert np.array_equal(again.images, made.images)
    two = animekit.generate("faces64", seeds=[7, 8], registry=registry)
    with pytest.raises(UsageError, match="one picture for the noise of 2"):
        two.save_noise(path)
    with pytest.raises(UnusableError, match="did not make it"):
        two.one(1).save_noise(path)
