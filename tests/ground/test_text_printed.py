"""What every verb of the library returns prints as its table, and shows in a notebook."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import animekit as ak
from animekit.evaluation.result import Value
from animekit.runs.run import Run
from animekit.text import Printed
from tests.support import call


@pytest.fixture(scope="module")
def run(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("printed") / "runs", steps=2)


def test_a_run_and_its_plan_print_what_they_are(run: Run) -> None:
    lines = str(run).splitlines()
    assert lines[0].split() == ["run", run.id] and lines[1].split() == ["model", "gan"]
    assert any(line.startswith("step") for line in lines)
    plan = ak.plan("gan", "synthetic:16", steps=3, size=32)
    assert "would train  gan" in str(plan) and "3 steps" in str(plan)


def test_images_print_their_seeds_and_show_as_a_picture(run: Run) -> None:
    made = ak.generate(run, seeds=[3, 17])
    assert [line.split() for line in str(made).splitlines()[1:]] == [["0", "3"], ["1", "17"]]
    with Image.open(io.BytesIO(made._repr_png_())) as shown:
        assert (shown.format, shown.size) == ("PNG", (64, 32))
    assert made._repr_html_() is None  # a notebook would take it first
    assert str(ak.interpolate(run, "1,2", frames=4)).count("\n") == 4
    assert "would draw" in str(ak.plan_generate(run, num=2))


def test_an_evaluation_prints_the_table_of_the_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: dict[str, Any] = {"metrics": ["swd"], "num": 8, "repeats": 1, "illustrate": False}
    found = ak.evaluate(run, "synthetic:16", **asked)
    words = ["--swd", "--ref", "synthetic:16", "--num", 8, "--repeats", 1]
    shown = call("evaluate", run.path, *words).stdout
    assert shown.startswith(str(found) + "\n")
    assert found._repr_html_() == f"<pre>{found}</pre>"


def test_a_cleaning_prints_its_counts(pictures: Path, tmp_path: Path) -> None:
    made = ak.clean(shutil.copytree(pictures, tmp_path / "faces"), checks=["size"])
    assert str(made).splitlines()[-1].split()[0] == "files"
    assert isinstance(made, Printed)


def test_a_number_prints_to_the_digits_that_mean_something() -> None:
    values = (Value(12.345, sd=0.2), Value(None, reason="flat"), Value(0.4321), Value(1234.5))
    assert list(map(str, values)) == ["12.3 ±0.2", "undefined", "0.432", "1234"]


def test_what_a_table_says_is_escaped_in_a_notebook() -> None:
    class Odd(Printed):
        def as_table(self) -> Any:
            return [("a", "<b>")]

    assert Odd()._repr_html_() == "<pre>a  &lt;b&gt;</pre>"
