"""The picture of a map: where its points are, and in which colours."""

from __future__ import annotations

import numpy as np

from animekit.evaluation import latent_picture
from animekit.evaluation.latent_map import (
    LatentMap,
    Separation,
)
from tests.evaluation.support import points_of


def test_the_picture_of_a_map_has_the_colours_of_its_values() -> None:
    values = np.array([0, 1, 2, 0])
    places = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    apart = Separation(0.5, 0.4, 0.3, 3)
    picture = latent_picture.draw_map(LatentMap(points_of(values), places, apart, 0), "x")
    assert picture.shape == (856, 990, 3)
    top, edge, far = (
        latent_picture.TOP,
        latent_picture.EDGE,
        latent_picture.SIDE - latent_picture.EDGE,
    )
    corners = [(far, edge), (far, far), (edge, far), (edge, edge)]  # (y, x); y goes up
    seen = [tuple(picture[top + y, x]) for y, x in corners]
    wanted = [latent_picture.COLOURS[name] for name in ("blue", "red", "white", "blue")]
    assert seen == [tuple(bytes.fromhex(colour[1:])) for colour in wanted]
    small = latent_picture.draw_map(
        LatentMap(points_of(values), places, apart, 0), "x", thumbnails=True
    )
    assert small.shape[0] > picture.shape[0]
    assert (small[top + 1600 - 32, 32] == 0).all()  # the first picture, black
