"""The detector that comes with animekit: what it finds, what it does not, what it may depend on."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from animekit.errors import CheckpointError, DataError
from animekit.images.decode import decode
from animekit.models import weights
from animekit.plugins import Registry
from animekit_plugins.datasets._faces.picture import picture_of
from animekit_plugins.detectors import own as own_module
from animekit_plugins.detectors._finder import (
    MIDDLE,
    PAD,
    STRIDE,
    Finder,
    boxes_of,
    merge,
    overlaps,
)
from animekit_plugins.detectors.own import (
    LOOK,
    MAX_PIXELS,
    SHARE,
    STACK,
    WEIGHTS,
    Own,
    OwnParams,
    _framed,
)

FACE = (7.5, 19.0, 74.0, 74.0)
"""About where the face is in a drawn picture of 96 px."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def own() -> Own:
    return Own()


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    """Return drawn faces, uint8 [96, 96, 3]."""
    return [picture_of(0, number, 96) for number in range(24)]


@pytest.fixture(scope="module")
def nothings() -> list[np.ndarray]:
    """Return pictures that show nothing: one colour, a gradient, noise, stripes, discs, a grid."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :96]
    grey = [
        np.full((96, 96), 255),
        np.zeros((96, 96)),
        rows + columns,
        random.integers(0, 256, (96, 96)),
        (rows // 6 % 2) * 200,
        ((rows - 48) ** 2 + (columns - 48) ** 2 < 900) * 255,
        ((rows // 12 + columns // 12) % 2) * 255,
    ]
    pictures = [np.repeat(picture[..., None], 3, axis=2).astype(np.uint8) for picture in grey]
    smooth = random.integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    return pictures + [
        cv2.resize(cells, (96, 96), interpolation=cv2.INTER_CUBIC) for cells in smooth
    ]


def overlap(box: tuple[float, ...], boxes: np.ndarray) -> float:
    return float(overlaps(np.array(box), boxes)[0].max()) if len(boxes) else 0.0


def scene(side: int, faces: list[tuple[np.ndarray, int, int, int]]) -> np.ndarray:
    """Return a picture of one colour with faces (picture, x, y, side) on it."""
    canvas = np.full((side, side, 3), (190, 210, 225), np.uint8)
    for picture, x, y, size in faces:
        rule = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
        canvas[y : y + size, x : x + size] = cv2.resize(picture, (size, size), interpolation=rule)
    return canvas


def test_own_is_registered_and_needs_no_download(registry: Registry) -> None:
    assert registry.get("detector", "own") is Own
    assert Own().missing() is None
    assert Own.summary().endswith("nothing to download.")


def test_its_weights_are_small_and_say_what_they_are_of() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000
    assert weights.read(WEIGHTS)[1]["kind"] == "detector"


def test_a_drawn_face_that_fills_its_picture_is_found_at_its_place(own, faces) -> None:
    found = own.detect_many(faces)
    assert np.mean([len(boxes) == 1 for boxes in found]) > 0.9
    assert np.mean([overlap(FACE, boxes) > 0.6 for boxes in found]) > 0.9
    assert all(boxes.dtype == np.float32 and boxes.shape[1:] == (5,) for boxes in found)


@pytest.mark.parametrize("side", [48, 64, 128, 200])
def test_tight_crops_of_any_size_keep_their_face(own, faces, side) -> None:
    crops = [cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA) for face in faces]
    assert np.mean([len(boxes) > 0 for boxes in own.detect_many(crops)]) > 0.9


def test_pictures_of_nothing_have_no_face(own, nothings) -> None:
    assert [len(own.detect(picture)) for picture in nothings] == [0] * len(nothings)


def test_faces_of_very_different_sizes_are_found_in_one_picture(own, faces) -> None:
    places = [(faces[0], 20, 30, 300), (faces[6], 400, 60, 110), (faces[4], 420, 380, 45)]
    boxes = own.detect(scene(520, places))
    for _, x, y, size in places:
        share = size / 96
        expected = (x + FACE[0] * share, y + FACE[1] * share, FACE[2] * share, FACE[3] * share)
        assert overlap(expected, boxes) > 0.5
    assert list(boxes[:, 4]) == sorted(boxes[:, 4], reverse=True)


def test_a_face_much_smaller_than_a_crop_is_not_looked_for(faces) -> None:
    picture = scene(120, [(faces[0], 40, 40, 40)])
    assert len(Own(OwnParams(crop=0)).detect(picture)) == 1
    assert len(Own(OwnParams(crop=128)).detect(picture)) == 0


def test_smallest_leaves_small_faces_out(faces) -> None:
    picture = scene(400, [(faces[0], 20, 30, 300), (faces[4], 340, 340, 45)])
    assert len(Own().detect(picture)) == 2
    assert len(Own(OwnParams(smallest=100)).detect(picture)) == 1


def test_a_crop_and_its_mirror_image_get_mirrored_boxes(own, faces) -> None:
    for face in faces[:6]:
        ours, theirs = own.detect(face), own.detect(np.ascontiguousarray(face[:, ::-1]))
        theirs[:, 0] = 96 - theirs[:, 0] - theirs[:, 2]
        np.testing.assert_allclose(ours[:, :4], theirs[:, :4], atol=6)  # px; one look is enough


def test_a_doubtful_crop_is_looked_at_from_both_sides(monkeypatch, faces) -> None:
    monkeypatch.setattr("animekit_plugins.detectors.own.SURE", 1e9)  # every crop leaves doubt
    for face in faces[:6]:
        ours, theirs = Own().detect(face), Own().detect(np.ascontiguousarray(face[:, ::-1]))
        theirs[:, 0] = 96 - theirs[:, 0] - theirs[:, 2]
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=0.02)


def test_one_clear_face_needs_one_small_look_and_doubt_a_larger_one(monkeypatch, faces) -> None:
    shapes: list[tuple[int, ...]] = []
    said = own_module._said
    monkeypatch.setattr(
        own_module,
        "_said",
        lambda finder, stack: (shapes.append(stack.shape), said(finder, stack))[1],
    )
    detector = Own()
    detector.detect(faces[0])
    assert shapes == [(1, 3, 64, 64)]  # 48 px and a border
    shapes.clear()
    detector.detect(np.full((96, 96, 3), 128, np.uint8))
    assert shapes == [(1, 3, 64, 64), (2, 3, 96, 96)]  # 64 px, and its mirror image
    shapes.clear()
    detector.detect_many(faces[:3])
    assert shapes[0] == (16, 3, 64, 64) and set(shapes[1:]) <= {(4, 3, 96, 96)}


def test_a_higher_threshold_gives_a_part_of_the_boxes(faces) -> None:
    few, many = (Own(OwnParams(threshold=value)).detect_many(faces) for value in (0.95, 0.05))
    assert sum(map(len, few)) < sum(map(len, many))
    for high, low in zip(few, many, strict=True):
        assert len(high) <= len(low)
        assert (high[:, 4] >= 0.95).all()


def test_what_is_found_does_not_depend_on_the_pictures_beside(own, faces, nothings) -> None:
    alone = [own.detect_many([face])[0] for face in faces[:4]]
    mixed = own.detect_many([*nothings, *faces, *nothings])[len(nothings) :][:4]
    assert all(np.array_equal(a, b) for a, b in zip(alone, mixed, strict=True))
    assert any(map(len, alone))


def test_a_stack_finds_what_single_pictures_do(own, faces) -> None:
    stacked = own.detect_many(faces[: STACK + 3])
    for face, boxes in zip(faces, stacked, strict=False):
        np.testing.assert_allclose(own.detect(face), boxes, rtol=1e-4, atol=1e-3)


def test_pictures_of_several_shapes_come_back_in_their_order(own, faces) -> None:
    wide = scene(200, [(faces[1], 60, 60, 120)])
    order = [faces[0], wide, faces[1], wide[:, :180].copy()]
    together = own.detect_many(order)
    for picture, boxes in zip(order, together, strict=True):
        np.testing.assert_allclose(own.detect(picture), boxes, rtol=1e-4, atol=1e-3)
    assert own.detect_many([]) == []


def test_several_threads_get_the_same_boxes(faces) -> None:
    fresh = Own()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fresh.detect, faces))
    again = [fresh.detect(face) for face in faces]
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (300, 3), (17, 41)])
def test_pictures_of_odd_shapes_do_no_harm(own, shape) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert own.detect(picture).shape == (0, 5)


def test_huge_pictures_are_made_smaller_first(own) -> None:
    scale = own._scales(10_000, 4_000)[0]
    assert scale**2 * 10_000 * 4_000 == pytest.approx(MAX_PIXELS)
    assert own._scales(1000, 800)[0] == 1.0


def test_every_size_of_face_is_once_in_the_range_of_the_network(own) -> None:
    scales = own._scales(1000, 800)
    for side in np.geomspace(24, 880, 60):
        assert any(23.9 <= side * scale <= 56.1 for scale in scales)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_what_is_no_rgb_picture_is_refused(own, picture) -> None:
    with pytest.raises(DataError, match="a detector takes RGB pictures"):
        own.detect(picture)
    with pytest.raises(DataError, match="a detector takes RGB pictures"):
        own.detect_many([np.zeros((9, 9, 3), np.uint8), picture])


def test_weights_of_something_else_are_refused_with_a_hint(tmp_path: Path) -> None:
    other = weights.bundled()["faces64"]
    error = Own(OwnParams(weights=other)).missing()
    assert isinstance(error, CheckpointError)
    assert "it says that it is of sgan" in error.hint
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(WEIGHTS.read_bytes()[:1000])
    assert isinstance(Own(OwnParams(weights=cut)).missing(), CheckpointError)
    with pytest.raises(CheckpointError):
        Own(OwnParams(weights=tmp_path / "none.safetensors")).detect(np.zeros((9, 9, 3), np.uint8))


def test_other_weights_and_parameters_have_another_identity(tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(WEIGHTS.read_bytes())
    random = tmp_path / "random.safetensors"
    random.write_bytes(weights.to_bytes(dict(Finder().state_dict()), {"model": "own"}))
    known = Own().identity()
    assert Own(OwnParams(weights=copy)).identity() == known
    assert Own(OwnParams(weights=random)).identity() != known
    assert Own(OwnParams(threshold=0.7)).identity() != known


def test_a_cell_says_where_its_face_is() -> None:
    maps = np.full((4, 9, 9), -20.0)
    maps[:, 3, 5] = (0.0, 0.5, -0.25, np.log(2.0))  # half sure; MIDDLE / 2 right, twice the side
    ((box,),) = boxes_of(maps[None], 0.5, 0.4)
    x = (5 * STRIDE + STRIDE / 2 + MIDDLE / 2 - MIDDLE - PAD) / 0.5
    y = (3 * STRIDE + STRIDE / 2 - MIDDLE / 4 - MIDDLE - PAD) / 0.5
    np.testing.assert_allclose(box, [x, y, 4 * MIDDLE, 4 * MIDDLE, 0.5])
    assert len(boxes_of(maps[None], 0.5, 0.6)[0]) == 0


def test_boxes_of_one_face_become_one_weighted_by_score() -> None:
    boxes = np.array(
        [
            [104.0, 100.0, 40.0, 40.0, 0.3],  # overlaps the best: a quarter of the weight
            [100.0, 100.0, 40.0, 40.0, 0.9],
            [110.0, 110.0, 15.0, 15.0, 0.8],  # lies inside it: gone
            [300.0, 100.0, 40.0, 40.0, 0.7],  # another face
            [136.0, 100.0, 40.0, 40.0, 0.6],  # a neighbour that overlaps a little
        ]
    )
    merged = merge(boxes, 0.4)
    np.testing.assert_allclose(
        merged,
        [[101, 100, 40, 40, 0.9], [300, 100, 40, 40, 0.7], [136, 100, 40, 40, 0.6]],
    )
    assert merge(np.empty((0, 5)), 0.4).shape == (0, 5)


def test_a_box_is_framed_as_the_crops_that_taught_the_network() -> None:
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[100:181, 60:141] = 255  # the face box
    crop = _framed(picture, np.array([60.0, 100, 81, 81, 0.9]))
    assert crop.shape == (LOOK, LOOK, 3)
    assert (crop > 127).all(axis=2).sum() == pytest.approx((SHARE * LOOK) ** 2, rel=0.05)
    assert crop[0].max() == 0
    corner = np.arange(300, dtype=np.uint8)[:, None, None].repeat(300, 1).repeat(3, 2)
    beyond = _framed(corner, np.array([-60.0, -70, 81, 81, 0.9]))
    assert beyond[0].max() == 0
    assert beyond.shape == (LOOK, LOOK, 3)


def test_overlaps_are_of_the_union_and_of_the_smaller_box() -> None:
    union, inside = overlaps(
        np.array([0.0, 0, 10, 10]), np.array([[5.0, 0, 5, 20, 1], [20, 0, 1, 1, 1]])
    )
    np.testing.assert_allclose(union, [50 / 150, 0])
    np.testing.assert_allclose(inside, [0.5, 0])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.data
def test_labelled_faces_are_kept_and_others_caught(own, shared_data: Path) -> None:
    rows = rows_of(shared_data / "mlds_faces" / "labels.csv")
    rows = [row for row in rows if row["ambiguous"] == "0"]
    pictures = [decode(shared_data / "mlds_faces" / row["file"]) for row in rows]
    found = np.array([len(boxes) > 0 for boxes in own.detect_many(pictures)])
    face = np.array([row["label"] == "face" for row in rows])
    drawn = np.array([row["picked"] == "random" for row in rows])
    assert found[face & drawn].mean() >= 0.97
    assert (~found[~face]).mean() >= 0.90


@pytest.mark.data
def test_more_faces_of_illustrations_are_found_than_by_the_cascade(own, shared_data: Path) -> None:
    """The cascade finds 24 of the 33 boxes listed and has no box on the 27 others, as ours."""
    found, cascade, false, extra = [], [], 0, 0
    for row in rows_of(shared_data / "illustrations" / "faces.csv"):
        listed = [row[key] for key in ("lbp_box_xywh", "animeface_box_xywh") if row[key]]
        if not listed and row["n_faces"] != "0":
            continue
        boxes = own.detect(decode(shared_data / "illustrations" / "images" / row["file"]))
        if not listed:
            false += len(boxes)
            continue
        places = [tuple(float(value) for value in text.split()) for text in listed]
        found.append(max(overlap(place, boxes) for place in places) >= 0.5)
        extra += len(boxes) - found[-1]
        cascade.append(bool(row["lbp_box_xywh"]))
    assert np.mean(found) > np.mean(cascade)
    assert false == 0
    assert extra <= 5  # more without the second look
