"""Watch: what goes wrong in a training, read off its own reports, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from animekit.images.look import Look
from animekit.models.collapse import Training, Verdict, collapse
from animekit.plugins import Registry
from animekit.runs.reports import ALARM, EVALUATION, FLOOR
from animekit.training.judge import KEY, JudgeMetric
from animekit.training.reporter import rounded

Trouble = Literal["collapse", "sure", "worse"]
"""Fakes that are alike; a discriminator that is always right; a distance that keeps rising."""

PICTURES = 256
"""Fakes, and real images, that are looked at."""
SURE = 0.999
"""Accuracy of the discriminator from which it is called always right."""
RISES = 3
"""Evaluations in a row, each worse than the one before, that are an alarm."""
SCORE = EVALUATION + KEY
METRIC = "ms_ssim"


class Alarm(NamedTuple):
    """A trouble that a report shows, and whether it is the first one that does."""

    trouble: Trouble
    text: str
    is_new: bool

    @property
    def key(self) -> str:
        """The key of a report in which it holds."""
        return ALARM + self.trouble


class Watch:
    """Reads the reports of a run one by one, and says what each shows.

    What it carries from one to the next follows from the reports alone, so that a resumed run,
    which hands it those that it has, goes on as if it had never ended. `reports` is in how many
    of them in a row the discriminator must be always right (0: that is no trouble).
    """

    def __init__(self, reports: int, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self.reports = reports
        self.sure, self.rises = 0, 0
        self.score: float | None = None
        self.told: set[str] = set()
        for row in rows:
            if "step" not in row:
                continue  # of another program, which may hold anything
            self._count(row)
            self.told |= {key.removeprefix(ALARM) for key in row if key.startswith(ALARM)}

    def read(self, row: Mapping[str, float], verdict: Verdict | None = None) -> list[Alarm]:
        """Return the troubles that a report and a verdict on its pictures show."""
        before = self.score
        counted = self._count(row)
        texts: dict[Trouble, str] = {}
        if verdict is not None and verdict.level == "collapse":
            texts["collapse"] = verdict.text
        if "sure" in counted and self.reports and self.sure >= self.reports:
            texts["sure"] = (
                f"D was right on every image in {self.sure:,} reports in a row: G learns little"
                " from it; weaken D (a penalty, noise, soft labels, a lower d_lr)"
            )
        if "score" in counted and self.rises >= RISES:
            texts["worse"] = (
                f"swd_avg rose in {self.rises} evaluations in a row, from {before:.4g} to"
                f" {self.score:.4g} at last: the pictures get worse; the checkpoint `best` is from"
                " before"
            )
        found = [Alarm(trouble, text, trouble not in self.told) for trouble, text in texts.items()]
        self.told |= texts.keys()
        return found

    def _count(self, row: Mapping[str, float]) -> set[str]:
        """Count a report; return what it tells of: "sure", "score"."""
        row = rounded(row)  # as it comes back from the file
        counted = set()
        right = [row[key] for key in ("d/acc_real", "d/acc_fake") if key in row]
        if len(right) == 2 and "d/w_est" not in row:  # a critic's median always parts some
            self.sure = self.sure + 1 if min(right) >= SURE else 0
            counted.add("sure")
        if SCORE in row:
            worse = self.score is not None and row[SCORE] > self.score
            self.rises = self.rises + 1 if worse else 0
            self.score = row[SCORE]
            counted.add("score")
        return counted


@dataclass(frozen=True)
class Lookout:
    """Looks at a few fakes beside real images, by few numbers of `evaluate`."""

    metric: JudgeMetric
    look: Look
    real: dict[str, float]
    count: int

    @classmethod
    def over(cls, registry: Registry, real: np.ndarray) -> Lookout | None:
        """Return it for real images uint8 [N, 3, H, W]; None without the metric.

        Raises UnusableError where the metric cannot take them.
        """
        if METRIC not in registry.all("metric"):
            return None
        metric = registry.get("metric", METRIC)()
        return cls(metric, Look.of(real), metric.compute(real, real), len(real))

    def verdict(self, fakes: np.ndarray, training: Training) -> tuple[dict[str, float], Verdict]:
        """Return numbers for a report, and what they tell, of fakes uint8 [N, 3, H, W].

        Raises UnusableError where they have none.
        """
        numbers, look = self.metric.compute(None, fakes), Look.of(fakes)
        verdict = collapse(
            self.real, {}, numbers, {}, look=look, real_look=self.look, training=training
        )
        assert verdict is not None  # since MS-SSIM tells
        found = {METRIC: numbers[METRIC], "twins": look.beside(self.look).twins}
        real = {METRIC: self.real[METRIC], "twins": 1.0}
        row = {EVALUATION + key: value for key, value in found.items()}
        return row | {FLOOR + key: value for key, value in real.items()}, verdict
