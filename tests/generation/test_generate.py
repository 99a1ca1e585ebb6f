"""Generation: seeds and noise to images, each the same alone and in any company."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import nn

from animekit.config import Params
from animekit.data.spec import ImageSpec
from animekit.errors import DataError, NotFoundError, UnusableError, UsageError
from animekit.generation.generate import generate, interpolate
from animekit.generation.interpolation import segments
from animekit.generation.recipe import read_recipe
from animekit.generation.reproduce import reproduce
from animekit.generation.result import Generated
from animekit.models import sampling
from animekit.models.base import Model
from animekit.runs.run import Loaded
from animekit.seeds import LIMIT
from tests.generation.weights import REGISTRY, size_of


class Awkward(Model):
    """A generator whose kernels do not fit the vector width, with attention and dropout."""

    name = "awkward"

    def __init__(self, side: int = 5, labels: int = 0) -> None:
        super().__init__(Params(), ImageSpec(side))
        torch.manual_seed(1)
        self.start = nn.Sequential(nn.Linear(7 + labels, 5), nn.SiLU(), nn.Linear(5, 6 * side**2))
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.end = nn.Sequential(nn.Conv2d(6, 3, 3, padding=1), nn.Tanh())
        self.eval()

    def noise(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        return torch.randn(n, 7, generator=generator)

    def sample(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        z = z if labels is None else torch.cat([z, labels], 1)
        x = self.start(z).unflatten(1, (-1, 6))
        x = x + nn.functional.dropout(self.attention(x, x, x)[0], 0.5)
        side = self.spec.size
        return self.end(x.transpose(1, 2).unflatten(2, (side, side)))


def loaded(model: nn.Module) -> Loaded:
    return Loaded(model, "own", 3, "00" * 32, "using own")  # type: ignore[arg-type]


class TestSeeds:
    def test_the_largest_seed_works(self, tiny: Path) -> None:
        assert generate(tiny, seeds=[LIMIT - 1], registry=REGISTRY).seeds == (LIMIT - 1,)

    @pytest.mark.parametrize("seeds", [[-1], [LIMIT], [1.5], [True], [], ""])
    def test_python_callers_get_the_same_errors(self, tiny: Path, seeds: object) -> None:
        with pytest.raises(UsageError):
            generate(tiny, seeds=seeds, registry=REGISTRY)  # type: ignore[arg-type]

    @pytest.mark.parametrize("num", [0, -4, 10**9])
    def test_a_number_of_images_must_make_sense(self, tiny: Path, num: int) -> None:
        with pytest.raises(UsageError, match="cannot make"):
            generate(tiny, num=num, registry=REGISTRY)


class TestOneImageIsTheSameInAnyCompany:
    def test_alone_and_in_every_batch_and_order(self, tiny: Path, faces: Generated) -> None:
        for seeds in ([13], [24, 13], range(10, 20), [13, *range(100, 140)], [13] * 9):
            made = generate(tiny, seeds=seeds, registry=REGISTRY)
            at = made.seeds.index(13)
            assert np.array_equal(made.images[at], faces.images[13])
            assert np.array_equal(made.z[at], faces.z[13])

    @pytest.mark.parametrize("side", [5, 7, 8])
    @pytest.mark.parametrize("labels", [0, 3])
    def test_whatever_the_kernels_of_the_network(self, side: int, labels: int) -> None:
        model = Awkward(side, labels)
        z = sampling.noise_of_seeds(model, range(40))
        tags = np.eye(3, dtype=np.float32)[np.arange(40) % 3] if labels else None
        together = sampling.draw(model, z, tags)
        for k in range(40):
            alone = sampling.draw(model, z[k : k + 1], None if tags is None else tags[k : k + 1])
            assert np.array_equal(alone[0], together[k])
        backwards = sampling.draw(model, z[::-1], None if tags is None else tags[::-1])
        assert np.array_equal(backwards[::-1], together)

    def test_sampling_leaves_the_random_state_alone(self) -> None:
        model = loaded(Awkward())
        torch.manual_seed(5)
        state = torch.get_rng_state()
        generate(model, num=2)
        assert torch.equal(torch.get_rng_state(), state)

    def test_images_of_different_seeds_differ(self, faces: Generated) -> None:
        assert len({image.tobytes() for image in faces.images}) == 25

    def test_equal_z_with_other_labels_is_spread_over_the_places(self) -> None:
        model = Awkward(5, 30)
        z = np.repeat(sampling.noise_of_seeds(model, [4]), 30, axis=0)
        batches = list(sampling._batches(z, np.eye(30, dtype=np.float32)))
        assert len(batches) < 12  # 30 if the place followed from z alone


class TestNoise:
    def test_exported_noise_draws_the_same_images(
        self, tmp_path: Path, tiny: Path, faces: Generated
    ) -> None:
        path = faces.save_noise(tmp_path / "z.npy")
        again = generate(tiny, noise=path, registry=REGISTRY)
        assert np.array_equal(again.images, faces.images)
        assert again.save_noise(tmp_path / "y.npy").read_bytes() == path.read_bytes()

    def test_truncated_noise_comes_back_as_it_went_in(self, tmp_path: Path, tiny: Path) -> None:
        short = generate(tiny, num=3, truncation=0.5, registry=REGISTRY)
        again = generate(tiny, noise=short.save_noise(tmp_path / "z.npy"), registry=REGISTRY)
        assert np.array_equal(again.images, short.images)

    @pytest.mark.parametrize("kind", ["<f8", ">f4", "<f2"])
    @pytest.mark.parametrize("shape", [(25, 12), (25, 12, 1, 1)])
    def test_a_students_file_works_in_any_float_and_with_axes_of_one(
        self, tmp_path: Path, tiny: Path, kind: str, shape: tuple[int, ...]
    ) -> None:
        z = np.random.default_rng(0).normal(size=shape).astype(kind)
        np.save(tmp_path / "noise.npy", z)
        made = generate(tiny, noise=tmp_path / "noise.npy", registry=REGISTRY)
        assert made.images.shape == (25, 32, 32, 3)
        assert np.array_equal(made.z, z.reshape(25, 12).astype(np.float32))
        assert made.seeds == ()

    @pytest.mark.parametrize(
        ("array", "seen"),
        [
            (np.zeros((25, 100)), r"shape \(25, 100\), this model needs \(N, 12\)"),
            (np.zeros(12), r"shape \(12,\)"),
            (np.zeros((0, 12)), r"shape \(0, 12\)"),
            (np.zeros(()), r"shape \(\)"),
            (np.zeros((2, 12), np.int64), "int64"),
            (np.zeros((2, 12), np.complex64), "complex64"),
            (np.full((2, 12), np.nan), "NaN"),
            (np.full((2, 12), 1e300), "infinite"),
        ],
    )
    def test_noise_of_another_kind_is_one_clear_line(
        self, tmp_path: Path, tiny: Path, array: np.ndarray, seen: str
    ) -> None:
        np.save(tmp_path / "z.npy", array)
        with pytest.raises(DataError, match=seen) as caught:
            generate(tiny, noise=tmp_path / "z.npy", registry=REGISTRY)
        assert "\n" not in caught.value.message

    def test_nothing_is_unpickled_and_damaged_files_are_refused(
        self, tmp_path: Path, tiny: Path
    ) -> None:
        class Bomb:
            def __reduce__(self) -> tuple:
                return os.mkdir, (str(tmp_path / "exploded"),)

        np.save(tmp_path / "bomb.npy", np.array([Bomb()], dtype=object))
        np.savez(tmp_path / "many.npz", z=np.zeros((2, 12)))
        np.save(tmp_path / "cut.npy", np.zeros((25, 12)))
        os.truncate(tmp_path / "cut.npy", 200)
        (tmp_path / "text.npy").write_text("0.1 0.2")
        (tmp_path / "empty.npy").write_bytes(b"")
        for name in ("bomb.npy", "many.npz", "cut.npy", "text.npy", "empty.npy"):
            with pytest.raises(DataError, match=name) as caught:
                generate(tiny, noise=tmp_path / name, registry=REGISTRY)
            assert "\n" not in caught.value.message
        assert not (tmp_path / "exploded").exists()
        with pytest.raises(NotFoundError, match=r"nothing\.npy"):
            generate(tiny, noise=tmp_path / "nothing.npy", registry=REGISTRY)

    @pytest.mark.parametrize(
        "header",
        [
            "{" * 9000,
            "(" * 9000,
            "1" * 9000,
            "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ", 12), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 12), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 12), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 12), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': ('a', 12), }",
            "{'descr': '|O', 'fortran_order': False, 'shape': (2, 12), }",
            "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (2,), }",
            "{'descr': '<U0', 'fortran_order': False, 'shape': (2, 12), }",
            "{'descr': [('" + "a" * 5000 + "', '<f4')], 'fortran_order': False, 'shape': (2,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 12L), }",
            "{'shape': (2, 12)}",
            "\xff\0",
        ],
    )
    @pytest.mark.parametrize("version", [1, 3, 9])
    def test_a_forged_header_is_one_clear_line(
        self, tmp_path: Path, tiny: Path, header: str, version: int
    ) -> None:
        size = len(header).to_bytes(2 if version == 1 else 4, "little")
        data = b"\x93NUMPY" + bytes([version, 0]) + size + header.encode("latin-1") + bytes(90)
        (tmp_path / "z.npy").write_bytes(data)
        with pytest.raises(DataError, match=r"z\.npy") as caught:
            generate(tiny, noise=tmp_path / "z.npy", registry=REGISTRY)
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < len(str(tmp_path)) + 200
        assert "pickle" not in caught.value.message

    def test_seeds_and_noise_together_are_refused(self, tiny: Path) -> None:
        with pytest.raises(UsageError, match="two sources"):
            generate(tiny, seeds=[1], noise=np.zeros((1, 12)), registry=REGISTRY)


class TestTruncation:
    def test_it_multiplies_z(self, tiny: Path, faces: Generated) -> None:
        half = generate(tiny, truncation=0.5, registry=REGISTRY)
        assert np.array_equal(half.z, faces.z * np.float32(0.5))
        assert not np.array_equal(half.images, faces.images)

    def test_less_of_it_is_less_variety(self, tiny: Path, faces: Generated) -> None:
        low = generate(tiny, truncation=0.2, registry=REGISTRY)
        assert low.images.std(axis=0).mean() < 0.6 * faces.images.std(axis=0).mean()

    @pytest.mark.parametrize("truncation", [0.0, -1.0, float("nan"), float("inf")])
    def test_it_must_be_above_zero(self, tiny: Path, truncation: float) -> None:
        with pytest.raises(UsageError, match="truncation"):
            generate(tiny, truncation=truncation, registry=REGISTRY)


class TestModelsThatCannot:
    def test_a_translator_is_refused_by_name(self) -> None:
        class Translator(Model):
            name = "cyclegan"

            def translate(self, images: torch.Tensor, target: object) -> torch.Tensor:
                return images

        translator = loaded(Translator(Params(), ImageSpec(8)))
        for call in (generate, interpolate):
            with pytest.raises(UnusableError, match="cyclegan makes no images from noise"):
                call(translator)
        with pytest.raises(UnusableError, match="cyclegan"):
            generate(translator, noise=np.zeros((1, 2)))

    def test_spoilt_weights_are_not_drawn_as_black_pictures(self) -> None:
        model = Awkward()
        for parameter in model.start.parameters():
            nn.init.constant_(parameter, torch.nan)
        with pytest.raises(UnusableError, match="NaN"):
            generate(loaded(model))

    def test_labels_reach_the_model_and_the_recipe(self) -> None:
        model = loaded(Awkward(5, 3))
        tags = torch.eye(3)
        made = generate(model, seeds=[1, 1, 1], labels=tags)
        assert len({image.tobytes() for image in made.images}) == 3
        assert made.recipe["labels"] == tags.tolist()
        assert made.one(2).recipe["labels"] == [[0.0, 0.0, 1.0]]
        with pytest.raises(UsageError, match="3 label vectors for 2 images"):
            generate(model, num=2, labels=tags)


class TestInterpolation:
    def test_each_seeds_own_image_is_a_frame(self, tiny: Path, faces: Generated) -> None:
        way = interpolate(tiny, [3, 17, 8], frames=20, registry=REGISTRY)
        starts = np.cumsum([0, *segments(3, 20, loop=True)])[:3]
        for start, seed in zip(starts, (3, 17, 8), strict=True):
            assert np.array_equal(way.images[start], faces.images[seed])

    def test_a_gif_loops_and_can_be_made_again(self, tmp_path: Path, tiny: Path) -> None:
        way = interpolate(tiny, "3,17", frames=8, registry=REGISTRY)
        path = way.save_gif(tmp_path / "way.gif", fps=10, image_size=24)
        with Image.open(path) as gif:
            assert (gif.size, gif.info["loop"]) == ((24, 24), 0)
            assert len(list(ImageSequence.Iterator(gif))) == 8
            assert gif.info["duration"] == 100
        again = reproduce(path, tiny, registry=REGISTRY)
        assert again.save(tmp_path / "again.gif").read_bytes() == path.read_bytes()
        assert read_recipe(path)["layout"] == {"style": "gif", "tile": 24, "fps": 10.0}

    def test_a_strip_shows_every_seed_under_its_number(self, tmp_path: Path, tiny: Path) -> None:
        way = interpolate(tiny, "3,17,8", frames=31, registry=REGISTRY)
        shown, captions = way._excerpt(4)
        assert [caption for caption in captions if caption] == ["3", "17", "8"]
        assert len(shown) == 12
        path = way.save_strip(tmp_path / "strip.png")
        again = reproduce(path, tiny, registry=REGISTRY).save(tmp_path / "again.png")
        assert again.read_bytes() == path.read_bytes()

    def test_a_grid_of_a_way_has_a_row_for_each_pair(self, tmp_path: Path, tiny: Path) -> None:
        way = interpolate(tiny, "3,17,8", frames=12, registry=REGISTRY)
        assert size_of(way.save(tmp_path / "way.png")) == (4 * 32, 3 * 32)

    def test_one_frame_can_be_made_again(self, tmp_path: Path, tiny: Path) -> None:
        way = interpolate(tiny, "3,17", frames=6, mode="lerp", loop=False, registry=REGISTRY)
        paths = way.save_each(tmp_path / "frames")
        again = reproduce(paths[4], tiny, registry=REGISTRY)
        assert np.array_equal(again.images, way.images[4:5])
        assert again.save_each(tmp_path / "again")[0].name == "frame0004.png"
        assert (tmp_path / "again" / "frame0004.png").read_bytes() == paths[4].read_bytes()

    @pytest.mark.parametrize(
        "options",
        [
            {"seeds": [3]},
            {"seeds": [1, 2, 3], "frames": 2},
            {"seeds": [1, 2], "mode": "sideways"},
            {"seeds": [1, 2], "frames": 10**9},
        ],
    )
    def test_a_way_that_cannot_be_drawn_is_refused(self, tiny: Path, options: dict) -> None:
        with pytest.raises(UsageError):
            interpolate(tiny, registry=REGISTRY, **options)

    @pytest.mark.parametrize("fps", [0, -1, 1000])
    def test_the_speed_of_a_gif_must_make_sense(
        self, tmp_path: Path, faces: Generated, fps: float
    ) -> None:
        with pytest.raises(UsageError, match="frames a second"):
            faces.save_gif(tmp_path / "x.gif", fps=fps)
