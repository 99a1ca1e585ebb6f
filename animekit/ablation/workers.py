"""Workers: trials done one after another here, or several at a time in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from animekit import plugins
from animekit.ablation.plan import AblatePlan
from animekit.ablation.request import Told
from animekit.ablation.trial import State, Trial, do, is_done
from animekit.errors import DeviceError, Stopped, Terminated
from animekit.foreign import parse_json
from animekit.signals import StopSignals

LOOK = 0.5  # seconds between two looks at the processes
STOPPED, GO_ON = "stopped; every training is saved", "the same command goes on"
LOG_LINES = 12  # of a process that failed: what is shown


def work(plan: AblatePlan, tell: Told) -> None:
    """Do all trials of a plan that are not done yet.

    Raises Stopped after a signal, when every training that was going on has saved its state.
    """
    left = [trial for trial in plan.trials if not is_done(trial, State.of(trial))]
    left.sort(key=lambda trial: trial.seed)  # what is cut then has all variants of some seeds
    if plan.jobs > 1 and len(left) > 1:
        _beside(plan, left, tell)
        return
    request = plan.request
    for trial in left:
        told = _telling(plan, trial, tell)
        try:
            do(trial, request.registry, told, device=request.device, threads=request.threads)
        except Stopped as error:  # which would tell how to go on with this one training
            raise type(error)(STOPPED, GO_ON) from None


def _telling(plan: AblatePlan, trial: Trial, tell: Told) -> Callable[[str, float], None]:
    number, count = plan.trials.index(trial), len(plan.trials)
    where = f"{trial.variant}, seed {trial.seed} ({number + 1} of {count})"

    def told(words: str, share: float) -> None:
        tell(f"{words} {where}", (number + share) / count)

    return told


@dataclass
class _Process:
    """One trial in a process of its own, whose words go to a file beside the trial's state."""

    trial: Trial
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @classmethod
    def of(cls, trial: Trial, plan: AblatePlan) -> _Process:
        trial.file.parent.mkdir(parents=True, exist_ok=True)
        log = trial.file.with_suffix(".log").open("wb")
        request = plan.request
        task = {
            "trial": parse_json(trial.as_json(), "a trial"),
            "plugins_dir": None if request.plugins_dir is None else str(request.plugins_dir),
            "device": request.device,
            "threads": request.threads,
        }
        command = [sys.executable, "-m", "animekit.ablation.workers"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": str(request.threads)},
        )
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(json.dumps(task).encode())
        return cls(trial, process, log)

    def failure(self) -> DeviceError | None:
        """Return why the process ended with an error of no variant, None where it did not."""
        path = self.trial.file.with_suffix(".log")
        if self.process.returncode in (0, Stopped.exit_code, Terminated.exit_code):
            path.unlink(missing_ok=True)  # it had nothing to say
            return None
        lines = path.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
        return DeviceError(
            f"the process that trained {self.trial.variant}, seed {self.trial.seed}, ended with"
            f" {self.process.returncode}: {lines[-1] if lines else 'it said nothing'}",
            f"its last words are in {path}; the same command goes on, --jobs 1 in one process",
            code="device.process",
        )


def _beside(plan: AblatePlan, left: Sequence[Trial], tell: Told) -> None:
    """Do trials in several processes; a signal, or an error of one, stops all with their state."""
    waiting, going, failure = list(left), list[_Process](), None
    with ExitStack() as stack:
        signals = stack.enter_context(StopSignals())
        try:
            while (waiting and failure is None and not signals.received) or going:
                while waiting and len(going) < plan.jobs and not failure and not signals.received:
                    going.append(_Process.of(waiting.pop(0), plan))
                if signals.received or failure:
                    _stop(going)
                time.sleep(LOOK)
                for each in [each for each in going if each.process.poll() is not None]:
                    going.remove(each)
                    each.log.close()
                    failure = failure or each.failure()
                _tell(plan, going, tell)
        finally:
            for each in going:  # a second Ctrl-C
                each.process.kill()
                each.process.wait()
                each.log.close()
    if signals.received:
        raise signals.received(STOPPED, GO_ON)
    if failure is not None:
        raise failure


def _stop(going: Sequence[_Process]) -> None:
    for each in going:
        each.process.terminate()  # it saves its state first; a second time changes nothing


def _tell(plan: AblatePlan, going: Sequence[_Process], tell: Told) -> None:
    """Say which trials are in work, and how much of all is done."""
    budget, done = plan.request.budget, 0.0
    for trial in plan.trials:
        state = State.of(trial)
        done += 1.0 if is_done(trial, state) else budget.share(state.step, state.seconds)
    names = ", ".join(f"{each.trial.variant}, seed {each.trial.seed}" for each in going)
    tell(f"training {names}" if names else "measuring", done / len(plan.trials))


def main() -> int:
    """Do the one trial that standard input names: what each process of `--jobs` runs."""
    task: Any = parse_json(sys.stdin.buffer.read(), "a trial")
    folder = task["plugins_dir"]
    registry = plugins.load(None if folder is None else Path(folder))
    machine = {"device": task["device"], "threads": task["threads"]}
    try:
        do(Trial.of_json(task["trial"]), registry, **machine)
    except Stopped as error:
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
