"""Published weights in one step: from an address on this machine to pictures, or refused."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import animekit
from animekit.errors import AnimekitError, CheckpointError, NetworkError, NotFoundError, UsageError
from animekit.hub import catalog, download, obtain
from animekit.models import weights
from animekit.models.targets import CELEBA_COLUMNS
from animekit.plugins import Registry
from tests.serving import Site
from tests.support import answer, call

WIDTH = 4  # of the first layer; 64 in the published files


def cyclegan(seed: int = 0, width: int = WIDTH) -> dict[str, Tensor]:
    """Return a state dict with the names and forms of a published generator of 9 blocks."""
    draw = torch.Generator().manual_seed(seed)
    shapes = {"1": (width, 3, 7, 7), "4": (2 * width, width, 3, 3)}
    shapes |= {"7": (4 * width, 2 * width, 3, 3)}
    for block in range(10, 19):
        for conv in (1, 5):
            shapes[f"{block}.conv_block.{conv}"] = (4 * width, 4 * width, 3, 3)
    shapes |= {"19": (4 * width, 2 * width, 3, 3), "22": (2 * width, width, 3, 3)}
    shapes |= {"26": (3, width, 7, 7)}
    found = {}
    for name, shape in shapes.items():
        out = shape[1] if name in ("19", "22") else shape[0]
        found[f"model.{name}.weight"] = torch.randn(shape, generator=draw) / 20
        found[f"model.{name}.bias"] = torch.zeros(out)
    found["model.2.running_mean"] = torch.zeros(width)  # as torch before 0.4 left them
    return found


def stargan(labels: int = 5, width: int = WIDTH) -> dict[str, Tensor]:
    """Return a state dict with the names and forms of a published generator of CelebA."""
    draw = torch.Generator().manual_seed(1)
    convs = {"0": (width, 3 + labels, 7, 7), "3": (2 * width, width, 4, 4)}
    convs |= {"6": (4 * width, 2 * width, 4, 4)}
    for block in range(9, 15):
        for conv in (0, 3):
            convs[f"{block}.main.{conv}"] = (4 * width, 4 * width, 3, 3)
    convs |= {"15": (4 * width, 2 * width, 4, 4), "18": (2 * width, width, 4, 4)}
    found = {}
    for name, shape in convs.items():
        place, dot, last = name.rpartition(".")
        norm = f"{place}{dot}{int(last) + 1}"
        out = shape[1] if name in ("15", "18") else shape[0]
        found[f"main.{name}.weight"] = torch.randn(shape, generator=draw) / 20
        for leaf, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 9.0)):
            found[f"main.{norm}.{leaf}"] = torch.full((out,), value)
        found[f"main.{norm}.running_var"] = torch.full((out,), 9.0)
    return found | {"main.21.weight": torch.randn((3, width, 7, 7), generator=draw) / 20}


def saved(tensors: dict[str, Tensor], *, new: bool = False) -> bytes:
    """Return a file of torch.save, by default in the form that published weights have."""
    buffer = io.BytesIO()
    torch.save(tensors, buffer, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def celeba_zip(members: dict[str, bytes] | None = None) -> bytes:
    """Return an archive laid out as celeba-128x128-5attrs.zip, with both networks in it."""
    folder = "stargan_celeba_128/models"
    found = members or {
        f"{folder}/200000-D.ckpt": b"a discriminator",
        f"{folder}/200000-G.ckpt": saved(stargan()),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    return buffer.getvalue()


THERE, BACK = saved(cyclegan(0)), saved(cyclegan(1))
ZIP = celeba_zip()


@pytest.fixture
def published(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a site with all that a catalogue of this test names, and stand in an own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    quick = download.Patience(connect=2, read=2, tries=2, pause=0.01, window=5)
    monkeypatch.setattr(download, "Patience", lambda: quick)
    write_catalogue(site, tmp_path, monkeypatch)
    return site


def write_catalogue(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """Write a catalogue of the three entries; `more` goes to apple2orange."""
    common = {"kind": "weights", "summary": "of a test", "licence": "none stated"}
    common |= {"page": "https://example.org/", "source": "a list", "verified": False}
    tables = [
        {"name": "cyclegan/apple2orange", "file": "cyclegan/apple2orange.pth"}
        | {"urls": [site.put("/a.pth", THERE)], "most": 4_000_000, **more},
        {"name": "cyclegan/orange2apple", "file": "cyclegan/orange2apple.pth"}
        | {"urls": [site.put("/o.pth", BACK)]},
        {"name": "cyclegan/style_monet", "file": "cyclegan/style_monet.pth"}
        | {"urls": [site.put("/m.pth", THERE)]},
        {"name": "stargan/celeba-128", "file": "stargan/celeba-128-G.ckpt"}
        | {"member": "200000-G.ckpt", "urls": [site.put("/celeba.zip", ZIP)]},
    ]
    lines = []
    for table in tables:
        lines.append("[[entry]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in {**common, **table}.items()]
    path = folder / f"catalogue{len(more)}.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(catalog, "LIST", path)


def photo(name: str, size: int = 16) -> str:
    rng = np.random.default_rng(len(name))
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 255, (size, size, 3), dtype=np.uint8)).save(name)
    return name


def test_one_command_downloads_converts_and_translates(published: Site) -> None:
    photo("in/a.png")
    words = ["transfer", "cyclegan", "apple2orange", "in", "-o", "out", "--weights", "published"]
    result = call(*words, "--yes", "--gpu", "cpu")
    assert result.exit_code == 0, result.output
    digest = hashlib.sha256(THERE).hexdigest()
    for said in ("licence  none stated", "is unpinned", f"sha256 {digest} came", "no download is"):
        assert said in result.stderr
    assert Path("out/a.png").is_file() and len(published.asked) == 1
    record = json.loads(Path("home/weights/cyclegan/apple2orange.pth.json").read_text())
    assert record["download"] == digest
    published.pages.clear()  # from now on nothing is asked of anybody
    again = call(*words, "--overwrite", "--no-input")
    assert again.exit_code == 0 and "licence" not in again.stderr
    by_name = call(*words[:4], "-o", "other", "-n")
    assert "the bundled weights cyclegan-apple2orange" in by_name.stderr  # ours stay first


def test_both_directions_come_together_and_know_the_way_back(
    published: Site, registry: Registry
) -> None:
    wanted = obtain.offer("cyclegan", "apple2orange", back=True)
    assert [each.name for each in wanted.missing] == [
        "cyclegan/apple2orange",
        "cyclegan/orange2apple",
    ]
    obtain.obtain(obtain.offer("cyclegan", "apple2orange"), registry, unpinned=True)
    assert not wanted.is_ready  # one direction is not both
    made = obtain.obtain(wanted, registry, unpinned=True)
    assert wanted.is_ready and made.about["params"]["directions"] == "both"
    assert made.about["source"]["back_sha256"] == hashlib.sha256(BACK).hexdigest()
    assert [path for path, _ in published.asked] == ["/a.pth", "/o.pth"]
    photo("in/a.png")
    done = animekit.transfer(
        *("cyclegan", "apple2orange", "in", "out"),
        weights="published",
        direction="both",
        device="cpu",
        registry=registry,
    )
    assert sorted(item.column for item in done.items) == ["a2b", "b2a"]


def test_five_attributes_are_one_row_a_face_in_the_order_of_the_paper(
    published: Site, registry: Registry
) -> None:
    photo("faces/one.png", 32), photo("faces/two.png", 32)
    words = ["transfer", "stargan", "celeba-128", "faces", "-o", "out", "--weights", "published"]
    result = answer(*words, "--yes", "--gpu", "cpu", "--size", "keep")
    names = [text.replace(" ", "_") for text in CELEBA_COLUMNS]
    names[1] = "blonde_hair"
    assert result["data"]["columns"] == names
    assert result["data"]["columns"][3:] == ["female", "old"]
    assert result["data"]["assumed"][-2:] == ["no male", "young"]
    with Image.open("out/sheet.png") as sheet:
        assert sheet.size == (6 * 130 - 2, sheet.height)
        assert sheet.height == pytest.approx(2 * 130 + 20, abs=20)
    about = weights.about(Path("home/weights/imported/stargan-celeba-128-published.safetensors"))
    assert about["step"] == 200_000 and about["spec"]["size"] == 128
    published.pages.clear()
    later = animekit.transfer(  # by its plain name: no other weights are called so
        "stargan", "celeba-128", "faces", "later", attrs=["aged"], device="cpu", registry=registry
    )
    assert later.columns == ["aged"] and later.done == 2


def test_nothing_is_downloaded_without_a_word(published: Site) -> None:
    words = ["transfer", "cyclegan", "apple2orange", "in", "--weights", "published"]
    refused = call(*words)
    assert (refused.exit_code, "needs your word" in refused.stderr) == (2, True)
    assert "error: a download needs your word" in refused.stderr
    shown = call(*words, "-n")
    assert (shown.exit_code, shown.stdout) == (
        0,
        "would download cyclegan/apple2orange, convert and translate\n",
    )
    assert published.asked == [] and not Path("home/weights").exists()
    unknown = call("transfer", "cyclegan", "apple2pear", "in", "--weights", "published", "--yes")
    assert unknown.exit_code == 3 and 'Did you mean "apple2orange"?' in unknown.stderr
    words[2] = "style_monet"
    back = call(*words, "-y", "--direction", "b2a")
    assert back.exit_code == 3 and "nobody published the way back" in back.stderr
    with pytest.raises(UsageError, match='--weights "mine"'):
        animekit.transfer("cyclegan", "apple2orange", "in", weights="mine")
    with pytest.raises(NotFoundError, match="no published weights") as caught:
        animekit.transfer("cyclegan", "apple2orange", "in", weights="published")
    assert "--weights published" in str(caught.value.hint)


CODE = b"\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03."
NO_GENERATOR = {"model.0.weight": torch.zeros(1), "model.2.weight": torch.zeros(1)}
PAGE = b"  <html><body>sorry"
Spoilt = tuple[bytes, dict[str, Any], type[AnimekitError], str]
SPOILT: dict[str, Spoilt] = {
    "a page": (PAGE, {"kind": "text/html"}, NetworkError, "a web page came"),
    "a page that says it is a file": (PAGE, {}, NetworkError, "a web page came"),
    "nothing there": (b"gone", {"status": 404}, NetworkError, "HTTP 404"),
    "a server that is ill": (THERE, {"status": 503}, NetworkError, "HTTP 503"),
    "a cut connection": (THERE, {"cuts": [1000] * 9}, NetworkError, "2 times in a row"),
    "a file cut before it was published": (THERE[:-900], {}, CheckpointError, "cut short"),
    "a picture": (b"\x89PNG" + bytes(900), {}, CheckpointError, "torch.save did not write it"),
    "code": (CODE, {}, CheckpointError, "is refused"),
    "a discriminator": (saved(NO_GENERATOR), {}, CheckpointError, "it is a discriminator"),
    "too many bytes": (bytes(4_000_001), {}, NetworkError, "over the limit of 4,000,000"),
    "bytes without end": (bytes(4_000_001), {"length": False}, NetworkError, "more than 4,000,000"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_no_such_file_is_refused_and_not_kept(
    published: Site, registry: Registry, what: str
) -> None:
    body, options, kind, words = SPOILT[what]
    published.put("/a.pth", body, **options)
    wanted = obtain.offer("cyclegan", "apple2orange")
    with pytest.raises(kind, match=words):
        obtain.obtain(wanted, registry, unpinned=True)
    assert not wanted.is_ready and wanted.missing == [wanted.entry]
    assert obtain.seen(wanted.entry) is None
    published.put("/a.pth", THERE)  # mended: nothing of before is in the way
    assert obtain.obtain(wanted, registry, unpinned=True).path == wanted.path
    assert obtain.seen(wanted.entry) == hashlib.sha256(THERE).hexdigest()


def test_an_unpinned_file_is_held_to_its_first_bytes(published: Site, registry: Registry) -> None:
    wanted = obtain.offer("cyclegan", "apple2orange")
    obtain.obtain(wanted, registry, unpinned=True)
    catalog.place_of(wanted.entry).unlink()
    published.put("/a.pth", BACK)
    with pytest.raises(NetworkError, match="sha256 is") as caught:
        obtain.obtain(wanted, registry, unpinned=True)
    assert caught.value.code == "network.checksum"
    half = len(THERE) // 2
    published.put("/a.pth", THERE, cuts=[half])  # its sum is known by now, so it goes on
    published.asked.clear()
    obtain.obtain(wanted, registry, unpinned=True)
    first, second = published.ranges()
    assert first is None and str(second).startswith("bytes=")


def test_a_pinned_file_with_another_sum_is_refused_and_a_right_one_is_resumed(
    published: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    write_catalogue(published, tmp_path, monkeypatch, sha256=hashlib.sha256(THERE).hexdigest())
    wanted = obtain.offer("cyclegan", "apple2orange")
    published.put("/a.pth", BACK)
    with pytest.raises(NetworkError, match="should be"):
        obtain.obtain(wanted, registry)
    published.put("/a.pth", THERE, cuts=[2000])
    obtain.obtain(wanted, registry)
    assert str(published.ranges()[-1]).startswith("bytes=")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"models/readme": b"moved"}, "holds no 200000-G.ckpt"),
        ({"../200000-G.ckpt": b"x"}, "leads out of the archive"),
        ({"a/200000-G.ckpt": b"x", "b/200000-G.ckpt": b"y"}, "would be one file"),
        ({"a/200000-G.ckpt": b"no tensors"}, "torch.save did not write it"),
    ],
)
def test_an_archive_of_another_layout_is_refused(
    published: Site, registry: Registry, members: dict[str, bytes], words: str, tmp_path: Path
) -> None:
    published.put("/celeba.zip", celeba_zip(members))
    wanted = obtain.offer("stargan", "celeba-128")
    with pytest.raises(AnimekitError, match=words):
        obtain.obtain(wanted, registry, unpinned=True)
    outside = [each for each in tmp_path.rglob("*G.ckpt*") if each.suffix != ".lock"]
    assert not wanted.is_ready and outside == []
    published.put("/celeba.zip", ZIP)
    assert obtain.obtain(wanted, registry, unpinned=True).labels[0] == "Black_Hair"


def test_an_import_by_name_downloads_first_what_is_not_here(published: Site) -> None:
    refused = call("models", "import", "stargan/celeba-128")
    assert refused.exit_code == 3 and published.asked == []
    made = answer("models", "import", "stargan/celeba-128", "--yes")["data"]
    assert (made["name"], made["step"]) == ("celeba-128", 200_000)
    assert made["source"]["licence"] == "none stated"
    again = call("models", "import", "stargan/celeba-128", "--no-input")
    assert again.exit_code == 0 and len(published.asked) == 1
    pulled = call("models", "pull", "cyclegan/style_monet", "--yes")
    digest = hashlib.sha256(THERE).hexdigest()
    assert f"sha256 {digest} came" in pulled.stderr
    assert "animekit models import cyclegan/style_monet" in pulled.stderr


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("horse2zebra", "zebra2horse"),
        ("summer2winter_yosemite", "winter2summer_yosemite"),
        ("cityscapes_photo2label", "cityscapes_label2photo"),
        ("sat2map", "map2sat"),
    ],
)
def test_every_published_pair_knows_its_way_back(name: str, back: str) -> None:
    assert obtain.offer("cyclegan", name, back=True).entries[1].name == f"cyclegan/{back}"
    assert obtain.offer("cyclegan", back, back=True).entries[1].name == f"cyclegan/{name}"
