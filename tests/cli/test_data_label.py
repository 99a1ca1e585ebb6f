"""`animekit data label`: what is shown, written, refused, and given as JSON."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import pytest

from animekit.cli.data import command as data
from animekit.data.joined import open_dataset
from animekit.data.synthesis import synth
from animekit.plugins import Registry
from animekit.training.train import train
from tests import support
from tests.conftest import TINY
from tests.support import fill

call = partial(support.call, "data", "label", root=support.alone(data))
answer = partial(support.answer, "data", "label", root=support.alone(data))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))


def drawn(registry: Registry, num: int = 8) -> Path:
    """Draw faces and forget what they are."""
    synth(Path("faces"), num=num, size=64, seed=1, registry=registry)
    for file in Path("faces").glob("*.csv"):
        file.unlink()
    return Path("faces")


def rows() -> list[list[str]]:
    return list(csv.reader(Path("faces/tags.csv").read_text(encoding="utf-8").splitlines()))


def test_a_folder_of_pictures_gets_its_tags(registry: Registry) -> None:
    drawn(registry)
    before = call("faces", "-n")
    assert "would read 8 pictures for hair, eyes" in before.stdout
    assert "0.6 sure, in faces/tags.csv" in before.stdout and not Path("faces/tags.csv").exists()
    done = call("faces", "--sure", "0.5", "--threads", "1")
    assert done.exit_code == 0, done.stderr
    assert rows()[0] == ["file", "hair", "eyes"] and len(rows()) == 9
    known = sum(bool(hair) for _, hair, _ in rows()[1:])
    line = next(line for line in done.stdout.splitlines() if line.startswith("hair"))
    assert line.split()[:5] == ["hair", "known", str(known), f"{100 * known / 8:.1f}", "%"]
    assert "faces/tags.csv  8 rows, blank where less than 0.5 sure" in done.stdout
    assert done.stderr.endswith("Next: animekit train acgan --data faces\n")
    assert call("faces", "--sure", "0.5", "-q").stdout == "faces/tags.csv\n"  # the same again


def test_the_answer_keeps_its_schema(registry: Registry) -> None:
    drawn(registry)
    Path("faces/1.png").write_bytes(b"no picture")
    planned = answer("faces", "-n")
    assert support.keeps_its_schema(planned)
    assert planned["data"] == {"would_read": 8, "path": "faces/tags.csv"}
    found = answer("faces", "--sure", "0.4", "-o", "mine/tags.csv")
    assert support.keeps_its_schema(found)
    values = found["data"]
    assert (values["images"], values["path"]) == (7, "mine/tags.csv")
    assert [item["name"] for item in values["skipped"]] == ["1.png"]
    hair = values["attributes"]["hair"]
    assert hair["known"] == sum(hair["values"].values()) == 7 - hair["unknown"]
    assert [each["kind"] for each in found["artifacts"]] == ["tags"]
    assert found["warnings"][0]["message"].startswith("1.png is left out")


def test_nothing_of_the_user_is_replaced_without_yes(registry: Registry) -> None:
    drawn(registry)
    for text in ("0,blue hair red eyes\n", "file,hair,eyes\n0.png,blue hair,\n"):
        Path("tags.csv").write_text(text, encoding="utf-8")
        refused = call("faces", "-o", "tags.csv", "--sure", "0.4")
        assert refused.exit_code == 4 and "error: tags.csv exists" in refused.stderr
        assert Path("tags.csv").read_text(encoding="utf-8") == text
    assert call("faces", "-o", "tags.csv", "--sure", "0.4", "--yes").exit_code == 0
    assert Path("tags.csv").read_text(encoding="utf-8").startswith("file,hair,eyes\n")


def test_labels_of_a_tagger_of_ones_own_are_read_and_train(registry: Registry) -> None:
    values = {k: v for k, v in TINY.items() if k not in ("g_channels", "d_channels", "z_dim")}
    small = {"base_channels": 4}
    train("tagger", "synthetic:8", labels="smile,hair style", steps=1, params=small, **values)
    drawn(registry)
    done = call("faces", "--classifier", "1", "--sure", "0.01", "-o", "mine.csv")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.endswith("--data faces --tags mine.csv\n")
    text = Path("mine.csv").read_text(encoding="utf-8").splitlines()
    assert text[0].startswith("file,smile,hair style") and len(text) == 9
    read = open_dataset("faces", registry, Path("mine.csv")).spec(8)
    assert read.labels[0] == "smile" and read.groups[0] == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["faces", "--sure", "0"], 2, "a probability of 0 is none"),
        (["faces", "--sure", "1.5"], 2, "a probability of 1.5 is none"),
        (["faces", "--sure", "1"], 4, "nothing in 2 pictures is 1 sure"),
        (["faces", "-o", "tags.jsonl"], 2, "tags.jsonl would not be read as a table"),
        (["faces", "-o", "place.csv"], 4, "place.csv is a folder"),
        (["faces+faces"], 2, "faces+faces are 2 sets"),
        (["faces", "--classifier", "nobody"], 3, 'no classifier "nobody"'),
        (["faces", "--classifier", "faces64"], 4, "faces64 reads no labels"),
        (["nowhere"], 3, "no images in nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], code: int, told: str) -> None:
    fill(Path("faces"), "0.png", "1.png")
    Path("place.csv").mkdir()
    result = call(*words)
    assert result.exit_code == code
    assert f"error: {told}" in result.stderr and result.stderr.count("error:") == 1
    assert not Path("faces/tags.csv").exists()
