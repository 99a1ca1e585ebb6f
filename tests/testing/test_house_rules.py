"""What animekit asks of its own models, and of no other."""

from __future__ import annotations

import pytest

from animekit.testing.check import check_model
from animekit.testing.house_rules import check_house_rules
from animekit_plugins.models.gan import GAN


class Mine(GAN):
    """gan of mine"""

    name = "My_GAN-2"


def test_a_model_of_a_stranger_keeps_the_contract_without_a_source_or_a_full_stop() -> None:
    check_model(Mine, sizes=(32,))
    with pytest.raises(AssertionError) as caught:
        check_house_rules(Mine, (32,))
    for words in ("has capitals", "no sentence", "names no source"):
        assert words in str(caught.value)


def test_a_model_of_animekit_keeps_the_rules_of_the_house() -> None:
    check_house_rules(GAN, (32,))
