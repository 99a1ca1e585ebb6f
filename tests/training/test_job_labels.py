"""Which labels of the data a training learns."""

import pytest

from animekit.errors import ConfigError, UnusableError
from animekit.generation.generate import generate
from animekit.models.weights import read
from animekit.runs.run import Run
from animekit.training.train import train
from tests.conftest import TINY
from tests.support import fill

DATA = "synthetic:24"
SMALL = {**TINY, "steps": 1, "size": 32}


def _spec(run: Run) -> tuple[list[str], list[int]]:
    return run.config["spec"]["labels"], run.config["spec"]["groups"]


@pytest.mark.parametrize("model", ["acgan", "crelativistic", "tagger"])
def test_named_attributes_alone_are_learned_and_the_weights_say_so(model, tmp_path):
    own = {} if model != "tagger" else {"base_channels": 4}
    values = {k: v for k, v in SMALL.items() if model != "tagger" or not k.startswith(("g_", "d_"))}
    values.pop("z_dim") if model == "tagger" else None
    where = str(tmp_path)
    run = train(model, DATA, runs=where, params={"attributes": "smile, eyes", **own}, **values)
    labels, groups = _spec(run)
    assert labels[-1] == "smile" and groups[-1] == 1 and len(groups) == 2
    assert all(name.endswith(" eyes") for name in labels[:-1])
    _, about, _ = read(next(run.path.glob("checkpoints/*1/model.safetensors")))
    assert about["spec"]["labels"] == labels
    again = train(model, resume=run.path, runs=tmp_path, steps=2)
    assert _spec(again) == (labels, groups)


def test_an_attribute_that_the_data_do_not_have_is_told_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match='no attribute "smyle".* "smile"'):
        train("acgan", DATA, runs=tmp_path, params={"attributes": "smyle"}, **SMALL)


def _faces(folder, rows: list[str]):
    fill(folder / "faces", *(f"{i}.png" for i in range(len(rows))))
    lines = (f"{i},{row}" for i, row in enumerate(rows))
    (folder / "faces" / "tags.csv").write_text("\n".join(lines), "utf-8")
    return folder / "faces"


ROWS = ["blue hair\tshort hair\tsmile", "red hair\tlong hair", "blue hair\tlong hair\that"] * 3


def test_any_tag_is_learned_and_prompts_know_it(tmp_path):
    data = _faces(tmp_path, ROWS)
    asked = {"labels": "smile,long hair|short hair,hair", "runs": tmp_path / "runs"}
    run = train("acgan", data, **asked, **SMALL)
    labels = ["red hair", "blue hair", "smile", "long hair", "short hair"]
    assert _spec(run) == (labels, [2, 1, 2])
    assert run.config["data"]["label_counts"]["short hair"] == 3
    drawn = generate(run, prompts="short hair, blue hair, no smile", num=1)
    assert drawn.how.attrs == [{"hair": "blue", "hair style": "short hair", "smile": False}]
    again = train("acgan", resume=run.path, runs=tmp_path / "runs", steps=2)
    assert _spec(again)[0] == labels


def test_words_on_too_few_pictures_are_left_out_or_refused(tmp_path):
    data = _faces(tmp_path, [*ROWS, "red hair\that\tbow"])
    run = train("acgan", data, labels="smile,bow", min_count=2, runs=tmp_path / "a", **SMALL)
    assert _spec(run) == (["smile"], [1])
    with pytest.raises(UnusableError, match='no picture has the label "smyle".*"smile"'):
        train("acgan", data, labels="smyle,hat", runs=tmp_path / "b", **SMALL)
