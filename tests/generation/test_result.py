"""What is drawn is written: grids, figures, single images, and the files of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.errors import UnusableError, UsageError
from animekit.generation.generate import generate
from animekit.generation.recipe import read_recipe
from animekit.generation.result import Generated
from animekit.images.write import KEY, read_png_text, write_png
from tests.generation.weights import REGISTRY, size_of


class TestPictures:
    def test_a_gif_is_bounded_in_frames_times_pixels_after_resizing(
        self, tmp_path: Path, faces: Generated
    ) -> None:
        with pytest.raises(UsageError, match="25 frames of 4096x4096 pixels pass") as caught:
            faces.save_gif(tmp_path / "a.gif", image_size=4096)
        assert "--frames" in (caught.value.hint or "")
        with pytest.raises(UsageError, match="pass 100,000,000"):
            faces.save(tmp_path / "a.gif", tile=2048)
        assert list(tmp_path.iterdir()) == []

    def test_a_grid_holds_the_images_row_by_row(self, tmp_path: Path, faces: Generated) -> None:
        path = faces.save(tmp_path / "new" / "gan.png")
        picture = np.asarray(Image.open(path))
        assert picture.shape == (160, 160, 3)
        assert np.array_equal(picture[32:64, 64:96], faces.images[7])

    @pytest.mark.parametrize(("size", "side"), [(8, 40), (100, 500)])
    def test_an_image_has_any_size_by_either_name(
        self, tmp_path: Path, faces: Generated, size: int, side: int
    ) -> None:
        path = faces.save(tmp_path / "gan.png", image_size=size)
        assert size_of(path) == (side, side)
        older = faces.save(tmp_path / "old.png", tile=size)
        assert older.read_bytes() == path.read_bytes()

    def test_columns_are_chosen_and_missing_cells_are_white(
        self, tmp_path: Path, tiny: Path
    ) -> None:
        three = generate(tiny, seeds="0-2", registry=REGISTRY)
        picture = np.asarray(Image.open(three.save(tmp_path / "a.png", columns=2)))
        assert picture.shape == (64, 64, 3)
        assert (picture[32:, 32:] == 255).all()
        assert size_of(three.save(tmp_path / "b.png")) == (96, 32)

    def test_a_single_image_is_a_picture_of_its_own(self, tmp_path: Path, tiny: Path) -> None:
        one = generate(tiny, seeds=[42], registry=REGISTRY)
        assert np.array_equal(np.asarray(Image.open(one.save(tmp_path / "x.png"))), one.images[0])

    def test_the_course_figure_has_its_own_shape(self, tmp_path: Path, faces: Generated) -> None:
        path = faces.save(tmp_path / "gan.png", style="figure", columns=5, image_size=64)
        figure = Image.open(path)
        assert (figure.size, figure.mode) == ((640, 480), "RGBA")
        assert figure.getpixel((0, 0)) == (255, 255, 255, 255)

    def test_the_course_figure_takes_fewer_images_but_not_more(
        self, tmp_path: Path, tiny: Path
    ) -> None:
        seven = generate(tiny, num=7, registry=REGISTRY).save(tmp_path / "f.png", style="figure")
        cell = np.asarray(Image.open(seven))[:, :, :3]
        assert (cell[57 + 76 * 2 : 120 + 76 * 2, 90:150] == 255).all()  # row 2 is empty
        with pytest.raises(UsageError, match="25 cells"):
            generate(tiny, num=26, registry=REGISTRY).save(tmp_path / "g.png", style="figure")
        assert not (tmp_path / "g.png").exists()

    @pytest.mark.parametrize(
        "options",
        [
            *({"image_size": size} for size in (0, 7, 4000, 5000)),
            {"columns": 0},
            {"style": "round"},
        ],
    )
    def test_a_layout_that_cannot_be_drawn_is_refused(
        self, tmp_path: Path, faces: Generated, options: dict
    ) -> None:
        with pytest.raises(UsageError):
            faces.save(tmp_path / "gan.png", **options)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["gan.jpg", "gan", ""])
    def test_a_picture_is_a_png(self, tmp_path: Path, faces: Generated, name: str) -> None:
        with pytest.raises(UsageError, match=r"does not end in \.png"):
            faces.save(tmp_path / name)

    def test_the_same_request_writes_the_same_bytes(self, tmp_path: Path, tiny: Path) -> None:
        first = generate(tiny, registry=REGISTRY).save(tmp_path / "a.png").read_bytes()
        again = generate(tiny, registry=REGISTRY).save(tmp_path / "b.png").read_bytes()
        assert first == again

    def test_single_images_are_named_by_their_seeds(self, tmp_path: Path, faces: Generated) -> None:
        paths = faces.save_each(tmp_path / "all")
        assert [path.name for path in paths][:2] == ["seed0000.png", "seed0001.png"]
        assert len(paths) == 25
        assert np.array_equal(np.asarray(Image.open(paths[9])), faces.images[9])
        assert read_recipe(paths[9])["seeds"] == "9"


class TestFilesOfOthersAreSafe:
    def test_a_foreign_picture_is_replaced_only_when_told(
        self, tmp_path: Path, faces: Generated
    ) -> None:
        path = tmp_path / "gan.png"
        write_png(path, np.zeros((4, 4, 3), np.uint8), {"Software": "mine"})
        before = path.read_bytes()
        with pytest.raises(UnusableError) as caught:
            faces.save(path)
        assert "--yes" in (caught.value.hint or "")
        assert path.read_bytes() == before
        faces.save(path, overwrite=True)
        assert KEY in read_png_text(path)

    @pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
    def test_a_file_that_is_no_picture_is_foreign(
        self, tmp_path: Path, faces: Generated, content: bytes
    ) -> None:
        for name in ("gan.png", "gan.gif"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(UnusableError, match="did not make it"):
                faces.save(tmp_path / name)

    def test_our_own_pictures_are_replaced(self, tmp_path: Path, faces: Generated) -> None:
        for name in ("gan.png", "gan.gif"):
            assert faces.save(faces.save(tmp_path / name, image_size=16), image_size=20).is_file()

    def test_one_foreign_file_stops_all_single_images(
        self, tmp_path: Path, faces: Generated
    ) -> None:
        (tmp_path / "seed0024.png").write_bytes(b"mine")
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(UnusableError, match=r"seed0024\.png"):
            faces.save_each(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "seed0024.png"]

    def test_noise_of_others_is_not_replaced_but_the_same_noise_is_fine(
        self, tmp_path: Path, faces: Generated
    ) -> None:
        path = faces.save_noise(tmp_path / "z.npy")
        faces.save_noise(path)
        with pytest.raises(UnusableError):
            faces.one(0).save_noise(path)

    def test_a_place_that_cannot_be_written_is_one_line(
        self, tmp_path: Path, faces: Generated
    ) -> None:
        (tmp_path / "file").write_text("")
        for save, name in (
            (faces.save, "a.png"),
            (faces.save, "a.gif"),
            (faces.save_noise, "z.npy"),
        ):
            with pytest.raises(UnusableError, match="cannot write"):
                save(tmp_path / "file" / name)
        with pytest.raises(UsageError, match="is a file"):
            faces.save_each(tmp_path / "file")
