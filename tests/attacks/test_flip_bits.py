"""A flipped bit in a checkpoint or a pack is seen, or changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks import flip_bits


def test_flipped_bits_end_in_an_error_of_ours_or_in_the_same_bits(tmp_path: Path) -> None:
    outcome = flip_bits.trial(tmp_path, flips=16, seed=0, models=("gan",))
    assert outcome.wrong == []
    assert sum(outcome.counts.values()) == 16
    assert outcome.told, "some of them must be told, or nothing was damaged"


@pytest.mark.slow
def test_hundreds_of_flipped_bits_end_so_too(tmp_path: Path) -> None:
    outcome = flip_bits.trial(tmp_path, flips=300, seed=1)
    assert outcome.wrong == []
    assert {how for _, how in outcome.counts} == {flip_bits.SAME, flip_bits.SEEN}
