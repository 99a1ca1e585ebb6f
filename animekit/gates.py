"""Gates: "flagged>20%" or "swd_avg>40" fails a command when it holds."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from animekit.errors import UsageError
from animekit.text import did_you_mean, number, spelled

SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_FORM = re.compile(rf"\s*(\w[\w-]*)\s*(>=|<=|>|<)\s*({_NUMBER})\s*(%?)\s*")


@dataclass(frozen=True)
class Gate:
    """A condition on one of several numbers, under which the command fails.

    With `whole` the limit is a percentage of the number of that name.
    """

    text: str
    key: str
    sign: str
    limit: float
    whole: str | None = None

    def value(self, numbers: Mapping[str, float | None]) -> float | None:
        """Return what is held against the limit; None where it is undefined."""
        value = numbers.get(self.key, 0)
        if self.whole is None or value is None:
            return value
        return 100 * value / max(1, numbers[self.whole] or 0)

    def fails(self, numbers: Mapping[str, float | None]) -> bool:
        """Say whether the condition holds; an undefined number fails."""
        value = self.value(numbers)
        return value is None or SIGNS[self.sign](value, self.limit)

    def seen(self, numbers: Mapping[str, float | None]) -> str:
        """Return the value as words."""
        value = self.value(numbers)
        if value is None:
            return "undefined"
        return f"{number(value)}{' %' if self.whole else ''}"


def parse_gate(text: str, known: Collection[str], *, whole: str | None = None) -> Gate:
    """Read a gate on one of the known names; with `whole`, "20%" is a share of it.

    Names may be typed with hyphens or underscores. Raises UsageError where it cannot be read or
    names nothing that is known.

    >>> parse_gate("flagged > 20%", ["flagged", "files"], whole="files")
    Gate(text='flagged > 20%', key='flagged', sign='>', limit=20.0, whole='files')
    >>> parse_gate("mean-colour>3", ["mean_colour"]).key
    'mean_colour'
    """
    example = "flagged>20%" if whole else "swd_avg>40"
    found = _FORM.fullmatch(text)
    counted = whole is not None  # counts are never negative, and only they have shares
    if found is None or (found[3].startswith("-") if counted else found[4]):
        raise UsageError(f'cannot read the gate "{text}"', f'write it as "{example}"')
    key, sign, limit, share = found.groups()
    if key not in known:  # with - for _, or the other way round
        key = {spelled(name): name for name in known}.get(spelled(key), key)
    if key not in known:
        raise UsageError(
            f'--fail-if: nothing is called "{key}".{did_you_mean(key, known)}',
            f"known: {' '.join(known)}",
            code="gate.unknown",
        )
    return Gate(text.strip(), key, sign, float(limit), whole if share else None)


def readable(texts: Iterable[str], known: Collection[str]) -> list[Gate]:
    """Return those gates that are on one of the known names."""
    found = []
    for text in texts:
        try:
            found.append(parse_gate(text, known))
        except UsageError:
            continue
    return found
