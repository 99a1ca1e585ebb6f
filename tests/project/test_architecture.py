"""The arrows of the design: who may import whom, what nobody may call, how large a file may be."""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.project.house import (
    GROUND,
    LAYERS,
    ROOT,
    VERBS,
    Source,
    arrows,
    circles,
    climbs,
    sources,
    within,
)

MAX_LINES = 350
MAX_FUNCTION_LINES = 60  # "about 40" is for people; this is what nobody calls short
MAX_AT_THE_TOP = 14  # ground files: what a reader sees first
MAX_IN_A_ROOM = 20
MAX_DEPTH = 3  # animekit/cli/clean/command.py
ENDINGS = re.compile(r"(s|ed|ing|er|or)$")
NO_NAMES = {"utils", "util", "helpers", "misc", "common", "base_utils", "shared_utils"}
OTHER_VERBS = {  # public names that are no file of their own: what they belong to
    "Run": "runs/run.py",
    "AnimekitError": "errors.py",
    "merge": "cleaning/clean.py",
    "interpolate": "generation/generate.py",
    "plan_generate": "generation/generate.py",
    "plan_ablate": "ablation/ablate.py",
    "read_recipe": "generation/recipe.py",
    "remake": "generation/reproduce.py",  # names of version 0.1.0
    "like": "generation/recipe.py",
    "demo": "demonstration.py",
    "export": "exporting/export.py",
    "plan_export": "exporting/export.py",
    "plan_project": "projection/project.py",
    "plan_label": "labelling/label.py",
    "doctor": "setup/doctor.py",
    "play": "playing/play.py",
    "plan_play": "playing/play.py",
}

SCREEN = {"typer", "rich", "click"}
SCREEN_MODULES = ("animekit.cli", "animekit.cli._console")
DISTRIBUTIONS = {"cv2": "opencv-python", "PIL": "pillow", "skimage": "scikit-image"}
OPTIONAL = {
    "accelerate",
    "tensorboard",
    "sklearn",
    "onnxruntime",
    "pyarrow",
    "av",
    "huggingface_hub",
}  # found out at run time, inside a function
FORBIDDEN_MODULES = ("pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "torch.hub")


PARSERS = ("json.load", "json.loads", "json.JSONDecoder", "tomllib.load", "tomllib.loads")
OWN_PARSERS = {  # who else may parse text, and why no stranger wrote it
    "animekit.foreign": "it is the reader",
}


Rule = Callable[[Source], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(check: Rule) -> Rule:
    RULES[check.__name__] = check
    return check


@rule
def plugins_import_animekit_and_never_each_other(source: Source) -> Iterator[str]:
    kind = ".".join(source.name.split(".")[:2])
    for found in source.imports if source.is_plugin else ():
        # a plugin may be cut in several files: `_parts.py` or `_parts/` beside it belongs to it
        own = found.module.startswith(f"{kind}._")
        if within(found.module, "animekit_plugins", "plugins") and not own:
            yield f"line {found.line} imports {found.module}"


@rule
def core_names_no_plugin(source: Source) -> Iterator[str]:
    for found in () if source.is_plugin else source.imports:
        if within(found.module, "animekit_plugins", "plugins"):
            yield f"line {found.line} imports {found.module}"


@rule
def only_the_command_line_knows_the_screen(source: Source) -> Iterator[str]:
    for found in () if source.is_screen else source.imports:
        if within(found.module, *SCREEN, *SCREEN_MODULES):
            yield f"line {found.line} imports {found.module}"


@rule
def nothing_imports_click(source: Source) -> Iterator[str]:
    for found in source.imports:
        if within(found.module, "click"):
            yield f"line {found.line}: typer brings no click"


@rule
def command_line_imports_no_torch(source: Source) -> Iterator[str]:
    for found in source.imports if source.is_screen else ():
        if (
            found.at_import
            and not found.for_types
            and within(found.module, "torch", "pandas", "numpy", "cv2", "PIL")
        ):
            yield f"line {found.line} imports {found.module} when it is imported"


@rule
def forbidden_modules_are_not_imported(source: Source) -> Iterator[str]:
    for found in source.imports:
        if within(found.module, *FORBIDDEN_MODULES):
            yield f"line {found.line} imports {found.module}"


@rule
def library_code_never_prints_or_exits(source: Source) -> Iterator[str]:
    for name, call in () if source.is_screen else source.calls():
        if name in ("print", "exit", "quit", "sys.exit", "os._exit", "breakpoint"):
            yield f"line {call.lineno} calls {name}"


@rule
def nothing_runs_what_data_says(source: Source) -> Iterator[str]:
    for name, call in source.calls():
        words = {word.arg: word.value for word in call.keywords}
        shell = words.get("shell")
        if isinstance(shell, ast.Constant) and shell.value:
            yield f"line {call.lineno} calls {name} with shell=True"
        if name in ("eval", "exec", "os.system", "os.popen") or within(name, "torch.hub"):
            yield f"line {call.lineno} calls {name}"
        if name == "yaml.load":
            yield f"line {call.lineno} calls yaml.load; use safe_load"
        if name.endswith(".extractall"):
            yield f"line {call.lineno} calls {name}; read the members one by one"
        allow = words.get("allow_pickle")
        if isinstance(allow, ast.Constant) and allow.value:
            yield f"line {call.lineno} calls {name} with allow_pickle=True"


@rule
def torch_load_is_always_weights_only(source: Source) -> Iterator[str]:
    for name, call in source.calls():
        words = {word.arg: word.value for word in call.keywords}
        only = words.get("weights_only")
        if name == "torch.load" and not (isinstance(only, ast.Constant) and only.value is True):
            yield f"line {call.lineno} calls torch.load without weights_only=True"


@rule
def foreign_text_is_parsed_in_one_place(source: Source) -> Iterator[str]:
    for name, call in () if source.name in OWN_PARSERS else source.calls():
        if name in PARSERS:
            yield f"line {call.lineno} calls {name}; animekit.foreign reads with limits"


@rule
def images_are_not_read_or_written_by_opencv(source: Source) -> Iterator[str]:
    for name, call in source.calls():
        if name in ("cv2.imread", "cv2.imwrite"):
            yield f"line {call.lineno} calls {name}, which fails on names that are not ASCII"


@rule
def files_are_short(source: Source) -> Iterator[str]:
    lines = len(source.text.splitlines())
    if lines > MAX_LINES:
        yield f"{lines} lines, over {MAX_LINES}: does it hold one idea?"


@rule
def functions_are_short(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"line {node.lineno}: {node.name} has {lines} lines"


@rule
def public_things_say_what_they_are(source: Source) -> Iterator[str]:
    """Each docstring begins with one whole sentence that fits into a line of help."""
    if source.name.rpartition(".")[2] != "__main__":
        yield from _judge_docstring(source.tree, "the module")
    for node in _public(source.tree):
        yield from _judge_docstring(node, f"line {node.lineno}: {node.name}")


def _public(tree: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name.startswith("_") or _is_overload(node):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _is_overload(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    return any(mark.endswith((".setter", ".deleter", "overload")) for mark in marks)


def _judge_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef, what: str) -> Iterator[str]:
    text = ast.get_docstring(node)
    if not text:
        yield f"{what} has no docstring"
        return
    first = text.splitlines()[0]
    if len(first) >= 80 and not isinstance(node, ast.Module):  # the command line shows it
        yield f"{what}: the first line has {len(first)} characters"
    if not re.search(r"[.!?:]$", first) or not re.match(r"[A-Z0-9`'\"-]", first):
        yield f"{what}: the first line is not a whole sentence: {first!r}"


SOURCES = sources()


@pytest.mark.parametrize("name", RULES)
def test_the_code_keeps_the_rule(name: str) -> None:
    broken = [f"{source.name}: {what}" for source in SOURCES for what in RULES[name](source)]
    assert not broken, f"{name.replace('_', ' ')}:\n  " + "\n  ".join(broken)


def test_the_rules_see_the_whole_tree() -> None:
    names = {source.name for source in SOURCES}
    assert {"animekit", "animekit.plugins", "animekit.cli", "animekit_plugins.models.gan"} <= names


# What each rule must catch, as (module, code). A rule that nothing can break holds nothing.
BAD = {
    "plugins_import_animekit_and_never_each_other": [
        ("animekit_plugins.models.a", "from animekit_plugins.models.gan import GAN"),
        ("animekit_plugins.models.a", "from .gan import GAN"),
        ("animekit_plugins.models.a", "def f():\n    import animekit_plugins.datasets._pen"),
        ("animekit_plugins.models.a", "from ..datasets import _pen"),
    ],
    "core_names_no_plugin": [
        ("animekit.training.train", "from animekit_plugins.models import gan"),
        ("animekit.cli.train.command", "def f():\n    import animekit_plugins.models.gan"),
    ],
    "only_the_command_line_knows_the_screen": [
        ("animekit.training.train", "import typer"),
        ("animekit.training.train", "def f():\n    from rich.console import Console"),
        ("animekit.training.train", "from animekit.cli._console import Screen"),
        ("animekit_plugins.models.a", "from animekit import cli"),
        ("animekit.x", "try:\n    import rich\nexcept ImportError:\n    pass"),
    ],
    "nothing_imports_click": [("animekit.cli.train.command", "import click")],
    "command_line_imports_no_torch": [
        ("animekit.cli.train.command", "import torch"),
        ("animekit.cli.train.command", "from torch import nn"),
        ("animekit.cli._console", "class A:\n    import numpy as np"),
        ("animekit.__main__", "import torch.nn"),
    ],
    "forbidden_modules_are_not_imported": [
        ("animekit.x", "import pickle"),
        ("animekit.x", "from torch import hub"),
        ("animekit.x", "def f():\n    from dill import loads"),
    ],
    "library_code_never_prints_or_exits": [
        ("animekit.x", "print('x')"),
        ("animekit.x", "from sys import exit\nexit(1)"),
        ("animekit_plugins.models.a", "import sys\ndef f():\n    sys.exit(2)"),
    ],
    "nothing_runs_what_data_says": [
        ("animekit.x", "eval('1')"),
        ("animekit.x", "exec('1')"),
        ("animekit.x", "import subprocess as s\ns.run('ls', shell=True)"),
        ("animekit.x", "import yaml\nyaml.load(text)"),
        ("animekit.x", "from yaml import load\nload(text)"),
        ("animekit.x", "archive.extractall('there')"),
        ("animekit.x", "zipfile.ZipFile(name).extractall()"),
        ("animekit.x", "import torch as t\nt.hub.load('a', 'b')"),
        ("animekit.x", "import os\nos.system('ls')"),
        ("animekit.x", "import numpy as np\nnp.load(path, allow_pickle=True)"),
    ],
    "torch_load_is_always_weights_only": [
        ("animekit.x", "import torch\ntorch.load(path)"),
        ("animekit.x", "import torch as t\nt.load(path, weights_only=False)"),
        ("animekit.x", "from torch import load as read\nread(path)"),
        ("animekit.x", "import torch\ntorch.load(path, weights_only=flag)"),
    ],
    "foreign_text_is_parsed_in_one_place": [
        ("animekit.x", "import json\njson.loads(text)"),
        ("animekit.x", "from json import load as read\nread(file)"),
        ("animekit_plugins.models.a", "import tomllib\ntomllib.loads(text)"),
    ],
    "images_are_not_read_or_written_by_opencv": [
        ("animekit.x", "import cv2\ncv2.imread('a.png')"),
        ("animekit.x", "from cv2 import imwrite\nimwrite('a.png', x)"),
    ],
    "files_are_short": [("animekit.x", "x = 1\n" * (MAX_LINES + 1))],
    "functions_are_short": [("animekit.x", "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES)],
    "public_things_say_what_they_are": [
        ("animekit.x", "x = 1"),
        ("animekit.x", '"""No full stop"""'),
        ("animekit.x", '"""begins small."""'),
        ("animekit.x", f'"""A module."""\ndef f():\n    """{"Long " * 20}."""'),
        ("animekit.x", '"""A module."""\ndef f():\n    pass'),
        ("animekit.x", '"""A module."""\nclass A:\n    """A class."""\n    def f(self): pass'),
    ],
}

GOOD = {
    "plugins_import_animekit_and_never_each_other": [
        ("animekit_plugins.datasets.a", "from animekit.data import Dataset"),
        ("animekit_plugins.datasets.a", "from ._pen import Colour"),
        ("animekit_plugins.datasets.a", "from animekit_plugins.datasets._pen import Colour"),
    ],
    "only_the_command_line_knows_the_screen": [("animekit.cli.train.command", "import typer")],
    "command_line_imports_no_torch": [
        ("animekit.cli.train.command", "def f():\n    import torch"),
        ("animekit.cli.train.command", "if TYPE_CHECKING:\n    import torch"),
        ("animekit.training.train", "import torch"),
    ],
    "library_code_never_prints_or_exits": [
        ("animekit.cli.train.command", "print('x')"),
        ("animekit.x", "self.print('x')"),
    ],
    "nothing_runs_what_data_says": [
        ("animekit.x", "import yaml\nyaml.safe_load(text)"),
        ("animekit.x", "import subprocess\nsubprocess.run(['ls'])"),
        ("animekit.x", "model.eval()"),
    ],
    "torch_load_is_always_weights_only": [
        ("animekit.x", "import torch\ntorch.load(path, weights_only=True)"),
        ("animekit.x", "import numpy\nnumpy.load(path)"),
    ],
    "foreign_text_is_parsed_in_one_place": [
        ("animekit.x", "import json\njson.dumps(value)"),
        ("animekit.foreign", "import json\njson.loads(text)"),
    ],
    "public_things_say_what_they_are": [
        ("animekit.x", '"""A module."""\ndef _f():\n    pass'),
        ("animekit.x", '"""A module."""\ndef f():\n    """Return it."""\n    def inner(): pass'),
    ],
}


@pytest.mark.parametrize(
    ("name", "module", "code"), [(name, *bad) for name in BAD for bad in BAD[name]]
)
def test_each_rule_catches_what_it_is_for(name: str, module: str, code: str) -> None:
    assert list(RULES[name](Source(module, code)))


@pytest.mark.parametrize(
    ("name", "module", "code"), [(name, *good) for name in GOOD for good in GOOD[name]]
)
def test_no_rule_catches_what_is_allowed(name: str, module: str, code: str) -> None:
    assert not list(RULES[name](Source(module, code)))


def test_every_rule_has_something_that_breaks_it() -> None:
    assert set(BAD) == set(RULES)


def test_whoever_may_parse_text_still_does() -> None:
    parses = {s.name for s in SOURCES if any(name in PARSERS for name, _ in s.calls())}
    assert set(OWN_PARSERS) == parses


def core() -> list[Source]:
    return [source for source in SOURCES if not source.is_plugin]


def test_an_import_goes_down_or_stays_in_its_room() -> None:
    assert climbs(SOURCES) == []


def test_no_import_closes_a_circle_not_even_one_for_types() -> None:
    # animekit/__init__.py hands out public names when they are asked for: it stands above all
    graph = {name: set(targets) - {"animekit"} for name, targets in arrows(core()).items()}
    graph.pop("animekit")
    assert circles(graph) == []


def test_no_verb_imports_another_and_no_plugin_the_command_line() -> None:
    wrong = [
        f"{source.name}:{found.line} imports {found.module}"
        for source in SOURCES
        for found in source.imports
        if (
            source.room in VERBS
            and not source.is_plugin
            and any(within(found.module, f"animekit.{o}") for o in VERBS if o != source.room)
        )
        or (source.is_plugin and within(found.module, "animekit.cli", "animekit.testing"))
    ]
    assert wrong == []


def test_the_layers_name_every_room_and_the_ground() -> None:
    assert {source.room for source in core()} == set(LAYERS)
    files = {path.stem for path in (ROOT / "animekit").glob("*.py")}
    assert files == {"__init__", "__main__", "demonstration", *GROUND}


def test_what_a_climb_and_a_circle_are() -> None:
    def named(**files: str) -> list[Source]:
        return [Source("animekit." + name.replace("__", "."), text) for name, text in files.items()]

    types = "if TYPE_CHECKING:\n    from animekit.cleaning.clean import clean"
    assert climbs(named(data__pack=types, cleaning__clean="x = 1"))
    assert climbs(named(training__train="import animekit.cleaning.clean", cleaning__clean=""))
    assert climbs(named(errors="from animekit import plugins", plugins=""))
    assert climbs([*named(data__pack="from animekit import train"), Source("animekit", "")])
    assert not climbs(named(plugins="def f():\n    from animekit import errors", errors=""))
    assert not climbs(named(cleaning__clean="import animekit.cleaning.move", cleaning__move=""))
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]


def test_the_top_and_the_rooms_are_small_and_flat() -> None:
    top = [path for path in (ROOT / "animekit").glob("*.py") if path.name != "__init__.py"]
    assert len(top) <= MAX_AT_THE_TOP
    for folder in {path.parent for path in (ROOT / "animekit").rglob("*.py")}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MAX_IN_A_ROOM, f"{folder.relative_to(ROOT)} has {len(files)} files"
    assert not [s.name for s in SOURCES if len(s.name.split(".")) > MAX_DEPTH + 1]


def stem(name: str) -> str:
    """Return a name without what makes it a plural, a participle or who does it."""
    plain = name.strip("_")
    while (shorter := ENDINGS.sub("", plain)) != plain and len(shorter) > 3:
        plain = shorter
    return plain


def twins(names: set[str]) -> list[set[str]]:
    """Return the names of one folder that differ only by an ending; `_x` is a part of `x`."""
    plain = {name.strip("_") for name in names}
    return [{a, b} for a in plain for b in plain if a < b and stem(a) == stem(b)]


def test_no_two_names_of_a_folder_differ_by_an_ending() -> None:
    assert twins({"cleaned", "cleaning"}) == [{"cleaned", "cleaning"}]
    assert twins({"_colorizer", "_colorizing"}) == [{"colorizer", "colorizing"}]
    assert twins({"crop", "crop_list", "sheets", "move", "move_plan", "swd", "_swd"}) == []
    found = {
        str(folder.relative_to(ROOT)): pairs
        for top in ("animekit", "plugins")
        for folder in {path.parent for path in (ROOT / top).rglob("*.py")}
        if (pairs := twins({path.stem for path in folder.iterdir() if _counts(path)}))
    }
    assert found == {}


def _counts(path: Path) -> bool:
    hidden = path.name.startswith(("__", "."))
    return not hidden and (path.is_dir() or path.suffix == ".py")


def test_no_file_is_called_after_nothing() -> None:
    names = {part for source in SOURCES for part in source.name.split(".")}
    assert not names & NO_NAMES


def test_every_command_has_a_file_of_its_name() -> None:
    from animekit.cli import COMMANDS

    names = [module.__name__.split(".")[2] for module in COMMANDS]
    for name in names:
        places = [ROOT / "animekit/cli" / name / "command.py", ROOT / f"animekit/cli/{name}.py"]
        assert sum(place.is_file() for place in places) == 1, name


def test_every_public_name_is_defined_where_a_reader_looks() -> None:
    import animekit

    for name in set(animekit.__all__) - {"__version__", "plugins"}:
        home = animekit._HOMES[name].removeprefix("animekit.").replace(".", "/") + ".py"
        wanted = OTHER_VERBS.get(name)
        assert home == wanted if wanted else Path(home).stem == name, f"{name} lies in {home}"
    assert not set(animekit.__all__) & set(LAYERS) - {"plugins"}


def test_no_two_public_classes_have_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for source in SOURCES:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(source.name)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


ROOMS_OF_TESTS = {  # where the files lie that a folder of tests is about
    "ground": "animekit",
    **{room: f"animekit/{room}" for room in LAYERS if (ROOT / "animekit" / room).is_dir() and room},
}


def test_tests_mirror_the_rooms() -> None:
    wrong = []
    for folder, room in ROOMS_OF_TESTS.items():
        files = sorted((ROOT / "tests" / folder).glob("test_*.py"))
        names = [path.stem.strip("_") for path in (ROOT / room).iterdir() if _counts(path)]
        if not files:
            wrong.append(f"{room} has no tests in tests/{folder}")
        for path in files:
            about = path.stem.removeprefix("test_")
            if not any(about == name or about.startswith(name + "_") for name in names):
                wrong.append(f"{path.relative_to(ROOT)} is named after no file of {room}")
    assert wrong == []


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=!~\[ ]", line, maxsplit=1)[0] for line in project["dependencies"]}
    known = {*sys.stdlib_module_names, "animekit", "animekit_plugins"}
    missing = {
        f"{source.name} imports {top}"
        for source in SOURCES
        for found in source.imports
        if (top := found.module.partition(".")[0]) not in known
        and DISTRIBUTIONS.get(top, top) not in declared
        and not (top in OPTIONAL and not found.at_import)
    }
    assert not missing
