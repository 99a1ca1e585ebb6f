"""The checks of `animekit clean`: what each of them flags, and what it leaves alone."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from animekit.cleaning.check import Check, parse_range, sharpness
from animekit.cleaning.clean import Cleaning, clean
from animekit.cleaning.detector import Detector
from animekit.config import Params
from animekit.errors import ConfigError, NotFoundError
from animekit.plugins import KINDS, PluginSource, Registry

Run = Callable[..., Cleaning]


class Whites(Detector):
    """Finds a face in each white square of 8 by 8 pixels."""

    name = "whites"

    def detect(self, image: np.ndarray) -> np.ndarray:
        boxes = []
        for top in range(0, image.shape[0] - 7, 8):
            for left in range(0, image.shape[1] - 7, 8):
                if image[top : top + 8, left : left + 8].min() > 250:
                    boxes.append([left, top, 8, 8, 0.9 - top / 1000])
        return np.array(boxes, np.float32).reshape(-1, 5)


class Together(Whites):
    """The same, for several pictures at once."""

    name = "together"

    def detect_many(self, images: list[np.ndarray]) -> list[np.ndarray]:
        return [self.detect(image) for image in images]


class Absent(Detector):
    """A detector whose weights are not here."""

    name = "absent"

    def missing(self) -> NotFoundError:
        return NotFoundError("no weights for absent", "animekit models pull absent")

    def detect(self, image: np.ndarray) -> np.ndarray:
        raise AssertionError("it was asked all the same")


@pytest.fixture(scope="module")
def with_detectors(registry: Registry) -> Registry:
    components = {kind: dict(registry.components[kind]) for kind in KINDS}
    mine = Registry(components, dict(registry.sources))
    for detector in (Whites, Together, Absent):
        mine.add("detector", detector, PluginSource("tests", "tests", ""))
    return mine


@pytest.fixture
def run(tmp_path: Path, with_detectors: Registry) -> Run:
    """Return a function that writes pictures to a folder and runs one check over them."""

    def do(check: str, pictures: dict[str, Any], tags: Path | None = None, **params: Any) -> Any:
        folder = tmp_path / "data"
        for name, picture in pictures.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            data = picture if isinstance(picture, bytes) else encoded(picture)
            (folder / name).write_bytes(data)
        return clean(
            folder, checks=[check], params={check: params}, tags=tags, registry=with_detectors
        )

    return do


def encoded(image: np.ndarray, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format, **options)
    return buffer.getvalue()


def face(seed: int = 0, side: int = 96) -> np.ndarray:
    """Return a colourful picture with detail: blocks of random colours, and noise."""
    random = np.random.default_rng(seed)
    blocks = random.integers(40, 216, (12, 12, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(blocks).resize((96, 96), Image.Resampling.BICUBIC))
    noise = random.integers(-20, 21, image.shape)
    image = np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def found(cleaning: Cleaning) -> dict[str, str]:
    """Return the reasons of the pictures that have any."""
    rows = zip(cleaning.manifest["name"], cleaning.manifest["reasons"], strict=True)
    return {name: reasons for name, reasons in rows if reasons}


def decisions(cleaning: Cleaning) -> dict[str, str]:
    return dict(zip(cleaning.manifest["name"], cleaning.manifest["decision"], strict=True))


def notes(cleaning: Cleaning) -> dict[str, str]:
    return dict(zip(cleaning.manifest["name"], cleaning.manifest["note"], strict=True))


def test_every_check_says_what_it_can_find(registry: Registry) -> None:
    checks = registry.all("check")
    assert set(checks) >= {
        *("corrupt", "type", "bomb", "size", "duplicate", "face", "blur", "exposure", "mono"),
        *("flat", "tags"),
    }
    names = []
    for check in checks.values():
        assert check.reasons and check.summary().endswith(".")
        assert set(check.shown) <= set(check.measures)
        names += [reason.name for reason in check.reasons]
        for field in check.Params.model_fields.values():
            assert field.description
    assert len(names) == len(set(names))
    tiers = {reason.name: reason.tier for check in checks.values() for reason in check.reasons}
    assert {name for name, tier in tiers.items() if tier == "reject"} == {
        *("corrupt", "not_image", "bomb", "too_small", "duplicate", "near_duplicate")
    }


def test_a_range_is_read() -> None:
    assert parse_range("0.5..2") == (0.5, 2.0)
    assert parse_range(" ..3 ") == (0.0, 3.0)
    assert parse_range("2") == (2.0, 2.0)
    for wrong in ("", "..", "2..1", "a..b", "-1..2", "1...2", "nan"):
        with pytest.raises(ValueError, match="is no range"):
            parse_range(wrong)


# Files


def test_damaged_files_are_corrupt_with_the_decoders_reason(run: Run) -> None:
    whole = encoded(face(), "JPEG")
    result = run(
        "corrupt",
        {
            "good.jpg": whole,
            "half.jpg": whole[: len(whole) // 2],
            "zero.png": b"",
            "broken.png": encoded(face())[:60] + b"x" * 3000,
        },
    )
    assert found(result) == dict.fromkeys(("half.jpg", "zero.png", "broken.png"), "corrupt")
    assert notes(result)["half.jpg"] == "truncated"
    assert notes(result)["zero.png"] == "empty file (0 bytes)"
    assert decisions(result)["half.jpg"] == "reject"


def test_a_file_of_another_type_is_named_for_what_it_is(run: Run) -> None:
    result = run(
        "type",
        {
            "page.png": b"<!DOCTYPE html><html>404</html>",
            "scan.tiff": b"II*\0" + b"\0" * 50,
            "jpeg.png": encoded(face(), "JPEG"),
            "jpeg.jfif": encoded(face(1), "JPEG"),
            "jpeg.JPEG": encoded(face(2), "JPEG"),
            "plain": encoded(face(3)),
        },
    )
    assert found(result) == {
        "page.png": "not_image",
        "scan.tiff": "foreign_format",
        "jpeg.png": "extension",
    }
    assert decisions(result)["jpeg.png"] == "keep"
    assert decisions(result)["scan.tiff"] == "review"
    assert notes(result)["page.png"] == "an HTML page, not an image"
    assert notes(result)["scan.tiff"] == ".tiff is not a format that animekit reads"
    assert notes(result)["jpeg.png"] == "a JPEG that is called .png"
    assert result.summary["by_reason"] == {"not_image": 1, "foreign_format": 1}
    assert result.summary["noted"] == {"extension": 1}


def test_a_bomb_is_found_by_its_header_and_by_a_limit(run: Run) -> None:
    header = bytearray(encoded(face()))
    header[16:24] = (20000).to_bytes(4, "big") + (12000).to_bytes(4, "big")
    pictures = {"bomb.png": bytes(header), "a.png": face(), "b.png": face(1, 100)}
    result = run("bomb", pictures)
    # the checksum of the header is wrong now; either way it is not opened
    assert decisions(result) == {"bomb.png": "reject", "a.png": "keep", "b.png": "keep"}
    limited = run("bomb", pictures, max_pixels=96 * 96)
    assert found(limited)["b.png"] == "bomb"
    assert notes(limited)["b.png"] == "10,000 pixels, more than the 9,216 allowed"
    assert "a.png" not in found(limited)


def test_small_pictures_and_strips_are_found(run: Run) -> None:
    pictures = {
        "ok.png": face(side=64),
        "small.png": face(side=63),
        "wide.png": np.tile(face(), (1, 3, 1)),
        "tall.png": np.tile(face(1), (3, 1, 1)),
        "twice.png": np.tile(face(2), (1, 2, 1)),
    }
    result = run("size", pictures)
    assert found(result) == {"small.png": "too_small", "wide.png": "aspect", "tall.png": "aspect"}
    assert decisions(result)["small.png"] == "reject"
    assert decisions(result)["wide.png"] == "review"
    scores = dict(zip(result.manifest["name"], result.manifest["scores"], strict=True))
    assert json.loads(scores["wide.png"]) == json.loads(scores["tall.png"]) == {"aspect": 1.5}
    assert json.loads(scores["small.png"]) == {"too_small": 63}
    assert json.loads(scores["ok.png"]) == {}
    assert found(run("size", pictures, min=65, aspect="..3")) == {
        "ok.png": "too_small",
        "small.png": "too_small",
    }
    with pytest.raises(ConfigError, match="is no range"):
        run("size", pictures, aspect="2..1")


# Duplicates


def test_copies_go_and_the_best_one_stays(run: Run) -> None:
    large, small = face(), np.asarray(Image.fromarray(face()).resize((72, 72)))
    blurred = np.asarray(Image.fromarray(face()).filter(ImageFilter.GaussianBlur(2)))
    result = run(
        "duplicate",
        {
            "a.png": small,
            "b.png": blurred,
            "c.jpg": encoded(large, "JPEG", quality=90),
            "d.png": large,
            "e.png": encoded(large, compress_level=0),
            "f/d.png": encoded(large),
            "other.png": face(7),
        },
    )
    kept = dict(zip(result.manifest["name"], result.manifest["kept"], strict=True))
    assert kept == {name: "d.png" for name in kept if name != "other.png"} | {"other.png": ""}
    assert found(result) == {
        "a.png": "near_duplicate",
        "b.png": "near_duplicate",
        "c.jpg": "near_duplicate",
        "e.png": "duplicate",
        "f/d.png": "duplicate",
    }
    assert notes(result)["e.png"] == "same pixels as d.png"
    assert notes(result)["f/d.png"] == "same file as d.png"
    assert notes(result)["a.png"].endswith("of 64 bits from d.png")
    assert set(result.manifest["group"]) == {"1", ""}
    assert result.summary["groups"] == 1
    assert decisions(result)["d.png"] == "keep"


def test_the_first_one_stays_where_that_is_asked_for(run: Run) -> None:
    pictures = {"a.png": face(side=64), "b.png": np.asarray(Image.fromarray(face(side=64)))}
    result = run("duplicate", {**pictures, "c.png": face(side=64)}, keep="first")
    assert found(result) == {"b.png": "duplicate", "c.png": "duplicate"}


def test_a_near_copy_must_be_near_in_colour_too(run: Run) -> None:
    grey = np.repeat(90 + face()[..., :1] // 4, 3, axis=2)
    # redder and less blue, so that the grey that the hash sees stays what it was
    recoloured = (grey + np.array([30, 0, -30 * 0.299 / 0.114])).round().astype(np.uint8)
    pictures = {"a.png": grey, "b.png": recoloured}
    assert found(run("duplicate", pictures)) == {}
    everything = run("duplicate", pictures, colour=255)
    assert list(found(everything).values()) == ["near_duplicate"]


def test_only_exact_copies_go_without_a_distance(run: Run) -> None:
    pictures = {"a.png": face(), "b.jpg": encoded(face(), "JPEG"), "c.png": face()}
    assert found(run("duplicate", pictures, distance=None)) == {"c.png": "duplicate"}


def test_flat_pictures_are_only_compared_exactly(run: Run) -> None:
    haze = (120 + face() // 32).astype(np.uint8)
    fog = (120 + face() // 4).astype(np.uint8)
    pictures = {"a.png": haze, "b.png": haze + 1, "c.png": haze, "d.png": fog, "e.png": fog + 1}
    result = run("duplicate", pictures)
    assert result.table["duplicate.contrast"].round(1).tolist()[0] < 4
    assert found(result) == {"c.png": "duplicate", "e.png": "near_duplicate"}


def test_the_copy_that_is_kept_is_not_one_that_is_flagged(
    tmp_path: Path, with_detectors: Registry
) -> None:
    small, large = face().copy(), face(side=192)
    small[:8, :8] = 255
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "face.png").write_bytes(encoded(small))
    (tmp_path / "data" / "no_face.png").write_bytes(encoded(large))
    result = clean(
        tmp_path / "data",
        checks=["duplicate", "face"],
        params={"face": {"detector": "whites"}, "duplicate": {"distance": 10}},
        registry=with_detectors,
    )
    assert found(result) == {"no_face.png": "near_duplicate;no_face"}
    assert decisions(result) == {"face.png": "keep", "no_face.png": "reject"}


# Faces


def faces(*places: tuple[int, int]) -> np.ndarray:
    image = np.zeros((96, 96, 3), np.uint8)
    for top, left in places:
        image[top : top + 8, left : left + 8] = 255
    return image


@pytest.mark.parametrize("detector", ["whites", "together"])
def test_pictures_with_too_few_and_too_many_faces_are_found(run: Run, detector: str) -> None:
    pictures = {
        "none.png": faces(),
        "one.png": faces((8, 16)),
        "two.png": faces((40, 0), (0, 80)),
        "broken.png": b"",
    }
    result = run("face", pictures, detector=detector)
    assert found(result) == {"none.png": "no_face", "broken.png": "unreadable"}
    assert decisions(result)["none.png"] == "review"
    assert result.manifest["faces"].tolist() == ["", "0", "1", "2"]
    boxes = dict(zip(result.table["name"], result.table["face.boxes"], strict=True))
    assert boxes["one.png"] == [[16.0, 8.0, 8.0, 8.0, 0.892]]
    assert len(boxes["two.png"]) == 2
    assert '"face": 0.9' in result.manifest["scores"][3]
    strict = run("face", pictures, detector=detector, faces="1")
    assert found(strict) == found(result) | {"two.png": "too_many_faces"}
    assert notes(strict)["two.png"] == "2 faces"
    assert strict.summary["measured"] == 0  # another range is another judgement of the same boxes
    several = run("face", pictures, detector=detector, faces="2..")
    assert found(several) == found(result) | {"one.png": "no_face"}


def test_another_detector_and_other_weights_look_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {"one.png": faces((8, 16))}
    assert run("face", pictures, detector="whites").summary["measured"] == 1
    assert run("face", pictures, detector="whites").summary["measured"] == 0
    assert run("face", pictures, detector="together").summary["measured"] == 1
    monkeypatch.setattr(Whites, "identity", lambda self: "other weights", raising=False)
    assert run("face", pictures, detector="whites").summary["measured"] == 1


def test_a_detector_without_its_weights_is_an_error_only_if_it_was_asked_for(
    run: Run, tmp_path: Path, with_detectors: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError, match="no weights for absent"):
        run("face", {"a.png": face()}, detector="absent")
    with pytest.raises(NotFoundError, match='unknown detector "white".*"whites"'):
        run("face", {"a.png": face()}, detector="white")
    own = with_detectors.components["detector"]
    monkeypatch.setitem(own, "own", Absent)
    result = clean(tmp_path / "data", registry=with_detectors)
    assert "face" not in result.summary["checks"]
    assert result.warnings == [
        'check "face" was left out: no weights for absent (animekit models pull absent)'
    ]


# Light, colour, detail


def test_blurred_pictures_are_found_whatever_their_size_and_contrast(run: Run) -> None:
    def blurred(seed: int, side: int, radius: float) -> np.ndarray:
        blur = ImageFilter.GaussianBlur(radius)
        return np.asarray(Image.fromarray(face(seed, side)).filter(blur))

    pale = (200 + (face(3).astype(int) - 128) // 6).astype(np.uint8)
    result = run(
        "blur",
        {
            "sharp.png": face(),
            "large.png": face(1, 640),
            "pale.png": pale,
            "smear.png": blurred(0, 96, 6),
            "large_smear.png": blurred(1, 640, 48),
            "large_soft.png": blurred(1, 640, 4),
        },
    )
    assert found(result) == {"smear.png": "blur", "large_smear.png": "blur"}
    assert result.summary["checks"]["blur"]["thresholds"] == {"sharpness": 0.3}
    assert decisions(result)["smear.png"] == "review"


def test_auto_takes_the_low_tail_of_the_data_set(run: Run) -> None:
    from animekit_plugins.checks.blur import LEAST, MOST, _low_tail

    random = np.random.default_rng(0)
    normal = np.exp(random.normal(np.log(1.0), 0.3, 5000))
    assert _low_tail(normal) == pytest.approx(np.exp(-3.5 * 0.3), rel=0.05)
    assert _low_tail(normal * 10) == MOST
    assert _low_tail(normal / 3) == LEAST
    assert _low_tail(normal[:10]) == LEAST
    assert _low_tail(np.zeros(100)) == LEAST


def test_a_blur_threshold_can_be_set_without_looking_again(run: Run) -> None:
    pictures = {"a.png": face(), "b.png": face(1)}
    assert found(run("blur", pictures)) == {}
    result = run("blur", pictures, threshold=9)
    assert found(result) == {"a.png": "blur", "b.png": "blur"}
    assert result.summary["measured"] == 0
    assert run("blur", pictures, side=32).summary["measured"] == 2


def test_sharpness_does_not_depend_on_contrast() -> None:
    grey = face()[..., 0].astype(float)
    pale = np.clip(128 + (grey - 128) * 0.5, 0, 255).astype(np.uint8)
    assert sharpness(pale) == pytest.approx(sharpness(grey.astype(np.uint8)), rel=0.05)
    assert sharpness(np.zeros((8, 8), np.uint8)) == 0


def test_dark_washed_out_and_clipped_pictures_are_found(run: Run) -> None:
    black_and_white = np.repeat(
        np.random.default_rng(0).integers(0, 2, (96, 96, 1), dtype=np.uint8) * 255, 3, axis=2
    )
    background = np.full((96, 96, 3), 255, np.uint8)
    background[20:, 20:76] = face()[20:, 20:76]
    result = run(
        "exposure",
        {
            "good.png": face(),
            "night.png": face() // 4,
            "fog.png": 200 + face() // 5,
            "ink.png": black_and_white,
            "background.png": background,
        },
    )
    assert found(result) == {"night.png": "dark", "fog.png": "bright", "ink.png": "clipped"}
    scores = {finding.reason.name: finding for finding in result.findings}
    assert scores["dark"].score is not None and 0 < scores["dark"].score < 100
    assert scores["dark"].threshold == 100
    assert scores["clipped"].score == 1.0


def test_grey_sepia_and_one_tint_are_without_colour(run: Run) -> None:
    luma = face().mean(axis=2, keepdims=True)
    sepia = (luma * (1.0, 0.8, 0.6)).astype(np.uint8)
    tint = np.clip(luma * (0.3, 0.3, 0.5) + (80, 60, 100), 0, 255).astype(np.uint8)
    result = run(
        "mono",
        {
            "colour.png": face(),
            "grey.png": luma[..., 0].astype(np.uint8),
            "grey.jpg": encoded(np.repeat(luma, 3, axis=2).astype(np.uint8), "JPEG"),
            "sepia.jpg": encoded(sepia, "JPEG", quality=80),
            "tint.png": tint,
        },
    )
    assert found(result) == dict.fromkeys(("grey.png", "grey.jpg", "sepia.jpg", "tint.png"), "mono")
    colour = result.table.set_index("name")["mono.colour"]
    assert colour["grey.png"] == 0 and colour["colour.png"] > 20


def test_the_amount_of_colour_is_the_distance_from_the_best_line(run: Run) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32] = 200  # along grey, and 10 levels of red to both sides of it
    image[:, ::2, 0] += 20
    table = run("mono", {"a.png": image}).table
    # the part of the red axis that is across the line of greys: sqrt(2/3) of 10
    assert table["mono.colour"][0] == pytest.approx(10 * np.sqrt(2 / 3), abs=0.02)


def test_pictures_of_almost_one_colour_are_flat(run: Run) -> None:
    logo = np.full((96, 96, 3), (30, 60, 90), np.uint8)
    logo[:20, :20] = face()[:20, :20]
    haze = (128 + face().astype(int) // 64).astype(np.uint8)
    result = run("flat", {"good.png": face(), "logo.png": logo, "haze.png": haze})
    assert found(result) == {"logo.png": "flat", "haze.png": "flat"}
    assert found(run("flat", {"good.png": face()}, share=1.0, contrast=0)) == {}


# Tags


def test_missing_unknown_and_contradicting_tags_are_found(run: Run, tmp_path: Path) -> None:
    tags = tmp_path / "tags.csv"
    tags.write_text(
        "0,blue hair red eyes\n1,blue hair\n2,teal hair\n"
        "3,blue hair:9\tgreen hair:5\tred eyes:3\t\n"
    )
    pictures = {f"{index}.png": face(index) for index in range(5)}
    result = run("tags", {**pictures, "5.png": b""}, tags=tags)
    assert found(result) == {
        "1.png": "tag_half",
        "2.png": "tag_unknown",
        "3.png": "tag_conflict",
        "4.png": "tag_missing",
        "5.png": "unreadable",
    }
    assert decisions(result)["1.png"] == "keep"
    assert decisions(result)["3.png"] == "review"
    assert notes(result)["1.png"] == "no known eyes colour"
    assert notes(result)["2.png"] == 'no known hair or eye colour in "teal hair"'
    assert notes(result)["3.png"] == "green hair and blue hair"
    assert any("teal hair (1)" in warning for warning in result.warnings)
    assert any("row 3" in warning for warning in result.warnings)


def test_the_tags_check_needs_a_file_but_only_if_it_was_asked_for(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a tags file"):
        run("tags", {"a.png": face()})
    result = clean(tmp_path / "data", skip=["face"])
    assert "tags" not in result.summary["checks"]
    assert result.warnings == []


# What a check is told


def test_a_check_is_a_pure_function_of_content_where_no_parameter_says_otherwise(
    registry: Registry,
) -> None:
    from animekit.cleaning.check import Picture

    for name, kind in registry.all("check").items():
        if name == "face" or not kind.measures:
            continue
        check: Check = kind(kind.Params())
        data = encoded(face())
        first, second = Picture("a.png", data), Picture("b.png", data)
        assert first.error is None and second.error is None
        assert check.measure(first) == check.measure(second)
        assert set(check.measure(first)) == set(check.measures)
        assert check.key() == kind(Params() if kind.Params is Params else kind.Params()).key()
