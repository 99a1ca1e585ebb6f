"""Targets: directions, attributes, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from animekit.data.spec import ImageSpec
from animekit.errors import UnusableError, UsageError
from animekit.images.decode import decode
from animekit.images.pixels import to_float
from animekit.labels.tags import GROUPS, NAMES
from animekit.models import tagger, weights
from animekit.models.targets import LabelReader, Target, targets_of
from animekit.models.weights import BUNDLED
from animekit.plugins import Registry
from animekit.translation.result import Transferred
from animekit.translation.transfer import prepare
from animekit_plugins.models.stargan import StarGAN, StarGANParams
from tests.translation.models import paint_weights
from tests.translation.pictures import colour, paint, tree


def test_both_directions_of_own_pictures(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    made = swap("in", direction="both")
    assert tree("out") == ["a2b/a.png", "b2a/a.png", "index.html", "sheet.png"]
    assert made.done == 1
    with pytest.raises(UsageError, match='no direction "a2c". Did you mean "a2b"'):
        swap("in", direction="a2c")


def test_attributes_are_columns_and_a_sheet(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png", (128, 128, 128))
    painted("in", attrs=["red", "BLUE, -light"])
    assert tree("out") == ["blue_no_light/a.png", "index.html", "red/a.png", "sheet.png"]
    red, blue = colour("out/red/a.png"), colour("out/blue_no_light/a.png")
    assert red[0] > 180 > red[1]
    assert blue[2] > 120 > blue[0]
    with Image.open("out/sheet.png") as sheet:
        assert sheet.size == (3 * 130 - 2, 128 + 23)


def test_what_is_not_asked_for_stays_as_it_was(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png", (0, 200, 0))  # the model reads green, and light
    painted("in", attrs=["-light"])
    dark = colour("out/a.png")
    assert dark[1] > dark[0]
    painted("in", attrs=["-light"], source_attr="red", existing="overwrite")
    assert colour("out/a.png")[0] > dark[0]


def test_a_wrong_attribute_is_met_with_the_nearest(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    with pytest.raises(UnusableError, match="lihgt") as caught:
        painted("in", attrs=["lihgt"])
    assert "light" in f"{caught.value.message} {caught.value.hint}"
    with pytest.raises(UsageError, match="no directions"):
        painted("in", direction="a2b")


def test_without_a_wish_every_value_is_a_column(registry: Registry, tmp_path: Path) -> None:
    from animekit.runs.run import load_model

    model = load_model(paint_weights(tmp_path / "p.safetensors"), registry).model
    names = [column.name for column in targets_of(model, None, ())]  # type: ignore[arg-type]
    assert names == ["red", "green", "blue", "light"]


CELEBA = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")


def star(labels: tuple[str, ...], groups: tuple[int, ...]) -> StarGAN:
    """Return an untrained StarGAN of these labels, 32 px."""
    params = StarGANParams(g_channels=4, d_channels=4, n_blocks=1, attributes="")
    return StarGAN(params, ImageSpec(32, 3, labels, groups)).eval()


def asked(model: StarGAN, *attrs: str) -> list[Target]:
    return targets_of(model, None, attrs)


def told(target: Target, reader: LabelReader) -> list[float]:
    """Return what a model is told of a grey picture."""
    found: list[float] = target.argument(reader.labels(np.full((32, 32, 3), 99, np.uint8)))[0]
    return list(map(float, found))


def test_hair_colours_of_celeba_exclude_each_other_and_what_nobody_says_is_told() -> None:
    model = star(CELEBA, (1,) * 5)
    (blond,) = asked(model, "blond hair")
    alone = LabelReader(model, None, [blond], untrained=True)
    assert blond.name == "blonde_hair"
    assert told(blond, alone) == [0, 1, 0, 0, 0]
    assert alone.assumed == ["no male", "no young"]
    said = LabelReader(model, "black hair, male, young", [blond], untrained=True)
    assert told(blond, said) == [0, 1, 0, 1, 1]
    assert said.assumed == []
    (old,) = asked(model, "-young")
    said = LabelReader(model, "black hair", [old], untrained=True)
    assert told(old, said) == [1, 0, 0, 0, 0]  # black hair is neither blond nor brown
    assert said.assumed == ["no male"]


def test_a_whole_stargan_reads_what_pictures_show_and_its_generator_alone_cannot() -> None:
    model = star(CELEBA, (1,) * 5)
    (blond,) = asked(model, "blond hair")
    whole = LabelReader(model, None, [blond])
    assert whole.classify is not None and whole.assumed == []
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    with torch.inference_mode():
        read = model.classify(to_float(torch.from_numpy(picture[None])))[0] > 0
    labels = whole.labels(picture)
    assert labels is not None and labels.astype(bool).tolist() == read.tolist()
    assert LabelReader(model, None, [blond], untrained=True).labels(picture) is None


def test_hair_and_eyes_are_read_by_the_tagger_where_nobody_says_them(registry: Registry) -> None:
    model = star(NAMES, GROUPS)
    (blonde,) = asked(model, "blonde hair")
    reader = LabelReader(model, None, [blonde], registry=registry, untrained=True)
    assert reader.assumed == []
    face = next((BUNDLED / "examples" / "stargan-hair").rglob("*.png"))
    labels = reader.labels(decode(face))
    assert labels is not None and labels[:12].sum() == labels[12:].sum() == 1
    pixels = decode(face).transpose(2, 0, 1)[None]
    eyes = int(tagger.load(registry).read(pixels)["eyes"][0])
    assert int(labels[12:].argmax()) == eyes
    hair = star(NAMES[:12], GROUPS[:1])  # nothing is left open: nobody needs to look
    assert LabelReader(hair, None, asked(hair, "red hair"), untrained=True).tagger is None


def test_weights_say_whether_a_discriminator_is_with_them(
    tmp_path: Path, registry: Registry
) -> None:
    model = star(CELEBA, (1,) * 5)
    told = weights.describe(model, 3, {})
    both = {"model": model.state_dict(), "average": {}}
    both["average"] = {k: v for k, v in both["model"].items() if k.startswith("generator.")}
    for part, tensors in both.items():
        path = tmp_path / f"{part}.safetensors"
        path.write_bytes(weights.to_bytes(tensors, {**told, "part": part}))
        pictures = [paint("in/a.png", size=(32, 32))]
        found = prepare("stargan", str(path), pictures, registry=registry, attrs=["blond hair"])
        assert found.reader.assumed == ([] if part == "model" else ["no male", "no young"])
        assert found.facts()["assumed"] == found.reader.assumed
