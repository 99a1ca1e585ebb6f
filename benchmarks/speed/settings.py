"""What a setting of a model gains: steps with each of some settings, in turns in one process.

    python -m benchmarks.speed.settings wgangp gp_share=1 gp_share=0.5
    python -m benchmarks.speed.settings relativistic penalty_every=1 penalty_every=4 --rounds 3

Several parameters of one setting have commas between them, as in `r1_weight=1,penalty_every=16`. A
ratio is taken within a round, against the first setting; printed are the median and the range.
"""

from __future__ import annotations

import argparse

from animekit import plugins
from animekit.config import parse_set
from animekit.device import threads
from animekit.training.stepper import Stepper
from benchmarks.rows import row
from benchmarks.speed import training


def main() -> None:
    """Print a line for each setting."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("settings", nargs="+", metavar="KEY=VALUE[,KEY=VALUE]")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--size", type=int, default=64, help="side of the images")
    parser.add_argument("--channels", type=int, default=64, help="width of both networks")
    parser.add_argument("--batch", type=int, default=64, help="images of a batch")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="visits of each setting")
    asked = parser.parse_args()
    asked.device, asked.set = "cpu", []
    registry = plugins.load()
    with threads(asked.threads):
        made: dict[str, Stepper] = {}
        for setting in asked.settings:
            options = training.AUTOMATIC | {"precision": asked.precision}
            options |= parse_set(setting.split(",")).values
            made[setting] = training.stepper(registry, asked, options)
        # whole cycles: some phases and penalties come in every n-th step alone
        cycles = [
            max(getattr(each.model.params, "penalty_every", 1), *(p.every for p in each.phases))
            for each in made.values()
        ]
        jobs = {setting: each.step for setting, each in made.items()}
        seconds = training.measure(jobs, asked.rounds, max(cycles))
        print(training.machine())
    first = asked.settings[0]
    for setting, each in seconds.items():
        line = row(asked.model, setting, "img/s", asked.batch, each, seconds[first], first)
        print(
            f"{asked.model} {setting:28} {line.ours:7.1f} img/s"
            f"   x{line.ratio:.2f} [{line.low:.2f}..{line.high:.2f}] of {first}"
        )


if __name__ == "__main__":
    main()
