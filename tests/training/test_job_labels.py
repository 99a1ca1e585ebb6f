"""Which labels of the data a training learns."""

import pytest

from animekit.errors import ConfigError
from animekit.models.weights import read
from animekit.runs.run import Run
from animekit.training.train import train
from tests.conftest import TINY

DATA = "synthetic:24"
SMALL = {**TINY, "steps": 1, "size": 32}


def _spec(run: Run) -> tuple[list[str], list[int]]:
    return run.config["spec"]["labels"], run.config["spec"]["groups"]


@pytest.mark.parametrize("model", ["acgan", "crelativistic", "tagger"])
def test_named_attributes_alone_are_learned_and_the_weights_say_so(model, tmp_path):
    own = {} if model != "tagger" else {"base_channels": 4}
    values = {k: v for k, v in SMALL.items() if model != "tagger" or not k.startswith(("g_", "d_"))}
    values.pop("z_dim") if model == "tagger" else None
    run = train(model, DATA, runs=tmp_path, params={"attributes": "smile, eyes", **own}, **values)
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
