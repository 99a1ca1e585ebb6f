"""Projection: a picture that a model drew is found again, and what is kept draws it once more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import animekit
from animekit import plugins
from animekit.errors import DataError, NotFoundError, UnusableError, UsageError
from animekit.generation.recipe import Recipe
from animekit.images.write import write_png
from animekit.plugins import Registry
from animekit.projection.project import plan_project, project
from animekit.runs.run import Loaded, load_model
from tests.support import answer, call, keeps_its_schema

QUICK = {"steps": 120, "starts": 2, "features": 0.0}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return plugins.load()


@pytest.fixture(scope="module")
def loaded(registry: Registry) -> Loaded:
    return load_model("course64", registry)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_drawn_picture_is_found_again_and_its_files_draw_it(
    loaded: Loaded, registry: Registry
) -> None:
    given = animekit.generate(loaded, seeds="103").images[0]
    shares: list[float] = []
    told = {**QUICK, "steps": 240}
    found = project(
        loaded, given, registry=registry, progress=lambda _, share: shares.append(share), **told
    )
    (face,) = found.faces
    assert face.psnr > 30 and face.found and 0.8 < face.length < 1.2
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert all(p.requires_grad for p in loaded.model.parameters())
    made = found.save("kept")
    assert set(made) == {"pairs.png", "picture1.png", "picture1.npy"}
    for kept in ("kept/picture1.png", "kept/picture1.npy", ["kept/picture1.npy"]):
        drawn = animekit.generate(loaded, noise=kept)
        assert np.array_equal(drawn.images[0], face.drawn.images[0])
    again = animekit.reproduce("kept/picture1.png", loaded)
    assert again.save("again.png").read_bytes() == Path("kept/picture1.png").read_bytes()
    assert "dB" in str(found) and found.facts()["faces"][0]["found"]
    found.save("kept")  # what was written is replaced
    np.save("kept/picture1.npy", np.ones((1, 100), np.float32))
    with pytest.raises(UnusableError, match="did not make it"):
        found.save("kept")


def test_labels_and_noise_of_a_model_with_labels_are_found(registry: Registry) -> None:
    loaded = load_model("cfaces64", registry)
    drawn = animekit.generate(loaded, seeds="1", prompts="blue hair red eyes")
    found = project(loaded, drawn.images[0], registry=registry, **QUICK)
    assert found.faces[0].drawn.how.attrs == [{"hair": "blue", "eyes": "red"}]
    assert found.faces[0].psnr > 25
    told = project(loaded, drawn.images[0], prompt="pink hair", registry=registry, **QUICK)
    assert told.faces[0].drawn.how.attrs[0]["hair"] == "pink"  # type: ignore[index]
    assert told.faces[0].psnr < found.faces[0].psnr


def test_features_count_unless_their_weight_is_zero(loaded: Loaded, registry: Registry) -> None:
    given = np.random.default_rng(0).integers(0, 255, (70, 60, 3), np.uint8)
    few = {"steps": 8, "starts": 2, "registry": registry}
    alone = project(loaded, given, features=0.0, **few)
    seen = project(loaded, given, features=5.0, **few)
    again = project(loaded, [given, given], features=5.0, **few)
    assert not np.array_equal(alone.z, seen.z)
    assert np.array_equal(again.z, np.concatenate([seen.z, seen.z]))
    assert not alone.faces[0].found


def test_noise_grows_no_longer_than_any_that_is_drawn(loaded: Loaded, registry: Registry) -> None:
    given = np.zeros((64, 64, 3), np.uint8)
    given[::2] = 255
    found = project(loaded, given, steps=40, starts=1, features=0.0, registry=registry)
    z = loaded.model.noise(256, torch.Generator().manual_seed(0))  # type: ignore[operator]
    assert np.square(found.z).mean() <= float(z.square().mean(1).max()) + 1e-5


def test_time_ends_a_search(loaded: Loaded, registry: Registry) -> None:
    found = project(
        loaded, np.zeros((64, 64, 3), np.uint8), seconds=0.1, steps=20_000, registry=registry
    )
    assert found.faces[0].steps < 1000


def test_a_path_leads_through_pictures_of_ones_own(loaded: Loaded, registry: Registry) -> None:
    images = animekit.generate(loaded, seeds="5-6").images
    found = project(loaded, list(images), steps=3, starts=1, features=0.0, registry=registry)
    found.save("ours")
    walk = found.between(8)
    assert np.array_equal(walk.images[0], found.faces[0].drawn.images[0])
    assert np.array_equal(walk.images[4], found.faces[1].drawn.images[0])
    same = animekit.interpolate(loaded, noise=["ours/picture1.png", "ours/picture2.npy"], frames=8)
    assert np.array_equal(walk.images, same.images)
    walk.save_gif("walk.gif")
    again = animekit.reproduce("walk.gif", loaded).save_gif("again.gif")
    assert again.read_bytes() == Path("walk.gif").read_bytes()
    strip = walk.save_strip("strip.png")
    assert Recipe.read(strip).points == 2
    one = project(loaded, images[0], steps=1, starts=1, features=0.0, registry=registry)
    with pytest.raises(UsageError, match="two pictures"):
        one.between(8)


def test_what_cannot_be_projected_is_said(registry: Registry) -> None:
    Path("empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        plan_project("faces64", "empty", registry=registry)
    with pytest.raises(NotFoundError, match="no picture"):
        plan_project("faces64", "gone.png", registry=registry)
    with pytest.raises(UsageError, match="steps 0"):
        plan_project("faces64", "gone.png", steps=0, registry=registry)
    picture = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(UsageError, match="has none"):
        plan_project("faces64", picture, prompt="blue hair", registry=registry)
    with pytest.raises(UnusableError, match="no images from noise"):
        plan_project("cyclegan-apple2orange", picture, registry=registry)


def test_the_command_writes_pairs_pictures_noise_and_a_film() -> None:
    for number in (0, 1):
        write_png(f"faces/{number}.png", np.full((80, 64, 3), 90 * number, np.uint8))
    plan = call("project", "faces64", "faces", "-n")
    assert plan.exit_code == 0 and "2 pictures (0, 1), 300 steps" in plan.stdout
    few = ("--steps", "4", "--starts", "2", "--device", "cpu")
    done = answer("project", "faces64", "faces", *few, "--between", "6")
    assert keeps_its_schema(done)
    names = {Path(each["path"]).name for each in done["artifacts"]}
    assert names == {"projected", "pairs.png", "0.png", "0.npy", "1.png", "1.npy", "between.gif"}
    walk = ("generate", "faces64", "--interpolate", "projected/0.png,projected/1.npy")
    assert call(*walk, "--frames", "6", "-o", "walk.gif").exit_code == 0
    assert Path("walk.gif").read_bytes() != Path("projected/0.png").read_bytes()
    both = ("--noise", "projected/0.png", "--noise", "projected/1.png")
    assert call("generate", "faces64", *both, "-o", "both.png").exit_code == 0
    again = call("generate", "--reproduce", "both.png", "-o", "again.png")
    assert again.exit_code == 0
    assert Path("again.png").read_bytes() == Path("both.png").read_bytes()
    lone = call("project", "faces64", "faces/0.png", "--between", "6")
    assert lone.exit_code == 2 and "two or more" in lone.stderr
    film = call("project", "faces64", "faces/0.png", "--mp4")
    assert film.exit_code == 2 and "--between" in film.stderr


def test_a_damaged_picture_of_a_folder_is_left_out_and_said(registry: Registry) -> None:
    where = Path("mine")
    where.mkdir()
    write_png(where / "good.png", np.zeros((64, 64, 3), np.uint8))
    (where / "bad.png").write_text("no picture")
    few = ("--steps", "2", "--starts", "1", "--features", "0")
    result = call("project", "course64", "mine", *few)
    assert result.exit_code == 8 and Path("projected/good.png").is_file()
    assert "1 of 2 pictures could not be read, such as mine/bad.png: " in result.stderr
    data = answer("project", "course64", "mine", *few, exit_code=8)["data"]
    assert [each["name"] for each in data["skipped"]] == ["mine/bad.png"]
    (where / "good.png").unlink()
    with pytest.raises(DataError, match="none of 1 pictures can be read, such as mine/bad.png"):
        project("course64", "mine", registry=registry)
    with pytest.raises(DataError, match="bad.png"):
        project("course64", ["mine/bad.png"], registry=registry)
