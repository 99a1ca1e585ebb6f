"""Where fruits lie or hang: studio paper, wood, cloth, leaves out of focus."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from animekit_plugins.datasets._fruitshapes import Vector, basis, unit
from animekit_plugins.datasets._fruitskin import TILE, clouds, grain, linear, smooth, streaks

COARSE = 96  # the side at which what is out of focus is drawn


@dataclass(frozen=True)
class Scene:
    """A place and its light; directions have y up and z to the viewer.

    `ground` is the light that the ground throws back up, float32 [3]. `hanging` fruits throw no
    shadow on it.
    """

    place: str
    hanging: bool
    elevation: float
    light: Vector
    key: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    softness: float

    @property
    def up(self) -> Vector:
        """Which way is up, as the viewer looks down."""
        return unit((0, np.cos(self.elevation), np.sin(self.elevation)))


PLACES = {"white": 0.36, "grey": 0.18, "tinted": 0.13, "wood": 0.12, "cloth": 0.09, "leaves": 0.12}


def choose_scene(rng: np.random.Generator) -> Scene:
    """Choose a place, where the viewer stands, and where the light comes from."""
    place = str(rng.choice(list(PLACES), p=list(PLACES.values())))
    side = rng.choice((-1.0, 1.0))
    light = unit((side * rng.uniform(0.35, 0.85), rng.uniform(0.6, 1.0), rng.uniform(0.55, 1.0)))
    warm = rng.uniform(-0.05, 0.05)
    key = np.array([1 + warm, 1.0, 1 - 1.4 * warm], np.float32) * np.float32(rng.uniform(0.8, 0.98))
    high = rng.random() < (0.3 if place in ("wood", "cloth", "white") else 0.1)
    elevation = rng.uniform(0.7, 1.05) if high else rng.uniform(0.25, 0.6)
    hanging = place == "leaves" and rng.random() < 0.6
    return Scene(
        place=place,
        hanging=bool(hanging),
        elevation=float(
            0.15 if hanging else min(elevation, 0.4) if place == "leaves" else elevation
        ),
        light=light,
        key=key,
        sky=np.array([0.95, 1.0, 1.06], np.float32) * np.float32(rng.uniform(0.2, 0.3)),
        ground=np.full(3, 0.2, np.float32),
        softness=float(rng.uniform(0.25, 1.0)),
    )


def backdrop(scene: Scene, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return what is behind and under the fruits: light float32 [side, side, 3]."""
    if scene.place == "leaves":
        image = _foliage(side, rng, table=not scene.hanging)
    elif scene.place == "wood":
        tone = linear(*_WOODS[int(rng.integers(len(_WOODS)))])
        image = _spread(wood(), scene, side, rng, rng.uniform(0.9, 1.3))[..., None] * tone
    elif scene.place == "cloth":
        image = _cloth(scene, side, rng)
    else:
        return _paper(scene, side, rng)
    image *= _glow(side, scene, rng, 0.3)[..., None]
    return image


_WOODS = ((206, 164, 116), (164, 112, 68), (112, 74, 48), (222, 200, 166), (150, 132, 112))


def lighting(
    normal: np.ndarray, free: np.ndarray, gloss: float, scene: Scene, *, apple: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the light that falls on a skin and what it mirrors, both [N, 3].

    `normal` [N, 3] is across the skin, `free` [N] how open it lies, 0 to 1.
    """
    light, up = scene.light, scene.up
    across = basis(light)
    key, above, box_x, box_y = np.ascontiguousarray(
        (normal @ np.stack([light, up, *across[:2]]).T).T
    )
    wrap = np.float32(0.22)
    direct = np.clip((key + wrap) / (1 + wrap), 0, 1) ** 1.25 * free
    sky = (0.5 + 0.5 * above) * free
    bounce = np.clip(0.45 - 0.6 * above, 0, 1) * np.clip(1.15 + above, 0.25, 1)
    diffuse = direct[:, None] * (scene.key * np.float32(1.0 if apple else 1.12))
    diffuse += sky[:, None] * scene.sky * (_COLD if apple else _WARM)
    if not scene.hanging:
        diffuse += bounce[:, None] * (scene.ground * np.float32(0.34))
    # the mirror direction is 2 nz n - z: where it meets a soft box around the light
    nz = normal[:, 2]
    ahead = 2 * nz * key - light[2]
    x = (2 * nz * box_x - across[0, 2]) / np.maximum(ahead, 0.05)
    y = (2 * nz * box_y - across[1, 2]) / np.maximum(ahead, 0.05)
    broad = np.clip(ahead, 0, 1)
    if apple:
        far = np.maximum(np.abs(x) - 0.16, 0) ** 2 + np.maximum(np.abs(y) - 0.22, 0) ** 2
        box = smooth(-np.sqrt(far), -0.16, 0.0) * (ahead > 0)
        shine = (0.5 * box * free**3 + 0.09 * broad**9) * free  # a dimple mirrors little
    else:
        shine = 0.17 * broad**12 + 0.1 * broad**3.5
    rim = np.clip(1 - nz, 0, 1) ** 4 * np.clip(0.6 + above, 0, 1) * np.float32(0.32)
    mirrored = (gloss * shine)[:, None] * scene.key + (rim * free)[:, None] * scene.sky
    return diffuse, mirrored


_COLD = np.array([1.0, 1.0, 1.0], np.float32)
_WARM = np.array([1.35, 1.0, 0.8], np.float32)  # light that comes back out of an orange's skin


def _glow(side: int, scene: Scene, rng: np.random.Generator, fall: float) -> np.ndarray:
    """Return how bright a backdrop is [side, side]: 1 on the side of the light, less beyond."""
    ticks = np.linspace(-1, 1, 48, dtype=np.float32)
    x, y = np.meshgrid(ticks, -ticks)
    cx, cy = scene.light[0] * rng.uniform(0.2, 0.6), rng.uniform(-0.2, 0.5)
    far = np.sqrt((x - cx) ** 2 + (y - cy) ** 2).astype(np.float32)
    glow = 1 - fall * np.clip(far / 2, 0, 1) ** 1.5
    return cv2.resize(glow, (side, side), interpolation=cv2.INTER_CUBIC)


def _paper(scene: Scene, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return a seamless sheet of paper, lighter where the light falls."""
    if scene.place == "white":
        tone = linear(*(rng.uniform(236, 254) + rng.uniform(-3, 1, 3)))
        fall = rng.uniform(0.0, 0.22)
    elif scene.place == "grey":
        level = rng.uniform(130, 222) if rng.random() < 0.85 else rng.uniform(22, 60)
        tone, fall = linear(*(level + rng.uniform(-6, 6, 3))), rng.uniform(0.25, 0.6)
    else:
        tones = (
            (214, 222, 232),
            (236, 226, 206),
            (204, 216, 204),
            (188, 204, 222),
            (228, 212, 212),
        )
        tone = linear(*(np.array(tones[int(rng.integers(5))]) + rng.uniform(-8, 8, 3)))
        fall = rng.uniform(0.15, 0.5)
    glow = _glow(COARSE, scene, rng, fall)[..., None] * tone
    if scene.elevation < 0.5 and rng.random() < 0.6:  # the sheet bends up behind the fruits
        ramp = np.linspace(0, 1, COARSE, dtype=np.float32)
        bend = np.tanh((ramp - rng.uniform(0.4, 0.62)) * rng.uniform(5, 14))
        glow *= (1 + rng.uniform(-0.09, 0.05) * bend)[:, None, None]
    glow = np.minimum(glow, 0.97)
    return cv2.resize(glow, (side, side), interpolation=cv2.INTER_CUBIC)


@lru_cache(maxsize=1)
def wood() -> np.ndarray:
    """Return boards [TILE, TILE] that run down, as how light they are."""
    board = TILE // 4
    rows = []
    for index in range(4):
        lines = np.roll(streaks(), (index * 97, index * 211), (0, 1))[:, :board]
        rings = np.roll(clouds(), index * 131, 0)[:, :board]
        waves = np.sin(5 * rings + np.linspace(0, 9, board)[None])
        plank = 0.9 + 0.1 * lines + 0.07 * waves + 0.05 * (index % 3 - 1)
        gap = np.minimum(np.arange(board), np.arange(board)[::-1]) / 2.5
        rows.append(plank * (1 - 0.6 * np.exp(-(gap**2))))
    return np.concatenate(rows, 1).astype(np.float32)


@lru_cache(maxsize=1)
def linen() -> np.ndarray:
    """Return plain cloth [TILE, TILE], as how light it is."""
    turn = np.arange(TILE) * (2 * np.pi / 8)
    weave = np.sin(turn)[None] * np.sin(turn)[:, None]
    folds = np.roll(clouds(), 200, 1)
    threads = streaks() + streaks().T
    return (0.92 + 0.05 * weave + 0.03 * grain() + 0.05 * folds + 0.03 * threads).astype(np.float32)


def _spread(
    texture: np.ndarray, scene: Scene, side: int, rng: np.random.Generator, scale: float
) -> np.ndarray:
    """Return a texture laid on the ground, as the viewer sees it: [side, side]."""
    turn = rng.choice((0.0, np.pi / 2)) + rng.uniform(-0.3, 0.3)
    small, side = side, max(side, TILE)  # threads would flicker if few pixels met them
    cos, sin = np.cos(turn), np.sin(turn)
    grow = TILE / (side * scale)
    tilt = 1 / max(np.sin(scene.elevation), 0.35)
    matrix = np.array([[cos, -sin * tilt, 0], [sin, cos * tilt, 0]]) * grow
    matrix[:, 2] = rng.uniform(0, TILE, 2) + matrix[:, :2].sum(1) / 2  # of a pixel, its middle
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(texture, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_WRAP)
    return cv2.resize(laid, (small, small), interpolation=cv2.INTER_AREA)


def _cloth(scene: Scene, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return a table cloth: plain, checked or striped."""
    tones = ((190, 44, 44), (60, 96, 152), (90, 132, 92), (120, 112, 104), (206, 170, 96))
    tone = linear(*tones[int(rng.integers(len(tones)))])
    plain = linear(240, 236, 226)
    pattern = rng.choice(("plain", "checks", "stripes"))
    turns = 2 ** int(rng.integers(2, 4))
    across = (np.arange(TILE) // (TILE // (2 * turns)) % 2).astype(np.float32)
    if pattern == "checks":
        amount = (across[None] + across[:, None]) * 0.42
    elif pattern == "stripes":
        amount = np.tile(across * 0.8, (TILE, 1))
    else:
        amount = np.full((TILE, TILE), rng.choice((0.0, 0.06, 0.75)), np.float32)
    amount = cv2.GaussianBlur(amount, (0, 0), 0.8, borderType=cv2.BORDER_REFLECT)
    colour = plain + amount[..., None] * (tone - plain)
    return _spread(colour * linen()[..., None], scene, side, rng, rng.uniform(0.6, 1.0))


def _foliage(side: int, rng: np.random.Generator, *, table: bool) -> np.ndarray:
    """Return leaves and sky out of focus, above a table or all over."""
    image: np.ndarray = np.empty((COARSE, COARSE, 3), np.float32)
    image[:] = linear(*rng.uniform((34, 62, 20), (70, 104, 40)))
    count = 70
    x, y, radius = rng.uniform(0, COARSE, (3, count)) * np.array([[1], [1], [0.14]])
    shade = rng.uniform(0.4, 1.7, count)
    for index in range(count):
        green = linear(*rng.uniform((60, 96, 26), (118, 150, 56))) * shade[index]
        turn, size = rng.uniform(0, 180), (1.5 + radius[index], 1 + 0.5 * radius[index])
        box = ((x[index], y[index]), (2 * size[0], 2 * size[1]), turn)
        cv2.ellipse(image, box, green.tolist(), -1)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(2.4, 4.5))
    for _ in range(int(rng.integers(3, 9))):  # light that falls through, as discs of the lens
        spot = np.zeros((COARSE, COARSE), np.float32)
        centre = (int(rng.integers(COARSE)), int(rng.integers(COARSE)))
        cv2.circle(spot, centre, int(rng.integers(3, 8)), 1.0, -1)
        spot = cv2.GaussianBlur(spot, (0, 0), 1.4) * np.float32(rng.uniform(0.12, 0.4))
        image += spot[..., None] * (linear(226, 240, 190) - image)
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    if table:
        ramp = np.linspace(0, 1, side, dtype=np.float32) - rng.uniform(0.42, 0.56)
        edge = np.clip(ramp / 0.035 + 0.5, 0, 1)[:, None, None]
        tone = linear(*_WOODS[int(rng.integers(len(_WOODS)))]) * np.float32(0.9)
        board = cv2.resize(wood().T[:160], (side, side), interpolation=cv2.INTER_LINEAR)
        image += edge * (board[..., None] * tone - image)
    return np.clip(image, 0, 0.97)
