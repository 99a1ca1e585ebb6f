"""`animekit demo`: from nothing to faces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support import call, keeps_its_schema


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


def test_a_dry_demo_makes_nothing() -> None:
    assert "would draw faces" in call("demo", "-n").stdout
    assert not Path("demo").exists()
