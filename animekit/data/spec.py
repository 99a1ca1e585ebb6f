"""ImageSpec: what images are, before there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from animekit.labels.vocabulary import parts


@dataclass(frozen=True)
class ImageSpec:
    """What images a model sees: their side in pixels, channels and labels.

    `labels` holds one name per entry of the label vector ("blue hair"); `groups` how many entries
    belong to each attribute, in order, so that sum(groups) == len(labels).
    """

    size: int
    channels: int = 3
    labels: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: (channels, size, size)."""
        return (self.channels, self.size, self.size)

    def parts(self) -> Iterator[slice]:
        """Return the slice of the label vector that each attribute has.

        >>> spec = ImageSpec(64, labels=("red", "blue", "smile"), groups=(2, 1))
        >>> [spec.labels[part] for part in spec.parts()]
        [('red', 'blue'), ('smile',)]
        """
        return parts(self.groups)
