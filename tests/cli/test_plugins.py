"""`animekit plugins`, and models that a folder of plugins brings."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import answer, call

MARGIN = '''
"""Margin loss."""
from pydantic import Field
from torch.nn.functional import relu
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.hookspecs import hookimpl

class MarginParams(AdversarialParams):
    """How wide the margin is."""
    margin: float = Field(1.0, gt=0, description="width of the margin")
    soft: bool = Field(True, description="round the corner")

class Margin(AdversarialModel):
    """GAN with a margin [a test]."""
    name = "margin"
    Params = MarginParams

    def d_loss(self, real, fake):
        margin, d = self.params.margin, self.discriminator
        real, fake = d(real.images), d(fake.images)
        return {"margin": relu(margin - real).mean() + relu(margin + fake).mean()}

    def g_loss(self, real, fake):
        return {"adv": -self.discriminator(fake.images).mean()}

@hookimpl
def animekit_models():
    return [Margin]
'''


def test_plugins_are_listed_with_their_source() -> None:
    rows = {row["name"]: row for row in answer("plugins")["data"]}
    assert {"gan", "lsgan", "wgan", "wgangp", "folder", "synthetic", "tensorboard"} <= set(rows)
    assert rows["gan"]["kind"] == "model"
    assert rows["gan"]["dist"] == "animekit"
    assert {row["kind"] for row in answer("plugins", "--kind", "model")["data"]} == {"model"}


def test_one_plugin_shows_its_parameters_with_defaults_and_words() -> None:
    shown = call("plugins", "wgangp").stdout
    assert re.search(r"gp_weight +FLOAT +10.0 +weight of the gradient penalty", shown)
    assert re.search(r"cpu +Narrow", shown)
    (facts,) = answer("plugins", "wgangp")["data"]
    row = next(row for row in facts["params"] if row["name"] == "n_critic")
    assert (row["type"], row["default"]) == ("INT", 5)


def test_a_broken_plugin_is_named_and_the_others_work(tmp_path: Path) -> None:
    (tmp_path / "margin.py").write_text(MARGIN)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    listing = call("plugins", "--plugins-dir", tmp_path)
    assert listing.exit_code == 0
    assert re.search(r"broken .*FAILED +ModuleNotFoundError: No module named", listing.stdout)
    assert re.search(r"margin +model .*ok +GAN with a margin", listing.stdout)
    traces = call("plugins", "--failures", "--plugins-dir", tmp_path).stdout
    assert "Traceback" in traces
    assert "import nothing_of_this_name" in traces
    one = call("plugins", "broken", "--plugins-dir", tmp_path)
    assert one.exit_code == 3
    assert "Traceback" in one.stderr
    warned = call("config", "presets", "--plugins-dir", tmp_path)
    assert "warning: plugin broken is skipped" in warned.stderr
    assert "broken (ModuleNotFoundError" in call("train", "x", "--plugins-dir", tmp_path).stderr


def test_a_new_model_is_a_command_wherever_its_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "margin.py").write_text(MARGIN)
    named = f"--plugins-dir={folder}"
    helps = [
        call("train", "margin", "--help", "--plugins-dir", folder),
        call("train", named, "margin", "-h"),
        call("--plugins-dir", folder, "train", "margin", "-h"),
        call("train", "margin", "-h", ANIMEKIT_PLUGINS_DIR=str(folder)),
    ]
    for shown in helps:
        assert shown.exit_code == 0, shown.output
        assert "Train margin: GAN with a margin [a test]." in shown.stdout
        assert re.search(r"--margin +F +width of the margin \[default: 1.0\]", shown.stdout)
    assert call("train", "margin", "-h").exit_code == 3
