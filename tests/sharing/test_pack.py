"""Packing: what goes out with a model, what must be said, and what may not be shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import animekit
from animekit import plugins
from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.files import sha256_of
from animekit.images.write import write_png
from animekit.models.weights import bundled
from animekit.plugins import Registry
from animekit.sharing.description import licence_of
from animekit.sharing.pack import described, is_packed, pack, plan_pack
from tests.support import answer, call, keeps_its_schema

WORDS = {"licence": "CC BY-NC 4.0", "data_note": "12 drawings\nof <b>mine</b> | `rm`"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return plugins.load()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_packed_folder_has_the_same_weights_a_card_and_pictures(registry: Registry) -> None:
    made = pack("cfaces64", registry=registry, **WORDS)  # type: ignore[arg-type]
    assert made.folder == Path("shared/cfaces64") and is_packed(made.folder)
    assert {path.name for path in made.files} == {path.name for path in made.folder.iterdir()}
    assert made.sha256 == sha256_of(bundled()["cfaces64"])
    config = json.loads((made.folder / "config.json").read_text(encoding="utf-8"))
    assert config == made.config == described(made.folder)
    card = (made.folder / "README.md").read_text(encoding="utf-8")
    front, _, body = card.removeprefix("---\n").partition("\n---\n")
    yaml = pytest.importorskip("yaml")
    facts = yaml.safe_load(front)
    assert facts["license"] == "cc-by-nc-4.0" and facts["library_name"] == "animekit"
    assert facts["pipeline_tag"] == "unconditional-image-generation" and "acgan" in facts["tags"]
    assert made.sha256 in body and "hair (12), eyes (11)" in body and "(samples.png)" in body
    assert "&lt;b>mine&lt;/b> \\| \\`rm\\`" in body
    drawn = animekit.generate("cfaces64", num=25, registry=registry)
    again = animekit.reproduce("shared/cfaces64/samples.png", "cfaces64", registry=registry)
    assert np.array_equal(drawn.images, again.images)
    pack("cfaces64", registry=registry, **WORDS)  # type: ignore[arg-type]  # ours is replaced


def test_a_licence_without_a_word_of_its_own_is_named() -> None:
    assert licence_of("Ask the artists") is None and licence_of("MIT") == "mit"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "--licence and --data-note"),
        ({"licence": "mit"}, "--data-note"),
        ({"data_note": "mine", "licence": "  "}, "--licence"),
    ],
)
def test_what_only_the_owner_knows_must_be_said(
    registry: Registry, given: dict[str, str], missing: str
) -> None:
    with pytest.raises(UsageError, match=f"{missing}$"):
        plan_pack("faces64", registry=registry, **given)  # type: ignore[arg-type]


def test_pictures_that_show_real_ones_are_refused(registry: Registry) -> None:
    write_png("photo.png", np.zeros((8, 8, 3), np.uint8))
    write_png("pairs.png", np.zeros((8, 8, 3), np.uint8), {"animekit": '{"psnr": 20}'})
    animekit.generate("faces64", num=1, registry=registry).save("mine.png")
    for name in ("photo.png", "pairs.png"):
        with pytest.raises(UnusableError, match="may show real pictures"):
            plan_pack("faces64", samples=[name], registry=registry, **WORDS)  # type: ignore[arg-type]
    plan = plan_pack("faces64", samples=["mine.png"], registry=registry, **WORDS)  # type: ignore[arg-type]
    assert "mine.png" in plan.names
    agreed = plan_pack(
        "faces64",
        samples=["photo.png"],
        overwrite=True,
        registry=registry,
        **WORDS,  # type: ignore[arg-type]
    )
    assert "photo.png" in agreed.names
    with pytest.raises(UsageError, match="no picture"):
        plan_pack("faces64", samples=["a.txt"], registry=registry, **WORDS)  # type: ignore[arg-type]


def test_a_translator_is_packed_without_pictures_and_says_so(registry: Registry) -> None:
    made = pack("stargan-hair", "out", registry=registry, **WORDS)  # type: ignore[arg-type]
    assert not (made.folder / "samples.png").exists() and "no pictures" in made.warnings[0]
    assert "image-to-image" in (made.folder / "README.md").read_text(encoding="utf-8")
    assert made.sha256 == sha256_of(bundled()["stargan-hair"])


def test_nothing_of_others_is_replaced(registry: Registry) -> None:
    Path("out").mkdir()
    Path("out/README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(UnusableError, match="is there already"):
        pack("faces64", "out", registry=registry, **WORDS)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        described(Path("out"))
    with pytest.raises(UsageError, match="cannot be called"):
        plan_pack("faces64", name="../up", registry=registry, **WORDS)  # type: ignore[arg-type]


def test_the_command_packs_or_says_what_it_would() -> None:
    refused = call("models", "pack", "faces64")
    assert refused.exit_code == 2 and "--licence and --data-note" in refused.stderr
    words = ("models", "pack", "faces64", "--licence", "mit", "--data-note", "mine")
    plan = json.loads(call(*words, "-n", "--json").stdout)
    assert "shared/faces64/model.safetensors" in plan["data"]["would_write"]
    assert not Path("shared").exists()
    assert keeps_its_schema(answer(*words))
