"""What is shipped, and how an environment comes to be: the wheel, .ci/env and run_gan.sh."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import animekit

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
MB = 1_000_000


def required() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["tensorboard"], *extras["dev"]]
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != "animekit"]


def test_the_version_is_said_in_one_place() -> None:
    assert animekit.__version__ == PROJECT["version"]


def test_each_pin_is_one_exact_public_version() -> None:
    for pin in PINS:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", pin), pin


@pytest.mark.parametrize("requirement", required(), ids=lambda r: r.name)
def test_each_requirement_is_pinned_within_its_range(requirement: Requirement) -> None:
    pins = {name.lower(): version for name, _, version in (pin.partition("==") for pin in PINS)}
    assert Version(pins[requirement.name]) in requirement.specifier


def test_the_environment_has_the_pinned_torch() -> None:
    assert f"torch=={metadata.version('torch').partition('+')[0]}" in PINS


def test_every_package_is_named_so_that_a_wheel_has_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    setuptools = tomllib.loads(text)["tool"]["setuptools"]
    found = {
        ".".join([name, *init.parent.relative_to(ROOT / folder).parts])
        for name, folder in setuptools["package-dir"].items()
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert sorted(found) == setuptools["packages"]


def test_the_changelog_has_its_sections() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = text.partition("## [Unreleased]\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)", unreleased, flags=re.MULTILINE) == ["CLI", "API", "Plugins"]


def test_decision_notes_are_short_and_numbered_without_gaps() -> None:
    notes = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [note.name[:5] for note in notes] == [f"{i:04d}-" for i in range(1, len(notes) + 1)]
    assert not [note for note in notes if len(note.read_text("utf-8").splitlines()) > 40]


# The shell scripts, in a folder with a space, with an interpreter that only writes down its calls.

PYTHON = """#!/usr/bin/env bash
echo "$*" >>"$ROOT/calls"
case "$*" in
    -c*) echo "${TORCH:-2.13.0}" ;;
    *"-e ."*) exit "${PIP_EXIT:-0}" ;;
esac
"""
ANIMEKIT = """#!/usr/bin/env bash
printf '%s\\n' "$@" >"$ROOT/arguments"
exit "${CODE:-0}"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose .venv has stubs in place of python and animekit."""
    root = tmp_path / "a checkout"
    for name in (".ci/env", "run_gan.sh", "pyproject.toml", "constraints.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    bin_ = root / ".venv" / "bin"
    bin_.mkdir(parents=True)
    for name, text in (("python", PYTHON), ("animekit", ANIMEKIT)):
        (bin_ / name).write_text(text, encoding="utf-8")
        (bin_ / name).chmod(0o755)
    return root


def call(checkout: Path, script: str | Path, *words: str, **variables: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(checkout / script), *words],
        cwd=checkout.parent,
        env={**os.environ, "ROOT": str(checkout), "TORCH": torch_pin(), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def torch_pin() -> str:
    return next(pin for pin in PINS if pin.startswith("torch==")).removeprefix("torch==")


def calls(checkout: Path) -> list[str]:
    path = checkout / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def installs(checkout: Path) -> list[str]:
    return [line for line in calls(checkout) if " install " in line]


def test_torch_is_installed_first_and_everything_under_the_constraints(checkout: Path) -> None:
    assert call(checkout, ".ci/env")[0] == 0
    first, second = installs(checkout)
    assert first.endswith("-c constraints.txt setuptools torch")
    assert second.endswith("-c constraints.txt --no-build-isolation -e .")


def test_a_second_call_does_nothing(checkout: Path) -> None:
    call(checkout, ".ci/env")
    before = calls(checkout)
    assert call(checkout, ".ci/env") == (0, "")
    assert calls(checkout) == before


def test_an_environment_for_development_will_do_for_running(checkout: Path) -> None:
    call(checkout, ".ci/env", "dev")
    assert installs(checkout)[-1].endswith("-e .[dev]")
    before = calls(checkout)
    assert call(checkout, ".ci/env") == (0, "")
    assert calls(checkout) == before


def test_an_environment_for_running_will_not_do_for_development(checkout: Path) -> None:
    call(checkout, ".ci/env")
    call(checkout, ".ci/env", "dev")
    assert installs(checkout)[-1].endswith("-e .[dev]")


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml"])
def test_a_changed_file_makes_the_environment_again(checkout: Path, name: str) -> None:
    call(checkout, ".ci/env")
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    call(checkout, ".ci/env")
    assert len(installs(checkout)) == 4


def test_a_moved_checkout_makes_the_environment_again(checkout: Path) -> None:
    call(checkout, ".ci/env")
    moved = checkout.rename(checkout.with_name("moved"))
    call(moved, ".ci/env")
    assert len(installs(moved)) == 4


def test_a_failed_installation_is_not_taken_for_a_finished_one(checkout: Path) -> None:
    assert call(checkout, ".ci/env", PIP_EXIT="1")[0] == 1
    assert call(checkout, ".ci/env")[0] == 0
    assert len(installs(checkout)) == 4


def test_another_torch_than_the_pinned_one_is_an_error(checkout: Path) -> None:
    code, said = call(checkout, ".ci/env", TORCH="2.14.1")
    assert code == 4
    assert "torch 2.14.1 was installed, but constraints.txt says " + torch_pin() in said
    assert not list((checkout / ".venv").glob(".made-*"))


def test_without_a_python_that_is_new_enough_the_user_is_told_what_to_do(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    code, said = call(checkout, ".ci/env", PYTHON="no-such-python")
    assert code == 3
    assert "no Python 3.11 or newer" in said
    assert "no-such-python" in said
    assert "PYTHON=/path/to/python" in said


def test_run_gan_works_from_any_directory_and_through_a_link(checkout: Path) -> None:
    link = checkout.parent / "link.sh"
    link.symlink_to(checkout / "run_gan.sh")
    assert call(checkout, link, "--quiet", "two words")[0] == 0
    arguments = (checkout / "arguments").read_text(encoding="utf-8").splitlines()
    assert arguments[0] == "generate"
    assert arguments[2:] == [
        *("--seeds", "0-24", "--grid", "5x5", "--image-size", "64"),
        *("-o", str(checkout / "samples" / "gan.png")),
        *("--quiet", "two words"),
    ]
    assert (checkout / "samples").is_dir()


@pytest.mark.parametrize("code", [0, 2, 6, 130])
def test_run_gan_passes_the_exit_code_on(checkout: Path, code: int) -> None:
    assert call(checkout, "run_gan.sh", CODE=str(code))[0] == code


def test_run_gan_draws_nothing_where_the_environment_cannot_be_made(checkout: Path) -> None:
    assert call(checkout, "run_gan.sh", PIP_EXIT="1")[0] == 1
    assert not (checkout / "arguments").exists()


@pytest.mark.parametrize("name", ["run_gan.sh", "run_cgan.sh"])
def test_the_scripts_name_a_bundled_model(name: str) -> None:
    from animekit.models.weights import bundled

    script = (ROOT / name).read_text(encoding="utf-8")
    (name,) = re.findall(r"animekit\" generate (\S+)", script)
    assert name in bundled()


# The distribution, built from a copy and installed where the checkout cannot be seen.


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that is made out of it."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("animekit", "plugins"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return out


@pytest.fixture(scope="session")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment that has the wheel, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        check=True,
        timeout=240,
    )
    (site,) = folder.glob("lib/python*/site-packages")
    # a path in a .pth file is searched, but the .pth files in it are not read: torch and its
    # like are found, the editable animekit of this environment is not
    here = Path(metadata.distribution("torch").locate_file("torch")).parent
    (site / "dependencies.pth").write_text(str(here), encoding="utf-8")
    return folder / "bin"


def run(installed: Path, where: Path, *words: str) -> str:
    done = subprocess.run(
        [str(installed / words[0]), *words[1:]],
        cwd=where,
        env={**os.environ, "ANIMEKIT_HOME": str(where / "cache")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shipped() -> set[str]:
    """Every file that a wheel must hold, under its installed name."""
    found = set()
    for folder, package in (("animekit", "animekit"), ("plugins", "animekit_plugins")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found.add(f"{package}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


@pytest.mark.slow
def test_the_wheel_holds_each_module_preset_and_weights_file_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == shipped()
    assert wheel.stat().st_size < 60 * MB


@pytest.mark.slow
def test_the_source_distribution_holds_no_tests_and_no_samples(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        tops = {name.split("/")[1] for name in files.getnames() if "/" in name}
    assert {"animekit", "plugins", "LICENSE", "pyproject.toml"} <= tops
    assert not tops & {"tests", "samples", "runs", "data"}


@pytest.mark.slow
def test_the_installed_animekit_is_not_that_of_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    code = "import animekit, animekit_plugins as p; print(animekit.__file__, *p.__path__)"
    for path in run(installed, tmp_path, "python", "-c", code).split():
        assert path.startswith(str(installed.parent))


@pytest.mark.slow
def test_the_installed_animekit_lists_every_plugin(installed: Path, tmp_path: Path) -> None:
    from animekit import plugins

    listed = json.loads(run(installed, tmp_path, "animekit", "plugins", "--json"))["data"]
    registry = plugins.load()
    everything = {(kind, name) for kind in plugins.KINDS for name in registry.all(kind)}
    assert {(item["kind"], item["name"]) for item in listed} == everything
    assert all(item["ok"] for item in listed)


@pytest.mark.slow
def test_the_installed_animekit_knows_its_version(installed: Path, tmp_path: Path) -> None:
    assert PROJECT["version"] in run(installed, tmp_path, "animekit", "--version")


@pytest.mark.slow
def test_the_installed_animekit_generates_with_each_bundled_model_the_same_bytes_twice(
    installed: Path, tmp_path: Path
) -> None:
    for name, prompt in (("faces64", ()), ("course64", ()), ("cfaces64", ("--prompt", "red hair"))):
        words = ("animekit", "generate", name, *prompt, "--num", "4", "--yes", "-o")
        made = [tmp_path / "one.png", tmp_path / "two.png"]
        for path in made:
            run(installed, tmp_path, *words, str(path))
        first, second = (path.read_bytes() for path in made)
        assert first.startswith(b"\x89PNG")
        assert first == second


@pytest.mark.slow
def test_the_installed_animekit_translates_the_examples_that_come_with_it(
    installed: Path, tmp_path: Path
) -> None:
    for model, name, results in (("cyclegan", "apple2orange", 12), ("stargan", "hair", 8 * 12)):
        words = ("transfer", model, name, "-o", name, "--size", "64", "--json")
        answer = json.loads(run(installed, tmp_path, "animekit", *words))["data"]
        assert (answer["failed"], len(answer["items"])) == ([], results)


def test_a_hint_to_install_names_no_package_that_is_not_ours() -> None:
    files = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    code = [path for top in ("animekit", "plugins") for path in (ROOT / top).rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in (*files, *code)}
    named = re.compile(r"pip install \"?animekit")
    assert [str(path) for path, text in texts.items() if named.search(text)] == []
    own = [path.name for path in code if "pip install -e" in texts[path]]
    assert own == ["text.py"]  # one function says what works
    for extra in re.findall(r'install_hint\("(\w+)"\)', "".join(texts[path] for path in code)):
        assert extra in PROJECT["optional-dependencies"]
