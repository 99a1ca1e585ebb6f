"""Cleaning a folder: a manifest is written, and nothing else is touched."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from animekit.cleaning.check import Check, Context, Finding, Reason
from animekit.cleaning.clean import Cleaning, clean, merge
from animekit.data.manifest import COLUMNS, clean_folder, newest_manifest, numbered, read_manifest
from animekit.errors import ConfigError, DataError, NotFoundError, UnusableError, UsageError
from animekit.plugins import KINDS, PluginSource, Registry
from tests.support import picture

DAMAGED = {
    "png_bad_crc.png": "corrupt",
    "png_truncated.png": "corrupt",
    "random_bytes.jpg": "corrupt",
    "truncated_half.jpg": "corrupt",
    "truncated_header.jpg": "corrupt",
    "truncated_tail.jpg": "corrupt",
    "zero_bytes.jpg": "corrupt",
    "bomb_header_20000x12000.png": "bomb",
    "bomb_header_60000x60000.png": "bomb",
    "html_error_page.png": "not_image",
    "text_renamed.jpg": "not_image",
    "float.tiff": "foreign_format",
}
"""What cannot be decoded in the shared folder of damaged files, and the reason it must get."""


@pytest.fixture
def folder(pictures: Path, tmp_path: Path) -> Path:
    """Return a folder of 24 drawn pictures, a copy of one, a small one and two bad files."""
    top = tmp_path / "faces"
    (top / "sub").mkdir(parents=True)
    for path in pictures.iterdir():
        (top / path.name).write_bytes(path.read_bytes())
    (top / "sub" / "copy.png").write_bytes((pictures / "03.png").read_bytes())
    (top / "small.png").write_bytes(picture(size=8))
    (top / "zero.jpg").write_bytes(b"")
    (top / "page.png").write_bytes(b"<html></html>")
    return top


def run(folder: Path, **options: Any) -> Cleaning:
    options.setdefault("skip", ["face"])
    options.setdefault("params", {"size": {"min": 20}})
    return clean(folder, **options)


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each file of a folder, what cleaning writes left out."""
    return {
        str(path): f"{path.stat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".animekit" not in path.parts
    }


def only(registry: Registry, *checks: type[Check]) -> Registry:
    """Return a registry with these checks alone."""
    components: dict[str, Any] = {kind: dict(registry.components[kind]) for kind in KINDS}
    components["check"] = {}
    mine = Registry(components, dict(registry.sources))
    for check in checks:
        mine.add("check", check, PluginSource("tests", "tests", ""))
    return mine


def test_a_manifest_and_a_summary_are_written_and_nothing_is_touched(
    folder: Path, registry: Registry
) -> None:
    before = hashes(folder)
    result = run(folder, registry=registry)
    assert hashes(folder) == before
    assert result.folder == clean_folder(folder) / "0001"
    assert sorted(path.name for path in result.folder.iterdir()) == ["manifest.csv", "summary.json"]
    manifest = result.manifest.set_index("name")
    assert list(result.manifest.columns) == list(COLUMNS)
    assert manifest["decision"]["zero.jpg"] == "reject"
    assert manifest["reasons"]["zero.jpg"] == "corrupt"
    assert manifest["reasons"]["page.png"] == "not_image"
    assert manifest["reasons"]["small.png"].startswith("too_small")
    # of two colours: they lie on one line
    copies = {manifest["reasons"][name] for name in ("03.png", "sub/copy.png")}
    assert copies == {"mono", "duplicate;mono"}
    assert manifest["sha256"]["00.png"] == before[str(folder / "00.png")].split()[1]
    assert manifest["bytes"]["zero.jpg"] == 0
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary == result.summary
    assert (summary["files"], summary["readable"]) == (28, 26)
    assert summary["keep"] + summary["reject"] + summary["review"] == 28
    assert summary["reject"] == 4
    assert summary["by_reason"]["corrupt"] == 1
    assert summary["checks"]["size"]["params"]["min"] == 20


def test_what_is_written_is_what_is_returned(folder: Path, registry: Registry) -> None:
    result = run(folder, registry=registry)
    read = read_manifest(newest_manifest(folder) or "")
    assert read.equals(result.manifest.astype(str).astype(object))


def test_the_most_severe_reason_comes_first(folder: Path, registry: Registry) -> None:
    result = run(folder, registry=registry)
    row = result.manifest.set_index("name").loc["small.png"]
    assert row["tier"] == "reject"
    assert row["reasons"].split(";")[0] == "too_small"
    assert {"flat", "mono"} <= set(row["reasons"].split(";")[1:])


def test_each_cleaning_has_a_folder_of_its_own(folder: Path, registry: Registry) -> None:
    for number in (1, 2, 3):
        assert run(folder, registry=registry).folder.name == f"{number:04d}"
    assert newest_manifest(folder) == clean_folder(folder) / "0003" / "manifest.csv"


def test_a_second_cleaning_measures_nothing_and_finds_the_same(
    folder: Path, registry: Registry
) -> None:
    first = run(folder, registry=registry)
    second = run(folder, registry=registry)
    assert second.summary["measured"] == 0 < first.summary["measured"]
    assert second.manifest.equals(first.manifest)
    assert (second.folder / "manifest.csv").read_bytes() == (
        first.folder / "manifest.csv"
    ).read_bytes()


def test_another_threshold_judges_without_measuring(folder: Path, registry: Registry) -> None:
    run(folder, registry=registry)
    strict = run(folder, registry=registry, params={"size": {"min": 41}})
    assert strict.summary["measured"] == 0
    assert strict.summary["by_reason"]["too_small"] == 26


def test_out_takes_all_that_is_written(folder: Path, registry: Registry, tmp_path: Path) -> None:
    result = run(folder, registry=registry, out=tmp_path / "out")
    assert result.folder == tmp_path / "out" / "0001"
    assert not (folder / ".animekit").exists()
    assert newest_manifest(folder) is None


def test_one_worker_and_several_find_the_same(
    folder: Path, registry: Registry, tmp_path: Path
) -> None:
    results = [
        run(folder, registry=registry, workers=workers, out=tmp_path / str(workers))
        for workers in (1, 4)
    ]
    assert results[0].manifest.equals(results[1].manifest)
    with pytest.raises(UsageError):
        run(folder, registry=registry, workers=0)


# Shards


def test_shards_that_are_merged_equal_one_whole_cleaning(
    folder: Path, registry: Registry, tmp_path: Path
) -> None:
    whole = run(folder, registry=registry, out=tmp_path / "whole")
    parts = []
    names: list[str] = []
    for index in (1, 2, 3):
        parts.append(tmp_path / f"part{index}")
        part = run(folder, registry=registry, shard=(index, 3), out=parts[-1])
        assert part.folder == parts[-1] / "shards-3" / f"{index:04d}" / "0001"
        assert part.summary["shard"] == [index, 3]
        assert 0 < len(part.manifest) < 28
        names += part.manifest["name"].tolist()
    assert sorted(names) == whole.manifest["name"].tolist()
    merged = merge(
        folder,
        parts,
        skip=["face"],
        params={"size": {"min": 20}},
        registry=registry,
        out=tmp_path / "merged",
    )
    assert merged.summary["measured"] == 0 and merged.warnings == []
    assert (merged.folder / "manifest.csv").read_bytes() == (
        whole.folder / "manifest.csv"
    ).read_bytes()


def test_shards_beside_the_pictures_need_no_list_and_are_no_manifest_of_the_whole(
    folder: Path, registry: Registry
) -> None:
    for index in (1, 2):
        run(folder, registry=registry, shard=(index, 2))
    assert newest_manifest(folder) is None
    assert numbered(clean_folder(folder)) == []
    merged = merge(folder, skip=["face"], params={"size": {"min": 20}}, registry=registry)
    assert merged.summary["measured"] == 0
    assert newest_manifest(folder) == merged.folder / "manifest.csv"


def test_what_no_shard_has_measured_is_measured_and_said(folder: Path, registry: Registry) -> None:
    run(folder, registry=registry, shard=(1, 2))
    merged = merge(folder, skip=["face"], registry=registry)
    assert merged.summary["measured"] > 0
    assert "were in no part: measured now" in merged.warnings[0]
    with pytest.raises(NotFoundError, match="no measures in"):
        merge(folder, [folder / "sub"], registry=registry)


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0)])
def test_a_shard_that_cannot_be_is_refused(
    folder: Path, registry: Registry, shard: tuple[int, int]
) -> None:
    with pytest.raises(UsageError, match="there is no shard"):
        run(folder, registry=registry, shard=shard)


# Choosing checks


def test_checks_are_chosen_by_name(folder: Path, registry: Registry) -> None:
    result = clean(folder, checks=["size", "corrupt"], skip=["corrupt"], registry=registry)
    assert list(result.summary["checks"]) == ["size"]
    manifest = result.manifest.set_index("name")
    # nobody asked why, but nobody can train on it
    assert manifest["reasons"]["zero.jpg"] == "unreadable"
    assert manifest["decision"]["zero.jpg"] == "reject"
    assert manifest["note"]["zero.jpg"] == "empty file (0 bytes)"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"checks": ["blurr"]}, NotFoundError, 'unknown check "blurr". Did you mean "blur"?'),
        ({"skip": ["blurr"]}, NotFoundError, 'unknown check "blurr"'),
        ({"params": {"sise": {}}}, NotFoundError, 'unknown check "sise"'),
        ({"params": {"size": {"mim": 3}}}, ConfigError, 'unknown parameter "mim".*"min"'),
        ({"params": {"size": {"min": 0}}}, ConfigError, "min = 0"),
        ({"checks": ["size"], "skip": ["size"]}, UsageError, "no check is left"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(
    folder: Path, registry: Registry, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        clean(folder, registry=registry, **options)
    assert not (folder / ".animekit").exists()


def test_a_check_of_a_plugin_is_asked_and_judged_after_the_others(
    folder: Path, registry: Registry
) -> None:
    seen: list[Any] = []

    class Late(Check):
        """Look at what the others found."""

        name = "late"
        reasons: ClassVar[tuple[Reason, ...]] = (
            Reason("late", "note", "late"),
            Reason("early", "review", "early"),
        )
        last = True

        def begin(self, context: Context) -> None:
            seen.append((context.folder, context.tags))
            context.warnings.append("late is ready")

        def judge(self, table: Any) -> Sequence[Finding]:  # type: ignore[override]
            seen.append(table["flagged"].tolist())
            return [Finding(0, self.reasons[0], 1.5, 1.0, "a"), Finding(0, self.reasons[1])]

    mine = only(registry, Late, registry.get("check", "corrupt"))
    result = clean(folder, registry=mine)
    assert seen[0] == (folder, None)
    flagged = dict(zip(result.manifest["name"], seen[1], strict=True))
    assert flagged["zero.jpg"] == "reject" and flagged["page.png"] == "reject"
    assert set(flagged.values()) == {"", "reject"}
    assert result.warnings == ["late is ready"] == result.summary["warnings"]
    first = result.manifest.iloc[0]
    assert (first["reasons"], first["tier"], first["decision"], first["note"]) == (
        "early;late",
        "review",
        "review",
        "a",
    )


# What cannot be cleaned


def test_an_archive_is_to_be_unpacked_first(folder: Path, registry: Registry) -> None:
    archive = folder.parent / "faces.zip"
    archive.write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        clean(archive, registry=registry)
    assert str(caught.value.hint).startswith("unpack it first: animekit data pack")


def test_a_place_that_cannot_be_written_is_said(
    folder: Path, registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnusableError) as caught:
        run(folder, registry=registry, out=tmp_path / "file" / "out")
    assert "--out" in str(caught.value.hint)


def test_a_folder_of_only_bad_files_is_cleaned_all_the_same(
    tmp_path: Path, registry: Registry
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"no")
    result = run(tmp_path, registry=registry)
    assert result.manifest["decision"].tolist() == ["reject", "reject"]
    assert result.summary["readable"] == 0


def test_links_that_lead_out_are_not_looked_at_and_said(
    folder: Path, registry: Registry, tmp_path: Path
) -> None:
    (folder / "out.png").symlink_to(tmp_path)
    result = run(folder, registry=registry)
    assert "out.png" not in set(result.manifest["name"])
    assert result.summary["skipped"] == [
        {"name": "out.png", "reason": "a link that leads out of the folder"}
    ]
    assert any("out.png" in warning for warning in result.warnings)


# Real pictures


@pytest.mark.data
def test_every_damaged_file_gets_its_right_reason(
    shared_data: Path, registry: Registry, tmp_path: Path
) -> None:
    import pandas as pd

    damaged = shared_data / "corrupt"
    before = hashes(damaged)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = clean(damaged, skip=["face"], out=tmp_path, registry=registry)
    assert hashes(damaged) == before
    found = result.manifest.set_index("name")
    unreadable = found[found["width"] == 0]
    assert dict(unreadable["reasons"]) == DAMAGED
    assert set(unreadable.index[unreadable["decision"] != "reject"]) == {"float.tiff"}
    listed = pd.read_csv(damaged / "manifest.csv").set_index("file")["pillow_load"]
    decodable = {name for name in found.index if name not in DAMAGED}
    assert {name for name in found.index if listed[name] == "ok"} - {"float.tiff"} == decodable
    reasons = {name: set(found["reasons"][name].split(";")) for name in decodable}
    grey = ("grayscale.jpg", "gray16.png", "gray_alpha_LA.png", "bilevel_1bit.png")
    assert all("mono" in reasons[name] for name in (*grey, "blank_white.png"))
    assert "flat" in reasons["blank_white.png"]
    assert {"too_small", "aspect"} <= reasons["huge_aspect_8000x2.png"]
    assert "too_small" in reasons["tiny_1x1.png"]
    assert "extension" in reasons["jpeg_named_png.png"] & reasons["png_named_jpg.jpg"]
    duplicates = {name for name in found.index if "duplicate" in found["reasons"][name].split(";")}
    assert duplicates == {"UPPERCASE.JPG", "no_extension"}
    assert set(found.index) == set(listed.index) - {"._0.jpg", ".hidden.jpg", "Thumbs.db"}


@pytest.mark.data
def test_few_good_faces_are_flagged(shared_data: Path, registry: Registry, tmp_path: Path) -> None:
    import pandas as pd

    labels = pd.read_csv(shared_data / "mlds_faces" / "labels.csv")
    good = labels[(labels["label"] == "face") & (labels["picked"] == "random")]["file"]
    (tmp_path / "faces").mkdir()
    for name in good:
        data = (shared_data / "mlds_faces" / name).read_bytes()
        (tmp_path / "faces" / Path(name).name).write_bytes(data)
    result = clean(tmp_path / "faces", skip=["face"], registry=registry)
    assert len(good) > 150
    assert result.summary["keep"] / len(good) >= 0.97


@pytest.mark.data
def test_real_faces_have_the_decisions_of_before(
    shared_data: Path, registry: Registry, tmp_path: Path
) -> None:
    before = {
        "blur": "9001",
        "bright": "9607",
        "bright;no_face;flat;mono": "3760",
        "bright;no_face;mono": "2787",
        "dark": "4246",
        "dark;no_face": "10538 8343",
        "mono": "1716 375 5078 6874 8927",
        "near_duplicate": "710",
        "no_face": "3295 336 4354 591 6539 6582 8008 9045 9889",
    }
    (tmp_path / "faces").mkdir()
    every = sorted((shared_data / "mlds_faces" / "faces").glob("*.jpg"))
    for path in every[::12]:
        (tmp_path / "faces" / path.name).write_bytes(path.read_bytes())
    table = clean(tmp_path / "faces", workers=2, registry=registry).manifest
    flagged = table[table["reasons"] != ""]
    found = {
        reasons: " ".join(name.removesuffix(".jpg") for name in names)
        for reasons, names in flagged.groupby("reasons")["name"]
    }
    assert len(table) == 1000 and found == before
