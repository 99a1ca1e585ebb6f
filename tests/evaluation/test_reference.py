"""References: what they can stand in for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.errors import AnimekitError, UnusableError
from animekit.evaluation import reference
from animekit.evaluation.evaluate import evaluate
from animekit.models import weights
from animekit.plugins import Registry
from tests.evaluation.support import SIZE, drawn


def test_a_reference_refuses_what_it_cannot_do(few: Registry, tmp_path: Path) -> None:
    arrays = {"shift": {"mean": np.array([100.0])}}
    made = reference.Reference("r", 100, SIZE, {}, {"shift": {}}, {}, arrays)
    path = made.save(tmp_path / "r.safetensors")
    with pytest.raises(UnusableError, match="has 40 images, reference r needs 100"):
        evaluate(drawn(40), str(path), metrics=["shift"], registry=few)
    labelled = drawn(100, seed=1, labelled=True)
    with pytest.raises(UnusableError, match="nothing for asked"):
        evaluate(labelled, str(path), metrics=["asked"], registry=few)
    model = weights.bundled()["faces64"]
    with pytest.raises(AnimekitError, match="no reference of real images"):
        evaluate(drawn(40), str(model), metrics=["shift"], registry=few)
