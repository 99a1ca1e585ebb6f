"""A map of real and generated pictures by their features: t-SNE, and whether neighbours tell."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.errors import AnimekitError, ConfigError, UnusableError
from animekit.evaluation.latent_map import FEWEST, LatentMap, Points, lay_out
from animekit.evaluation.latent_picture import draw_map
from animekit.evaluation.metric import Exhibit, Metric
from animekit.hookspecs import hookimpl
from animekit.models import tagger
from animekit.models.features import single_threads
from animekit.text import did_you_mean, install_hint

from ._common import square
from ._features.shared import FeatureParams, RealFeaturesMetric

SOURCES = ("real", "fake")


class MapParams(FeatureParams):
    """Which network the images are looked at through, and what the map shows."""

    attribute: str | None = Field(
        None, description="colour a second map by what the tagger reads: hair, eyes"
    )
    thumbnails: bool = Field(False, description="small pictures in place of points")
    most: int = Field(1000, ge=FEWEST, description="most images of each side")
    seed: int = Field(0, ge=0, description="seed of t-SNE")


class FeatureMap(RealFeaturesMetric):
    """Map of real and fake by features, and whether the nearest neighbour tells.

    The picture is a t-SNE (van der Maaten and Hinton, 2008) of as many images of each side. Its
    number is `nn_<extractor>`: the share of images whose nearest other one, by the features and
    not on the map, is of their own side (the two-sample test of Lopez-Paz and Oquab, 2017, with one
    neighbour). One half is "cannot be told apart"; above it fakes keep to themselves, below it
    they sit on real images, as copies do. `nn_real` and `nn_fake` are the same for each side: few
    fakes with a fake neighbour beside many reals with a real one means that fakes leave out much.
    """

    name = "map"
    better = "real"
    by_default = False
    fewest = FEWEST
    Params = MapParams
    params: MapParams

    def missing(self) -> AnimekitError | None:
        """Return the error that there is no extractor, or no t-SNE."""
        if find_spec("sklearn") is None:
            return UnusableError(
                "a map needs scikit-learn, which is not installed",
                install_hint("maps"),
                code="extra.missing",
            )
        return super().missing()

    def details(self) -> list[str]:
        """Return how many images of each side are looked at."""
        return [f"nearest neighbour among {self.params.most:,} images of each side at most"]

    def among(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Return nothing: the features are all that is kept."""
        return {}

    def compute(
        self, real: Any, fake: np.ndarray | Tensor, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the shares of images whose nearest neighbour is of their side."""
        ours, theirs = self.both(real, fake)
        count = min(len(ours.values), len(theirs), self.params.most)
        sides = [values[chosen(values, count)] for values in (ours.values, theirs)]
        on_real, on_fake = told(*sides)
        self.context.progress(1.0)
        return {
            self.key("nn"): (on_real + on_fake) / 2,
            self.key("nn_real"): on_real,
            self.key("nn_fake"): on_fake,
        }

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        """Return the map by source, and by an attribute where one was asked for."""
        real, fake = square(real, "real", FEWEST), square(fake, "fake", FEWEST)
        count = min(len(real), len(fake), self.params.most)
        sides = [each[chosen(self.features(each, "map"), count)] for each in (real, fake)]
        # by turns, or those that are drawn last would lie on all others
        turns = np.arange(2 * count).reshape(2, count).T.ravel()
        features = np.concatenate([self.features(each, "map") for each in sides])[turns]
        images = np.concatenate(sides)[turns]
        source = turns // count
        files = tuple(f"{SOURCES[at // count]} {at % count}" for at in turns.tolist())
        pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        first = lay_out(
            Points("source", SOURCES, source, pixels, files), features, self.params.seed
        )
        found = [self._exhibit(first)]
        if self.params.attribute is not None:
            names, values = self._read(images, self.params.attribute)
            points = Points(
                self.params.attribute,
                names,
                values,
                first.points.images,
                files,
                source == 1,
                "fake",
            )
            found.append(self._exhibit(first.by(points, features)))
        return found

    def _read(self, images: np.ndarray, attribute: str) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the values that the tagger reads of an attribute, and int [N]: which it is."""
        if attribute not in tagger.ATTRIBUTES:
            raise ConfigError(
                f'the tagger reads no "{attribute}".{did_you_mean(attribute, tagger.ATTRIBUTES)}',
                f"attributes: {', '.join(tagger.ATTRIBUTES)}",
                code="config.attribute",
            )
        read = tagger.load(self.context.plugins()).read(images)[attribute]
        used = np.unique(read)
        names = tuple(f"{tagger.ATTRIBUTES[attribute][value]} {attribute}" for value in used)
        return names, np.searchsorted(used, read)

    def _exhibit(self, found: LatentMap) -> Exhibit:
        points, name = found.points, self.extractor.name
        caption = f"{len(found.places):,} pictures by the features of {name}, by {points.attribute}"
        table: dict[str, list[Any]] = {
            "image": list(points.files),
            "x": [round(float(x), 4) for x in found.places[:, 0]],
            "y": [round(float(y), 4) for y in found.places[:, 1]],
            points.attribute: [points.names[value] for value in points.values],
        }
        picture = draw_map(found, caption, thumbnails=self.params.thumbnails)
        return Exhibit(f"map-{points.attribute}", caption, picture, table)


def told(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Return which share of each side has its nearest other row on its own side.

    Rows are features [N, D] of as many images.
    """
    rows = torch.from_numpy(np.concatenate([real, fake])).double()
    rows = rows - rows.mean(0)

    def work() -> np.ndarray:
        lengths = rows.square().sum(1)
        squares = torch.addmm(lengths[:, None] + lengths, rows, rows.T, alpha=-2)
        return squares.fill_diagonal_(torch.inf).argmin(1).numpy()

    with single_threads() as pool:
        nearest = pool.submit(work).result()
    own = (nearest < len(real)) == (np.arange(len(rows)) < len(real))
    return float(own[: len(real)].mean()), float(own[len(real) :].mean())


def chosen(features: np.ndarray, count: int) -> np.ndarray:
    """Return the places of `count` rows [N, D], whatever order they stand in."""
    hashes = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in features]
    return np.array(sorted(range(len(hashes)), key=hashes.__getitem__)[:count])


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [FeatureMap]
