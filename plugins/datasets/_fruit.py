"""Pictures of fruit drawn by code: the same picture at any size."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from animekit_plugins.datasets._fruitcanvas import Canvas, Window
from animekit_plugins.datasets._fruitlayout import Body, arrange, choose_bodies
from animekit_plugins.datasets._fruitparts import FACE, Bough, branch, cut_face
from animekit_plugins.datasets._fruitscene import Scene, backdrop, choose_scene, lighting
from animekit_plugins.datasets._fruitshapes import REACH, Vector, basis, reach
from animekit_plugins.datasets._fruitskin import apple_colour, apple_map, orange_colour, orange_map

VERSION = 1  # raise it whenever a picture changes
KINDS = ("apples", "oranges")
CANVAS = 256  # a picture is drawn at least this wide, then averaged down
SHADED = 0.72  # of the canvas' pixels a side are shaded: outlines are what must be sharpest
COARSE = 128  # the side at which shadows on the ground are drawn


def picture_of(kind: str, seed: int, index: int, size: int) -> np.ndarray:
    """Return picture `index` of a kind and a seed, uint8 [size, size, 3].

    It depends on nothing else but the size, which changes no more than its sharpness.
    """
    rng = np.random.default_rng((seed, index, KINDS.index(kind)))
    scene = choose_scene(rng)
    side = size * max(2, -(-CANVAS // size))
    image = backdrop(scene, side, rng)
    below = cv2.resize(image[side // 2 :], (1, 1), interpolation=cv2.INTER_AREA)[0, 0]
    scene = replace(scene, ground=below)
    bodies = choose_bodies(kind, scene, rng)
    scale = arrange(bodies, scene, rng)
    canvas = Canvas(image)
    if not scene.hanging:
        ground = Canvas(np.ones((COARSE, COARSE, 3), np.float32))
        for body in bodies:
            _cast(ground, body, scene, scale)
        image *= cv2.resize(ground.image, (side, side), interpolation=cv2.INTER_CUBIC)
    tops = [_draw(canvas, kind, body, scene, scale, rng) for body in bodies]
    if scene.hanging:
        branch(canvas, np.array(tops), bodies[0].radius * scale, scene.light, rng)
    return canvas.finished(size)


def _cast(canvas: Canvas, body: Body, scene: Scene, scale: float) -> None:
    """Darken the ground: where the fruit keeps the light away, and close to where it stands."""
    surface, up = body.surface, scene.up
    assert surface is not None and body.middle is not None
    radius = body.radius * scale
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    across = basis(scene.light)[:2]
    rim = (np.stack([np.cos(turn), np.sin(turn)], 1) @ across).astype(np.float32)
    strong = 0.62 - 0.3 * scene.softness
    for size, blur, strength in ((0.98, 0.2, 0.6), (0.9, 0.08, 0.4)):
        height = size * rim @ up + surface.drop
        ground = size * rim - scene.light * (height / (scene.light @ up))[:, None]
        shadow = body.middle + ground[:, :2] * (radius, -radius)
        blur = blur * (0.5 + scene.softness) * radius
        canvas.shadow(shadow, blur, strong * strength, body.skin.over * 0.25)
    flat = np.stack([np.cos(turn), np.zeros_like(turn), np.sin(turn)], 1)
    sin = np.sin(scene.elevation)
    foot = body.middle + np.array((0, np.cos(scene.elevation) * surface.drop * radius))
    for size, blur, strength in ((0.85, 0.17, 0.5), (0.5, 0.07, 0.6)):
        ring = foot + flat[:, ::2] * (size * radius, size * radius * sin)
        canvas.shadow(ring, blur * radius, strength, body.skin.over * 0.3)


def _draw(
    canvas: Canvas, kind: str, body: Body, scene: Scene, scale: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a fruit, and what grows on it; return where its stem ends, [2], on the canvas."""
    surface = body.surface
    assert surface is not None and body.middle is not None
    bough = Bough(canvas, body.middle, body.radius * scale, scene.light, float(scene.key[1]))
    outline = surface.outline
    if body.half is not None:
        outline = _half_outline(body.half)
    around = bough.placed(outline)
    canvas.shadow(around, 0.13 * bough.radius, 0.5, on_fruit=True)
    window = canvas.window(around)
    if window[0].stop > window[0].start and window[1].stop > window[1].start:
        mask = canvas.cover(window, around)
        colour = _lit(kind, body, scene, bough, window)
        canvas.blend(window, mask, colour)
        np.maximum(canvas.fruit[window], mask, out=canvas.fruit[window])
    if body.half is not None:
        _draw_face(canvas, body, scene, bough, rng)
        return bough.middle
    far = reach(body.shape, body.axis, np.stack([body.axis, -body.axis]))
    base = body.axis * far[0]
    end = base[:2]
    if kind == "oranges" and body.axis[2] > 0.12 and not scene.hanging:
        bough.calyx(base, body.axis, rng.uniform(0.075, 0.11), rng)
    elif scene.hanging or (kind == "apples" and rng.random() < 0.93):
        length = rng.uniform(0.75, 0.95) if scene.hanging else rng.uniform(0.4, 0.68)
        end = bough.stem(body.surface, base, body.axis, length, rng)
    if kind == "apples" and body.axis[2] < -0.3:
        bough.blossom(-body.axis * far[1], -body.axis, rng)
    if rng.random() < (0.8 if scene.hanging else 0.26) and body.axis @ scene.up > 0.5:
        start = 0.45 * base[:2] + 0.55 * end
        for side in rng.permutation((-1, 1))[: 1 + int(rng.random() < 0.35)]:
            angle = np.pi / 2 - side * rng.uniform(0.7, 1.6)
            bough.leaf(start, angle, rng.uniform(0.6, 0.95), rng)
    return bough.placed(end[None])[0]


def _lit(kind: str, body: Body, scene: Scene, bough: Bough, window: Window) -> np.ndarray:
    """Return the light [H, W, 3] that comes from a fruit in a window of the canvas.

    What is smooth is computed on the grid of the surface, what is fine for each pixel.
    """
    surface = body.surface
    assert surface is not None
    rows, columns = window
    full = np.array((columns.stop - columns.start, rows.stop - rows.start))
    shape = np.ceil(full * SHADED).astype(int)
    side, grid = bough.canvas.side, len(surface.depth)
    per_pixel = (grid - 1) / (2 * REACH * bough.radius * side)  # grid points
    step = per_pixel * full / shape
    corner = (np.array((columns.start, rows.start)) - bough.middle * side) * per_pixel
    matrix = np.array([[step[0], 0, 0], [0, step[1], 0]])
    matrix[:, 2] = corner + step / 2 + (grid - 1) / 2

    def enlarged(part: np.ndarray, how: int = cv2.INTER_CUBIC) -> np.ndarray:
        flags = how | cv2.WARP_INVERSE_MAP
        part = np.ascontiguousarray(part.reshape(grid, grid, -1), np.float32)
        return cv2.warpAffine(
            part, matrix, shape.tolist(), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )

    apple = kind == "apples"
    found = (apple_map if apple else orange_map)(body.skin, surface.toward, body.axis)
    known, free = found
    diffuse, shine = lighting(surface.normal, free, body.skin.gloss, scene, apple=apple)
    if apple:
        halves = [enlarged(part, cv2.INTER_LINEAR) for part in (known[:, :3], known[:, 3:])]
        known = np.dstack(halves)
        light = apple_colour(body.skin, known) * enlarged(diffuse) + enlarged(shine)
        return cv2.resize(light, full.tolist(), interpolation=cv2.INTER_LINEAR)
    colour, slopes = orange_colour(body.skin, enlarged(known, cv2.INTER_LINEAR))
    lean = slopes[..., 1] * scene.light[1] - slopes[..., 0] * scene.light[0]
    colour *= enlarged(diffuse) * (1 + 0.2 * lean)[..., None]
    colour += enlarged(shine) * np.maximum(1 + 0.8 * lean, 0.1)[..., None]
    return cv2.resize(colour, full.tolist(), interpolation=cv2.INTER_LINEAR)


def _half_outline(half: Vector) -> np.ndarray:
    """Return the outline [N, 2] of a half ball whose cut faces a direction."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    rim = np.stack([np.cos(turn), np.sin(turn)], 1)
    back = rim[rim @ half[:2] <= 0]
    face = rim @ basis(half)[:2, :2]
    points = np.concatenate([back, face]).astype(np.float32)
    return cv2.convexHull(points)[:, 0]


def _draw_face(
    canvas: Canvas, body: Body, scene: Scene, bough: Bough, rng: np.random.Generator
) -> None:
    """Draw the cut of a half orange."""
    assert body.half is not None
    across = basis(body.half)[:2, :2] * (1, -1)
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    rim = bough.middle + np.stack([np.cos(turn), np.sin(turn)], 1) @ across * bough.radius
    window = canvas.window(rim)
    rows, columns = window
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    mask = canvas.cover(window, rim)
    # from pixels of the window to the drawing of the face
    to_disc = np.linalg.inv(across.T * (bough.radius * canvas.side)) * (FACE - 1) / 2
    matrix = np.zeros((2, 3))
    matrix[:, :2] = to_disc
    corner = np.array((columns.start, rows.start)) + 0.5 - bough.middle * canvas.side
    matrix[:, 2] = to_disc @ corner + (FACE - 1) / 2
    face = cv2.warpAffine(
        cut_face(body.skin, rng),
        matrix,
        (columns.stop - columns.start, rows.stop - rows.start),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    direct = np.clip((body.half @ scene.light + 0.3) / 1.3, 0, 1)
    above = 0.5 + 0.5 * float(body.half @ scene.up)
    canvas.blend(window, mask, face * (scene.key * direct * 0.85 + scene.sky * above * 1.1))
