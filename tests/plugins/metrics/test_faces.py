"""The metric of faces: the course's check on its figure, and what is left without a cascade."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from animekit import plugins
from animekit.cleaning.cascade import Cascade, equalised
from animekit.cleaning.detector import Detector
from animekit.errors import DataError, NotFoundError, UnusableError
from animekit.evaluation.metric import MetricContext
from animekit.images.decode import decode
from animekit.images.layout import course_figure
from animekit.plugins import PluginSource, Registry
from animekit_plugins.metrics.faces import Faces, FacesParams

BLOB = """<?xml version="1.0"?>
<opencv_storage><cascade><stageType>BOOST</stageType><featureType>LBP</featureType>
<height>12</height><width>12</width>
<stageParams><boostType>GAB</boostType><maxDepth>1</maxDepth></stageParams>
<featureParams><maxCatCount>256</maxCatCount></featureParams><stageNum>1</stageNum>
<stages><_><maxWeakCount>1</maxWeakCount><stageThreshold>0.5</stageThreshold><weakClassifiers><_>
<internalNodes>0 -1 0 1 0 0 0 0 0 0 0</internalNodes><leafValues>1 -1</leafValues></_>
</weakClassifiers></_></stages><features><_><rect>0 0 4 4</rect></_></features>
</cascade></opencv_storage>
"""
"""Finds places that are brighter than all around them."""
SEEN = 26
"""Boxes on a grid of 25 bright places: one window is so large that it takes several for one."""


class Bright(Detector):
    """Finds one box in any picture with a bright pixel, and none in others."""

    name = "own"

    def detect(self, image: np.ndarray) -> np.ndarray:
        assert image.ndim == 3 and image.shape[2] == 3
        if image.max() < 128:
            return np.zeros((0, 5), np.float32)
        return np.array([[16, 8, 32, 40, 0.9]], np.float32)


class Broken(Bright):
    """Lacks its weights."""

    def missing(self) -> NotFoundError:
        return NotFoundError("no weights of own", "animekit models pull own")


@pytest.fixture(autouse=True)
def _empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "empty"))


@pytest.fixture
def xml(tmp_path: Path) -> str:
    path = tmp_path / "blob.xml"
    path.write_text(BLOB)
    return str(path)


def install(monkeypatch: pytest.MonkeyPatch, *detectors: type[Detector]) -> None:
    registry = Registry()
    for detector in detectors:
        registry.add("detector", detector, PluginSource("here", "tests", ""))
    monkeypatch.setattr(plugins, "load", lambda: registry)


def pictures(*bright: bool, side: int = 64) -> np.ndarray:
    """Return 25 dark pictures for each figure, with a bright place or not: [N, 3, side, side]."""
    made = np.full((25 * len(bright), 3, side, side), 10, np.uint8)
    low, high = 26 * side // 64, 38 * side // 64
    for number, has in enumerate(bright):
        if has:
            made[25 * number : 25 * number + 25, :, low:high, low:high] = 250
    return made


def test_faces_are_counted_on_each_figure(xml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Bright)
    told: list[float] = []
    said: list[str] = []
    context = MetricContext(progress=told.append, warn=said.append)
    found = Faces(FacesParams(cascade=xml), context).compute(None, pictures(True, False, True))
    assert found["faces_tight"] == pytest.approx(SEEN * 2 / 3)
    assert found["faces_tight_sd"] == pytest.approx(SEEN / math.sqrt(3))
    assert found["faces_own"] == pytest.approx(50 / 3)
    assert found["faces_own_sd"] == pytest.approx(25 / math.sqrt(3))
    assert next(iter(found)) == "faces_figure"
    assert told == pytest.approx([1 / 3, 2 / 3, 1])
    assert said == ["blob.xml is not the course's lbpcascade_animeface.xml"]


def test_the_figure_is_the_course_s(xml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    metric = Faces(FacesParams(cascade=xml))
    with_places, without = (metric.compute(None, pictures(has)) for has in (True, False))
    # The white crossings between dark cells are bright places too, in both.
    assert with_places["faces_figure"] == without["faces_figure"] + 25
    assert (with_places["faces_tight"], without["faces_tight"]) == (SEEN, 0)
    cells = pictures(True).transpose(0, 2, 3, 1)
    boxes = Cascade(xml).detect(equalised(course_figure(cells)))
    assert with_places["faces_figure"] == len(boxes)
    assert "faces_figure_sd" not in with_places  # of one figure


def test_larger_pictures_are_made_64_px_for_the_grid(
    xml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    found = Faces(FacesParams(cascade=xml)).compute(None, pictures(True, side=96))
    assert found["faces_tight"] == SEEN


def test_only_so_many_figures_are_judged(xml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Bright)
    metric = Faces(FacesParams(cascade=xml, figures=1))
    assert metric.compute(None, pictures(True, False))["faces_tight"] == SEEN
    assert metric.definition(50) == (
        "faces/mlds2018, 1 figures of 25, equalizeHist, scale 1.1, neighbours 5, smallest 24 px,"
        f" blob.xml by {Cascade(xml).backend}, faces_own by detector own, n 50"
    )


def test_pictures_left_over_are_not_judged(xml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Bright)
    fakes = np.concatenate([pictures(True), pictures(False)[:24]])
    assert Faces(FacesParams(cascade=xml)).compute(None, fakes)["faces_own"] == 25


def test_fewer_than_25_pictures_are_refused(xml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(DataError, match="24, where at least 25"):
        Faces(FacesParams(cascade=xml)).compute(None, pictures(True)[:24])


def test_without_the_cascade_only_the_own_detector_counts_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, Bright)
    said: list[str] = []
    metric = Faces(context=MetricContext(warn=said.append))
    assert metric.missing() is None
    assert metric.compute(None, pictures(True)) == {"faces_own": 25}
    (warning,) = said
    assert "no cascade lbpcascade_animeface.xml" in warning
    assert "animekit models pull lbpcascade_animeface" in warning
    assert "equalizeHist" not in metric.definition(25)


@pytest.mark.parametrize("detectors", [(), (Broken,)])
def test_without_the_own_detector_only_the_cascade_counts(
    xml: str, monkeypatch: pytest.MonkeyPatch, detectors: tuple[type[Detector], ...]
) -> None:
    install(monkeypatch, *detectors)
    said: list[str] = []
    metric = Faces(FacesParams(cascade=xml), MetricContext(warn=said.append))
    assert metric.missing() is None
    assert set(metric.compute(None, pictures(True))) == {"faces_figure", "faces_tight"}
    assert len(said) == 2


def test_with_neither_the_error_says_how_to_get_the_cascade(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, Broken)
    error = Faces().missing()
    assert isinstance(error, NotFoundError)
    assert error.code == "weights.missing"
    assert "animekit models pull lbpcascade_animeface" in str(error.hint)
    with pytest.raises(NotFoundError, match="no cascade"):
        Faces().compute(None, pictures(True))


def test_what_was_asked_for_by_name_is_never_left_out(
    tmp_path: Path, xml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, Bright)
    assert isinstance(Faces(FacesParams(cascade="nowhere.xml")).missing(), NotFoundError)
    (tmp_path / "bad.xml").write_text("<opencv_storage/>")
    assert isinstance(
        Faces(FacesParams(cascade=str(tmp_path / "bad.xml"))).missing(), UnusableError
    )
    error = Faces(FacesParams(cascade=xml, detector="owm")).missing()
    assert error is not None
    assert 'Did you mean "own"?' in error.message


def test_frames_are_drawn_round_what_was_counted(xml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Bright)
    metric = Faces(FacesParams(cascade=xml))
    shown = {each.name: each for each in metric.illustrate(None, pictures(True, False))}
    red = {
        name: (each.image == [255, 0, 0]).all(axis=2)
        for name, each in shown.items()
        if each.image is not None
    }
    assert red["faces_figure"].shape == (480, 640)
    assert red["faces_tight"].shape == red["faces_own"].shape == (320, 320)
    assert f"{SEEN} faces of 25 by blob.xml" in shown["faces_tight"].caption
    assert "a face in 25 of 25 images by detector own" in shown["faces_own"].caption
    for row, column in ((0, 0), (2, 3), (4, 4)):
        cell = red["faces_own"][64 * row : 64 * row + 64, 64 * column : 64 * column + 64]
        assert cell[8, 16:49].all()
        assert cell[8:49, 48].all()
        assert not cell[12:44, 20:44].any()
    assert red["faces_tight"].any() and red["faces_figure"].any()


def test_a_gate_looks_at_the_course_s_number_first() -> None:
    assert Faces.gate == ("faces_figure", "faces_own")
    assert Faces.PASS == 20


@pytest.mark.data
def test_real_faces_pass_and_noise_does_not(shared_data: Path) -> None:
    xml = shared_data / "cascade" / "lbpcascade_animeface.xml"
    folder = shared_data / "mlds_faces" / "faces"
    faces = np.stack([decode(folder / f"{index}.jpg") for index in range(50)])
    real = faces.transpose(0, 3, 1, 2)
    said: list[str] = []
    metric = Faces(FacesParams(cascade=str(xml)), MetricContext(warn=said.append))
    found = metric.compute(None, real)
    assert found["faces_figure"] == 23.5  # 24 and 23: so OpenCV 4.14 counts
    assert found["faces_own"] >= 23
    assert said == []
    noise = np.random.default_rng(0).integers(0, 256, (25, 3, 64, 64), np.uint8)
    nothing = metric.compute(None, noise)
    assert nothing["faces_figure"] == 0
    assert nothing["faces_own"] <= 1


def test_the_metric_is_found_with_the_own_detector(registry: Registry) -> None:
    metric = registry.get("metric", "faces")()
    assert metric.better == "higher"
    assert not metric.uses_real
    assert "own" in registry.all("detector")
    assert metric.missing() is None
