"""What a run was told of its data, as other verbs read it: checked, for a stranger may have it."""

from __future__ import annotations

from typing import Any

from animekit.errors import CheckpointError
from animekit.runs.run import Run

LARGEST_CROP = 4096  # px


def options_of(run: Run | None) -> dict[str, Any]:
    """Return the options of a run as config.json has them, {} where it has none.

    Raises CheckpointError where the data, their tags, the crop, the share held out or the batch
    are not such values.
    """
    options: dict[str, Any] = {} if run is None else run.config.get("options", {})
    for key, value in options.items():
        if not _is_fit(key, value):
            assert run is not None
            raise CheckpointError(
                f"cannot read {run.path / 'config.json'}: its options.{key} is no such value",
                "bring the file back that was there, or name another run",
            )
    return options


def _is_fit(key: str, value: Any) -> bool:
    """Say whether an option is of its type and range; those that nobody else reads are."""
    if key == "data":
        return isinstance(value, str)
    if key in ("tags", "labels"):
        return value is None or isinstance(value, str)
    if key == "crop":
        return type(value) is int and 0 <= value <= LARGEST_CROP
    if key == "batch_size":
        return type(value) is int and value >= 1
    return key != "holdout" or (type(value) in (int, float) and 0 <= value < 1)
