"""A class of faulty homework: each fault is named in one line, and the others are graded."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animekit.grading.grade import grade
from animekit.grading.result import Grading
from animekit.grading.verdict import Grade
from animekit.images.layout import course_figure, grid
from animekit.images.pixels import resize
from animekit.plugins import Registry
from tests.grading.support import GAN, cells, faces, script, write
from tests.support import picture, zipped

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and bash")

LIMIT = 1.0  # seconds of a script
Make = Callable[[Path], object]
COPY = "mkdir -p samples && cp faces.bin samples/gan.png\n"


def put(data: bytes | np.ndarray, name: str = "gan.png", **how: Any) -> Make:
    """Return what hands in a picture."""

    def make(folder: Path) -> None:
        if isinstance(data, bytes):
            (folder / name).write_bytes(data)
        else:
            write(folder / name, data, **how)

    return make


def runs(text: str, *, original: np.ndarray | None = None) -> Make:
    """Return what hands in a script, the faces that it may copy, and what it is to make."""

    def make(folder: Path) -> None:
        samples = folder / "samples"
        samples.mkdir(parents=True)
        (folder / "faces.bin").write_bytes(GAN.read_bytes())
        (folder / "head.bin").write_bytes(bmp_head())
        script(folder, text)
        if original is None:
            (samples / "gan_original.png").write_bytes(GAN.read_bytes())
        else:
            write(samples / "gan_original.png", original)

    return make


def bmp_head() -> bytes:
    """Return the header of a BMP of 32x32 pixels, which any bytes may follow."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 3126, 0, 54, 40, 32, 32, 1, 24, *[0] * 6)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that speaks of many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def damaged() -> bytes:
    data = bytearray(GAN.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    return bytes(data)


def scaled(side: int) -> np.ndarray:
    return grid(np.stack([resize(cell, side) for cell in cells()]), 5)


def see_through() -> np.ndarray:
    alpha = np.full((320, 320, 1), 255, np.uint8)
    alpha[:64] = 90
    return np.concatenate([faces(), alpha], axis=2)


def with_blank() -> np.ndarray:
    found = cells()
    found[[6, 20]] = 255
    return grid(found, 5)


def moving(folder: Path) -> None:
    frames = [Image.fromarray(faces()), Image.fromarray(faces()[::-1].copy())]
    frames[0].save(folder / "gan.png", save_all=True, append_images=frames[1:])


def beside_another(folder: Path) -> None:
    write(folder / "samples" / "gan.png", faces())
    write(folder / "samples" / "gan_original.png", faces()[::-1].copy())


NOISE = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
GREY = np.repeat(faces().mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
DEEP = faces()[..., 0].astype(np.uint16) * 257
ROUNDED = np.maximum(faces(), 1)
MOVED = np.clip(faces().astype(int) + 9, 0, 255).astype(np.uint8)

PICTURES: dict[str, tuple[Make, str]] = {
    "cells of 96": (put(scaled(96)), "5x5 of 96x96, not 5x5 of 64x64"),
    "cells of 32": (put(scaled(32)), "5x5 of 32x32, not 5x5 of 64x64"),
    "a 4x4 grid": (put(grid(cells()[:16], 4)), "4x4 of 64x64, not 5x5 of 64x64"),
    "a 2x5 grid": (put(grid(cells()[:10], 5)), "2x5 of 64x64, not 5x5 of 64x64"),
    "20 in gutters": (put(grid(cells()[:20], 5, 8)), "4x5 of 64x64, not 5x5 of 64x64"),
    "one face": (put(resize(cells()[0], 320 + 10)), "no grid of images is seen in it"),
    "noise, no grid": (put(NOISE[:200, :290]), "no grid of images is seen in it"),
    "noise": (put(NOISE), "0 faces: fail"),
    "one colour": (put(np.full((320, 320, 3), 90, np.uint8)), "one colour all over"),
    "blank images": (put(with_blank()), "images of one colour: 7, 21"),
    "one image 25 times": (put(grid(np.stack([cells()[8]] * 25), 5)), "1 different pictures of 25"),
    "four images": (put(grid(cells()[np.arange(25) % 4], 5)), "4 different pictures of 25: mode"),
    "grey": (put(GREY), "grey, without colour"),
    "16 bits": (put(DEEP), "16 bits a channel, read as 8"),
    "alpha": (put(see_through()), "partly transparent"),
    "a JPEG": (put(faces(), "gan.jpg"), "JPEG, not PNG"),
    "a JPEG named PNG": (put(faces(), format="JPEG"), "JPEG, not PNG"),
    "a BMP": (put(faces(), "gan.bmp"), "BMP, not PNG"),
    "a TIFF": (put(faces(), "gan.tiff"), "TIFF"),
    "a GIF": (put(faces(), "gan.gif"), "GIF, not PNG"),
    "moving": (moving, "the first of several frames"),
    "text": (put(b"this is no picture\n"), "not graded"),
    "a web page": (put(b"<!DOCTYPE html><html>404</html>"), "an HTML page"),
    "Git LFS": (put(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
    "empty": (put(b""), "empty file (0 bytes)"),
    "truncated": (put(GAN.read_bytes()[:20_000]), "truncated"),
    "damaged": (put(damaged()), "damaged"),
    "a bomb": (put(bomb(60_000, 60_000)), "3,600,000,000 pixels, more than the 40,000,000 allowed"),
    "huge": (put(bomb(3_000, 3_000)), "3000x3000 pixels are far too many for 5x5 faces"),
    "tiny": (put(picture(size=4)), "4x4 pixels are too few for a face"),
    "a zip": (lambda f: zipped(f / "gan.png", {"gan.png": b"x"}), "a zip archive"),
    "a folder": (lambda folder: (folder / "gan.png").mkdir(), "a folder"),
    "a pipe": (lambda folder: os.mkfifo(folder / "gan.png"), "no file but a pipe or a device"),
    "a link out": (
        lambda f: (f / "gan.png").symlink_to(GAN),
        "gan.png is a link out of the folder",
    ),
    "a link to itself": (lambda f: (f / "gan.png").symlink_to("gan.png"), "symbolic link"),
    "no picture": (
        lambda f: (f / "readme.txt").write_text("hi"),
        "no picture: neither samples/gan",
    ),
    "nothing at all": (lambda folder: None, "no picture: neither samples/gan.png nor any other"),
    "another original": (beside_another, "gan.png is not gan_original.png"),
    "a copy of others": (put(GAN.read_bytes()), "the very file of"),
}
SCRIPTS: dict[str, tuple[Make, str]] = {
    "hangs": (runs("sleep 60"), "run_gan.sh was stopped after 1 s"),
    "talks for ever": (runs("yes"), "run_gan.sh was stopped after 1 s"),
    "crashes": (runs("echo no torch here; exit 3"), "ended with code 3: no torch here"),
    "no bash": (runs("if then ("), "run_gan.sh ended with code 2: run_gan.sh: line 1"),
    "kills itself": (runs("kill -9 $$"), "run_gan.sh ended with signal 9"),
    "writes nothing": (runs("echo done"), "run_gan.sh wrote no samples/gan.png: done"),
    "writes elsewhere": (runs("cp faces.bin gan.png"), "wrote no samples/gan.png, but gan.png"),
    "writes a link": (runs("ln -sf ../faces.bin samples/gan.png"), "samples/gan.png, but a link"),
    "writes no PNG": (runs("echo hello > samples/gan.png"), "does not make gan_original.png again"),
    "another each time": (
        runs(COPY + "date +%N >> samples/gan.png"),
        "the same pixels in other bytes",
    ),
    "other pixels each time": (
        runs("cat head.bin > samples/gan.png; head -c 3072 /dev/urandom >> samples/gan.png"),
        "writes another picture each time (100 % of pixels differ",
    ),
    "not the original": (runs(COPY, original=MOVED), "does not make gan_original.png again: "),
    "rounds otherwise": (runs(COPY, original=ROUNDED), "but for the rounding of another machine"),
    "fills the disk": (
        runs("for i in $(seq 900); do head -c 400000 /dev/zero > $i; done; sleep 60"),
        "run_gan.sh was stopped: it wrote over 1 MB",
    ),
    "hands the original back": (
        runs("cp samples/gan_original.png samples/gan.png"),
        "run_gan.sh ended with code 1: cp: cannot stat",
    ),
}
FAULTS = {**PICTURES, **SCRIPTS}
ODD = {"odd \x1b[31m\nname <b>": "5x5 of 64x64", "=HYPERLINK(1)": "5x5 of 64x64"}


def place(name: str) -> str:
    """Return the folder of a fault: a number, so that no line holds its words by chance."""
    return str(100 + list(FAULTS).index(name)) if name in FAULTS else name


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a submission for each fault, and two without any."""
    top = tmp_path_factory.mktemp("school")
    for name, (make, _) in FAULTS.items():
        (top / place(name)).mkdir()
        make(top / place(name))
    for name in ODD:
        write(top / name / "samples" / "gan.png", faces())
    runs(COPY)(top / "good")
    write(top / "other" / "samples" / "gan.png", course_figure(cells()))
    return top


@pytest.fixture(scope="module")
def found(school: Path, detector: Registry) -> Grading:
    """Return the grades of the whole class."""
    return grade(school, run=True, time_limit=LIMIT, write_limit=1, registry=detector)


def of(found: Grading, name: str) -> Grade:
    return next(each for each in found.grades if each.name == place(name))


def said(grade: Grade) -> str:
    return "\n".join(" | ".join(line) for line in grade.lines())


@pytest.mark.parametrize("name", [*PICTURES, *SCRIPTS])
def test_the_fault_is_named(found: Grading, name: str) -> None:
    _, words = FAULTS[name]
    lines = said(of(found, name)).splitlines()
    assert sum(words in line for line in lines) == 1, lines


def test_everybody_is_graded_all_the_same(found: Grading, school: Path) -> None:
    assert len(found.grades) == len(list(school.iterdir()))
    assert len(FAULTS) > 50
    for name in ("good", "other", *ODD):
        (picture,) = of(found, name).pictures
        assert picture.words() == "25 faces: pass"
    assert of(found, "good").verdict == "pass"


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_picture_beside_a_bad_script_is_graded(found: Grading, name: str) -> None:
    assert of(found, name).pictures[0].words() == "25 faces: pass"
    is_fine = name in ("another each time", "rounds otherwise")
    assert of(found, name).verdict == ("pass" if is_fine else "fail")
