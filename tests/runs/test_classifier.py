"""The classifier that a name means."""

from pathlib import Path

import pytest

from animekit.errors import CheckpointError, NotFoundError
from animekit.runs.classifier import load_classifier, missing_classifier
from animekit.training.train import train
from tests.conftest import TINY


def test_a_run_of_a_tagger_reads_the_words_that_it_learned(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {k: v for k, v in TINY.items() if k not in ("g_channels", "d_channels", "z_dim")}
    small = {"base_channels": 4}
    data = "synthetic:8"
    run = train("tagger", data, labels="smile,hair style", steps=1, params=small, **values)
    assert missing_classifier("0001") is None and missing_classifier(str(run.path)) is None
    for where in ("0001", str(run.path)):
        found = load_classifier(registry, where)
        assert list(found.attributes) == ["smile", "hair style"]
        assert found.attributes["smile"] == ("no", "yes")
        assert found.columns[:2] == ("no smile", "smile")
        assert found.columns[2:] == run.model().spec.labels[1:]


def test_what_is_no_classifier_is_told(registry, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(Path("runs"), steps=1)
    assert isinstance(missing_classifier("nobody"), NotFoundError)
    with pytest.raises(CheckpointError, match="reads no labels"):
        load_classifier(registry, "0001")
