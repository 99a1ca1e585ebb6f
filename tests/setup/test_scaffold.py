"""A new plugin of each kind loads, works, and its test passes; nothing is overwritten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from animekit import plugins
from animekit.errors import AnimekitError, NotFoundError, UnusableError, UsageError
from animekit.plugins import KINDS
from animekit.setup.scaffold import new_plugin
from animekit.testing import check_plugin


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_keeps_the_contract_of_its_kind(kind: str, tmp_path: Path) -> None:
    module, test = new_plugin(f"My-{kind}", kind, tmp_path)
    assert module == tmp_path / f"my_{kind}.py"
    registry = plugins.load(tmp_path)
    assert not registry.failures
    cls = registry.get(kind, f"My_{kind}")
    assert cls.summary().startswith(f"My {kind}")
    check_plugin(cls, registry=registry, sizes=(32,))
    for path in (module, test):
        lines = path.read_text("utf-8").splitlines()
        assert max(map(len, lines)) <= 100
        assert "$" not in path.read_text("utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_its_kind_is_a_name_too(kind: str, tmp_path: Path) -> None:
    new_plugin(kind, kind, tmp_path)
    assert not plugins.load(tmp_path).failures


def test_its_test_passes_under_pytest(tmp_path: Path) -> None:
    new_plugin("sum-of-all", "metric", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("a", "modle", NotFoundError),
        ("../a", "model", UsageError),
        ("3d", "metric", UsageError),
        ("class", "metric", UsageError),
        ("a--b", "metric", UsageError),
        ("", "metric", UsageError),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    name: str, kind: str, error: type[AnimekitError], tmp_path: Path
) -> None:
    with pytest.raises(error):
        new_plugin(name, kind, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_and_no_name_is_taken_twice(tmp_path: Path) -> None:
    module, test = new_plugin("mine", "metric", tmp_path)
    test.unlink()
    module.write_text("# my work", encoding="utf-8")
    with pytest.raises(UnusableError, match="exists: nothing is ever overwritten"):
        new_plugin("mine", "metric", tmp_path)
    assert module.read_text(encoding="utf-8") == "# my work"
    with pytest.raises(UnusableError, match="there is a model wgangp already"):
        new_plugin("wgangp", "model", tmp_path, registry=plugins.load())


def test_a_dry_run_names_the_files_and_writes_none(tmp_path: Path) -> None:
    made = new_plugin("mine", "check", tmp_path / "new", dry_run=True)
    assert [path.name for path in made] == ["mine.py", "test_mine.py"]
    assert not (tmp_path / "new").exists()
