"""Directions: more of what a tagger reads, in pictures, tables and films that are drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import animekit
from animekit import plugins
from animekit.errors import ConfigError, UnusableError, UsageError
from animekit.generation import directions
from animekit.generation.directions import Wish, direction, strengths_of
from animekit.generation.recipe import Recipe
from animekit.models import sampling, tagger
from animekit.plugins import Registry
from animekit.runs.run import Loaded, load_model
from tests.support import answer, call


@pytest.fixture(scope="module")
def registry() -> Registry:
    return plugins.load()


@pytest.fixture(scope="module")
def loaded(registry: Registry) -> Loaded:
    return load_model("course64", registry)


@pytest.fixture(autouse=True)
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "SAMPLES", 128)
    monkeypatch.chdir(tmp_path)


def test_the_tagger_reads_more_of_what_is_asked_for(loaded: Loaded, registry: Registry) -> None:
    drawn = [
        animekit.generate(loaded, seeds="500-523", registry=registry, **words)
        for words in ({"less": "blonde hair"}, {}, {"more": ["blonde hair"]})
    ]
    reader = tagger.load(registry)
    place = reader.attributes["hair"].index("blonde")
    shares = [
        reader.probabilities(np.ascontiguousarray(each.images.transpose(0, 3, 1, 2)))["hair"]
        for each in drawn
    ]
    less, none, more = (float(each[:, place].mean()) for each in shares)
    assert less < none < more and more > none + 0.15
    assert drawn[2].how.strengths == [3.0] * 24
    assert drawn[2].how.shift is not None and drawn[2].how.shift.words == ["more blonde hair"]


def test_a_regression_finds_the_way_on_which_the_score_rises(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    reader = tagger.load(registry)
    z = sampling.noise_of_seeds(loaded.model, range(128))  # type: ignore[arg-type]

    def odds(_: np.ndarray, *rest: Sequence[int]) -> np.ndarray:
        return np.asarray(3.0 * z[:, 4] - 4.0 * z[:, 9], np.float64)

    monkeypatch.setattr(directions, "_log_odds", odds)
    way = direction(loaded, [Wish("blue hair", 1)], reader)
    assert way[4] == pytest.approx(0.6, abs=0.04) and way[9] == pytest.approx(-0.8, abs=0.04)
    assert np.linalg.norm(way) == pytest.approx(1, abs=0.05)
    back = direction(loaded, [Wish("blue hair", -1), Wish("z4", 1)], reader)
    assert back[9] == -way[9] and back[4] > 0.3


def test_an_axis_of_the_noise_needs_no_tagger(loaded: Loaded) -> None:
    drawn = animekit.generate(loaded, seeds="3,4", more="z5", strength=(-2, 0, 2))
    plain = sampling.noise_of_seeds(loaded.model, [3, 4])  # type: ignore[arg-type]
    assert drawn.how.shift is not None and drawn.how.shift.reader is None
    assert np.array_equal(drawn.z[1], plain[0]) and np.array_equal(drawn.z[4], plain[1])
    moved = drawn.z[2] - plain[0]
    assert abs(moved[5]) == pytest.approx(2, abs=0.1) and np.count_nonzero(moved) == 1
    assert drawn.seeds == (3, 3, 3, 4, 4, 4)
    path = drawn.save("table.png")
    layout = Recipe.read(path).layout
    assert layout is not None and layout.heads == ["-2", "+0", "+2"]
    assert layout.sides == ["seed 3", "seed 4"]
    again = animekit.reproduce("table.png", loaded).save("again.png")
    assert again.read_bytes() == path.read_bytes()
    one = drawn.one(2).save("one.png")
    assert animekit.reproduce(one, loaded).images.tobytes() == drawn.images[2:3].tobytes()


def test_several_faces_move_beside_each_other_in_a_film(loaded: Loaded) -> None:
    film = animekit.generate(loaded, seeds="0-2", more="z1", strength="-2,2", frames=6)
    assert film.images.shape == (18, 64, 64, 3) and film.how.paths == 3
    ends = animekit.generate(loaded, seeds="0-2", more="z1", strength="-2,2")
    assert np.array_equal(film.images[:3], ends.images[::2])
    assert np.array_equal(film.images[9:12], ends.images[1::2])  # then it goes back
    path = film.save_gif("film.gif")
    again = animekit.reproduce(path, loaded).save_gif("again.gif")
    assert again.read_bytes() == path.read_bytes()
    from PIL import Image

    with Image.open(path) as moving:
        assert moving.size == (128, 128)
        assert getattr(moving, "n_frames", 1) == 6
    film.save("film.png")
    film.save_strip("strip.png")


def test_a_sweep_of_labels_is_a_film_too(registry: Registry) -> None:
    loaded = load_model("cfaces64", registry)
    film = animekit.generate(loaded, seeds="7,8", sweep="eyes", frames=22, registry=registry)
    still = animekit.generate(loaded, seeds="7,8", sweep="eyes", registry=registry)
    assert len(film.images) == 44
    assert np.array_equal(film.images[0], still.images[0])
    assert np.array_equal(film.images[5], still.images[11 + 1])


def test_noise_of_ones_own_moves_too(loaded: Loaded) -> None:
    z = sampling.noise_of_seeds(loaded.model, [9])  # type: ignore[arg-type]
    drawn = animekit.generate(loaded, noise=z, more="z0", strength=(0, 4))
    assert np.array_equal(drawn.z[:1], z) and drawn.z[1, 0] != z[0, 0]
    drawn.save("own.png")
    again = animekit.reproduce("own.png", loaded, noise=np.repeat(z, 2, axis=0))
    assert np.array_equal(again.images, drawn.images)


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        ({"strength": 3}, UsageError, "of what"),
        ({"more": "smile"}, ConfigError, "smile"),
        ({"more": "z100"}, UsageError, "no axis"),
        ({"more": " "}, UsageError, "without a word"),
        ({"more": "z1", "best_of": 4}, UsageError, "best-of and a direction"),
        ({"more": "z1", "strength": "-3,3", "sweep": "hair"}, UsageError, "and a sweep"),
        ({"more": "z1", "strength": "far"}, UsageError, "cannot read"),
        ({"more": "z1", "strength": "nan"}, UsageError, "cannot read"),
        ({"more": "z1", "frames": 8}, UsageError, "what changes"),
    ],
)
def test_what_is_no_direction_is_said(
    loaded: Loaded, words: dict[str, object], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        animekit.generate(loaded, num=1, **words)  # type: ignore[arg-type]


def test_a_direction_is_of_one_model(loaded: Loaded, registry: Registry, tmp_path: Path) -> None:
    animekit.generate(loaded, num=1, more="z1").save("one.png")
    other = load_model("course64", registry)
    other.model.params = other.model.params.model_copy(update={"z_dim": 8})
    with pytest.raises(UnusableError, match="directions are of one model|direction is of"):
        animekit.reproduce("one.png", other)


def test_strengths_are_read_as_they_are_typed() -> None:
    assert strengths_of("-3") == (-3.0,) and strengths_of((1, 2.5)) == (1.0, 2.5)
    with pytest.raises(UsageError):
        strengths_of("1e9")


def test_the_command_writes_tables_and_films() -> None:
    table = answer(
        *("generate", "faces64", "--seeds", "3", "--more", "z2"),
        *("--strength", "-2,0,2", "-o", "table.png"),
    )
    assert [each["col"] for each in table["data"]["images"]] == [0, 1, 2]
    film = ("generate", "faces64", "--less", "z2", "--strength=-2,2", "--frames", "4")
    assert call(*film, "-o", "film.gif").exit_code == 0
    assert call("generate", "--reproduce", "film.gif", "-o", "again.gif").exit_code == 0
    assert Path("again.gif").read_bytes() == Path("film.gif").read_bytes()
    plan = call("generate", "faces64", "--more", "z2", "-n")
    assert plan.exit_code == 0 and "more z2" in plan.stdout
    beside = call("generate", "faces64", "--beside", "course64", "--more", "z2")
    assert beside.exit_code == 2 and "--more is of one" in beside.stderr
