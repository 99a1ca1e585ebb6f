"""One sentence on mode collapse, or on what else is amiss, from numbers beside real ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from animekit.images.look import Beside, Look

Level = Literal["none", "risk", "collapse"]
Kind = Literal[
    "none", "collapse", "copies", "undertrained", "blur", "noise", "flat", "tones", "alike", "other"
]

TOLD_BY = {"ms_ssim", "ndb", "nearest"}
"""Metrics whose numbers tell."""

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


COPIES = 0.05
"""Share of fakes that are copies of real images, above that of other real images, that counts."""

TWINS_RISK, TWINS = 0.7, 0.3
"""Distance from a fake to the nearest other fake over the same of real images, beside contrast.

Below, fakes have twins: possible or certain. Measured at 600 images of the same faces: other real
ones 0.99, blurred 0.95 to 1.05, brighter or darker 0.97 to 1.03, without colour 0.98, half of them
from 8 pictures 0.2, copies of 8, 32, 128 pictures 0, with noise on them 0.05. It is the one
number here that only a collapse moves.
"""

BLUR, SHARP, PALE, STRONG = 0.75, 1.8, 0.6, 1.6
"""Sharpness and contrast over those of real images from which fakes look otherwise.

Measured as above: sharpness 0.97 to 1.12 for all sets of drawn faces, 0.60 and 0.41 for blur of 1
and 2 px, 2.8 for noise, 0.3 for coarse noise.
"""

BRIGHTER, GREY, FADED, GAUDY = 12.0, 0.1, 0.6, 1.6
"""Grey levels of brightness, and shares of saturation, from which fakes have other tones."""

FLAT = 4.0
"""Grey levels of contrast below which a picture shows nothing."""

YOUNG = 25_600
"""Images seen in training (400 steps of 64) before which fakes are not held to be collapsed."""


class Training(NamedTuple):
    """How long a model has learned: steps, images seen, and losses in words."""

    step: int
    images: int
    losses: str = ""

    @property
    def words(self) -> str:
        """Say it in a few words."""
        losses = f", {self.losses}" if self.losses else ""
        return f"step {self.step:,}, {self.images:,} images seen{losses}"


@dataclass(frozen=True)
class Verdict:
    """What was seen: a level and a kind for a program, a sentence for a person.

    Level "collapse" is a mode collapse and nothing else, "risk" that something is amiss: the kind
    says what. `looks` are sharpness, contrast and more over those of real images, where these are
    here.
    """

    level: Level
    text: str
    kind: Kind = "none"
    looks: dict[str, float] = field(default_factory=dict)


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


class _Copies(NamedTuple):
    """Shares of fakes, and of other real images, that are copies of real ones."""

    fake: float
    real: float

    @property
    def many(self) -> bool:
        return self.fake - self.real >= COPIES

    def words(self) -> str:
        return f"nearest: {100 * self.fake:.0f} % copies of real images"


def collapse(
    real: Mapping[str, float],
    spread: Mapping[str, float],
    fake: Mapping[str, float],
    fake_spread: Mapping[str, float],
    *,
    look: Look | None = None,
    real_look: Look | None = None,
    training: Training | None = None,
) -> Verdict | None:
    """Judge whether fakes have collapsed, or what else is amiss; None if unknown.

    `real` and `fake` are numbers of the metrics `ms_ssim`, `ndb` and `nearest` by their keys, those
    of real images against other real ones and those of fakes; the spreads are their standard
    deviations by the same keys. The looks of both sides tell a collapse from blur, noise and other
    tones, and so does how long a model was trained.

    >>> collapse({"ms_ssim": 0.44}, {}, {"ms_ssim": 0.62}, {}).text
    'MS-SSIM 0.62 against 0.44 of real images (+0.18): mode collapse'
    """
    signals = _Signals(_alike(real, spread, fake, fake_spread), _modes(real, fake), None, None)
    if "nn_copies" in fake:
        signals = signals._replace(copies=_Copies(fake["nn_copies"], real.get("nn_copies", 0.0)))
    numbers = [each.words() for each in signals[:3] if each is not None]
    if not numbers:
        return None
    if look is not None and real_look is not None:
        signals = signals._replace(looks=look.beside(real_look))
    level, kind, words = _judge(signals, look, real_look, training)
    looks = {} if signals.looks is None else signals.looks._asdict()
    return Verdict(level, f"{'; '.join(numbers)}: {words}", kind, looks)


class _Signals(NamedTuple):
    """What the numbers say, each where it was measured."""

    alike: _Alike | None
    modes: _Modes | None
    copies: _Copies | None
    looks: Beside | None

    @property
    def repeats(self) -> bool:
        """Whether the fakes are one picture again and again, be it a bad one."""
        twins = self.looks is not None and self.looks.twins < TWINS
        return twins and self.alike is not None and self.alike.beyond(ALIKE_COLLAPSE)

    def past(self, alike: float, lost: float, twins: float) -> bool:
        """Say whether any of three signs is past its threshold."""
        return (
            (self.alike is not None and self.alike.beyond(alike))
            or (self.modes is not None and self.modes.beyond(lost))
            or (self.looks is not None and self.looks.twins < twins)
        )


Judged = tuple[Level, Kind, str]


def _judge(
    seen: _Signals, look: Look | None, real_look: Look | None, training: Training | None
) -> Judged:
    if real_look is not None and (real_look.contrast < FLAT or not real_look.apart):
        return "none", "none", "real images that are flat or all the same tell nothing of modes"
    found = _no_drawing(seen, look) or _copied(seen)
    if found is None and not seen.past(ALIKE_RISK, LOST_RISK, TWINS_RISK):
        return "none", "none", "no sign of mode collapse"
    if found is None and training is not None and training.images < YOUNG:
        found = "risk", "undertrained", "undertrained: train on and ask again"
    if found is None and seen.looks is not None:
        found = _explained(seen.looks, alike=seen.past(ALIKE_RISK, math.inf, TWINS))
    level, kind, words = found or _alike_or_lost(seen)
    return level, kind, words + ("" if training is None else f" ({training.words})")


def _no_drawing(seen: _Signals, look: Look | None) -> Judged | None:
    """Judge fakes that show nothing, of which no mode can be told."""
    if look is not None and look.contrast < FLAT:
        return "risk", "flat", "flat pictures, which show nothing"
    noisy = seen.looks is not None and seen.looks.sharpness > SHARP and not seen.repeats
    if noisy or (seen.alike is not None and seen.alike.beyond(-NOISE)):
        return "risk", "noise", "less alike than real images, which is no variety: noise?"
    return None


def _copied(seen: _Signals) -> Judged | None:
    """Judge fakes that are copies of real images."""
    if seen.copies is None or not seen.copies.many:
        return None
    if seen.looks is not None and seen.looks.twins < TWINS:
        return "collapse", "collapse", "mode collapse: the same few real images again and again"
    return "risk", "copies", "it repeats real images, which is no sign of learning"


def _alike_or_lost(seen: _Signals) -> Judged:
    """Judge fakes that nothing but their number of modes tells from real images."""
    varied = seen.looks is not None and seen.looks.twins >= TWINS_RISK
    lost = seen.modes is not None and seen.modes.beyond(LOST_RISK)
    if seen.past(ALIKE_COLLAPSE, LOST_COLLAPSE, TWINS):
        if not varied:
            return "collapse", "collapse", _twins(seen) + "mode collapse"
        if seen.modes is not None and seen.modes.beyond(LOST_COLLAPSE):
            return "risk", "other", "other pictures than the real ones, and as varied as they are"
    if lost:
        return "risk", "alike", "risk of mode collapse"
    blur = "" if seen.looks is not None else ", unless it is blur"
    return "risk", "alike", f"more alike than real images: risk of mode collapse{blur}"


def _explained(looks: Beside, *, alike: bool) -> Judged | None:
    """Return what other than lost modes makes fakes alike, or leaves modes of real ones empty."""
    tones = _tones(looks)
    if looks.sharpness < BLUR and (alike or not tones):
        what = f"blurred (sharpness {looks.sharpness:.2f} of real images)"
        if looks.twins < TWINS:
            return "risk", "undertrained", f"{what} and alike: undertrained, or the training failed"
        return "risk", "blur", f"{what}, which makes pictures alike: no sign of mode collapse"
    if not PALE < looks.contrast < STRONG:
        tones.append(f"contrast x{looks.contrast:.2f}")
    if not tones or looks.twins < TWINS:
        return None
    what = f"other tones than real images ({', '.join(tones)}), which leaves modes empty"
    if looks.twins < TWINS_RISK:
        return "risk", "tones", f"{what}: whether others are gone cannot be told"
    return "risk", "tones", f"{what}: no sign of mode collapse"


def _tones(looks: Beside) -> list[str]:
    """Say how brightness and colour differ from those of real images, where they do."""
    words = []
    if abs(looks.brighter) >= BRIGHTER:
        side = "brighter" if looks.brighter > 0 else "darker"
        words.append(f"{abs(looks.brighter):.0f} levels {side}")
    if not FADED < looks.saturation < GAUDY:
        words.append("grey" if looks.saturation < GREY else f"saturation x{looks.saturation:.2f}")
    return words


def _twins(seen: _Signals) -> str:
    """Say that most fakes have a near copy among the others, if they have."""
    if seen.looks is None or seen.looks.twins >= TWINS:
        return ""
    return f"most fakes have a twin ({seen.looks.twins:.2f} as far as real images are apart), "


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
