"""What a cleaning can do: each thing that the command does is one call of Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from animekit.cleaning.clean import Cleaning, clean, merge, plan, plan_undo, undo
from animekit.cleaning.detector import Detector
from animekit.cleaning.request import CleanRequest
from animekit.cli import app
from animekit.data.manifest import newest_manifest, read_manifest
from animekit.errors import AnimekitError, GateError, UnusableError, UsageError
from animekit.plugins import KINDS, PluginSource, Registry

FEW = ["corrupt", "size", "duplicate", "mono"]
"""Checks that need no detector."""
WORDS = f"--check={','.join(FEW)}"
FLAGGED = {"copy.png", "grey.png", "small.png", "broken.jpg"}


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put us beside faces/: 6 pictures in colour, a copy, a grey, a small and a damaged one."""
    (tmp_path / "here" / "faces").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    folder = Path("faces")
    random = np.random.default_rng(0)
    for index in range(6):
        small = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((72, 72), Image.Resampling.BICUBIC)
        image.save(folder / f"{index}.png")
    shutil.copy(folder / "0.png", folder / "copy.png")
    image.convert("L").rotate(90).save(folder / "grey.png")
    image.transpose(Image.Transpose.TRANSVERSE).resize((20, 20)).save(folder / "small.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    return folder


def typed(*words: str | Path, exit_code: int = 0) -> dict[str, Any]:
    """Return what the command answers; all files are put back as they were before."""
    kept = Path("../kept")
    shutil.copytree(Path(), kept)
    result = CliRunner().invoke(app, ["clean", *map(str, words), "--json"])
    assert result.exit_code == exit_code, result.output
    for path in Path().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(kept, Path(), dirs_exist_ok=True)
    shutil.rmtree(kept)
    data: dict[str, Any] = json.loads(result.stdout)["data"]
    return data


def names(folder: Path | str) -> set[str]:
    return {path.name for path in Path(folder).iterdir() if not path.name.startswith(".")}


def edit(folder: Path, **decisions: str) -> Path:
    """Change decisions of the newest manifest, by stem, and return its path."""
    path = newest_manifest(folder)
    assert path is not None
    table = read_manifest(path).set_index("name")
    for stem, decision in decisions.items():
        table.loc[f"{stem}.png", "decision"] = decision
    table.to_csv(path)
    return path


def test_looking_with_sheets_and_report_is_what_the_command_does(
    faces: Path, registry: Registry
) -> None:
    said = typed(faces, WORDS, "--sheet", "2x2")
    found = clean(faces, checks=FEW, sheets=(2, 2), report=True, registry=registry)
    assert found.facts() == said
    assert found.report is not None and found.report.is_file()
    assert len(found.sheets) == len(list((found.folder / "sheets").iterdir())) > 0
    bare = clean(faces, checks=FEW, registry=registry)
    assert bare.report is None and not bare.sheets
    assert names(bare.folder) == {"manifest.csv", "summary.json"}


def test_what_is_flagged_moves_away_and_comes_back(faces: Path, registry: Registry) -> None:
    before = names(faces)
    said = typed(faces, WORDS, "--apply")
    found = clean(faces, checks=FEW, sheets=True, report=True, registry=registry)
    applied = found.apply()
    assert found.facts() == said
    assert (applied.files, before - names(faces)) == (4, FLAGGED)
    back = found.undo()
    assert (back.files, names(faces)) == (4, before)
    second = clean(faces, checks=FEW, registry=registry)
    second.apply(tiers=("reject",))
    assert before - names(faces) == FLAGGED - {"grey.png"}
    assert undo(faces, "2").files == 3
    assert undo(faces).id is None
    edit(faces, **dict.fromkeys(("copy", "grey", "small", "0"), "keep"))
    third = clean(faces, checks=["mono"], registry=registry)
    (faces / "broken.jpg").unlink()
    third.apply()
    assert (third.undo().id, third.undo().files) == (None, 0)


@pytest.mark.parametrize("way", ["copy", "link"])
def test_what_is_kept_is_copied_or_linked(faces: Path, registry: Registry, way: Any) -> None:
    said = typed(faces, WORDS, "--apply-as", way)
    found = clean(faces, checks=FEW, sheets=True, report=True, registry=registry)
    applied = found.apply(way)
    assert found.facts() == said
    assert names("faces_clean") == names(faces) - FLAGGED
    assert (applied.into / "1.png").samefile(faces / "1.png") is (way == "link")
    found.apply(way, out="elsewhere")
    assert names("elsewhere") == names("faces_clean")


def test_an_edited_manifest_is_taken_and_applied(faces: Path, registry: Registry) -> None:
    clean(faces, checks=FEW, registry=registry)
    edit(faces, **{"1": "reject", "grey": "keep"})
    shutil.copy(newest_manifest(faces) or "", "mine.csv")
    (faces / "5.png").unlink()
    said = typed(faces, "--manifest", "mine.csv", "--apply")
    found = clean(faces, manifest="mine.csv", registry=registry)
    assert found.warnings == ["1 files of the manifest are not in the folder"]
    found.apply()
    assert found.facts() == said
    assert not {"1.png", "copy.png"} & names(faces) and "grey.png" in names(faces)
    assert found.folder == faces / ".animekit" / "clean" / "0002"
    assert (found.groups, found.boxes) == ((), {})


def test_decisions_by_hand_are_kept_in_the_next_cleaning(faces: Path, registry: Registry) -> None:
    clean(faces, checks=FEW, registry=registry)
    edit(faces, **{"1": "reject"})
    again = clean(faces, checks=FEW, registry=registry)
    assert again.summary["by_hand"] == 1
    assert "1 decisions that were made by hand are kept" in again.warnings[0]
    assert again.manifest.set_index("name")["decision"]["1.png"] == "reject"


def test_a_gate_that_holds_is_an_error_with_the_facts(faces: Path, registry: Registry) -> None:
    said = typed(faces, WORDS, "--fail-if", "flagged>20%", exit_code=5)
    options: dict[str, Any] = {"checks": FEW, "sheets": True, "report": True, "registry": registry}
    with pytest.raises(GateError, match=r"flagged>20% \(40.0 %\)") as caught:
        clean(faces, fail_if=["flagged>50%", "flagged>20%"], **options)
    assert caught.value.data == said
    assert clean(faces, fail_if=["flagged>50%", "mono>1"], **options).counts()["flagged"] == 4
    before = names(faces / ".animekit" / "clean")
    with pytest.raises(UsageError, match='Did you mean "flagged"'):
        clean(faces, fail_if=["flaged>3"], **options)
    assert names(faces / ".animekit" / "clean") == before


def test_shards_and_their_merge_are_what_the_command_does(faces: Path, registry: Registry) -> None:
    part = typed(faces, WORDS, "--shard", "1/2")
    assert clean(faces, checks=FEW, shard=(1, 2), registry=registry).facts() == part
    clean(faces, checks=FEW, shard=(2, 2), out="second", registry=registry)
    said = typed(faces, WORDS, "--shards", "second")
    found = merge(faces, ["second"], checks=FEW, sheets=True, report=True, registry=registry)
    assert found.facts() == said
    assert found.summary["measured"] == 0


def test_a_plan_says_what_would_be_done_and_writes_nothing(faces: Path, registry: Registry) -> None:
    request = CleanRequest(faces, checks=FEW)
    first = plan(request, "quarantine")
    assert (first.files, first.moves) == (10, None)
    assert not (faces / ".animekit").exists()
    found = clean(faces, checks=FEW, registry=registry)
    before = set(Path().rglob("*"))
    moved, copied = plan(request, "quarantine"), plan(request, "copy", out=Path("out"))
    assert (moved.moves, copied.moves, copied.into) == (4, 6, Path("out"))
    said = typed(faces, WORDS, "--apply", "-n")
    assert (said["would_move"], said["would_write"]) == (moved.moves, str(moved.folder))
    assert plan(request, "quarantine", tiers=("reject",)).moves == 3
    named = plan(CleanRequest(faces, manifest=found.folder), "quarantine")
    assert (named.folder, named.moves) == (None, 4)
    assert set(Path().rglob("*")) == before
    found.apply()
    assert plan_undo(faces) == (4, found.applied.into if found.applied else None)
    assert plan_undo(faces, "1")[0] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"manifest": "m.csv", "checks": ["size"]}, "manifest and checks"),
        ({"manifest": "m.csv", "sheets": True}, "manifest and sheets"),
        ({"manifest": "m.csv", "parts": []}, "manifest and parts"),
        ({"shard": (1, 2), "report": True}, "shard and report"),
        ({"shard": (1, 2), "parts": []}, "shard and parts"),
    ],
)
def test_values_that_would_do_nothing_together_are_refused(
    faces: Path, registry: Registry, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=f"{message} do not go together"):
        clean(faces, registry=registry, **options)
    assert not (faces / ".animekit").exists()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda found: found.apply("move"), 'cannot apply by "move"'),
        (lambda found: found.apply(out="x"), "moves beside the folder"),
        (lambda found: found.apply("copy", tiers=("reject",)), "tiers are for quarantine"),
        (lambda found: found.undo(), "has moved nothing"),
        (lambda found: found.crop("heads"), 'cannot crop by "heads"'),
    ],
)
def test_what_a_cleaning_cannot_do_is_refused(
    faces: Path, registry: Registry, ask: Callable[[Cleaning], Any], message: str
) -> None:
    found = clean(faces, checks=FEW, registry=registry)
    before = set(Path().rglob("*"))
    with pytest.raises(UsageError, match=message):
        ask(found)
    assert set(Path().rglob("*")) == before


class Middle(Detector):
    """Find one face in the middle of each picture, and count how often it looked."""

    name = "middle"
    looked = 0

    def missing(self) -> AnimekitError | None:
        return None

    def detect(self, image: np.ndarray) -> np.ndarray:
        Middle.looked += 1
        height, width = image.shape[:2]
        return np.array([[width / 4, height / 4, width / 2, height / 2, 0.9]], np.float32)


@pytest.fixture
def seeing(registry: Registry) -> Registry:
    """Return the installed components and a detector that finds a face everywhere."""
    Middle.looked = 0
    components: dict[str, Any] = {kind: dict(registry.components[kind]) for kind in KINDS}
    found = Registry(components, dict(registry.sources))
    found.add("detector", Middle, PluginSource("tests", "tests", ""))
    return found


def test_faces_that_were_found_are_cut_out_and_not_looked_for_again(
    faces: Path, seeing: Registry
) -> None:
    params = {"face": {"detector": "middle"}}
    found = clean(faces, params=params, checks=[*FEW, "face"], registry=seeing)
    assert sum(isinstance(boxes, list) for boxes in found.boxes.values()) == 8  # two are copies
    looked = Middle.looked
    made = found.crop(resize=16, margin=0.1, min_size=8, registry=seeing)
    assert Middle.looked == looked
    assert made.folder.name == "faces_faces"
    expected = {f"{Path(name).stem}_1.png" for name in names(faces)}
    gone = {"copy_1.png", "small_1.png", "broken_1.png"}  # rejected; grey.png is for review
    assert {crop.crop for crop in made.crops} == expected - gone
    assert found.facts()["crops"] == made.answer()
    assert found.facts()["crops"]["list"] == str(made.folder / "crops.csv")
    with pytest.raises(UnusableError, match="is not empty"):
        found.crop("largest", registry=seeing)
    found.crop("largest", registry=seeing, min_size=8, overwrite=True)
    again = clean(faces, checks=FEW, registry=seeing).crop(
        out="more", detector="middle", min_size=8, registry=seeing
    )
    assert Middle.looked > looked and len(again.crops) == len(made.crops)


def test_another_detector_looks_for_itself(faces: Path, seeing: Registry) -> None:
    params = {"face": {"detector": "middle"}}
    found = clean(faces, params=params, checks=["face"], registry=seeing)
    with pytest.raises(AnimekitError, match="no face to cut out"):
        found.crop(detector="own", registry=seeing, workers=1)
    assert isinstance(found.table, pd.DataFrame) and found.cropped is None
