"""What a tagger reads in pictures that nobody has tagged, and the file that it makes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import animekit as ak
from animekit.data.dataset import Dataset
from animekit.data.joined import open_dataset
from animekit.data.manifest import COLUMNS, clean_folder, write_manifest
from animekit.data.pack import pack
from animekit.data.synthesis import synth
from animekit.errors import DataError, UnusableError, UsageError
from animekit.labelling.label import ReadingPlan, plan_label, read_plan
from animekit.labelling.result import FoundLabels
from animekit.labels.tags import GROUPS, NAMES, read_tags
from animekit.models.tagger import Classifier
from animekit.plugins import Registry
from tests.support import fill, zipped

Reader = Callable[..., Classifier]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))


def colour(path: Path, red: int, blue: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 12), (red, 0, blue)).save(path, "PNG")


def read(data: str, reader: Classifier, registry: Registry, sure: float = 0.6) -> FoundLabels:
    plan = ReadingPlan(open_dataset(data, registry), reader, sure, None)
    return read_plan(plan)


def said(dataset: Dataset) -> dict[str, set[str]]:
    """Return what a data set says of each picture: labels, and "?" for what it does not know."""
    spec = dataset.spec(8)
    found = {}
    for index in range(len(dataset)):
        labels, mask = dataset.labels_of(index), dataset.mask_of(index)
        names = set()
        for part in spec.parts():
            if labels is None or mask is None or not mask[part].any():
                names.add("?")
            elif part.stop - part.start == 1:
                names.add(("no " if not labels[part.start] else "") + spec.labels[part.start])
            else:
                names |= {spec.labels[part][place] for place in np.flatnonzero(labels[part])}
        found[dataset.name_of(index)] = names
    return found


def test_a_folder_without_tags_is_labelled_by_the_bundled_tagger(registry: Registry) -> None:
    synth(Path("faces"), num=24, size=64, seed=1, registry=registry)
    truth = read_tags(Path("faces/tags.csv"))
    for file in Path("faces").glob("*.csv"):
        file.unlink()
    told: list[tuple[str, float]] = []
    found = ak.label("faces", sure=0.5, registry=registry, progress=lambda *now: told.append(now))
    assert not Path("faces/tags.csv").exists()
    path = found.save()
    assert path == Path("faces/tags.csv") and told[-1] == ("reading", 1.0)
    packed = pack(open_dataset("faces", registry), 64)
    assert (packed.spec.labels, packed.spec.groups) == (NAMES, GROUPS)
    assert tuple(packed.names) == found.pictures
    assert packed.labels is not None and packed.mask is not None
    assert np.array_equal(packed.labels, found.labels * found.mask)
    assert np.array_equal(packed.mask, found.mask)
    assert 0 < found.known.mean() < 1
    right = [
        truth.row(Path(name).stem)[0][place]
        for name, row in zip(packed.names, packed.labels, strict=True)
        for place in np.flatnonzero(row[:12])
    ]
    assert np.mean(right) > 0.6  # drawn faces are none that it learned


def test_any_labels_come_back_as_they_were_read(registry: Registry, reader: Reader) -> None:
    colour(Path("f/a, b.png"), 0, 255)
    colour(Path('f/sub/"0".png'), 70, 0)
    colour(Path("f/sub/0.png"), 130, 0)
    colour(Path("f/other/0.png"), 40, 255)  # which of three is not sure
    colour(Path("f/日本.png"), 70, 127)  # neither is a smile
    found = read("f", reader(), registry)
    assert found.counts() == {
        "hair style": {"twintail": 1, "long hair": 2, "bob cut": 1},
        "smile": {"yes": 2, "no": 2},
    }
    assert found.save("mine.csv") == Path("mine.csv")
    assert said(open_dataset("f", registry, Path("mine.csv"))) == {
        "a, b.png": {"twintail", "smile"},
        'sub/"0".png': {"Long Hair", "no smile"},
        "sub/0.png": {"bob cut", "no smile"},
        "other/0.png": {"?", "smile"},
        "日本.png": {"Long Hair", "?"},
    }
    rows = list(csv.reader(Path("mine.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["file", "hair style (labels)", "smile"]
    assert ["other/0.png", "", "yes"] in rows and ["日本.png", "Long Hair", ""] in rows


def test_sure_is_the_least_probability_that_counts(registry: Registry, reader: Reader) -> None:
    for index, blue in enumerate((129, 140, 255)):
        colour(Path(f"f/{index}.png"), 0, blue)
    found = read("f", reader(), registry, sure=0.5)
    assert found.known[:, 1].tolist() == [True, True, True]
    assert found.certainty[1, 1] == pytest.approx(1 / (1 + np.exp(-12.5 / 8)))
    assert replace(found, sure=0.8).known[:, 1].tolist() == [False, True, True]
    exactly = replace(found, sure=float(found.certainty[1, 1]))
    assert exactly.known[:, 1].tolist() == [False, True, True]


@pytest.mark.parametrize("sure", [0, -0.1, 1.01, float("nan"), 60])
def test_what_is_no_probability_is_refused(sure: float) -> None:
    with pytest.raises(UsageError, match="a probability of .* is none"):
        ak.label("faces", sure=sure)


def test_damaged_pictures_are_left_out_and_named(registry: Registry, reader: Reader) -> None:
    fill(Path("f"), "0.png", "1.png", "2.png")
    Path("f/1.png").write_bytes(Path("f/1.png").read_bytes()[:40])
    found = read("f", reader(), registry)
    assert found.pictures == ("0.png", "2.png")
    assert [item.name for item in found.skipped] == ["1.png"]
    assert found.facts()["skipped"][0]["name"] == "1.png"
    for name in ("0.png", "2.png"):
        Path("f", name).write_bytes(b"no picture")
    with pytest.raises(DataError, match="no usable image"):
        read("f", reader(), registry)


def test_what_clean_took_out_is_not_read(registry: Registry, reader: Reader) -> None:
    fill(Path("f"), "0.png", "1.png")
    table = pd.DataFrame({name: ["", ""] for name in COLUMNS}).assign(
        name=["0.png", "1.png"], decision=["keep", "reject"]
    )
    folder = clean_folder(Path("f")) / "0001"
    folder.mkdir(parents=True)
    write_manifest(folder / "manifest.csv", table)
    assert read("f", reader(), registry).pictures == ("0.png",)


def test_more_pictures_than_are_in_memory_at_a_time_are_read_the_same(
    registry: Registry, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(10):
        colour(Path(f"f/{index}.png"), 25 * index, 255 - 20 * index)
    whole = read("f", reader(), registry)
    monkeypatch.setattr("animekit.labelling.label.BLOCK", 4)
    parts = read("f", reader(), registry)
    assert np.array_equal(whole.labels, parts.labels)
    assert np.array_equal(whole.certainty, parts.certainty)


def test_own_labels_of_the_data_play_no_part_and_are_not_put_aside(
    registry: Registry, reader: Reader
) -> None:
    fill(Path("f"), "0.png", "1.png")
    Path("f/metadata.csv").write_text("file_name,text\n0.png,red hair\n", encoding="utf-8")
    plan = plan_label("f", registry=registry)
    assert plan.place is None
    with pytest.raises(UsageError, match="has labels already"):
        plan.out(None)
    assert plan.out("f/tags.csv") == Path("f/tags.csv")  # who names it means it
    alone = read("f", reader(), registry)
    Path("f/metadata.csv").unlink()
    assert np.array_equal(alone.labels, read("f", reader(), registry).labels)


def test_pictures_of_an_archive_need_a_name_for_the_file(
    registry: Registry, reader: Reader
) -> None:
    fill(Path("f"), "0.png", "deep/0.png")
    members = {name: Path("f", name).read_bytes() for name in ("0.png", "deep/0.png")}
    zipped(Path("f.zip"), members)
    with pytest.raises(UsageError, match="no folder of pictures"):
        plan_label("f.zip", registry=registry).out(None)
    found = read("f.zip", reader(), registry)
    found.save("tags.csv")
    again = said(open_dataset("f.zip", registry, Path("tags.csv")))
    assert again == {"0.png": {"smile"}, "deep/0.png": {"smile"}}


def test_joined_sets_and_drawn_ones_are_refused(registry: Registry) -> None:
    fill(Path("f"), "0.png")
    fill(Path("g"), "0.png")
    with pytest.raises(UsageError, match="2 sets") as caught:
        ak.label(["f", "g"], registry=registry)
    assert "label each alone, f first" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no files"):
        ak.label("synthetic:8", registry=registry)


def test_a_plan_says_what_would_be_read(registry: Registry) -> None:
    fill(Path("f"), "0.png", "1.png")
    text = str(ak.plan_label("f", registry=registry))
    assert (
        "2 pictures for hair, eyes, by tagger" in text
        and "what is 0.6 sure" in text
        and "f/tags.csv" in text
    )


def test_a_file_that_is_there_is_refused_before_anything_is_read(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(Path("f"), "0.png")
    Path("tags.csv").write_text("0,blue hair\n", encoding="utf-8")
    monkeypatch.delattr("animekit.labelling.label.pack")
    with pytest.raises(UnusableError, match=r"tags\.csv exists"):
        ak.label("f", "tags.csv", registry=registry)
    assert Path("tags.csv").read_text(encoding="utf-8") == "0,blue hair\n"


@pytest.mark.data
def test_the_bundled_tagger_reads_the_hair_of_the_extra_data(
    shared_data: Path, registry: Registry
) -> None:
    truth = read_tags(shared_data / "mlds_extra" / "tags.csv")
    files = sorted((shared_data / "mlds_extra" / "images").glob("*.jpg"))[::40]
    Path("f").mkdir()
    for file in files:
        Path("f", file.name).symlink_to(file)
    found = ak.label("f", "tags.csv", registry=registry)
    own = read_tags(Path("tags.csv"))
    pairs = [(own.row(key)[0], truth.labels(key)) for key in own.numbers]
    hair = [(row[:12], true[0][:12]) for row, true in pairs if true is not None and row[:12].any()]
    assert len(hair) > 0.9 * len(found)
    assert np.mean([np.array_equal(*pair) for pair in hair]) > 0.9
