"""The plugins that the guide shows: each kind, taken from the page and used."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from animekit import plugins
from animekit.cleaning.check import Picture
from animekit.plugins import KINDS, Registry
from animekit.testing import check_model
from tests.support import picture

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "write-a-plugin.md"


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Load the files that the page tells its reader to save."""
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    for name, body in re.findall(
        r"[Ss]ave this as\s`([^`]+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL
    ):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(body, encoding="utf-8")
    found = plugins.load("my_plugins")
    assert not found.failures
    yield found
    for name in [each for each in sys.modules if each.startswith("animekit_loose")]:
        del sys.modules[name]


def test_the_guide_shows_one_of_each_kind(shown: Registry) -> None:
    loose = {cls for cls, source in shown.sources.items() if source.origin.startswith("my_plugins")}
    for kind in KINDS:
        (cls,) = loose & set(shown.all(kind).values())
        assert cls.summary().endswith(".")
        assert f"a {kind.replace('dataset', 'data set')}" in PAGE.read_text().lower()


def test_the_model_keeps_the_contract(shown: Registry) -> None:
    check_model(shown.get("model", "margin"), sizes=(32,))


def test_the_metric_measures_the_distance_of_the_means(shown: Registry) -> None:
    black, grey = np.zeros((4, 3, 8, 8), np.uint8), np.full((4, 3, 8, 8), 12, np.uint8)
    cls = shown.get("metric", "mean_colour")
    assert cls().compute(black, grey) == {"mean_colour": 12.0}
    assert cls(cls.Params(power=2)).compute(black, grey) == {"mean_colour": 144.0}


def test_the_check_finds_what_is_nearly_white(shown: Registry) -> None:
    import pandas as pd

    check = shown.get("check", "pale")()
    rows = [check.measure(Picture("a.png", picture(value))) for value in (0, 255)]
    assert rows[0]["brightness"] < rows[1]["brightness"]
    table = pd.DataFrame([{"brightness": 20.0}, {"brightness": 250.0}])
    assert [finding.row for finding in check.judge(table)] == [1]


def test_the_detector_finds_the_middle(shown: Registry) -> None:
    boxes = shown.get("detector", "middle")().detect(np.zeros((40, 80, 3), np.uint8))
    assert boxes.tolist() == [[30, 10, 20, 20, 1]]


def test_the_data_set_is_the_same_whenever_it_is_asked_for(shown: Registry) -> None:
    data = shown.get("dataset", "stripes")("5")
    assert len(list(data)) == 5
    assert np.array_equal(data[3][0], data[3][0]) and data.fingerprint() == "stripes-1-5"


def test_the_logger_writes_rows(shown: Registry, tmp_path: Path) -> None:
    logger = shown.get("logger", "csv-log")()
    logger.start(SimpleNamespace(path=tmp_path), {})
    logger.log(7, {"g/adv": 0.5})
    logger.close()
    assert (tmp_path / "losses.csv").read_text().split() == ["7,0.5"]


def test_the_readme_counts_the_lines_of_the_guides_model_as_those_of_its_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (body,) = re.findall(r"`my_plugins/margin.py`:\n\n```python\n(.*?)```", text, re.DOTALL)
    readme = (PAGE.parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"is [{len(body.splitlines())} lines](docs/howto/write-a-plugin.md)" in readme


def test_lines_of_a_plugin_are_counted_with_all_parts_that_it_needs() -> None:
    readme = (PAGE.parents[2] / "README.md").read_text(encoding="utf-8")
    models = PAGE.parents[2] / "plugins" / "models"
    for name, files in {
        "twostage": ("twostage", "_stages", "_colorizer"),
        "infogan": ("infogan", "_infogan"),
        "gan": ("gan",),
    }.items():
        count = sum(len((models / f"{file}.py").read_text().splitlines()) for file in files)
        assert re.search(rf"^\| `{name}` \|.*\| {count} \|$", readme, re.MULTILINE)
