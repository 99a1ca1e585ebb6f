"""Mode collapse in one sentence, from the numbers of fakes beside those of real images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["none", "risk", "collapse"]

SURE = 4.0
"""Standard deviations that a difference in MS-SSIM must have before it counts at all."""

ALIKE_RISK, ALIKE_COLLAPSE = 0.06, 0.10
"""Rise of MS-SSIM over that of real images from which collapse is possible, or certain.

Measured at 64 px on two sets of faces (real ones score 0.34 and 0.44), 2,000 fakes and 500: other
real faces -0.01 to +0.01; the bundled generators, which have not collapsed, +0.04 to +0.05; real
faces blurred +0.06 to +0.09; copies of 8 pictures +0.03 to +0.18, as alike as the eight happen to
be; of 32 -0.02 to +0.08; of 128 0.00 to +0.07; one colour of hair -0.03 to +0.04; a generator
after 10 steps +0.55. So a rise is certain only when it is large, and without one much may be
gone: that is what the bins are for.
"""

LOST_RISK, LOST_COLLAPSE = 0.10, 0.50
"""Share of real images in lost bins, above the share for real ones, possible or certain.

Measured as above, at 2,000 fakes (100 bins) and at 500 (25 bins, which see less): other real faces
0 to 0.01; the bundled generators 0.03 to 0.04 and 0 to 0.04; half of the colours of hair missing
0.08 to 0.09 and 0 to 0.10, too little for an alarm; half of the fakes from 8 pictures 0.13 to
0.19 and 0.04 to 0.15; one colour of hair 0.31 to 0.44 and 0.24 to 0.57; copies of 128 pictures
0.22 to 0.28 and 0 to 0.09; of 32 0.68 to 0.73 and 0.12 to 0.36; of 8 0.90 to 0.94 and 0.63 to
0.78; a generator after 10 steps 1.0 and 0.98. Modes that moved count as lost: faces made grey
0.31 to 0.38, made brighter by 25 levels 0.06 to 0.24, the other set of faces 0.14 to 0.46.
The bins that differ (`ndb`) are told but decide nothing: for the bundled generators they are
0.11 to 0.24 at 2,000 fakes, where other real faces have 0.02 to 0.05.
"""

NOISE = 0.15
"""Fall of MS-SSIM below that of real images from which fakes are not varied but noise.

Measured as above: noise -0.29 to -0.39, coarse or fine, and its bins are lost by 0.77 to 1; a real
set of other, more varied faces -0.11.
"""


@dataclass(frozen=True)
class Verdict:
    """What was seen: a level for a program, a sentence for a person."""

    level: Level
    text: str


@dataclass(frozen=True)
class _Alike:
    """MS-SSIM of the fakes against that of real images."""

    fake: float
    real: float
    error: float | None  # standard deviation of the difference, if it is known

    @property
    def rise(self) -> float:
        return self.fake - self.real

    def beyond(self, threshold: float) -> bool:
        """Say whether the difference is past a threshold of its sign, and no accident."""
        sure = not self.error or abs(self.rise) > SURE * self.error
        return sure and (self.rise >= threshold if threshold > 0 else self.rise <= threshold)

    def words(self) -> str:
        deviations = f", {abs(self.rise) / self.error:.0f} sd" if self.error else ""
        return (
            f"MS-SSIM {self.fake:.2f} against {self.real:.2f} of real images"
            f" ({self.rise:+.2f}{deviations})"
        )


@dataclass(frozen=True)
class _Modes:
    """Bins of real images that the fakes fill differently."""

    differ: float
    differ_real: float | None  # of real images against others, if it is known
    lost: float
    lost_real: float

    def beyond(self, threshold: float) -> bool:
        return self.lost - self.lost_real >= threshold

    def words(self) -> str:
        real = "" if self.differ_real is None else f" (real {100 * self.differ_real:.0f} %)"
        return (
            f"ndb: {100 * self.differ:.0f} % of bins differ{real}, {100 * self.lost:.0f} % of real"
            " images lie in modes that are gone"
        )


def collapse(
    real: Mapping[str, float],
    spread: Mapping[str, float],
    fake: Mapping[str, float],
    fake_spread: Mapping[str, float],
) -> Verdict | None:
    """Judge whether fakes have collapsed; None where no number tells.

    `real` and `fake` are numbers of the metrics `ms_ssim` and `ndb` by their keys, those of real
    images against other real ones and those of fakes; the spreads are their standard deviations
    by the same keys. Fakes that are less alike than real images are not better but noise, which
    is a risk too: what collapsed and is noisy cannot be told apart from noise.

    >>> collapse({"ms_ssim": 0.44}, {}, {"ms_ssim": 0.62}, {}).text
    'MS-SSIM 0.62 against 0.44 of real images (+0.18): mode collapse'
    """
    alike = _alike(real, spread, fake, fake_spread)
    modes = _modes(real, fake)
    seen = [signal.words() for signal in (alike, modes) if signal is not None]
    if not seen:
        return None
    level, words = _judge(alike, modes)
    return Verdict(level, f"{'; '.join(seen)}: {words}")


def _judge(alike: _Alike | None, modes: _Modes | None) -> tuple[Level, str]:
    if alike is not None and alike.beyond(-NOISE):
        return "risk", "less alike than real images, which is no variety: noise?"
    if (alike is not None and alike.beyond(ALIKE_COLLAPSE)) or (
        modes is not None and modes.beyond(LOST_COLLAPSE)
    ):
        return "collapse", "mode collapse"
    if modes is not None and modes.beyond(LOST_RISK):
        return "risk", "risk of mode collapse"
    if alike is not None and alike.beyond(ALIKE_RISK):
        return "risk", "more alike than real images: risk of mode collapse, unless it is blur"
    return "none", "no sign of mode collapse"


def _alike(
    real: Mapping[str, float],
    spread: Mapping[str, float],
    fake: Mapping[str, float],
    fake_spread: Mapping[str, float],
) -> _Alike | None:
    ours, theirs = _number(real, "ms_ssim"), _number(fake, "ms_ssim")
    if ours is None or theirs is None:
        return None
    errors = [_error(real, spread), _error(fake, fake_spread)]
    known = [error for error in errors if error is not None]
    return _Alike(theirs, ours, math.hypot(*known) if known else None)


def _error(numbers: Mapping[str, float], spread: Mapping[str, float]) -> float | None:
    """Return the larger uncertainty: over pairs of images (the metric's own), or over repeats."""
    found = (_number(spread, "ms_ssim"), _number(numbers, "ms_ssim_se"))
    return max((value for value in found if value is not None), default=None)


def _modes(real: Mapping[str, float], fake: Mapping[str, float]) -> _Modes | None:
    differ, lost = _number(fake, "ndb"), _number(fake, "ndb_lost")
    if differ is None or lost is None:
        return None
    return _Modes(differ, _number(real, "ndb"), lost, _number(real, "ndb_lost") or 0.0)


def _number(numbers: Mapping[str, float], key: str) -> float | None:
    value = numbers.get(key)
    return value if value is not None and math.isfinite(value) else None
