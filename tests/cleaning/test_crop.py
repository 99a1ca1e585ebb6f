"""Crops: what is cut out, where it came from, and what is refused before anything is written."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner, Result

from animekit import plugins
from animekit.cleaning.clean import clean
from animekit.cleaning.crop import Crop, Cropped, crop, read_crop, square
from animekit.cleaning.crop_list import LIST, SUMMARY
from animekit.cleaning.detector import Detector
from animekit.cli import app
from animekit.data.joined import open_dataset
from animekit.data.manifest import COLUMNS, clean_folder, write_manifest
from animekit.errors import (
    AnimekitError,
    DataError,
    NotFoundError,
    Stopped,
    UnusableError,
    UsageError,
)
from animekit.images.decode import decode
from animekit.images.pixels import resize
from animekit.plugins import KINDS, PluginSource, Registry
from tests.support import keeps_its_schema

RED = (230, 20, 20)
SURE, UNSURE = 0.9, 0.5


class Marks(Detector):
    """Find red marks, which stand for faces; those under 6 pixels are not sure."""

    name = "marks"

    def detect(self, image: np.ndarray) -> np.ndarray:
        red = (image[..., 0] > 200) & (image[..., 1] < 60) & (image[..., 2] < 60)
        count, places = cv2.connectedComponents(red.astype(np.uint8))
        found = []
        for index in range(1, count):
            rows, columns = np.nonzero(places == index)
            high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
            found.append([columns.min(), rows.min(), wide, high, SURE if wide >= 6 else UNSURE])
        return np.array(found, np.float32).reshape(-1, 5)


class Absent(Detector):
    """A detector whose weights are not here."""

    name = "absent"

    def missing(self) -> AnimekitError | None:
        return NotFoundError("no weights of absent", "animekit models pull absent")

    def detect(self, image: np.ndarray) -> np.ndarray:
        raise AssertionError("it was asked all the same")


class Bad(Detector):
    """A detector with a bug."""

    name = "bad"

    def detect(self, image: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("a bug")


@pytest.fixture(scope="module")
def marking() -> Registry:
    """Return the detectors of this test."""
    found = Registry()
    for detector in (Marks, Absent, Bad):
        found.add("detector", detector, PluginSource("tests", "tests", ""))
    return found


def draw(path: Path, *marks: tuple[int, int, int], size: tuple[int, int] = (80, 60)) -> Path:
    """Write a noisy grey picture with red squares at x, y of a side."""
    random = np.random.default_rng(len(path.name))
    pixels = random.integers(90, 160, (size[1], size[0], 3), dtype=np.uint8)
    for x, y, side in marks:
        pixels[y : y + side, x : x + side] = RED
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def art(tmp_path: Path) -> Path:
    """Return a folder of pictures: two marks, one in a corner, none, and a small one."""
    folder = tmp_path / "art"
    draw(folder / "two.png", (50, 20, 12), (10, 30, 10))
    draw(folder / "sub" / "corner.png", (0, 50, 10))
    draw(folder / "none.png")
    draw(folder / "small.png", (30, 30, 4))
    return folder


Cut = Callable[..., Cropped]
Say = Callable[..., Result]


@pytest.fixture
def cut(art: Path, tmp_path: Path, marking: Registry) -> Cut:
    """Return `crop` of the art into faces/, by the marks, with small crops welcome."""

    def run(out: str = "faces", **values: Any) -> Cropped:
        settings = {"detector": "marks", "min_size": 8, "min_score": 0.6, "workers": 2}
        settings["registry"] = marking
        return crop(art, tmp_path / out, **{**settings, **values})

    return run


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def decide(folder: Path, **decisions: str) -> None:
    """Write a manifest with a decision for each stem."""
    rows = [{"name": f"{name}.png", "decision": word} for name, word in decisions.items()]
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS), fill_value="")
    (clean_folder(folder) / "0001").mkdir(parents=True)
    write_manifest(clean_folder(folder) / "0001" / "manifest.csv", table)


# what is cut out


def test_the_square_is_larger_by_the_margin_on_each_side_and_keeps_the_middle() -> None:
    assert square((40, 40, 20, 10), 0.25, 200, 200) == (35, 30, 30)
    assert square((40, 40, 10, 20), 0.0, 200, 200) == (35, 40, 20)


@given(
    box=st.tuples(*[st.floats(-50, 150)] * 2, *[st.floats(0.1, 200)] * 2),
    margin=st.floats(0, 3),
    size=st.tuples(*[st.integers(1, 120)] * 2),
)
def test_no_square_ever_leaves_the_picture(
    box: tuple[float, ...], margin: float, size: tuple[int, int]
) -> None:
    left, top, side = square(box, margin, *size)
    assert left >= 0 and top >= 0 and 1 <= side <= min(size)
    assert left + side <= size[0] and top + side <= size[1]


def test_each_face_becomes_a_png_named_by_its_source_from_left_to_right(
    cut: Cut, art: Path
) -> None:
    made = cut(margin=0.5)
    names = ["sub/corner_1.png", "two_1.png", "two_2.png"]
    assert [each.crop for each in made.crops] == names
    assert files(made.folder) == sorted([*names, LIST, SUMMARY])
    source = decode(art / "two.png")
    first, second = made.crops[1:]
    assert (first.left, first.top, first.side) == (5, 25, 20)
    assert np.array_equal(decode(made.folder / "two_1.png"), source[25:45, 5:25])
    assert np.array_equal(decode(made.folder / "two_2.png"), source[14:38, 44:68])
    assert (second.x, second.y, second.w, second.h) == (50, 20, 12, 12)
    assert second.score == pytest.approx(SURE)


def test_a_face_at_the_border_moves_inside_and_nothing_is_invented(cut: Cut, art: Path) -> None:
    corner = cut(margin=0.5).crops[0]
    assert (corner.left, corner.top, corner.side) == (0, 40, 20)
    whole = cut("wide", margin=9).crops[0]
    assert (whole.left, whole.top, whole.side) == (0, 0, 60)


def test_resizing_follows_the_rule_of_training(cut: Cut, art: Path) -> None:
    made = cut(resize=16, margin=0.5)
    assert {each.size for each in made.crops} == {16}
    expected = resize(decode(art / "two.png")[25:45, 5:25], 16)
    assert np.array_equal(decode(made.folder / "two_1.png"), expected)


def test_the_largest_face_alone_can_be_asked_for(cut: Cut) -> None:
    made = cut(faces="largest")
    assert [(each.crop, each.w) for each in made.crops] == [
        ("sub/corner_1.png", 10),
        ("two_1.png", 12),
    ]


def test_unsure_and_small_faces_are_counted_and_not_written(cut: Cut) -> None:
    made = cut(min_size=18)  # margin 0.3: the marks of 10 and 12 become 16 and 19
    assert [each.crop for each in made.crops] == ["two_1.png"]
    assert (made.small, made.unsure) == (2, 1)
    assert made.faceless == ["none.png", "small.png"]
    assert cut("all", min_score=0.0, min_size=1).unsure == 0
    assert "small_1.png" in files(made.folder.parent / "all")


def test_transparency_is_put_on_white(art: Path, cut: Cut) -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[10:20, 10:20] = (*RED, 255)
    Image.fromarray(pixels).save(art / "clear.png")
    made = cut(margin=0.5)
    face = decode(made.folder / "clear_1.png")
    assert tuple(face[0, 0]) == (255, 255, 255)
    assert tuple(face[10, 10]) == RED


def test_boxes_that_are_known_are_not_looked_for_again(cut: Cut, art: Path) -> None:
    sha256 = hashlib.sha256((art / "two.png").read_bytes()).hexdigest()
    known = {sha256: [[5.0, 5.0, 20.0, 20.0, 0.99]], "of-a-damaged-file": float("nan")}
    made = cut(boxes=known, margin=0)
    assert [(each.source, each.x, each.w) for each in made.crops] == [
        ("sub/corner.png", 0, 10),
        ("two.png", 5, 20),
    ]


def test_one_worker_and_many_write_the_same_bytes(cut: Cut) -> None:
    folders = [cut(name, workers=count).folder for name, count in (("a", 1), ("b", 4))]
    one, many = ({name: (f / name).read_bytes() for name in files(f)} for f in folders)
    assert one == many


def test_the_own_detector_finds_drawn_faces_in_a_larger_picture(
    tmp_path: Path, registry: Registry
) -> None:
    faces = open_dataset("synthetic:count=2,seed=0", registry)
    pixels = np.full((240, 420, 3), 235, np.uint8)
    for index, (left, top) in enumerate([(20, 60), (250, 40)]):
        pixels[top : top + 128, left : left + 128] = faces.render(index, 128)[0]
    (tmp_path / "art").mkdir()
    Image.fromarray(pixels).save(tmp_path / "art" / "pair.webp", lossless=True)
    made = crop(tmp_path / "art", tmp_path / "faces", resize=64, registry=registry)
    assert [each.crop for each in made.crops] == ["pair_1.png", "pair_2.png"]
    for each, (left, top) in zip(made.crops, [(20, 60), (250, 40)], strict=True):
        middle = each.left + each.side / 2 - left, each.top + each.side / 2 - top
        assert all(40 < place < 105 for place in middle)
        assert 100 < each.side < 200
    assert decode(made.folder / "pair_1.png").shape == (64, 64, 3)


# where it came from


def test_the_list_and_each_png_say_where_a_crop_came_from(cut: Cut, art: Path) -> None:
    made = cut(margin=0.5, resize=16)
    with (made.folder / LIST).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["crop"] for row in rows] == [each.crop for each in made.crops]
    corner = made.crops[0]
    assert rows[0] == {key: str(value) for key, value in vars(corner).items()}
    assert corner.source == "sub/corner.png"
    digest = hashlib.sha256((art / "sub" / "corner.png").read_bytes()).hexdigest()
    assert corner.source_sha256 == digest
    assert (corner.detector, corner.margin, corner.size) == ("marks", 0.5, 16)
    assert [read_crop(made.folder / each.crop) for each in made.crops] == made.crops
    assert read_crop(art / "two.png") is None
    table = pd.read_csv(made.folder / LIST)
    assert table["w"].tolist() == [10, 10, 12]


def test_the_summary_counts_and_names_what_gave_nothing(cut: Cut, art: Path) -> None:
    (art / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    made = cut()
    summary = json.loads((made.folder / SUMMARY).read_text("utf-8"))
    assert summary == made.facts()
    assert (summary["sources"], summary["crops"], summary["with_faces"]) == (5, 3, 2)
    assert summary["faceless"] == ["none.png", "small.png"]
    assert [item["name"] for item in summary["failed"]] == ["torn.jpg"]
    assert summary["settings"]["margin"] == 0.3


def test_a_name_that_is_no_text_is_kept_byte_by_byte(cut: Cut, art: Path) -> None:
    strange = os.fsdecode(b"caf\xe9\r.png")
    try:
        (art / "two.png").rename(art / strange)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    made = cut()
    stem = strange.removesuffix(".png")
    assert f"{stem}_1.png" in {path.name for path in made.folder.iterdir()}
    assert read_crop(made.folder / f"{stem}_1.png") == made.crops[0]
    text = (made.folder / LIST).read_bytes().decode("utf-8", "surrogateescape")
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert [row["source"] for row in rows][:2] == [strange, strange]


def test_what_the_newest_manifest_rejects_is_left_out(cut: Cut, art: Path) -> None:
    decide(art, two="reject", none="keep")
    (art / "sub" / "corner.png").rename(art / "sub" / "newer.png")
    made = cut()
    assert [each.crop for each in made.crops] == ["sub/newer_1.png"]
    assert made.rejected == ["two.png"]
    assert made.sources == 4


def test_other_formats_that_were_cleaned_and_archives_are_no_failures(cut: Cut, art: Path) -> None:
    Image.new("RGB", (9, 9)).save(art / "scan.tif")
    (art / "more.zip").write_bytes(b"PK")
    assert [each.name for each in cut("first").failed] == ["scan.tif"]
    clean(art, checks=["type"])
    made = cut()
    assert (made.failed, made.rejected) == ([], ["scan.tif"])


# what is refused


def test_a_folder_is_never_cut_into_itself_or_around_itself(cut: Cut, art: Path) -> None:
    before = files(art)
    for out in ("art", "art/faces", "art/sub/..", "."):
        with pytest.raises(UsageError, match="lie in each other"):
            cut(out)
    (art.parent / "alias").symlink_to(art)
    with pytest.raises(UsageError, match="lie in each other"):
        cut("alias/x")
    assert files(art) == before


@pytest.mark.parametrize("twin", ["two.jpg", "TWO.png"])
def test_two_sources_of_one_name_are_refused_before_any_work(
    cut: Cut, art: Path, twin: str
) -> None:
    if (art / twin).exists():
        pytest.skip("this file system does not tell the two names apart")
    draw(art / twin, (10, 10, 10))
    with pytest.raises(DataError, match=r"would have crops of one name: .*_1.png") as caught:
        cut()
    assert caught.value.code == "file.collision"
    assert not (art.parent / "faces").exists()
    decide(art, **{Path(twin).stem if twin.endswith(".png") else "two": "reject"})
    assert {each.source for each in cut().crops} >= {"sub/corner.png"}


def test_a_folder_that_holds_something_is_not_touched(cut: Cut, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "mine.txt").write_text("mine")
    with pytest.raises(UnusableError, match="faces is not empty") as caught:
        cut()
    assert caught.value.code == "file.exists"
    assert files(tmp_path / "faces") == ["mine.txt"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableError, match="is no folder"):
        cut("file", overwrite=True)


def test_a_second_time_replaces_crops_and_nothing_else(cut: Cut, tmp_path: Path) -> None:
    before = cut()
    again = cut(overwrite=True, min_size=18, margin=0.3)
    assert [each.crop for each in again.crops] == ["two_1.png"]
    assert again.stale == ["sub/corner_1.png", "two_2.png"]
    assert read_crop(tmp_path / "faces" / "two_1.png") == again.crops[0] != before.crops[1]
    own = draw(tmp_path / "faces" / "two_7.png")
    content = own.read_bytes()
    with pytest.raises(UnusableError, match=r"two_7.png is in the way"):
        cut(overwrite=True)
    assert own.read_bytes() == content


@pytest.mark.parametrize(
    "wrong",
    [
        *({"margin": -0.1}, {"margin": 11}, {"resize": 0}),
        *({"min_size": 0}, {"faces": "some"}, {"workers": 0}),
    ],
)
def test_values_without_sense_are_refused(cut: Cut, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        cut(**wrong)
    assert caught.value.hint
    assert not (tmp_path / "faces").exists()


def test_no_face_at_all_is_an_error_that_says_what_was_seen(cut: Cut, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"4 pictures: 2 without a face, .* 3 faces too small"):
        cut(min_size=50)
    assert not (tmp_path / "faces").exists()


def test_a_detector_that_cannot_look_says_so(cut: Cut) -> None:
    with pytest.raises(NotFoundError, match="no weights of absent"):
        cut(detector="absent")
    with pytest.raises(NotFoundError, match='unknown detector "mraks"'):
        cut(detector="mraks")
    with pytest.raises(ZeroDivisionError) as caught:
        cut(detector="bad")
    assert any("while detector bad looked at " in note for note in caught.value.__notes__)


def test_ctrl_c_ends_with_a_list_of_what_is_done(cut: Cut, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match="after 3 of 4 pictures"):
        cut(progress=stop)
    with (tmp_path / "faces" / LIST).open(encoding="utf-8") as file:
        listed = {row["crop"] for row in csv.DictReader(file)}
    assert listed == {"sub/corner_1.png"}
    assert len(cut(overwrite=True).crops) == 3


# what the command says


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, registry: Registry, marking: Registry) -> Say:
    """Return `animekit clean --crop` with the detectors of this test beside the installed ones."""
    components: dict[str, Any] = {kind: dict(registry.components[kind]) for kind in KINDS}
    components["detector"] |= marking.components["detector"]
    monkeypatch.setattr(
        "animekit.plugins.load", lambda *_: Registry(components, dict(registry.sources))
    )

    def run(art: Path, *words: object) -> Result:
        settings = ("--check=corrupt,size,face", "--detector=marks", "--min-size=18")
        return call(art, *settings, "--crop", "face", "--min-score=0.6", *words)

    return run


def test_the_end_of_the_command_names_the_folder_and_what_was_left_out(
    art: Path, tmp_path: Path, say: Say
) -> None:
    into = tmp_path / "art_faces"
    planned = say(art, "-n")
    assert f"would cut the faces of what is not rejected out into {into}" in planned.stdout
    assert not into.exists()
    result = say(art)
    assert result.exit_code == 0, result.output
    assert f"{into}  1 faces from 1 of 4 pictures\n" in result.stdout
    assert "2 pictures without a sure face, listed in crops.json" in result.stderr
    assert "1 boxes below --min-score" in result.stderr
    assert "2 faces whose crops would be below --min-size" in result.stderr
    assert f"animekit train wgangp --data {into}" in result.stderr
    before = files(into)
    again = say(art)
    assert again.exit_code == 4 and "not empty" in again.stderr
    assert files(into) == before


def test_damaged_pictures_make_the_command_partial(art: Path, say: Say) -> None:
    (art / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    out = art.parent / "out"
    path = clean(art, checks=["size"], registry=plugins.load()).folder / "manifest.csv"
    table = pd.read_csv(path)
    table.assign(decision="keep").to_csv(path, index=False)  # a person wants the torn one too
    result = say(art, "--out", out, "--json")
    assert result.exit_code == 8, result.output
    said = json.loads(result.stdout)
    assert "1 pictures could not be used" in said["error"]["message"]
    assert said["data"]["crops"]["crops"] == 1
    assert [item["name"] for item in said["data"]["crops"]["failed"]] == ["torn.jpg"]
    assert (out / LIST).is_file()


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["clean", *map(str, words)])


def test_clean_cuts_the_faces_of_what_it_does_not_reject(
    tmp_path: Path, registry: Registry
) -> None:
    drawn = open_dataset("synthetic:count=2,seed=0", registry)
    folder = tmp_path / "art"
    folder.mkdir()
    for index in range(2):
        Image.fromarray(drawn.render(index, 128)[0]).save(folder / f"{index}.png")
    (folder / "torn.png").write_bytes((folder / "0.png").read_bytes()[:999])
    (folder / "twin.png").write_bytes((folder / "1.png").read_bytes())
    words = (folder, "--crop", "face", "--resize", 32, "--out", tmp_path / "faces")
    planned = call(*words, "-n")
    assert planned.exit_code == 0 and "would cut the faces" in planned.stdout
    assert not (tmp_path / "faces").exists()
    said = json.loads(call(*words, "--json").stdout)
    assert keeps_its_schema(said)
    found = said["data"]["crops"]
    assert found["crops"] == 2 and sorted(found["rejected"]) == ["torn.png", "twin.png"]
    assert files(tmp_path / "faces") == ["0_1.png", "1_1.png", LIST, SUMMARY]
    assert decode(tmp_path / "faces" / "0_1.png").shape == (32, 32, 3)
    assert call(*words).exit_code == 4  # the folder is not empty
    manifest = folder / ".animekit" / "clean" / "0001" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("keep", "reject", 1))
    again = call(folder, "--manifest", manifest, "--crop", "face")
    assert again.exit_code == 0, again.output
    assert files(tmp_path / "art_faces") == ["1_1.png", LIST, SUMMARY]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--crop heads", "'heads' is not one of 'face', 'largest'"),
        ("--margin 0.2", "--margin is about crops"),
        ("--crop face --apply copy", "--crop and --apply do not go together"),
        ("--undo last --crop face", "--undo and --crop do not go together"),
        ("--crop face --out art/faces", "lie in each other"),
    ],
)
def test_options_about_crops_without_sense_are_refused(
    art: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    monkeypatch.chdir(art.parent)
    result = call("art", *words.split())
    assert result.exit_code == 2 and message in result.stderr
    assert not (art / ".animekit").exists()


# real pictures


@pytest.mark.data
def test_crops_of_real_illustrations_are_mostly_faces(
    shared_data: Path, tmp_path: Path, registry: Registry
) -> None:
    """Half of the boxes that were looked at by eye, or more, come back as crops."""
    boxes = pd.read_csv(shared_data / "illustrations" / "faces.csv").fillna("")
    chosen = boxes[(boxes["n_faces"].isin(["0", "1"]))].iloc[::6]
    folder = tmp_path / "art"
    folder.mkdir()
    for name in chosen["file"]:
        data = (shared_data / "illustrations" / "images" / name).read_bytes()
        (folder / name).write_bytes(data)
    made = crop(folder, tmp_path / "faces", resize=64, registry=registry)
    with_face = set(chosen.loc[chosen["n_faces"] == "1", "file"])
    found = {each.source for each in made.crops}
    assert len(with_face) >= 5
    assert len(found & with_face) >= 0.8 * len(with_face)
    assert len(found - with_face) <= 1
    for each in made.crops:
        assert isinstance(each, Crop)
        assert decode(made.folder / each.crop).shape == (64, 64, 3)
