"""The faces that animekit draws."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.errors import ConfigError
from animekit.labels import tags
from animekit.plugins import PluginSource, Registry
from animekit_plugins.datasets import synthetic
from animekit_plugins.datasets._faces.features import EYE_LINE, turned
from animekit_plugins.datasets._faces.picture import face_of, paint, picture_of, place
from animekit_plugins.datasets._faces.traits import EYE_COLOURS, HAIR_COLOURS, STYLES
from animekit_plugins.datasets.synthetic import Synthetic, SyntheticParams


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def shrunk(image, size):
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def spot(image, face, point, reach=1):
    """The median colour around a point that is given in the units of the face."""
    matrix = place(face, face.roll)
    x, y = (matrix[:, :2] @ np.asarray(point) + matrix[:, 2]) * len(image)
    x, y = np.clip([round(x), round(y)], reach, len(image) - 1 - reach)
    patch = image[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return np.median(patch.reshape(-1, 3), axis=0)


def nearest(colour, palette):
    return min(palette, key=lambda name: np.abs(np.array(palette[name]) - colour).sum())


def plain_faces(n, without=("hat", "ribbon", "glasses")):
    faces = ((index, face_of(1, index)) for index in range(10 * n))
    chosen = [(i, face) for i, face in faces if not face.traits & set(without)]
    assert len(chosen) >= n
    return chosen[:n]


def test_a_face_is_the_same_whatever_the_count_and_the_order():
    few, many = Synthetic("8"), Synthetic("5000")
    backwards = {index: many.render(index, 32) for index in (7, 3, 0)}
    for index, (image, labels) in backwards.items():
        again, same_labels = few.render(index, 32)
        assert np.array_equal(image, again)
        assert np.array_equal(labels, same_labels)
    assert difference(backwards[7][0], backwards[3][0]) > 10
    assert difference(few.render(0, 32)[0], Synthetic("seed=1").render(0, 32)[0]) > 10


@pytest.mark.parametrize("index", range(6))
def test_a_face_is_the_same_at_every_size(index):
    large = picture_of(0, index, 256)
    other = picture_of(0, index + 1, 256)
    for size in (32, 64, 96, 128):
        small = picture_of(0, index, size)
        assert small.shape == (size, size, 3)
        assert small.dtype == np.uint8
        assert difference(small, shrunk(large, size)) < 2.5
        assert difference(small, shrunk(other, size)) > 15


def test_an_item_is_the_large_picture_and_its_labels():
    image, labels = Synthetic("3")[2]
    assert np.array_equal(image, picture_of(0, 2, 256))
    assert np.array_equal(labels, face_of(0, 2).labels)


def test_the_labels_begin_with_the_course_vocabulary_and_fill_their_groups():
    spec = Synthetic("").spec(64)
    assert spec.labels[:23] == tags.NAMES
    assert spec.groups[:2] == tags.GROUPS
    assert sum(spec.groups) == len(spec.labels) == len(set(spec.labels)) == 40
    assert spec.labels[-6:] == ("blush", "smile", "open mouth", "hat", "ribbon", "glasses")
    starts = np.cumsum((0, *spec.groups[:-1]))
    for index in range(50):
        labels = face_of(0, index).labels
        assert labels.dtype == np.uint8
        sums = np.add.reduceat(labels, starts)
        assert (sums[:4] == 1).all()
        assert (sums[4:] <= 1).all()


def test_every_attribute_occurs_and_none_nearly_always():
    spec = Synthetic("").spec(64)
    labels = np.stack([face_of(0, index).labels for index in range(3000)])
    share = dict(zip(spec.labels, labels.mean(0), strict=True))
    for names, expected in ((spec.labels[:12], 1 / 12), (spec.labels[12:23], 1 / 11)):
        assert all(abs(share[name] - expected) < 0.02 for name in names)
    assert all(0.06 < share[name] < 0.6 for name in spec.labels[23:])
    pairs = {(int(row[:12].argmax()), int(row[12:23].argmax())) for row in labels}
    assert len(pairs) == 12 * 11


def test_the_hair_has_the_colour_of_its_label():
    faces = plain_faces(60)
    right = 0
    for index, face in faces:
        image = picture_of(1, index, 128)
        sides = [spot(image, face, (x, y)) for x in (-0.8, -0.5, 0.5, 0.8) for y in (-0.7, -0.9)]
        found = nearest(np.median(sides, axis=0), HAIR_COLOURS)
        right += found == tags.HAIR[int(face.labels[:12].argmax())]
    assert right >= 0.9 * len(faces)


def test_the_eyes_have_the_colour_of_their_label():
    faces = plain_faces(60)
    right = 0
    for index, face in faces:
        image = picture_of(1, index, 128)
        reach = face.eye_width * face.iris * 0.62
        ring = [
            turned(face, [(side * face.eye_gap + dx, EYE_LINE + 0.2 * face.eye_height)])[0]
            for side in (-1, 1)
            for dx in (-reach, reach)
        ]
        colour = np.median([spot(image, face, point) for point in ring], axis=0)
        found = nearest(colour, EYE_COLOURS)
        right += found == tags.EYES[int(face.labels[12:23].argmax())]
    assert right >= 0.9 * len(faces)


def test_the_skin_darkens_from_fair_to_dark():
    brightness = {skin: [] for skin in range(4)}
    for index, face in plain_faces(90):
        image = picture_of(1, index, 64)
        skin = int(face.labels[30:34].argmax())
        brightness[skin].append(spot(image, face, turned(face, [(0, 0.62)])[0]).mean())
    means = [np.mean(values) for values in brightness.values()]
    assert all(lighter > darker + 8 for lighter, darker in pairwise(means))


@pytest.mark.parametrize(
    ("trait", "rows", "share"),
    [
        ("blush", (0.1, 0.85), (0.01, 0.08)),
        ("smile", (0.5, 1.3), (0.001, 0.04)),
        ("open mouth", (0.5, 1.3), (0.001, 0.04)),
        ("ribbon", (-9, 0.2), (0.005, 0.08)),
        ("hat", (-9, -0.5), (0.1, 0.4)),
    ],
)
def test_a_trait_changes_its_part_of_the_picture_only(trait, rows, share):
    face = replace(face_of(0, 1), traits=frozenset(), roll=0.0, style="short hair")
    worn = replace(face, traits=frozenset({trait}))
    if trait == "hat":  # it makes room for itself by moving the face
        worn = replace(worn, shift=(face.shift[0], face.shift[1] - 0.06))
    without = paint(face, np.random.default_rng(5), 128)
    changed = (without != paint(worn, np.random.default_rng(5), 128)).any(axis=2)
    assert share[0] < changed.mean() < share[1]
    heights = (np.flatnonzero(changed.any(axis=1)) + 0.5) / 128
    heights = (heights - place(face, 0.0)[1, 2]) / face.scale
    assert rows[0] < heights.min()
    assert heights.max() < rows[1]


def test_glasses_are_drawn_around_the_eyes():
    face = replace(face_of(0, 1), traits=frozenset(), roll=0.0)
    without = paint(face, np.random.default_rng(5), 128)
    worn = paint(replace(face, traits=frozenset({"glasses"})), np.random.default_rng(5), 128)
    bridge = turned(face, [(0.0, 0.05)])[0]
    assert difference(spot(without, face, bridge), np.array(face.skin)) < 40
    assert difference(spot(worn, face, bridge), np.array(face.skin)) > 60


def test_each_hair_style_looks_different():
    face = replace(face_of(0, 1), traits=frozenset())
    pictures = [paint(replace(face, style=style), np.random.default_rng(5), 64) for style in STYLES]
    for first in range(len(STYLES)):
        for second in range(first):
            assert difference(pictures[first], pictures[second]) > 2


def test_one_number_or_named_values_follow_the_colon():
    assert Synthetic("").params == SyntheticParams(count=10_000, seed=0)
    assert len(Synthetic("")) == 10_000
    assert len(Synthetic("5000")) == 5000
    assert Synthetic("count=12, seed=3").params == SyntheticParams(count=12, seed=3)
    assert Synthetic("", SyntheticParams(count=4)).params.count == 4


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("0", r"count = 0: .*greater than or equal to 1 \(from synthetic:0\)"),
        ("many", "count = many: input should be a valid integer"),
        ("10,000", "count = 10,000: input should be a valid integer"),
        ("sed=3", 'unknown parameter "sed".* Did you mean "seed"'),
        ("seed=-1", "seed = -1: .*greater than or equal to 0"),
        ("hair=blond", 'hair = blond: "blond" is no colour of hair. Did you mean "blonde"\\?'),
        ("hair=blue|rde", '"rde" is no colour of hair. Did you mean "red"\\?'),
        ("eyes=blonde", '"blonde" is no colour of eyes'),
    ],
)
def test_what_follows_the_colon_is_checked(where, says):
    with pytest.raises(ConfigError, match=says):
        Synthetic(where)


@pytest.mark.parametrize(
    ("where", "hair", "eyes"),
    [
        ("hair=blonde", {"blonde"}, set(tags.EYES)),
        ("hair=blonde|blue", {"blonde", "blue"}, set(tags.EYES)),
        ("eyes=red | aqua,hair=pink", {"pink"}, {"red", "aqua"}),
    ],
)
def test_colours_keep_the_first_faces_of_the_seed_that_have_them(where, hair, eyes):
    labels = [face_of(3, index).labels for index in range(900)]
    kept = [
        index
        for index, row in enumerate(labels)
        if tags.HAIR[row[:12].argmax()] in hair and tags.EYES[row[12:23].argmax()] in eyes
    ]
    faces = Synthetic(f"{where},count=6,seed=3")
    assert [faces.name_of(index) for index in range(6)] == [f"synthetic-3-{i}" for i in kept[:6]]
    assert len(faces) == 6
    image, row = faces.render(5, 32)
    assert np.array_equal(image, picture_of(3, kept[5], 32))
    assert np.array_equal(row, labels[kept[5]])


def test_colours_are_told_and_hashed():
    every, blonde = Synthetic("count=6"), Synthetic("hair=blonde|blue,eyes=red,count=6")
    assert blonde.description == "6 drawn faces with blonde or blue hair and red eyes, seed 0"
    assert every.fingerprint() != blonde.fingerprint()
    assert blonde.fingerprint() != Synthetic("hair=blue,eyes=red,count=6").fingerprint()


def test_tags_are_refused_because_the_labels_are_known(tmp_path):
    with pytest.raises(ConfigError, match="labels of their own"):
        Synthetic("", tags=tmp_path / "tags.csv")


def test_faces_beyond_the_count_do_not_exist():
    faces = Synthetic("2")
    for index in (2, -1):
        with pytest.raises(IndexError, match=f"no face {index}"):
            faces[index]


def test_the_fingerprint_follows_the_parameters_and_the_drawing(monkeypatch):
    assert Synthetic("50").fingerprint() == Synthetic("count=50").fingerprint()
    values = {Synthetic(where).fingerprint() for where in ("50", "51", "count=50,seed=1")}
    monkeypatch.setattr(synthetic, "VERSION", synthetic.VERSION + 1)
    values.add(Synthetic("50").fingerprint())
    assert len(values) == 4


def test_drawn_faces_open_by_name_and_pack_with_their_labels(tmp_path):
    registry = Registry()
    for dataset in synthetic.animekit_datasets():
        registry.add("dataset", dataset, PluginSource("synthetic", "test", ""))
    faces = open_dataset("synthetic:6", registry)
    assert faces.description == "6 drawn faces, seed 0"
    store = pack(faces, 32, folder=tmp_path)
    assert store.images.shape == (6, 32, 32, 3)
    assert store.skipped == []
    assert store.names[5] == "synthetic-0-5"
    for index in range(6):
        assert difference(store.images[index], picture_of(0, index, 32)) < 2.5
        assert np.array_equal(store.labels[index], face_of(0, index).labels)
    assert store.mask.all()


@pytest.mark.data
def test_the_cascade_of_the_course_sees_faces(shared_data):
    skimage_feature = pytest.importorskip("skimage.feature")
    detector = skimage_feature.Cascade(str(shared_data / "cascade" / "lbpcascade_animeface.xml"))
    found = 0
    for index in range(12):
        image = np.pad(picture_of(0, index, 64), ((8, 8), (8, 8), (0, 0)), constant_values=255)
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        boxes = detector.detect_multi_scale(
            img=grey, scale_factor=1.1, step_ratio=1, min_size=(24, 24), max_size=(80, 80)
        )
        found += bool(boxes)
    assert found >= 9
