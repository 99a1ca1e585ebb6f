"""Attributes: what a model can be asked for by name, its labels and the codes in its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from animekit.errors import ConfigError
from animekit.labels.vocabulary import Vocabulary, parts
from animekit.text import did_you_mean

Value = bool | int | str | list[str]
"""Yes or no, the number of a code, one of several values, or several at once."""
Attrs = dict[str, Value]
"""What one image shows: {"hair": "blue", "eyes": ["red", "pink"], "smile": True, "code0": 3}."""


@dataclass(frozen=True)
class Attributes:
    """The names that a model knows: of its labels, and code0, code1 of its z.

    `codes` are the widths of categorical codes, which stand one-hot at the end of z, in order.
    """

    vocabulary: Vocabulary
    codes: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all attributes, those of the labels first."""
        return (*self.vocabulary.attributes, *self._codes)

    def check(self, name: str) -> str:
        """Return a name as it is known; ConfigError with the nearest one if it is not.

        >>> Attributes(Vocabulary(("smile", "hat"), (1, 1)), (10,)).check("Smile")
        'smile'
        """
        known = {each.lower(): each for each in self.names}
        if name in self.names:
            return name
        plain = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
        if plain in known:
            return known[plain]
        raise ConfigError(
            f'the model has no attribute "{name}".{did_you_mean(plain, known)}',
            f"attributes: {', '.join(self.names) or 'none'}",
            code="config.attribute",
        )

    def values(self, name: str) -> list[Value]:
        """Return all values of an attribute: no and yes, numbers, or names.

        >>> attributes = Attributes(Vocabulary(("red hair", "blue hair", "smile"), (2, 1)), (3,))
        >>> [attributes.values(name) for name in attributes.names]
        [['red', 'blue'], [False, True], [0, 1, 2]]
        """
        name = self.check(name)
        if name in self._codes:
            part = self._codes[name]
            return list(range(part.stop - part.start))
        part = self.vocabulary.attributes[name]
        return [False, True] if _is_single(part) else list(self._words(name))

    def title(self, name: str, value: Value) -> str:
        """Return an attribute and its value as people say it: "blue hair", "no smile".

        >>> attributes = Attributes(Vocabulary(("red hair", "blue hair", "smile"), (2, 1)), (3,))
        >>> attributes.title("hair", "blue"), attributes.title("smile", False)
        ('blue hair', 'no smile')
        """
        if name in self._codes:
            return f"{name} {value}"
        labels = np.zeros(len(self.vocabulary.labels))
        part = self.vocabulary.attributes[name]
        labels[part] = self._vector(name, value)
        mask = np.zeros_like(labels)
        mask[part] = 1
        return self.vocabulary.format(labels, mask)

    def read(self, labels: Sequence[float] | np.ndarray) -> Attrs:
        """Return what a label vector [L] of 0 and 1 says; `labels` gives it back."""
        found: Attrs = {}
        for name, part in self.vocabulary.attributes.items():
            on = np.asarray(labels[part]) > 0
            if _is_single(part):
                found[name] = bool(on[0])
                continue
            words = [word for word, value in zip(self._words(name), on, strict=True) if value]
            found[name] = words[0] if len(words) == 1 else words
        return found

    def labels(self, attrs: Mapping[str, Value]) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and mask, both float32 [L], of attributes other than codes.

        Raises ConfigError for a name or a value that the model does not know.
        """
        labels = np.zeros(len(self.vocabulary.labels), np.float32)
        mask = np.zeros_like(labels)
        for given, value in attrs.items():
            name = self.check(given)
            if name not in self._codes:
                part = self.vocabulary.attributes[name]
                labels[part], mask[part] = self._vector(name, value), 1
        return labels, mask

    def placed(self, z: np.ndarray, attrs: Sequence[Mapping[str, Value]]) -> np.ndarray:
        """Return noise [N, D] in which the codes that attributes name are set."""
        found = z.copy()
        codes = found[:, found.shape[1] - sum(self.codes) :]  # a view: what is set here is set
        for row, given in enumerate(attrs):
            for name, part in self._codes.items():
                if name in given:
                    known = self.values(name)
                    if given[name] not in known:
                        raise _no_value(name, given[name], known)
                    codes[row, part] = np.arange(len(known)) == given[name]
        return found

    def truncated(self, z: np.ndarray, truncation: float) -> np.ndarray:
        """Return z multiplied by a truncation; codes stay as they are.

        >>> Attributes(Vocabulary((), ()), (2,)).truncated(np.ones((1, 4), np.float32), 0.5)
        array([[0.5, 0.5, 1. , 1. ]], dtype=float32)
        """
        with np.errstate(over="ignore", invalid="ignore"):  # spoilt weights are refused later
            found = z * np.float32(truncation)
        if self.codes:
            found[:, -sum(self.codes) :] = z[:, -sum(self.codes) :]
        return found

    @property
    def _codes(self) -> dict[str, slice]:
        """Columns of each code, counted from where the first one begins."""
        return {f"code{index}": part for index, part in enumerate(parts(self.codes))}

    def _words(self, name: str) -> tuple[str, ...]:
        """Return the values of one of several: "blue" of "blue hair" where all end so."""
        texts = self.vocabulary.texts[self.vocabulary.attributes[name]]
        if all(text.endswith(f" {name}") for text in texts):
            return tuple(text.removesuffix(f" {name}") for text in texts)
        return texts

    def _vector(self, name: str, value: Value) -> np.ndarray:
        known = self.values(name)
        if known == [False, True]:
            if not isinstance(value, bool):
                raise _no_value(name, value, known)
            return np.array([value], np.float32)
        wanted = value if isinstance(value, list) else [value]
        for each in wanted:
            if each not in known:
                raise _no_value(name, each, known)
        return np.array([each in wanted for each in known], np.float32)


def said(name: str, value: Value) -> str:
    """Return an attribute and its value in words, without knowing the model.

    >>> said("hair", ["blue", "pink"]), said("smile", False), said("code0", 3)
    ('blue pink hair', 'no smile', 'code0 3')
    """
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, int):
        return f"{name} {value}"
    return f"{' '.join(value) if isinstance(value, list) else value} {name}"


def _is_single(part: slice) -> bool:
    return bool(part.stop - part.start == 1)


def _no_value(name: str, value: Value, known: Sequence[Value]) -> ConfigError:
    words = [str(each) for each in known]
    return ConfigError(
        f'attribute {name} has no value "{value}".{did_you_mean(str(value), words)}',
        f"{name}: {' '.join(words)}",
        code="config.attribute",
    )
