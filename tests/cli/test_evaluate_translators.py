"""`animekit evaluate` on a translator: what the command shows, refuses and writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit.models.weights import BUNDLED
from tests.support import answer, call
from tests.translation.models import plugin, swap_weights
from tests.translation.pictures import paint

EXAMPLES = BUNDLED / "examples" / "cyclegan-apple2orange"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Return a command on a model that turns red into blue, with pictures of both."""
    for index in range(6):
        paint(f"A/{index}.png", (200 + index, 40, 40), size=(32, 32))
        paint(f"B/{index}.png", (40, 40, 200 + index), size=(32, 32))
    model = swap_weights(tmp_path / "swap.safetensors")
    more = ["--plugins-dir", str(plugin(tmp_path / "plugins")), "--gpu", "cpu", "--repeats", "1"]
    return ["evaluate", str(model), "--data", "A,B", "--swd", *more]


def test_the_table_has_what_moves_and_the_record_its_pictures(words: list[str]) -> None:
    result = call(*words, "--direction", "a2b", "--plain", "--fail-if", "cycle_a2b>0.1")
    assert result.exit_code == 0, result.output
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in result.stdout.splitlines()}
    assert rows["cycle_a2b"] == ["lower", "", "0.000 ±0.000", "0.000"]
    assert rows["colour_a2b"][2:] == ["1.00 ±0.00", "0.000 ±0.000"]
    assert "gate cycle_a2b>0.1: passed" in result.stdout
    record = Path("evaluations/0001-swap")
    found = sorted(path.name for path in record.iterdir())
    assert found == ["evaluation.json", "pairs-a2b-swap.png"]
    assert "cycle: there and back" in result.stderr


def test_a_dry_run_says_on_what_and_measures_nothing(words: list[str]) -> None:
    result = call(*words, "-n")
    assert result.exit_code == 0
    assert result.stdout.startswith("would translate the pictures in A and B to a2b b2a by swap")
    assert not Path("evaluations").exists()


def test_without_data_the_bundled_translators_say_what_to_type() -> None:
    for name, what in (("cyclegan-apple2orange", "A,B"), ("stargan-hair", "DIR")):
        result = call("evaluate", name)
        assert result.exit_code == 3
        assert f"nothing says what to measure {name} on" in result.stderr
        assert f"animekit evaluate {name} --data {what}" in result.stderr


def test_bundled_fruit_becomes_the_other_fruit_and_a_swap_is_said() -> None:
    sets = f"{EXAMPLES / 'testA'},{EXAMPLES / 'testB'}"
    more = ("--swd", "--repeats", "1", "--direction", "a2b", "--device", "cpu", "--size", "64")
    found = answer("evaluate", "cyclegan-apple2orange", "--data", sets, *more)
    numbers = {row["name"]: row for row in found["data"]["metrics"]}
    assert numbers["like_a2b"]["values"]["untouched"]["value"] < 0.2
    assert numbers["like_a2b"]["value"] > 0.8
    assert numbers["cycle_a2b"]["value"] < numbers["moved_a2b"]["value"]
    assert "translation.swapped" not in {each["code"] for each in found["warnings"]}
    sets = ",".join(reversed(sets.split(",")))
    found = answer("evaluate", "cyclegan-apple2orange", "--data", sets, *more)
    assert "translation.swapped" in {each["code"] for each in found["warnings"]}


def test_bundled_hair_is_read_as_asked_where_nobody_says_what_faces_have() -> None:
    faces = EXAMPLES.parent / "stargan-hair" / "test"
    asked = ("--attr", "blue hair", "--attr", "red hair", "--swd", "--repeats", "1")
    found = answer("evaluate", "stargan-hair", "--data", faces, *asked, "--device", "cpu")
    numbers = {row["name"]: row for row in found["data"]["metrics"]}
    assert numbers["acc_blue_hair"]["value"] > 0.8
    assert numbers["acc_blue_hair"]["values"]["untouched"]["value"] == 0
    assert numbers["kept_blue_hair"]["value"] > 0.5
    assert "tagger" in found["data"]["provenance"]["real"]["labels"]
    swd = numbers["swd_avg_blue_hair"]
    assert swd["value"] is None and "too few" in swd["reason"]
