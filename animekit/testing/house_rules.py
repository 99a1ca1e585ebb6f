"""What animekit asks of its own models beyond the contract: nobody else has to keep it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from animekit.models.base import Model


def check_house_rules(cls: type[Model], sizes: Sequence[int]) -> None:
    """Raise AssertionError where a model of animekit breaks a rule of the house."""
    rules = {
        "its name has capitals": re.fullmatch(r"[a-z0-9_-]+", cls.name),
        "the first line of its docstring is no sentence under 80 characters": re.fullmatch(
            r"[A-Z0-9].{10,77}\.", cls.summary()
        ),
        "its docstring names no source, as in (Goodfellow et al., 2014)": re.search(
            r"\b(19|20)\d\d\b", cls.__doc__ or ""
        ),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise AssertionError(f"{cls.name}: {'; '.join(broken)}")
