"""JSON answers: the schemas of the package hold them."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_cli import call, keeps_its_schema, problems


@pytest.mark.usefixtures("at_run")
@pytest.mark.parametrize(
    "words",
    [
        *("generate --num 2", "generate --each d --num 2", "runs", "runs show 1", "plugins"),
        *("plugins gan", "config show gan", "config presets", "runs show 9", "generate --nope"),
    ],
)
def test_json_answers_keep_the_schemas_of_the_package(words: str) -> None:
    assert keeps_its_schema(json.loads(call(*words.split(), "--json").stdout))


def test_a_schema_can_be_broken() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"b": {"enum": [1]}}}
    assert list(problems(schema, {"b": 2}, "x")) == ["x lacks a", "x.b is 2, not one of [1]"]
    assert list(problems({"items": {"type": "integer"}}, [1, True], "x")) == [
        "x[1] is True, not integer"
    ]
