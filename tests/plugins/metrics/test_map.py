"""The map of real and fake: its number, its pictures, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.errors import ConfigError
from animekit.evaluation.metric import MetricContext
from animekit.plugins import Registry
from animekit_plugins.metrics.map import FeatureMap, MapParams, told

RNG = np.random.default_rng(0)


def faces(count: int, shade: int) -> np.ndarray:
    noise = RNG.integers(0, 60, (count, 3, 16, 16))
    return np.clip(noise + shade, 0, 255).astype(np.uint8)


def test_the_nearest_neighbour_tells_what_is_apart_and_guesses_what_is_not() -> None:
    rows = RNG.normal(size=(400, 8)).astype(np.float32)
    assert told(rows[:200], rows[200:] + 9) == (1, 1)
    assert told(rows[:200], rows[200:]) == pytest.approx((0.5, 0.5), abs=0.1)
    copies = told(rows[:200], rows[:200] + 1e-3)
    assert copies == (0, 0)  # each has its twin on the other side
    tight = told(rows[:200], rows[200:] * 0.01)
    assert tight[1] == 1  # fakes of one kind keep to themselves


def test_the_map_shows_both_sides_and_colours_by_what_is_read(registry: Registry) -> None:
    params = MapParams(attribute="hair", most=20, thumbnails=True)
    metric = FeatureMap(params, MetricContext(registry=registry))
    real, fake = faces(30, 40), faces(25, 150)
    found = metric.compute(metric.prepare(real), fake)
    assert set(found) == {"nn_tagger", "nn_real_tagger", "nn_fake_tagger"}
    assert found["nn_tagger"] > 0.9
    by_source, by_hair = metric.illustrate(real, fake)
    assert (by_source.name, by_hair.name) == ("map-source", "map-hair")
    assert by_source.table is not None and by_hair.table is not None
    assert by_source.table["source"].count("fake") == 20 and len(by_source.table["x"]) == 40
    assert by_hair.table["x"] == by_source.table["x"]
    assert all(word.endswith(" hair") for word in by_hair.table["hair"])
    for exhibit in (by_source, by_hair):
        assert exhibit.image is not None and exhibit.image.dtype == np.uint8


def test_an_attribute_that_nobody_reads_is_refused_with_those_that_are(registry: Registry) -> None:
    metric = FeatureMap(MapParams(attribute="hear"), MetricContext(registry=registry))
    with pytest.raises(ConfigError, match='reads no "hear"') as found:
        metric.illustrate(faces(13, 0), faces(13, 90))
    assert "hair, eyes" in str(found.value.hint)
