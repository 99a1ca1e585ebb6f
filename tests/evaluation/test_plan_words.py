"""Evaluations whose classifier reads other words than the bundled one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from animekit.errors import UsageError
from animekit.evaluation.evaluate import evaluate
from animekit.plugins import Registry
from animekit.training.train import train


@pytest.fixture
def labelled(pictures: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "smiles"
    shutil.copytree(pictures, folder)
    says = ("smile, long hair", "short hair", "smile, short hair", "long hair, blue eyes")
    rows = [f"{place:02d},{says[place % 4]}\n" for place in range(24)]
    (folder / "tags.csv").write_text("".join(rows), "utf-8")
    return folder


def test_a_folder_is_asked_for_the_words_that_the_classifier_reads(
    labelled: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(labelled.parent)
    words = "long hair|short hair,smile"
    tiny = {"size": 32, "batch_size": 4, "base_channels": 8, "threads": 1}
    reader = train("tagger", labelled, labels=words, steps=1, registry=registry, **tiny)
    asked = {"metrics": ["cond_acc"], "params": {"classifier": reader.id}, "registry": registry}
    found = evaluate(str(labelled), str(labelled), **asked)
    numbers = {key for each in found.columns for key in each.values}
    assert {"acc_smile", "acc_hair", "acc_both"} <= numbers
    with pytest.raises(UsageError, match="acc_smilee"):
        evaluate(str(labelled), str(labelled), fail_if=["acc_smilee<0.5"], **asked)
