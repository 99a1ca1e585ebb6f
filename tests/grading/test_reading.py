"""What a tagger of any words reads, beside what prompts asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.errors import ConfigError, UsageError
from animekit.grading.jury import find_jury
from animekit.grading.reading import read_prompts_of
from animekit.grading.request import GradeRequest
from animekit.labels.lines import parse_prompts
from animekit.labels.vocabulary import Vocabulary
from animekit.plugins import Registry
from tests.readers import WORDS, ToldReader


def test_prompts_of_any_words_are_held_against_what_is_read() -> None:
    texts = ["smiling, long hair", "no smiling", "short hair"]
    prompts = parse_prompts(texts, Vocabulary(WORDS, (1, 2)))
    cells = [np.zeros((64, 64, 3), np.uint8)] * 3
    found = read_prompts_of(cells, prompts, ToldReader([1, 1, 0], [1, 0, 1]))
    assert found.shares() == {"smiling": (1, 2), "hair": (1, 2)}
    assert found.rows[0].seen() == "smiling short hair (1)"
    assert found.rows[2].seen() == "no smiling short hair (1)"
    assert found.rows[1].right == {"smiling": 0}


def test_a_classifier_is_named_with_prompts_and_these_are_in_its_words(detector: Registry) -> None:
    with pytest.raises(UsageError, match="--classifier reads what prompts asked for"):
        GradeRequest((Path("cgan.png"),), classifier="tagger")
    jury = find_jury(detector, prompts=["blue hair"], classifier="tagger")
    assert jury.classifier is not None
    assert jury.prompts[0].text == "blue hair"
    with pytest.raises(ConfigError, match="unknown word"):
        find_jury(detector, prompts=["smiling"], classifier="tagger")
