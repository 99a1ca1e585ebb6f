"""Results: gates, the record, and numbers over repeats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.errors import UsageError
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.image_set import ImageSet
from animekit.evaluation.result import summarise
from animekit.plugins import Registry
from animekit.runs.run import Run
from tests.evaluation.support import SIZE, brighter, drawn


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


def test_gates_can_be_asked_for_together_with_the_numbers(few: Registry) -> None:
    fakes = brighter(drawn(200, seed=1), 20)
    found = evaluate(fakes, drawn(200), metrics=["shift"], fail_if=["shift>10"], registry=few)
    assert [gate.failed for gate in found.gates] == [True]
    assert found.failure() is not None
    with pytest.raises(UsageError, match="--min-faces needs the metric faces"):
        found.check_faces(20)


def test_records_are_numbered_where_nobody_says_where_they_go(
    few: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fakes = brighter(drawn(80, seed=1), 20, "my fakes")
    found = evaluate(fakes, drawn(160), metrics=["shift"], quick=True, registry=few)
    assert (found.provenance["repeats"], found.columns[1].values["shift"].n) == (1, 80)
    for number in ("0001", "0002"):
        assert found.save() == Path(f"evaluations/{number}-my-fakes/evaluation.json")


def test_the_record_of_a_run_lies_in_it_and_is_logged(run: Run, few: Registry) -> None:
    data = run.config["options"]["data"]
    found = evaluate(run, data, metrics=["shift"], num=8, repeats=1, registry=few)
    assert found.save() == run.path / "eval" / "0001" / "evaluation.json"
    line = json.loads((run.path / "evaluations.jsonl").read_text("utf-8"))
    assert (line["record"], line["step"], set(line["values"])) == ("0001", 2, {"shift"})
