"""weights.jsonl: histograms of what each phase moves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from animekit.runs.weights_log import BINS, NAME, append, histogram, read, rewind


def test_all_weights_are_counted_between_their_ends() -> None:
    found = histogram(5, "d", [torch.tensor([[-2.0, 0.0], [2.0, 2.0]]), torch.full((9,), 100.0)])
    assert found is not None and found.limit == 2.0 and sum(found.counts) == 4
    assert (found.counts[0], found.counts[-1], len(found.counts)) == (1, 2, BINS)
    assert found.middles[0] == pytest.approx(-2 + 2 / BINS) and found.shares[-1] == 0.5


def test_weights_that_gather_at_a_clip_lie_in_the_outer_bins() -> None:
    clipped = torch.randn(50, 50, generator=torch.Generator().manual_seed(0)).clamp(-0.01, 0.01)
    found = histogram(1, "d", [clipped])
    assert found is not None and found.counts[0] + found.counts[-1] > 0.95 * clipped.numel()


def test_there_is_none_without_weights_or_where_one_is_not_finite() -> None:
    assert histogram(1, "d", [torch.ones(3)]) is None
    assert histogram(1, "d", [torch.full((2, 2), torch.nan)]) is None
    assert histogram(1, "d", [torch.zeros(2, 2)]) is None


def test_a_file_gives_back_what_was_written_and_can_be_rewound(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    rewind(tmp_path, 3)
    for step in (0, 5, 10):
        append(tmp_path, step, {"d": [torch.randn(3, 3)], "bias": [torch.ones(2)]})
    assert [(each.step, each.phase) for each in read(tmp_path)] == [(0, "d"), (5, "d"), (10, "d")]
    before = read(tmp_path)[:2]
    rewind(tmp_path, 5)
    assert read(tmp_path) == before


def test_lines_of_strangers_are_passed_over(tmp_path: Path) -> None:
    append(tmp_path, 1, {"d": [torch.randn(3, 3)]})
    good = (tmp_path / NAME).read_text()
    bad = [
        '{"step": 1}',
        '{"step": -1, "phase": "d", "limit": 1.0, "counts": [1, 2]}',
        '{"step": 1, "phase": 3, "limit": 1.0, "counts": [1, 2]}',
        '{"step": 1, "phase": "d", "limit": "x", "counts": [1, 2]}',
        '{"step": 1, "phase": "d", "limit": 1.0, "counts": [1, -2]}',
        '{"step": 1, "phase": "d", "limit": 1.0, "counts": 7}',
        "[",
    ]
    (tmp_path / NAME).write_text("\n".join([*bad, good]))
    assert len(read(tmp_path)) == 1
