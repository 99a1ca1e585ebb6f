"""JSON answers: the schemas of the package hold them."""

from __future__ import annotations

import json

import pytest

from tests.support import call, keeps_its_schema


@pytest.mark.usefixtures("at_run")
@pytest.mark.parametrize(
    "words",
    [
        *("generate --num 2", "generate --each d --num 2", "runs", "runs show 1", "plugins"),
        *("plugins gan", "config show gan", "config presets", "runs show 9", "generate --nope"),
        *("plugins check own", "plugins new mine --kind metric", "doctor", "config init gan"),
        *("config init gan -n", "config validate runs/1/config.json"),
    ],
)
def test_json_answers_keep_the_schemas_of_the_package(words: str) -> None:
    assert keeps_its_schema(json.loads(call(*words.split(), "--json").stdout))
