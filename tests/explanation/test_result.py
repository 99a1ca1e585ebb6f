"""What is made of an explanation: Markdown, drawings, and files that are nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from animekit.errors import UnusableError, UsageError
from animekit.explanation.explain import explain
from animekit.explanation.result import MADE, Explanation
from animekit.plugins import Registry


@pytest.fixture(scope="module")
def found(registry: Registry) -> Explanation:
    return explain("wgangp", registry=registry, size=32, params={"g_channels": 4, "d_channels": 4})


def test_markdown_has_every_part(found: Explanation) -> None:
    text = found.as_markdown()
    assert text.startswith(MADE)
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads == [
        *("# wgangp", "## Objectives", "## Update rule", "## Networks"),
        *("### generator", "### discriminator", "## How to read its losses", "## Paper"),
    ]
    assert "- gp: `10 * E[(|grad D(x')| - 1)^2]`" in text
    assert "| Conv, LeakyReLU 0.2 | 4x4 | 2x2 | 4x16x16 | 196 |" in text
    assert "[Improved Training of Wasserstein GANs](https://arxiv.org/abs/1704.00028)" in text


def test_the_table_has_all_layers_of_all_networks(found: Explanation) -> None:
    head, *rows = found.as_table()
    assert head[0] == "network"
    assert [row[0] for row in rows] == ["generator"] * 4 + ["discriminator"] * 4
    assert found.layer_rows(found.networks[0])[-1][0] == "in all"


def test_files_are_written_by_their_ending_and_twice_the_same(
    found: Explanation, tmp_path: Path
) -> None:
    for name in ("a.md", "a.png", "a.svg"):
        path = found.save(tmp_path / name)
        first = path.read_bytes()
        assert found.save(path).read_bytes() == first, "animekit made it, so it may be replaced"
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_a_file_of_somebody_else_and_another_ending_are_refused(
    found: Explanation, tmp_path: Path
) -> None:
    theirs = tmp_path / "notes.md"
    theirs.write_text("what I noted while I tried animekit", encoding="utf-8")
    picture = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(picture)
    for path in (theirs, picture):
        with pytest.raises(UnusableError, match="animekit did not make it"):
            found.save(path)
    found.save(theirs, overwrite=True)
    assert theirs.read_text("utf-8").startswith(MADE)
    with pytest.raises(UsageError, match="ends in none of"):
        found.save(tmp_path / "a.txt")
    (tmp_path / "b.md").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        found.save(tmp_path / "b.md")
