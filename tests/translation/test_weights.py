"""Weights: what a name means, and the test pictures beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from animekit import transfer
from animekit.errors import NotFoundError, UnusableError
from animekit.plugins import Registry
from animekit.translation.result import Transferred
from tests.translation.pictures import BLUE, EXACT, paint, tree


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
