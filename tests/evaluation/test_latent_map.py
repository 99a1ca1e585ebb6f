"""Maps of codes: what is on them, and what their neighbours tell."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.evaluation import latent_map
from animekit.evaluation.held_out import TestImages
from animekit.evaluation.latent_map import (
    choose,
    lay_out,
    separation,
)
from tests.evaluation.support import points_of


def clusters(apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Return 60 codes of three values, whose middles lie that far apart."""
    values = np.arange(60) % 3
    codes = np.random.default_rng(0).normal(size=(60, 8))
    codes[:, 0] += apart * values
    return codes, values


def test_neighbours_tell_what_is_apart_and_guess_what_is_not() -> None:
    codes, values = clusters(20)
    found = separation(codes, codes[:, :1], values)
    assert (found.codes, found.map) == (1.0, 1.0)
    assert found.chance == pytest.approx(1 / 3)
    codes, values = clusters(0)
    assert separation(codes, codes, values).codes < 0.5
    few = separation(codes[:6], codes[:6], values[:6])
    assert few.neighbours == 5  # all others: one of the own value, two of each other one
    assert few.codes == 0


def test_the_map_of_what_is_apart_is_apart_and_follows_the_seed() -> None:
    codes, values = clusters(20)
    found = lay_out(points_of(values), codes, 3)
    assert found.places.shape == (60, 2)
    assert found.separation.map > 0.9
    assert (lay_out(points_of(values), codes, 3).places == found.places).all()


def shown(labels: list[list[int]], mask: list[list[int]] | None = None) -> TestImages:
    """Return images with two hair colours and a smile each."""
    spec = ImageSpec(32, 3, ("red hair", "blue hair", "smile"), (2, 1))
    count = len(labels)
    return TestImages(
        where="here",
        images=np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((32, 32, 3), "u1"),
        names=[str(i) for i in range(count)],
        spec=spec,
        labels=np.array(labels, np.uint8),
        mask=None if mask is None else np.array(mask, np.uint8),
        part="others",
        fingerprint="",
    )


def test_images_without_one_known_value_are_not_on_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_map, "FEWEST", 1)
    labels = [[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 0]]
    mask = [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0], [0, 0, 1]]
    hair = choose(shown(labels, mask), "hair", 10, 0)
    assert (hair.names, hair.values.tolist()) == (("red hair", "blue hair"), [0, 1])
    assert hair.files == ("0", "1")
    smile = choose(shown(labels, mask), "smile", 10, 0)
    assert (smile.names, smile.values.tolist()) == (("no smile", "smile"), [1, 0, 1, 0])
    assert smile.files == ("0", "1", "2", "4")
    blue = choose(shown(labels), "blue hair", 10, 0)
    assert blue.values.tolist() == [0, 1, 1, 0, 0]
    assert len(choose(shown(labels), "smile", 3, 0).files) == 3
    with pytest.raises(ConfigError, match=r'no attribute "hiar". Did you mean "hair"\?'):
        choose(shown(labels), "hiar", 10, 0)
