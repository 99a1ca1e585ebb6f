"""What a word names, where it names several things."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from animekit.errors import CheckpointError, NotFoundError
from animekit.evaluation.fakes import ModelContender, SetContender, contender
from animekit.evaluation.plan import outline
from animekit.evaluation.reconstruct import ReconstructRequest, open_model
from animekit.evaluation.request import EvaluateRequest
from animekit.plugins import Registry
from animekit.runs.names import meanings
from animekit.runs.run import Run, load_model
from tests.evaluation.support import train_tiny


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def words(word: str | Path) -> list[str]:
    return [str(each) for each in meanings(word)]


def test_weights_come_before_runs_and_runs_before_files(tiny: Callable[..., Run]) -> None:
    for name in ("faces64", "1", "drawn"):
        Path(name).mkdir()
    run = tiny(steps=1)
    assert words("faces64") == ["the bundled weights faces64", "the folder ./faces64"]
    assert words("1") == [f"run {run.id}", "the folder ./1"]
    assert words("drawn") == ["the folder drawn"]
    assert words("./faces64") == ["the folder ./faces64"]
    assert words(Path("faces64")) == ["the folder faces64"]
    assert words(f"runs/{run.id}") == [f"the folder runs/{run.id}"]
    assert words("nothing") == []


def test_what_was_taken_and_what_was_not_is_said(pictures: Path, registry: Registry) -> None:
    Path("faces64").symlink_to(pictures)
    assert "the bundled weights faces64, not the folder ./faces64" in load_model("faces64").origin
    request = EvaluateRequest(metrics=["swd"], size=64)
    found = outline(["faces64"], str(pictures), request, registry)
    assert isinstance(found.contenders[0], ModelContender)
    assert "not the folder ./faces64" in found.words
    assert [each.code for each in found.oddities] == ["name.meanings"]
    other = outline(["./faces64"], str(pictures), request, registry)
    assert isinstance(other.contenders[0], SetContender)
    assert not other.oddities


def test_the_newest_run_that_can_is_taken(tmp_path: Path, registry: Registry) -> None:
    train_tiny(tmp_path)  # a VAE, then a GAN
    taken = open_model(None, ReconstructRequest(), registry)
    assert taken.model.name == "vae"
    assert "the newest run that can reconstruct" in taken.origin
    assert contender(None, registry).name == "0002-gan"


def test_without_a_run_that_can_it_is_said_what_makes_one(
    tiny: Callable[..., Run], registry: Registry
) -> None:
    tiny(steps=1)
    with pytest.raises(NotFoundError, match="no run that can reconstruct") as caught:
        open_model(None, ReconstructRequest(), registry)
    assert "animekit train vae" in str(caught.value.hint)


def test_a_run_folder_does_not_double_the_size(
    trained: Callable[..., Run], pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(pictures, "faces32")
    for data, label in (("faces32", "faces32"), (pictures, "discs32")):
        run = trained(tmp_path / "runs", data=data, steps=1)
        assert run.id.endswith(f"-gan-{label}")


def test_without_a_run_the_first_words_say_what_is_measured_against_what(
    registry: Registry,
) -> None:
    Path("data/faces").mkdir(parents=True)
    found = outline([None], None, EvaluateRequest(metrics=["swd"]), registry)
    assert found.words.startswith("no run here, using the bundled weights faces64 (step")
    assert "against the reference mlds_extra64 (statistics of 5,000 real images)" in found.words
    assert "not data/faces (--ref data/faces)" in found.words


def test_a_word_that_names_nothing_brings_what_is_like_it(tiny: Callable[..., Run]) -> None:
    run = tiny(steps=1)
    model = run.config["model"]
    with pytest.raises(NotFoundError, match=f'weights "{model}". Did you mean "{run.id}"'):
        load_model(model)
    with pytest.raises(NotFoundError, match='weights "face64". Did you mean "faces64"'):
        load_model("face64")
    with pytest.raises(NotFoundError, match=f'no run "{model}" in runs. Did you mean "{run.id}"'):
        Run(model)


def test_a_hint_names_the_newest_runs_and_counts_the_others() -> None:
    for number in range(1, 13):
        folder = Path(f"runs/{number:04d}-gan-faces64")
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    with pytest.raises(NotFoundError) as caught:
        load_model("nothing")
    assert "0012-gan-faces64 and 4 older" in (caught.value.hint or "")
    assert "0004" not in (caught.value.hint or "")


def test_a_run_without_the_checkpoint_is_no_missing_run(tiny: Callable[..., Run]) -> None:
    run = tiny(steps=1)
    with pytest.raises(NotFoundError, match=f"run {run.id} has no checkpoint 7"):
        load_model("1", checkpoint=7)


def test_a_picture_is_no_weights() -> None:
    Image.new("RGB", (64, 64)).save("faces.png")
    with pytest.raises(CheckpointError, match=r"faces.png is a picture \(PNG\)") as caught:
        load_model("faces.png")
    assert "--reproduce" in (caught.value.hint or "")


def test_a_folder_that_is_no_run_is_called_a_folder() -> None:
    Path("half").mkdir()
    for asked in (load_model, Run):
        with pytest.raises(NotFoundError, match="the folder half has no config.json"):
            asked("half")  # type: ignore[operator]
