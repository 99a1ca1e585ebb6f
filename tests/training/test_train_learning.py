"""Every objective learns: the distance of its samples to the data falls, and not by accident."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from animekit import plugins
from animekit.data.sampler import Loader
from animekit.data.spec import ImageSpec
from animekit.engines.engine import LocalEngine
from animekit.images.pixels import to_float
from animekit.models.base import Need
from animekit.testing.check import tiny_dataset
from animekit.training.stepper import Stepper

pytestmark = pytest.mark.slow

MODELS = plugins.load().all("model")
SIZE, COUNT = 32, 256
SMALL = {"g_channels": 12, "d_channels": 12, "z_dim": 16, "lr": 1e-3}
RECIPES = {  # parameters, and generator updates: about ten seconds each on one idle core
    "gan": ({"betas": (0.0, 0.9)}, 400),
    "hinge": ({"betas": (0.0, 0.9), "r1_weight": 1.0}, 400),
    "infogan": ({"r1_weight": 1.0}, 300),
    "lsgan": ({"betas": (0.0, 0.9)}, 400),
    "projected": ({"extractor": "tagger", "extractor_size": 32, "mix_channels": 16}, 300),
    "relativistic": ({"r1_weight": 0.1, "r2_weight": 0.1}, 400),
    "wgan": ({"n_critic": 2, "clip": 0.05}, 400),
    "wgangp": ({"n_critic": 2}, 200),
}


@pytest.fixture(scope="module")
def pack():
    return tiny_dataset(2 * COUNT).pack(SIZE)


def real_images(pack, start=0):
    return to_float(torch.from_numpy(pack.images[start : start + COUNT]))


def distance(one, other):
    """Sliced Wasserstein-1 distance of two sets of images at 8 x 8 pixels."""
    generator = torch.Generator().manual_seed(0)
    axes = functional.normalize(torch.randn(256, 8 * 8 * 3, generator=generator))
    sides = [functional.avg_pool2d(images, SIZE // 8).flatten(1) for images in (one, other)]
    first, second = ((side @ axes.T).sort(0).values for side in sides)
    return (first - second).abs().mean().item()


def train(cls, pack, updates, **changes):
    """Train from scratch; return the distance to the data before and after."""
    torch.manual_seed(0)
    stepper = Stepper(
        cls(cls.Params(**SMALL | changes), ImageSpec(SIZE)),
        LocalEngine(torch.device("cpu")),
        lambda stream: Loader(pack, 32, stream, flip=False, crop=0),
        seed=0,
        ema=0.95,
    )
    z = stepper.model.noise(COUNT, torch.Generator().manual_seed(1))
    found = []
    for until in (0, updates):
        while stepper.updates < until:
            stepper.step()
        with stepper.average as model, torch.inference_mode():
            found.append(distance(model.sample(z), real_images(pack)))
    return found


def flipped(cls):
    """The same objective with the sign of the generator's side turned round."""

    def g_loss(self, real, fake):
        return {key: -value for key, value in cls.g_loss(self, real, fake).items()}

    return type(cls.__name__, (cls,), {"g_loss": g_loss})


def test_the_distance_tells_data_from_other_images(pack):
    real, more = real_images(pack), real_images(pack, COUNT)
    floor = distance(real, more)
    assert floor < 0.05
    assert distance(real, real) == 0
    assert distance(real, real.flip(2)) > 3 * floor
    assert distance(real, torch.zeros_like(real)) > 10 * floor
    mean = real.mean(0, keepdim=True).expand_as(real)  # a model with one image
    assert distance(real, mean) > 3 * floor


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", RECIPES)
def test_each_objective_cuts_its_distance_to_the_data(name, pack):
    changes, updates = RECIPES[name]
    before, after = train(MODELS[name], pack, updates, **changes)
    assert after < 0.6 * before


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", RECIPES)
def test_no_objective_learns_with_its_sign_turned_round(name, pack):
    changes, updates = RECIPES[name]
    before, after = train(flipped(MODELS[name]), pack, updates // 2, **changes)
    assert after > 0.9 * before


def test_every_objective_of_images_alone_has_a_recipe_here():
    ours = {k for k, cls in MODELS.items() if cls.data is Need.IMAGES and hasattr(cls, "g_loss")}
    assert ours == set(RECIPES)
