"""The doctor: sound here, and right about what a test breaks."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

import pytest

import animekit
from animekit import plugins
from animekit.plugins import Registry
from animekit.setup import doctor as parts_of_it
from animekit.setup.doctor import Diagnosis, Examined


@pytest.fixture(scope="module")
def registry() -> Registry:
    return plugins.load()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))


def looked(registry: Registry) -> dict[str, Examined]:
    return {each.id: each for each in animekit.doctor(registry=registry).checks}


def test_a_sound_machine_has_no_failure_and_every_part(registry: Registry) -> None:
    found = animekit.doctor(registry=registry)
    assert found.failure() is None and not found.broken
    names = [each.id for each in found.checks]
    assert len(set(names)) == len(names)
    assert {"animekit", "packages", "device", "precision", "threads", "memory", "runs"} <= {*names}
    assert {"environment", "plugins", "detector own", "weights", "downloads"} <= {*names}
    assert "faces64" in looked(registry)["weights"].detail
    assert not list(Path().iterdir())  # it looked, and made nothing
    assert "detector own" in str(found)


def test_a_package_that_is_missing_or_too_old_is_named(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["torch>=999", "nowhere>=1", "opencv-contrib>=1", 'absent>=1; extra == "maps"']
    monkeypatch.setattr(metadata, "requires", lambda name: wanted)
    parts = looked(registry)
    assert not parts["packages"].ok
    assert "torch>=999 (here: " in parts["packages"].detail
    assert "nowhere>=1 (here: none)" in parts["packages"].detail
    assert parts["extras"].ok and "not maps (absent)" in parts["extras"].detail
    assert 'pip install -e ".[maps]"' in str(parts["extras"].hint)


def test_any_opencv_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "opencv-contrib-python":
            raise metadata.PackageNotFoundError(name)
        return "5.0"

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", lambda name: ["opencv-python>=4.10"])
    packages, _ = parts_of_it._packages()
    assert packages == Examined("packages", ok=True, detail="opencv-python 5.0")


def test_a_plugin_that_does_not_load_is_broken(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "bad.py").write_text("import nothing_of_this_name", encoding="utf-8")
    found = animekit.doctor(registry=plugins.load(tmp_path / "mine"))
    (bad,) = found.broken
    assert bad.id == "plugin bad" and "nothing_of_this_name" in bad.detail
    error = found.failure()
    assert error is not None and error.message == "broken: plugin bad"
    assert error.exit_code == 4 and error.data == found.as_dict()


def test_a_file_of_settings_with_mistakes_is_broken(registry: Registry) -> None:
    Path("animekit.toml").write_text("lrr = 1\n", encoding="utf-8")
    part = looked(registry)["configuration"]
    assert not part.ok and 'line 1: unknown parameter "lrr"' in part.detail
    Path("animekit.toml").write_text("lr = [\n", encoding="utf-8")
    part = looked(registry)["configuration"]
    assert not part.ok and "animekit.toml" in part.detail
    Path("animekit.toml").write_text("lr = 0.1\n", encoding="utf-8")
    assert looked(registry)["configuration"].detail == "animekit.toml: sound"


def test_a_place_where_nothing_can_be_written_is_broken(registry: Registry) -> None:
    Path("runs").write_text("a file", encoding="utf-8")
    part = looked(registry)["runs"]
    assert not part.ok and "runs is in the way" in part.detail


def test_little_room_and_a_taken_variable_are_told(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_LR", "secret")
    usage = shutil.disk_usage(os.fspath(Path()))._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    parts = looked(registry)
    assert parts["samples"].state == "note" and "free some space" in str(parts["samples"].hint)
    assert "ANIMEKIT_LR" in parts["environment"].detail
    assert "secret" not in str(parts)


def test_damaged_downloads_are_found(registry: Registry) -> None:
    store = Path("home/weights")
    store.mkdir(parents=True)
    (store / "lbpcascade_animeface.xml").write_text("not the cascade", encoding="utf-8")
    parts = looked(registry)
    assert not parts["downloads"].ok
    assert parts["downloads"].hint == "animekit models pull lbpcascade_animeface"
    assert "sha256 differs" in parts["detector lbp"].detail


def test_what_cannot_be_found_out_is_a_finding_and_no_end(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr(parts_of_it, "_memory", fails)
    part = looked(registry)["memory"]
    assert part == Examined("memory", ok=False, detail="ValueError: no such thing")


def test_states_and_table() -> None:
    parts = (
        Examined("a", ok=True, detail="x"),
        Examined("b", ok=True, detail="y", hint="do"),
        Examined("c", ok=False, detail="z"),
    )
    rows = Diagnosis(parts).as_table()
    assert [row[1] for row in rows] == ["state", "ok", "note", "BROKEN"]
