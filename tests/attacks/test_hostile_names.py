"""Attack: names that would leave their folder, or say more than a name, where they are used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit.errors import CheckpointError
from animekit.plugins import Registry
from animekit.runs import checkpoint
from animekit.runs.checkpoint import newest_sound
from animekit.runs.run import Run, load_model


def test_a_run_name_cannot_leave_the_folder_of_runs(
    tiny: Callable[..., Run], tmp_path: Path
) -> None:
    for name in ("../../evil", "/etc/evil", "a/../../evil", "..", "~", "a\\..\\b"):
        run = tiny(steps=0, name=name)
        assert run.path.parent == tmp_path / "runs"
        assert run.path.resolve().parent == (tmp_path / "runs").resolve()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_a_pointer_cannot_lead_out_of_the_run(
    tiny: Callable[..., Run], registry: Registry, tmp_path: Path
) -> None:
    run, other = tiny(steps=0), tiny(steps=0, seed=1)
    for text in (f"../../{other.id}/checkpoints/000000", str(newest_sound(other.path)), "."):
        (run.checkpoints / "best").write_text(text)
        made = load_model(run, registry)
        assert made.run is not None and made.run.id == run.id
        assert "checkpoint last" in made.origin


def test_a_manifest_cannot_vouch_for_files_elsewhere(tiny: Callable[..., Run]) -> None:
    run = tiny(steps=0)
    folder = newest_sound(run.path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../../config.json"] = manifest["files"].pop("state.pt")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="no sound manifest"):
        checkpoint.verify(folder)


@pytest.mark.parametrize("name", ["{step.__class__}", "{0}", "{", "%s", "\x1b[31m"])
def test_a_file_name_is_only_a_name(
    tiny: Callable[..., Run], registry: Registry, tmp_path: Path, name: str
) -> None:
    source = newest_sound(tiny(steps=0).path) / "ema.safetensors"
    path = Path(shutil.copy(source, tmp_path / f"{name}.safetensors"))
    assert load_model(path, registry).origin == f"using {path} (step 0)"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model": "gan"},
        {"model": ["gan"]},
        {"model": {"a": 1}},
        {"model": "gan", "params": {}, "options": {}},
    ],
)
def test_a_configuration_that_lacks_its_parts_is_refused(
    tiny: Callable[..., Run], config: dict[str, Any]
) -> None:
    run = tiny(steps=0)
    (run.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json lacks"):
        tiny(resume=run.path, steps=1)


def test_reports_of_another_program_do_not_stop_a_run(tiny: Callable[..., Run]) -> None:
    run = tiny(steps=1)
    path = run.path / "metrics.jsonl"
    path.write_text('{"loss": 1}\n' + path.read_text())
    tiny(resume=run.path, steps=2)
    assert [row.get("step") for row in run.metrics()] == [None, 1, 2]


def test_a_configuration_cannot_make_a_run_write_elsewhere(
    tiny: Callable[..., Run], tmp_path: Path
) -> None:
    run = tiny(steps=0)
    config = run.config
    config["options"]["name"] = "../../evil"
    config["model"] = "gan"
    (run.path / "config.json").write_text(json.dumps(config))
    tiny(resume=run.path, steps=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
    assert newest_sound(run.path).name == "000001"
