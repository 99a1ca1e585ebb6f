"""The sections of `python -m benchmarks`: each yields rows of ratios, or points of the plot."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from animekit import plugins
from animekit.data.joined import open_dataset
from animekit.data.pack import Pack, pack
from animekit.data.sampler import Loader
from animekit.data.spec import ImageSpec
from animekit.data.synthesis import synth
from animekit.device import native_bf16
from animekit.errors import AnimekitError
from benchmarks.rows import Asked, Point, Row, in_turns, row
from benchmarks.speed import clean, metrics, training, transfer

Found = Iterator[Row | Point | str]
"""Rows, points of the plot, and words about what was left out."""
BATCH = 64
AUTOMATIC = "automatic"
WORKERS = (0, 2)
COUNTS = (1_000, 10_000, 100_000, 1_000_000)


class ImageFolder(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Pictures as torchvision's ImageFolder and its usual transforms read them, one by one."""

    def __init__(self, folder: Path, size: int) -> None:
        self.paths, self.size = sorted(folder.rglob("*.png")), size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as opened:
            image = opened.convert("RGB").resize((self.size, self.size))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        return (pixels.float().div(255) - 0.5) / 0.5


def training_of(model: str, **given: Any) -> Namespace:
    """Return what the benchmark of training asks for one model."""
    plain = {
        "set": [],
        "size": 64,
        "channels": 64,
        "batch": BATCH,
        "device": "cpu",
        "threads": None,
    }
    plain |= {"gpu": "cpu", "only": "", "no_compile": True, "model": model}
    return Namespace(**(plain | given))


def variants() -> tuple[str, str]:
    """Return the automatic way to train here and that in float32, by the names of variants."""
    names = [variant.name for variant in training.VARIANTS]
    if AUTOMATIC in names:
        return AUTOMATIC, f"{AUTOMATIC}, fp32"
    plain = "fp32 channels_last"
    return ("bf16 channels_last" if native_bf16() else plain), plain


def words_of(*names: str) -> str:
    """Return variants as `--only` takes them: a comma is not part of a name there."""
    return ",".join(dict.fromkeys(name.partition(",")[0] for name in names))


def steps(asked: Asked) -> Found:
    """Steps of gan and wgangp beside the plain loops of their peers, on the same networks."""
    fast, plain = variants()
    shape = {"channels": 8, "batch": 8, "size": 32} if asked.quick else {}
    for model, given in (("gan", []), ("wgangp", ["n_critic=1"])):
        words = training_of(model, only=words_of(fast, plain, "plain"), set=given, **shape)
        made = training.build(plugins.load(), words)
        peer = next((name for name in made if name.startswith("plain")), None)
        if peer is None:
            yield f"{model}: no plain loop on the same networks"
            continue
        wanted = {name: made[name] for name in dict.fromkeys((fast, plain, peer))}
        seconds = training.measure(wanted, 2 if asked.quick else asked.rounds, 1 + asked.rounds)
        for name in dict.fromkeys((fast, plain)):
            title = f"{model}, {name}"
            yield row("steps", title, "img/s", words.batch, seconds[name], seconds[peer], peer)


def loading(asked: Asked) -> Found:
    """Batches of the packed store beside ImageFolder-style loading, and their share of a step."""
    count = 128 if asked.quick else 2_000
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        registry = plugins.load()
        synth(top / "in", num=count, size=96, registry=registry)
        store = pack(open_dataset(str(top / "in"), registry), 64, folder=top / "packs")
        ours = Loader(store, BATCH, 0, flip=True, crop=0)
        data = ImageFolder(top / "in", 64)
        batches = count // BATCH

        def gather() -> None:
            for step in range(1, batches + 1):
                ours.batch(step)

        for workers in WORKERS:
            peer = torch.utils.data.DataLoader(
                data, BATCH, shuffle=True, drop_last=True, num_workers=workers
            )
            name = f"ImageFolder and DataLoader, {workers} workers"
            jobs = {"ours": gather, "peer": lambda peer=peer: [None for _ in peer]}
            seconds = in_turns(jobs, asked.rounds)
            title = f"an epoch of {count:,}, {workers} workers there"
            yield row(
                *("loading", title, "img/s", batches * BATCH),
                *(seconds["ours"], seconds["peer"], name),
            )
    yield from _share(asked)


def _share(asked: Asked) -> Found:
    """Yield what a batch of growing stores takes, as a share of a step of gan."""
    fast, _ = variants()
    shape = {"channels": 8, "batch": 8, "size": 32} if asked.quick else {}
    made = training.build(plugins.load(), training_of("gan", only=words_of(fast), **shape))
    steps = training.measure({fast: made[fast]}, 2, 2)
    step = median(steps[fast])
    for count in COUNTS[:2] if asked.quick else COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            loader = Loader(holes(Path(folder), count), BATCH, 0, flip=True, crop=0)
            loader.batch(1)  # the order of the first epoch
            numbers = iter(range(2, 1_000_000))
            job = {"ours": lambda loader=loader, numbers=numbers: loader.batch(next(numbers))}
            seconds = median(in_turns(job, 20 if asked.quick else 200)["ours"])
        yield Row("loading", f"share of a step, {count:,} pictures", "%", 100 * seconds / step)
        title = "a batch of 64 from the store"
        yield Point("count", title, count, 1e3 * seconds, "ms", "loading")


def holes(folder: Path, count: int) -> Pack:
    """Return a store of so many black pictures, a file of holes that takes no room on disk."""
    images = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=(count, 64, 64, 3)
    )
    return Pack(folder, ImageSpec(64), images, None, None, "", [], count)


def cleaning(asked: Asked) -> Found:
    """`animekit clean` with all checks beside the course's loop: OpenCV and its cascade."""
    try:
        cascade = clean.Cascade(clean.find_cascade(asked.cascade))
    except AnimekitError as error:
        yield f"cleaning is left out: {error.message}; --cascade names a file"
        return
    count = (30 if asked.quick else 1_000) * (asked.rounds + 1)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        registry = plugins.load()
        source = Path(asked.faces) if asked.faces else top / "in"
        if asked.faces is None:
            synth(source, num=count, size=96, registry=registry)
        endings = (path for path in source.rglob("*") if path.suffix.lower() in clean.EXTENSIONS)
        paths = sorted(endings)
        chosen = np.random.default_rng(0).permutation(len(paths))[:count]
        (top / "parts").mkdir()
        parts = clean.copies([paths[i] for i in chosen], asked.rounds + 1, top / "parts")
        clean.ours(parts[0][0].parent, 2, registry, [])  # imports, weights
        loops = {name: clean.Timing([], []) for name in ("course", "1 worker", "2 workers")}
        for part in parts[1:]:
            loops["course"].add(lambda part=part: clean.course(part, cascade))
            for workers, name in ((1, "1 worker"), (2, "2 workers")):
                loops[name].add(
                    lambda part=part, workers=workers: clean.ours(
                        part[0].parent, workers, registry, []
                    )
                )
        what = "real" if asked.faces else "drawn"
        for name in ("1 worker", "2 workers"):
            title = f"{what} faces, all checks, {name}"
            peer = f"the course's loop ({cascade.backend})"
            each = len(parts[1])
            yield row(
                "cleaning", title, "img/s", each, loops[name].wall, loops["course"].wall, peer
            )


def measuring(asked: Asked) -> Found:
    """SWD and MS-SSIM beside their definitions in plain numpy and scipy."""
    count = 64 if asked.quick else 512
    duel = metrics.Duel(count, 64)
    duel.round()
    for title, ours, theirs, each in (
        ("swd", "our swd", "their swd", 2 * count),
        ("ms_ssim", "our ms_ssim", "their ms_ssim", metrics.ALIKE * count),
    ):
        mine, other = duel.times[ours].wall, duel.times[theirs].wall
        yield row("metrics", title, "img/s", each, [mine], [other], "numpy and scipy")


def translating(asked: Asked) -> Found:
    """`animekit transfer` beside a plain loop of one picture at a time."""
    count, size, width, blocks = (3, 64, 8, 2) if asked.quick else (12, 256, 32, 6)
    registry = plugins.load()
    ways = ["fp32", *(["bf16"] if native_bf16() else [])]
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        synth(top / "in", num=count, size=size, registry=registry)
        sources = sorted((top / "in").glob("*.png"))
        file = transfer.make_weights(top / "g.safetensors", registry, width, blocks)
        model = transfer.load_model(file, registry).model
        turns = iter(range(1000))

        def ours(way: str) -> None:
            out = top / f"{way}-{next(turns)}"
            settings = {"precision": way, "html": False}
            transfer.transfer("cyclegan", str(file), sources, out, registry=registry, **settings)

        def theirs() -> None:
            transfer.plain_loop(model, sources, top / f"plain-{next(turns)}", size)

        jobs = {way: (lambda way=way: ours(way)) for way in ways} | {"plain": theirs}
        seconds = in_turns(jobs, asked.rounds)
        for way in ways:
            title = f"{count} pictures of {size} px, {way}"
            yield row(
                *("transfer", title, "img/s", count),
                *(seconds[way], seconds["plain"], "one picture at a time"),
            )


def growth(asked: Asked) -> Found:
    """How a step of gan grows with the batch and with the size, ours and a plain loop."""
    fast, _ = variants()
    channels = 8 if asked.quick else 32
    batches, sizes = ((4, 8), ()) if asked.quick else ((8, 16, 32, 64, 128), (32, 64, 128))
    shapes = [("batch", each, 32 if asked.quick else 64) for each in batches]
    shapes += [("size", batches[1], each) for each in sizes]
    for axis, batch, size in shapes:
        words = training_of(
            "gan", only=words_of(fast, "plain"), batch=batch, size=size, channels=channels
        )
        made = training.build(plugins.load(), words)
        wanted = {n: step for n, step in made.items() if n == fast or n.startswith("plain")}
        seconds = training.measure(wanted, 2, 2)
        for name, each in seconds.items():
            at = batch if axis == "batch" else size
            curve = "plain loop" if name.startswith("plain") else f"animekit, {name}"
            yield Point(axis, curve, at, 1e3 * min(each) / batch, "ms a picture")


SECTIONS = {
    "steps": steps,
    "loading": loading,
    "cleaning": cleaning,
    "metrics": measuring,
    "transfer": translating,
    "growth": growth,
}
"""What `--only` takes, in the order in which it is run."""
