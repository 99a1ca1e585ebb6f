"""A picture is drawn again from its recipe, byte for byte, or says what is missing."""

from __future__ import annotations

import contextlib
import inspect
import json
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import animekit
from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.generation.generate import generate
from animekit.generation.recipe import NoiseFile, read_recipe
from animekit.generation.reproduce import reproduce
from animekit.generation.result import Generated
from animekit.images.write import read_png_text, write_png
from animekit.models import sampling, weights
from tests.generation.weights import REGISTRY, gan_file, make, size_of

BOMB = {"style": "gif", "tile": 4096}


class TestDrawingAPictureAgain:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"style": "figure"},
            {"tile": 48, "columns": 7},
        ],
    )
    def test_it_gives_the_same_bytes(self, tmp_path: Path, tiny: Path, options: dict) -> None:
        made = generate(tiny, seeds="3,17,40-42", truncation=0.7, registry=REGISTRY)
        path = made.save(tmp_path / "a.png", **options)
        again = reproduce(path, tiny, registry=REGISTRY)
        assert again.warnings == ()
        assert again.save(tmp_path / "b.png").read_bytes() == path.read_bytes()

    def test_the_recipe_says_everything(self, tmp_path: Path, tiny: Path) -> None:
        path = generate(tiny, seeds="0-3", registry=REGISTRY).save(tmp_path / "a.png")
        text = read_png_text(path)["animekit"]
        assert json.loads(text) == read_recipe(path)
        assert ": " not in text
        recipe = read_recipe(path)
        digest = weights.read(tiny)[2]
        assert recipe.pop("version")
        assert recipe == {
            "model": {"name": "tiny", "step": 7, "sha256": digest},
            "mode": "seeds",
            "seeds": "0-3",
            "truncation": 1.0,
            "layout": {"style": "plain", "columns": 4, "tile": 32},
        }

    def test_a_new_layout_may_be_asked_for(self, tmp_path: Path, tiny: Path) -> None:
        path = generate(tiny, num=6, registry=REGISTRY).save(tmp_path / "a.png", style="figure")
        again = reproduce(path, tiny, registry=REGISTRY)
        other = again.save(tmp_path / "b.png", style="plain", columns=6)
        assert size_of(other) == (6 * 32, 32)

    def test_another_model_is_used_with_a_warning(self, tmp_path: Path, tiny: Path) -> None:
        path = generate(tiny, num=2, registry=REGISTRY).save(tmp_path / "a.png")
        other = gan_file(tmp_path / "other.safetensors", seed=9)
        again = reproduce(path, other, registry=REGISTRY)
        assert len(again.warnings) == 1
        assert "other weights" in again.warnings[0]
        assert again.recipe["model"]["name"] == "other"

    def test_without_the_weights_it_is_an_error_that_names_them(
        self, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = generate(tiny, num=2, registry=REGISTRY).save(tmp_path / "a.png")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UnusableError, match="tiny step 7, sha256") as caught:
            reproduce(path, registry=REGISTRY)
        assert "--reproduce" in (caught.value.hint or "")

    def test_bundled_or_local_weights_are_found_by_name(
        self, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(weights, "BUNDLED", tiny.parent)
        monkeypatch.chdir(tmp_path)
        path = generate("tiny", num=2, registry=REGISTRY).save(tmp_path / "a.png")
        again = reproduce(path, registry=REGISTRY)
        assert again.save(tmp_path / "b.png").read_bytes() == path.read_bytes()

    def test_noise_from_a_file_is_found_beside_the_picture_and_checked(
        self, tmp_path: Path, tiny: Path
    ) -> None:
        z = np.random.default_rng(0).normal(size=(4, 12))
        np.save(tmp_path / "z.npy", z)
        made = generate(tiny, noise=tmp_path / "z.npy", registry=REGISTRY)
        path = made.save(tmp_path / "a.png")
        assert read_recipe(path)["noise"]["sha256"] == sampling.digest(z)
        again = reproduce(path, tiny, registry=REGISTRY)
        assert again.save(tmp_path / "b.png").read_bytes() == path.read_bytes()
        third = made.save_each(tmp_path / "rows")[3]
        alone = reproduce(third, tiny, noise=tmp_path / "z.npy", registry=REGISTRY)
        assert np.array_equal(alone.images[0], made.images[3])
        with pytest.raises(UnusableError, match="another sha256"):
            reproduce(path, tiny, noise=z * 2, registry=REGISTRY)
        (tmp_path / "z.npy").rename(tmp_path / "moved.npy")
        with pytest.raises(NotFoundError, match=r"z\.npy"):
            reproduce(path, tiny, registry=REGISTRY)

    def test_a_recipe_cannot_reach_files_outside(self, tmp_path: Path, tiny: Path) -> None:
        made = generate(tiny, noise=np.zeros((1, 12)), registry=REGISTRY)
        secret = tmp_path / "secret.npy"
        np.save(secret, np.zeros((1, 12)))
        (tmp_path / "here").mkdir()
        noise = NoiseFile(file=str(secret), sha256=sampling.digest(np.zeros((1, 12))))
        path = tmp_path / "here" / "a.png"
        write_png(path, made.images[0], {"animekit": made.how.but(noise=noise).text()})
        with pytest.raises(NotFoundError, match=r"secret\.npy"):
            reproduce(path, tiny, registry=REGISTRY)

    def test_pictures_without_a_recipe_are_refused(self, tmp_path: Path) -> None:
        write_png(tmp_path / "plain.png", np.zeros((4, 4, 3), np.uint8))
        (tmp_path / "x.png").write_bytes(b"x")
        Image.new("RGB", (4, 4)).save(tmp_path / "x.jpg")
        for name in ("plain.png", "x.png", "x.jpg"):
            with pytest.raises(UnusableError, match="holds no recipe"):
                read_recipe(tmp_path / name)
        with pytest.raises(NotFoundError):
            read_recipe(tmp_path / "missing.png")

    @pytest.mark.parametrize(
        "change",
        [
            "not json",
            "[]",
            "{}",
            {"truncation": -1},
            {"mode": "magic"},
            {"seeds": "0-999999999999"},
            {"seeds": "x"},
            {"seeds": None},
            {"layout": {"style": "plain", "tile": 10**9}},
            {"layout": {"style": "plain", "columns": 10**12}},
            {"index": 99},
            {"frames": 10**15, "mode": "slerp", "seeds": "1,2", "loop": True},
            {"frames": 5, "mode": "slerp", "seeds": "1"},
            {"mode": "slerp", "seeds": "1,2"},
            {"future": 1},
            "[" * 100_000,
            '{"a":' * 100_000,
            '{"version": 1e999}',
            '{"seeds": ' + "9" * 5000 + "}",
            {"seeds": "9" * 5000},
            {"seeds": "0-999999"},
            {"seeds": ",".join(map(str, range(0, 200_000, 2)))},
            {"truncation": 1e308},
            {"labels": [[0.5], [0.5, 1.0]]},
            {"labels": [[1e300]]},
            {"prompts": ["a", "b"]},
            {"best_of": 10**9},
            {"layout": {"style": "strip", "columns": 2**63}},
            {"layout": {"style": "table", "heads": ["a"] * 100_000, "columns": 100_000}},
            {"layout": {"style": "gif", "fps": 1e-300}},
            {"frames": 10_000, "mode": "lerp", "seeds": "1,2", "loop": True, "layout": BOMB},
            {"frames": [5], "mode": "slerp", "seeds": "1,2", "loop": True},
            {"model": {"name": "a", "step": "x", "sha256": ""}},
            {"noise": {"file": "a\0b", "sha256": ""}, "mode": "noise"},
            {"noise": {"file": "a" * 300, "sha256": ""}, "mode": "noise"},
            {"noise": {"file": "..", "sha256": "\x1b[2J"}, "mode": "noise"},
            {"attrs": [{"hair": {"a": 1}}]},
            {"matrix": ["a"]},
            {"version": {"a": {}}},
            {"index": -1},
            {"index": True, "seeds": "1"},
        ],
        ids=lambda change: str(change)[:40],
    )
    def test_a_forged_recipe_is_one_clear_line(
        self, tmp_path: Path, tiny: Path, change: object
    ) -> None:
        made = generate(tiny, num=1, registry=REGISTRY)
        text = change
        if isinstance(change, dict):
            text = json.dumps(made.recipe | change)
        write_png(tmp_path / "a.png", made.images[0], {"animekit": str(text)})
        started = time.perf_counter()
        with pytest.raises(AnimekitError) as caught:
            reproduce(tmp_path / "a.png", tiny, registry=REGISTRY).save(tmp_path / "b.png")
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < len(str(tmp_path)) + 400
        assert time.perf_counter() - started < 5

    @pytest.mark.parametrize("key", ["name", "run"])
    def test_a_recipe_names_weights_and_opens_no_path(
        self, tmp_path: Path, tiny: Path, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        made = generate(tiny, num=1, registry=REGISTRY)
        (tmp_path / "copy.safetensors").write_bytes(tiny.read_bytes())
        opened = []
        monkeypatch.setattr(weights, "read", lambda path: opened.append(path))
        monkeypatch.setattr(weights, "BUNDLED", tmp_path / "none")
        names = (str(tiny), "copy.safetensors", "./copy.safetensors", "..", "a" * 300, "a\0b", "")
        for name in names:
            model = made.recipe["model"] | {key: name}
            text = json.dumps(made.recipe | {"model": model})
            write_png(tmp_path / "a.png", made.images[0], {"animekit": text})
            with pytest.raises(UnusableError):
                reproduce(tmp_path / "a.png", registry=REGISTRY)
        assert opened == []

    def test_every_truncated_or_flipped_picture_file_is_handled(
        self, tmp_path: Path, faces: Generated
    ) -> None:
        path = faces.one(0).save(tmp_path / "a.png")
        data = path.read_bytes()
        rng = np.random.default_rng(zlib.crc32(data))
        for _ in range(60):
            spoilt = bytearray(data[: rng.integers(1, len(data))])
            spoilt[rng.integers(len(spoilt))] ^= 0xFF
            path.write_bytes(spoilt)
            with contextlib.suppress(AnimekitError):  # never another error
                read_recipe(path)


class TestDrawingConditionalPicturesAgain:
    @pytest.mark.parametrize(
        "options",
        [
            {"num": 4},
            {"prompts": ["red hair blue eyes", "pink hair"]},
            {"prompts": ["red hair", "pink hair"], "seeds": [4, 5, 6]},
            {"prompts": "red blue hair", "num": 3, "truncation": 0.6},
            {"matrix": ["eyes", "hair"]},
            {"vary": "eyes", "num": 2},
        ],
    )
    def test_a_picture_says_all_that_is_needed(
        self, tmp_path: Path, course: Path, options: dict[str, Any]
    ) -> None:
        picture = make(course, **options).save(tmp_path / "a.png")
        again = reproduce(picture, course, registry=REGISTRY)
        assert again.warnings == ()
        assert again.save(tmp_path / "b.png").read_bytes() == picture.read_bytes()

    def test_single_images_are_named_by_place_seed_and_prompt(
        self, tmp_path: Path, course: Path
    ) -> None:
        made = make(course, prompts=["Red hair,  blue eyes", "pink hair"], num=4)
        paths = made.save_each(tmp_path / "each")
        assert [path.name for path in paths] == [
            "000-seed0000-red-hair-blue-eyes.png",
            "001-seed0001-red-hair-blue-eyes.png",
            "002-seed0002-pink-hair.png",
            "003-seed0003-pink-hair.png",
        ]
        assert read_recipe(paths[3])["attrs"] == [made.how.attrs[3]]
        again = reproduce(paths[3], course, registry=REGISTRY)
        assert np.array_equal(again.images[0], made.images[3])
        swept = make(course, vary="hair", num=1).save_each(tmp_path / "swept")
        assert swept[1].name == "001-seed0000-white-hair.png"

    def test_seeds_of_an_unconditional_picture_are_drawn_by_a_conditional_model(
        self, tmp_path: Path, plain: Path, course: Path
    ) -> None:
        picture = make(plain, num=3).save(tmp_path / "a.png")
        again = reproduce(picture, course, registry=REGISTRY)
        assert np.array_equal(again.images, make(course, num=3).images)
        asked = make(course, prompts="red hair", num=3).save(tmp_path / "b.png")
        other = reproduce(asked, plain, registry=REGISTRY)
        assert np.array_equal(other.images, make(plain, num=3).images)
        assert any("prompts do not count" in each for each in other.warnings)
        assert "attrs" not in other.recipe

    @pytest.mark.parametrize(
        "change",
        [
            {"attrs": [{"hair": "blu", "eyes": "red"}]},
            {"attrs": [{"nose": True}]},
            {"attrs": [{"hair": 3}]},
            {"attrs": [{"hair": True}]},
            {"attrs": []},
            {"attrs": "x"},
            {"prompts": ["a", "b"]},
            {"scores": []},
            {"best_of": -1},
            {"layout": {"style": "table"}},
            {"layout": {"style": "table", "columns": 2, "tile": 32, "heads": ["a"]}},
            {"layout": {"style": "table", "columns": 1, "sides": ["x" * 5000]}},
            {"vary": "nothing", "seeds": "0-3"},
            {"mode": "slerp", "seeds": "1,2", "frames": 4, "loop": True},
        ],
    )
    def test_a_forged_recipe_is_one_clear_line(
        self, tmp_path: Path, course: Path, change: dict[str, Any]
    ) -> None:
        made = make(course, prompts="red hair blue eyes", num=1)
        text = json.dumps(made.recipe | change)
        write_png(tmp_path / "a.png", made.images[0], {"animekit": text})
        with pytest.raises(AnimekitError) as caught:
            reproduce(tmp_path / "a.png", course, registry=REGISTRY).save(tmp_path / "b.png")
        assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["gan.png", "gan_original.png", "cgan_original.png"])
def test_the_pictures_of_version_0_1_0_come_out_the_same(tmp_path: Path, name: str) -> None:
    picture = Path(__file__).parents[2] / "samples" / name
    again = reproduce(picture, registry=REGISTRY)
    assert again.how.version == read_recipe(picture)["version"] == "0.1.0"
    assert again.save(tmp_path / name).read_bytes() == picture.read_bytes()


def test_the_older_names_are_the_same_functions() -> None:
    for old, new, function in (
        (animekit.remake, animekit.reproduce, reproduce),
        (animekit.like, animekit.read_recipe, read_recipe),
    ):
        assert inspect.unwrap(old) is inspect.unwrap(new) is inspect.unwrap(function)
    assert {"like", "read_recipe", "remake", "reproduce"} <= set(animekit.__all__)
