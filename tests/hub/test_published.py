"""Weights of other projects: the same pixels as their programs, and clear refusals."""

from __future__ import annotations

import json
import pickle
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from animekit import plugins
from animekit.cli import models
from animekit.errors import CheckpointError, NotFoundError, UnusableError, UsageError
from animekit.hub.convert import CELEBA, import_weights, name_of
from animekit.hub.published import load_tensors, read_published
from animekit.models import weights
from animekit.runs.run import load_model
from tests import support

# Provenance stands in the file: numbers that the original programs gave, made outside this project.
GOLDEN = json.loads(
    (Path(__file__).parents[1] / "files" / "published_golden.json").read_text("utf-8")
)["cases"]
NINE, STARGAN = "cyclegan, 9 blocks", "stargan of 5 labels"


def wave(number: int, count: int) -> torch.Tensor:
    return torch.sin(torch.arange(count, dtype=torch.float64) * 1.7 + number)


def filled(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """The weights that the golden numbers were made with, by formula."""
    tensors = {}
    for number, (key, shape) in enumerate(shapes.items()):
        if key.endswith("num_batches_tracked"):
            tensors[key] = torch.tensor(7)
            continue
        count = torch.Size(shape).numel()
        values = wave(number, count)
        if key.endswith("running_var"):
            values = 1 + values / 2
        elif len(shape) == 1 and key.endswith("weight"):
            values = 1 + values / 4
        elif len(shape) == 4:
            values = values * (0.7 / (count / shape[0]) ** 0.5)
        else:
            values = values / 4
        tensors[key] = values.reshape(shape).float()
    return tensors


def picture(count: int, size: int) -> torch.Tensor:
    x = torch.arange(count * 3 * size * size, dtype=torch.float64)
    return torch.cos(x * 0.37 + torch.sin(x * 0.011)).reshape(count, 3, size, size).float()


def saved(tmp_path: Path, name: str, tensors: object, **how) -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(tensors, path, **how)
    return path


@pytest.fixture(scope="module")
def registry():
    return plugins.load()


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("case", GOLDEN)
def test_an_imported_generator_gives_the_pixels_of_the_original_program(
    case, prefix, tmp_path, registry
):
    golden = GOLDEN[case]
    tensors = {prefix + key: value for key, value in filled(golden["shapes"]).items()}
    # the two forms of torch.save: published weights are of the older one
    path = saved(tmp_path, "weights.pth", tensors, _use_new_zipfile_serialization=not prefix)
    import_weights(path, registry, name="them", statistics=golden["statistics"])
    loaded = load_model("them", registry)
    assert loaded.origin == "using the imported weights them (step 0)"
    count = 2 if case == STARGAN else 1
    target = torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 1, 0, 1]]) if case == STARGAN else "a2b"
    with torch.inference_mode():
        found = loaded.model.translate(picture(count, golden["size"]), target)
    for index, value in golden["pixels"]:
        assert found.flatten()[index].item() == pytest.approx(value, abs=1e-4)
    assert found.mean().item() == pytest.approx(golden["mean"], abs=1e-5)
    assert found.std().item() == pytest.approx(golden["std"], abs=1e-5)


def test_a_batch_norm_takes_the_statistics_that_are_asked_for(tmp_path, registry):
    case = GOLDEN["batch norm, 6 blocks, as test.py"]
    path = saved(tmp_path, "a.pth", filled(case["shapes"]))
    image, running = read_published(path), read_published(path, "running")
    assert (image.params["norm"], running.params["norm"]) == ("affine", "batch")
    assert not [key for key in image.tensors if "running" in key]
    assert [key for key in running.tensors if key.endswith("num_batches_tracked")]
    older = {k: v for k, v in filled(case["shapes"]).items() if "batches" not in k}
    assert len(read_published(saved(tmp_path, "b.pth", older), "running").tensors) == len(
        running.tensors
    )


def test_what_a_file_is_follows_from_its_keys(tmp_path):
    found = {
        name: read_published(saved(tmp_path, "a.pth", filled(case["shapes"])))
        for name, case in GOLDEN.items()
    }
    assert found[NINE].params == {
        "architecture": "resnet",
        "g_channels": 2,
        "n_blocks": 9,
        "norm": "instance",
    }
    assert found["cyclegan, 6 blocks with dropout"].params["n_blocks"] == 6
    assert found["u-net of 7 halvings"].params["depth"] == 7
    assert (found[STARGAN].model, found[STARGAN].labels) == ("stargan", 5)
    assert found[STARGAN].params == {"g_channels": 2, "n_blocks": 6}


def test_two_generators_make_a_model_that_knows_the_way_back(tmp_path, registry):
    tensors = filled(GOLDEN[NINE]["shapes"])
    first = saved(tmp_path, "horses/latest_net_G_A.pth", tensors)
    other = {key: -value for key, value in tensors.items()}
    back = saved(tmp_path, "horses/latest_net_G_B.pth", other)
    made = import_weights(first, registry, back=back, source="https://example.org/h", size=128)
    assert made.name == "horses"
    model = load_model("horses", registry).model
    assert model.directions == ("a2b", "b2a")
    assert model.spec.size == 128
    image = picture(1, 32)
    with torch.inference_mode():
        there = model.translate(image, "a2b")
        assert torch.equal(model.cycle(image, "a2b"), model.translate(there, "b2a"))
        assert not torch.allclose(there, model.translate(image, "b2a"), atol=1e-2)
    source = weights.read(made.path)[1]["source"]
    assert source["url"] == "https://example.org/h"
    assert source["sha256"] == load_tensors(first)[1]
    assert source["licence"].startswith("not known")


def test_one_generator_knows_one_direction_and_cannot_be_trained(tmp_path, registry):
    path = saved(tmp_path, "x/latest_net_G_B.pth", filled(GOLDEN[NINE]["shapes"]))
    import_weights(path, registry)
    model = load_model("x", registry).model
    assert model.directions == ("b2a",)
    for wanted in (lambda: model.translate(picture(1, 32), "a2b"), model.validate):
        with pytest.raises(UnusableError, match="direction|a2b"):
            wanted()
    with pytest.raises(UnusableError, match='does not translate "a2b"'):
        model.cycle(picture(1, 32), "b2a")


def test_the_labels_of_stargan_are_celebas_or_those_that_are_given(tmp_path, registry):
    path = saved(tmp_path, "200000-G.ckpt", filled(GOLDEN[STARGAN]["shapes"]))
    made = import_weights(path, registry, name="faces", labels=["a", "b", "c", "d", "e"])
    assert made.about["spec"]["labels"] == ["a", "b", "c", "d", "e"]
    assert load_model("faces", registry).step == 200_000
    assert import_weights(path, registry, name="celeba").labels == CELEBA
    shapes = {**GOLDEN[STARGAN]["shapes"], "main.0.weight": [2, 3 + 7, 7, 7]}
    seven = import_weights(saved(tmp_path, "b.ckpt", filled(shapes)), registry)
    assert seven.labels == tuple(f"label {index}" for index in range(1, 8))
    with pytest.raises(UsageError, match="5 labels, and 2 names"):
        import_weights(path, registry, labels=["a", "b"])


def test_names_come_from_the_file_or_its_folder_and_are_never_taken_over(tmp_path, registry):
    assert name_of(Path("a/horse2zebra.pth")) == "horse2zebra"
    assert name_of(Path("a/maps/latest_net_G.pth")) == "maps"
    tensors = filled(GOLDEN[NINE]["shapes"])
    path = saved(tmp_path, "one.pth", tensors)
    made = import_weights(path, registry)
    import_weights(path, registry)  # the same bytes again
    other = saved(tmp_path, "two.pth", {key: -value for key, value in tensors.items()})
    with pytest.raises(UnusableError, match="other weights are called one"):
        import_weights(other, registry, name="one")
    import_weights(other, registry, name="one", overwrite=True)
    assert weights.imported() == {"one": made.path}
    for name, message in (("../one", "cannot be called"), ("faces64", "bundled weights")):
        with pytest.raises(UsageError, match=message):
            import_weights(path, registry, name=name)


class Evil:
    def __reduce__(self):
        return (print, ("this must never be said",))


FILES = {
    "it is empty": lambda p: p.write_bytes(b""),
    "it is a web page": lambda p: p.write_bytes(b"\n<!DOCTYPE html><html>503</html>"),
    "Git LFS pointer": lambda p: p.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
    "torch.save did not write it": lambda p: p.write_bytes(b"\x89PNG" + b"0" * 999),
    "an archive of something else": lambda p: support.zipped(p, {"celeba/1-G.ckpt": b"0" * 100}),
    "asks to run code": lambda p: torch.save({"a": Evil()}, p),
    "asks to run code .*Linear": lambda p: torch.save(nn.Linear(1, 1), p),
    "holds a list": lambda p: torch.save([torch.zeros(1)], p),
    "its entry 'epoch' is a int": lambda p: torch.save({"epoch": 1}, p),
    "it holds nothing": lambda p: torch.save({}, p),
    "no generator of CycleGAN or StarGAN: it has weight": lambda p: torch.save(
        nn.Linear(1, 1).state_dict(), p
    ),
    "cut short or damaged": lambda p: (
        torch.save(filled(GOLDEN[NINE]["shapes"]), p),
        p.write_bytes(p.read_bytes()[:-2000]),
    ),
}


@pytest.mark.parametrize("message", FILES)
def test_anything_else_is_refused_in_words(message, tmp_path, capsys):
    path = tmp_path / "latest_net_G.pth"
    FILES[message](path)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_published(path)
    assert caught.value.exit_code == 4
    assert capsys.readouterr().out == ""


def test_pickled_code_is_never_run_whatever_the_form(tmp_path, capsys):
    path = tmp_path / "a.pth"
    for data in (pickle.dumps(Evil()), pickle.dumps({"a": Evil()}, protocol=2)):
        path.write_bytes(data)
        with pytest.raises(CheckpointError):
            read_published(path)
    torch.save({"a": Evil()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="asks to run code"):
        read_published(path)
    assert capsys.readouterr().out == ""


def without(key):
    return lambda tensors: tensors.pop(key)


def put(key, value):
    return lambda tensors: tensors.update({key: value})


CHANGES = {
    "model.1.bias is missing": without("model.1.bias"),
    "model.14.conv_block.5.weight is missing": without("model.14.conv_block.5.weight"),
    "blocks are .*12, 14": lambda t: [t.pop(k) for k in list(t) if k.startswith("model.13.")],
    "model.99.weight is unknown": put("model.99.weight", torch.zeros(1)),
    r"model.4.weight is \[4, 2, 5, 5\], not \[4, 2, 3, 3\]": put(
        "model.4.weight", torch.zeros(4, 2, 5, 5)
    ),
    "model.4.bias is not finite": put("model.4.bias", torch.full((4,), float("nan"))),
    "turns 1 channels into 3": put("model.1.weight", torch.zeros(2, 1, 7, 7)),
    "turns 3 channels into 1": put("model.26.weight", torch.zeros(1, 2, 7, 7)),
    "no norms": lambda t: (t.pop("model.1.bias"), t.pop("model.4.bias")),
}


@pytest.mark.parametrize("message", CHANGES)
def test_a_state_dict_that_does_not_fit_is_refused_with_the_key(message, tmp_path):
    tensors = filled(GOLDEN[NINE]["shapes"])
    CHANGES[message](tensors)
    expected = "no norms" if message == "model.1.bias is missing" else message
    with pytest.raises(CheckpointError, match=expected):
        read_published(saved(tmp_path, "a.pth", tensors))


def test_discriminators_are_told_from_generators(tmp_path):
    patches = {f"model.{i}.weight": torch.zeros(4, 3, 4, 4) for i in (0, 2, 5, 8, 11)}
    heads = {"main.0.weight": torch.zeros(4, 3, 4, 4), "conv1.weight": torch.zeros(1, 4, 3, 3)}
    for tensors in (patches, heads | {"conv2.weight": torch.zeros(5, 4, 2, 2)}):
        with pytest.raises(CheckpointError, match="it is a discriminator"):
            read_published(saved(tmp_path, "a.pth", tensors))


def test_generators_that_do_not_belong_together_are_refused(tmp_path, registry):
    first = saved(tmp_path, "a.pth", filled(GOLDEN[NINE]["shapes"]))
    six = saved(tmp_path, "b.pth", filled(GOLDEN["cyclegan, 6 blocks with dropout"]["shapes"]))
    star = saved(tmp_path, "c.pth", filled(GOLDEN[STARGAN]["shapes"]))
    with pytest.raises(CheckpointError, match="do not go together"):
        import_weights(first, registry, back=six)
    with pytest.raises(UsageError, match="one generator"):
        import_weights(star, registry, back=first)
    with pytest.raises(NotFoundError, match="no weights file"):
        import_weights(tmp_path / "gone.pth", registry)
    assert weights.imported() == {}


def test_a_pickled_file_in_place_of_ours_is_refused_with_the_way_to_import_it(tmp_path, registry):
    path = saved(tmp_path, "a.pth", filled(GOLDEN[NINE]["shapes"]))
    with pytest.raises(CheckpointError) as caught:
        load_model(path, registry)
    assert "animekit models import" in caught.value.hint


call = partial(support.answer, "models", root=support.alone(models), exit_code=None)


def test_the_command_imports_lists_and_never_replaces_unasked(tmp_path):
    first = saved(tmp_path, "maps/latest_net_G_A.pth", filled(GOLDEN[NINE]["shapes"]))
    planned = call("import", first, "-n")["data"]
    assert not Path(planned["path"]).exists()
    words = ("--source", "https://example.org/maps", "--licence", "of a test")
    made = call("import", first, "--back", first, *words)["data"]
    assert (made["name"], made["params"]["directions"]) == ("maps", "both")
    rows = {row["name"]: row for row in call("ls")["data"]}
    assert rows["maps"]["state"] == "imported"
    assert rows["maps"]["licence"] == "of a test"
    assert rows["maps"]["page"] == "https://example.org/maps"
    refused = call("import", first, "--name", "maps")
    assert (refused["exit_code"], refused["error"]["code"]) == (4, "file.exists")
    assert call("import", first, "--name", "maps", "--yes")["data"]["params"]["directions"] == "a2b"


def test_the_command_says_what_it_was_given_instead(tmp_path):
    page = tmp_path / "horse2zebra.pth"
    page.write_bytes(b"<html>")
    for words, code, message in (
        ((page,), 4, "it is a web page"),
        ((tmp_path / "gone.pth",), 3, "no weights file"),
        (("cyclegan/apple2orange",), 3, "no weights cyclegan/apple2orange in the store"),
        ((page, "--statistics", "none"), 2, 'no --statistics "none"'),
    ):
        found = call("import", *words)
        assert (found["exit_code"], found["ok"]) == (code, False)
        assert message in found["error"]["message"]


def test_downloaded_weights_are_imported_by_their_name_in_the_catalogue(tmp_path):
    saved(tmp_path, "home/weights/cyclegan/orange2apple.pth", filled(GOLDEN[NINE]["shapes"]))
    made = call("import", "cyclegan/orange2apple")["data"]
    assert made["name"] == "orange2apple"
    assert made["source"]["url"].endswith("/orange2apple.pth")
    assert "none stated" in made["source"]["licence"]
    assert call("import", tmp_path / "home/weights/cyclegan/orange2apple.pth")["data"] == made


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("thing", [{"G_ema": [1, 2]}, {"w": np.zeros(3)}, {"f": len}, "text"])
def test_a_pickle_of_any_protocol_is_refused_in_our_words_alone(
    tmp_path: Path, thing: object, protocol: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(pickle.dumps(thing, protocol=protocol))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(CheckpointError) as caught:
            load_tensors(path)
    assert seen == []
    told = f"{caught.value.message} {caught.value.hint} {''.join(capfd.readouterr())}"
    for word in ("weights_only", "torch.load", "Warning", "trusted", "operand"):
        assert word not in told, told
    assert len(caught.value.message) < len(str(path)) + 120
