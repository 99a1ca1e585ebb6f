"""The engine: which device, which precision, how many threads, and what one process does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from animekit.device import (
    Crowd,
    OtherWork,
    choose_device,
    choose_precision,
    native_bf16,
    thread_count,
    threads,
)
from animekit.engines.engine import LocalEngine
from animekit.errors import DeviceError

CPU = torch.device("cpu")


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("no_cuda")
def test_a_gpu_that_is_not_there_is_an_error_and_never_a_silent_cpu_run() -> None:
    with pytest.raises(DeviceError) as caught:
        choose_device("0")
    assert caught.value.exit_code == 6 and caught.value.code == "device.no_cuda"
    assert (
        caught.value.message == f"no CUDA device 0: torch {torch.__version__} sees no CUDA devices"
    )
    assert caught.value.hint == "use --device cpu, or --device auto"


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_beyond_those_that_are_there_names_them() -> None:
    assert choose_device("1") == choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device("0") == choose_device("cuda") == torch.device("cuda", 0)
    with pytest.raises(DeviceError, match="sees 2 CUDA devices") as caught:
        choose_device("2")
    assert "cuda:0 to cuda:1" in str(caught.value.hint)


@pytest.mark.usefixtures("two_gpus")
def test_auto_takes_the_first_gpu() -> None:
    assert choose_device("auto") == torch.device("cuda", 0)
    assert choose_device("cpu") == CPU


@pytest.mark.usefixtures("no_cuda")
def test_auto_without_a_gpu_is_the_cpu() -> None:
    assert choose_device("auto") == choose_device("cpu") == CPU


@pytest.mark.usefixtures("no_cuda", "apple")
def test_auto_takes_a_gpu_of_apple_where_there_is_no_cuda() -> None:
    assert choose_device("auto") == choose_device("mps") == torch.device("mps")
    assert choose_precision("auto", torch.device("mps")) == "fp32"


@pytest.mark.usefixtures("two_gpus", "apple")
def test_cuda_goes_before_mps() -> None:
    assert choose_device("auto") == torch.device("cuda", 0)


def test_mps_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no MPS device") as caught:
        choose_device("mps")
    assert caught.value.exit_code == 6 and caught.value.code == "device.no_mps"


@pytest.mark.parametrize(
    "word", ["banana", "mps:0", "", "-1", "1.5", "cuda:", "cuda:-1", "²", "CPU"]
)
def test_a_word_that_is_no_device_is_an_error(word: str) -> None:
    with pytest.raises(DeviceError, match="is not a device") as caught:
        choose_device(word)
    assert f'"{word}"' in caught.value.message
    assert "auto, cpu, cuda" in str(caught.value.hint)


def test_a_missing_gpu_ends_a_training_before_it_makes_a_run(
    tiny: object, no_cuda: None, tmp_path: object
) -> None:
    with pytest.raises(DeviceError, match="no CUDA device 0"):
        tiny(steps=1, device="0")  # type: ignore[operator]
    assert not (tmp_path / "runs").exists()  # type: ignore[operator]


def test_precision_is_what_was_asked_for() -> None:
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_precision_is_bf16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, native: bool, chosen: str
) -> None:
    monkeypatch.setattr("animekit.device.native_bf16", lambda: native)
    assert choose_precision("auto", CPU) == chosen


@pytest.mark.parametrize(
    ("capability", "chosen"), [((6, 1), "fp32"), ((7, 5), "fp16"), ((8, 0), "bf16")]
)
def test_auto_precision_on_a_gpu_follows_its_generation(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", torch.device("cuda", 0)) == chosen


@pytest.mark.parametrize(
    ("text", "native"),
    [
        ("flags\t\t: fpu sse2 avx512f avx512_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("flags\t\t: fpu sse2 avx2 avx512f", False),
        ("", False),
    ],
)
def test_native_bf16_is_read_from_the_processor(
    monkeypatch: pytest.MonkeyPatch, text: str, native: bool
) -> None:
    monkeypatch.setattr("animekit.device.Path.read_text", lambda path, encoding: text)
    assert native_bf16() is native


def test_a_system_that_does_not_tell_its_processor_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(path: object, encoding: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr("animekit.device.Path.read_text", missing)
    assert native_bf16() is False


def test_autocast_computes_in_bf16_and_the_weights_stay_fp32() -> None:
    layer, x = nn.Linear(4, 4), torch.ones(2, 4)
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    for precision, dtype in kinds.items():
        engine = LocalEngine(CPU, precision=precision)  # type: ignore[arg-type]
        with engine.autocast():
            assert layer(x).dtype == dtype
        assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_order_is_what_was_asked_for(channels_last: bool) -> None:
    layer = LocalEngine(CPU, channels_last=channels_last).setup(nn.Conv2d(8, 8, 3))
    assert layer.weight.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_one_process_has_nothing_to_exchange() -> None:
    engine, value = LocalEngine(CPU), torch.arange(3.0)
    assert (engine.rank, engine.world, engine.is_main) == (0, 1, True)
    assert torch.equal(engine.all_reduce_mean(value), value)
    assert torch.equal(engine.gather(value), value)
    assert torch.equal(engine.total(value), value)
    assert engine.agree([0.0, 1.0]) == [0.0, 1.0] and engine.from_main("word") == "word"
    layer = nn.Linear(1, 1)
    engine.backward(layer(torch.ones(1, 1)).sum())
    engine.average_gradients(layer.parameters())
    assert layer.weight.grad is not None and layer.weight.grad.item() == 1
    with engine.main_first():
        engine.barrier()
    engine.end()


def test_without_compilation_a_function_is_itself() -> None:
    assert LocalEngine(CPU).compile(test_one_process_has_nothing_to_exchange) is (
        test_one_process_has_nothing_to_exchange
    )


@pytest.mark.parametrize(
    ("device", "graphs", "mode"),
    [("cuda:0", True, "reduce-overhead"), ("cuda:0", False, None), ("cpu", True, None)],
)
def test_cuda_graphs_are_for_cuda_alone(
    monkeypatch: pytest.MonkeyPatch, device: str, graphs: bool, mode: str | None
) -> None:
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(torch, "compile", lambda function, **given: asked.append(given))
    LocalEngine(torch.device(device), compiled=True, graphs=graphs).compile(len)
    assert asked[0].get("mode") == mode


def test_threads_are_what_was_asked_for_and_then_what_they_were() -> None:
    before = torch.get_num_threads()
    with threads(3) as count:
        assert count == torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError, match="x"), threads(2):
        raise RuntimeError("x")
    assert torch.get_num_threads() == before


def test_by_default_there_is_a_thread_for_each_core_unless_the_environment_says_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("animekit.device.CROWD", Crowd(OtherWork(tmp_path / "nowhere")))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert thread_count(None) == 3
    assert thread_count(2) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_count(None) == torch.get_num_threads()
