"""What goes wrong in a training, read off its reports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from animekit.models.collapse import Training, Verdict
from animekit.plugins import Registry
from animekit.testing.tiny import tiny_dataset
from animekit.training.watch import Alarm, Lookout, Watch

RIGHT = {"d/acc_real": 1.0, "d/acc_fake": 1.0, "images": 64.0}
COLLAPSE = Verdict("collapse", "MS-SSIM 0.80 against 0.32: mode collapse", "collapse")


def read_all(watch: Watch, rows: list[dict[str, float]]) -> list[list[Alarm]]:
    return [watch.read(row) for row in rows]


def test_a_discriminator_that_is_always_right_is_told_once_and_holds_on() -> None:
    watch = Watch(3)
    found = read_all(watch, [RIGHT] * 5)
    assert [[each.trouble for each in alarms] for alarms in found] == [[], [], *[["sure"]] * 3]
    assert [alarms[0].is_new for alarms in found[2:]] == [True, False, False]
    assert "in 3 reports in a row" in found[2][0].text and found[2][0].key == "alarm/sure"


@pytest.mark.parametrize(
    "between",
    [{"d/acc_real": 0.9, "d/acc_fake": 1.0}, {"d/acc_real": 1.0, "d/acc_fake": 0.99}],
)
def test_one_wrong_report_begins_the_count_anew(between: dict[str, float]) -> None:
    found = read_all(Watch(3), [RIGHT, RIGHT, between, RIGHT, RIGHT, RIGHT])
    assert [len(alarms) for alarms in found] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("reports", "row"),
    [(0, RIGHT), (1, {"d/acc_real": 1.0}), (1, {**RIGHT, "d/w_est": 3.0}), (1, {"g/adv": 1.0})],
)
def test_no_number_no_wish_and_a_critic_are_no_alarm(reports: int, row: dict[str, float]) -> None:
    assert not Watch(reports).read(row)


def test_a_distance_that_rises_three_times_in_a_row_is_told() -> None:
    scores = [90.0, 80.0, 85.0, 86.0, 86.0, 87.0, 88.0, 95.5, 97.0, 50.0]
    rows: list[dict[str, float]] = []
    for score in scores:  # reports between evaluations do not matter
        rows += [{"eval/swd_avg": score}, {"g/adv": 1.0}]
    found = read_all(Watch(5), rows)
    told = {place: alarms for place, alarms in enumerate(found) if alarms}
    assert list(told) == [14, 16] and [each[0].is_new for each in told.values()] == [True, False]
    assert "from 88 to 95.5" in told[14][0].text


def test_a_verdict_is_an_alarm_only_where_it_is_collapse() -> None:
    watch = Watch(5)
    assert not watch.read({}, Verdict("risk", "blurred", "blur"))
    assert watch.read({}, COLLAPSE) == [Alarm("collapse", COLLAPSE.text, is_new=True)]
    assert watch.read({}, COLLAPSE) == [Alarm("collapse", COLLAPSE.text, is_new=False)]


def test_a_watch_made_from_the_reports_goes_on_as_the_one_that_wrote_them() -> None:
    rows: list[dict[str, float]] = [RIGHT, RIGHT, *({"eval/swd_avg": x} for x in (1.0, 2.0, 3.0))]
    rows += [RIGHT, {"eval/swd_avg": 4.0}, {**RIGHT, "d/acc_real": 0.99949999}, RIGHT]
    verdicts: list[Any] = [None] * 5 + [COLLAPSE, COLLAPSE, None, None]
    whole = Watch(3)
    straight = [whole.read(row, said) for row, said in zip(rows, verdicts, strict=True)]
    for cut in range(len(rows)):
        first = Watch(3)
        written: list[dict[str, float]] = []
        for row, said in zip(rows[:cut], verdicts[:cut], strict=True):
            alarms = {each.key: 1.0 for each in first.read(row, said)}
            written += [{"step": 1.0, **row, **alarms}, {"of": "another program"}]  # type: ignore[dict-item]
        again = Watch(3, written)
        rest = [again.read(r, v) for r, v in zip(rows[cut:], verdicts[cut:], strict=True)]
        assert rest == straight[cut:]


def test_pictures_that_are_alike_are_collapse_and_varied_ones_are_not(registry: Registry) -> None:
    faces = tiny_dataset(512).pack(32).images.transpose(0, 3, 1, 2)
    lookout = Lookout.over(registry, faces[:256])
    assert lookout is not None and lookout.count == 256
    training = Training(1000, 64_000)
    row, verdict = lookout.verdict(faces[256:], training)
    assert verdict.level == "none"
    assert row["floor/ms_ssim"] == pytest.approx(row["eval/ms_ssim"], abs=0.05)
    rng = np.random.default_rng(0)
    noise = rng.integers(-3, 4, (256, 3, 32, 32))
    few = (faces[rng.integers(4, size=256)] + noise).clip(0, 255).astype(np.uint8)
    row, verdict = lookout.verdict(few, training)
    assert verdict.level == "collapse" and row["eval/twins"] < 0.3
    assert "64,000 images seen" in verdict.text
