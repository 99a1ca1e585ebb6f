"""Where data lie as one text: joined by a plus, with weights; a comma is something else."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest

from animekit.data.places import DataPlace, is_here, joined, places_of, refuse_pair
from animekit.data.unpaired import find_domains
from animekit.errors import DataError, UsageError
from animekit.training.recipe import TrainOptions


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("faces", "extra", "a+b", "a", "b*2"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_a_plus_joins_and_an_asterisk_weighs(folders: Path) -> None:
    with chdir(folders):
        assert places_of("faces+extra*0.5") == [DataPlace("faces"), DataPlace("extra", 0.5)]
        assert places_of("faces *2 + synthetic:count=4,seed=1") == [
            DataPlace("faces", 2.0),
            DataPlace("synthetic:count=4,seed=1"),
        ]
        assert str(DataPlace("extra", 0.5)) == "extra*0.5"


def test_what_exists_is_a_place_whatever_signs_it_has(folders: Path) -> None:
    with chdir(folders):
        assert places_of("a+b") == [DataPlace("a+b")]
        assert places_of("faces+a+b*3") == [DataPlace("faces"), DataPlace("a+b", 3.0)]
        assert places_of("b*2+a") == [DataPlace("b*2"), DataPlace("a")]
        assert places_of("raw:a+b") == [DataPlace("raw:a+b")]
        assert places_of("faces*2") == [DataPlace("faces*2")]  # and no others


@pytest.mark.parametrize("text", ["faces+extra*0", "faces+extra*5000", "faces+extra*1.2.3"])
def test_a_weight_that_is_none_is_refused(folders: Path, text: str) -> None:
    with chdir(folders), pytest.raises(DataError, match="weight of"):
        places_of(text)


@pytest.mark.parametrize("text", ["faces+", "+faces", "+"])
def test_a_plus_has_two_sides(folders: Path, text: str) -> None:
    with chdir(folders), pytest.raises(DataError, match="nothing on one side"):
        places_of(text)


def test_a_list_is_the_same_as_its_places_joined(folders: Path) -> None:
    options = TrainOptions.model_validate({"data": ["faces", "extra*0.5"]})
    assert options.data == joined(["faces", "extra*0.5"])
    with chdir(folders):
        assert places_of(options.data) == places_of("faces+extra*0.5")
        assert is_here(options.data) and not is_here("faces+extras")


def test_a_pair_is_not_joined_and_joined_sets_are_no_pair(folders: Path) -> None:
    with chdir(folders):
        with pytest.raises(UsageError, match="gan takes one set; faces,extra is a pair") as found:
            refuse_pair("faces,extra", "gan")
        assert found.value.hint == "to join them: faces+extra"
        refuse_pair("synthetic:count=4,seed=1")
        with pytest.raises(UsageError, match="joined of 2") as found:
            find_domains("faces+extra")
        assert str(found.value.hint).endswith("faces,extra")
        assert find_domains("faces+extra,a") == ("faces+extra", "a")
