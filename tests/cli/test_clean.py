"""`animekit clean` from the words that are typed to the files and the exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from animekit.cleaning import measure, move, quarantine
from animekit.cli import app
from animekit.cli.clean.command import spell_out
from animekit.data.manifest import newest_manifest, read_manifest
from animekit.errors import UsageError
from animekit.gates import parse_gate
from animekit.images.decode import ImageError
from animekit.text import printable
from animekit_plugins.datasets.folder import Folder
from tests.support import keeps_its_schema

FEW = "--check=corrupt,size,duplicate,mono"
"""Checks that need no detector: what is tested here does not depend on which ones run."""


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put us beside faces/: 12 pictures in colour, 2 copies, 1 grey, 1 small, 1 damaged."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    folder = Path("faces")
    (folder / "more").mkdir(parents=True)
    random = np.random.default_rng(0)
    for index in range(12):
        small = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((72, 72), Image.Resampling.BICUBIC)
        image.save(folder / f"{index:02d}.png")
    shutil.copy(folder / "00.png", folder / "more" / "copy.png")
    Image.open(folder / "01.png").resize((66, 66)).save(folder / "more" / "near.webp", quality=95)
    image.convert("L").rotate(90).save(folder / "grey.png")
    image.transpose(Image.Transpose.TRANSVERSE).resize((20, 20)).save(folder / "small.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    return folder


FLAGGED = {"more/copy.png", "more/near.webp", "grey.png", "small.png", "broken.jpg"}


def call(*words: str | Path) -> Result:
    """Run one command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def answer(*words: str | Path, exit_code: int = 0) -> dict[str, Any]:
    """Run a command and return its JSON answer."""
    result = call(*words, "--json")
    assert result.exit_code == exit_code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, our own notes left out."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    shown = {name: path for name, path in found.items() if not str(name).startswith(".")}
    return {name.as_posix(): path.read_bytes() for name, path in sorted(shown.items())}


def test_by_default_it_says_what_it_found_and_moves_nothing(faces: Path) -> None:
    before = files(faces)
    result = call("clean", "faces", FEW)
    assert result.exit_code == 0, result.output
    assert files(faces) == before
    assert sorted(path.name for path in Path().iterdir()) == ["faces"]
    first, *rows, last = result.stdout.splitlines()
    assert re.fullmatch(r"faces  17 files  16 readable   [\d.]+ s  [\d,.]+ img/s", first)
    table = [re.split(r"\s{2,}", row, maxsplit=3) for row in rows]
    assert table[0] == ["reason", "flagged", "tier", "looks like"]
    assert ["corrupt", "1", "reject", "listed in manifest.csv"] in table
    assert ["near duplicate", "1", "reject"] in [row[:3] for row in table]
    assert ["greyscale or one tint", "1", "review", "sheets/mono_01.png"] in table
    assert "best of 1 groups kept" in result.stdout
    assert last == "keep 12 (70.6 %)   nothing was moved"
    place = faces / ".animekit" / "clean" / "0001"
    assert {path.name for path in place.iterdir()} >= {
        "manifest.csv",
        "report.html",
        "sheets",
        "summary.json",
    }
    assert f"Next: open {place}/report.html" in result.stderr
    assert "animekit clean faces --apply" in result.stderr
    assert "animekit train wgangp --data faces" in result.stderr
    assert "\x1b" not in result.output


def test_the_json_answer_keeps_its_schema_and_names_what_was_written(faces: Path) -> None:
    found = answer("clean", faces, FEW)
    assert keeps_its_schema(found)
    data = found["data"]
    assert (data["files"], data["readable"], data["keep"]) == (17, 16, 12)
    assert (data["reject"], data["review"], data["applied"]) == (4, 1, "none")
    assert data["by_reason"]["mono"] == 1
    assert {"manifest", "summary", "sheet", "report"} == {
        item["kind"] for item in found["artifacts"]
    }
    assert all(Path(item["path"]).is_file() for item in found["artifacts"])


def test_quiet_names_the_report_alone(faces: Path) -> None:
    result = call("clean", "faces", FEW, "-q")
    assert result.output == "faces/.animekit/clean/0001/report.html\n"


def test_apply_and_undo_move_files_there_and_back(faces: Path) -> None:
    before = files(faces)
    data = answer("clean", "faces", FEW, "--apply")["data"]
    assert (data["applied"], data["moved"]) == ("quarantine", 5)
    assert set(before) - set(files(faces)) == FLAGGED
    assert Path(data["journal"]).is_file()
    assert Path("faces_rejected/too_small/small.png").is_file()
    assert Path("faces_rejected/duplicate/more/copy.png").is_file()
    found = answer("clean", "faces", "--undo")
    assert found["data"]["restored"] == 5
    assert files(faces) == before
    again = call("clean", "faces", "--undo")
    assert (again.exit_code, again.stdout) == (0, "nothing is left to undo\n")


def test_only_rejects_move_if_only_they_are_asked_for(faces: Path) -> None:
    assert answer("clean", "faces", FEW, "--apply", "--tier", "reject")["data"]["moved"] == 4
    assert (faces / "grey.png").is_file()


@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_clean_copy_is_made_beside_or_where_it_is_asked_for(faces: Path, how: str) -> None:
    before = files(faces)
    data = answer("clean", "faces", FEW, "--apply-as", how)["data"]
    assert (data["applied"], data["moved"], data["journal"]) == (how, 12, None)
    assert files(Path("faces_clean")) == {k: v for k, v in before.items() if k not in FLAGGED}
    assert files(faces) == before
    result = call("clean", "faces", FEW, "--apply-as", how, "-o", "elsewhere/new")
    assert result.exit_code == 0, result.output
    assert files(Path("elsewhere/new")) == files(Path("faces_clean"))
    assert "animekit train wgangp --data elsewhere/new" in result.stderr


def test_decisions_by_hand_are_used_kept_and_can_be_taken_from_a_file(faces: Path) -> None:
    call("clean", "faces", FEW)
    path = newest_manifest(faces)
    assert path is not None
    table = read_manifest(path).set_index("name")
    table.loc["grey.png", "decision"] = "keep"
    table.loc["05.png", "decision"] = "reject"
    table.to_csv(path)
    assert "05.png" not in [Folder("faces").name_of(i) for i in range(len(Folder("faces")))]
    result = call("clean", "faces", FEW)
    assert "2 decisions that were made by hand are kept" in result.stderr
    assert "keep 12 " in result.stdout
    moved = answer("clean", "faces", "--manifest", path, "--apply")["data"]
    assert moved["moved"] == 5
    assert (faces / "grey.png").is_file()
    assert Path("faces_rejected/by_hand/05.png").is_file()
    assert Path(moved["manifest"]) == faces / ".animekit" / "clean" / "0003" / "manifest.csv"


def test_a_decision_by_hand_ends_with_the_picture_it_was_made_for(faces: Path) -> None:
    call("clean", "faces", FEW)
    path = newest_manifest(faces)
    assert path is not None
    table = read_manifest(path).set_index("name")
    table.loc["05.png", "decision"] = "reject"
    table.to_csv(path)
    shutil.copy(faces / "small.png", faces / "05.png")
    Image.open(faces / "06.png").rotate(90).save(faces / "05.png")
    assert "by hand" not in call("clean", "faces", FEW).stderr


def test_an_edited_newest_manifest_is_taken_where_it_is(faces: Path) -> None:
    call("clean", "faces", FEW)
    path = newest_manifest(faces)
    assert path is not None
    found = answer("clean", "faces", "--manifest", path)
    assert keeps_its_schema(found)
    assert Path(found["data"]["manifest"]) == path
    small = pd.DataFrame({"name": ["00.png", "never.png"], "decision": ["reject", "keep"]})
    small.to_csv("mine.csv", index=False)
    result = call("clean", "faces", "--manifest", "mine.csv")
    assert result.exit_code == 0, result.output
    assert "1 files of the manifest are not in the folder" in result.stderr
    assert "16 files in the folder are not in the manifest" in result.stderr
    assert "(manifest 0002: 0 of 2 kept, 16 newer)" in Folder("faces").description


def test_a_file_that_changed_stays_and_the_exit_code_says_partial(faces: Path) -> None:
    call("clean", "faces", FEW)
    path = newest_manifest(faces)
    (faces / "grey.png").write_bytes((faces / "02.png").read_bytes())
    found = answer("clean", "faces", "--manifest", str(path), "--apply", exit_code=8)
    assert found["data"]["moved"] == 4
    assert found["data"]["refused"] == [
        {"name": "grey.png", "reason": "changed since the manifest was made"}
    ]
    Path("faces_rejected/too_small/small.png").write_bytes(b"edited")
    undone = answer("clean", "faces", "--undo", exit_code=8)
    assert (undone["data"]["restored"], len(undone["data"]["refused"])) == (3, 1)
    assert Path("faces_rejected/too_small/small.png").read_bytes() == b"edited"


def test_a_gate_that_fails_moves_nothing(faces: Path) -> None:
    before = files(faces)
    words = ("clean", "faces", FEW, "--apply", "--fail-if")
    found = answer(*words, "flagged>20%", exit_code=5)
    assert found["data"]["review"] == 1
    assert "flagged>20% (29.4 %)" in found["error"]["message"]
    assert files(faces) == before
    result = call("clean", "faces", FEW, "--fail-if", "flagged>30%", "--fail-if", "no_face>0")
    assert result.exit_code == 0, result.output
    assert "gate flagged>30%: passed" in result.stdout
    wrong = call("clean", "faces", "--fail-if", "flaged>3")
    assert wrong.exit_code == 2
    assert 'Did you mean "flagged"?' in wrong.stderr


def test_gates_are_read_with_and_without_per_cent() -> None:
    gate = parse_gate("keep <= 12.5 %", ["keep"], whole="files")
    assert (gate.key, gate.sign, gate.limit, gate.whole) == ("keep", "<=", 12.5, "files")
    for text in ("", "flagged", "flagged=3", "flagged>x", "flagged>-1", "a.b>3"):
        with pytest.raises(UsageError):
            parse_gate(text, ["flagged"], whole="files")


def test_a_dry_run_writes_nothing(faces: Path) -> None:
    result = call("clean", "faces", FEW, "--apply", "-n")
    assert result.exit_code == 0, result.output
    assert "would check 17 files in faces by: corrupt size duplicate mono" in result.stdout
    assert not (faces / ".animekit").exists()
    call("clean", "faces", FEW)
    before = set(Path().rglob("*"))
    assert "would move 5 files to" in call("clean", "faces", "--apply", "-n").stdout
    assert "would copy 12 files to" in call("clean", "faces", "--apply-as", "copy", "-n").stdout
    assert answer("clean", "faces", "-n")["data"]["would_check"] == 17
    assert set(Path().rglob("*")) == before
    call("clean", "faces", FEW, "--apply")
    assert "would bring back up to 5 files" in call("clean", "faces", "--undo", "-n").stdout
    assert not (faces / "small.png").exists()


def test_shards_and_their_merge_are_one_cleaning(faces: Path) -> None:
    whole = answer("clean", "faces", FEW)["data"]
    shutil.rmtree(faces / ".animekit")
    parts = [answer("clean", "faces", FEW, "--shard", f"{i}/2")["data"] for i in (1, 2)]
    assert sum(part["files"] for part in parts) == 17
    assert [part["shard"] for part in parts] == [[1, 2], [2, 2]]
    assert parts[0]["report"] is None
    merged = answer("clean", "faces", FEW, "--merge")
    assert merged["warnings"] == []
    keys = ("files", "keep", "reject", "review", "by_reason")
    assert {key: merged["data"][key] for key in keys} == {key: whole[key] for key in keys}


def test_options_of_checks_are_their_parameters(faces: Path) -> None:
    def flagged(*words: str) -> dict[str, int]:
        found: dict[str, int] = answer("clean", "faces", FEW, *words)["data"]["by_reason"]
        return found

    assert "too_small" not in flagged("--min-size", "20")
    assert "too_small" not in flagged("--set", "size.min=20")
    assert "near_duplicate" not in flagged("--dup-distance", "none")
    assert flagged("--aspect", "2..") == {**flagged(), "aspect": 16}
    Path("mine.toml").write_text("[clean.size]\nmin = 20\n")
    assert "too_small" not in flagged("--config", "mine.toml")
    assert "too_small" in flagged("--config", "mine.toml", "--min-size", "64")
    assert flagged("--skip", "duplicate,size").keys() == {"corrupt", "mono"}


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        ("clean nowhere", 3, "nowhere"),
        ("clean faces/00.png", 4, "is not a folder"),
        ("clean pack.zip", 4, "unpack it first"),
        ("clean empty", 4, "no images in empty: found 0 files"),
        ("clean faces --check colour", 3, "colour"),
        ("clean faces --min-size 0", 4, "min"),
        ("clean faces --set min=3", 4, "CHECK.PARAM=VALUE"),
        ("clean faces --skip face --detector own", 2, "--detector is for the check face"),
        ("clean faces --apply-as move", 2, "'move' is not one of 'quarantine', 'copy', 'link'"),
        ("clean faces --apply=move", 2, "'move' is not one of"),
        ("clean faces --undo --apply", 2, "--undo and --apply do not go together"),
        ("clean faces --from x.csv --check blur", 2, "--manifest and --check"),
        ("clean faces --from x.csv", 3, "no manifest x.csv"),
        ("clean faces --undo", 3, "nothing to undo"),
        ("clean faces --shard 1/2 --apply", 2, "--shard and --apply"),
        ("clean faces --shard two", 2, 'cannot read --shard "two"'),
        ("clean faces --sheet 8", 2, 'cannot read --sheet "8"'),
        ("clean faces --workers many", 2, 'cannot read --workers "many"'),
        ("clean faces --tier review --apply", 2, "'review' is not one of"),
        ("clean faces --tier reject", 2, "--tier is for --apply"),
        ("clean faces --apply copy -o faces/in --check size", 2, "lies in faces itself"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(
    faces: Path, words: str, exit_code: int, message: str
) -> None:
    Path("empty").mkdir()
    Path("pack.zip").write_bytes(b"PK")
    before = files(faces)
    result = call(*words.split())
    assert result.exit_code == exit_code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert files(faces) == before


def test_options_of_the_first_version_are_spelled_as_now() -> None:
    assert spell_out([]) == []  # completion asks so
    for same in (
        ["--apply"],
        ["--apply", "faces"],
        ["--undo", "faces"],
        ["--merge", "faces", "-q"],
    ):
        assert spell_out(same) == same
    assert spell_out(["--apply=link", "--undo", "last"]) == ["--apply-as=link", "--undo-id", "last"]
    assert spell_out(["a", "--merge", "b", "--merge=c"]) == ["a", "--shards", "b", "--shards=c"]
    assert spell_out(["--out", "a=b", "--undo="]) == ["--out", "a=b", "--undo-id="]


def test_old_and_new_spellings_do_the_same(faces: Path) -> None:
    def said(*words: str) -> Any:
        shutil.rmtree("faces_clean", ignore_errors=True)
        found = answer("clean", "faces", FEW, *words)["data"]
        return {**found, "manifest": "", "report": "", "sheets": ""}

    assert said("--apply", "copy") == said("--apply=copy") == said("--apply-as", "copy")
    assert said("--keep", "first") == said("--keep-duplicate", "first")
    assert answer("clean", "faces", FEW, "--apply")["data"]["moved"] == 5
    assert answer("clean", "--undo", "faces")["data"]["restored"] == 5  # no batch called "faces"
    answer("clean", "faces", FEW, "--apply-as", "quarantine")
    again = answer("clean", "faces", "--undo", "2")
    assert again["data"] == {**answer("clean", "faces", "--undo-id", "2")["data"], "restored": 5}
    shown = call("clean", "--help").stdout
    assert "--keep-duplicate" in shown and "--manifest" in shown
    assert "--keep " not in shown and "--from" not in shown


def test_names_cannot_write_to_the_terminal() -> None:
    assert printable("a\x1b]0;x\x07b\n.png") == "a\\x1b]0;x\\x07b\\n.png"
    assert printable("顔.png") == "顔.png"


def test_a_pipe_gets_plain_lines_now_and_then(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("animekit.cli._progress.HEARTBEAT", 0.0)
    result = call("clean", "faces", FEW, "--apply")
    assert re.search(r"^checking: [\d,]+ of 17$", result.stderr, re.MULTILINE)
    assert re.search(r"^moving: 5 of 5$", result.stderr, re.MULTILINE)
    assert "\x1b" not in result.stderr and "\r" not in result.stderr


def test_ctrl_c_while_moving_says_how_to_go_on(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    before = files(faces)
    monkeypatch.setattr(quarantine, "CHUNK", 2)
    moved: list[Path] = []

    def interrupted(source: Path, target: Path) -> None:
        if not moved:
            signal.raise_signal(signal.SIGINT)
        moved.append(source)
        move.rename(source, target)

    monkeypatch.setattr("animekit.cleaning.quarantine.rename", interrupted)
    result = call("clean", "faces", FEW, "--apply")
    assert result.exit_code == 130
    assert "stopped after 2 of 5 files" in result.stderr
    assert "--undo" in result.stderr
    assert call("clean", "faces", "--undo").exit_code == 0
    assert files(faces) == before


@pytest.mark.data
def test_real_faces_and_every_damaged_file_go_and_come_back(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("faces")
    shutil.copytree(shared_data / "mlds_faces" / "more_hard", folder / "hard")
    shutil.copytree(shared_data / "corrupt", folder / "odd")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = files(folder)
    words = ("--skip", "face", "--apply")
    data = answer("clean", folder, *words)["data"]
    assert data["moved"] == data["reject"] + data["review"] - 1 > 20  # a TIFF stays
    assert (folder / "odd" / "float.tiff").is_file()
    assert Path("faces_rejected/bomb/odd/bomb_header_60000x60000.png").is_file()
    assert (folder / "odd" / "Thumbs.db").is_file()
    report = Path(data["report"])
    assert report.stat().st_size < 10_000_000
    assert report.read_text(encoding="utf-8").count("<img") > 20
    assert answer("clean", folder, "--undo")["data"]["restored"] == data["moved"]
    assert files(folder) == before


def others(folder: Path) -> None:
    """Put valid pictures of formats that are not read into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "broken.jpg").unlink(missing_ok=True)
    image = Image.radial_gradient("L").convert("RGB").resize((70, 70))
    for ending in ("tif", "tga", "ppm", "pcx", "ico"):
        image.save(folder / f"{ending}.{ending}")
    image.save(folder / "renamed.png", "TIFF")


@pytest.mark.parametrize("checks", ["--check=corrupt", "--check=type", "--skip=face"])
def test_other_formats_are_to_review_and_stay_where_they_are(faces: Path, checks: str) -> None:
    others(faces)
    before = {name for name in files(faces) if name[-3:] in ("tif", "tga", "ppm", "pcx", "ico")}
    result = call("clean", "faces", checks)
    assert re.search(r"a format that animekit does not read  6 +review", result.stdout)
    assert "not an image" not in result.stdout and "cannot be read" not in result.stdout
    assert "magick mogrify -format png faces/*.ico" in result.stderr + result.stdout
    for words in (["--tier", "reject"], []):
        found = answer("clean", "faces", checks, "--apply", *words)["data"]
        assert found["by_reason"]["foreign_format"] == 6
        assert before | {"renamed.png"} <= set(files(faces))
    assert (
        "6 files to review stay where they are" in call("clean", "faces", checks, "--apply").stdout
    )


def test_a_person_can_have_other_formats_moved(faces: Path) -> None:
    others(faces)
    call("clean", "faces", "--check=type")
    path = newest_manifest("faces")
    assert path is not None
    path.write_text(path.read_text().replace("review,review,foreign", "reject,review,foreign"))
    found = answer("clean", "faces", "--manifest", path, "--apply", "-y")["data"]
    assert found["moved"] == 6
    assert Path("faces_rejected/foreign_format/tif.tif").is_file()


def test_after_a_clean_that_keeps_nothing_nobody_is_told_to_train(tmp_path: Path) -> None:
    others(tmp_path / "d")
    result = call("clean", tmp_path / "d", "--check=corrupt")
    text = result.stdout + result.stderr
    assert "keep 0" in text and "nothing to train on" in text
    assert "animekit train" not in text and "--apply" not in text
    assert "magick mogrify" in text


def test_every_command_counts_the_same_pictures(faces: Path) -> None:
    others(faces)
    data = answer("data", "info", "faces")["data"]
    unread = {item["name"] for item in data["skipped"]} | set(data["reasons"])
    assert unread == {"tif.tif", "tga.tga", "ppm.ppm", "pcx.pcx", "ico.ico", "renamed.png"}
    found = answer("clean", "faces", "--check=corrupt")["data"]
    assert found["files"] == data["images"] + len(data["skipped"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_what_the_system_does_not_let_us_read_is_not_corrupt(faces: Path) -> None:
    (faces / "00.png").chmod(0)
    found = answer("clean", "faces", "--check=corrupt", "--apply")["data"]
    assert found["by_reason"] == {"corrupt": 1, "unopened": 1}
    assert found["refused"] == [] and (faces / "00.png").exists()


def test_a_file_that_cannot_be_opened_is_never_moved(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = measure.read_image_file

    def denied(path: Path, name: str = "") -> bytes:
        if path.name == "00.png":
            raise ImageError(name, "cannot be read: Permission denied", "unreadable")
        return real(path, name)

    monkeypatch.setattr(measure, "read_image_file", denied)
    for checks in ("--check=corrupt", "--check=type", "--skip=face"):
        found = answer("clean", "faces", checks, "--apply")["data"]
        assert found["by_reason"]["unopened"] == 1
        assert (faces / "00.png").exists()
    row = read_manifest(newest_manifest("faces") or "").set_index("name").loc["00.png"]
    assert (row["decision"], row["note"]) == ("review", "cannot be read: Permission denied")


def test_what_is_lost_on_the_way_to_pixels_is_noted(faces: Path) -> None:
    image = Image.radial_gradient("L").resize((70, 70))
    both = Image.merge("LA", (image, image))
    both.save(faces / "clear.png")
    (faces / "broken.jpg").unlink()
    image.save(faces / "moves.gif", save_all=True, append_images=[image.rotate(90)])
    found = answer("clean", "faces", "--check=type")["data"]
    assert found["by_reason"] == {}
    table = read_manifest(newest_manifest("faces") or "").set_index("name")
    assert table["reasons"]["clear.png"] == "transparent"
    assert table["reasons"]["moves.gif"] == "animated"
    assert set(table["decision"][["clear.png", "moves.gif"]]) == {"keep"}
    data = answer("data", "info", "faces")["data"]
    assert (data["alpha"], data["animated"]) == (1, 1)


def test_what_to_type_next_works_for_a_folder_that_looks_like_an_option(faces: Path) -> None:
    faces.rename("-faces")
    found = call("clean", FEW, "--", "-faces")
    assert found.exit_code == 0, found.output
    assert "animekit clean ./-faces --apply" in found.stderr
    assert call("clean", FEW, "./-faces", "--apply", "--yes").exit_code == 0
