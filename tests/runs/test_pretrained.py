"""Weights of another training to begin with: which are taken, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file, save_file

from animekit.errors import ConfigError, NotFoundError, UnusableError
from animekit.runs.checkpoint import AVERAGE, CHECKPOINTS, MODEL
from animekit.runs.run import Run, load_model


def _weights(run: Run, step: int, file: str = MODEL) -> dict[str, torch.Tensor]:
    return load_file(run.checkpoints / f"{step:06d}" / file)


def test_a_training_begins_with_the_weights_and_with_nothing_else(
    tiny: Callable[..., Run],
) -> None:
    first = tiny(steps=2, seed=3)
    second = tiny(model="lsgan", steps=1, seed=4, pretrained=str(first.path))
    taken, before = _weights(second, 0), _weights(first, 2)
    assert taken.keys() == before.keys()
    assert all(torch.equal(taken[key], before[key]) for key in before)
    average = _weights(second, 0, AVERAGE)
    assert all(torch.equal(average[key], taken[key]) for key in average)
    said = second.config["pretrained"]
    assert (said["run"], said["step"], said["fresh"]) == (first.id, 2, [])
    assert second.config["options"]["pretrained"] == str(first.path)
    assert "pretrained" not in first.config
    changed = _weights(second, 1)
    assert not all(torch.equal(changed[key], before[key]) for key in before)


def test_a_run_that_goes_on_needs_them_no_more(tiny: Callable[..., Run]) -> None:
    first = tiny(steps=1)
    whole = tiny(steps=3, pretrained=str(first.path))
    cut = tiny(steps=2, pretrained=str(first.path))
    shutil.rmtree(first.path)
    on = tiny(resume=cut.path, steps=3)
    one, other = _weights(on, 3), _weights(whole, 3)
    assert all(torch.equal(one[key], other[key]) for key in other)


def test_a_run_cut_at_once_begins_with_the_same_weights_or_not_at_all(
    tiny: Callable[..., Run],
) -> None:
    first = tiny(steps=1, seed=1)
    run = tiny(steps=1, pretrained=str(first.path))
    shutil.rmtree(run.path / CHECKPOINTS)
    (run.path / "metrics.jsonl").unlink()
    again = tiny(resume=run.path)
    assert torch.equal(
        _weights(again, 0)["generator.main.0.weight"], _weights(first, 1)["generator.main.0.weight"]
    )
    shutil.rmtree(run.path / CHECKPOINTS)
    (run.path / "metrics.jsonl").unlink()
    tiny(resume=first.path, steps=2)
    with pytest.raises(UnusableError, match="has other weights than when run"):
        tiny(resume=run.path)


def test_weights_of_a_generator_leave_the_other_networks_random(tiny: Callable[..., Run]) -> None:
    first = tiny(steps=1)
    alone = first.checkpoints / "000001" / AVERAGE
    run = tiny(steps=0, seed=9, pretrained=str(alone))
    untouched = tiny(steps=0, seed=9)
    mine, average, random = _weights(run, 0), load_file(alone), _weights(untouched, 0)
    assert run.config["pretrained"]["fresh"] == ["discriminator"]
    assert "has no discriminator that fits" in (run.path / "log.txt").read_text()
    for key, value in mine.items():
        assert torch.equal(value, average[key] if key in average else random[key]), key


def test_other_networks_sizes_and_labels_are_refused_before_a_run_begins(
    tiny: Callable[..., Run],
) -> None:
    first = tiny(steps=0)
    number = len(list(first.path.parent.iterdir()))
    channels = first.config["params"]["g_channels"]
    with pytest.raises(UnusableError, match="cannot begin with .*is float") as wider:
        tiny(pretrained=str(first.path), g_channels=channels + 4, steps=0)
    assert wider.value.hint == f"--set g_channels={channels}"
    with pytest.raises(UnusableError, match="it is of 32 px, and this of 64 px"):
        tiny(pretrained=str(first.path), size=64, steps=0)
    labelled = tiny(model="acgan", data="synthetic:40", steps=0)
    number += 1
    with pytest.raises(UnusableError, match=r"it learned 39 labels .*, and this \d+ labels"):
        tiny(
            model="acgan",
            data="synthetic:40",
            labels="hair",
            pretrained=str(labelled.path),
            steps=0,
        )
    with pytest.raises(UnusableError, match="cannot begin with .*is float"):
        tiny(
            pretrained=str(labelled.path), steps=0
        )  # its generator is told what this one knows nothing of
    with pytest.raises(NotFoundError, match="bundled weights"):
        tiny(pretrained="nobody", steps=0)
    assert len(list(first.path.parent.iterdir())) == number
    with pytest.raises(ConfigError) as kept:
        tiny(resume=first.path, seed=8)
    assert f"--pretrained {first.id}" in str(kept.value.hint)


def test_a_model_with_labels_begins_with_one_without_and_draws_the_same(
    tiny: Callable[..., Run],
) -> None:
    first = tiny(steps=1, seed=1)
    run = tiny(model="acgan", data="synthetic:40", pretrained=str(first.path), steps=0, seed=2)
    random = tiny(model="acgan", data="synthetic:40", steps=0, seed=2)
    assert run.config["pretrained"]["fresh"] == []
    before, now, untaught = _weights(first, 1), _weights(run, 0), _weights(random, 0)
    told, last = "generator.main.0.weight", max(k for k in now if k.startswith("discriminator."))
    count = len(before[told])
    assert torch.equal(now[told][:count], before[told]) and not now[told][count:].any()
    assert len(now[told]) == count + 39
    assert torch.equal(now[last][:1], before[last]) and torch.equal(
        now[last][1:], untaught[last][1:]
    )
    model = load_model(run, None).model
    z = model.noise(2)
    labels = torch.eye(39)[:2]
    plain = load_model(first, None, ema=False).model.sample(z)
    assert torch.allclose(model.sample(z, labels), plain, atol=1e-5)


def test_a_file_of_a_stranger_is_read_as_safetensors_alone(
    tiny: Callable[..., Run],
) -> None:
    first = tiny(steps=0)
    odd = first.path / "odd.safetensors"
    save_file({"generator.main.0.weight": torch.zeros(1)}, odd)
    with pytest.raises(Exception, match="odd.safetensors"):
        tiny(pretrained=str(odd), steps=0)
