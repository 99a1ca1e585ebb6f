"""Images that are kept out of training: chosen by content, never drawn, counted in the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from animekit.data.sampler import Loader
from animekit.runs.run import Run
from animekit.testing.tiny import tiny_dataset


def test_about_the_share_is_held_out_and_copies_go_the_same_way() -> None:
    pack = tiny_dataset(400).pack(16)
    twice = replace(pack, images=np.concatenate([pack.images, pack.images[::-1]]))
    chosen = twice.held_out(0.25)
    assert 60 < chosen[:400].sum() < 140
    assert np.array_equal(chosen[:400], chosen[400:][::-1])
    assert not pack.held_out(0.0).any()


def test_a_larger_share_keeps_what_a_smaller_one_held_out() -> None:
    pack = tiny_dataset(200).pack(16)
    small, large = pack.held_out(0.1), pack.held_out(0.5)
    assert (large[small]).all()
    assert large.sum() > small.sum()


def test_the_loader_draws_only_the_rows_that_it_was_given() -> None:
    pack = tiny_dataset(40).pack(16)
    rows = np.flatnonzero(~pack.held_out(0.5))
    loader = Loader(pack, 8, seed=0, flip=False, crop=0, rows=rows)
    seen = np.concatenate(
        [rows[loader.sampler.indices(step).numpy()] for step in range(1, len(rows) + 1)]
    )
    assert set(seen) == set(rows)
    batch = loader.batch(1)
    first = pack.images[rows[loader.sampler.indices(1)[0]]]
    drawn = ((batch.images[0].permute(1, 2, 0) + 1) * 127.5).round().numpy()
    assert np.array_equal(drawn.astype(np.uint8), first)


def test_a_run_says_how_many_were_held_out(tiny: Callable[..., Run]) -> None:
    run = tiny(steps=1, holdout=0.5)
    data = run.config["data"]
    assert 0 < data["held_out"] < data["used"]
    assert tiny(steps=1).config["data"]["held_out"] == 0
