"""Variants: what axes, tips and named changes make of the base, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit.ablation.variants import (
    Variant,
    cleaned_or_raw,
    expand,
    fields_of,
    is_raw,
    read_axis,
    read_variant,
)
from animekit.errors import UsageError
from animekit.models.adversarial_params import AdversarialParams

BASE = {"gp_weight": 10.0, "d_pool": "auto", "model": "wgangp", "betas": (0.0, 0.9)}


def named(found: list[Variant]) -> list[str]:
    return [each.name for each in found]


def test_one_change_at_a_time_and_the_base_is_no_variant_of_itself() -> None:
    found = expand(["4", "9"], {"gp_weight": [1, 10, 100], "d_pool": ["max"]}, [], BASE, grid=False)
    assert named(found) == [
        *("base", "tip 4", "tip 9", "gp_weight=1", "gp_weight=100", "d_pool=max")
    ]
    assert found[3].values == {"gp_weight": 1}


def test_a_grid_has_every_combination() -> None:
    found = expand(["4"], {"gp_weight": [1, 10], "d_pool": ["avg", "max"]}, [], BASE, grid=True)
    assert len(found) == 1 + 2 * 2 * 2
    assert "tip 4, gp_weight=1, d_pool=max" in named(found)
    both = expand(["4", "5"], {}, [], BASE, grid=True)
    assert both[-1].values == {"tip": "4,5"}


def test_a_value_with_commas_is_one_where_the_parameter_holds_several() -> None:
    fields = fields_of(AdversarialParams)
    assert read_axis("betas=0.5,0.5", fields) == ("betas", [(0.5, 0.5)])
    assert read_axis("d-betas=0,0.9;0.5,0.9", fields) == ("d_betas", [(0, 0.9), (0.5, 0.9)])
    assert read_axis("d_pool=avg,max", fields) == ("d_pool", ["avg", "max"])
    assert named(expand([], {"betas": [(0, 0.9)]}, [Variant("a", {"x": 1})], BASE, grid=False)) == [
        *("base", "a")
    ]


@pytest.mark.parametrize("text", ["gp_weight", "=1,2", "gp_weight=", "gp_weight= "])
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the axis"):
        read_axis(text)


@pytest.mark.parametrize("text", ["Adam", "Adam:", ": lr=1", "a: lr", 'a: "lr=1', "a: =1"])
def test_what_is_no_variant_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the variant"):
        read_variant(text)


def test_a_variant_has_a_name_and_several_values() -> None:
    found = read_variant('soft labels: real-label=0.8,1.2 name="a b"')
    assert found == Variant("soft labels", {"real_label": (0.8, 1.2), "name": "a b"})
    assert found.words == "real_label=0.8,1.2 name=a b"


def test_nothing_to_compare_and_one_name_for_two_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing differs"):
        expand([], {"gp_weight": [10]}, [], BASE, grid=False)
    two = [Variant("a b", {"x": 1}), Variant("a-b", {"x": 2})]
    with pytest.raises(UsageError, match='two variants are called "a-b"'):
        expand([], {}, two, BASE, grid=False)
    assert len(expand([], {}, [two[0], two[0]], BASE, grid=False)) == 2, "one named twice is one"


def test_names_become_names_of_files() -> None:
    assert Variant("ü/..\\ a:b").slug == "a-b"
    assert Variant("...").slug == "variant"
    assert len(Variant("x" * 500).slug) == 60


def test_of_joined_sets_those_that_were_cleaned_are_raw_and_the_others_stay(tmp_path: Path) -> None:
    faces, extra = tmp_path / "faces", tmp_path / "extra"
    place = faces / ".animekit/clean/0001"
    place.mkdir(parents=True)
    (place / "manifest.csv").write_text("name,decision\n", "utf-8")
    extra.mkdir()
    both = f"{faces}*2+{extra}"
    assert cleaned_or_raw(both, "raw") == f"raw:{faces}*2+{extra}"
    assert is_raw(f"raw:{faces}*2+{extra}") and not is_raw(both)
    assert cleaned_or_raw(f"raw:{faces}*2+{extra}", "cleaned") == both
    with pytest.raises(UsageError, match="never cleaned"):
        cleaned_or_raw(f"{extra}+synthetic:4", "raw")
