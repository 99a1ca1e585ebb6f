"""What one drawn face is like: its labels, and everything that varies between two faces."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from animekit.labels.tags import EYES, HAIR, NAMES
from animekit_plugins.datasets._faces.pen import Colour, mix

STYLES = ("short hair", "long hair", "bob cut", "twintails", "ponytail", "spiky hair", "drill hair")
TAILS = ("twintails", "ponytail", "drill hair")
SKINS = ("fair skin", "light skin", "tan skin", "dark skin")
EXTRAS = ("blush", "smile", "open mouth", "hat", "ribbon", "glasses")
LABELS = NAMES + STYLES + SKINS + EXTRAS
GROUPS = (len(HAIR), len(EYES), len(STYLES), len(SKINS)) + (1,) * len(EXTRAS)

HAIR_COLOURS: dict[str, Colour] = {
    "orange": (238, 132, 44),
    "white": (240, 240, 244),
    "aqua": (84, 206, 216),
    "gray": (146, 148, 158),
    "green": (66, 158, 84),
    "red": (204, 40, 48),
    "purple": (132, 82, 184),
    "pink": (246, 150, 186),
    "blue": (58, 92, 204),
    "black": (48, 45, 56),
    "brown": (122, 76, 46),
    "blonde": (246, 218, 116),
}
EYE_COLOURS: dict[str, Colour] = {
    "gray": (134, 138, 150),
    "black": (42, 38, 46),
    "orange": (238, 128, 36),
    "pink": (242, 108, 172),
    "yellow": (242, 208, 56),
    "aqua": (56, 202, 214),
    "purple": (140, 70, 196),
    "green": (56, 166, 76),
    "brown": (128, 76, 40),
    "red": (212, 34, 46),
    "blue": (52, 98, 220),
}
_SKIN_COLOURS: dict[str, Colour] = {
    "fair skin": (255, 238, 228),
    "light skin": (253, 221, 197),
    "tan skin": (229, 178, 136),
    "dark skin": (166, 113, 80),
}
_STYLE_ODDS = (0.18, 0.24, 0.14, 0.14, 0.12, 0.1, 0.08)
_SKIN_ODDS = (0.34, 0.4, 0.16, 0.1)
_EXTRA_ODDS = (0.4, 0.5, 0.35, 0.13, 0.2, 0.16)


@dataclass(frozen=True)
class FaceTraits:
    """Labels and shape of a face; lengths are in half face widths, angles in radians.

    `turn` and `pitch` are the angles of the head, `roll` its rotation in the picture.
    """

    labels: np.ndarray  # uint8 [len(LABELS)]
    hair: Colour
    eyes: Colour
    skin: Colour
    style: str
    traits: frozenset[str]
    scale: float
    roll: float
    shift: tuple[float, float]
    turn: float
    pitch: float
    jaw: float
    chin: float
    eye_width: float
    eye_height: float
    eye_gap: float
    eye_slant: float
    iris: float
    gaze: tuple[float, float]
    brow: tuple[float, float, float]  # height, slant, width
    mouth: tuple[float, float]  # width, height
    line: float
    light: float  # -1 lit from the left, 1 from the right
    tint: Colour
    tint_strength: float

    @property
    def ink(self) -> Colour:
        """Return the colour of the lines of the face."""
        return mix(mix(self.skin, (60, 20, 30), 0.72), self.hair, 0.12)

    @property
    def skin_shade(self) -> Colour:
        """Return the colour of the skin in shadow."""
        return mix(self.skin, (206, 96, 96), 0.26)


def draw_colours(rng: np.random.Generator) -> tuple[int, int]:
    """Draw the numbers of a hair colour and an eye colour."""
    return int(rng.integers(len(HAIR))), int(rng.integers(len(EYES)))


def draw_face(rng: np.random.Generator) -> FaceTraits:
    """Draw the traits of one face."""
    hair, eyes = draw_colours(rng)  # first, so that they can be known without the rest
    style, skin = _pick(rng, _STYLE_ODDS), _pick(rng, _SKIN_ODDS)
    extras = rng.random(len(EXTRAS)) < _EXTRA_ODDS
    labels = np.concatenate(
        [
            np.eye(len(HAIR), dtype=np.uint8)[hair],
            np.eye(len(EYES), dtype=np.uint8)[eyes],
            np.eye(len(STYLES), dtype=np.uint8)[style],
            np.eye(len(SKINS), dtype=np.uint8)[skin],
            extras.astype(np.uint8),
        ]
    )
    u = rng.uniform
    return FaceTraits(
        labels=labels,
        hair=vary(HAIR_COLOURS[HAIR[hair]], rng, 0.014, 0.08),
        eyes=vary(EYE_COLOURS[EYES[eyes]], rng, 0.014, 0.08),
        skin=vary(_SKIN_COLOURS[SKINS[skin]], rng, 0.008, 0.04),
        style=STYLES[style],
        traits=frozenset(name for name, on in zip(EXTRAS, extras, strict=True) if on),
        scale=u(0.3, 0.365) - 0.02 * (STYLES[style] in TAILS),
        roll=float(np.clip(rng.normal(0, 0.1), -0.26, 0.26)),
        shift=(u(-0.04, 0.04), u(-0.035, 0.035)),
        turn=float(np.clip(rng.normal(0, 0.16), -0.32, 0.32)),
        pitch=u(-0.05, 0.07),
        jaw=u(0.53, 0.67),
        chin=u(1.06, 1.2),
        eye_width=u(0.28, 0.33),
        eye_height=u(0.22, 0.36),
        eye_gap=u(0.47, 0.52),
        eye_slant=u(-0.09, 0.12),
        iris=u(0.62, 0.74),
        gaze=(u(-0.12, 0.12), u(-0.08, 0.08)),
        brow=(u(0.13, 0.22), u(-0.09, 0.09), u(0.045, 0.075)),
        mouth=(u(0.13, 0.22), u(0.1, 0.2)),
        line=u(0.55, 1.0),
        light=u(-1, 1),
        tint=hsv(u(0, 1), u(0.2, 0.7), u(0.5, 1)),
        tint_strength=u(0, 0.09),
    )


def _pick(rng: np.random.Generator, odds: tuple[float, ...]) -> int:
    return int(np.searchsorted(np.cumsum(odds[:-1]), rng.random(), side="right"))


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the colour of a hue, a saturation and a value, each in [0, 1]."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(value, 1))
    return round(red * 255), round(green * 255), round(blue * 255)


def vary(colour: Colour, rng: np.random.Generator, hue: float, amount: float) -> Colour:
    """Return a colour close by: hue shifted, saturation and value scaled."""
    h, s, v = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    return hsv(
        h + rng.uniform(-hue, hue),
        s * (1 + rng.uniform(-amount, amount)),
        v * (1 + rng.uniform(-amount, amount)),
    )


def shade(colour: Colour, amount: float) -> Colour:
    """Return the colour in shadow, which is darker and cooler."""
    return mix(colour, (colour[0] // 2, colour[1] // 4, colour[2] * 4 // 9), amount)


def lit(colour: Colour, amount: float) -> Colour:
    """Return the colour in light, which is brighter and a little whiter."""
    red, green, blue = (min(255, round(part * (1 + amount))) for part in colour)
    return mix((red, green, blue), (255, 252, 246), amount / 2)
