"""Faces: found, translated at the size that weights know, and put back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from animekit import transfer
from animekit.cli import app
from animekit.data.spec import ImageSpec
from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.images.decode import decode
from animekit.images.pixels import resize
from animekit.labels.tags import GROUPS, HAIR, NAMES
from animekit.models import tagger
from animekit.models.weights import BUNDLED
from animekit.plugins import Registry
from animekit.translation.faces import Part, knows_drawn_faces, restored, whole_part
from animekit.translation.result import Transferred
from animekit.translation.transfer import prepare
from animekit.translation.video import Video, VideoFile
from tests.support import answer
from tests.translation.models import paint_weights
from tests.translation.pictures import EXACT, paint, tree

DRAWN = sorted((BUNDLED / "examples" / "stargan-hair").rglob("*.png"))
SIZES = {(20, 30): 80, (220, 50): 130}  # place and side of each face in the scene
BLUE = HAIR.index("blue")


def scene(path: Path | str = "in/scene.png", places: Any = SIZES) -> Path:
    """Draw a picture of 400 x 240 px with a face at each place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    across = np.linspace(150, 220, 400, dtype=np.uint8)
    canvas = Image.fromarray(np.tile(across[None, :, None], (240, 1, 3)))
    for source, (place, side) in zip(DRAWN, places.items(), strict=False):
        with Image.open(source) as face:
            canvas.paste(face.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), place)
    canvas.save(path)
    return path


def hair(*words: str | Path, registry: Registry, **options: Any) -> Transferred:
    settings = {**EXACT, "attrs": ["blue hair"], "html": False, "registry": registry, **options}
    return transfer("stargan", "hair", list(words), settings.pop("out", "out"), **settings)


def test_each_face_of_a_scene_is_translated_and_nothing_else_moves(registry: Registry) -> None:
    made = hair(scene(), registry=registry)
    (item,) = made.items
    assert (item.faces, item.width, item.height) == (2, 400, 240)
    before, after = decode(Path("in/scene.png")), decode(item.out)
    far = np.ones((240, 400), bool)
    for (x, y), side in SIZES.items():
        rim = side // 4
        far[max(0, y - rim) : y + side + rim, max(0, x - rim) : x + side + rim] = False
        crops = [resize(each[y : y + side, x : x + side], 64) for each in (before, after)]
        likely = tagger.load(registry).probabilities(np.stack(crops).transpose(0, 3, 1, 2))["hair"]
        assert likely[1, BLUE] > max(0.4, 2 * likely[0, BLUE])
    assert np.array_equal(before[far], after[far])


def test_pictures_without_a_face_are_left_alone_and_listed(registry: Registry) -> None:
    scene(), paint("in/sky.png", (90, 140, 220), (300, 200))
    made = hair("in", registry=registry)
    assert tree("out") == ["scene.png"]
    assert (made.faceless, made.done, made.failure()) == ([Path("in/sky.png")], 1, None)
    assert made.facts()["faceless"] == ["in/sky.png"]
    assert "1 of 2 pictures left alone, no face found: in/sky.png" in made.warnings[0]


def test_where_no_picture_has_a_face_it_is_an_error(registry: Registry) -> None:
    paint("in/sky.png", (90, 140, 220), (300, 200))
    error = hair("in", registry=registry).failure()
    assert error is not None and error.code == "face.none" and "--face off" in error.hint
    source = io.BytesIO(Path("in/sky.png").read_bytes())
    with pytest.raises(UnusableError, match="no face found in 1 picture: stdin"):
        transfer("stargan", "hair", source, "o.png", registry=registry, attrs=["red hair"])
    assert not Path("o.png").exists() and not Path("out").exists()


def test_a_picture_of_the_size_of_the_weights_is_a_face_as_it_is(registry: Registry) -> None:
    alone = hair(DRAWN[0], registry=registry, out="a")
    whole = hair(DRAWN[0], registry=registry, out="b", face="off", size="keep")
    assert (alone.items[0].faces, whole.items[0].faces) == (1, None)
    assert alone.items[0].out.read_bytes() == whole.items[0].out.read_bytes()


def test_a_larger_crop_is_seen_at_the_size_of_the_weights(registry: Registry) -> None:
    with Image.open(DRAWN[0]) as face:
        face.resize((192, 192), Image.Resampling.BICUBIC).save("large.png")
    (item,) = hair("large.png", registry=registry).items
    small = decode(hair(DRAWN[0], registry=registry, out="b").items[0].out)
    assert item.faces == 1
    gap = np.abs(resize(decode(item.out), 64).astype(float) - small)
    assert gap.mean() < 12  # of 255: the same blue, through two resizings


def test_off_shows_the_whole_picture_at_its_own_scale_or_that_of_the_weights(
    registry: Registry,
) -> None:
    scene()
    kept = hair("in", registry=registry, out="a", face="off", size="keep")
    seen = hair("in", registry=registry, out="b", face="off")
    assert kept.faceless == seen.faceless == []
    assert kept.items[0].out.read_bytes() != seen.items[0].out.read_bytes()
    assert "1 picture is much larger than the 64 px" in seen.warnings[0] and not kept.warnings


def test_frames_of_a_film_go_the_same_way_and_those_without_a_face_stay(
    registry: Registry,
) -> None:
    face, sky = decode(scene()), np.full((240, 400, 3), 120, np.uint8)
    film = VideoFile(Path("in.avi"), 400, 240, 10)
    film.write([face, sky])
    film.finish()
    made = hair("in.avi", registry=registry)
    assert (made.items[0].frames, made.items[0].faces) == (2, 2)
    frames = [[*Video(Path(name), name).frames()] for name in ("in.avi", "out/in.avi")]
    moved = [np.abs(a.astype(int) - b).mean() for a, b in zip(*frames, strict=True)]
    assert moved[0] > 2 > 1.5 > moved[1]
    film = VideoFile(Path("sky.avi"), 400, 240, 10)
    film.write([sky, sky])
    film.finish()
    made = hair("in.avi", "sky.avi", registry=registry, out="more")
    assert tree("more") == ["in.avi"] and made.faceless == [Path("sky.avi")]
    pages = [Image.fromarray(each) for each in (sky, face)]
    pages[0].save("in.gif", save_all=True, append_images=pages[1:], duration=100)
    assert hair("in.gif", registry=registry, out="gif").items[0].faces == 2


def test_options_that_cannot_be_are_refused_before_work(registry: Registry) -> None:
    with pytest.raises(UsageError, match='--face "maybe"'):
        hair(scene(), registry=registry, face="maybe")
    with pytest.raises(NotFoundError, match="lbpp"):
        hair(scene(), registry=registry, detector="lbpp")


def test_faces_are_looked_for_where_weights_know_drawn_hair_or_eyes(registry: Registry) -> None:
    assert knows_drawn_faces(ImageSpec(64, 3, NAMES, GROUPS))
    assert knows_drawn_faces(ImageSpec(64, 3, ("smile", "grey eyes"), (1, 1)))
    assert not knows_drawn_faces(ImageSpec(64, 3, ("smile", "hat"), (1, 1)))
    assert not knows_drawn_faces(ImageSpec(128, 3, ("Black_Hair", "Male"), (1, 1)))
    assert not knows_drawn_faces(ImageSpec(256))
    path = paint_weights(Path("paint.safetensors"))
    for face, there in (("auto", False), ("on", True)):
        found = prepare("paint", str(path), DRAWN[:1], registry=registry, face=face)
        assert (found.finder is not None, found.facts()["faces"]) == (there, there)


def test_what_is_put_back_is_the_change_and_fades_at_open_borders() -> None:
    picture = np.random.default_rng(0).integers(50, 200, (60, 80, 3), np.uint8)
    part = Part(resize(picture[10:50, 10:50], 20), picture[10:50, 10:50], (10, 10, 50, 50))
    assert np.array_equal(restored(picture, [part], [part.pixels]), picture)
    bright = restored(picture, [part], [part.pixels + np.uint8(40)]).astype(int) - picture
    assert bright[30, 30].tolist() == [40] * 3
    assert 0 <= bright[30, 10].min() <= bright[30, 11].max() < bright[30, 13].min() <= 40
    bright[10:50, 10:50] = 0
    assert not bright.any()
    twice = restored(picture, [part, part], [part.pixels + np.uint8(40)] * 2).astype(int) - picture
    assert twice[30, 30].tolist() == [40] * 3  # two faces that overlap are no double change


def test_a_part_that_ends_with_the_picture_does_not_fade_there() -> None:
    picture = np.full((30, 40, 3), 100, np.uint8)
    part = whole_part(picture, 16, 4)
    assert part.pixels.shape == (16, 20, 3) and part.box == (0, 0, 40, 30)
    assert (restored(picture, [part], [part.pixels + np.uint8(9)]) == 109).all()
    assert whole_part(picture, 30, 4).box is None  # as it is


def test_the_command_names_pictures_without_a_face(tmp_path: Path) -> None:
    scene(), paint("in/sky.png", (90, 140, 220), (300, 200))
    words = ["transfer", "stargan", "hair", "in", "-o", "out", "--attr", "blue hair", "--no-html"]
    made = CliRunner().invoke(app, words)
    assert made.exit_code == 0
    assert "left alone, no face found: in/sky.png" in " ".join(made.stderr.split())
    found = answer(*words, "--overwrite", "--json")
    assert found["data"]["faceless"] == ["in/sky.png"]
    assert [item["faces"] for item in found["data"]["items"]] == [2]
