"""Evaluation: which images are compared, the floor, repeats, gates, references and the record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from pydantic import Field

from animekit import plugins
from animekit.config import Params
from animekit.errors import AnimekitError, ConfigError, NotFoundError, UnusableError, UsageError
from animekit.evaluation import reference
from animekit.evaluation.evaluate import evaluate, make_reference, real_side
from animekit.evaluation.fakes import ModelContender, SetContender, contender
from animekit.evaluation.image_set import ImageSet, open_images
from animekit.evaluation.metric import Exhibit, Metric
from animekit.evaluation.result import Value, summarise
from animekit.labels.tags import NAMES
from animekit.models import weights
from animekit.plugins import PluginSource, Registry
from animekit.runs.run import Run, load_model
from animekit.testing.tiny import tiny_dataset

SIZE = 32


@pytest.fixture(scope="module")
def run(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return the run of a training of two steps."""
    return trained(tmp_path_factory.mktemp("place") / "runs", steps=2)


class ShiftParams(Params):
    """How much is added."""

    seed: int = Field(0, description="seed")
    factor: float = Field(1.0, description="what the distance is multiplied by")


class Shift(Metric):
    """Difference of the mean brightness, fake minus real."""

    name = "shift"
    Params = ShiftParams
    params: ShiftParams
    calls: ClassVar[list[tuple[str, int, int]]] = []

    def prepare(self, real: np.ndarray) -> float:
        self.calls.append(("prepare", self.params.seed, len(real)))
        return float(real.mean())

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        if fake.std() == 0:
            raise UnusableError("the pictures are flat", code="metric.undefined")
        self.calls.append(("compute", self.params.seed, len(fake)))
        mean = real if isinstance(real, float) else float(real.mean())
        return {"shift": self.params.factor * (float(fake.mean()) - mean), "shift_se": 0.5}

    def export(self, prepared: Any) -> dict[str, np.ndarray]:
        return {"mean": np.array([prepared])}

    def restore(self, arrays: dict[str, np.ndarray]) -> float:
        return float(arrays["mean"][0])

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        picture = np.concatenate([real[0], fake[0]], axis=2).transpose(1, 2, 0)
        return [Exhibit("pair", "real | fake", picture, {"fake": [1, 2]})]


class Asked(Metric):
    """Share of the fakes that were asked to have black hair."""

    name = "asked"
    better = "higher"
    conditional = True
    uses_real = False

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        assert labels is not None
        return {"asked": float(labels[:, NAMES.index("black hair")].mean())}


class Absent(Metric):
    """A metric that lacks its weights."""

    name = "absent"

    def missing(self) -> AnimekitError:
        return NotFoundError("no weights for absent", "get them", code="weights.missing")


@pytest.fixture
def few() -> Registry:
    """Return the plugins with three metrics of these tests, and no other metric."""
    found = plugins.load()
    found.components["metric"].clear()
    for cls in (Shift, Asked, Absent):
        found.add("metric", cls, PluginSource("tests", "tests", "0"))
    Shift.calls.clear()
    return found


def drawn(count: int, *, seed: int = 0, name: str = "reals", labelled: bool = False) -> ImageSet:
    """Return noise pictures around a brightness of 100, equal for equal seeds."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 140, (count, SIZE, SIZE, 3), dtype=np.uint8)
    labels = None
    if labelled:
        labels = np.zeros((count, len(NAMES)), np.uint8)
        labels[::2, NAMES.index("black hair")] = 1
        labels[1::2, NAMES.index("blue hair")] = 1
    return ImageSet(name, images, labels, {"fingerprint": str(seed), "size": SIZE})


def brighter(images: ImageSet, by: int, name: str = "fakes") -> ImageSet:
    """Return the images with something added to every pixel."""
    return ImageSet(name, images.images + np.uint8(by), images.labels, {"fingerprint": name})


def codes(found: Any) -> list[str]:
    """Return the codes of what is odd about an evaluation."""
    return [oddity.code for oddity in found.oddities]


# what is compared


def test_a_shift_is_found_and_the_floor_stays_near_zero(few: Registry) -> None:
    fakes = brighter(drawn(600, seed=1), 20)
    found = evaluate(fakes, drawn(600), metrics=["shift"], registry=few)
    value, floor = found.columns[1].values["shift"], found.real.values["shift"]
    assert value.value == pytest.approx(20, abs=0.5)
    assert abs(floor.value or 0) < 0.5
    assert (value.n, floor.n, value.repeats) == (300, 300, 3)


def test_swapped_sides_change_the_sign(few: Registry) -> None:
    one, two = drawn(200), brighter(drawn(200, seed=1), 20)
    there = evaluate(two, one, metrics=["shift"], registry=few).value("shift")
    back = evaluate(one, two, metrics=["shift"], registry=few).value("shift")
    assert there == pytest.approx(20, abs=1)
    assert back == pytest.approx(-20, abs=1)


def test_by_default_the_floor_has_as_many_images_as_the_fakes(few: Registry) -> None:
    found = evaluate(drawn(900, seed=1), drawn(1000), metrics=["shift"], registry=few)
    assert found.provenance["n"] == 500
    assert "floor.smaller" not in codes(found)


def test_a_number_that_was_asked_for_is_kept_and_a_smaller_floor_is_said(
    few: Registry,
) -> None:
    found = evaluate(drawn(900, seed=1), drawn(1000), metrics=["shift"], num=800, registry=few)
    assert found.columns[1].values["shift"].n == 800
    assert found.real.values["shift"].n == 500
    assert "floor.smaller" in codes(found)
    # the floor's real side has as many images as its fakes, and none in common
    assert ("prepare", 0, 800) in Shift.calls
    assert any(call[0] == "prepare" and call[2] < 800 for call in Shift.calls)


def test_too_large_a_number_is_cut_and_said(few: Registry) -> None:
    found = evaluate(drawn(50, seed=1), drawn(100), metrics=["shift"], num=80, registry=few)
    assert found.provenance["n"] == 50
    assert {"data.fewer", "data.few"} <= set(codes(found))


def test_each_repeat_has_a_seed_of_its_own_unless_one_is_set(few: Registry) -> None:
    evaluate(drawn(40, seed=1), drawn(80), metrics=["shift"], seed=5, registry=few)
    assert {call[1] for call in Shift.calls} == {5, 6, 7}
    Shift.calls.clear()
    params = {"shift.seed": 9}
    evaluate(drawn(40), drawn(80, seed=1), metrics=["shift"], params=params, registry=few)
    assert {call[1] for call in Shift.calls} == {9}


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(few: Registry) -> None:
    def value(seed: int) -> float | None:
        fakes, reals = drawn(400, seed=1), drawn(300)
        return evaluate(fakes, reals, metrics=["shift"], num=100, seed=seed, registry=few).value(
            "shift"
        )

    assert value(0) == value(0)
    assert value(0) != value(1)


def test_copies_are_named(few: Registry) -> None:
    reals = drawn(100)
    images = np.concatenate([drawn(90, seed=1).images, reals.images[:6], reals.images[:4]])
    found = evaluate(ImageSet("fakes", images), reals, metrics=["shift"], registry=few)
    said = {oddity.code: oddity.message for oddity in found.oddities}
    assert "4 images are copies of others" in said["data.duplicates"]
    assert "10 images are, pixel for pixel" in said["data.copied"]


def test_the_same_set_on_both_sides_is_said(few: Registry) -> None:
    found = evaluate(drawn(60, name="copy"), drawn(60), metrics=["shift"], registry=few)
    assert "data.same" in codes(found)


def test_flat_fakes_have_no_number_but_a_reason(few: Registry) -> None:
    flat = ImageSet("flat", np.full((60, SIZE, SIZE, 3), 7, np.uint8))
    found = evaluate(flat, drawn(120), metrics=["shift"], registry=few)
    assert found.columns[1].values["shift"] == Value(None, n=60, reason="the pictures are flat")
    assert found.real.values["shift"].value is not None
    row = found.facts()["metrics"][0]
    assert (row["value"], row["values"]["flat"]["reason"]) == (None, "the pictures are flat")


def test_two_contenders_stand_side_by_side(few: Registry) -> None:
    one, two = brighter(drawn(80, seed=1), 20, "one"), brighter(drawn(80, seed=2), 21, "two")
    found = evaluate(one, drawn(160), metrics=["shift"], versus=[two], registry=few)
    assert [column.name for column in found.columns] == ["real vs real", "one", "two"]
    assert (found.value("shift", 2) or 0) - (found.value("shift") or 0) == pytest.approx(1, abs=0.5)
    assert found.differ("shift", 1, 2) is False  # its own standard error is 0.5
    assert found.differ("shift", 0, 1) is True


def test_images_of_two_sizes_are_refused(few: Registry) -> None:
    small = ImageSet("small", drawn(20).images[:, :16, :16])
    with pytest.raises(UnusableError, match="different sizes.*fakes 32 px.*small 16 px"):
        evaluate(brighter(drawn(20), 1), drawn(40), metrics=["shift"], versus=[small], registry=few)


# metrics and their parameters


def test_a_metric_without_its_weights_is_left_out_unless_it_was_named(few: Registry) -> None:
    found = evaluate(drawn(40, seed=1), drawn(80), registry=few)
    assert {row.metric for row in found.rows} == {"shift"}
    with pytest.raises(NotFoundError, match="no weights for absent"):
        evaluate(drawn(40), drawn(80), metrics=["absent"], registry=few)


def test_a_metric_that_needs_more_images_is_left_out_unless_it_was_named(
    few: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asked, "fewest", 1000)
    fakes, reals = drawn(40, seed=1, labelled=True), drawn(80, labelled=True)
    found = evaluate(fakes, reals, registry=few)
    assert {row.metric for row in found.rows} == {"shift"}
    assert "metric.count" in codes(found)
    with pytest.raises(UnusableError, match="asked needs 1000 images a side, there are 40"):
        evaluate(fakes, reals, metrics=["asked"], registry=few)


def test_unknown_metrics_and_keys_are_refused_with_the_nearest(few: Registry) -> None:
    with pytest.raises(NotFoundError, match='Did you mean "shift"'):
        evaluate(drawn(40), drawn(80), metrics=["shfit"], registry=few)
    with pytest.raises(ConfigError, match="shift.faktor"):
        evaluate(drawn(40), drawn(80), params={"shift.faktor": 2}, registry=few)


def test_parameters_reach_their_metric(few: Registry) -> None:
    fakes = brighter(drawn(80, seed=1), 20)
    for key in ("shift.factor", "factor"):
        found = evaluate(fakes, drawn(160), metrics=["shift"], params={key: 3}, registry=few)
        assert found.value("shift") == pytest.approx(60, abs=2)
        assert found.provenance["metrics"]["shift"]["factor"] == 3


def test_a_conditional_metric_gets_the_labels_of_the_fakes(few: Registry) -> None:
    fakes = drawn(40, seed=1, labelled=True)
    assert fakes.labels is not None
    only_black = ImageSet("fakes", fakes.images[::2], fakes.labels[::2])
    found = evaluate(only_black, drawn(80, labelled=True), metrics=["asked"], registry=few)
    assert found.value("asked") == 1.0
    assert found.real.values["asked"].value == pytest.approx(0.5, abs=0.2)


def test_a_conditional_metric_without_labels_is_left_out_or_refused(few: Registry) -> None:
    found = evaluate(drawn(40, seed=1), drawn(80, labelled=True), registry=few)
    assert "asked.labels" in codes(found)
    with pytest.raises(UnusableError, match="asked is left out: fakes has no labels"):
        evaluate(brighter(drawn(40), 1), drawn(80), metrics=["asked"], registry=few)


def test_unlabelled_real_images_give_no_conditional_floor(few: Registry) -> None:
    fakes = drawn(40, seed=1, labelled=True)
    found = evaluate(fakes, drawn(80), metrics=["asked"], registry=few)
    assert "asked" not in found.real.values
    assert found.value("asked") == pytest.approx(0.5, abs=0.2)


# gates


@pytest.mark.parametrize(
    ("gate", "fails"),
    [("shift>10", True), ("shift > 30", False), ("shift<30", True), ("shift>=20.5", False)],
)
def test_gates_fail_as_they_say(few: Registry, gate: str, *, fails: bool) -> None:
    fakes = brighter(drawn(200, seed=1), 20)
    found = evaluate(fakes, drawn(200), metrics=["shift"], registry=few)
    found.check([gate])
    failure = found.failure()
    assert (failure is not None) is fails
    if failure is not None:
        assert failure.exit_code == 5
        assert "shift is" in failure.message


def test_a_gate_on_an_undefined_number_fails(few: Registry) -> None:
    flat = ImageSet("flat", np.full((60, SIZE, SIZE, 3), 7, np.uint8))
    found = evaluate(flat, drawn(120), metrics=["shift"], registry=few)
    found.check(["shift<-1000"])
    assert found.failure() is not None


@pytest.mark.parametrize("gate", ["shift", "shift=3", "shfit>3", ">3", "shift>many"])
def test_gates_that_cannot_be_read_are_refused(few: Registry, gate: str) -> None:
    found = evaluate(drawn(40, seed=1), drawn(80), metrics=["shift"], registry=few)
    with pytest.raises(UsageError, match="gate|nothing is called"):
        found.check([gate])


# references


def test_a_reference_stands_in_for_the_real_images(few: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "reals"
    folder.mkdir()
    for index, image in enumerate(drawn(200).images):
        Image.fromarray(image).save(folder / f"{index}.png")
    made = make_reference(str(folder), "noise32", metrics=["shift"], registry=few)
    path = reference.save(made, tmp_path / "noise32.safetensors")
    read = reference.load(path)
    assert (read.count, read.size, list(read.metrics)) == (100, SIZE, ["shift"])
    fakes = brighter(drawn(150, seed=3), 20)
    found = evaluate(fakes, str(path), metrics=["shift"], registry=few)
    assert found.value("shift") == pytest.approx(20, abs=1)
    assert found.real.values["shift"].n == 100
    assert abs(found.real.values["shift"].value or 9) < 1
    assert found.provenance["real"]["kind"] == "reference"


def test_a_reference_refuses_what_it_cannot_do(few: Registry, tmp_path: Path) -> None:
    arrays = {"shift": {"mean": np.array([100.0])}}
    made = reference.Reference("r", 100, SIZE, {}, {"shift": {}}, {}, arrays)
    path = reference.save(made, tmp_path / "r.safetensors")
    with pytest.raises(UnusableError, match="has 40 images, reference r needs 100"):
        evaluate(drawn(40), str(path), metrics=["shift"], registry=few)
    labelled = drawn(100, seed=1, labelled=True)
    with pytest.raises(UnusableError, match="nothing for asked"):
        evaluate(labelled, str(path), metrics=["asked"], registry=few)
    model = weights.bundled()["faces64"]
    with pytest.raises(AnimekitError, match="no reference of real images"):
        evaluate(drawn(40), str(model), metrics=["shift"], registry=few)


# where things are found


def test_a_run_brings_its_own_data(
    run: Run, few: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.path.parent.parent)
    first = contender(None, few)
    assert isinstance(first, ModelContender)
    real = real_side(None, first, few)
    assert isinstance(real, ImageSet)
    assert real.name == run.config["options"]["data"]
    found = evaluate(None, None, metrics=["shift"], num=8, repeats=2, registry=few)
    assert found.columns[1].name == "-".join(run.id.split("-")[:2])
    assert found.columns[1].facts["sha256"] == load_model(None, few).sha256


def test_a_model_draws_other_images_in_each_repeat(run: Run, few: Registry) -> None:
    model = contender(run, few)
    words: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        words.append((done, total))

    first, labels = model.draw(6, 0, tell)
    second, _ = model.draw(6, 1, tell)
    again, _ = model.draw(6, 0, tell)
    assert labels is None
    assert first.shape == (6, 3, SIZE, SIZE)
    assert np.array_equal(first, again)
    assert not (first == second).all(axis=(1, 2, 3)).any()
    assert words[-1] == (6, 6)


def test_without_real_images_it_is_said_what_was_looked_for(
    few: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match="no real images.*data/faces"):
        evaluate(drawn(40), None, metrics=["shift"], registry=few)


def test_a_folder_of_images_is_a_contender(few: Registry, tmp_path: Path) -> None:
    for index, image in enumerate(tiny_dataset(6)[at] for at in range(6)):
        Image.fromarray(image[0]).save(tmp_path / f"{index}.jpg")
    found = contender(str(tmp_path), few)
    assert isinstance(found, SetContender)
    assert (found.size, found.limit) == (64, 6)
    assert [oddity.code for oddity in found.images.oddities] == ["data.jpeg"]


def test_images_of_several_sizes_need_a_size(few: Registry, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    Image.new("RGB", (50, 30)).save(tmp_path / "b.png")
    with pytest.raises(AnimekitError, match="several sizes.*1 of 40x40, 1 of 50x30"):
        open_images(str(tmp_path), None, few)
    found = open_images(str(tmp_path), 16, few)
    assert found.images.shape == (2, 16, 16, 3)
    assert "2 of 2 images were brought to 16x16" in found.oddities[0].message


def test_a_model_that_draws_nothing_is_refused(few: Registry) -> None:
    with pytest.raises(NotFoundError, match='no run, checkpoint, weights or folder.*"nothing"'):
        contender("nothing", few)


# the record


def test_the_record_is_whole_and_has_its_pictures(few: Registry, tmp_path: Path) -> None:
    fakes = brighter(drawn(80, seed=1), 20)
    found = evaluate(fakes, drawn(160), metrics=["shift"], registry=few)
    path = found.save(tmp_path / "0001")
    facts = json.loads(path.read_text("utf-8"))
    assert facts["provenance"]["real"]["fingerprint"] == "0"
    assert facts["provenance"]["fakes"][0]["fingerprint"] == "fakes"
    assert facts["tables"][0]["table"] == {"fake": [1, 2]}
    assert facts["metrics"][0]["values"]["fakes"]["se"] == 0.5
    with Image.open(tmp_path / "0001" / "pair-fakes.png") as picture:
        assert picture.size == (2 * SIZE, SIZE)


def test_numbers_over_repeats_become_a_mean_and_a_spread() -> None:
    found = summarise([{"a": 1.0, "a_se": 0.5}, {"a": 3.0, "a_se": 0.5}], 10)["a"]
    assert (found.value, found.se, found.n, found.repeats) == (2.0, 0.5, 10, 2)
    assert found.sd == pytest.approx(2**0.5)
    assert summarise([{"a": float("nan")}], 10)["a"].reason == "it is not finite"


@pytest.mark.parametrize(
    ("name", "expected"), [("faces64", "mlds_extra64"), ("course64", "mlds_faces64")]
)
def test_bundled_weights_come_with_the_reference_of_their_data(
    name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    installed = plugins.load()
    found = real_side(None, contender(name, installed), installed)
    assert isinstance(found, reference.Reference)
    assert (found.name, found.size, found.count) == (expected, 64, 5000)
    assert {"swd", "ms_ssim", "fd"} == set(found.metrics)
    assert 2 < found.floor["swd_avg"]["value"] < 5
    assert "path" not in found.data


@pytest.mark.slow
def test_a_fresh_checkout_measures_the_bundled_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = evaluate(metrics=["ms_ssim", "swd"], repeats=1)
    assert found.columns[1].name == "faces64"
    assert found.value("swd_avg") == pytest.approx(9.8, abs=0.5)
    assert found.value("ms_ssim") == pytest.approx(0.48, abs=0.02)
    assert found.verdicts["faces64"].level == "none"
