"""The pictures of fruit that animekit draws."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from animekit.data.dataset import open_dataset
from animekit.data.pack import pack
from animekit.data.unpaired import find_domains
from animekit.errors import ConfigError
from animekit.images.pixels import to_uint8
from animekit.training.job import job
from animekit_plugins.datasets import fruit
from animekit_plugins.datasets._fruit import KINDS, picture_of
from animekit_plugins.datasets._fruitscene import choose_scene
from animekit_plugins.datasets.fruit import Fruit, FruitParams


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def shrunk(image, size):
    """A picture made smaller by the mean of its light, as a camera would."""
    light = (image / 255) ** 2.2
    return 255 * cv2.resize(light, (size, size), interpolation=cv2.INTER_AREA) ** (1 / 2.2)


def vivid(image):
    """The hues of the strongly coloured pixels, in degrees: fruit, and hardly any backdrop."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    chosen = (hsv[..., 1] > 150) & (hsv[..., 2] > 70)
    return 2 * hsv[..., 0][chosen].astype(int)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_the_same_whatever_the_count_and_the_order(kind):
    few, many = Fruit(f"kind={kind},count=8"), Fruit(f"kind={kind},count=5000")
    backwards = {index: many.render(index, 32)[0] for index in (7, 3, 0)}
    np.random.default_rng(1).normal(size=9)
    for index, image in backwards.items():
        assert np.array_equal(few.render(index, 32)[0], image)
    assert difference(backwards[7], backwards[3]) > 10
    assert difference(backwards[0], Fruit(f"kind={kind},seed=1").render(0, 32)[0]) > 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("index", range(5))
def test_a_picture_is_the_same_at_every_size(kind, index):
    large = picture_of(kind, 0, index, 256)
    other = picture_of(kind, 0, index + 1, 256)
    for size in (32, 64, 96, 128):
        small = picture_of(kind, 0, index, size)
        assert small.shape == (size, size, 3)
        assert small.dtype == np.uint8
        assert difference(small, shrunk(large, size)) < 2.5
        assert difference(small, shrunk(other, size)) > 10
    larger = picture_of(kind, 0, index, 300)
    assert difference(shrunk(larger, 64), shrunk(large, 64)) < 2.5


def test_an_item_is_the_large_picture_without_labels():
    pictures = Fruit("apples")
    image, labels = pictures[2]
    assert np.array_equal(image, picture_of("apples", 0, 2, 256))
    assert labels is None
    assert pictures.spec(64).labels == ()
    assert len(pictures) == 200


def hues_on_paper(kind, count=30):
    """The vivid hues, -60 to 299 degrees, of each picture whose backdrop has no strong colour."""
    found = []
    for index in range(count):
        rng = np.random.default_rng((3, index, KINDS.index(kind)))
        if choose_scene(rng).place in ("white", "grey", "tinted"):
            found.append((vivid(picture_of(kind, 3, index, 64)) + 60) % 360 - 60)
    assert len(found) > count / 3
    return found


def test_oranges_are_orange():
    for hues in hues_on_paper("oranges"):
        assert 20 <= np.median(hues) <= 38
        assert ((hues > 15) & (hues < 45)).mean() > 0.85


def test_apples_are_red_mostly_and_else_green_or_yellow():
    hues = hues_on_paper("apples")
    red = np.array([((each > -30) & (each < 18)).mean() for each in hues])
    green = np.array([((each > 45) & (each < 120)).mean() for each in hues])
    assert (red > 0.5).mean() > 0.5
    assert (green > 0.5).any()
    assert (red + green).mean() > 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_the_fruit_fills_a_good_part_of_the_picture(kind):
    for index in range(12):
        image = picture_of(kind, 5, index, 64).astype(int)
        assert len(vivid(image.astype(np.uint8))) > 0.06 * 64 * 64
        assert image.max() > 120


@pytest.mark.parametrize(
    ("where", "params"),
    [
        ("apples", FruitParams(kind="apples")),
        ("oranges", FruitParams(kind="oranges")),
        ("kind=oranges", FruitParams(kind="oranges")),
        ("kind=apples,count=50,seed=3", FruitParams(kind="apples", count=50, seed=3)),
        (" count=4, kind = apples", FruitParams(kind="apples", count=4)),
        ("oranges,seed=2", FruitParams(kind="oranges", seed=2)),
    ],
)
def test_what_follows_the_colon_is_read(where, params):
    assert Fruit(where).params == params


@pytest.mark.parametrize(
    ("where", "says", "hint"),
    [
        ("", '"fruit:" does not say which fruit', "fruit:apples, fruit:oranges"),
        ("count=5", '"fruit:count=5" does not say', "fruit:apples, fruit:oranges"),
        ("aples", 'no pictures of "aples"', 'Did you mean "apples"'),
        ("kind=orange,seed=1", 'no pictures of "orange"', 'Did you mean "oranges"'),
        ("50", 'no pictures of "50"', "it takes fruit:apples"),
        ("kind=apples,cont=3", 'unknown parameter "cont".* Did you mean "count"', ""),
        ("kind=apples,count=0", "count = 0: .*greater than or equal to 1", "count"),
        ("kind=apples,seed=-1", "seed = -1: .*greater than or equal to 0", "seed"),
    ],
)
def test_what_follows_the_colon_is_checked(where, says, hint):
    with pytest.raises(ConfigError, match=says) as caught:
        Fruit(where)
    assert "\n" not in str(caught.value)
    assert hint in caught.value.hint


def test_tags_and_pictures_beyond_the_count_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no labels"):
        Fruit("apples", tags=tmp_path / "tags.csv")
    for index in (2, -1):
        with pytest.raises(IndexError, match=f"no picture {index}"):
            Fruit("kind=apples,count=2")[index]


def test_the_fingerprint_follows_the_parameters_and_the_drawing(monkeypatch):
    assert Fruit("apples").fingerprint() == Fruit("kind=apples,count=200").fingerprint()
    places = ("apples", "oranges", "kind=apples,count=5", "kind=apples,seed=1")
    values = {Fruit(where).fingerprint() for where in places}
    monkeypatch.setattr(fruit, "VERSION", fruit.VERSION + 1)
    values.add(Fruit("apples").fingerprint())
    assert len(values) == 5


def test_drawn_fruit_opens_by_name_and_packs(tmp_path, registry):
    apples = open_dataset("fruit:kind=apples,count=3,seed=4", registry)
    assert apples.description == "3 drawn pictures of apples, seed 4"
    store = pack(apples, 32, folder=tmp_path)
    assert store.images.shape == (3, 32, 32, 3)
    assert store.names[2] == "apples-4-2"
    for index in range(3):
        assert difference(store.images[index], picture_of("apples", 4, index, 32)) < 2.5


def test_two_kinds_are_the_two_domains_of_a_translator(registry, monkeypatch):
    monkeypatch.setattr(fruit, "_read", lambda where: FruitParams(kind=where, count=8))
    assert find_domains("fruit:apples,fruit:oranges") == ("fruit:apples", "fruit:oranges")
    values = {"data": "fruit:apples,fruit:oranges", "size": 16, "batch": 8, "steps": 1}
    values |= {"g_channels": 4, "d_channels": 4, "blocks": 1, "crop": 0, "flip": False}
    made = job("cyclegan", registry, values)
    assert made.description.count("8 drawn pictures of") == 2
    batch = made.stepper().draw(1)
    assert batch.images.shape == batch.others.shape == (8, 3, 16, 16)
    share = []
    for tensor in (batch.images, batch.others):
        hues = vivid(np.concatenate(to_uint8(tensor)))
        share.append(((hues > 18) & (hues < 42)).mean())
    assert share[1] > 0.6 > share[0], share
