"""Fuzz of the readers of foreign files: whatever a file holds, an error of ours, and soon.

    python -m tests.attacks.fuzz [--cases 100000] [--seed 0] [--reader NAME]

Each case changes a valid file (see `mutations`) and gives it to its reader, 13 of them. The reader
must return or raise AnimekitError, within `SECONDS`, in bounded memory and without a warning. Exit
status 0 only if all do; what fails is printed with its seed, and `--reader NAME --first SEED
--cases 1` does it again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from animekit import plugins
from animekit.cleaning import quarantine
from animekit.config import config_layers, resolve
from animekit.data.manifest import COLUMNS, read_manifest
from animekit.data.spec import ImageSpec
from animekit.errors import AnimekitError
from animekit.generation.draw import draw_recipe
from animekit.generation.recipe import Recipe
from animekit.hub.archive import Limits, unpacked
from animekit.hub.catalog import LIST, read_catalogue
from animekit.images.write import write_png
from animekit.labels.lines import PromptFile, parse_prompts
from animekit.labels.tables import read_labels
from animekit.models import sampling, weights
from animekit.runs.checkpoint import read_state, verify
from animekit.runs.run import Loaded, Run
from animekit.runs.summary import summary
from animekit.seeds import parse_seeds
from animekit.testing.tiny import small_params
from tests.attacks.mutations import any_bytes, json_values

SECONDS = 10.0  # of one case, on a machine that does other things too
ROOM = 3 << 30  # bytes that a run by hand may take beyond what it has at its start
LIMITS = Limits(members=50, member_bytes=1 << 20, total_bytes=1 << 21)
SHA = "0" * 64


class Blank:
    """A model whose images are grey: it draws at once."""

    spec = ImageSpec(8)

    def noise(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        return torch.zeros(n, 4)

    def sample(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return z.new_zeros(len(z), 3, 8, 8)


@dataclass(frozen=True)
class Reader:
    """How a foreign file is made, and what reads it."""

    make: Callable[[random.Random], bytes]
    read: Callable[[bytes], Any]


def bytes_of(*seeds: bytes) -> Callable[[random.Random], bytes]:
    """Return a maker that changes the bytes of one of several valid files."""
    return lambda dice: any_bytes(dice.choice(seeds), dice)


def json_of(value: Any) -> Callable[[random.Random], bytes]:
    """Return a maker that changes the values of a JSON text, or its bytes."""
    plain = json.dumps(value).encode()
    return lambda dice: json_values(value, dice) if dice.random() < 0.7 else any_bytes(plain, dice)


def lines_of(rows: list[Any]) -> Callable[[random.Random], bytes]:
    """Return a maker that changes the rows of JSON lines, or their bytes."""

    def make(dice: random.Random) -> bytes:
        lines = [json.dumps(row).encode() for row in rows]
        for _ in range(dice.choice((1, 2, 4))):
            lines[dice.randrange(len(lines))] = json_values(dice.choice(rows), dice)
        text = b"\n".join(lines)
        return any_bytes(text, dice) if dice.random() < 0.3 else text

    return make


def readers(folder: Path) -> dict[str, Reader]:
    """Return the 13 readers; they work in a folder."""
    registry = plugins.load()
    return {
        "tags": _on_file(folder / "tags.csv", TAGS, read_labels),
        "prompts": Reader(bytes_of(*PROMPTS), lambda data: parse_prompts(PromptFile("p", data))),
        "configs": _configs(folder, registry),
        "manifests": _on_file(folder / "manifest.csv", [_manifest()], read_manifest),
        "journals": _journals(folder / "pictures"),
        "metrics": _metrics(folder / "runs" / "0001-gan-faces"),
        "noise": _noise(folder / "z.npy"),
        "seeds": Reader(
            bytes_of(b"0-24", b"3,17,42", b"1,2,5-9"),
            lambda data: parse_seeds(data.decode("utf-8", "surrogateescape")),
        ),
        "checkpoints": _checkpoints(folder / "000002"),
        "safetensors": _safetensors(folder / "w.safetensors", registry),
        "archives": _archives(folder),
        "recipes": _recipes(folder / "p.png"),
        "catalogue": _on_file(folder / "c.toml", [LIST.read_bytes()], read_catalogue.__wrapped__),
    }


TAGS = [
    b"id,tags\n0,blue hair red eyes\n1,pink hair\n2,\n",
    b"3\nSmiling Male Young\n1.jpg 1 -1 1\n2.jpg -1 1 1\n3.jpg 1 1 -1\n",
    b"image_id,Smiling,Hair\n0.png,1,red\n1.png,0,blue\n",
    b'0,"aqua hair:12\tred eyes:3"\n1,blonde hair\n',
]
PROMPTS = [b"1,blue hair red eyes\n2,pink hair\n", b"blue hair, not red eyes\n\ngreen eyes\n"]
TOML = b'preset = "cpu"\nlr = 0.0003\n[train]\nsteps = 100\n[gan]\nbetas = [0.5, 0.9]\nz_dim = 32\n'


def _on_file(path: Path, seeds: list[bytes], read: Callable[[Path], Any]) -> Reader:
    def on(data: bytes) -> Any:
        path.write_bytes(data)
        return read(path)

    return Reader(bytes_of(*seeds), on)


def _manifest() -> bytes:
    rows = [
        ",".join(COLUMNS),
        f"a.png,{SHA},9,8,8,PNG,keep,,,,,,,",
        f"b.png,{SHA},9,8,8,PNG,reject",
    ]
    return "\n".join([*rows[:2], rows[2] + "," * (len(COLUMNS) - 7), ""]).encode()


def _configs(folder: Path, registry: Any) -> Reader:
    cls = registry.get("model", "gan")
    config = {
        "model": "gan",
        "params": cls.Params().model_dump(mode="json"),
        "options": {"steps": 9},
    }
    from_json, from_toml = json_of(config), bytes_of(TOML)

    def make(dice: random.Random) -> bytes:
        return from_json(dice) if dice.random() < 0.5 else from_toml(dice)

    def read(data: bytes) -> Any:
        path = folder / ("config.json" if data[:1] in b"{[" else "config.toml")
        path.write_bytes(data)
        known = {*cls.Params.model_fields, "steps", "preset"}
        layers = config_layers(path, "gan", known)
        return (
            resolve(cls.Params, layers) if not {"steps", "preset"} & layers[-1].values.keys() else 0
        )

    return Reader(make, read)


def _journals(folder: Path) -> Reader:
    folder.mkdir()
    into = quarantine.rejected_folder(folder)
    into.mkdir()
    content = b"picture"
    sha256 = hashlib.sha256(content).hexdigest()
    head = {"batch": 1, "event": "begin", "folder": str(folder), "manifest": "m", "time": "t"}
    moves = [
        {"batch": 1, "event": "move", "name": f"{i}.png", "to": f"blur/{i}.png", "sha256": sha256}
        for i in range(3)
    ]
    rest = [{"event": "go", "files": 3}, {"event": "done", "names": ["0.png"]}, {"event": "end"}]

    def read(data: bytes) -> Any:
        (into / "blur").mkdir(exist_ok=True)
        (into / "blur" / "0.png").write_bytes(content)
        (into / "journal.jsonl").write_bytes(data)
        return quarantine.undo(folder)

    return Reader(lines_of([head, *moves, *({"batch": 1, **row} for row in rest)]), read)


def _metrics(run: Path) -> Reader:
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"model": "gan", "params": {}, "options": {}}))
    rows: list[Any] = [
        {"step": step, "seconds": step / 10, "images": 64, "d/adv": 0.5, "g/adv": 1.5}
        for step in (1, 2, 3)
    ]
    rows.append({"step": 3, "eval/swd": 9.5, "seconds": 0.5})

    def read(data: bytes) -> Any:
        (run / "metrics.jsonl").write_bytes(data)
        return summary(Run(run)).facts()

    return Reader(lines_of(rows), read)


def _noise(path: Path) -> Reader:
    seeds = []
    for kind in ("<f4", "<f8", "<f2"):
        buffer = io.BytesIO()
        np.save(buffer, np.ones((3, 4), kind))
        seeds.append(buffer.getvalue())

    def read(data: bytes) -> Any:
        path.write_bytes(data)
        return sampling.noise_of_file(path, Blank())

    return Reader(bytes_of(*seeds), read)


def _checkpoints(folder: Path) -> Reader:
    folder.mkdir()
    state = {"step": 2, "optimizers": {"d": {"state": {0: {"step": torch.ones(())}}}}, "best": None}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    packed = buffer.getvalue()
    files = {name: {"bytes": 3, "sha256": SHA} for name in ("model.safetensors", "ema.safetensors")}
    manifest = json_of({"step": 2, "files": {**files, "state.pt": {"bytes": 3, "sha256": SHA}}})

    def make(dice: random.Random) -> bytes:
        return manifest(dice) if dice.random() < 0.5 else any_bytes(packed, dice)

    def read(data: bytes) -> Any:
        is_state = data[:1] == b"P"
        (folder / ("state.pt" if is_state else "manifest.json")).write_bytes(data)
        return read_state(folder) if is_state else verify(folder)

    return Reader(make, read)


def _safetensors(path: Path, registry: Any) -> Reader:
    cls = registry.get("model", "gan")
    model = cls(small_params(cls, z_dim=4), ImageSpec(32))
    whole = weights.to_bytes(model.state_dict(), weights.describe(model, 3, {}))
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    about = json.loads(header["__metadata__"]["animekit"])

    def make(dice: random.Random) -> bytes:
        deed = dice.random()
        if deed < 0.3:
            return any_bytes(whole, dice)
        if deed < 0.7:  # what the file says of its model
            text = json_values(about, dice).decode("utf-8", "replace")
            changed = json.dumps(header | {"__metadata__": {"animekit": text}}).encode()
        else:  # what it says of its tensors
            changed = json_values(header, dice)
        return len(changed).to_bytes(8, "little") + changed + whole[8 + size :]

    def read(data: bytes) -> Any:
        path.write_bytes(data)
        weights.about(path)
        tensors, found, _ = weights.read(path)
        return weights.build(found, tensors, registry, path)

    return Reader(make, read)


def _archives(folder: Path) -> Reader:
    zipped, tarred, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/a.png", b"a" * 2000)
        archive.writestr("set/b.png", b"b")
    for buffer, mode in ((tarred, "w"), (packed, "w:gz")):
        with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
            for name in ("set/a.png", "set/b.png"):
                member = tarfile.TarInfo(name)
                member.size = 2000
                tar.addfile(member, io.BytesIO(bytes(2000)))

    def read(data: bytes) -> Any:
        (folder / "a.zip").write_bytes(data)
        with unpacked(folder / "a.zip", folder / "out", limits=LIMITS) as content:
            return sorted(content.rglob("*"))

    return Reader(bytes_of(zipped.getvalue(), tarred.getvalue(), packed.getvalue()), read)


def _recipes(path: Path) -> Reader:
    model = {"name": "faces64", "run": None, "step": 3, "sha256": SHA}
    plain = {"version": "0.1.0", "model": model, "mode": "seeds", "seeds": "0-3"}
    plain |= {"truncation": 0.7, "layout": {"style": "plain", "columns": 2, "tile": 8}}
    plain |= {"prompts": ["a", None, "b", "c"], "labels": None, "index": None}
    moving = plain | {"mode": "slerp", "frames": 8, "loop": True, "prompts": None}
    moving |= {"layout": {"style": "gif", "tile": 8, "fps": 20}}
    makers = json_of(plain), json_of(moving)
    loaded = Loaded(Blank(), "blank", 3, SHA, "using blank")  # type: ignore[arg-type]

    def read(data: bytes) -> Any:
        text = data.decode("latin-1")
        write_png(path, np.zeros((4, 4, 3), np.uint8), {"animekit": text})
        return draw_recipe(loaded, Recipe.read(path))

    return Reader(lambda dice: dice.choice(makers)(dice), read)


def attempt(reader: Reader, dice: random.Random) -> str:
    """Do one case; return "read", the kind of our error, or raise what should not be."""
    data = reader.make(dice)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            reader.read(data)
            outcome = "read"
        except AnimekitError as error:
            outcome = type(error).__name__
    seconds = time.perf_counter() - started
    if seconds > SECONDS:
        raise AssertionError(f"it took {seconds:.1f} s")
    return outcome


def main() -> int:
    """Do so many cases over all readers and print what came of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--reader")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    failures = 0
    with tempfile.TemporaryDirectory() as place:
        found = readers(Path(place))
        _bound_memory()
        names = [asked.reader] if asked.reader else list(found)
        began = time.perf_counter()
        for turn, name in enumerate(names):
            share = asked.cases * (turn + 1) // len(names) - asked.cases * turn // len(names)
            outcomes: Counter[str] = Counter()
            started = time.perf_counter()
            for seed in range(asked.first, asked.first + share):
                try:
                    outcomes[attempt(found[name], random.Random(f"{name}{seed}"))] += 1
                except Exception as error:
                    failures += 1
                    outcomes["FAILED"] += 1
                    print(f"{name} {seed}: {type(error).__name__}: {str(error)[:200]}")
                    if outcomes["FAILED"] < 4:
                        print("".join(traceback.format_exception(error)[-3:])[-1500:], flush=True)
            seconds = time.perf_counter() - started
            shown = ", ".join(f"{count:,} {kind}" for kind, count in outcomes.most_common())
            print(f"{name}: {share:,} cases in {seconds:.0f} s: {shown}", flush=True)
        print(f"{asked.cases:,} cases in {time.perf_counter() - began:.0f} s, {failures} failures")
    return 1 if failures else 0


def _bound_memory() -> None:
    """Let the process take `ROOM` more than it has, where the system can hold it to that."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    sys.exit(main())
