"""The card of a run: commands that make it again, data, hashes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from animekit.files import sha256_of
from animekit.plugins import Registry
from animekit.reporting.card import data, hashes, train_command
from animekit.runs.run import Run
from animekit.training.recipe import make_recipe


def test_the_command_of_a_run_resolves_to_its_own_values(
    kinds: dict[str, Run], registry: Registry
) -> None:
    config = kinds["plain"].config
    words = shlex.split(train_command(config))
    assert words[:3] == ["animekit", "train", "gan"]
    given: dict[str, Any] = {}
    for flag, value in zip(words[3::2], words[4::2], strict=True):
        key, _, rest = value.partition("=")
        given |= {key: rest} if flag == "--set" else {flag[2:]: value}
    again = make_recipe("gan", registry, values=given)
    assert again.params.model_dump(mode="json") == config["params"]
    assert again.options.model_dump(mode="json") == config["options"]


def test_hashes_are_of_the_runs_files(kinds: dict[str, Run]) -> None:
    run = kinds["plain"]
    found = dict(hashes(run))
    assert found["config.json"] == sha256_of(run.path / "config.json")
    assert "checkpoints/000003/ema.safetensors" in found


def test_data_say_what_was_left_out_and_what_a_cleaning_found(
    copied: Callable[[str], Run], tmp_path: Path
) -> None:
    run = copied("told")
    folder = tmp_path / "faces" / ".animekit" / "clean" / "0002"
    folder.mkdir(parents=True)
    summary = {"files": 9, "keep": 6, "review": 2, "reject": 1, "by_reason": {"blur": 2}}
    (folder / "summary.json").write_text(json.dumps(summary))
    config = run.config
    skipped = [["a", "blur"], ["b", "blur"], ["c", "size"]]
    config["data"] |= {"where": str(tmp_path / "faces"), "skipped": skipped}
    section = data(run, config)
    assert section.values["reasons"] == [("blur", 2), ("size", 1)] and section.absent == []
    assert section.values["cleaning"]["keep"] == 6
    assert section.values["cleaning"]["reasons"] == [("blur", 2)]
    eyes = next(each for each in section.values["labels"] if each["name"] == "eyes")
    assert max(share for _, _, share in eyes["values"]) == 100
    (folder / "summary.json").write_text("[]")
    assert "animekit clean" in data(run, config).absent[0]


def test_a_command_for_another_run_has_not_the_name_of_this_one() -> None:
    config = {
        "model": "gan",
        "preset": "demo",
        "options": {"data": "faces", "name": "mine"},
        "params": {},
        "origins": {"data": "--data", "name": "--name"},
    }
    assert "name=mine" in train_command(config)
    assert train_command(config, another=True) == "animekit train gan --preset demo --data faces"
