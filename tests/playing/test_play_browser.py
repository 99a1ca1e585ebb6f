"""Play in a real browser: what this machine draws, and pictures that are translated."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import animekit
from animekit.playing.play import plan_play
from animekit.plugins import Registry
from tests.chromium import Tab, chromium

pytestmark = pytest.mark.slow  # a browser takes seconds a test
STATUS = "(document.getElementById('status')?.textContent ?? '')"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


def test_this_machine_draws_the_faces_of_generate_and_is_the_only_one_asked(
    tab: Tab, registry: Registry
) -> None:
    with plan_play("cfaces64", draw="server", registry=registry).serve() as server:
        tab.open(f"{server.address}#seed=7&grid=4")
        tab.wait(f"/^4 faces/.test({STATUS})")
        pixels = tab.ask(
            """(() => { const canvas = document.getElementById("picture");
            return canvas.toDataURL("image/png").split(",")[1] })()"""
        )
        assert all(each.startswith((server.address, "data:")) for each in tab.requests)
        assert not tab.complaints
    (tab.folder / "grid.png").write_bytes(base64.b64decode(pixels))
    made = animekit.generate("cfaces64", seeds=range(7, 11), registry=registry)
    path = made.save(tab.folder / "wanted.png", columns=2)
    with Image.open(tab.folder / "grid.png") as image, Image.open(path) as wanted:
        found = np.asarray(image.convert("RGB"), int)
        assert np.abs(found - np.asarray(wanted, int)).max() <= 1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cyclegan-apple2orange", "document.querySelectorAll('#to input')[1].click()"),
        ("stargan-hair", "(() => { const each = document.querySelector('#named select');"
         " each.selectedIndex = 3; each.onchange() })()"),
    ],
)  # fmt: skip
def test_a_picture_is_opened_and_translated(
    tab: Tab, registry: Registry, tmp_path: Path, name: str, change: str
) -> None:
    face = animekit.generate("faces64", seeds=[3], registry=registry)
    path = face.save(tmp_path / "face.png", image_size=256)
    tab.look(390)
    with plan_play(name, registry=registry).serve() as server:
        tab.open(server.address)
        tab.wait("!!document.getElementById('open')?.onchange")
        tab.choose("#open", path)
        tab.wait(f"/^Drawn/.test({STATUS})")
        first = tab.ask("document.getElementById('after').src")
        tab.ask(change)
        tab.wait(f"document.getElementById('after').src !== {first!r} && /^Drawn/.test({STATUS})")
        assert tab.ask("document.getElementById('after').naturalWidth") == 256
        assert tab.ask("document.documentElement.scrollWidth") <= 390
        (tmp_path / "text.png").write_text("no picture")
        tab.choose("#open", tmp_path / "text.png")
        tab.wait(f"{STATUS}.includes('no picture')")
        assert not tab.complaints
