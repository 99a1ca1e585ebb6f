"""Translators in an evaluation: the floor, what moves, who reads it, and swapped directions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import animekit
from animekit import plugins
from animekit.data.spec import ImageSpec
from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.evaluation.translators.plan import is_translator
from animekit.evaluation.translators.result import TranslatorEvaluation
from animekit.images.write import write_png
from animekit.models import tagger, weights
from animekit.plugins import PluginSource, Registry
from animekit.runs.run import Loaded, load_model
from tests.evaluation.support import Asked, Shift
from tests.support import problems
from tests.translation.models import LABELS, about, paint_weights, plugin, swap_weights

RED, BLUE, GREEN = (220, 40, 40), (40, 40, 220), (40, 220, 40)
QUICK: dict[str, Any] = {"metrics": ["shift"], "repeats": 1, "device": "cpu", "illustrate": False}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return the plugins with two models that translate and, to be quick, one light metric."""
    found = plugins.load(plugin(tmp_path_factory.mktemp("plugins")))
    found.components["metric"].clear()
    for cls in (Shift, Asked):
        found.add("metric", cls, PluginSource("tests", "tests", "0"))
    return found


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # colours alone tell the sets of these tests apart: the tagger would take most of the time
    absent = NotFoundError("no tagger here", "train one")
    monkeypatch.setattr(tagger, "missing", lambda where="tagger": absent)


def paint(folder: str, colour: tuple[int, int, int], count: int = 12, size: int = 32) -> str:
    """Write pictures near a colour, with a grain of their own, and return the folder."""
    rng = np.random.default_rng(sum(colour))
    for index in range(count):
        grain = rng.integers(-30, 30, (size, size, 3))
        write_png(Path(folder) / f"{index:02d}.png", np.uint8(np.clip(grain + colour, 0, 255)))
    return folder


def mixed(path: str, kernel: list[list[float]], **params: Any) -> str:
    """Write weights of `swap` that mix colours: rows are red, green and blue of the result.

    The model turns red into blue before, so the first column is blue of the input.
    """
    tensors = {"blur.weight": torch.tensor(kernel)[:, :, None, None]}
    found = about("swap", ImageSpec(32), wide=1, **params)
    Path(path).write_bytes(weights.to_bytes(tensors, found))
    return path


IDENTITY = [[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]
TO_RED = [[0.5, 0, 0.5], [0, 1, 0], [0, 1, 0]]


def judged(
    model: str | Loaded, registry: Registry, data: str = "A,B", **more: Any
) -> TranslatorEvaluation:
    found = animekit.evaluate(model, data=data, registry=registry, **{**QUICK, **more})
    assert isinstance(found, TranslatorEvaluation)
    assert problems("evaluate", json.loads(json.dumps(found.facts()))) == []
    return found


def codes(found: TranslatorEvaluation) -> list[str]:
    return [each.code for each in found.oddities if each.code.startswith("translation")]


def test_a_good_translator_comes_near_the_floor_and_back(registry: Registry) -> None:
    paint("A", RED), paint("B", BLUE)
    found = judged(str(swap_weights(Path("swap.safetensors"))), registry)
    assert [column.name for column in found.columns] == ["real vs real", "swap", "untouched"]
    assert found.targets == ("a2b", "b2a") and codes(found) == []
    for way in found.targets:
        real, made, left = (each.values[f"colour_{way}"].value for each in found.columns)
        assert (real, made, left) == (1.0, 1.0, 0.0)
        assert found.value(f"cycle_{way}") == pytest.approx(0, abs=1e-6)
        assert found.value(f"moved_{way}") == pytest.approx(2 / 3 * 180 / 127.5, rel=0.02)
        assert found.value(f"identity_{way}") == pytest.approx(2 / 3 * 180 / 127.5, rel=0.02)
    assert found.value("cycle") == pytest.approx(0, abs=1e-6)


def test_an_identity_scores_the_floor_of_what_moves_and_the_distance_of_its_source(
    registry: Registry,
) -> None:
    paint("A", RED), paint("B", BLUE)
    found = judged(mixed("same.safetensors", IDENTITY), registry, repeats=2)
    _, made, left = found.columns
    for row in found.rows:
        one, other = made.values[row.key], left.values[row.key]
        assert one.value == pytest.approx(other.value, abs=1e-6), row.key
    assert [found.value(f"{stem}_a2b") for stem in ("cycle", "identity", "moved", "border")] == [
        0,
        0,
        0,
        0,
    ]
    assert found.value("structure_b2a") == 1.0
    assert codes(found) == ["translation.little"]
    assert "changes too little" in str(found.oddities)


def test_a_swapped_direction_is_caught_and_the_right_one_is_not(registry: Registry) -> None:
    paint("red", RED), paint("blue", BLUE)
    model = mixed("to_red.safetensors", TO_RED, ways=["a2b"])
    assert codes(judged(model, registry, "blue,red")) == []
    found = judged(model, registry, "red,blue")
    assert codes(found) == ["translation.swapped"]
    (message,) = [each.message for each in found.oddities if each.code == "translation.swapped"]
    assert message.startswith("a2b: 12 of 12 results are nearer to the source set")
    assert "12 of 12 pictures of the target become like the source" in message
    assert "--data B,A" in message


def test_one_direction_alone_has_no_cycle_and_says_why(registry: Registry) -> None:
    paint("A", RED), paint("B", BLUE)
    model = mixed("one.safetensors", IDENTITY, ways=["b2a"])
    # a model that knows one way and has no way back of its own
    registry.get("model", "swap").cycle, kept = _no_way_back, registry.get("model", "swap").cycle
    try:
        found = judged(model, registry)
    finally:
        registry.get("model", "swap").cycle = kept
    value = found.columns[1].values["cycle_b2a"]
    assert (found.targets, value.value) == (("b2a",), None)
    assert value.reason == "the model knows no way back"
    assert any("cycle_b2a" in line for line in found.reasons())


def _no_way_back(self: Any, images: Any, target: Any, source: Any = None) -> Any:
    raise UnusableError("no way back")


def test_test_folders_count_before_those_of_training(registry: Registry) -> None:
    for name, count in (("trainA", 30), ("trainB", 30), ("testA", 6), ("testB", 8)):
        paint(f"set/{name}", RED if name.endswith("A") else BLUE, count)
    found = judged(str(swap_weights(Path("swap.safetensors"))), registry, "set")
    assert found.provenance["targets"] == [
        {"target": "a2b", "sources": 6, "real": 8, "compared": 4},
        {"target": "b2a", "sources": 8, "real": 6, "compared": 3},
    ]
    assert "set/testA" in found.provenance["real"]["name"]


def test_gates_are_on_these_numbers_and_are_read_before_anything_is_measured(
    registry: Registry,
) -> None:
    paint("A", RED), paint("B", BLUE)
    model = str(swap_weights(Path("swap.safetensors")))
    found = judged(model, registry, fail_if=["moved_a2b>0.5", "cycle>0.1", "shift_a2b<-300"])
    assert [(gate.key, gate.failed) for gate in found.gates] == [
        ("moved_a2b", True),
        ("cycle", False),
        ("shift_a2b", False),
    ]
    failure = found.failure()
    assert failure is not None and failure.exit_code == 5
    with pytest.raises(UsageError, match='nothing is called "cycle_b2c"') as caught:
        judged(model, registry, "nowhere,B", fail_if=["cycle_b2c>1"])
    assert "cycle_b2a" in str(caught.value.hint)


def test_all_metrics_are_those_that_need_no_labels(registry: Registry) -> None:
    paint("A", RED, 6), paint("B", BLUE, 6)
    model = str(swap_weights(Path("swap.safetensors")))
    found = judged(model, registry, metrics="all", direction="a2b")
    assert {row.metric for row in found.rows} >= {"shift", "cycle"}
    assert "asked" not in {row.metric for row in found.rows}


def test_two_translators_stand_side_by_side(registry: Registry) -> None:
    paint("A", RED), paint("B", BLUE)
    good, same = str(swap_weights(Path("swap.safetensors"))), mixed("same.safetensors", IDENTITY)
    found = judged(good, registry, compare=[same])
    names = [column.name for column in found.columns]
    assert names == ["real vs real", "swap", "same", "untouched"]
    assert [found.value("colour_a2b", place) for place in (1, 2, 3)] == [1.0, 0.0, 0.0]


def test_the_best_and_the_worst_pictures_are_shown_and_named(
    registry: Registry, tmp_path: Path
) -> None:
    paint("A", RED, 6), paint("B", BLUE, 6)
    paint("extra", GREEN, 1)
    Path("extra/00.png").rename("A/odd.png")
    model = str(swap_weights(Path("swap.safetensors")))
    found = judged(model, registry, illustrate=True)
    path = found.save(tmp_path / "record")
    pictures = sorted(each.name for each in path.parent.glob("*.png"))
    assert pictures == ["pairs-a2b-swap.png", "pairs-b2a-swap.png"]
    (listed,) = [each for each in found.facts()["tables"] if each["name"] == "pairs-a2b"]
    assert listed["table"]["picture"][-1] == "odd.png"  # green stays green


# labels


def painter(path: str, order: tuple[int, ...] = (0, 1, 2)) -> str:
    """Write weights of `paint` whose labels red, green and blue paint colours in an order."""
    colours = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]])[list(order)]
    found = about("paint", LABELS)
    Path(path).write_bytes(weights.to_bytes({"colours": nn.Parameter(colours)}, found))
    return path


def generator_alone(registry: Registry) -> Loaded:
    """Return a model as weights of others give it: nobody trained its discriminator."""
    loaded = load_model(painter("paint.safetensors"), registry)
    return replace(loaded, config={**(loaded.config or {}), "part": "average"})


@pytest.fixture
def squares() -> str:
    """Return a folder of class folders, which say what the pictures are."""
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        paint(f"squares/{name}", colour, 8, 16)
    return "squares"


def test_each_attribute_is_read_as_asked_by_the_model_itself(
    registry: Registry, squares: str
) -> None:
    found = judged(painter("paint.safetensors"), registry, squares, attrs=["red", "blue"])
    assert found.targets == ("red", "blue")
    assert found.provenance["real"]["labels"] == "the labels of the data"
    for name in found.targets:
        real, made, left = (each.values[f"acc_{name}"].value for each in found.columns)
        assert (real, made, left) == (1.0, 1.0, 0.0)
    assert [row["sources"] for row in found.provenance["targets"]] == [16, 16]
    assert found.value("kept_red") == 1.0  # the light
    (row,) = [row for row in found.rows if row.key == "acc_red"]
    assert row.definition.endswith("the model's own discriminator reads")


def test_labels_in_another_order_are_caught(registry: Registry, squares: str) -> None:
    found = judged(painter("paint.safetensors", (1, 0, 2)), registry, squares)
    assert len(found.targets) == 4  # and the light
    assert codes(found) == ["translation.swapped"]
    (message,) = [each.message for each in found.oddities if each.code == "translation.swapped"]
    assert "asked for red, 100% are read as green" in message and "1 more" in message
    table = found.as_table()
    assert [row[0] for row in table][1:5] == list(found.targets)
    assert [row[0] for row in table][5:] == ["mean", "untouched", "real vs real"]


def test_without_labels_the_reader_says_what_pictures_are(registry: Registry) -> None:
    paint("mine", RED, 5, 16)
    for index in range(5):
        write_png(Path(f"mine/b{index}.png"), np.full((16, 16, 3), BLUE, np.uint8))
    found = judged(painter("paint.safetensors"), registry, "mine", attrs=["blue"])
    assert found.provenance["real"]["labels"] == "the model's own discriminator"
    assert found.provenance["targets"][0]["sources"] == 5
    generator = generator_alone(registry)
    with pytest.raises(UnusableError, match="nobody knows what the pictures in mine are") as caught:
        judged(generator, registry, "mine")
    assert "--tags" in str(caught.value.hint)


def test_weights_of_a_generator_alone_are_not_read_by_their_discriminator(
    registry: Registry, squares: str
) -> None:
    generator = generator_alone(registry)
    found = judged(generator, registry, squares, attrs=["red"])
    value = found.columns[1].values["acc_red"]
    assert (value.value, value.reason) == (None, "nothing here reads red")
    assert found.value("moved_red") is not None


def test_a_target_without_pictures_is_undefined_and_stops_nothing(registry: Registry) -> None:
    paint("squares/red", RED, 8, 16)
    found = judged(painter("paint.safetensors"), registry, "squares", attrs=["red", "green"])
    assert found.value("moved_green") is not None
    assert found.columns[1].values["moved_red"].reason == "no picture is not of red"
    assert found.columns[1].values["identity_green"].reason == "no picture is already of green"
    assert "too few" in str(found.columns[1].values["shift_green"].reason)


# what is refused


def test_what_a_translator_needs_is_said_with_what_to_type(registry: Registry) -> None:
    model = str(swap_weights(Path("swap.safetensors")))
    with pytest.raises(NotFoundError, match=r"trained on \(fruit data/fruit\) is not here") as told:
        animekit.evaluate(model, registry=registry, **QUICK)
    assert told.value.hint == "animekit evaluate swap --data A,B"
    paint("A", RED)
    for more, words in (
        ({"data": "A,A", "metrics": ["asked"]}, "asked is for models that draw"),
        ({"data": "A,A", "size": 30}, "takes no pictures of 30 px"),
        ({"data": "A,A", "min_faces": 2}, "--min-faces is for models that draw"),
        ({"ref": "A"}, "on --data, not on --ref"),
        ({"data": "A,A", "direction": "a2c"}, 'no direction "a2c"'),
    ):
        with pytest.raises(UsageError, match=words):
            animekit.evaluate(model, registry=registry, **{**QUICK, **more})
    with pytest.raises(UnusableError, match="does not translate pictures"):
        animekit.evaluate("faces64", data="A,A", registry=registry, **QUICK)
    with pytest.raises(UsageError, match="are for translators"):
        animekit.evaluate("faces64", direction="a2b", registry=registry, **QUICK)


def test_a_translator_is_told_by_its_weights_alone(registry: Registry) -> None:
    assert is_translator("cyclegan-apple2orange", registry)
    assert is_translator(swap_weights(Path("swap.safetensors")), registry)
    assert is_translator(paint_weights(Path("paint.safetensors")), registry)
    for other in ("faces64", "nowhere", None, "A"):
        assert not is_translator(other, registry)
