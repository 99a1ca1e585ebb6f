"""Files and the machine: how many cores a process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from animekit import files


def group(top: Path, **texts: str) -> Path:
    """Write files of a control group; "__" in a name is a folder."""
    for name, text in texts.items():
        path = top / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return top


def test_the_quota_of_a_container_is_read_in_both_versions(tmp_path: Path) -> None:
    assert files.quota(group(tmp_path / "a", cpu_dot_max="150000 100000\n")) == 1.5
    assert files.quota(group(tmp_path / "b", cpu_dot_max="max 100000\n")) == math.inf
    old = {"cpu__cpu_dot_cfs_quota_us": "400000\n", "cpu__cpu_dot_cfs_period_us": "100000\n"}
    assert files.quota(group(tmp_path / "c", **old)) == 4
    old["cpu__cpu_dot_cfs_quota_us"] = "-1\n"
    assert files.quota(group(tmp_path / "d", **old)) == math.inf
    assert files.quota(group(tmp_path / "e", cpu_dot_max="garbage")) == math.inf
    assert files.quota(tmp_path / "nowhere") == math.inf


@pytest.mark.parametrize(("granted", "expected"), [(0.5, 1), (1.5, 2), (math.inf, 4), (9, 4)])
def test_cores_are_as_many_as_affinity_and_quota_grant(
    granted: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(files, "quota", lambda top: granted)
    assert files.cores() == expected
