"""Prompts to images: what reaches the model, what is drawn at random, tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animekit.errors import ConfigError, NotFoundError, UnusableError, UsageError
from animekit.generation.generate import generate, interpolate
from animekit.generation.interpolation import segments
from animekit.generation.recipe import read_recipe
from animekit.generation.reproduce import reproduce
from animekit.labels.tags import NAMES
from animekit.models import sampling, weights
from animekit.models.sampling import attributes_of
from animekit.runs.run import load_model
from tests.generation.weights import COUNTS, FREE, KNOWN, REGISTRY, make, pixels, weights_file


class TestPromptsReachTheModel:
    def test_each_image_is_what_its_prompt_says_in_order(self, course: Path) -> None:
        made = make(course, prompts=["blue hair green eyes", "red eyes pink hair"], seeds=[3])
        assert made.how.prompts == ["blue hair green eyes", "red eyes pink hair"]
        assert made.how.attrs == [
            {"hair": "blue", "eyes": "green"},
            {"hair": "pink", "eyes": "red"},
        ]
        labels = np.zeros((2, len(NAMES)), np.float32)
        for row, names in enumerate((("blue hair", "green eyes"), ("pink hair", "red eyes"))):
            labels[row, [NAMES.index(name) for name in names]] = 1
        model = load_model(course, REGISTRY).model
        z = sampling.noise_of_seeds(model, [3, 3])  # type: ignore[arg-type]
        assert np.array_equal(made.images, sampling.draw(model, z, labels))
        assert not np.array_equal(made.images[0], made.images[1])

    def test_several_colours_at_once_are_passed_on_as_they_are(self, course: Path) -> None:
        made = make(course, prompts="blue pink hair red eyes", num=1)
        assert made.how.attrs[0]["hair"] == ["pink", "blue"]
        labels = attributes_of(load_model(course, REGISTRY).model).labels(made.how.attrs[0])[0]  # type: ignore[arg-type]
        on = {name for name, value in zip(NAMES, labels, strict=True) if value}
        assert on == {"blue hair", "pink hair", "red eyes"}

    def test_a_testing_text_is_read_from_its_file(self, tmp_path: Path, course: Path) -> None:
        (tmp_path / "t.txt").write_text("7,red hair blue eyes\n9,blue hair red eyes\n")
        made = make(course, prompts=tmp_path / "t.txt")
        assert made.how.prompts == ["red hair blue eyes", "blue hair red eyes"]
        assert made.seeds == (0, 1)

    def test_an_image_is_the_same_alone_and_in_any_company(self, course: Path) -> None:
        many = make(course, prompts="green hair", num=9)
        alone = make(course, prompts="green hair", seeds=[6])
        assert np.array_equal(alone.images[0], many.images[6])
        assert alone.how.attrs == [many.how.attrs[6]]

    def test_a_model_without_labels_says_who_takes_prompts(self, plain: Path) -> None:
        for options in ({"prompts": "red hair"}, {"vary": "hair"}, {"random": ["hair"]}):
            with pytest.raises(UnusableError, match="plain is a gan, whose") as caught:
                make(plain, **options)
            assert "animekit train acgan" in (caught.value.hint or "")

    def test_what_the_vocabulary_lacks_is_an_error_with_the_nearest_word(
        self, course: Path
    ) -> None:
        with pytest.raises(ConfigError, match='"blu" in prompt 2.*Did you mean "blue"'):
            make(course, prompts=["red hair", "blu eyes"])
        for empty in ("", " ", []):
            with pytest.raises(ConfigError):
                make(course, prompts=empty)

    def test_the_models_own_truncation_is_used_and_recorded(self, course: Path) -> None:
        loaded = load_model(course, REGISTRY)
        object.__setattr__(loaded.model, "_own", None)
        own = type("Own", (type(loaded.model),), {"default_truncation": 0.5})
        loaded.model.__class__ = own
        made = make(loaded, num=2)
        assert made.how.truncation == 0.5
        assert np.array_equal(made.z, make(course, num=2).z * np.float32(0.5))
        assert make(loaded, num=2, truncation=1.0).how.truncation == 1.0
        again = make(loaded, noise=made.z, seed=0)  # already truncated
        assert np.array_equal(again.images, made.images)


class TestWhatIsLeftOpen:
    def test_it_follows_from_the_seed_alone_and_is_recorded(self, course: Path) -> None:
        first, other = make(course, num=30), make(course, seeds=range(29, -1, -1))
        assert first.how.attrs == other.how.attrs[::-1]
        assert len(Counter(each["hair"] for each in first.how.attrs)) > 5
        asked = make(course, prompts="red hair", seeds=range(30))
        assert {each["hair"] for each in asked.how.attrs} == {"red"}
        assert [a["eyes"] for a in asked.how.attrs] == [a["eyes"] for a in first.how.attrs]

    def test_it_is_as_frequent_as_in_the_training_set(self, free: Path) -> None:
        attrs = make(free, num=300).how.attrs
        assert 0.83 < np.mean([each["hair"] == "blue" for each in attrs]) < 0.97
        assert 0.7 < np.mean([each["smile"] for each in attrs]) < 0.9
        assert not any(each["hat"] for each in attrs)

    def test_without_counts_all_values_are_alike(self, course: Path) -> None:
        assert load_model(course, REGISTRY).frequencies() is None
        hair = Counter(each["hair"] for each in make(course, num=240).how.attrs)
        assert len(hair) == 12
        assert max(hair.values()) < 45

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ({"label_counts": COUNTS}, [90, 10, 0.5, 0.5]),
            ({"label_counts": COUNTS, "label_known": KNOWN}, [90, 10, 0.8, 0]),
            (
                {"label_counts": dict.fromkeys(COUNTS, 0), "label_known": dict.fromkeys(KNOWN, 0)},
                [1, 1, 0.5, 0.5],
            ),
            ({"label_counts": {"blue hair": 3}}, None),
            ({"label_counts": dict.fromkeys(COUNTS, "x")}, None),
            ({"label_counts": [1, 2]}, None),
        ],
    )
    def test_counts_become_frequencies(
        self, tmp_path: Path, data: dict[str, Any], expected: list[float] | None
    ) -> None:
        loaded = load_model(weights_file(tmp_path / "x.safetensors", FREE, data=data), REGISTRY)
        found = loaded.frequencies()
        assert (None if found is None else found.tolist()) == expected

    def test_random_names_what_differs_and_the_rest_is_drawn_once(self, course: Path) -> None:
        attrs = make(course, num=20, random=["hair"]).how.attrs
        assert len({each["hair"] for each in attrs}) > 4
        assert len({each["eyes"] for each in attrs}) == 1
        both = make(course, num=20, random=["hair", "eyes"]).how.attrs
        assert both == make(course, num=20).how.attrs
        with pytest.raises(UsageError, match="--random hair draws it"):
            make(course, prompts="red hair", random=["hair"])
        with pytest.raises(ConfigError, match='"hairs".* Did you mean "hair"'):
            make(course, random=["hairs"])

    def test_noise_from_a_file_works_with_labels_too(self, tmp_path: Path, course: Path) -> None:
        made = make(course, num=4)
        path = made.save_noise(tmp_path / "z.npy")
        again = make(course, noise=path)
        assert np.array_equal(again.images, made.images)
        picture = make(course, noise=path, prompts="red hair blue eyes").save(tmp_path / "a.png")
        assert read_recipe(picture)["prompts"] == ["red hair blue eyes"] * 4
        bytes_ = reproduce(picture, course, registry=REGISTRY).save(tmp_path / "b.png").read_bytes()
        assert bytes_ == picture.read_bytes()
        with pytest.raises(UsageError, match="3 prompts do not go with 4 rows"):
            make(course, noise=path, prompts=["red hair", "blue hair", "pink hair"])


class TestTables:
    def test_a_matrix_shows_one_z_with_all_pairs(self, tmp_path: Path, course: Path) -> None:
        made = make(course, matrix=["hair", "eyes"], seed=4)
        assert len(made.images) == 12 * 11
        assert set(made.seeds) == {4}
        assert made.how.attrs[12] == {"hair": "white", "eyes": "black"}
        layout = made.how.layout
        assert (layout.columns, layout.heads[0], layout.sides[1]) == (
            *(11, "gray eyes", "white hair"),
        )
        picture = pixels(made.save(tmp_path / "m.png"))
        cells = picture[-12 * 32 :, -11 * 32 :]
        assert np.array_equal(cells[32:64, 32:64], made.images[12])

    def test_yes_or_no_and_one_of_several_go_together(self, free: Path) -> None:
        made = make(free, matrix=["smile", "hair"], prompts="hat")
        assert made.how.layout.sides == ["no smile", "smile"]
        assert made.how.attrs == [
            {"hair": hair, "smile": smile, "hat": True}
            for smile in (False, True)
            for hair in ("blue", "red")
        ]

    def test_pairs_of_one_z_with_an_attribute_off_and_on(self, tmp_path: Path, free: Path) -> None:
        made = make(free, vary="smile", num=10)
        assert made.seeds == tuple(seed for seed in range(10) for _ in "no")
        assert [each["smile"] for each in made.how.attrs] == [False, True] * 10
        rows = zip(made.how.attrs[::2], made.how.attrs[1::2], strict=True)
        assert all({**off, "smile": True} == on for off, on in rows)
        assert made.how.layout.heads == ["no smile", "smile"]
        assert made.how.layout.sides[3] == "seed 3"
        high, wide, _ = pixels(made.save(tmp_path / "pairs.png")).shape
        assert wide > 64
        assert high > 320
        plain = made.save(tmp_path / "plain.png", style="plain")
        assert pixels(plain).shape == (320, 64, 3)

    def test_each_prompt_may_have_a_row(self, free: Path) -> None:
        made = make(free, prompts=["red hair", "blue hair, hat"], vary="smile")
        assert made.how.layout.sides == ["red hair", "blue hair, hat"]
        assert [each["hair"] for each in made.how.attrs] == ["red", "red", "blue", "blue"]

    def test_a_code_is_swept_over_fixed_noise(self, tmp_path: Path, coded: Path) -> None:
        made = make(coded, vary="code1", num=2)
        assert made.z.shape == (6, 6 + 2 * 3)
        for row in range(2):
            part = made.z[3 * row : 3 * row + 3]
            assert np.array_equal(part[:, -3:], np.eye(3))
            assert (part[:, :-3] == part[0, :-3]).all()
        assert [each["code1"] for each in made.how.attrs] == [0, 1, 2, 0, 1, 2]
        picture = made.save(tmp_path / "a.png")
        again = reproduce(picture, coded, registry=REGISTRY).save(tmp_path / "b.png")
        assert again.read_bytes() == picture.read_bytes()
        with pytest.raises(ConfigError, match='"code7"'):
            make(coded, vary="code7")

    def test_truncation_leaves_codes_alone(self, coded: Path) -> None:
        whole, half = make(coded, num=5), make(coded, num=5, truncation=0.5)
        assert np.array_equal(half.z[:, :6], whole.z[:, :6] * np.float32(0.5))
        assert np.array_equal(half.z[:, 6:], whole.z[:, 6:])

    def test_a_model_without_codes_says_so(self, plain: Path, course: Path) -> None:
        with pytest.raises(UnusableError, match="no codes") as caught:
            make(plain, vary="code0")
        assert "infogan" in (caught.value.hint or "")
        with pytest.raises(ConfigError, match='no attribute "code0"'):
            make(course, vary="code0")

    @pytest.mark.parametrize(
        "options",
        [
            {"matrix": ["hair"]},
            {"matrix": ["hair", "hair"]},
            {"matrix": ["hair", "eyes"], "seeds": [1, 2]},
            {"matrix": ["hair", "eyes"], "prompts": ["red hair", "blue hair"]},
            {"matrix": ["hair", "eyes"], "vary": "hair"},
            {"vary": "hair", "best_of": 2},
            {"vary": "hair", "noise": np.zeros((1, 6), np.float32)},
            {"best_of": 0},
            {"best_of": 3, "seeds": [1, 2]},
            {"best_of": 2, "seeds": [1, 2], "prompts": ["red hair", "blue hair"]},
            {"labels": np.zeros((1, 23)), "prompts": "red hair"},
        ],
    )
    def test_options_that_clash_are_refused(self, course: Path, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError) as caught:
            make(course, **options)
        assert "\n" not in caught.value.message

    def test_titles_need_some_pixels_and_their_own_columns(
        self, tmp_path: Path, free: Path
    ) -> None:
        made = make(free, vary="smile", num=1)
        for options in ({"image_size": 16}, {"columns": 3}):
            with pytest.raises(UsageError):
                made.save(tmp_path / "x.png", **options)
        with pytest.raises(UsageError, match="needs titles"):
            make(free, num=2).save(tmp_path / "x.png", style="table")


class TestTheWayBetweenPrompts:
    def test_labels_move_beside_z_and_ends_are_the_prompts(self, course: Path) -> None:
        texts = ["blue hair red eyes", "pink hair green eyes"]
        way = interpolate(course, [3], prompts=texts, frames=5, loop=False, registry=REGISTRY)
        ends = make(course, prompts=texts, seeds=[3])
        assert np.array_equal(way.images[0], ends.images[0])
        assert np.array_equal(way.images[-1], ends.images[1])
        assert len({image.tobytes() for image in way.images}) == 5

    def test_without_prompts_each_seed_is_what_it_is_alone(
        self, tmp_path: Path, course: Path
    ) -> None:
        way = interpolate(course, [3, 17, 8], frames=9, registry=REGISTRY)
        alone = make(course, seeds=[3, 17, 8])
        starts = np.cumsum([0, *segments(3, 9, loop=True)])[:3]
        assert np.array_equal(way.images[starts], alone.images)
        picture = way.save_gif(tmp_path / "a.gif")
        again = reproduce(picture, course, registry=REGISTRY).save(tmp_path / "b.gif")
        assert again.read_bytes() == picture.read_bytes()

    def test_seeds_and_prompts_that_make_no_way_are_refused(self, course: Path) -> None:
        with pytest.raises(UsageError, match="2 seeds and 3 prompts"):
            interpolate(
                course, [1, 2], prompts=["red hair", "blue hair", "pink hair"], registry=REGISTRY
            )


def test_without_a_model_bundled_weights_take_the_prompt(
    tmp_path: Path, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    with pytest.raises(NotFoundError, match="no model that takes a prompt") as caught:
        generate(prompts="red hair", registry=REGISTRY)
    assert "animekit train acgan" in (caught.value.hint or "")
    (tmp_path / "cfaces64.safetensors").write_bytes(course.read_bytes())
    assert generate(prompts="red hair", num=1, registry=REGISTRY).how.model.name == "cfaces64"
