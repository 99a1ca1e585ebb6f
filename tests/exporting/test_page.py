"""Pages: all that they need is in their folder, and their scripts say what animekit says."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import animekit
from animekit.errors import UnusableError
from animekit.exporting import page as pages
from animekit.exporting.page import ASSETS, page_config, page_files, refuse_folder
from animekit.generation.interpolation import path_through, segments, slerp
from animekit.generation.plan import Cell, attrs_of
from animekit.generation.recipe import Recipe
from animekit.labels.attributes import Attributes
from animekit.labels.vocabulary import Vocabulary
from animekit.models.sampling import attributes_of, digest
from animekit.plugins import Registry
from animekit.runs.run import Loaded, load_model
from animekit.testing.tiny import tiny_model
from tests import javascript
from tests.html_page import HtmlPage
from tests.support import answer, call

TEMPLATE = ASSETS.parents[1] / "images" / "templates" / "play.html"
ALL = ("chance.js", "labels.js", "files.js", "faces.js")
MIXED = Vocabulary(("red hair", "blue hair", "smile", "long hair", "short hair"), (2, 1, 2))


def config_of(
    vocabulary: Vocabulary, weights: np.ndarray | None, codes: tuple[int, ...] = ()
) -> Any:
    """Return what a page knows of attributes, of no model in particular."""
    known = Attributes(vocabulary, codes)
    return {
        "labels": len(vocabulary.labels),
        "z": 4 + sum(codes),
        "codes": sum(codes),
        "noise": [["normal", 4, 1.0]],
        "attributes": pages.described(known, 4 + sum(codes), weights),
        "rivals": {k: vocabulary.rivals(k) for k in range(len(vocabulary.labels))},
    }


@pytest.fixture(scope="module")
def loaded(registry: Registry) -> Loaded:
    return load_model("cfaces64", registry)


def test_the_files_of_a_page_name_each_other_and_nothing_else(
    loaded: Loaded, tmp_path: Path
) -> None:
    for name in (pages.LOADER, *pages.RUNTIME.values()):
        (tmp_path / name).write_bytes(b"runtime")
    config = page_config(loaded, "here")
    files = page_files(config, network=b"network", runtime=tmp_path)
    index = HtmlPage(re.sub("<input[^>]*>", "", files["index.html"].decode()))
    scripts = [each["src"] for each in index.all("script")]
    assert {f"./{name}" for name in files} - set(scripts) == {"./index.html", f"./{pages.LICENCE}"}
    assert len(scripts) == len(set(scripts)) == len(files) - 2
    assert not index.handlers()
    for name, data in files.items():
        if name not in (pages.LICENCE, pages.LOADER):
            assert b"http" not in data.replace(b"http-equiv", b"").replace(b"plain http", b""), name
    policy = index.all("meta")[1]["content"] or ""
    assert "default-src 'none'" in policy and "http" not in policy and "*" not in policy


def test_a_page_without_a_network_has_no_runtime(loaded: Loaded) -> None:
    files = page_files(page_config(loaded, "there"))
    assert pages.LOADER not in files and "model.js" not in files
    assert b"connect-src 'self'" in files["index.html"]


def test_a_page_knows_labels_codes_and_noise_of_its_model(registry: Registry) -> None:
    model = tiny_model(registry.get("model", "infogan"))
    config = page_config(Loaded(model, "tiny", 0, "0" * 64, ""), "here")
    codes = [each for each in config["attributes"] if each["kind"] == "code"]
    assert [each["values"] for each in codes] == [list(range(width)) for width in model.codes]
    assert codes[-1]["start"] + len(codes[-1]["values"]) == config["z"]
    assert json.loads(json.dumps(config)) == config | {"noise": [list(s) for s in config["noise"]]}


def test_a_model_whose_noise_no_page_repeats_is_drawn_behind_it_alone(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "steps_of", lambda model: None)
    with pytest.raises(UnusableError, match="in a way of its own"):
        page_config(loaded, "here")
    assert page_config(loaded, "there")["noise"] is None


def test_a_folder_of_other_things_is_no_place_for_a_page(tmp_path: Path) -> None:
    refuse_folder(tmp_path, "index.html", overwrite=False)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UnusableError, match="no page of animekit"):
        refuse_folder(tmp_path, "index.html", overwrite=False)
    refuse_folder(tmp_path, "index.html", overwrite=True)
    (tmp_path / "index.html").write_text("<p>mine")
    with pytest.raises(UnusableError, match="did not make it"):
        refuse_folder(tmp_path, "index.html", overwrite=False)
    with pytest.raises(UnusableError, match="is no folder"):
        refuse_folder(tmp_path / "mine.txt", "index.html", overwrite=False)


@pytest.mark.parametrize("weights", [None, np.array([0.3, 0.9, 0.25, 3, 1])])
def test_a_page_fills_open_attributes_as_generate_does(weights: np.ndarray | None) -> None:
    seeds = [*range(40), 2**31, 2**32, 2**62 + 5]
    body = """return given.seeds.map((seed) =>
      animekit.said(given.config, animekit.labels(given.config, given.asked, BigInt(seed))))"""
    for asked in ({}, {"hair": "blue"}, {"smile": True, "hair style": "short hair"}):
        given = {
            "config": config_of(MIXED, weights),
            "asked": asked,
            "seeds": list(map(str, seeds)),
        }
        cells = [Cell(seed, swept=asked) for seed in seeds]
        wanted = attrs_of(cells, Attributes(MIXED), weights)
        assert javascript.run(body, "labels.js", given=given) == wanted


def test_a_page_fills_the_labels_of_the_bundled_model_as_generate_does(loaded: Loaded) -> None:
    known = attributes_of(loaded.model)  # type: ignore[arg-type]
    wanted = attrs_of([Cell(seed) for seed in range(100)], known, loaded.frequencies())
    body = """return Array.from({ length: 100 }, (_, seed) =>
      animekit.said(given, animekit.labels(given, {}, String(seed))))"""
    assert javascript.run(body, "labels.js", given=page_config(loaded, "here")) == wanted


def test_other_colours_of_hair_that_are_yes_or_no_are_off_where_one_is_on() -> None:
    celeba = Vocabulary(("Black_Hair", "Blond_Hair", "Male"), (1, 1, 1))
    config = config_of(celeba, np.array([1.0, 1.0, 1.0]))
    assert config["attributes"][1]["name"] == "blonde hair"
    body = "return [...animekit.labels(given, { 'blonde hair': true }, '3')]"
    assert javascript.run(body, "labels.js", given=config) == [0, 1, 1]


def test_codes_that_are_asked_for_stand_in_the_noise_and_keep_their_size() -> None:
    config = config_of(Vocabulary((), ()), None, (3, 2))
    config["noise"] += [["choice", 3, 1], ["choice", 2, 1]]
    body = """const asked = { code0: 1, code1: 0 };
      const made = await animekit.faces.given(given, { seed: "7", noise: null, asked });
      return [animekit.faces.truncated(given, made.z, 0.5), made.z, made.attrs]"""
    small, z, attrs = javascript.run(body, *ALL, given=config)
    assert z[4:] == small[4:] == [0, 1, 0, 1, 0]
    assert np.allclose(np.array(z[:4]) / 2, small[:4])
    assert attrs == {"code0": 1, "code1": 0}


def test_a_transition_is_the_interpolation_of_generate() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 100)).astype(np.float32)
    pairs = [(a, b), (a, a), (a, -a), (a, 0 * a), (a, 2 * a)]
    body = """return given.map(([a, b]) =>
      animekit.faces.path({ z: a, labels: [1, 0] }, { z: b, labels: [0, 1] }, 5, "slerp"))"""
    found = javascript.run(body, *ALL, given=[[x.tolist(), y.tolist()] for x, y in pairs])
    for (x, y), frames in zip(pairs, found, strict=True):
        wanted = path_through([x, y], segments(2, 5, loop=False), slerp)
        assert np.allclose([each["z"] for each in frames], wanted, atol=1e-5)
        assert [each["labels"][0] for each in frames] == [1, 0.75, 0.5, 0.25, 0]


def test_a_digest_of_noise_is_that_of_animekit() -> None:
    for count in (1, 13, 14, 64, 1024):
        z = np.random.default_rng(count).standard_normal(count).astype(np.float32)
        body = "return animekit.files.sha256(animekit.files.little(Float32Array.from(given)))"
        assert javascript.run(body, "files.js", given=z.tolist()) == digest(z)


def test_noise_goes_through_npy_and_numpy_unchanged() -> None:
    z = np.random.default_rng(0).standard_normal(70).astype(np.float32)
    body = """const blob = animekit.files.npy([Float32Array.from(given.z)], given.shape);
      return [...new Uint8Array(await blob.arrayBuffer())]"""
    for shape in ([70], [70, 1, 1]):
        data = bytes(javascript.run(body, "files.js", given={"z": z.tolist(), "shape": shape}))
        found = np.load(io.BytesIO(data))
        assert found.shape == (1, *shape) and np.array_equal(found.ravel(), z)
    read = "return animekit.files.readNpy(Uint8Array.from(given.bytes), given.count)"
    for array in (z[None], z, np.stack([z, -z]), z[None].astype(np.float64), z.reshape(1, 70, 1)):
        buffer = io.BytesIO()
        np.save(buffer, array)
        given = {"bytes": list(buffer.getvalue()), "count": 70}
        assert np.array_equal(np.array(javascript.run(read, "files.js", given=given)), z)


def test_a_file_that_holds_no_noise_of_the_model_is_refused() -> None:
    read = """try { animekit.files.readNpy(Uint8Array.from(given), 4); return "taken" }
      catch (error) { return error.message }"""
    for array, why in (
        (np.zeros((1, 5), np.float32), "count"),
        (np.zeros((1, 4), np.int32), "npy"),
        (np.asfortranarray(np.zeros((2, 4), np.float32)), "npy"),
    ):
        buffer = io.BytesIO()
        np.save(buffer, array)
        assert javascript.run(read, "files.js", given=list(buffer.getvalue())) == why
    cut = buffer.getvalue()[:-5]
    assert javascript.run(read, "files.js", given=list(cut)) == "npy"


PICTURE = """
globalThis.ImageData = class { constructor(width, height) {
  Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) }) } };
const { noisePicture, readNoisePicture } = animekit.files;
"""


def test_noise_goes_through_a_picture_bit_for_bit() -> None:
    z = [*np.random.default_rng(0).standard_normal(61).astype(np.float32).tolist(), 0, 1e-30, -1e30]
    body = (
        PICTURE
        + """const image = noisePicture(Float32Array.from(given));
      const back = readNoisePicture(image, given.length);
      const opaque = image.data.filter((_, at) => at % 4 === 3);
      return [image.width, image.height, [...back], Math.min(...opaque)]"""
    )
    width, height, back, opaque = javascript.run(body, "files.js", given=z)
    assert (width, height, opaque) == (64, 64, 255)
    assert np.array_equal(np.array(back, np.float32), np.array(z, np.float32))


def test_a_picture_of_noise_that_was_changed_says_so() -> None:
    body = (
        PICTURE
        + """const image = noisePicture(Float32Array.from(given));
      image.data[0] ^= 4;
      try { readNoisePicture(image, given.length); return "taken" }
      catch (error) { return error.message }"""
    )
    assert javascript.run(body, "files.js", given=[0.5] * 10) == "changed"


def test_a_png_of_the_page_is_read_by_animekit(tmp_path: Path, loaded: Loaded) -> None:
    body = """const data = Uint8ClampedArray.from({ length: 24 }, (_, at) => at * 5);
      const image = { width: 3, height: 2, data }, face = { seed: "7", noise: null, asked: {} };
      const made = await animekit.faces.given(given, face);
      const recipe = animekit.faces.recipe(given, [face], [made], { truncation: 0.7 });
      recipe.prompts = ["藍 hair"];
      return [...new Uint8Array(await (await animekit.files.png(image, recipe)).arrayBuffer())]"""
    path = tmp_path / "page.png"
    path.write_bytes(bytes(javascript.run(body, *ALL, given=page_config(loaded, "here"))))
    with Image.open(path) as image:
        image.load()
        assert image.size == (3, 2) and image.getpixel((1, 0)) == (20, 25, 30)
    recipe = Recipe.read(path)
    assert (recipe.seeds, recipe.truncation, recipe.prompts) == ("7", 0.7, ["藍 hair"])
    assert recipe.model == loaded.weights
    assert zlib.crc32(b"IEND") == struct.unpack(">I", path.read_bytes()[-4:])[0]


STATE = """
const start = { seed: "7", chance: null, draw: "random", noise: null, asked: {}, truncation: 1,
  view: "face", grid: 16, to: null, frames: 12, frame: 0, path: "slerp", lang: "en" };
const { read, write } = animekit.faces;
"""


def test_a_link_holds_the_whole_state() -> None:
    body = """const noise = Float32Array.from([1, -2.5, 1e-7, 0, 1, 0, 0]);
      const to = { seed: "5", chance: "6", noise: null, asked: { "hair style": "long hair" } };
      const asked = { hair: "blue", smile: false, code0: 2 }, seed = "9223372036854775807";
      const state = { ...start, seed, draw: "file", noise, asked, truncation: 0.7, view: "walk",
        frames: 20, frame: 3, path: "lerp", to, lang: "zh" };
      const link = write(state), found = read(given, link, start);
      return [found, state, write(found) === link]"""
    given = config_of(MIXED, None, (3,))
    found, state, again = javascript.run(STATE + body, *ALL, given=given)
    assert found == state and again


def test_a_link_that_says_nonsense_changes_nothing() -> None:
    hashes = [
        "#seed=-1&draw=x&truncation=1e9&is.hair=green&is.nose=1&grid=5000&lang=xx&z=***",
        "#seed=9223372036854775808&z=AAAA&to.seed=a&frames=NaN&frame=-3&path=<script>",
        "#%",
        "",
    ]
    body = """const found = given.hashes.map((hash) =>
        ({ ...read(given.config, hash, start), draw: "random", view: "face" }));
      return [start, found]"""
    given = {"config": config_of(MIXED, None), "hashes": hashes}
    start, states = javascript.run(STATE + body, *ALL, given=given)
    for found in states:
        assert found["to"] is None or found["to"]["seed"] == "0"
        assert found | {"to": None} == start


def test_both_languages_say_the_same_things() -> None:
    body = """return [animekit.words.EN, animekit.words.ZH].map((words) =>
      Object.entries(words).map(([key, text]) =>
        [key, (text.match(/{\\w+}/g) ?? []).sort().join()]))"""
    english, chinese = javascript.run(body, "words.js")
    assert english == chinese
    said = set(re.findall(r'data-(?:say|label)="(\w+)"', TEMPLATE.read_text(encoding="utf-8")))
    assert said - {key for key, _ in english} == set()


def test_the_licence_of_the_runtime_goes_with_it() -> None:
    text = (ASSETS / pages.LICENCE).read_text()
    assert "MIT License" in text and "Microsoft" in text


def test_a_page_without_its_runtime_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "empty"))
    done = call("export", "cfaces64", "--web", str(tmp_path / "page"), "--no-input")
    assert done.exit_code == 2 and "registry.npmjs.org" in done.stderr
    assert "a download needs your word" in done.stderr and not (tmp_path / "page").exists()
    planned = answer("export", "cfaces64", "--web", str(tmp_path / "page"), "-n")
    assert planned["data"]["would_write"][0] == str(tmp_path / "page" / "index.html")
    done = call("export", "cfaces64", "--web", str(tmp_path / "page"), "--runtime", "none.tgz")
    assert done.exit_code == 3 and "none.tgz" in done.stderr
    assert call("export", "cfaces64", "--runtime", "a.tgz").exit_code == 2


def test_what_draws_nothing_from_noise_is_no_page(tmp_path: Path, registry: Registry) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(UnusableError, match="makes no images from noise"):
        animekit.plan_export("tagger", web=tmp_path / "page", registry=registry)
