"""The order of images and the batches: functions of (seed, step) and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from animekit.data.dataset import Dataset
from animekit.data.pack import Pack, pack
from animekit.data.sampler import BalancedSampler, Loader, Sampler, WeightedSampler
from animekit.data.spec import ImageSpec
from animekit.errors import DataError
from animekit.images.pixels import to_uint8
from animekit.seeds import derive_seed


class Counted(Dataset):
    """Images whose pixels tell the image, the row and the column."""

    name = "counted"
    count = 10
    side = 12

    def spec(self, size: int) -> ImageSpec:
        return ImageSpec(size=size, labels=("even", "odd"), groups=(2,))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = np.indices((self.side, self.side))
        image = np.stack([np.full_like(rows, index), rows, columns], axis=2).astype(np.uint8)
        return image, np.array([index % 2 == 0, index % 2 == 1], np.uint8)

    def mask_of(self, index: int) -> np.ndarray:
        return np.full(2, index != 3, np.uint8)

    def fingerprint(self) -> str:
        return "counted"


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return pack(Counted(""), Counted.side, folder=tmp_path_factory.mktemp("packs"))


def pixels(loader: Loader, step: int) -> np.ndarray:
    return to_uint8(loader.batch(step).images)


@given(n=st.integers(1, 60), batch=st.integers(1, 90), seed=st.integers(0, 2**40))
def test_every_item_comes_once_in_each_epoch(n: int, batch: int, seed: int) -> None:
    sampler = Sampler(n, batch, seed)
    steps = -(-3 * n // batch)
    batches = [sampler.indices(step) for step in range(1, steps + 1)]
    assert all(part.shape == (batch,) and part.dtype == torch.int64 for part in batches)
    order = torch.cat(batches)
    for epoch in range(3):
        assert sorted(order[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))


@given(
    n=st.integers(1, 30),
    batch=st.integers(1, 50),
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_a_step_has_the_same_items_whatever_was_asked_before(
    n: int, batch: int, steps: list[int]
) -> None:
    used = Sampler(n, batch, seed=7)
    for step in steps:
        assert torch.equal(used.indices(step), Sampler(n, batch, seed=7).indices(step))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    first = Sampler(100, 100, seed=0)
    assert not torch.equal(first.indices(1), first.indices(2))
    assert not torch.equal(first.indices(1), Sampler(100, 100, seed=1).indices(1))
    assert not torch.equal(first.indices(1), torch.arange(100))


def test_the_order_does_not_change_between_versions() -> None:
    assert Sampler(6, 4, seed=0).indices(2).tolist() == [4, 0, 0, 3]


def test_the_global_generator_is_neither_read_nor_moved(counted: Pack) -> None:
    loader = Loader(counted, 4, 0, flip=True, crop=2)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = pixels(loader, 5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert np.array_equal(pixels(loader, 5), first)


def test_weights_say_how_often_an_item_comes_and_its_like_equally_often() -> None:
    sampler = WeightedSampler(np.array([0.5, 2, 0.5, 0.5, 2, 0.5]), batch=3, seed=7)
    assert sampler.n == 6  # 2 of 4 items, and twice 2
    epochs = [[sampler.indices(2 * epoch + half) for half in (1, 2)] for epoch in range(4)]
    for epoch in epochs:
        assert torch.bincount(torch.cat(epoch), minlength=6)[[1, 4]].tolist() == [2, 2]
    both = torch.bincount(torch.cat([each for epoch in epochs[:2] for each in epoch]), minlength=6)
    assert both.tolist() == [1, 4, 1, 1, 4, 1]
    assert len({tuple(torch.cat(epoch).tolist()) for epoch in epochs}) == 4
    again = WeightedSampler(np.array([0.5, 2, 0.5, 0.5, 2, 0.5]), batch=3, seed=7)
    assert torch.equal(again.indices(7), epochs[3][0])
    rare = WeightedSampler(np.array([0.01, 1, 1]), batch=2, seed=0)
    assert rare.n == 3  # at least one of each weight


def test_no_items_no_batch_and_step_zero_are_errors() -> None:
    with pytest.raises(DataError, match="batches of 4 from 0 images"):
        Sampler(0, 4, seed=0)
    with pytest.raises(DataError, match="batches of 0 from 4 images"):
        Sampler(4, 0, seed=0)
    with pytest.raises(ValueError, match="count from 1"):
        Sampler(4, 4, seed=0).indices(0)


@given(st.lists(st.one_of(st.integers(), st.text()), max_size=4))
def test_derived_seeds_fit_a_generator(parts: list[int | str]) -> None:
    seed = derive_seed(*parts)
    assert 0 <= seed < 2**63
    torch.Generator().manual_seed(seed)
    assert derive_seed(*parts) == seed


def test_derived_seeds_tell_their_parts_apart() -> None:
    parts = [(1,), ("1",), (1, 1), (11,), ("a", "b"), ("ab",), (), ("", "")]
    assert len({derive_seed(*part) for part in parts}) == len(parts)


def test_a_batch_holds_the_images_of_the_sampler_with_their_labels(counted: Pack) -> None:
    loader = Loader(counted, 4, 3, flip=False, crop=0)
    for step in (1, 3, 50):
        batch = loader.batch(step)
        chosen = loader.sampler.indices(step)
        assert batch.images.shape == (4, 3, 12, 12)
        assert batch.images.dtype == torch.float32
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert np.array_equal(to_uint8(batch.images), counted.images[chosen.numpy()])
        assert batch.labels is not None
        assert batch.mask is not None
        assert batch.labels[:, 1].tolist() == (chosen % 2).tolist()
        assert batch.mask[:, 0].tolist() == (chosen != 3).float().tolist()


def test_flips_are_half_of_the_images_whole_and_left_to_right(counted: Pack) -> None:
    loader = Loader(counted, 10, 0, flip=True, crop=0)
    straight = Loader(counted, 10, 0, flip=False, crop=0)
    flipped = 0
    for step in range(1, 41):
        for image, original in zip(pixels(loader, step), pixels(straight, step), strict=True):
            if not np.array_equal(image, original):
                assert np.array_equal(image, original[:, ::-1])
                flipped += 1
    assert 150 < flipped < 250  # 200 of 400, five standard deviations


def test_crops_are_windows_of_every_place(counted: Pack) -> None:
    loader = Loader(counted, 10, 0, flip=False, crop=3)
    assert loader.spec == ImageSpec(9, 3, ("even", "odd"), (2,))
    places = set()
    for step in range(1, 41):
        chosen = loader.sampler.indices(step).numpy()
        for index, image in zip(chosen, pixels(loader, step), strict=True):
            top, left = int(image[0, 0, 1]), int(image[0, 0, 2])
            window = counted.images[index, top : top + 9, left : left + 9]
            assert np.array_equal(image, window)
            places.add((top, left))
    assert places == {(top, left) for top in range(4) for left in range(4)}


def test_a_batch_may_be_larger_than_the_data(counted: Pack) -> None:
    batch = Loader(counted, 64, 0, flip=True, crop=2).batch(1)
    assert batch.images.shape == (64, 3, 10, 10)
    counts = np.bincount(to_uint8(batch.images)[:, 0, 0, 0], minlength=10)
    assert set(counts.tolist()) == {6, 7}


def test_a_loader_starts_anywhere(counted: Pack) -> None:
    straight = Loader(counted, 4, 9, flip=True, crop=2)
    for step in range(1, 8):
        straight.batch(step)
    resumed = Loader(counted, 4, 9, flip=True, crop=2)
    assert torch.equal(straight.batch(8).images, resumed.batch(8).images)


def test_a_batch_is_memory_of_its_own(counted: Pack) -> None:
    before = np.array(counted.images)
    Loader(counted, 4, 0, flip=True, crop=0).batch(1).images.zero_()
    assert np.array_equal(counted.images, before)
    assert not counted.images.flags.writeable


def test_a_crop_as_large_as_the_images_is_an_error(counted: Pack) -> None:
    with pytest.raises(DataError, match="cannot cut 12 pixels off images of 12"):
        Loader(counted, 4, 0, flip=False, crop=12)


def test_data_without_labels_gives_batches_without_labels(pictures: Path, tmp_path: Path) -> None:
    from animekit_plugins.datasets.folder import Folder

    batch = Loader(pack(Folder(str(pictures)), 16, folder=tmp_path), 4, 0, flip=True, crop=0)
    assert batch.batch(1).labels is None
    assert batch.batch(1).mask is None


# balance: groups of two and one; value 0 of the first attribute is 36 times as common as value 1


def skewed(unknown: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """37 labelled images: 36 of the first value, 1 of the second; 12 smile. Then unknown ones."""
    labels, mask = np.zeros((2, 37 + unknown, 3), np.uint8)
    mask[:37] = 1
    labels[:36, 0] = labels[36, 1] = labels[:12, 2] = 1
    return labels, mask


def drawn(sampler: BalancedSampler | Sampler, steps: int) -> np.ndarray:
    return np.concatenate([sampler.indices(step).numpy() for step in range(1, steps + 1)])


def test_balanced_draws_give_rare_values_their_turn() -> None:
    labels, mask = skewed()
    chosen = drawn(BalancedSampler(labels, mask, (2, 1), 100, 0), 100)
    assert set(chosen) == set(range(37))
    # Half of the draws pick the first attribute, and half of those its rare value; the other half
    # pick a smile or none, of which the rare image is one of 25 without.
    assert (chosen == 36).mean() == pytest.approx(1 / 4 + 1 / 4 / 25, abs=0.025)
    assert labels[chosen, 2].mean() == pytest.approx(1 / 4 + 1 / 4 * 12 / 36, abs=0.025)
    plain = drawn(Sampler(37, 100, 0), 100)
    assert (plain == 36).mean() == pytest.approx(1 / 37, abs=0.005)


def test_images_without_labels_keep_their_share() -> None:
    chosen = drawn(BalancedSampler(*skewed(unknown=37), (2, 1), 100, 0), 100)
    assert (chosen >= 37).mean() == pytest.approx(1 / 2, abs=0.025)
    assert len(set(chosen[chosen >= 37])) == 37


def test_values_that_do_not_occur_and_attributes_that_nobody_knows_are_never_picked() -> None:
    labels, mask = skewed()
    mask[:, 2] = 0
    wide = np.insert(labels, 1, 0, axis=1)
    chosen = drawn(BalancedSampler(wide, np.insert(mask, 1, 1, axis=1), (3, 1), 100, 0), 100)
    assert (chosen == 36).mean() == pytest.approx(1 / 2, abs=0.025)


def test_balanced_draws_are_a_function_of_seed_and_step() -> None:
    first, second = (BalancedSampler(*skewed(), (2, 1), 16, 3) for _ in range(2))
    later = [second.indices(step) for step in (5, 2)]
    assert torch.equal(first.indices(2), later[1])
    assert torch.equal(first.indices(5), later[0])
    assert not torch.equal(first.indices(1), first.indices(2))
    other = BalancedSampler(*skewed(), (2, 1), 16, 4)
    assert not torch.equal(first.indices(1), other.indices(1))
    with pytest.raises(ValueError, match="steps count from 1"):
        first.indices(0)


def test_a_balanced_loader_draws_from_the_rows_that_it_was_given(counted: Pack) -> None:
    rows = np.array([0, 1, 2, 4, 6, 8])  # one odd image, five even ones
    loader = Loader(counted, 50, 0, flip=False, crop=0, rows=rows, balance=True)
    batches = [loader.batch(step) for step in range(1, 21)]
    seen = np.concatenate([to_uint8(batch.images)[:, 0, 0, 0] for batch in batches])
    assert set(seen.tolist()) == set(rows.tolist())
    assert (seen == 1).mean() == pytest.approx(1 / 2, abs=0.08)
    for batch in batches:
        assert batch.labels is not None
        assert torch.equal(
            batch.labels[:, 1] > 0, torch.from_numpy(to_uint8(batch.images)[:, 0, 0, 0] % 2 == 1)
        )


def test_balance_without_labels_is_an_error(counted: Pack) -> None:
    with pytest.raises(DataError, match="no image has a label"):
        BalancedSampler(*np.zeros((2, 5, 2), np.uint8), (2,), 4, 0)
    plain = replace(counted, labels=None, mask=None)
    with pytest.raises(DataError, match="images without labels"):
        Loader(plain, 4, 0, flip=False, crop=0, balance=True)
