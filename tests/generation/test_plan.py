"""Plans: who gets which prompt and seed, and what a dry run says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animekit.errors import ConfigError, DataError, UsageError
from animekit.generation import compose
from animekit.generation.generate import plan_generate
from animekit.generation.interpolation import Interpolation
from animekit.generation.plan import Cell, attrs_of, paired
from animekit.generation.recipe import Layout
from animekit.labels.attributes import Attributes
from animekit.labels.lines import parse_prompts
from animekit.labels.vocabulary import Vocabulary
from animekit.models import sampling
from tests.generation.weights import REGISTRY, make, size_of


class TestWhoGetsWhichPromptAndSeed:
    """`plan.paired`, in terms of prompts by name and seeds."""

    @staticmethod
    def pairs(count: int, seeds: Any = None, **options: Any) -> list[tuple[str, int]]:
        words = Vocabulary(tuple(f"p{i} hair" for i in range(30)), (30,))
        prompts = parse_prompts([f"p{i} hair" for i in range(count)], words)
        plan = paired(prompts, seeds, **options)
        return [(cell.prompt.text[:-5], cell.seed) for cell in plan.cells if cell.prompt]

    @pytest.mark.parametrize(
        ("count", "each"), [(1, 25), (5, 5), (25, 1), (2, 1), (4, 1), (24, 1), (10, 1)]
    )
    def test_auto_fills_the_five_by_five_grid_or_makes_one_of_each(
        self, count: int, each: int
    ) -> None:
        found = self.pairs(count)
        assert found == [(f"p{i // each}", i) for i in range(count * each)]

    def test_seeds_begin_where_they_are_told_to(self) -> None:
        assert self.pairs(2, per_prompt=2, first=7) == [
            *(("p0", 7), ("p0", 8)),
            *(("p1", 9), ("p1", 10)),
        ]
        assert self.pairs(2, num=4) == [("p0", 0), ("p0", 1), ("p1", 2), ("p1", 3)]

    def test_one_z_with_many_prompts_and_one_prompt_with_many(self) -> None:
        assert self.pairs(3, [9]) == [("p0", 9), ("p1", 9), ("p2", 9)]
        assert self.pairs(1, [9, 3]) == [("p0", 9), ("p0", 3)]

    def test_as_many_seeds_as_prompts_or_as_images_go_in_order(self) -> None:
        assert self.pairs(3, [7, 8, 9]) == [("p0", 7), ("p1", 8), ("p2", 9)]
        found = self.pairs(5, range(100, 125))
        assert found == [(f"p{i // 5}", 100 + i) for i in range(25)]
        assert self.pairs(2, [1, 2, 3, 4], per_prompt=2)[1:3] == [("p0", 2), ("p1", 3)]

    def test_any_other_number_makes_a_row_a_prompt_and_a_column_a_seed(self) -> None:
        expected = [(p, s) for p in ("p0", "p1") for s in (4, 5, 6)]
        assert self.pairs(2, [4, 5, 6]) == expected
        assert self.pairs(2, [4, 5], per_prompt=2) == [(p, s) for p in ("p0", "p1") for s in (4, 5)]

    @pytest.mark.parametrize(
        ("count", "seeds", "options", "what"),
        [
            (3, None, {"num": 8}, "8 images cannot be shared by 3 prompts"),
            (2, None, {"per_prompt": 0}, "0 images per prompt"),
            (2, None, {"per_prompt": 3, "num": 4}, "are not 4 images"),
            (2, [1, 2, 3], {"per_prompt": 2}, "do not go with 3 seeds"),
            (0, None, {"per_prompt": 2}, "without a prompt"),
        ],
    )
    def test_what_does_not_fit_is_one_clear_line(
        self, count: int, seeds: Any, options: dict[str, int], what: str
    ) -> None:
        texts = [f"p{i} hair" for i in range(count)]
        prompts = parse_prompts(texts, self_words()) if texts else []
        with pytest.raises(UsageError, match=what):
            paired(prompts, seeds, **options)  # type: ignore[arg-type]


def self_words() -> Vocabulary:
    return Vocabulary(tuple(f"p{i} hair" for i in range(30)), (30,))


class TestWhatWouldBeDrawn:
    @pytest.mark.parametrize(
        ("options", "count", "text"),
        [
            ({}, 25, "25 images"),
            ({"num": 1}, 1, "1 image"),
            ({"grid": (4, 3)}, 12, "12 images"),
            ({"grid": (4, 3), "num": 5}, 5, "5 images"),
            ({"seeds": "3,17,18"}, 3, "images of seeds 3,17-18"),
            ({"prompts": "red hair"}, 25, "25 images of 1 prompt"),
            ({"prompts": ["red hair", "blue hair"]}, 2, "2 images of 2 prompts"),
            (
                {"prompts": ["red hair", "blue hair"], "grid": (5, 2)},
                10,
                "10 images of 2 prompts",
            ),
            (
                {"prompts": ["red hair", "blue hair"], "per_prompt": 3},
                6,
                "6 images of 2 prompts",
            ),
            ({"sweep": "smile", "num": 3}, 6, "all values of smile"),
            ({"sweep": "hair,smile", "prompts": "hat"}, 4, "all values of hair and smile of 1"),
            ({"noise": np.zeros((3, 6), np.float32)}, 3, "images of noise"),
            ({"best_of": 4, "num": 2}, 2, "2 images"),
            ({"seeds": "3,17", "interpolation": Interpolation(8)}, 2, "8 images from seed to seed"),
        ],
    )
    def test_a_plan_counts_and_says_it(
        self, free: Path, options: dict[str, Any], count: int, text: str
    ) -> None:
        plan = plan_generate(free, registry=REGISTRY, **options)
        assert len(plan.cells) == count
        assert plan.text.startswith(text)
        assert "free" in plan.origin

    def test_it_is_what_is_drawn(self, free: Path) -> None:
        options: dict[str, Any] = {"prompts": ["red hair", "hat"], "per_prompt": 2, "seed": 5}
        plan = plan_generate(free, registry=REGISTRY, **options)
        made = make(free, **options)
        assert [cell.seed for cell in plan.cells] == list(made.seeds)
        assert [cell.prompt.text for cell in plan.cells if cell.prompt] == made.how.prompts
        assert made.how.attrs == plan.attrs
        assert made.how.layout == Layout(columns=plan.columns)

    def test_nothing_is_drawn_and_mistakes_are_found(
        self, free: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sampling, "draw", None)
        plan_generate(free, best_of=3, num=2, registry=REGISTRY)
        for options, error in (
            ({"prompts": "blu hair"}, ConfigError),
            ({"seeds": "0-9", "grid": (3, 3)}, UsageError),
            ({"noise": np.zeros((1, 5), np.float32)}, DataError),
            ({"seeds": "1", "interpolation": Interpolation()}, UsageError),
            ({"prompts": "red hair", "random": "hair"}, UsageError),
        ):
            with pytest.raises(error):
                plan_generate(free, registry=REGISTRY, **options)
        with pytest.raises(TypeError):
            plan_generate(free, vary="hair")

    def test_prompts_are_read_once(self, free: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        texts = (text for text in ("red hair", "hat"))
        assert len(make(free, prompts=texts).images) == 2
        calls = []
        real = compose.parse_prompts
        monkeypatch.setattr(
            compose, "parse_prompts", lambda *words: calls.append(words) or real(*words)
        )
        make(free, prompts="red hair", num=1)
        assert len(calls) == 1


def test_a_grid_is_filled_and_laid_out(tmp_path: Path, free: Path) -> None:
    made = make(free, grid=(4, 2))
    assert len(made.images) == 8
    assert size_of(made.save(tmp_path / "a.png")) == (4 * 32, 2 * 32)


def test_the_older_names_of_a_sweep_draw_the_same(free: Path) -> None:
    pairs = (({"sweep": "smile", "num": 2}, {"vary": "smile", "num": 2}),)
    tables = (({"sweep": "hair,smile"}, {"matrix": ["hair", "smile"]}),)
    for newer, older in (*pairs, *tables):
        assert make(free, **newer).how == make(free, **older).how


def test_who_asks_for_one_hair_colour_is_given_no_other() -> None:
    celeba = Attributes(Vocabulary(("Black_Hair", "Blond_Hair", "Male"), (1, 1, 1)))
    prompts = parse_prompts(["blond hair"], celeba.vocabulary)
    cells = [Cell(seed, prompts[0]) for seed in range(20)]
    found = attrs_of(cells, celeba, np.array([0.9, 0.5, 0.5]))
    assert {each["blonde hair"] for each in found} == {True}
    assert {each["black hair"] for each in found} == {False}
    assert {each["male"] for each in found} == {True, False}  # nobody asked
