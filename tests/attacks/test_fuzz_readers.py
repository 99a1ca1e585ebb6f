"""Every reader of foreign files, given spoilt ones: errors of ours alone, and soon."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.attacks import fuzz
from tests.attacks.mutations import any_bytes, json_values

READERS = (
    *("tags", "prompts", "configs", "manifests", "journals", "metrics", "noise", "seeds"),
    *("checkpoints", "safetensors", "archives", "recipes", "catalogue"),
)
CASES = 150  # of each reader: 13 of them take less than a minute
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, fuzz.Reader]]:
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("fuzz")
        patch.setenv("ANIMEKIT_HOME", str(place / "home"))
        patch.chdir(place)
        yield fuzz.readers(place)


@pytest.mark.parametrize("name", READERS)
def test_a_spoilt_file_is_read_or_ends_with_an_error_of_ours(
    name: str, readers: dict[str, fuzz.Reader]
) -> None:
    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=CHECKS,
    )
    @given(seed=st.integers(0, 2**32 - 1))
    @example(seed=0)
    def hold(seed: int) -> None:
        fuzz.attempt(readers[name], random.Random(f"{name}{seed}"))

    hold()


@pytest.mark.parametrize("name", READERS)
def test_the_files_that_are_spoilt_are_valid(
    name: str, readers: dict[str, fuzz.Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the fuzz would try the first check of a reader alone."""
    outcomes = {fuzz.attempt(readers[name], random.Random(seed)) for seed in range(60)}
    assert "read" in outcomes and (len(outcomes) > 1 or name == "metrics")


def test_every_reader_is_tried(readers: dict[str, fuzz.Reader]) -> None:
    assert tuple(readers) == READERS


def test_an_error_that_is_not_ours_and_a_warning_are_seen() -> None:
    def fails(error: Exception) -> fuzz.Reader:
        def read(data: bytes) -> None:
            raise error

        return fuzz.Reader(lambda dice: b"", read)

    for error in (ValueError("x"), RecursionError(), UserWarning("x"), MemoryError()):
        with pytest.raises(type(error)):
            fuzz.attempt(fails(error), random.Random(0))
    assert fuzz.AnimekitError("two\nlines\x1b[2J").message == r"two\nlines\x1b[2J"
    assert len(fuzz.AnimekitError("x" * 4000).message) < 1010  # the error itself sees to that


def test_a_file_is_spoilt_in_many_ways_and_the_same_seed_spoils_it_alike() -> None:
    value = {"a": [1, 2.5, {"b": "c"}], "d": None}
    texts = {json_values(value, random.Random(seed)) for seed in range(300)}
    assert len(texts) > 200
    assert any(len(text) > 4000 for text in texts)
    assert len({any_bytes(b"0-24,3\n5", random.Random(seed)) for seed in range(300)}) > 200
    assert json_values(value, random.Random(7)) == json_values(value, random.Random(7))
    assert value == {"a": [1, 2.5, {"b": "c"}], "d": None}


def test_the_fuzz_by_hand_counts_what_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fuzz", "--cases", "20", "--reader", "seeds"])
    monkeypatch.setattr(fuzz, "_bound_memory", lambda: None)
    assert fuzz.main() == 0
    monkeypatch.setattr(fuzz, "parse_seeds", lambda text: 1 / 0)
    assert fuzz.main() == 1
    printed = capsys.readouterr().out
    assert "seeds: 20 cases" in printed and "20 failures" in printed and "ZeroDivision" in printed
