"""Seeds of images: "0-24" and "3,17,42" to numbers, and back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from animekit.errors import UsageError
from animekit.text import clipped

LIMIT = 2**63
MAX_IMAGES = 1_000_000
LONGEST = 100  # letters of one part: two seeds of 19 digits, and room for spaces
_RANGE = "a seed is a whole number from 0 to 2**63-1"
_HINT = "write seeds as 7, 3,17,42 or 0-24"


def parse_seeds(text: str) -> list[int]:
    """Read seeds as a user types them: single ones and ranges, both ends included.

    Raises UsageError where a part is not a seed, a range runs backwards, or there are too many.

    >>> parse_seeds("3,17,40-42")
    [3, 17, 40, 41, 42]
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?", part)
        if match is None:
            whole = f'seeds "{clipped(text)}"'
            seen = f'"{clipped(part.strip())}" in {whole}' if part.strip() else whole
            raise UsageError(f"cannot read {seen}", f"{_HINT}; a seed is a whole number from 0 on")
        if len(part) > LONGEST:
            raise UsageError(f"{clipped(part)} is not a seed", _RANGE)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"seeds {first}-{last} run backwards", f"write {last}-{first}")
        if len(seeds) + last - first + 1 > MAX_IMAGES:
            raise UsageError(
                f"{clipped(text)} is more than {MAX_IMAGES:,} seeds", "make them in parts"
            )
        check_seeds((first, last))
        seeds.extend(range(first, last + 1))
    return seeds


def format_seeds(seeds: Sequence[int]) -> str:
    """Write seeds so that `parse_seeds` gives the same ones in the same order.

    >>> format_seeds([0, 1, 2, 3, 17, 17, 5])
    '0-3,17,17,5'
    """
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], seed]
        else:
            runs.append([seed])
    return ",".join("-".join(map(str, run)) for run in runs)


def check_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    """Return the seeds as a tuple of whole numbers.

    Raises UsageError where one is not a whole number in [0, 2**63).

    >>> check_seeds(range(3))
    (0, 1, 2)
    """
    checked = []
    for seed in seeds:
        whole = hasattr(seed, "__index__") and not isinstance(seed, bool)
        if not whole or not 0 <= int(seed) < LIMIT:
            # Python refuses to write a number of 5,000 digits
            endless = whole and abs(int(seed)) > LIMIT**2
            words = "a number so large" if endless else clipped(repr(seed))
            raise UsageError(f"{words} is not a seed", _RANGE)
        checked.append(int(seed))
    return tuple(checked)


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2**63) that depends on every part and on their order.

    >>> derive_seed(0, "order", 1) == derive_seed(0, "order", 1)
    True
    >>> derive_seed(1, "2") == derive_seed(12)
    False
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
