"""Cascades: the same boxes as OpenCV 4, files that are refused, and the detectors made of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from animekit.cleaning import cascade, cascade_numpy
from animekit.cleaning.cascade import Cascade, equalised, find_cascade, framed
from animekit.errors import AnimekitError, CheckpointError, NotFoundError, UnusableError
from animekit.files import cache_dir
from animekit.images.decode import decode
from animekit.images.layout import course_figure
from animekit.plugins import Registry
from animekit_plugins.detectors.lbp import LBP, LBPParams, PaddedLBP

STUMP = "<_><internalNodes>0 -1 {} {}</internalNodes><leafValues>{} {}</leafValues></_>"
STAGE = (
    "<_><maxWeakCount>{}</maxWeakCount><stageThreshold>{}</stageThreshold>"
    "<weakClassifiers>{}</weakClassifiers></_>"
)
ROOT = Path(__file__).parents[2]


def write_cascade(path: Path, side: int, stages: str, features: list[tuple[int, ...]]) -> Path:
    rects = "".join("<_><rect>{} {} {} {}</rect></_>".format(*rect) for rect in features)
    path.write_text(
        '<?xml version="1.0"?>\n<opencv_storage><cascade><stageType>BOOST</stageType>'
        f"<featureType>LBP</featureType><height>{side}</height><width>{side}</width>"
        "<stageParams><boostType>GAB</boostType><maxDepth>1</maxDepth></stageParams>"
        "<featureParams><maxCatCount>256</maxCatCount></featureParams>"
        f"<stageNum>{stages.count('stageThreshold') // 2}</stageNum><stages>{stages}</stages>"
        f"<features>{rects}</features></cascade></opencv_storage>"
    )
    return path


def made_up(path: Path) -> Path:
    """Write a cascade of four stages of random stumps."""
    random = np.random.default_rng(7)
    features, stages = [], ""
    for count in (3, 4, 5, 6):
        stumps = ""
        for _ in range(count):
            width, height = random.integers(1, 5, 2)
            left, top = random.integers(0, (13 - 3 * width, 13 - 3 * height))
            words = " ".join(map(str, random.integers(-(2**31), 2**31, 8)))
            good, bad = random.uniform(0.1, 1, 2).round(3)
            stumps += STUMP.format(len(features), words, good, -bad)
            features.append((left, top, width, height))
        stages += STAGE.format(count, round(random.uniform(-0.3, 0.3), 3), stumps)
    return write_cascade(path, 12, stages, features)


def blob(path: Path) -> Path:
    """Write a cascade that finds places brighter than all around: a pattern of no neighbour."""
    stump = STUMP.format(0, "1 0 0 0 0 0 0 0", 1, -1)
    return write_cascade(path, 12, STAGE.format(1, 0.5, stump), [(0, 0, 4, 4)])


def grey(height: int, width: int, seed: int) -> np.ndarray:
    """Return soft noise in few shades, so that blocks are often equal: uint8 [H, W]."""
    noise = np.random.default_rng(seed).integers(0, 256, (height + 4, width + 4))
    soft = np.lib.stride_tricks.sliding_window_view(noise, (5, 5)).sum(axis=(2, 3))
    low, high = soft.min(), soft.max()
    return ((soft - low) * 31 // (high - low) * 8).astype(np.uint8)


def digest(found: list[list[list[int]]]) -> str:
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]


def found_by(detector: Cascade, picture: np.ndarray, *setting: float) -> list[list[int]]:
    boxes, counts = detector.find(picture, *setting)  # type: ignore[arg-type]
    return np.column_stack([boxes, counts]).tolist()


SHAPES = ((12, 12), (13, 40), (64, 64), (97, 150), (121, 33))
SETTINGS = ((1.1, 5, 24), (1.1, 0, 12), (1.3, 1, 1), (1.1, 0, 70))
GOLDEN: dict[tuple[float, int, int], tuple[int, str]] = {
    (1.1, 5, 24): (14, "5294194328737d1f"),
    (1.1, 0, 12): (971, "efc191b1a42f4942"),
    (1.3, 1, 1): (22, "df52ed46462432ef"),
    (1.1, 0, 70): (10, "6a18ebde11c5ec23"),
}
"""Boxes, and their hash, that OpenCV 4.14 finds with the made-up cascade on all shapes."""


@pytest.mark.parametrize("setting", SETTINGS)
def test_boxes_and_counts_are_those_of_opencv_4(
    tmp_path: Path, setting: tuple[float, int, int]
) -> None:
    detector = Cascade(made_up(tmp_path / "c.xml"), "numpy")
    found = [found_by(detector, grey(*shape, seed=3), *setting) for shape in SHAPES]
    assert (sum(map(len, found)), digest(found)) == GOLDEN[setting]


@pytest.mark.skipif(not hasattr(cv2, "CascadeClassifier"), reason="this OpenCV has no cascades")
@pytest.mark.parametrize("setting", SETTINGS)
def test_numpy_and_the_installed_opencv_agree(
    tmp_path: Path, setting: tuple[float, int, int]
) -> None:
    path = made_up(tmp_path / "ca\u015fcade.xml")
    ours, theirs = Cascade(path, "numpy"), Cascade(path, "opencv")
    assert theirs.backend.startswith("opencv ")
    for shape in SHAPES:
        picture = grey(*shape, seed=4)
        assert found_by(ours, picture, *setting) == found_by(theirs, picture, *setting)


def test_a_large_picture_in_several_sheets_and_bands_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Cascade(made_up(tmp_path / "c.xml"), "numpy")
    picture = grey(97, 150, 3)
    expected = found_by(detector, picture, 1.1, 2, 12)
    assert len(expected) > 3
    for name, small in (("SHEET", 4000), ("BAND", 300), ("BUDGET", 40), ("PAIRS", 5)):
        monkeypatch.setattr(cascade_numpy, name, small)
    assert found_by(detector, picture, 1.1, 2, 12) == expected


def test_four_threads_find_what_one_does(tmp_path: Path) -> None:
    detector = Cascade(made_up(tmp_path / "c.xml"))
    pictures = [grey(50, 60, seed) for seed in range(12)]
    alone = [found_by(detector, picture, 1.1, 1, 12) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda each: found_by(detector, each, 1.1, 1, 12), pictures))
    assert together == alone
    assert sum(map(len, alone)) > 12


def test_windows_are_joined_by_way_of_others_and_small_groups_are_dropped() -> None:
    chain = [[10 + 4 * step, 20, 40, 40] for step in range(4)]  # ends lie 12 apart, slack is 8
    windows = np.array([*chain, [200, 20, 40, 40], [202, 20, 40, 40]])
    boxes, counts = cascade_numpy.group(windows, 2)
    assert boxes.tolist() == [[16, 20, 40, 40]]
    assert counts.tolist() == [4]
    assert len(cascade_numpy.group(windows, 1)[0]) == 2
    assert len(cascade_numpy.group(windows[[0, 3]], 1)[0]) == 0
    assert cascade_numpy.group(windows, 0)[0].tolist() == windows.tolist()


def test_a_group_inside_of_a_larger_one_is_dropped() -> None:
    outer, inner = [[0, 0, 100, 100]] * 6, [[40, 40, 30, 30]] * 4
    boxes, counts = cascade_numpy.group(np.array(outer + inner), 2)
    assert boxes.tolist() == [[0, 0, 100, 100]]
    assert counts.tolist() == [6]
    assert len(cascade_numpy.group(np.array(outer[:4] + inner), 2)[0]) == 2  # of one size both stay


def test_a_bright_place_is_found_where_it_is(tmp_path: Path) -> None:
    picture = np.zeros((80, 100), np.uint8)
    picture[30:42, 50:62] = 255
    boxes = Cascade(blob(tmp_path / "b.xml"), "numpy").detect(picture)
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    assert len(boxes) == 1
    assert np.abs(middle - [56, 36]).max() <= 2


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><opencv_storage>&c;'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"<opencv_storage><cascade>", "damaged"),
        (b"<opencv_storage><a/></opencv_storage>", "it has no <cascade>"),
        (BOMB.encode(), "DOCTYPE"),
        (BOMB.encode("utf-16"), "DOCTYPE"),
        (b" " * (5 * 1024 * 1024 + 1), "larger than 5 MB"),
    ],
)
@pytest.mark.timeout(20)
def test_what_is_no_cascade_is_refused_in_one_line(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "c.xml"
    path.write_bytes(data)
    with pytest.raises(UnusableError) as caught:
        Cascade(path)
    assert "c.xml is not an LBP cascade: " in caught.value.message
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert "animekit models pull lbpcascade_animeface" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("LBP<", "HAAR<", "its features are HAAR"),
        ("<rect>0 0 4 4<", "<rect>0 0 4 5<", "outside of the window"),
        ("<rect>0 0 4 4<", "<rect>-1 0 4 4<", "no area"),
        ("<rect>0 0 4 4<", "<rect>0 0 4<", "3 numbers, not 4"),
        ("<rect>0 0 4 4<", "<rect>9223372036854775807 0 4 4<", "out of range"),
        ("0 -1 0 1 ", "0 -1 1 1 ", "no feature 1"),
        ("0 -1 0 1 ", "0 -1 0 4294967295 ", "damaged"),
        ("<stageThreshold>0.5<", "<stageThreshold>nan<", "out of range"),
        ("<width>12<", "<width>wide<", "invalid literal"),
        ("<leafValues>1 -1</leafValues>", "", "no <leafValues>"),
        ("weakClassifiers", "w", "no stages"),
    ],
)
def test_a_damaged_cascade_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = blob(tmp_path / "c.xml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UnusableError) as caught:
        Cascade(path, "numpy")
    assert words in caught.value.message


def test_a_folder_is_no_cascade(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="cannot be read"):
        Cascade(tmp_path)


def test_without_a_cascade_the_hint_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path))
    for path, words in ((None, "no cascade lbpcascade_animeface.xml"), ("x.xml", "no cascade x")):
        with pytest.raises(NotFoundError) as caught:
            find_cascade(path)
        assert caught.value.code == "weights.missing"
        assert words in caught.value.message
        assert "animekit models pull lbpcascade_animeface" in str(caught.value.hint)
        assert "--set faces.cascade=FILE" in str(caught.value.hint)


def test_the_store_holds_only_the_published_file_but_a_path_may_be_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path))
    (cache_dir() / "weights").mkdir()
    stored = blob(cache_dir() / "weights" / cascade.NAME)
    with pytest.raises(CheckpointError, match="sha256 differs"):
        find_cascade()
    assert find_cascade(stored) == stored
    assert "is not the course's" in Cascade(stored).note


@pytest.mark.parametrize("name", ["lbp", "lbp-padded"])
def test_the_detectors_are_found_and_say_what_they_lack(
    registry: Registry, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path))
    detector = registry.get("detector", name)()
    assert isinstance(detector.missing(), NotFoundError)
    with pytest.raises(AnimekitError, match="no cascade"):
        detector.detect(np.zeros((30, 30, 3), np.uint8))
    path = blob(tmp_path / "b.xml")
    assert registry.get("detector", name)(LBPParams(cascade=str(path))).missing() is None


def test_a_detector_gives_boxes_with_the_number_of_windows_best_first(tmp_path: Path) -> None:
    path = made_up(tmp_path / "c.xml")
    picture = np.repeat(grey(60, 90, 2)[..., None], 3, axis=2)
    params = LBPParams(cascade=str(path), scale=1.2, neighbours=1, smallest=14)
    found = LBP(params).detect(picture)
    boxes, counts = Cascade(path).find(equalised(picture), 1.2, 1, 14)
    assert found.dtype == np.float32
    assert len(found) > 2
    assert np.array_equal(found, np.column_stack([boxes, counts]))
    assert (np.diff(found[:, 4]) <= 0).all()
    assert found[-1, 4] > 1


def test_the_padded_detector_maps_boxes_back_into_the_picture(tmp_path: Path) -> None:
    params = LBPParams(cascade=str(blob(tmp_path / "b.xml")))
    whole, cut = np.zeros((2, 80, 100, 3), np.uint8)
    whole[30:42, 50:62] = 255
    for detector in (LBP(params), PaddedLBP(params)):
        (box,) = detector.detect(whole)
        assert np.abs(box[:2] + box[2:4] / 2 - [56, 36]).max() <= 2
    # With its border repeated this is a bar: as bright to the right of its end, and there alone.
    cut[30:42, 94:] = 255
    text = blob(tmp_path / "bar.xml").read_text()
    (tmp_path / "bar.xml").write_text(text.replace("0 -1 0 1 0", "0 -1 0 65536 0"))
    params = LBPParams(cascade=str(tmp_path / "bar.xml"))
    assert len(LBP(params).detect(cut)) == 0
    (box,) = PaddedLBP(params).detect(cut)
    assert box[0] + box[2] == 100
    assert abs(box[1] + box[3] / 2 - 36) <= 3
    assert 12 <= box[2] < box[3]


def test_frames_are_red_and_leave_the_picture_alone() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    drawn = framed(picture, np.array([[5, 6, 20, 10]]))
    assert not picture.any()
    assert drawn[6, 5].tolist() == drawn[7, 10].tolist() == drawn[16, 25].tolist() == [255, 0, 0]
    assert not drawn[8:15, 7:24].any()


REAL_FIGURES = (24, 7, 4, 4)
"""Faces that OpenCV 4.14 finds on figures of 25 real faces, of the ids from 0 on."""


@pytest.fixture
def published(shared_data: Path) -> Path:
    return shared_data / "cascade" / cascade.NAME


@pytest.mark.data
def test_the_bundled_figure_has_as_many_faces_as_opencv_counts(published: Path) -> None:
    with Image.open(ROOT / "samples" / "gan.png") as picture:
        figure = np.asarray(picture.convert("RGB"))
    detector = Cascade(published, "numpy")
    assert detector.note == ""
    assert len(detector.detect(equalised(figure))) == 25


@pytest.mark.data
def test_real_figures_have_as_many_faces_as_opencv_counts(
    published: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    shutil.copy(published, tmp_path / "weights")
    detector = Cascade(find_cascade())
    counts = []
    for number in range(len(REAL_FIGURES)):
        ids = range(25 * number, 25 * number + 25)
        faces = [decode(shared_data / "mlds_faces" / "faces" / f"{index}.jpg") for index in ids]
        figure = course_figure(np.stack(faces))
        figure[::2, ::2, :3] //= 1 + number  # spoil the later ones, so that faces are missed
        counts.append(len(detector.detect(equalised(figure))))
    assert tuple(counts) == REAL_FIGURES


@pytest.mark.data
def test_a_repeated_border_finds_faces_that_touch_it(published: Path, shared_data: Path) -> None:
    names = sorted((shared_data / "mlds_faces" / "faces").glob("*.jpg"))[::400]
    faces = [decode(name) for name in names]
    params = LBPParams(cascade=str(published))
    plain, padded = (
        sum(len(detector.detect(face)) > 0 for face in faces)
        for detector in (LBP(params), PaddedLBP(params))
    )
    assert plain < 0.9 * len(faces) < padded
