"""Scenes to train a face detector on: faces and what is not a face, pasted and drawn.

Every canvas is RGB uint8 [SIDE, SIDE, 3] with a list of faces (x, y of the centre, side). Faces
come from crops whose face box is known; everything else is of `detector_grounds`.
"""

from __future__ import annotations

import cv2
import numpy as np
from detector_grounds import SIDE, Box, Crop, Grounds, Table, blend, resized, warp

Faces = list[Box]


class Scenes(Grounds):
    """Draws canvases; the same generator state gives the same ones."""

    def __init__(
        self,
        crops: list[list[Crop]],
        shares: list[float],
        photos: list[np.ndarray],
        clips: list[np.ndarray],
        strays: list[np.ndarray],
        seed: int,
    ) -> None:
        super().__init__(crops, shares, photos, clips, strays, seed)
        self.grounds += [(0.08, self.washed), (0.05, self.tiny)]
        self.scenes: Table = [
            (0.20, self.tight),
            (0.22, self.quarters),
            (0.24, self.collage),
            (0.05, self.grid),
            (0.29, self.without),
        ]

    def draw(self) -> tuple[np.ndarray, Faces]:
        """Return a canvas and its faces."""
        canvas, faces = self.pick(self.scenes)
        if self.random.random() < 0.3:
            canvas = self._border(canvas, faces)
        return self._spoil(self.colours(canvas)), faces

    def _small_picture(self) -> tuple[np.ndarray, tuple[float, float, float], bool]:
        """Return a crop of a face, or a picture that might stand in its place but shows none."""
        chance = self.random.random()
        if chance > 0.52:
            return *self._trim(*self.crop()), True
        if chance < 0.16 and self.strays:
            return self.stray(), (0.5, 0.5, 0.81), False
        picture = self.ground() if chance < 0.32 else self.undone()
        return self._aged(picture), (0.5, 0.5, 0.81), False

    def stray(self) -> np.ndarray:
        """Return a part of a crop that got into the course's set but shows no face, turned."""
        picture = self.strays[self.random.integers(len(self.strays))]
        side = int(len(picture) * self.random.uniform(0.6, 1))
        top, left = self.random.integers(0, len(picture) - side + 1, 2)
        part = np.rot90(picture[top : top + side, left : left + side], self.random.integers(4))
        return np.ascontiguousarray(part)

    def _aged(self, picture: np.ndarray) -> np.ndarray:
        """Return a picture as soft, and as often compressed, as the crops are."""
        picture = resized(resized(picture, int(self.random.integers(36, 97))), 96)
        return _compressed(picture, int(self.random.integers(70, 96)))

    def tight(self) -> tuple[np.ndarray, Faces]:
        """Return one crop, or a part of it that holds the face, with its border repeated."""
        picture, box, face = self._small_picture()
        size = self.size()
        x, y = self.random.uniform(size * 0.3, SIDE - size * 0.3, 2)
        matrix = self._place(picture, box, size, (x, y), self.random.normal(0, 6))
        faces = [(x, y, size)] if face else []
        if self.random.random() < 0.15:
            return self._solid(picture, matrix), faces
        return warp(picture, matrix, cv2.BORDER_REPLICATE), faces

    def _solid(self, picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        colour = self.random.choice([0, 255, int(self.random.integers(256))])
        return cv2.warpAffine(
            picture,
            matrix,
            (SIDE, SIDE),
            flags=cv2.INTER_AREA,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(int(colour),) * 3,
        )

    def _trim(self, picture: np.ndarray, box) -> Crop:
        """Cut up to 12 % off each edge, so that faces touch the border as tight crops do."""
        if self.random.random() < 0.5:
            return picture, box
        side = len(picture)
        top, left, bottom, right = (self.random.uniform(0, 0.12, 4) * side).astype(int)
        part = picture[top : side - bottom, left : side - right]
        return part, _moved(box, side, left, top, part.shape)

    def _place(self, picture, box, size, centre, angle) -> np.ndarray:
        """Return the matrix [2, 3] that brings the face box to a size and place of the canvas."""
        height, width = picture.shape[:2]
        cx, cy, side = box[0] * width, box[1] * height, box[2] * width
        turn = cv2.getRotationMatrix2D((cx, cy), angle, size / side)
        if self.random.random() < 0.5:
            turn = turn @ np.array([[-1, 0, 2 * cx], [0, 1, 0], [0, 0, 1]])
        turn[:, 2] += np.array(centre) - (cx, cy)
        return turn

    def collage(self) -> tuple[np.ndarray, Faces]:
        """Return faces, and patches that are none, pasted on a ground."""
        canvas = self.ground()
        faces: Faces = []
        for _ in range(self.random.integers(0, 3)):
            patch = self.ground() if self.random.random() < 0.5 else resized(self.undone(), SIDE)
            if self.strays and self.random.random() < 0.25:
                patch = resized(self.stray(), SIDE)
            size = self.size() * self.random.uniform(1, 1.6)
            mask = self._mask(1.0)
            matrix = cv2.getRotationMatrix2D((64, 64), self.random.normal(0, 15), size / SIDE)
            matrix[:, 2] += self.random.uniform(0, SIDE, 2) - 64
            canvas = blend(canvas, patch, mask, matrix)
        for _ in range(self.random.integers(1, 4)):
            picture, box = self.crop()
            size = self.size()
            x, y = self.random.uniform(size * 0.35, SIDE - size * 0.35, 2)
            if any(max(abs(x - a), abs(y - b)) < 0.62 * (size + c) for a, b, c in faces):
                continue
            mask = cv2.resize(self._mask(self.random.uniform(0.9, 1.15)), picture.shape[1::-1])
            matrix = self._place(picture, box, size, (x, y), self.random.normal(0, 10))
            canvas = blend(canvas, picture, mask, matrix)
            faces.append((x, y, size))
        return canvas, faces

    def _mask(self, reach: float) -> np.ndarray:
        """Return an opacity [SIDE, SIDE] in 0..1: a soft ellipse, a head, or the whole square."""
        mask = np.zeros((SIDE, SIDE), np.float32)
        if self.random.random() < 0.3:
            mask[:] = 1
            return mask
        axes = (self.random.uniform(0.42, 0.56, 2) * SIDE * reach).astype(int)
        cv2.ellipse(mask, (64, 64), axes.tolist(), 0, 0, 360, 1, -1)
        blur = self.random.choice([1, 5, 9, 17])
        return cv2.GaussianBlur(mask, (int(blur), int(blur)), 0)

    def grid(self) -> tuple[np.ndarray, Faces]:
        """Return tiles of crops, as a sheet of samples has them."""
        step = max(8, round(self.size() / 0.81))
        pitch = step + int(step * self.random.choice([0, 0, 0.05, 0.5]))
        wide = SIDE + 2 * pitch
        canvas = np.full((wide, wide, 3), self.random.choice([0, 255, 255, 128]), np.uint8)
        left, top = self.random.integers(0, pitch, 2)
        faces: Faces = []
        for y in range(0, wide - step, pitch):
            for x in range(0, wide - step, pitch):
                if x + step <= left or y + step <= top or x >= left + SIDE or y >= top + SIDE:
                    continue
                picture, box = self.crop()
                canvas[y : y + step, x : x + step] = resized(picture, step)
                faces.append((x + box[0] * step - left, y + box[1] * step - top, box[2] * step))
        return np.ascontiguousarray(canvas[top : top + SIDE, left : left + SIDE]), faces

    def quarters(self) -> tuple[np.ndarray, Faces]:
        """Return four small pictures, tight crops or no face, side by side."""
        half = SIDE // 2
        canvas = np.empty((SIDE, SIDE, 3), np.uint8)
        faces: Faces = []
        for top in (0, half):
            for left in (0, half):
                rows, columns = slice(top, top + half), slice(left, left + half)
                picture, box, face = self._small_picture()
                size = min(self.size(), 50.0)
                x, y = self.random.uniform(size * 0.4, half - size * 0.4, 2)
                matrix = self._place(picture, box, size, (x, y), self.random.normal(0, 6))
                part = warp(picture, matrix, cv2.BORDER_REPLICATE, half)
                canvas[rows, columns] = part
                if face:
                    faces.append((left + x, top + y, size))
        return canvas, faces

    def without(self) -> tuple[np.ndarray, Faces]:
        """Return a canvas on which nothing is a face; at times a patch with a repeated border."""
        canvas = self.ground()
        chance = self.random.random()
        if chance < 0.12:
            return self.huge(), []
        if chance < 0.2:
            return self.distant(), []
        if chance < 0.5:
            side = int(self.random.uniform(28, 90))
            part = resized(canvas, side)
            matrix = np.eye(2, 3)
            matrix[:, 2] = self.random.uniform(0, SIDE - side, 2)
            canvas = warp(part, matrix, cv2.BORDER_REPLICATE)
        return canvas, []

    def undone(self) -> np.ndarray:
        """Return a crop whose face is undone: the same paint, edges and JPEG blocks without one.

        Without these, that a picture looks like a crop of the course is as good a sign of a face
        to the network as a face. An upright face is what counts: upside down it is none.
        """
        picture, _ = self.crop()
        ways = [
            (0.30, lambda: np.ascontiguousarray(picture[::-1])),
            (0.25, lambda: self._melted(picture)),
            (0.30, lambda: self._hidden(picture)),
            (0.15, lambda: self._blurred(picture)),
        ]
        return self.pick(ways)

    def _melted(self, picture: np.ndarray) -> np.ndarray:
        side = len(picture)
        cells = int(self.random.integers(4, 8))
        moves = self.random.normal(0, self.random.uniform(0.16, 0.3) * side, (cells, cells, 2))
        field = cv2.resize(moves.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=2)
        places = (field + grid).astype(np.float32)
        return cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def _hidden(self, picture: np.ndarray) -> np.ndarray:
        """Put hair or cloth of the crop's own border, or of another one, over the face."""
        side = len(picture)
        source = picture if self.random.random() < 0.6 else resized(self.crop()[0], side)
        strip = int(side * self.random.uniform(0.12, 0.3))
        edges = (source[:strip], source[-strip:], source[:, :strip], source[:, -strip:])
        cover = cv2.resize(edges[self.random.integers(4)], (side, side))
        if self.random.random() < 0.2:
            cover = resized(self.ground(), side)
        mask = np.zeros((side, side), np.float32)
        axes = (self.random.uniform(0.36, 0.55, 2) * side).astype(int).tolist()
        centre = (side // 2, int(side * self.random.uniform(0.5, 0.62)))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), self.random.uniform(0.5, 6))[..., None]
        return (cover * mask + picture * (1 - mask)).astype(np.uint8)

    def _blurred(self, picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture, (0, 0), len(picture) * self.random.uniform(0.08, 0.2))

    def washed(self) -> np.ndarray:
        """Return a crop that a wash of one colour all but hides: spoilt, not a face."""
        canvas, _ = self.tight() if self.random.random() < 0.7 else self.grid()
        colour = np.array(
            self.random.integers(0, 256, 3) if self.random.random() < 0.7 else [255] * 3
        )
        share = self.random.uniform(0.72, 0.97)
        return (canvas * (1 - share) + colour * share).astype(np.uint8)

    def tiny(self) -> np.ndarray:
        """Return faces too small to be told, with all the rest of a picture."""
        count = int(self.random.integers(9, 17))
        step = SIDE // count + 1
        small = [resized(self.crop()[0], step) for _ in range(12)]
        order = self.random.integers(0, len(small), (count, count))
        rows = [np.hstack([small[k] for k in row]) for row in order]
        return np.ascontiguousarray(np.vstack(rows)[:SIDE, :SIDE])

    def distant(self) -> np.ndarray:
        """Return a small picture in which faces are too small to be told."""
        canvas, faces = self.collage()
        largest = max([size for _, _, size in faces], default=40.0)
        side = round(SIDE * self.random.uniform(9, 14) / largest)
        matrix = np.eye(2, 3)
        matrix[:, 2] = self.random.uniform(0, SIDE - side, 2)
        return warp(resized(canvas, side), matrix, cv2.BORDER_REPLICATE)

    def huge(self) -> np.ndarray:
        """Return a face larger than the network is to see: another size of the picture has it."""
        picture, box = self.crop()
        size = self.random.uniform(100, 240)
        matrix = self._place(picture, box, size, self.random.uniform(20, 108, 2), 0)
        return warp(picture, matrix, cv2.BORDER_REPLICATE)

    def _border(self, canvas: np.ndarray, faces: Faces) -> np.ndarray:
        """Repeat the pixels of an inner frame outward where no face is cut by it."""
        margin = int(self.random.integers(8, 25))
        low, high = margin, SIDE - margin
        for x, y, size in faces:
            if not (
                low + size * 0.4 < x < high - size * 0.4
                and low + size * 0.4 < y < high - size * 0.4
            ):
                return canvas
        inner = canvas[low:high, low:high]
        return cv2.copyMakeBorder(inner, margin, margin, margin, margin, cv2.BORDER_REPLICATE)

    def colours(self, canvas: np.ndarray) -> np.ndarray:
        """Return the canvas in grey, other hues, or other contrast."""
        random = self.random
        chance = random.random()
        if chance < 0.12:
            grey = cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY)
            canvas = np.repeat(grey[..., None], 3, axis=2)
        elif chance < 0.35:
            hsv = cv2.cvtColor(canvas, cv2.COLOR_RGB2HSV)
            hsv[..., 0] = (hsv[..., 0] + random.integers(180)) % 180
            canvas = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        if random.random() < 0.6:
            levels = np.linspace(0, 1, 256)[:, None] ** np.exp(random.normal(0, 0.25))
            gain = random.uniform(0.65, 1.15) * np.exp(random.normal(0, 0.06, 3))
            shift = random.uniform(0, 1) * (1 - np.minimum(gain, 1))
            table = np.clip((levels * gain + shift) * 255, 0, 255).astype(np.uint8)
            canvas = np.stack([table[:, k][canvas[..., k]] for k in range(3)], axis=2)
        return canvas

    def _spoil(self, canvas: np.ndarray) -> np.ndarray:
        random = self.random
        if random.random() < 0.2:
            canvas = cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.4, 1.0))
        if random.random() < 0.15:
            noise = random.normal(0, random.uniform(2, 8), canvas.shape)
            canvas = np.clip(canvas + noise, 0, 255).astype(np.uint8)
        if random.random() < 0.2:
            canvas = _compressed(canvas, int(random.integers(40, 95)))
        return canvas


def _moved(box, side: int, left: int, top: int, shape) -> tuple[float, float, float]:
    height, width = shape[:2]
    return (box[0] * side - left) / width, (box[1] * side - top) / height, box[2] * side / width


def _compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(code, cv2.IMREAD_COLOR)
