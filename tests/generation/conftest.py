"""Models and images that the tests of generation share."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit.data.spec import ImageSpec
from animekit.generation.generate import generate
from animekit.generation.result import Generated
from animekit.labels.tags import GROUPS, NAMES
from tests.generation.weights import COUNTS, FREE, KNOWN, REGISTRY, gan_file, weights_file


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gan_file(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="session")
def faces(tiny: Path) -> Generated:
    return generate(tiny, registry=REGISTRY)


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = ImageSpec(32, 3, NAMES, GROUPS)
    return weights_file(tmp_path_factory.mktemp("weights") / "course.safetensors", spec)


@pytest.fixture(scope="session")
def free(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = {"used": 100, "label_counts": COUNTS, "label_known": KNOWN}
    path = tmp_path_factory.mktemp("weights") / "free.safetensors"
    return weights_file(path, FREE, data=data)


@pytest.fixture(scope="session")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "coded.safetensors"
    return weights_file(path, ImageSpec(32), "infogan")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_file(
        tmp_path_factory.mktemp("weights") / "plain.safetensors", ImageSpec(32), "gan"
    )
