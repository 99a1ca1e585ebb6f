"""The skins of fruits: colours, streaks, specks and pores, from textures made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from animekit_plugins.datasets._fruitshapes import Vector, basis, unit

TILE = 512  # every texture is a tile of this side that continues at its edges

Colour = np.ndarray


def linear(red: float, green: float, blue: float) -> Colour:
    """Return a colour of a screen, 0 to 255 each, as light float32 [3], 0 to 1."""
    return ((np.array([red, green, blue], np.float32) / 255) ** 2.2).astype(np.float32)


@dataclass(frozen=True)
class Skin:
    """What one fruit's skin is like.

    `ground` and `over` are its two colours as light [3], `share` how much lies over, -2 to 2.
    `sunny` is the direction of the redder side in the fruit's frame, `place` where its textures
    begin.
    """

    ground: Colour
    over: Colour
    share: float
    streaks: float
    specks: float
    pores: float
    gloss: float
    cavity: Colour
    sunny: Vector
    place: np.ndarray


def smooth(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, and a soft step between."""
    t = np.clip((values - low) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def _spectrum(seed: int, weight: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return noise [TILE, TILE] of mean 0 and deviation 1 that continues at its edges.

    `weight` gives the strength at frequencies in waves per tile, down and across.
    """
    waves = np.fft.rfft2(np.random.default_rng(seed).normal(size=(TILE, TILE)))
    down = np.abs(np.fft.fftfreq(TILE) * TILE)[:, None]
    across = np.fft.rfftfreq(TILE)[None] * TILE
    waves *= weight(down, across)
    waves[0, 0] = 0
    noise = np.fft.irfft2(waves, s=(TILE, TILE))
    return (noise / noise.std()).astype(np.float32)


@lru_cache(maxsize=1)
def clouds() -> np.ndarray:
    """Return soft noise [TILE, TILE] of all sizes."""
    return _spectrum(11, lambda down, across: (2 + np.hypot(down, across)) ** -1.5)


@lru_cache(maxsize=1)
def grain() -> np.ndarray:
    """Return fine noise [TILE, TILE]."""
    return _spectrum(12, lambda down, across: np.exp(-((np.hypot(down, across) / 110) ** 2)))


@lru_cache(maxsize=1)
def streaks() -> np.ndarray:
    """Return noise [TILE, TILE] that is long down and narrow across."""

    def weight(down: np.ndarray, across: np.ndarray) -> np.ndarray:
        return np.exp(-((down / 5) ** 2)) * (across > 0) * (4 + across) ** -0.55 * (across < 120)

    return _spectrum(13, weight)


def _scattered(seed: int, cells: int, low: float, high: float) -> np.ndarray:
    """Return soft dots [TILE, TILE], one in each cell, with radii between two parts of a cell."""
    rng = np.random.default_rng(seed)
    step = TILE / cells
    canvas = np.zeros((3 * TILE, 3 * TILE), np.uint8)
    y, x = np.divmod(np.arange(cells * cells), cells)
    at = (np.stack([x, y], 1) + rng.uniform(0.12, 0.88, (cells * cells, 2))) * step
    radii = rng.uniform(low, high, cells * cells) * step
    for (px, py), radius in zip(at, radii, strict=True):
        for dx in (0, TILE, 2 * TILE):
            for dy in (0, TILE, 2 * TILE):
                centre = (round((px + dx) * 16), round((py + dy) * 16))
                cv2.circle(canvas, centre, round(radius * 16), 255, -1, cv2.LINE_AA, 4)
    blurred = cv2.GaussianBlur(canvas, (0, 0), step * low * 0.7)
    return blurred[TILE : 2 * TILE, TILE : 2 * TILE].astype(np.float32) / 255


@lru_cache(maxsize=1)
def specked() -> np.ndarray:
    """Return an apple's skin [TILE, TILE, 2]: soft noise, and pale dots from 0 to 1."""
    return cv2.merge([clouds(), _scattered(14, 32, 0.07, 0.14)])


@lru_cache(maxsize=1)
def pored() -> np.ndarray:
    """Return an orange's skin [TILE, TILE, 4]: two slopes, height, soft noise."""
    height = -_scattered(15, 62, 0.16, 0.3) + 0.09 * _spectrum(
        16, lambda down, across: np.exp(-(((np.hypot(down, across) - 45) / 25) ** 2))
    )
    wide = np.pad(height, 1, mode="wrap")
    across = (wide[1:-1, 2:] - wide[1:-1, :-2]) * 4
    down = (wide[2:, 1:-1] - wide[:-2, 1:-1]) * 4
    parts = (across, down, height - height.mean(), clouds())
    return cv2.merge([part.astype(np.float32) for part in parts])


def looked_up(texture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a texture at places given in tiles, float32 [H, W] each."""
    x, y = (np.asarray(part * TILE, np.float32) for part in (x, y))
    return cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def mapped(toward: np.ndarray, skin: Skin) -> tuple[np.ndarray, np.ndarray]:
    """Return places [N] on a flat map of the seen half, in radii."""
    w = 1 - toward[:, 2]
    scale = 1 + w * (0.333 + 0.238 * w)
    turn, x, y = skin.place
    a, b = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = toward[:, 0] * scale, toward[:, 1] * scale
    return a * u - b * v + np.float32(x), b * u + a * v + np.float32(y)


def apple_map(skin: Skin, toward: np.ndarray, axis: Vector) -> tuple[np.ndarray, np.ndarray]:
    """Return what `apple_colour` needs in directions [N, 3], and their openness.

    The openness to light is [N], 0 to 1. The first is [N, 6]: a place on a flat
    map, how red, and the direction in the frame of the axis.
    """
    frame = basis(axis)
    local = toward @ frame.T
    c, sun = local[:, 2], local @ skin.sunny
    hollow = np.exp(np.float32(9) * (c - 1))
    red = skin.share + 0.8 * sun - 1.1 * hollow
    u, v = mapped(toward, skin)
    shut = 0.55 * hollow + 0.5 * np.exp(np.float32(-22) * (c + 1))
    return np.stack([u, v, red, *local.T], 1).astype(np.float32), 1 - shut


def apple_colour(skin: Skin, known: np.ndarray) -> np.ndarray:
    """Return the colour [H, W, 3] of an apple from its map [H, W, 6]."""
    u, v, red, first, second, c = cv2.split(known)
    around = cv2.phase(first, second) * np.float32(1 / (2 * np.pi))
    soft, dots = cv2.split(looked_up(specked(), u * 0.32, v * 0.32))
    line = looked_up(streaks(), around + 0.006 * soft + np.float32(skin.place[0]), 0.16 * c)
    amount = 1 / (1 + np.exp(-2.4 * (red + skin.streaks * line + 0.35 * soft)))
    colour = skin.ground + amount[..., None] * (skin.over - skin.ground)
    dark = 1 + 0.1 * soft - 0.16 * skin.streaks * amount * np.maximum(line, -1)
    colour *= dark[..., None]
    dots *= skin.specks * (0.62 + 0.3 * soft)
    pale = colour * 0.6 + skin.ground * 0.4 + np.float32(0.1)
    colour += np.clip(dots, 0, 1)[..., None] * (pale - colour)
    inside = np.exp(np.float32(24) * (c - 1)) * (0.7 + 0.2 * line)
    colour += np.clip(inside, 0, 1)[..., None] * (skin.cavity - colour)
    return colour


def orange_map(skin: Skin, toward: np.ndarray, axis: Vector) -> tuple[np.ndarray, np.ndarray]:
    """Return what `orange_colour` needs in directions [N, 3], and their openness.

    The openness to light is [N], 0 to 1. The first is [N, 4]: a place on a flat
    map, how deep the colour is, and how near the stem.
    """
    c = toward @ axis
    hollow = np.exp(np.float32(16) * (c - 1))
    deep = skin.share + 0.25 * (toward @ (skin.sunny @ basis(axis))) - 0.4 * hollow
    u, v = mapped(toward, skin)
    inside = np.exp(np.float32(60) * (c - 1)) * np.float32(0.5)
    return np.stack([u, v, deep, inside], 1).astype(np.float32), 1 - 0.22 * hollow


def orange_colour(skin: Skin, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the colour [H, W, 3] and the slopes [H, W, 2] of a map [H, W, 4]."""
    u, v, deep, inside = cv2.split(known)
    rough = looked_up(pored(), u * 0.5, v * 0.5)
    soft = rough[..., 3]
    amount = np.clip(deep + 0.14 * soft, 0, 1)
    colour = skin.ground + amount[..., None] * (skin.over - skin.ground)
    colour *= (1 + skin.pores * 0.2 * rough[..., 2] + 0.03 * soft)[..., None]
    colour += inside[..., None] * (skin.cavity - colour)
    return colour, rough[..., :2] * np.float32(skin.pores)


Kinds = dict[str, tuple[float, Colour, Colour, tuple[float, float], tuple[float, float]]]
# name: how often, ground and over colour, share of the second, strength of the streaks
APPLES: Kinds = {
    "red": (0.34, linear(196, 120, 40), linear(168, 16, 26), (1.1, 2.0), (0.2, 0.45)),
    "dark red": (0.14, linear(150, 50, 34), linear(118, 8, 24), (1.2, 2.2), (0.15, 0.4)),
    "striped": (0.3, linear(232, 190, 84), linear(192, 34, 30), (-0.2, 0.9), (0.5, 0.85)),
    "green": (0.13, linear(146, 182, 44), linear(170, 190, 70), (-0.8, 0.4), (0.08, 0.2)),
    "yellow": (0.09, linear(222, 204, 84), linear(218, 150, 62), (-1.6, -0.7), (0.1, 0.25)),
}


def choose_apple(rng: np.random.Generator) -> Callable[[], Skin]:
    """Choose a kind of apple, and return what gives skins of that kind."""
    names = list(APPLES)
    name = names[int(rng.choice(len(names), p=[APPLES[each][0] for each in names]))]
    _, ground, over, share, lines = APPLES[name]
    tone = rng.uniform(0.88, 1.1, 3).astype(np.float32)

    def skin() -> Skin:
        return Skin(
            ground=ground * tone * np.float32(rng.uniform(0.92, 1.05)),
            over=over * tone * np.float32(rng.uniform(0.9, 1.08)),
            share=float(rng.uniform(*share)),
            streaks=float(rng.uniform(*lines)),
            specks=float(rng.uniform(0.1, 0.7)),
            pores=0.0,
            gloss=float(rng.uniform(0.6, 1.0)),
            cavity=linear(*rng.uniform((110, 100, 30), (150, 130, 50))),
            sunny=unit(rng.normal(size=3) * (1, 1, 0.4)),
            place=rng.uniform(0, 4, 3),
        )

    return skin


def choose_orange(rng: np.random.Generator) -> Callable[[], Skin]:
    """Choose a kind of orange, and return what gives skins of that kind."""
    ripe = rng.uniform(0, 1)
    light = linear(255, 172 - 16 * ripe, 26)
    deep = linear(250, 132 - 26 * ripe, 4)

    def skin() -> Skin:
        return Skin(
            ground=light * np.float32(rng.uniform(0.92, 1.02)),
            over=deep * np.float32(rng.uniform(0.94, 1.05)),
            share=float(rng.uniform(0.45, 1.0)),
            streaks=0.0,
            specks=0.0,
            pores=float(rng.uniform(0.55, 1.0)),
            gloss=float(rng.uniform(0.5, 1.0)),
            cavity=linear(150, 140, 40),
            sunny=unit(rng.normal(size=3)),
            place=rng.uniform(0, 4, 3),
        )

    return skin
