"""Grey first, then colours, against colours at once: the claim of seed 003, measured.

Both models learn from the same images with the same seeds, preset, objective and budget; then both
draw the same prompts, and condition accuracy, SWD and MS-SSIM stand beside those of real images.

    python benchmarks/recipes/two_stage.py DATA --tags tags.csv --minutes 25 --seeds 0,1

trains one after the other and compares. On several cores, side by side and then compared:

    python benchmarks/recipes/two_stage.py DATA --minutes 25 --only twostage &
    python benchmarks/recipes/two_stage.py DATA --minutes 25 --only acgan & wait
    python benchmarks/recipes/two_stage.py DATA --minutes 25 --compare

A run that is there and finished is not trained again; one that was cut goes on. Where other work
disturbs the clock, `--steps N` gives N steps to acgan and as many to twostage as cost the same
processor time, measured here in turns. `--out` gets the runs, a table as JSON, and a picture: rows
are prompts; left acgan, in the middle the grey stage, right twostage, with the same seeds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any, cast

import numpy as np
import torch

from animekit import plugins
from animekit.config import parse_set
from animekit.device import threads
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.result import Evaluation
from animekit.images.layout import grid
from animekit.images.pixels import to_uint8
from animekit.images.write import write_png
from animekit.models.sampling import as_generating, draw, noise_of_seeds
from animekit.runs.checkpoint import steps_of
from animekit.runs.names import list_runs
from animekit.runs.run import Run, load_model
from animekit.training.job import new_job
from animekit.training.request import TrainRequest
from animekit.training.train import train

STAGED, DIRECT = "twostage", "acgan"
SAME = {"objective": "wasserstein", "eval_every": 0, "threads": 1}
KEYS = ("acc_hair", "acc_eyes", "acc_both", "swd_avg", "ms_ssim")
ROUNDS, STEPS = 4, 3  # of the measurement of cost: rounds, and steps of each model in one
SHOWN = 8  # prompts, and pictures of each, in the picture


def values_of(told: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return what both models are told alike."""
    data = {"data": str(told.data), "tags": told.tags, "seed": seed, "size": told.size}
    return {
        **SAME,
        **{k: v for k, v in data.items() if v is not None},
        **parse_set(told.set).values,
    }


def known(model: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a model knows: some are for one of the two alone."""
    from animekit.training.recipe import TrainOptions

    keys = plugins.load().get("model", model).Params.model_fields | TrainOptions.model_fields
    return {key: value for key, value in values.items() if key in keys}


def cost(told: argparse.Namespace) -> float:
    """Return how much processor time a step of twostage takes, in steps of acgan."""
    registry, values = plugins.load(), values_of(told, 0)
    with threads(1):
        steppers = {
            name: new_job(
                TrainRequest(name, known(name, values), registry, preset=told.preset)
            ).stepper()
            for name in (DIRECT, STAGED)
        }
        ratios = []
        for turn in range(ROUNDS):
            spent = {}
            for name, stepper in steppers.items():
                began = time.process_time()
                for _ in range(STEPS):
                    stepper.step()
                spent[name] = time.process_time() - began
            if turn:  # the first warms up
                ratios.append(spent[STAGED] / spent[DIRECT])
    return median(ratios)


def run_of(told: argparse.Namespace, model: str, seed: int) -> Run | None:
    """Return the run of a model and a seed in the folder of runs, if it is there."""
    for path in list_runs(told.out):
        run = Run(path)
        if run.config["model"] == model and run.config["options"]["seed"] == seed:
            return run
    return None


def train_one(told: argparse.Namespace, model: str, seed: int, budget: Mapping[str, Any]) -> Run:
    """Train a model to the end of its budget, or take the run that is there; return it."""
    run = run_of(told, model, seed)
    began = time.monotonic()
    if run is None:
        values = {**known(model, values_of(told, seed)), **budget, "name": f"s{seed}"}
        run = train(model, preset=told.preset, runs=told.out, params=values)
    else:
        run = train(model, resume=run.path, runs=told.out, **budget)
    step, minutes = int(steps_of(run.path)[-1].name), (time.monotonic() - began) / 60
    print(f"{run.id}: step {step:,}, {minutes:.1f} minutes in this process", flush=True)
    return run


def budget_of(told: argparse.Namespace, model: str) -> dict[str, Any]:
    """Return the minutes or the steps of a model."""
    if told.steps is None:
        return {"minutes": told.minutes}
    if model == DIRECT:
        return {"steps": told.steps}
    ratio = told.ratio or cost(told)
    print(f"a step of {STAGED} costs {ratio:.2f} of {DIRECT}", flush=True)
    return {"steps": max(1, round(told.steps / ratio))}


def compare(told: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Measure both runs of a seed against the real images."""
    runs = {name: run_of(told, name, seed) for name in (STAGED, DIRECT)}
    missing = [name for name, run in runs.items() if run is None]
    if missing:
        raise SystemExit(f"no run of {missing[0]} with seed {seed} in {told.out}: train it first")
    found: Evaluation = evaluate(
        runs[STAGED],
        str(told.data),
        compare=[runs[DIRECT]],
        ref_tags=Path(told.tags) if told.tags else None,
        metrics=["cond_acc", "swd", "ms_ssim"],
        num=told.num,
        repeats=told.repeats,
        checkpoint="last",
        illustrate=False,
    )
    names = ("real", STAGED, DIRECT)
    table: dict[str, Any] = {
        name: {key: _number(column.values.get(key)) for key in KEYS}
        for name, column in zip(names, found.columns, strict=True)
    }
    for name in (STAGED, DIRECT):
        run = runs[name]
        assert run is not None
        last = next(row for row in reversed(run.metrics()) if "seconds" in row)
        table[name] |= {"step": last["step"], "minutes": round(last["seconds"] / 60, 1)}
    picture(told.out / f"two_stage-s{seed}.png", runs)
    return table


def _number(value: Any) -> float | None:
    return None if value is None else value.value


def picture(path: Path, runs: Mapping[str, Run | None]) -> None:
    """Write the same prompts and seeds by acgan, by the grey stage, and by twostage."""
    loaded = (load_model(runs[name], checkpoint="last").model for name in (STAGED, DIRECT))
    staged, direct = (as_generating(model) for model in loaded)
    labels = np.zeros((SHOWN, SHOWN, len(staged.spec.labels)), np.float32)
    start = 0
    for index, width in enumerate(staged.spec.groups):
        chosen = (np.arange(SHOWN) * (2 * index + 1)) % width  # other pairs in every row
        labels[np.arange(SHOWN), :, start + chosen] = 1
        start += width
    flat, seeds = labels.reshape(SHOWN * SHOWN, -1), list(range(SHOWN)) * SHOWN
    parts = [draw(direct, noise_of_seeds(direct, seeds), flat)]
    z = noise_of_seeds(staged, seeds)
    with torch.inference_mode():
        grey = cast(Any, staged).stages(torch.from_numpy(z), torch.from_numpy(flat))[0]
    parts += [to_uint8(grey.expand(-1, 3, -1, -1)), draw(staged, z, flat)]
    write_png(path, np.concatenate([grid(part, SHOWN) for part in parts], 1))


def show(tables: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print every seed, and the means over them."""
    print(f"\n{'':20}" + "".join(f"{key:>10}" for key in KEYS) + "      step   min")
    rows = [(f"{name}, seed {s}", table[name]) for s, table in tables.items() for name in table]
    if len(tables) > 1:
        for name in next(iter(tables.values())):
            parts = [table[name] for table in tables.values()]
            whole = {key: [part[key] for part in parts if part[key] is not None] for key in KEYS}
            rows.append((f"{name}, mean", {k: mean(v) if v else None for k, v in whole.items()}))
    for title, row in rows:
        numbers = "".join(
            f"{'-':>10}" if row[key] is None else f"{row[key]:>10.3f}" for key in KEYS
        )
        rest = f"{row['step']:>10,}{row['minutes']:>6}" if "step" in row else ""
        print(f"{title:20}{numbers}{rest}")
    print("accuracies: more is better; swd_avg: less; ms_ssim: near that of real images")


def main() -> None:
    """Train what is missing, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--tags", help="tags file of the data")
    parser.add_argument("--minutes", type=float, default=25.0, help="of each training")
    parser.add_argument("--steps", type=int, help="of acgan, in place of minutes")
    parser.add_argument("--ratio", type=float, help="cost of a step, with --steps: not measured")
    parser.add_argument("--seeds", default="0", help="as in 0,1")
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--size", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", choices=(STAGED, DIRECT), help="train this one, compare nothing")
    parser.add_argument("--compare", action="store_true", help="train nothing")
    parser.add_argument("--num", type=int, default=2000, help="images of each side")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("two_stage"), help="folder of the runs")
    told = parser.parse_args()
    seeds = [int(text) for text in told.seeds.split(",")]
    models = () if told.compare else (told.only,) if told.only else (STAGED, DIRECT)
    for model in models:
        budget = budget_of(told, model)
        for seed in seeds:
            train_one(told, model, seed, budget)
    if told.only:
        return
    tables = {seed: compare(told, seed) for seed in seeds}
    show(tables)
    (told.out / "two_stage.json").write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
