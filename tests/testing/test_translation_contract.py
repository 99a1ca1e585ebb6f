"""Each check of a translation can fail, and says how to mend the model."""

from __future__ import annotations

import pytest

from animekit.testing import contract, translation_contract
from animekit_plugins.models.cyclegan import CycleGAN


class Leaving(CycleGAN):
    """Translates out of range (Nobody, 2020)."""

    def translate(self, images, target):
        return 3 * super().translate(images, target)


class Sociable(CycleGAN):
    """Looks at its neighbours (Nobody, 2020)."""

    def translate(self, images, target):
        return super().translate(images, target) * images.flip(0).mean((1, 2, 3), True).tanh()


class Cutting(CycleGAN):
    """Gives smaller pictures back (Nobody, 2020)."""

    def translate(self, images, target):
        return super().translate(images, target)[..., 1:]


class Lenient(CycleGAN):
    """Takes any direction (Nobody, 2020)."""

    def translate(self, images, target):
        return super().translate(images, "a2b")


class Hiding(CycleGAN):
    """Shows no real images (Nobody, 2020)."""

    def sheet(self, batch):
        return super().sheet(batch)[:, 1:]


BROKEN = {
    Leaving: r"leaves \[-1, 1\]",
    Sociable: "another image alone than in a batch",
    Cutting: "gives torch.float32",
    Lenient: "takes a direction that is not there",
    Hiding: "does not begin with the real images",
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__.lower())
def test_each_broken_translation_is_caught_with_a_remedy(cls):
    with pytest.raises(AssertionError, match=BROKEN[cls]) as caught:
        translation_contract.check_translations(cls, (32,))
    assert "; " in str(caught.value)
    assert translation_contract.check_translations not in contract.CHECKS
