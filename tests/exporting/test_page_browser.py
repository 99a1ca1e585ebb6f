"""A page that draws, in a real browser: its faces are those of generate, and nothing leaves it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import animekit
from animekit.errors import UnusableError
from animekit.plugins import Registry
from tests.chromium import Tab, chromium
from tests.runtimes import with_runtime
from tests.support import answer

STATUS = "document.getElementById('status')"
pytestmark = pytest.mark.slow  # a browser that draws takes seconds a test
DRAWN = f"{STATUS}.textContent"
PIXELS = """(() => { const canvas = document.getElementById("picture");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = ""; for (const each of data) text += String.fromCharCode(each);
  return [canvas.width, canvas.height, btoa(text)] })()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Path:
    with_runtime()
    folder = tmp_path_factory.mktemp("site") / "page"
    animekit.export("cfaces64", web=folder, registry=registry)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    folder = tmp_path_factory.mktemp("browser")
    (folder / "saved").mkdir()
    with chromium(folder) as tab:
        tab.save_to(folder / "saved")
        yield tab


@pytest.fixture
def tab(browser: Tab, site: Path) -> Tab:
    """Return the page with seed 7, drawn."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.open("about:blank")
    browser.look(1280)
    browser.open(f"{(site / 'index.html').as_uri()}#seed=7")
    drawn(browser)
    return browser


def drawn(tab: Tab) -> None:
    """Wait until what was asked for is to be seen."""
    tab.wait(f"globalThis.animekit?.state && /^(Drawn|\\d+ faces|用了|\\d+ 張)/.test({DRAWN})")


def go(tab: Tab, state: str) -> None:
    """Follow a link within the page."""
    tab.ask(f"{STATUS}.textContent = '', location.hash = {json.dumps('#' + state)}")
    drawn(tab)


def pixels(tab: Tab) -> np.ndarray:
    """Return what the large canvas shows, int [H, W, 3]."""
    width, height, data = tab.ask(PIXELS)
    found = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    return found[..., :3].astype(int)


def click(tab: Tab, name: str) -> None:
    tab.ask(f"document.getElementById('{name}').click()")


def saved(tab: Tab, name: str) -> Path:
    """Return a file that the page has saved, once it is whole."""
    path, ends = tab.folder / "saved" / name, time.monotonic() + 20
    while not path.is_file():
        assert time.monotonic() < ends, sorted(each.name for each in path.parent.iterdir())
        time.sleep(0.05)
    return path


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return found.shape == wanted.shape and int(np.abs(found - wanted.astype(int)).max()) <= 1


def same_again(path: Path, folder: Path, registry: Registry) -> None:
    """Hold a picture of the page against the one that its recipe makes."""
    again = animekit.reproduce(path, registry=registry).save(folder / "again.png")
    with Image.open(path) as image, Image.open(again) as other:
        assert close(np.asarray(image, int), np.asarray(other))


def test_seed_7_is_that_of_generate_and_nothing_leaves_the_page(
    tab: Tab, registry: Registry
) -> None:
    assert close(pixels(tab), animekit.generate("cfaces64", seeds=[7], registry=registry).images[0])
    assert {each.partition(":")[0] for each in tab.requests} == {"file", "blob"}
    assert not tab.complaints


def test_a_picture_of_the_page_is_drawn_again_from_its_recipe(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(tab, "save")
    path = saved(tab, "cfaces64-7.png")
    monkeypatch.chdir(tmp_path)
    answer("generate", "--reproduce", str(path), "-o", "again.png")
    with Image.open(path) as image, Image.open("again.png") as again:
        assert close(np.asarray(image, int), np.asarray(again))


def test_noise_out_and_in_as_a_picture_and_as_npy_gives_the_same_face(
    tab: Tab, tmp_path: Path, registry: Registry
) -> None:
    go(tab, "seed=7&is.hair=blue&is.eyes=red&truncation=0.8")
    before = pixels(tab)
    click(tab, "noise-picture")
    click(tab, "noise-npy")
    paths = [saved(tab, name) for name in ("cfaces64-noise.png", "cfaces64-noise.npy")]
    for path in paths:
        go(tab, "seed=8&is.hair=blue&is.eyes=red")
        assert not close(pixels(tab), before)
        tab.choose("#noise-open", path)
        tab.wait(f"{DRAWN}.includes({json.dumps(path.name)})")
        assert np.array_equal(pixels(tab), before), path.name
    made = animekit.generate(
        "cfaces64", noise=paths[1], prompts="blue hair red eyes", registry=registry
    )
    assert close(before, made.images[0])
    click(tab, "save")
    picture = saved(tab, "cfaces64-from-noise.png")
    again = animekit.reproduce(picture, registry=registry)  # it holds the noise itself
    assert close(before, again.images[0]) and not again.warnings
    made = animekit.generate(
        "cfaces64", noise=paths[0], prompts="blue hair red eyes", registry=registry
    )
    assert close(before, made.images[0])
    tab.choose("#noise-open", saved(tab, "cfaces64-from-noise.png"))
    tab.wait(f"{DRAWN}.includes('picture is no noise')")
    paths[1].write_bytes(b"no noise")
    tab.choose("#noise-open", paths[1])
    tab.wait(f"{DRAWN}.includes('neither')")
    assert np.array_equal(pixels(tab), before)


def test_attributes_are_what_was_asked_for(tab: Tab, registry: Registry) -> None:
    tab.ask(
        """(() => { const [hair] = document.querySelectorAll("#named select");
        hair.value = "blue"; hair.dispatchEvent(new Event("change")) })()"""
    )
    tab.wait("location.hash.includes('is.hair=blue')")
    drawn(tab)
    wanted = animekit.generate("cfaces64", seeds=[7], prompts="blue hair", registry=registry)
    assert close(pixels(tab), wanted.images[0])
    assert "blue hair" in tab.ask("document.getElementById('caption').textContent")


def test_a_transition_is_the_interpolation_of_generate(
    tab: Tab, tmp_path: Path, registry: Registry
) -> None:
    for path in ("slerp", "lerp"):
        go(tab, f"seed=7&to.seed=9&view=walk&frames=5&frame=2&path={path}&truncation=0.9")
        tab.wait("document.getElementById('frames').children.length === 5")
        walk = animekit.interpolate(
            "cfaces64",
            seeds=[7, 9],
            frames=5,
            mode=path,
            loop=False,
            truncation=0.9,
            registry=registry,
        )
        assert close(pixels(tab), walk.images[2]), path
    click(tab, "save")
    same_again(saved(tab, "cfaces64-7-9.png"), tmp_path, registry)
    tab.ask("document.activeElement.blur()")
    tab.press("ArrowRight")
    assert tab.ask("animekit.state().frame") == 3
    tab.press("p")
    tab.wait("animekit.state().frame === 0")
    assert tab.ask("document.getElementById('play').textContent") == "Pause"


def test_many_at_once_are_the_next_seeds_and_one_is_picked(
    tab: Tab, tmp_path: Path, registry: Registry
) -> None:
    go(tab, "seed=7&grid=9")
    wanted = animekit.generate("cfaces64", seeds=range(7, 16), registry=registry)
    assert close(pixels(tab), wanted.picture())
    click(tab, "save")
    same_again(saved(tab, "cfaces64-7-grid.png"), tmp_path, registry)
    tab.ask("document.getElementById('picture').focus()")
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        tab.press(key)
    assert close(pixels(tab), wanted.images[4])
    assert tab.ask("animekit.state().seed") == "11"


def test_options_of_an_earlier_face_are_taken_again(tab: Tab) -> None:
    first = pixels(tab)
    go(tab, "seed=8&is.hair=green&truncation=0.5")
    assert not close(pixels(tab), first)
    tab.ask("document.querySelectorAll('#history button')[1].click()")
    assert np.array_equal(pixels(tab), first)
    assert tab.ask("animekit.state().seed") == "8"  # it is looked at only
    click(tab, "again")
    assert tab.ask("[animekit.state().seed, animekit.state().truncation].join()") == "7,1"
    assert "is.hair" not in tab.ask("location.hash")


def test_a_link_opens_the_same_face_anew(tab: Tab) -> None:
    for _ in range(3):
        tab.press("n")
        drawn(tab)
    tab.wait("!document.getElementById('history').children[3] || true")
    face, link = pixels(tab), tab.ask("location.href")
    tab.open("about:blank")
    tab.open(link.replace("draw=random", "draw=fixed"))
    drawn(tab)
    assert np.array_equal(pixels(tab), face)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_fits_a_phone_in_both_languages(tab: Tab, language: str) -> None:
    tab.look(390)
    go(tab, f"seed=7&to.seed=9&view=walk&frames=30&lang={language}")
    assert tab.ask("document.documentElement.scrollWidth") <= 390
    assert tab.ask("document.documentElement.lang") == {"en": "en", "zh": "zh-Hant"}[language]
    if language == "zh":
        assert tab.ask("document.getElementById('draw').textContent") == "新的臉"
        assert "頭髮" in tab.ask("document.getElementById('caption').textContent")


def test_a_page_is_written_again_over_itself_alone(site: Path, tmp_path: Path) -> None:
    found = answer("export", "cfaces64", "--web", str(site))
    assert found["data"]["files"][0]["format"] == "web"
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UnusableError, match="no page of animekit"):
        animekit.export("cfaces64", web=tmp_path)
