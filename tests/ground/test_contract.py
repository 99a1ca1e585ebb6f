"""What a plugin's class must be: methods that can be called, words that are allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit import plugins

PLUGIN = """
from animekit.{home} import {base}
from animekit.hookspecs import hookimpl

class Mine({base}):
    \"\"\"Mine.\"\"\"
    name = "mine"
    {attribute}

    {method}

@hookimpl
def animekit_{kind}s():
    return [Mine]
"""


def loaded(tmp_path: Path, kind: str, method: str, attribute: str = "") -> plugins.Registry:
    home = plugins.HOMES[kind].removeprefix("animekit.")
    code = PLUGIN.format(
        home=home, base=kind.capitalize(), kind=kind, method=method, attribute=attribute
    )
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    return plugins.load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "method", "attribute"),
    [
        ("metric", "def compute(self, real): return {}", ""),
        ("metric", "def compute(self, real, fake, more): return {}", ""),
        ("metric", "def compute(self, real, fake): return {}", "conditional = True"),
        ("metric", "def compute(real, fake): return {}", ""),
        ("check", "def judge(self): return []", ""),
        ("check", "def judge(self, table, folder): return []", ""),
        ("detector", "def detect(self): return []", ""),
        ("model", "def phases(self, batch): return []", ""),
    ],
)
def test_a_method_that_cannot_be_called_as_its_base_is_is_refused_with_its_line(
    kind: str, method: str, attribute: str, tmp_path: Path
) -> None:
    registry = loaded(tmp_path, kind, method, attribute)
    assert registry.find(kind, "mine") is None
    (failure,) = registry.failures
    name = method.split()[1].partition("(")[0]
    assert f"Mine.{name}(" in failure.line
    assert "mine.py, line 10" in failure.line
    assert f"as {kind.capitalize()} has it" in failure.line


@pytest.mark.parametrize(
    ("method", "attribute"),
    [
        ("def compute(self, real, fake): return {}", ""),
        ("def compute(self, a, b, labels): return {}", "conditional = True"),
        ("def compute(self, *images, **more): return {}", ""),
        ("@staticmethod\n    def compute(real, fake): return {}", ""),
        ("def compute(self, real, fake, labels=None, scale=2): return {}", "better = 'real'"),
    ],
)
def test_a_method_of_another_form_that_can_be_called_is_taken(
    method: str, attribute: str, tmp_path: Path
) -> None:
    assert loaded(tmp_path, "metric", method, attribute).find("metric", "mine") is not None


@pytest.mark.parametrize("word", ["'small'", "None", "3", "[]"])
def test_a_word_that_its_base_does_not_know_is_refused_with_the_known_ones(
    word: str, tmp_path: Path
) -> None:
    method = "def compute(self, real, fake): return {}"
    (failure,) = loaded(tmp_path, "metric", method, f"better = {word}").failures
    assert "Mine.better is" in failure.line
    assert "lower higher real" in failure.line
