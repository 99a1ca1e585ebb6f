"""ImageSpec: what images are, before there is one."""

from __future__ import annotations

from dataclasses import dataclass


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
