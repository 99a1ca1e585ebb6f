"""Pictures per second of `animekit transfer` beside a loop that takes them one by one.

    python benchmarks/speed/transfer.py                       # 12 pictures of 256 px, 2 threads
    python benchmarks/speed/transfer.py --width 32 --blocks 6 --pictures 24

The loop is the plain way to apply a published generator: open a picture with Pillow, resize it
bicubically, one batch of one, float32, write a PNG. Both use the same weights and the same drawn
pictures, in one process, by turns; the smallest time of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from animekit import plugins
from animekit.config import Layer, resolve
from animekit.data.spec import ImageSpec
from animekit.data.synthesis import synth
from animekit.device import native_bf16
from animekit.models import weights
from animekit.models.base import Model
from animekit.plugins import Registry
from animekit.runs.run import load_model
from animekit.translation.transfer import transfer


def make_weights(path: Path, registry: Registry, width: int, blocks: int) -> Path:
    """Write the weights of an untrained cyclegan, a2b alone."""
    cls = registry.get("model", "cyclegan")
    given = {"g_channels": width, "n_blocks": blocks, "directions": "a2b"}
    torch.manual_seed(0)
    model = cls(resolve(cls.Params, [Layer("here", given)]).params, ImageSpec(256))
    path.write_bytes(weights.to_bytes(model.state_dict(), weights.describe(model, 0, {})))
    return path


def plain_loop(model: Model, sources: list[Path], out: Path, size: int) -> None:
    """Translate picture by picture."""
    out.mkdir(parents=True, exist_ok=True)
    for source in sources:
        with Image.open(source) as opened:
            image = opened.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
        with torch.no_grad():
            made = model.translate((pixels / 255 - 0.5)[None] / 0.5, "a2b")[0]  # type: ignore[operator]
        array = (made.permute(1, 2, 0).numpy() + 1) / 2 * 255
        Image.fromarray(array.astype(np.uint8)).save(out / f"{source.stem}.png")


def difference(ours: Path, theirs: Path) -> tuple[float, int]:
    """Return mean and largest difference of two folders of pictures, in levels of 255."""
    means, largest = [], 0
    for path in sorted(theirs.glob("*.png")):
        with Image.open(path) as a, Image.open(ours / path.name) as b:
            gap = np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int))
        means.append(gap.mean())
        largest = max(largest, int(gap.max()))
    return float(np.mean(means)), largest


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=2)
    asked = parser.parse_args()
    registry = plugins.load()
    ways = ["plain loop", "fp32", *(["bf16"] if native_bf16() else [])]
    times: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        synth(top / "in", num=asked.pictures, size=asked.size, registry=registry)
        sources = sorted((top / "in").rglob("*.png"))
        file = make_weights(top / "g.safetensors", registry, asked.width, asked.blocks)
        torch.set_num_threads(asked.threads)
        model = load_model(file, registry).model
        for turn in range(asked.turns):
            for way in ways:
                out = top / f"{way}-{turn}"
                began = time.perf_counter()
                if way == "plain loop":
                    plain_loop(model, sources, out, asked.size)
                else:
                    settings = {"precision": way, "html": False, "threads": asked.threads}
                    transfer("cyclegan", str(file), sources, out, registry=registry, **settings)
                times[way].append(time.perf_counter() - began)
        for way in ways:
            best = min(times[way])
            ratio = min(times["plain loop"]) / best
            line = f"{way:10}  {len(sources) / best:7.2f} pictures a second   {ratio:5.2f} x"
            if way != "plain loop":
                mean, largest = difference(top / f"{way}-0", top / "plain loop-0")
                line += f"   differs by {mean:.2f} levels, at most {largest}"
            print(line)


if __name__ == "__main__":
    main()
