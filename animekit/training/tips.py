"""Tips as switches: what those that were asked for change, over presets and under what was set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from animekit.config import Layer, Params, resolve, show
from animekit.errors import ConfigError

if TYPE_CHECKING:
    from animekit.models.base import Model

TIPS = {
    1: "pixels in [-1, 1], and tanh at the end of G",
    2: "a generator's loss that does not saturate",
    3: "z from a sphere: normal, not uniform",
    4: "batch norm, and real and fake images in batches of their own",
    5: "no sparse gradients: leaky ReLU, no max pools",
    6: "soft and noisy labels in D",
    9: "Adam in G, SGD in D",
    13: "noise on D's inputs, fading, and in G's layers",
    14: "more updates of D than of G",
    17: "dropout in G, in training and in pictures",
}
"""What each of the tips says, by its number in the list."""

KEY = "tips"
"""The key that names tips in a file, in the environment and behind --set."""
OPPOSITE = "none:"


@dataclass(frozen=True)
class TipChange:
    """One parameter of a tip: what it was, what it becomes, what kept it."""

    tip: str
    title: str
    parameter: str
    before: Any
    after: Any
    kept: str = ""
    """What says another value and is stronger, as "--set"; "" where the tip decides."""

    def __str__(self) -> str:
        if self.kept:
            return f"{self.parameter} stays {show(self.before)} ({self.kept} is stronger)"
        if self.before == self.after:
            return f"{self.parameter} is {show(self.after)} already"
        return f"{self.parameter} {show(self.before)} -> {show(self.after)}"


def read_tips(given: object) -> tuple[str, ...]:
    """Return tips as they are called: "5", and "none:4" for the opposite.

    They come as a number, as text with commas, or as a list of such; "none" is none.

    >>> read_tips("5,none:4"), read_tips([9, "13,17"]), read_tips(None)
    (('5', 'none:4'), ('9', '13', '17'), ())
    """
    if given is None or given == "none":
        return ()
    parts: Iterable[object] = given if isinstance(given, (list, tuple)) else (given,)
    words = [word.strip() for part in parts for word in str(part).split(",") if word.strip()]
    found: dict[int, str] = {}
    for word in words:
        digits = word.removeprefix(OPPOSITE).strip()
        if not (digits.isascii() and digits.isdecimal() and int(digits) in TIPS):
            raise ConfigError(
                f'no tip "{word}"',
                f"tips are {', '.join(map(str, TIPS))}; none:4 is the opposite of 4",
            )
        number = int(digits)
        name = f"{OPPOSITE}{number}" if word.startswith(OPPOSITE) else str(number)
        if found.setdefault(number, name) != name:
            raise ConfigError(f"tip {number} and its opposite are both asked for", "give one")
    return tuple(found.values())


def tip_params(
    model: type[Model], tips: object, params: Params | None = None
) -> dict[str, dict[str, Any]]:
    """Return the parameters that each tip has, by its name; right ones as they are.

    `params` are those that the tips are held against, by default the model's own defaults. Raises
    ConfigError where the model cannot follow a tip, and where two set one parameter differently.
    """
    params = params if params is not None else model.Params()
    found: dict[str, dict[str, Any]] = {}
    by: dict[str, str] = {}
    for name in read_tips(tips):
        number, follow = int(name.removeprefix(OPPOSITE)), not name.startswith(OPPOSITE)
        wanted = model.tip(number, params, follow=follow)
        for key, value in wanted.items():
            first = by.setdefault(key, name)
            if found.get(first, wanted)[key] != value:
                raise ConfigError(
                    f"tips {first} and {name} both set {key}: to {show(found[first][key])}"
                    f" and to {show(value)}",
                    "leave one of them out",
                )
        found[name] = wanted
    return found


def with_tips(
    model: type[Model], layers: Sequence[Layer]
) -> tuple[list[Layer], tuple[TipChange, ...]]:
    """Return layers with those of the tips that the strongest names, and the changes.

    Tips stand right under the layer that names them: what a user sets beside them is stronger.
    """
    at = max((index for index, layer in enumerate(layers) if KEY in layer.values), default=None)
    plain = [
        Layer(layer.origin, {key: value for key, value in layer.values.items() if key != KEY})
        for layer in layers
    ]
    if at is None or not (tips := read_tips(layers[at].values[KEY])):
        return plain, ()
    fields = model.Params.model_fields
    own = [Layer(x.origin, {k: v for k, v in x.values.items() if k in fields}) for x in plain]
    params = resolve(model.Params, own).params
    stronger = {key: layer.origin for layer in plain[at:] for key in layer.values}
    changes, added = [], []
    for name, wanted in tip_params(model, tips, params).items():
        title = TIPS[int(name.removeprefix(OPPOSITE))]
        for key, value in wanted.items():
            before = getattr(params, key)
            kept = stronger.get(key, "") if before != value else ""
            changes.append(TipChange(name, title, key, before, value, kept))
        new = {key: value for key, value in wanted.items() if value != getattr(params, key)}
        added.append(Layer(f"tip {name}", new))
    return [*plain[:at], *added, *plain[at:]], tuple(changes)


def sentences(changes: Iterable[TipChange]) -> list[str]:
    """Return a sentence for each tip, with all of its parameters."""
    found: dict[str, list[str]] = {}
    for change in changes:
        found.setdefault(f"tip {change.tip} ({change.title})", []).append(str(change))
    return [f"{head}: {'; '.join(parts)}" for head, parts in found.items()]
