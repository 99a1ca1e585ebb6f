"""Maps of latent codes: t-SNE in two dimensions, and how well an attribute parts the codes."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from animekit.errors import ConfigError, UnusableError, UsageError
from animekit.evaluation.held_out import TestImages
from animekit.files import write_atomic
from animekit.images.pixels import resize
from animekit.labels.vocabulary import Vocabulary
from animekit.text import did_you_mean, install_hint

FEWEST = 12  # codes of which a map is drawn
NEIGHBOURS = 10
PERPLEXITY = 30.0  # of t-SNE, or a third of the codes
THUMBNAIL = 32  # px of the images kept for a map


@dataclass(frozen=True)
class Points:
    """The images of a map: each has one known value of an attribute.

    `values` are int [N], indices of `names`. Those of `marked`, bool [N], are drawn as squares, and
    the legend says what they are.
    """

    attribute: str
    names: tuple[str, ...]
    values: np.ndarray
    images: np.ndarray
    files: tuple[str, ...]
    marked: np.ndarray | None = None
    mark: str = ""


@dataclass(frozen=True)
class Separation:
    """How often the nearest neighbours of a code tell its value, against guessing.

    `codes` and `map` are shares of all codes whose value is the commonest one of their ten nearest
    neighbours, among the codes themselves and on the map; `chance` is the share of the commonest
    value, which always guessing that one would reach.
    """

    codes: float
    map: float
    chance: float
    neighbours: int


@dataclass(frozen=True)
class LatentMap:
    """Codes in two dimensions, places float32 [N, 2], each with its value."""

    points: Points
    places: np.ndarray
    separation: Separation
    seed: int

    def facts(self) -> dict[str, Any]:
        """Return what the map shows, as plain values."""
        counts = np.bincount(self.points.values, minlength=len(self.points.names))
        return {
            "attribute": self.points.attribute,
            "n": len(self.places),
            "counts": dict(zip(self.points.names, counts.tolist(), strict=True)),
            "separation": vars(self.separation),
            "seed": self.seed,
        }

    def by(self, points: Points, codes: np.ndarray) -> LatentMap:
        """Return the same places with other values of the same images."""
        apart = separation(codes, self.places, points.values)
        return LatentMap(points, self.places, apart, self.seed)

    def save_coordinates(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write name, x, y and value of each image as CSV; return its path.

        A file with other content is replaced only if `overwrite` is true.
        """
        path = Path(path)
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["image", "x", "y", self.points.attribute])
        for file, (x, y), value in zip(
            self.points.files, self.places, self.points.values, strict=True
        ):
            writer.writerow([file, f"{x:.4f}", f"{y:.4f}", self.points.names[value]])
        data = text.getvalue().encode("utf-8", "surrogateescape")
        if path.is_dir() or (path.exists() and not overwrite and path.read_bytes() != data):
            raise UnusableError(
                f"{path} exists and holds something else",
                "--yes replaces it; name another file",
                code="file.exists",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
        return path


def map_files(path: Path | str, *, coordinates: bool = False) -> tuple[Path, Path | None]:
    """Return where a map goes, and where its coordinates go if they are asked for.

    A map that is named .csv is drawn beside it as PNG. Raises UsageError for other endings.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (".png", ".csv"):
        raise UsageError(f"{path} ends neither in .png nor in .csv", "name a .png file")
    chart = path if ending == ".png" else path.with_suffix(".png")
    return chart, path.with_suffix(".csv") if coordinates or ending == ".csv" else None


def choose(shown: TestImages, attribute: str, most: int, seed: int) -> Points:
    """Return up to `most` images with a known value of an attribute, by a seed.

    An attribute is one of several values ("hair", "eyes") or one label ("smile", "blue hair"),
    which is then there or not.
    """
    if shown.labels is None:
        raise UnusableError(
            f"{shown.where} has no labels to colour a map by",
            "give --tags FILE",
            code="data.labels",
        )
    vocabulary = Vocabulary(shown.spec.labels, shown.spec.groups)
    names, values = _values(shown, vocabulary, attribute)
    known = np.flatnonzero(values >= 0)
    if len(known) < FEWEST:
        raise UnusableError(
            f"{len(known)} images of {shown.where} have a known {attribute}, a map needs {FEWEST}",
            "name more images, or another attribute",
            code="data.labels",
        )
    rows = np.sort(np.random.default_rng(seed).permutation(known)[:most])
    used = np.flatnonzero(np.bincount(values[rows], minlength=len(names)))
    return Points(
        attribute=attribute,
        names=tuple(names[value] for value in used),
        values=np.searchsorted(used, values[rows]),
        images=shown.images[rows],
        files=tuple(shown.names[row] for row in rows),
    )


def _values(
    shown: TestImages, vocabulary: Vocabulary, attribute: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the values of an attribute by name, and int [N]: which it is, -1 if unknown."""
    assert shown.labels is not None
    known = np.ones_like(shown.labels) if shown.mask is None else shown.mask
    columns = vocabulary.attributes.get(attribute)
    if columns is not None and columns.stop - columns.start > 1:
        labels = shown.labels[:, columns] * known[:, columns]
        texts = vocabulary.texts[columns]
        single = (labels > 0).sum(1) == 1
        return texts, np.where(single, labels.argmax(1), -1)
    texts = vocabulary.texts
    if attribute not in texts:
        names = list(dict.fromkeys([*vocabulary.attributes, *texts]))
        raise ConfigError(
            f'{shown.where} has no attribute "{attribute}".{did_you_mean(attribute, names)}',
            "attributes: " + ", ".join(vocabulary.attributes),
            code="config.attribute",
        )
    place = texts.index(attribute)
    there = (shown.labels[:, place] > 0).astype(int)
    return (f"no {attribute}", attribute), np.where(known[:, place] > 0, there, -1)


def lay_out(points: Points, codes: np.ndarray, seed: int) -> LatentMap:
    """Return the map of codes [N, Z]: t-SNE from the first two principal components.

    (van der Maaten and Hinton, 2008.) The same codes and seed give the same map on one machine.
    """
    places = _embedded(codes, seed)
    small = np.stack([resize(image, min(THUMBNAIL, image.shape[0])) for image in points.images])
    kept = replace(points, images=small)
    return LatentMap(kept, places, separation(codes, places, points.values), seed)


def _embedded(codes: np.ndarray, seed: int) -> np.ndarray:
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise UnusableError(
            "a map needs scikit-learn, which is not installed",
            install_hint("maps"),
            code="extra.missing",
        ) from None
    perplexity = min(PERPLEXITY, (len(codes) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed % 2**32)
    return np.asarray(tsne.fit_transform(codes.astype(np.float32)), np.float32)


def separation(
    codes: np.ndarray, places: np.ndarray, values: np.ndarray, neighbours: int = NEIGHBOURS
) -> Separation:
    """Return how often neighbours of codes [N, Z], and of places, tell the value."""
    count = min(neighbours, len(values) - 1)
    return Separation(
        codes=_agreement(codes, values, count),
        map=_agreement(places, values, count),
        chance=float(np.bincount(values).max() / len(values)),
        neighbours=count,
    )


def _agreement(points: np.ndarray, values: np.ndarray, count: int) -> float:
    """Return the share of points whose value is the commonest of their nearest neighbours."""
    points = points.astype(np.float64)
    squares = (points**2).sum(1)
    distances = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
    votes = np.zeros((len(values), int(values.max()) + 1), np.int64)
    np.add.at(votes, (np.arange(len(values))[:, None], values[nearest]), 1)
    return float((votes.argmax(1) == values).mean())
