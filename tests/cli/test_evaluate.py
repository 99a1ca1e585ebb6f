"""`animekit evaluate`: what it finds by itself, its table, gates, record and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from animekit.cli.evaluate import run as body
from animekit.runs.run import Run
from animekit.testing.tiny import tiny_dataset
from tests.support import answer, call, keeps_its_schema

QUICK = ("--ms-ssim", "--swd", "--repeats", "2")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def place(trained: Callable[..., Run], tmp_path: Path) -> Path:
    """Return the folder of the test, with one run in it."""
    trained(tmp_path / "runs", steps=2)
    return tmp_path


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Return a folder of 16 drawn faces with their tags beside it."""
    folder, rows = tmp_path / "faces", []
    folder.mkdir()
    dataset = tiny_dataset(16)
    for index in range(16):
        image, labels = dataset[index]
        Image.fromarray(image).save(folder / f"{index}.png")
        names = [name for name, on in zip(dataset.spec(64).labels, labels, strict=True) if on]
        rows.append(f"{index},{' '.join(names)}")
    (tmp_path / "tags.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_it_finds_the_newest_run_and_its_data_and_says_which(place: Path) -> None:
    result = call("evaluate", *QUICK)
    assert result.exit_code == 0, result.output
    run = next((place / "runs").glob("0001-*"))
    assert f"using run {run.name}, checkpoint" in result.stderr
    table = result.stdout.splitlines()
    assert table[0].split() == ["good", "is", "real", "vs", "real", "0001-gan"]
    assert [line.split()[0] for line in table[1:6]] == [
        *("ms_ssim", "swd_32", "swd_16", "swd_avg", "n"),
    ]
    assert all("±" in line for line in table[1:5])
    record = run / "eval" / "0001" / "evaluation.json"
    assert str(record.relative_to(place)) in result.stdout
    assert "12 images a side: the numbers are rough" in result.stderr


def test_each_evaluation_of_a_run_is_kept_and_logged(place: Path) -> None:
    for _ in range(2):
        assert call("evaluate", *QUICK, "-q").exit_code == 0
    run = next((place / "runs").glob("0001-*"))
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    assert [row["record"] for row in rows] == ["0001", "0002"]
    assert rows[0]["values"] == rows[1]["values"]
    assert set(rows[0]["values"]) == {"ms_ssim", "swd_32", "swd_16", "swd_avg"}
    assert rows[0]["step"] == 2


def test_quiet_prints_the_paths_of_the_results_alone(place: Path) -> None:
    result = call("evaluate", *QUICK, "-q", "-o", "out")
    assert result.stdout.splitlines() == ["out/evaluation.json"]
    assert result.stderr == ""


def test_the_json_answer_keeps_its_schema_and_is_the_record(place: Path) -> None:
    found = answer("evaluate", *QUICK, "-o", "out")
    assert keeps_its_schema(found)
    assert found["data"] == json.loads((place / "out" / "evaluation.json").read_text())
    assert found["args"]["swd"] is True
    levels = {row["name"]: row["level"] for row in found["data"]["metrics"]}
    assert levels == {"ms_ssim": None, "swd_32": 32, "swd_16": 16, "swd_avg": None}
    assert found["artifacts"][0]["path"] == "out/evaluation.json"


def test_a_gate_that_fails_ends_with_5_and_still_gives_all_numbers(place: Path) -> None:
    result = call("evaluate", *QUICK, "--fail-if", "swd_avg>0.001", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["exit_code"], found["ok"]) == (5, 5, False)
    assert found["data"]["gates"][0]["failed"] is True
    assert "0001-gan does not pass: swd_avg>0.001: swd_avg is" in found["error"]["message"]
    passed = call("evaluate", *QUICK, "--fail-if", "swd_avg<0.001")
    assert passed.exit_code == 0
    assert "gate swd_avg<0.001: passed" in passed.stdout


def test_two_runs_are_compared(place: Path, tiny: Callable[..., Run]) -> None:
    tiny(model="lsgan", steps=2)
    for flag in ("--compare", "--vs"):
        result = call("evaluate", "1", flag, "2", "--swd", "--repeats", "1")
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[0].split()[-2:] == ["0001-gan", "0002-lsgan"]
    assert "--vs" not in call("evaluate", "--help").stdout


def test_a_folder_is_compared_with_a_folder(faces: Path, pictures: Path) -> None:
    words = ("evaluate", faces, "--ref", pictures, "--size", "32", "--swd", "-o", "out")
    result = call(*words)
    assert result.exit_code == 0, result.output
    assert "using 16 images in" in result.stderr
    assert "brought to 32x32 from 64x64" in result.stderr
    assert result.stdout.splitlines()[0].split()[-1] == "faces"


def test_colours_of_a_labelled_folder_are_read(faces: Path) -> None:
    words = ("evaluate", faces, "--ref", faces, "--cond-acc", "--repeats", "1", "-o", "out")
    found = answer(*words)
    names = {row["name"] for row in found["data"]["metrics"]}
    assert {"acc_hair", "acc_eyes", "acc_both"} <= names
    table = next(each for each in found["data"]["tables"] if each["name"] == "confusion-hair")
    black = table["table"]["asked"].index("black")
    assert sum(table["table"]["images"]) == 8  # half of the faces are measured
    assert table["table"]["in_data"][black] > 0
    assert Path("out/confusion-hair-faces.png").is_file()
    assert "same pictures" in json.dumps(found["data"]["oddities"])


def test_a_reference_is_written_and_used(place: Path, pictures: Path) -> None:
    made = call("evaluate", "--swd", "--ms-ssim", "--ref", pictures, "--size", "32",
                "--save-ref", "discs32.safetensors")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "discs32.safetensors  n 12 of 32 px" in made.stdout
    used = call("evaluate", "--swd", "--ms-ssim", "--ref", "discs32.safetensors", "--repeats", "1")
    assert used.exit_code == 0, used.output
    assert "real: discs32 (its statistics)" in used.stdout
    other = call("evaluate", pictures, "--swd", "--ref", "discs32.safetensors", "--size", "16")
    assert "with --size 16" in other.stderr
    planned = call("evaluate", "--swd", "--ref", pictures, "--save-ref", "new.safetensors", "-n")
    assert "would write  new.safetensors" in planned.stdout
    assert not Path("new.safetensors").exists()
    again = call("evaluate", "--swd", "--ref", pictures, "--save-ref", "discs32.safetensors")
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_a_floor_of_fewer_images_says_so_above_its_column(faces: Path, pictures: Path) -> None:
    words = ("evaluate", pictures, "--ref", faces, "--size", "32", "--swd", "--num", "12")
    result = call(*words, "--repeats", "1", "-o", "out")
    assert result.exit_code == 0, result.output
    assert "real vs real (n 8)" in result.stdout.splitlines()[0]
    assert "n 12 a side (as asked)" in result.stdout


def test_flat_real_pictures_keep_their_rows_and_fail_the_gate(faces: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for index in range(8):
        Image.new("RGB", (64, 64), (128, 128, 128)).save(flat / f"{index}.png")
    words = ("evaluate", faces, "--ref", flat, "--swd", "--nearest", "--repeats", "1", "-o", "out")
    found = answer(*words)
    for row in found["data"]["metrics"]:
        assert (row["value"], row["real"]) == (None, None)
        assert row["reason"]
    shown = call(*words).stdout
    assert "undefined: swd_64 swd_32 swd_16 swd_avg (real vs real, faces): real pictures" in shown
    assert "nearest needs 100 images a side, there are 4" in shown
    failed = call(*words, "--fail-if", "swd-avg>40")
    assert failed.exit_code == 5
    assert "swd_avg is undefined: real pictures" in failed.stderr


def test_a_gate_on_no_number_is_refused_before_anything_is_read(place: Path) -> None:
    result = call("evaluate", "--swd", "--fail-if", "swd_agv>3", "-n")
    assert result.exit_code == 2
    assert 'Did you mean "swd_avg"?' in result.stderr
    assert "against" not in result.stderr


def test_a_dry_run_writes_nothing(place: Path) -> None:
    before = sorted(place.rglob("*"))
    result = call("evaluate", "--swd", "-n")
    seen = " ".join(result.stdout.split())
    run = next(Path("runs").glob("0001-gan-*"))
    assert f"would measure {run.name} by swd; " in seen
    assert f"repeats 3; the record goes to {run / 'eval'}" in seen
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("evaluate nothing --swd", 3, 'no run, checkpoint, weights or folder of images "nothing"'),
        ("evaluate --swd --ref nowhere", 3, "no images in nowhere"),
        ("evaluate --swdd", 2, 'Did you mean "--swd"?'),
        ("evaluate --swd --fail-if swd", 2, 'cannot read the gate "swd"'),
        ("evaluate --swd --set swd.pathces=3", 4, "swd.pathces"),
        ("evaluate --swd --repeats 0", 2, "--repeats 1"),
        ("evaluate --swd --checkpoint bst", 2, 'no checkpoint "bst"'),
        ("evaluate --swd --save-ref f.safetensors", 2, "--save-ref needs the real images"),
        ("evaluate --cond-acc", 4, "cond_acc is left out"),
    ],
)
def test_wrong_words_end_with_one_clear_error(
    place: Path, words: str, code: int, message: str
) -> None:
    result = call(*words.split())
    assert result.exit_code == code, result.output
    error = next(line for line in result.stderr.splitlines() if line.startswith("error"))
    assert message in error


def test_a_place_that_cannot_be_written_is_known_before_anything_is_measured(
    place: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(plan: object, progress: object) -> None:
        raise AssertionError("it was measured")

    monkeypatch.setattr(body, "measure", never)
    Path("evaluations").write_text("in the way")
    for out in ((), ("-o", "evaluations/x")):
        words = ("evaluate", pictures, "--ref", pictures, "--size", "32", "--swd", *out)
        refused = call(*words)
        assert refused.exit_code == 4, refused.output
        assert "is in the way" in refused.stderr and "--out" in refused.stderr
