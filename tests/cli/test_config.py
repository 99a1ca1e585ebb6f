"""`animekit config`: values, their origins, and presets."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import answer, call


def test_values_are_shown_with_their_origin(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nbatch = 8\n")
    words = ["config", "show", "wgangp", "--preset", "cpu", "--config", file, "--set", "lr=3"]
    rows = {row["key"]: row for row in answer(*words)["data"]}
    assert (rows["lr"]["value"], rows["lr"]["origin"]) == (3.0, "--set")
    assert (rows["batch_size"]["value"], rows["batch_size"]["origin"]) == (8, str(file))
    assert rows["g_channels"]["origin"] == "preset cpu"
    assert rows["seed"]["origin"] == "default"
    assert re.search(r"^lr +3.0 +--set$", call(*words, "--origin").stdout, re.MULTILINE)
    assert "origin" not in call(*words).stdout


def test_presets_are_listed_by_model() -> None:
    rows = answer("config", "presets", "wgangp")["data"]
    assert {row["model"] for row in rows} == {"wgangp"}
    assert "cpu" in {row["preset"] for row in rows}
