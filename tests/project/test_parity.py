"""What a command can do, one call can do: docs/reference/python.md names both sides."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from typing import Any

import pytest
import typer
from typer.main import get_command

import animekit
from animekit import plugins
from animekit.ablation.request import AblateRequest
from animekit.ablation.result import Ablation
from animekit.cleaning.result import Cleaning
from animekit.cli import app
from animekit.cli._console import Screen
from animekit.cli._options import CONSENT, EVERYWHERE, Session
from animekit.comparison.same_noise import NoiseSheet
from animekit.evaluation.reconstruct import Reconstruction
from animekit.evaluation.reference import Reference
from animekit.evaluation.request import EvaluateRequest
from animekit.evaluation.result import Evaluation
from animekit.explanation.result import Explanation
from animekit.exporting.export import Exported
from animekit.generation.request import GenerateRequest
from animekit.generation.result import Generated
from animekit.grading.result import Grading
from animekit.playing.play import PlayPlan
from animekit.projection.result import Projection
from animekit.reporting.report import Report
from animekit.setup.doctor import Diagnosis
from animekit.training.recipe import TrainOptions
from animekit.translation.request import TransferRequest
from tests.project.house import ROOT

VERBS = (
    *("clean", "train", "generate", "evaluate", "reconstruct", "transfer", "demo", "doctor"),
    *("ablate", "explain", "grade", "report", "export", "play", "project"),
)
PAGE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
RESULTS = {
    "clean": Cleaning,
    "generate": Generated,
    "evaluate": Evaluation,
    "reconstruct": Reconstruction,
    "grade": Grading,
    "report": Report,
    "ablate": Ablation,
    "explain": Explanation,
    "doctor": Diagnosis,
    "export": Exported,
    "play": PlayPlan,
    "project": Projection,
    "between": Generated,
    "same_noise": NoiseSheet,
    "make_reference": Reference,
}
OPEN: dict[str, Any] = {  # what calls take by way of **keywords
    "train": TrainOptions.model_fields,
    "plan": TrainOptions.model_fields,
    "plan_project": inspect.signature(animekit.project).parameters,
    "plan_generate": GenerateRequest.__dataclass_fields__,
    "transfer": TransferRequest.__dataclass_fields__,
    "make_reference": EvaluateRequest.__dataclass_fields__,
    "ablate": {**inspect.signature(AblateRequest.of).parameters, **TrainOptions.model_fields},
    "plan_ablate": {**inspect.signature(AblateRequest.of).parameters, **TrainOptions.model_fields},
    "explain": TrainOptions.model_fields,
    "launch": {**TrainOptions.model_fields, **GenerateRequest.__dataclass_fields__},
    "crop": inspect.signature(animekit.crop).parameters,
}
SHARED = {"--seed", "--device", "--open", *(each.default.param_decls[0] for each in CONSENT)}


def options_of(verb: str) -> set[str]:
    """Return the options of a verb that its help shows, without those of a model or a metric."""
    root = get_command(app)
    session = Session(Screen(quiet=True), _registry=plugins.load())
    context = typer.Context(root, info_name="animekit", obj=session)
    command = root.get_command(context, verb)
    own = {each.name for each in EVERYWHERE}
    left_out: set[str] = set()
    if verb == "train":  # of one model, without the parameters that are its own
        context = typer.Context(command, parent=context, info_name=verb, obj=session)
        command = command.get_command(context, "wgangp")
        left_out = set(session.registry().get("model", "wgangp").Params.model_fields)
    if verb == "evaluate":
        left_out = set(session.registry().all("metric"))
    return {
        each.opts[0]
        for each in command.get_params(typer.Context(command, parent=context, obj=session))
        if each.name not in own | left_out
        and not getattr(each, "hidden", False)
        and each.opts[0].startswith("--")
        and each.opts[0] not in ("--help", "--config", "--set")
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_in_its_table(verb: str) -> None:
    named = set(re.findall(r"--[a-z][\w-]*", SECTIONS[verb]))
    assert options_of(verb) - named - SHARED == set()


def calls(text: str) -> list[ast.Call]:
    """Return the calls that stand in back-quotes in the second column of a table."""
    found: list[ast.Call] = []
    for line in text.splitlines():
        cells = line.split(" | ")
        for code in re.findall(r"`([^`]+)`", cells[1] if line.startswith("| ") else ""):
            try:
                tree = ast.parse(code)
            except SyntaxError:
                continue  # keywords alone, as in `seeds="0-24"`
            found += [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return found


def function_of(call: ast.Call, verb: str) -> tuple[Any, str]:
    """Return what a call of the page calls, and its name."""
    assert isinstance(call.func, ast.Attribute), ast.unparse(call)
    owner, name = call.func.value, call.func.attr
    if isinstance(owner, ast.Call):  # ak.evaluate(...).failure()
        assert isinstance(owner.func, ast.Attribute)
        return getattr(RESULTS[owner.func.attr], name), name
    dotted = ast.unparse(owner)
    if dotted == "ak":
        return getattr(animekit, name), name
    if dotted.startswith("animekit."):
        return getattr(importlib.import_module(dotted), name), name
    return getattr(RESULTS[verb], name), name


@pytest.mark.parametrize("verb", VERBS)
def test_every_call_of_the_table_can_be_made(verb: str) -> None:
    found = [call for call in calls(SECTIONS[verb]) if isinstance(call.func, ast.Attribute)]
    assert found
    for call in found:
        function, name = function_of(call, verb)
        known = inspect.signature(function).parameters
        positional = [each for each in known.values() if each.kind is not each.KEYWORD_ONLY]
        any_number = any(each.kind is each.VAR_POSITIONAL for each in known.values())
        assert any_number or len(call.args) <= len(positional), ast.unparse(call)
        for word in call.keywords:
            assert word.arg in known or word.arg in OPEN.get(name, {}), ast.unparse(call)


def test_an_option_or_keyword_that_is_not_there_is_found() -> None:
    assert "--crop" in options_of("clean") and "--watch" in options_of("transfer")
    (call,) = calls("| x | `ak.clean(path, no_such_word=1)` |")
    function, _ = function_of(call, "clean")
    assert call.keywords[0].arg not in inspect.signature(function).parameters
