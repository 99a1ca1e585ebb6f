"""`animekit ablate`: the plan, the table and the files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import answer, call

TINY = (
    *("--size=32", "--batch-size=4", "--set=g_channels=4", "--set=d_channels=4", "--set=z_dim=8"),
    *("--steps=2", "--metric=swd", "--num=12", "--jobs=1", "--device=cpu"),
)


def test_a_plan_says_what_would_be_trained_and_makes_nothing(pictures: Path) -> None:
    words = ("ablate", "wgangp", f"--data={pictures}", *TINY, "--axis=gp_weight=1,100")
    result = call(*words, "--seeds=0,1", "-n")
    assert result.exit_code == 0, result.output
    assert "gp_weight=100  wgangp  gp_weight=100" in result.stdout
    assert "3 variants x seeds 0,1 = 6 trainings of 2 steps each" in result.stdout
    assert not Path("ablations").exists()
    data = answer(*words, "-n", "--benchmark")["data"]
    assert data["trainings"] == 3 and data["seconds_left"] > 0


def test_an_ablation_ends_with_a_table_and_a_page(pictures: Path) -> None:
    words = ("ablate", "gan", f"--data={pictures}", *TINY, "--axis=model=lsgan", "-o", "out")
    found = answer(*words, "--variant=soft labels: real_label=0.8,1.2")
    assert [each["name"] for each in found["data"]["outcomes"]] == [
        *("base", "model=lsgan", "soft labels")
    ]
    kinds = {each["kind"] for each in found["artifacts"]}
    assert kinds == {"page", "md", "csv", "json", "sheet", "curves", "pair.model=lsgan"} | {
        "pair.soft labels"
    }
    again = call(*words, "-q")  # all is done: the table alone is written again
    assert again.stdout.strip() == str(Path("out") / "index.html")


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ("ablate gan --axis z=sphere", 2, "one budget"),
        ("ablate gan --steps 5", 2, "nothing differs from the base"),
        ("ablate gan --steps 5 --axis z", 2, "cannot read the axis"),
        ("ablate gan --steps 5 --metric nope --axis z=sphere", 3, "nope"),
        ("ablate nope --steps 5 --axis z=sphere", 3, "nope"),
        ("ablate gan --steps 5 --axis z=cube", 4, "z=cube"),
    ],
)
def test_what_cannot_be_is_one_line_and_its_exit_code(
    words: str, exit_code: int, said: str, pictures: Path
) -> None:
    result = call(*words.split(), f"--data={pictures}", "--size=32")
    assert result.exit_code == exit_code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.stderr
