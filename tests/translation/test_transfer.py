"""`animekit transfer`: pictures in, pictures out, by tiny models of our own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from animekit import plugins, transfer
from animekit.cli import app
from animekit.errors import NotFoundError, PartialError, UnusableError, UsageError
from animekit.plugins import Registry
from animekit.translation.result import Transferred
from animekit.translation.targets import columns_of
from tests.cli.test_cli import keeps_its_schema
from tests.translation.models import paint_weights, plugin, swap_weights

BLUE, RED = (10, 60, 200), (200, 60, 10)
EXACT: dict[str, Any] = {"gpu": "cpu", "precision": "fp32", "threads": 1}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return the plugins with those of the tests."""
    return plugins.load(plugin(tmp_path_factory.mktemp("plugins")))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def swap(tmp_path: Path, registry: Registry) -> Callable[..., Transferred]:
    """Return `transfer` with a model that turns red into blue."""
    weights = swap_weights(tmp_path / "swap.safetensors")

    def run(*words: str | Path, out: str | Path | None = "out", **wishes: Any) -> Transferred:
        settings = {**EXACT, "registry": registry, **wishes}
        return transfer("swap", str(weights), list(words), out, **settings)

    return run


def paint(
    path: Path | str, colour: Any = RED, size: tuple[int, int] = (24, 16), **how: Any
) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = how.pop("mode", "RGB")
    Image.new(mode, size, colour).save(path, **how)
    return path


def colour(path: Path | str) -> Any:
    with Image.open(path) as image:
        return image.getpixel((image.width // 2, image.height // 2))


def tree(folder: str | Path) -> list[str]:
    paths = (path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.parts[0] != ".page")


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def shell(tmp_path: Path, *words: str | Path) -> Result:
    """Run `animekit transfer swap` with the plugin and weights of the tests."""
    weights = swap_weights(tmp_path / "swap.safetensors")
    more = ("--plugins-dir", plugin(tmp_path / "plugins"), "--gpu", "cpu", "--precision", "fp32")
    return call("transfer", "swap", weights, *words, *more)


# a picture


def test_a_file_goes_to_a_folder_under_its_name(swap: Callable[..., Transferred]) -> None:
    made = swap(paint("a.png"))
    assert [item.facts()["in"] for item in made.items] == ["a.png"]
    assert colour("out/a.png") == BLUE
    assert tree("out") == ["a.png", "index.html"]
    assert (made.done, made.failed, made.page) == (1, [], Path("out/index.html"))


def test_a_file_goes_to_a_file(swap: Callable[..., Transferred]) -> None:
    made = swap(paint("a.png"), out="new/b.webp")
    assert made.items[0].out == Path("new/b.webp")
    assert tree("new") == ["b.webp"]  # no page beside a single picture
    with Image.open("new/b.webp") as image:
        assert image.format == "WEBP"


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 33), (31, 5), (64, 64)])
def test_every_size_comes_back_whole(
    size: tuple[int, int], swap: Callable[..., Transferred]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save("a.png")
    swap("a.png")
    with Image.open("out/a.png") as image:
        assert np.array_equal(np.asarray(image), pixels[..., ::-1])


def test_size_scales_the_shorter_side_and_fit_is_the_models_own(
    swap: Callable[..., Transferred],
) -> None:
    paint("a.png", size=(100, 50))
    assert [(i.width, i.height) for i in swap("a.png", size="20").items] == [(40, 20)]
    made = swap("a.png", size="fit", out="fit").items[0]
    assert (made.width, made.height) == (64, 32)
    with pytest.raises(UsageError, match="cannot read --size"):
        swap("a.png", size="huge")


def test_transparency_is_kept_or_white_or_dropped(swap: Callable[..., Transferred]) -> None:
    image = Image.new("RGBA", (8, 8), (*RED, 255))
    image.paste((*RED, 0), (0, 0, 4, 8))
    image.save("a.png")
    swap("a.png")
    with Image.open("out/a.png") as made:
        assert made.mode == "RGBA"
        assert made.getpixel((6, 4)) == (*BLUE, 255)
        assert made.getpixel((1, 4))[3] == 0
    swap("a.png", alpha="white", out="white")
    with Image.open("white/a.png") as made:
        assert (made.mode, made.getpixel((1, 4))) == ("RGB", (255, 255, 255))
    swap("a.png", alpha="drop", out="drop")
    with Image.open("drop/a.png") as made:
        assert (made.mode, made.getpixel((1, 4))) == ("RGB", BLUE)
    swap("a.png", ext="jpg", out="jpg")
    with Image.open("jpg/a.jpg") as made:
        assert min(made.getpixel((1, 4))) > 250  # type: ignore[type-var]


def test_rotation_is_honoured_and_other_metadata_left_out(
    swap: Callable[..., Transferred],
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    paint("a.jpg", size=(30, 10), exif=exif, icc_profile=b"a profile")
    swap("a.jpg")
    with Image.open("out/a.jpg") as made:
        assert made.size == (10, 30)
        assert not made.getexif()
        assert made.info.get("icc_profile") == b"a profile"


@pytest.mark.parametrize(
    ("mode", "value", "name", "expected"),
    [
        ("L", 90, "a.png", (90, 90, 90)),
        ("I;16", 90 * 256 + 7, "a.png", (90, 90, 90)),
        ("CMYK", (0, 255, 255, 0), "a.jpg", (0, 0, 254)),
        ("1", 1, "a.png", (255, 255, 255)),
    ],
)
def test_other_kinds_of_pictures_become_rgb(
    mode: str, value: Any, name: str, expected: Any, swap: Callable[..., Transferred]
) -> None:
    paint(name, value, mode=mode)
    swap(name)
    assert np.abs(np.subtract(colour(f"out/{name}"), expected)).max() <= 2


def test_the_format_follows_the_extension(swap: Callable[..., Transferred]) -> None:
    for name in ("a.png", "b.jpg", "c.webp", "d.bmp", "e.gif"):
        paint(f"in/{name}")
    paint("in/lying.png", format="JPEG")
    swap("in")
    formats = {}
    for name in tree("in"):
        with Image.open(Path("out") / name) as image:
            formats[name] = image.format
    assert list(formats.values()) == ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PNG"]
    swap("in/a.png", "in/b.jpg", ext="webp", suffix="_x", out="webp", html=False)
    assert tree("webp") == ["a_x.webp", "b_x.webp"]


# folders


def test_a_tree_is_mirrored(swap: Callable[..., Transferred]) -> None:
    for name in ("in/a.png", "in/b c/d.png", "in/b c/ü/é 顔.png", "in/.hidden/x.png", "in/.y.png"):
        paint(name)
    Path("in/notes.txt").write_text("x")
    made = swap("in")
    assert tree("out") == ["a.png", "b c/d.png", "b c/ü/é 顔.png", "index.html"]
    assert (made.pictures, made.folders) == (3, 2)


def test_several_inputs_keep_their_names(swap: Callable[..., Transferred]) -> None:
    paint("one/a.png"), paint("two/a.png"), paint("b.png")
    swap("one", "two", "b.png", html=False)
    assert tree("out") == ["b.png", "one/a.png", "two/a.png"]


def test_a_pattern_begins_where_it_is_not_fixed(swap: Callable[..., Transferred]) -> None:
    paint("in/x/a.png"), paint("in/y/b.png"), paint("in/y/c.jpg")
    swap("in/*/*.png", html=False)
    assert tree("out") == ["x/a.png", "y/b.png"]
    Path("deep").mkdir()
    os.chdir("deep")
    swap("../in/**/*.jpg", html=False)
    assert tree("out") == ["y/c.jpg"]
    with pytest.raises(NotFoundError, match="no picture matches"):
        swap("../in/*.gif")


def test_nothing_is_written_outside(swap: Callable[..., Transferred], tmp_path: Path) -> None:
    paint("away/a.png"), paint("in/b.png")
    Path("in/link").symlink_to(tmp_path / "away", target_is_directory=True)
    Path("in/loop").symlink_to(tmp_path / "in", target_is_directory=True)
    Path("in/gone.png").symlink_to(tmp_path / "nothing.png")
    made = swap("in", html=False)
    assert tree("out") == ["b.png", "failed.txt", "link/a.png"]
    assert not Path("out/link").is_symlink()
    assert [each.reason for each in made.failed] == ["a link to nothing"]
    assert tree("away") == ["a.png"]


def test_a_link_in_the_results_is_not_followed(
    swap: Callable[..., Transferred], tmp_path: Path
) -> None:
    paint("in/sub/a.png"), paint("away/b.png")
    Path("out").mkdir()
    Path("out/sub").symlink_to(tmp_path / "away", target_is_directory=True)
    with pytest.raises(UnusableError, match="leads out of"):
        swap("in", existing="overwrite")
    assert tree("away") == ["b.png"]


def test_a_link_in_place_of_a_result_is_replaced_itself(
    swap: Callable[..., Transferred], tmp_path: Path
) -> None:
    paint("in/a.png"), paint("away/b.png")
    Path("out").mkdir()
    Path("out/a.png").symlink_to(tmp_path / "away" / "b.png")
    swap("in", existing="overwrite")
    assert not Path("out/a.png").is_symlink()
    assert colour("away/b.png") == RED


# refusals before work


def test_the_same_folder_is_refused(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    for out in ("in", "./in/../in"):
        with pytest.raises(UsageError, match="written over"):
            swap("in", out=out)
    with pytest.raises(UsageError, match="to be translated"):
        swap("in/a.png", out="in")
    with pytest.raises(UsageError, match="picture itself"):
        swap("in/a.png", out="in/a.png", existing="overwrite")
    assert colour("in/a.png") == RED


def test_results_inside_the_input_are_not_read_again(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    swap("in", out="in/out")
    made = swap("in", out="in/out", existing="overwrite")
    assert made.pictures == 1


@pytest.mark.parametrize("names", [("a.png", "a.jpg"), ("x/A.png", "x/a.png")])
def test_two_pictures_with_one_name_are_refused_before_work(
    names: tuple[str, str], swap: Callable[..., Transferred]
) -> None:
    for name in (*names, "b.png"):
        paint(f"in/{name}")
    with pytest.raises(UsageError, match="would both become"):
        swap("in", ext="png")
    assert not Path("out").exists()


def test_what_is_there_is_refused_passed_over_or_replaced(
    swap: Callable[..., Transferred],
) -> None:
    paint("in/a.png"), paint("in/b.png")
    paint("out/a.png", (1, 2, 3))
    with pytest.raises(UnusableError, match="1 results are there already: out/a.png"):
        swap("in")
    assert tree("out") == ["a.png"]
    made = swap("in", existing="skip")
    assert (made.skipped, made.done, colour("out/a.png")) == (1, 1, (1, 2, 3))
    swap("in", existing="overwrite")
    assert colour("out/a.png") == BLUE


def test_without_a_folder_a_new_one_is_numbered(swap: Callable[..., Transferred]) -> None:
    paint("a.png")
    outs = [swap("a.png", out=None).out.name for _ in range(2)]
    assert outs == ["0001-swap-swap.safetensors", "0002-swap-swap.safetensors"]


def test_nothing_to_do_says_what_was_seen(swap: Callable[..., Transferred]) -> None:
    Path("in").mkdir()
    Path("in/a.txt").write_text("x")
    with pytest.raises(UnusableError, match=r"no pictures in in: found 1 .txt"):
        swap("in")
    with pytest.raises(NotFoundError, match="no images in nowhere"):
        swap("nowhere")


# failures


def test_damaged_files_are_listed_and_the_others_done(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png"), paint("in/z.png")
    Path("in/m.png").write_bytes(Path("in/a.png").read_bytes()[:60])
    Path("in/n.jpg").write_bytes(b"")
    Path("in/o.tif").write_bytes(b"II*")
    made = swap("in")
    assert (made.done, made.pictures) == (2, 5)
    found = {each.path.name: each.code for each in made.failed}
    assert found == {
        "o.tif": "image.format",
        "m.png": "image.truncated",
        "n.jpg": "image.empty",
    }
    assert isinstance(made.failure(), PartialError)
    lines = Path("out/failed.txt").read_text().splitlines()
    assert len(lines) == 3
    Path("in/m.png").unlink(), Path("in/n.jpg").unlink(), Path("in/o.tif").unlink()
    assert swap("in", existing="overwrite").failure() is None
    assert Path("out/failed.txt").read_text() == ""


def test_all_failed_is_unusable(swap: Callable[..., Transferred]) -> None:
    Path("in").mkdir()
    Path("in/a.png").write_bytes(b"nothing")
    failure = swap("in").failure()
    assert failure is not None
    assert (failure.exit_code, failure.code) == (4, "image.all_failed")


# names


def test_a_name_is_a_run_weights_or_a_data_set(
    swap: Callable[..., Transferred], registry: Registry
) -> None:
    with pytest.raises(NotFoundError, match='no weights for "fruit"') as caught:
        transfer("swap", "fruit", ["x"], registry=registry)
    assert caught.value.hint is not None
    assert "animekit train swap --data data/fruit" in caught.value.hint
    with pytest.raises(NotFoundError) as caught:
        transfer("cyclegan", "horse2zebra", ["x"], registry=registry)
    assert "animekit models pull cyclegan/horse2zebra" in str(caught.value.hint)
    with pytest.raises(UnusableError, match="gan does not translate"):
        transfer("gan", "fruit", ["x"], registry=registry)
    with pytest.raises(UnusableError, match="is of swap, not paint"):
        transfer("paint", "swap.safetensors", ["x"], registry=registry)


def as_run(weights: Path, number: int, data: Path) -> Path:
    """Make a run folder of weights, as training leaves it."""
    folder = Path(f"runs/{number:04d}-swap-fruit")
    checkpoint = folder / "checkpoints" / "000007"
    checkpoint.mkdir(parents=True)
    config = {"model": "swap", "data": {"name": data.name, "where": str(data)}}
    (folder / "config.json").write_text(json.dumps(config))
    import hashlib

    content = weights.read_bytes()
    files = {}
    for name in ("model.safetensors", "ema.safetensors", "state.pt"):
        (checkpoint / name).write_bytes(content)
        files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (checkpoint / "manifest.json").write_text(json.dumps({"step": 7, "files": files}))
    (folder / "checkpoints" / "last").write_text("000007\n")
    return folder


def test_without_pictures_the_tests_of_the_data_go_both_ways(
    swap: Callable[..., Transferred], registry: Registry
) -> None:
    data = Path("data/fruit")
    paint(data / "testA" / "a.png"), paint(data / "testB" / "b.png", BLUE)
    paint(data / "trainA" / "no.png"), paint(data / "trainB" / "no.png")
    as_run(Path("swap.safetensors"), 1, data)
    as_run(Path("swap.safetensors"), 2, data)
    made = transfer("swap", "fruit", registry=registry, **EXACT)
    assert made.model["run"] == "0002-swap-fruit"
    assert tree(made.out) == ["a2b/a.png", "b2a/b.png", "index.html"]
    one = transfer("swap", "2", registry=registry, direction="b2a", **EXACT)
    assert tree(one.out) == ["b.png", "index.html"]


def test_both_directions_of_own_pictures(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    made = swap("in", direction="both")
    assert tree("out") == ["a2b/a.png", "b2a/a.png", "index.html", "sheet.png"]
    assert made.done == 1
    with pytest.raises(UsageError, match='no direction "a2c". Did you mean "a2b"'):
        swap("in", direction="a2c")


# attributes


@pytest.fixture
def painted(tmp_path: Path, registry: Registry) -> Callable[..., Transferred]:
    """Return `transfer` with a model that has labels."""
    weights = paint_weights(tmp_path / "paint.safetensors")

    def run(*words: str, **wishes: Any) -> Transferred:
        settings = {**EXACT, "registry": registry, **wishes}
        return transfer("paint", str(weights), list(words), "out", **settings)

    return run


def test_attributes_are_columns_and_a_sheet(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png", (128, 128, 128))
    painted("in", attrs=["red", "BLUE, -light"])
    assert tree("out") == ["blue_no_light/a.png", "index.html", "red/a.png", "sheet.png"]
    red, blue = colour("out/red/a.png"), colour("out/blue_no_light/a.png")
    assert red[0] > 180 > red[1]
    assert blue[2] > 120 > blue[0]
    with Image.open("out/sheet.png") as sheet:
        assert sheet.size == (3 * 130 - 2, 128 + 20)


def test_what_is_not_asked_for_stays_as_it_was(painted: Callable[..., Transferred]) -> None:
    paint("in/a.png", (0, 200, 0))  # the model reads green, and light
    painted("in", attrs=["-light"])
    dark = colour("out/a.png")
    assert dark[1] > dark[0]
    painted("in", attrs=["-light"], known="red", existing="overwrite")
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
    names = [column.name for column in columns_of(model, None, ())]  # type: ignore[arg-type]
    assert names == ["red", "green", "blue", "light"]


# the page


def test_the_page_needs_nothing_from_elsewhere(swap: Callable[..., Transferred]) -> None:
    paint("in/<b>&'\" #?%.png"), paint("in/javascript:x.png")
    swap("in")
    page = Path("out/index.html").read_text(encoding="utf-8")
    assert "<b>&'" not in page
    assert "http" not in page.replace("http-equiv", "")
    sources = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert len(sources) == 6
    assert all(source.startswith("./") for source in sources)
    from urllib.parse import unquote

    assert all((Path("out") / unquote(source)).is_file() for source in sources)


def test_the_page_remembers_what_was_done_before(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    swap("in")
    paint("in/b.png")
    swap("in", existing="skip")
    page = Path("out/index.html").read_text()
    assert ">a.png<" in page
    assert ">b.png<" in page
    Path("out/a.png").unlink()
    Path("in/a.png").unlink()
    swap("in", existing="overwrite")
    assert ">a.png<" not in Path("out/index.html").read_text()


def test_the_way_back_is_shown_for_as_many_as_wished(swap: Callable[..., Transferred]) -> None:
    for index in range(3):
        paint(f"in/{index}.png", size=(256, 256))
    made = swap("in", reconstruct=2)
    assert sum(item.back is not None for item in made.items) == 2
    assert all(item.before is not None for item in made.items)


# the command line


def test_the_command_says_how_it_went(tmp_path: Path) -> None:
    paint("in/x/a.png"), paint("in/b.png")
    result = shell(tmp_path, "in", "-o", "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 files, 1 sub-folder, a2b, done 2 of 2")
    assert result.stdout.splitlines()[-1] == "out/index.html"
    (tmp_path / "in" / "c.jpg").write_bytes(b"\xff\xd8\xff")
    result = shell(tmp_path, "in", "-o", "out", "--skip-existing")
    assert result.exit_code == 8
    assert "in/c.jpg (" in result.stderr


def test_the_answer_keeps_its_schema(tmp_path: Path) -> None:
    paint("in/a.png")
    found = json.loads(shell(tmp_path, "in", "-o", "out", "--json").stdout)
    assert keeps_its_schema(found)
    item = {"in": "in/a.png", "out": "out/a.png", "to": "a2b", "w": 24, "h": 16, "frames": 1}
    assert found["data"]["items"] == [item]
    assert found["artifacts"][0]["kind"] == "picture"
    (tmp_path / "in" / "c.jpg").write_bytes(b"\xff\xd8\xff")
    failed = json.loads(shell(tmp_path, "in", "-o", "out", "--overwrite", "--json").stdout)
    assert (failed["ok"], failed["exit_code"], failed["data"]["done"]) == (False, 8, 1)


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    paint("in/a.png"), paint("in/x/b.png")
    result = shell(tmp_path, "in", "-o", "out", "-n", "--direction", "both")
    assert result.stdout == ("would translate 2 files, 1 sub-folder, a2b b2a: 4 results to out\n")
    assert not Path("out").exists()


def test_one_picture_through_a_pipe(tmp_path: Path) -> None:
    weights = swap_weights(tmp_path / "swap.safetensors")
    words = ["transfer", "swap", str(weights), "-", "-o", "-", "--plugins-dir"]
    words += [str(plugin(tmp_path / "plugins")), "--gpu", "cpu", "--precision", "fp32"]
    ended = subprocess.run(
        [sys.executable, "-m", "animekit", *words],
        input=paint("a.png").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    with Image.open(io.BytesIO(ended.stdout)) as image:
        assert (image.format, image.getpixel((3, 3))) == ("PNG", BLUE)
    result = shell(tmp_path, "-", "-o", "-", "--json")
    assert (result.exit_code, "stdout takes a picture or JSON" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("in", "-o", "in"), 2, "written over"),
        (("in", "--size", "x"), 2, 'cannot read --size "x"'),
        (("in", "--limit", "0"), 2, "leaves nothing"),
        (("in", "--alpha", "red"), 2, '--alpha "red"'),
        (("in", "--ext", "tif"), 2, 'cannot write "tif"'),
        (("in", "--suffix", "../x"), 2, "no part of a name"),
        (("in", "--skip-existing", "--overwrite"), 2, "exclude each other"),
        (("nowhere",), 3, "no images in nowhere"),
        (("cam:9",), 6, "no camera 9"),
        (("in", "cam:0"), 2, "one picture or film"),
        (("in", "--attr", "x"), 2, "no attributes"),
        (("in", "-o", "a.png"), 2, "one file"),
    ],
)
def test_a_wrong_wish_ends_before_any_work(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    paint("in/a.png")
    result = shell(tmp_path, *words)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert not Path("out").exists()
    assert not Path("transfers").exists()


def test_limit_takes_the_first(tmp_path: Path) -> None:
    for name in "abc":
        paint(f"in/{name}.png")
    shell(tmp_path, "in", "-o", "out", "--limit", "2", "--no-html")
    assert tree("out") == ["a.png", "b.png"]


def test_ctrl_c_leaves_whole_files_and_can_go_on(
    swap: Callable[..., Transferred],
) -> None:
    for index in range(60):
        paint(f"in/{index:02d}.png", size=(256, 256))

    def stop(done: int, total: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    made = swap("in", progress=stop, html=False)
    failure = made.failure()
    assert failure is not None
    assert failure.exit_code == 130
    assert 3 <= len(tree("out")) < 60
    for name in tree("out"):
        assert colour(Path("out") / name) == BLUE
    assert swap("in", existing="skip", html=False).failure() is None
    assert len(tree("out")) == 60


def test_a_watched_folder_is_served_until_ctrl_c(
    swap: Callable[..., Transferred], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from animekit.translation import transfer
    from animekit.translation.transfer import prepare

    monkeypatch.setattr(transfer, "WATCH_SECONDS", 0.05)
    paint("in/a.png")
    settings = {**EXACT, "registry": registry, "watch": True}
    job = prepare("swap", "swap.safetensors", ["in"], "out", **settings)

    def later() -> None:
        deadline = time.monotonic() + 30
        while not Path("out/a.png").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        paint("in/b.png")
        while not Path("out/b.png").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=later)
    thread.start()
    result = job.watch(lambda found: None)
    thread.join()
    assert tree("out") == ["a.png", "b.png", "index.html"]
    assert result.done == 2
