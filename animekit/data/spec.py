"""ImageSpec: what images are, before there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from animekit.errors import ConfigError
from animekit.labels.vocabulary import Vocabulary, parts
from animekit.text import did_you_mean


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

    def columns(self, attributes: str) -> list[int]:
        """Return the columns of named attributes, as in "hair, smile"; "" means all.

        Raises ConfigError for a name that the labels do not have, with the nearest one.

        >>> spec = ImageSpec(64, labels=("red hair", "blue hair", "Wearing_Hat"), groups=(2, 1))
        >>> spec.columns("wearing hat"), spec.columns("hair")
        ([2], [0, 1])
        """
        known = Vocabulary(self.labels, self.groups).attributes
        if not attributes.strip() or not known:
            return list(range(len(self.labels)))
        found: list[int] = []
        plain = {_plain(name): part for name, part in known.items()}
        for word in attributes.split(","):
            name = _plain(word)
            if name not in plain:
                raise ConfigError(
                    f'the data have no attribute "{word.strip()}".{did_you_mean(name, known)}',
                    f"attributes: {', '.join(known)}",
                    code="config.attribute",
                )
            columns = range(*plain[name].indices(len(self.labels)))
            if columns[0] in found:
                raise ConfigError(f'attribute "{name}" is named twice', "name it once")
            found += columns
        return found

    def only(self, columns: list[int]) -> ImageSpec:
        """Return the spec of images with some of their labels, whole attributes each."""
        widths = [len(set(range(part.start, part.stop)) & set(columns)) for part in self.parts()]
        firsts = {part.start: width for part, width in zip(self.parts(), widths, strict=True)}
        groups = tuple(firsts[column] for column in columns if firsts.get(column))
        return ImageSpec(
            self.size, self.channels, tuple(self.labels[column] for column in columns), groups
        )


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").lower().split())
