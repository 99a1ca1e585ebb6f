"""The session: pictures are brought to the size that was asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from animekit.errors import UsageError
from animekit.translation.result import Transferred
from tests.translation.pictures import paint


def test_size_scales_the_shorter_side_and_fit_is_the_models_own(
    swap: Callable[..., Transferred],
) -> None:
    paint("a.png", size=(100, 50))
    assert [(i.width, i.height) for i in swap("a.png", size="20").items] == [(40, 20)]
    made = swap("a.png", size="fit", out="fit").items[0]
    assert (made.width, made.height) == (64, 32)
    with pytest.raises(UsageError, match="cannot read --size"):
        swap("a.png", size="huge")
