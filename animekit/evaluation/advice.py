"""What may help where a gate failed: it depends on what was measured."""

from __future__ import annotations

from collections.abc import Sequence

FEW = 1_000  # images below which numbers are rough


def advice(kind: str, count: int, values: Sequence[float | None]) -> str:
    """Return the hint of a gate that failed: what may help there.

    `kind` is of what was measured: a "model", or "images", which cannot be trained. `count` are the
    images of each side, `values` the numbers that failed, None where undefined.

    >>> advice("model", 10_000, [40.0])
    'train longer, or clean'
    """
    if None in values:
        return "mend what leaves the number undefined: other real images (--ref DIR), or more"
    if count < FEW:
        return f"{count:,} images a side say little: give more of both, or allow for it in the gate"
    if kind == "images":
        return "look at the images, and at the real ones: animekit clean finds what is odd in them"
    return "train longer, or clean"
