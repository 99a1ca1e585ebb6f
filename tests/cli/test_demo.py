"""`animekit demo`: from nothing to faces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support import answer, call, keeps_its_schema


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo draw few faces."""
    monkeypatch.setattr("animekit.demonstration.DATA", "synthetic:40")


@pytest.mark.usefixtures("few")
def test_the_demo_needs_nothing_and_says_where_to_look() -> None:
    result = call("demo", "--minutes", "0.001")
    assert result.exit_code == 0, result.stderr
    places = [line.split("  ")[0] for line in result.stdout.partition("\n\n")[0].splitlines()]
    assert places[:2] == ["demo/faces.png", "demo/runs/0001-gan-synthetic64/samples/reals.png"]
    assert all(Path(place).is_file() for place in places)
    with Image.open("demo/faces.png") as faces:
        assert faces.size == (320, 320)
    assert "Next: animekit train gan --data FOLDER" in result.stdout
    again = call("demo", "--minutes", "0.001", "--json")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert keeps_its_schema(lines[-1])
    assert lines[-1]["data"]["run"] == "demo/runs/0002-gan-synthetic64"


@pytest.mark.usefixtures("few")
def test_the_demo_counts_steps_and_not_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("animekit.demonstration.STEPS", 3)
    monkeypatch.setattr("animekit.demonstration.ENOUGH", 2)
    result = call("demo")
    assert "training for 3 steps, 10 min at most" in " ".join(result.stderr.split())
    assert "what the model draws after 3 steps" in result.stdout
    assert "unfinished" not in result.stderr


@pytest.mark.usefixtures("few")
def test_a_picture_of_too_few_steps_is_never_called_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("animekit.demonstration.LIMIT", 0.0005)  # a machine that is too slow
    result = call("demo")
    said = " ".join(result.stderr.split())
    assert "the picture is unfinished: " in said and "and faces take 300" in said
    found = answer("demo", "--minutes", "0.0005", "--json")
    assert found["data"]["steps"] < 2 and not found["data"]["enough"]
    assert found["warnings"][0]["code"] == "demo.unfinished"


def test_a_dry_demo_makes_nothing() -> None:
    assert "would draw faces, train gan for 500 steps, 10 min at most" in call("demo", "-n").stdout
    assert "for 2 min, fill" in call("demo", "-n", "--minutes", "2").stdout
    assert not Path("demo").exists()
