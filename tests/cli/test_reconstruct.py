"""`animekit reconstruct`: its numbers against numbers worked out here, its pictures, its errors."""

from __future__ import annotations

import builtins
import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import animekit
from animekit import plugins
from animekit.data.dataset import open_dataset
from animekit.data.pack import pack
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError, UnusableError
from animekit.evaluation import latent_map, latent_picture
from animekit.evaluation.held_out import TestImages, find
from animekit.evaluation.latent_map import (
    LatentMap,
    Points,
    Separation,
    choose,
    lay_out,
    separation,
)
from animekit.evaluation.reconstruct import measure, reconstruct
from animekit.images.write import read_png_text
from animekit.runs.run import Loaded, Run, load_model
from tests.cli.test_cli import call, keeps_its_schema

REGISTRY = plugins.load()
TINY = {
    "size": 32,
    "batch_size": 4,
    "g_channels": 4,
    "e_channels": 4,
    "z_dim": 6,
    "threads": 1,
    "steps": 2,
    "log_every": 1,
    "sample_every": 1000,
    "eval_every": 0,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny VAE of 40 drawn faces, 30 % of them held out, and a GAN."""
    folder = tmp_path_factory.mktemp("made")
    told = {"runs": folder / "runs", "registry": REGISTRY}
    animekit.train("vae", "synthetic:40", **told, **TINY, holdout=0.3)
    plain = {key: value for key, value in TINY.items() if key != "e_channels"}
    animekit.train("gan", "synthetic:8", **told, **plain, d_channels=4)
    return folder


@pytest.fixture(autouse=True)
def _there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").symlink_to(made / "runs")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loaded(made: Path) -> Loaded:
    return load_model(Run("1", made / "runs"), REGISTRY)


def held_out(count: int = 40) -> np.ndarray:
    """Return the images that a run on drawn faces with --holdout 0.3 keeps out of training."""
    packed = pack(open_dataset(f"synthetic:{count}", REGISTRY), 32)
    return np.asarray(packed.images)[packed.held_out(0.3)]


class Grey(torch.nn.Module):
    """A model to which all images are grey, with two numbers for a code."""

    name = "grey"
    spec = ImageSpec(32)

    def reconstruct(self, images: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(images)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))[:, :2]


# numbers


def test_scores_are_those_of_their_definitions() -> None:
    images = np.zeros((3, 32, 32, 3), np.uint8)  # black: -1
    images[2, :16] = 255
    scores = measure(Grey(), images)
    assert (scores.n, scores.ssim_n, scores.nats) == (3, 3, None)
    assert scores.mse == pytest.approx(1.0)
    assert scores.psnr == pytest.approx(10 * math.log10(4))
    images[:] = 255 * 3 // 4  # 191 of 255 is 0.498
    assert measure(Grey(), images).mse == pytest.approx((191 / 127.5 - 1) ** 2)
    assert measure(Grey(), images).psnr > scores.psnr


def test_ssim_is_one_for_equal_images_and_taken_over_at_most_a_thousand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Same(Grey):
        def reconstruct(self, images: torch.Tensor) -> torch.Tensor:
            return images

    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    assert measure(Same(), images).ssim == pytest.approx(1)
    assert measure(Same(), images).mse < 1e-9
    assert measure(Grey(), images).ssim < 0.2
    monkeypatch.setattr("animekit.evaluation.reconstruct.SSIM_MOST", 2)
    assert measure(Grey(), images).ssim_n == 2
    assert measure(Grey(), images).n == 5


def test_a_run_is_tested_on_what_it_held_out(loaded: Loaded) -> None:
    found = reconstruct(loaded, registry=REGISTRY, num=4)
    real = held_out()
    assert 4 < len(real) < 25
    assert (found.data["part"], found.scores.n) == ("held out", len(real))
    scaled = torch.from_numpy(real).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        mu, logvar = loaded.model.encoder(scaled)
        copies = loaded.model.decoder(mu)
    assert found.scores.mse == pytest.approx((copies - scaled).square().mean().item(), rel=1e-4)
    nats = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
    assert found.scores.nats == pytest.approx(nats.item(), rel=1e-4)
    assert found.warnings == ()
    assert found.originals.shape == found.copies.shape == (4, 32, 32, 3)
    assert all((found.originals[i] == real).all((1, 2, 3)).any() for i in range(4))


def test_other_images_are_taken_whole_and_one_s_own_without_holdout_with_a_warning(
    loaded: Loaded,
) -> None:
    others = reconstruct(loaded, "synthetic:9", registry=REGISTRY)
    assert (others.data["part"], others.scores.n, others.warnings) == ("others", 9, ())
    loaded.run = None  # as a weights file: nothing says what was held out
    own = reconstruct(loaded, "synthetic:40", registry=REGISTRY)
    assert (own.data["part"], own.scores.n) == ("trained on", 40)
    assert "trained on" in own.warnings[0]


def test_with_crop_the_middle_of_the_larger_images_is_taken(tmp_path: Path) -> None:
    run = animekit.train(
        "vae", "synthetic:20", runs=tmp_path / "cut", registry=REGISTRY, **TINY, crop=4, holdout=0.4
    )
    found = find(load_model(run, REGISTRY), None, REGISTRY)
    packed = pack(open_dataset("synthetic:20", REGISTRY), 36)
    assert (found.images == packed.images[packed.held_out(0.4)][:, 2:34, 2:34]).all()


def test_pairs_stand_above_each_other(loaded: Loaded) -> None:
    found = reconstruct(loaded, registry=REGISTRY, num=3)
    picture = found.picture()
    assert picture.shape == (64, 3 * 32 + 2 * 2, 3)
    assert (picture[:32, 34:66] == found.originals[1]).all()
    assert (picture[32:, 34:66] == found.copies[1]).all()
    assert found.picture(tile=64).shape == (128, 3 * 64 + 4, 3)
    again = reconstruct(loaded, registry=REGISTRY, num=3)
    assert (again.picture() == picture).all()
    assert found.names != reconstruct(loaded, registry=REGISTRY, num=3, seed=1).names


# maps


def clusters(apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Return 60 codes of three values, whose middles lie that far apart."""
    values = np.arange(60) % 3
    codes = np.random.default_rng(0).normal(size=(60, 8))
    codes[:, 0] += apart * values
    return codes, values


def test_neighbours_tell_what_is_apart_and_guess_what_is_not() -> None:
    codes, values = clusters(20)
    found = separation(codes, codes[:, :1], values)
    assert (found.codes, found.map) == (1.0, 1.0)
    assert found.chance == pytest.approx(1 / 3)
    codes, values = clusters(0)
    assert separation(codes, codes, values).codes < 0.5
    few = separation(codes[:6], codes[:6], values[:6])
    assert few.neighbours == 5  # all others: one of the own value, two of each other one
    assert few.codes == 0


def points_of(values: np.ndarray) -> Points:
    images = np.zeros((len(values), 32, 32, 3), np.uint8)
    names = ("blue hair", "red hair", "white hair")
    return Points("hair", names, values, images, tuple(f"{i}.png" for i in range(len(values))))


def test_the_map_of_what_is_apart_is_apart_and_follows_the_seed() -> None:
    codes, values = clusters(20)
    found = lay_out(points_of(values), codes, 3)
    assert found.places.shape == (60, 2)
    assert found.separation.map > 0.9
    assert (lay_out(points_of(values), codes, 3).places == found.places).all()


def test_the_picture_of_a_map_has_the_colours_of_its_values() -> None:
    values = np.array([0, 1, 2, 0])
    places = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    apart = Separation(0.5, 0.4, 0.3, 3)
    picture = latent_picture.draw_map(LatentMap(points_of(values), places, apart, 0), "x")
    assert picture.shape == (856, 990, 3)
    top, edge, far = (
        latent_picture.TOP,
        latent_picture.EDGE,
        latent_picture.SIDE - latent_picture.EDGE,
    )
    corners = [(far, edge), (far, far), (edge, far), (edge, edge)]  # (y, x); y goes up
    seen = [tuple(picture[top + y, x]) for y, x in corners]
    wanted = [latent_picture.COLOURS[name] for name in ("blue", "red", "white", "blue")]
    assert seen == [tuple(bytes.fromhex(colour[1:])) for colour in wanted]
    small = latent_picture.draw_map(
        LatentMap(points_of(values), places, apart, 0), "x", thumbnails=True
    )
    assert small.shape[0] > picture.shape[0]
    assert (small[top + 1600 - 32, 32] == 0).all()  # the first picture, black


def shown(labels: list[list[int]], mask: list[list[int]] | None = None) -> TestImages:
    """Return images with two hair colours and a smile each."""
    spec = ImageSpec(32, 3, ("red hair", "blue hair", "smile"), (2, 1))
    count = len(labels)
    return TestImages(
        where="here",
        images=np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((32, 32, 3), "u1"),
        names=[str(i) for i in range(count)],
        spec=spec,
        labels=np.array(labels, np.uint8),
        mask=None if mask is None else np.array(mask, np.uint8),
        part="others",
        fingerprint="",
    )


def test_images_without_one_known_value_are_not_on_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_map, "FEWEST", 1)
    labels = [[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 0]]
    mask = [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0], [0, 0, 1]]
    hair = choose(shown(labels, mask), "hair", 10, 0)
    assert (hair.names, hair.values.tolist()) == (("red hair", "blue hair"), [0, 1])
    assert hair.files == ("0", "1")
    smile = choose(shown(labels, mask), "smile", 10, 0)
    assert (smile.names, smile.values.tolist()) == (("no smile", "smile"), [1, 0, 1, 0])
    assert smile.files == ("0", "1", "2", "4")
    blue = choose(shown(labels), "blue hair", 10, 0)
    assert blue.values.tolist() == [0, 1, 1, 0, 0]
    assert len(choose(shown(labels), "smile", 3, 0).files) == 3
    with pytest.raises(ConfigError, match=r'no attribute "hiar". Did you mean "hair"\?'):
        choose(shown(labels), "hiar", 10, 0)


# the command


def answer(*words: str) -> dict:
    result = call("reconstruct", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_command_prints_the_scores_and_writes_pairs_that_say_what_they_are() -> None:
    result = call("reconstruct", "1")
    assert result.exit_code == 0, result.output
    assert "images of synthetic:40, held out of training" in result.stdout
    for words in (r"MSE +\d\.\d{5}", r"PSNR +\d+\.\d\d dB", r"SSIM +-?\d\.\d{4}", r"KL +[\d.]+"):
        assert re.search(words, result.stdout), words
    assert "samples/reconstruct.png  10 pairs" in result.stdout
    told = json.loads(read_png_text(Path("samples/reconstruct.png"))["animekit"])
    assert told["mode"] == "reconstruct"
    assert told["model"]["run"] == "0001-vae-synthetic32"
    assert len(told["names"]) == 10
    assert f"MSE    {told['scores']['mse']:.5f}" in result.stdout
    assert call("reconstruct", "1").exit_code == 0  # its own picture is replaced
    like = call("generate", "--like", "samples/reconstruct.png")
    assert like.exit_code == 4


def test_json_keeps_its_schema_with_and_without_a_map() -> None:
    plain = answer("1", "--num", "2", "-o", "pairs.png")
    assert keeps_its_schema(plain)
    assert plain["data"]["pairs"] == "pairs.png"
    assert [each["kind"] for each in plain["artifacts"]] == ["pairs"]
    mapped = answer("1", "synthetic:60", "--map", "map.png", "--coords", "--map-num", "30")
    assert keeps_its_schema(mapped)
    found = mapped["data"]["map"]
    assert (found["attribute"], found["n"]) == ("hair", 30)
    assert sum(found["counts"].values()) == 30
    assert [each["kind"] for each in mapped["artifacts"]] == ["pairs", "map", "coordinates"]
    with Path("map.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert set(rows[0]) == {"image", "x", "y", "hair"}
    assert {row["hair"] for row in rows} == {k for k, v in found["counts"].items() if v}
    assert json.loads(read_png_text(Path("map.png"))["animekit"])["map"]["n"] == 30


def test_a_map_that_is_named_csv_is_drawn_beside_it() -> None:
    result = call("reconstruct", "1", "synthetic:40", "--map", "m/x.csv", "--thumbnails", "-q")
    assert result.stdout.split() == ["samples/reconstruct.png", "m/x.png", "m/x.csv"]
    with Image.open("m/x.png") as picture:
        assert picture.size == (1790, 1656)


def test_a_dry_run_makes_nothing() -> None:
    result = call("reconstruct", "1", "-n", "--map", "map.png")
    assert result.exit_code == 0, result.output
    assert "would reconstruct" in result.stdout
    assert "write samples/reconstruct.png, map.png" in result.stdout
    assert not Path("samples").exists() and not Path("map.png").exists()


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        ("2", 4, "is a gan, which does not reconstruct images", "animekit plugins"),
        ("9", 3, 'no run, checkpoint, file or bundled weights "9"', "bundled"),
        ("1 nowhere", 3, "no images in nowhere", "animekit demo"),
        ("1 --num 0", 2, "--num is at least 1", ""),
        ("1 --checkpoint bst", 2, 'no checkpoint "bst"', "best, last"),
        ("1 --attribute hair", 2, "--attribute is for a map", "add --map"),
        ("1 --map m.jpg", 2, "m.jpg ends neither in .png nor in .csv", "name a .png"),
        ("1 synthetic:40 --map m.png --attribute hatt", 4, '"hatt"', "attributes: hair"),
        ("1 --out pairs.jpg", 2, "pairs.jpg does not end in .png", "name a .png"),
    ],
)
def test_a_wrong_word_ends_with_one_clear_error(
    words: str, code: int, message: str, hint: str
) -> None:
    result = call("reconstruct", *words.split())
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert hint in result.stderr
    assert result.stdout == ""


def test_files_of_others_are_never_replaced_unless_told() -> None:
    Path("mine.png").write_bytes(b"mine")
    Path("map.csv").write_text("mine")
    for words in (["-o", "mine.png"], ["--map", "mine.png"]):
        result = call("reconstruct", "1", "synthetic:40", *words)
        assert result.exit_code == 4, result.output
        assert "mine.png exists and animekit did not make it" in result.stderr
        assert result.stdout == ""  # before anything is computed
    result = call("reconstruct", "1", "synthetic:40", "--map", "map.png", "--coords")
    assert result.exit_code == 4
    assert Path("map.csv").read_text() == "mine"
    assert Path("mine.png").read_bytes() == b"mine"
    words = ["--map", "map.png", "--coords", "--yes", "-o", "mine.png"]
    assert call("reconstruct", "1", "synthetic:40", *words).exit_code == 0
    assert Path("map.csv").read_text() != "mine"


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    result = call("reconstruct", "1", "synthetic:40", "--map", "map.png")
    assert result.exit_code == 4
    assert "needs scikit-learn" in result.stderr
    assert 'pip install "animekit[maps]"' in result.stderr


def test_a_map_needs_labels_and_enough_of_them(pictures: Path) -> None:
    result = call("reconstruct", "1", pictures, "--map", "map.png")
    assert result.exit_code == 4
    assert "has no labels to colour a map by" in result.stderr
    result = call("reconstruct", "1", "synthetic:5", "--map", "map.png")
    assert "a map needs 12" in result.stderr


def test_a_model_without_codes_has_no_map() -> None:
    images = np.zeros((3, 32, 32, 3), np.uint8)

    class Codeless(torch.nn.Module):
        name = "codeless"

    from animekit.evaluation.reconstruct import codes_of

    with pytest.raises(UnusableError, match="codeless has no codes"):
        codes_of(Codeless(), images)
    assert codes_of(Grey(), images).tolist() == [[-1, -1]] * 3
