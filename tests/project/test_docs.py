"""The documents: generated pages are current, links lead somewhere, every command runs."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import cogapp
import pytest
import typer
from PIL import Image
from typer.main import get_command

from animekit import demonstration, hookspecs, plugins
from animekit.cli import app
from animekit.cli._console import Screen
from animekit.cli._options import Session
from animekit.plugins import KINDS
from tests.project.documents import (
    ROOT,
    SMALL,
    Line,
    blocks,
    commands,
    missing_target,
    problem_of,
    smaller,
)

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/**/*.md")])
RECIPES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *ROOT.glob("docs/howto/*.md")]
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("animekit_")}

PLANNED: set[str] = set()
"""Commands that documents may name before they exist; when one exists, its entry must go."""

HOSTS = {
    "arxiv.org",
    "doi.org",
    "docs.python.org",
    "github.com",
    "keepachangelog.com",
    "pytorch.org",
    "semver.org",
}
"""Where documents may link to."""

BEFORE = dict.fromkeys(("course.md", "measure-a-model.md"), "animekit train gan --data data/faces")
"""What the reader of a page did before: without a run, the bundled weights would be used."""


# commands


def hidden_commands(text: str) -> list[str]:
    """Return commands in blocks that are not marked as sh, where nothing would run them."""
    unmarked = blocks(text, "(?!sh$|text$)\\w*")
    return re.findall(r"^(?:\$ )?(animekit .*)", "\n".join(unmarked), flags=re.MULTILINE)


def save_blocks(text: str) -> None:
    """Write the blocks that the reader is told to save, below the current folder."""
    for name, body in re.findall(
        r"[Ss]ave this as\s`([^`]+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(body, encoding="utf-8")


@pytest.fixture
def reader(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Put us where a reader would be, with few and small pictures in data/faces."""
    for name, value in SMALL.items():
        monkeypatch.setenv(f"ANIMEKIT_{name}", value)
    monkeypatch.setattr(demonstration, "DATA", "synthetic:16")
    monkeypatch.setattr(demonstration, "STEPS", 2)
    folder = tmp_path / "data" / "faces"
    folder.mkdir(parents=True)
    drawn = plugins.load().get("dataset", "synthetic")("8")
    for index in range(len(drawn)):
        Image.fromarray(drawn.render(index, 64)[0]).save(folder / f"{index}.png")
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())  # for `animekit clean`
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.name)
def test_every_command_of_a_document_runs(page: Path, reader: Path) -> None:
    text = page.read_text(encoding="utf-8")
    save_blocks(text)
    before = [Line(BEFORE[page.name])] if page.name in BEFORE else []
    for line in (*before, *commands(text)):
        assert problem_of(line) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_hides_where_nothing_runs_it(page: Path) -> None:
    assert hidden_commands(page.read_text(encoding="utf-8")) == []


def test_blocks_comments_and_promised_exit_codes_are_read() -> None:
    block = "```sh\nanimekit runs   # all\n\nanimekit a \\\n  -b 'c d'  # exit 6\n```\n"
    found = list(commands(block + "```\nmake check\n```\n"))
    assert found == [Line("animekit runs"), Line("animekit a -b 'c d'", 6)]


def test_a_command_that_fails_or_is_not_there_is_a_problem(reader: Path) -> None:
    assert "exit 3, not 0" in str(problem_of(Line("animekit generate --prompts faces.txt")))
    assert "exit 0, not 6" in str(problem_of(Line("animekit plugins", 6)))
    assert problem_of(Line("animekit train wgangp --data nowhere", 3)) is None
    for text in ("make all-of-it", "./run_nothing.sh", "pip install animekit"):
        assert problem_of(Line(text))
    assert hidden_commands("```\n$ animekit runs\n```\n") == ["animekit runs"]
    assert hidden_commands("```sh\nanimekit runs\n```\n") == []


def test_commands_are_made_smaller() -> None:
    text = "animekit train gan --data synthetic:4000 --minutes 20 --size 128 --steps 20000"
    less = "animekit train gan --data synthetic:16 --steps 6  --steps 2"
    assert smaller(text) == less


# options


Tree = dict[tuple[str, ...], set[str]]


@cache
def tree() -> Tree:
    """Return the options of every command, by the words that call it."""
    root = get_command(app)
    found: Tree = {}
    session = Session(Screen(), _registry=plugins.load())
    _walk(root, typer.Context(root, info_name="animekit", obj=session), (), found)
    return found


def _walk(command: Any, context: Any, words: tuple[str, ...], found: Tree) -> None:
    options = command.get_params(context)  # `evaluate` has one for each metric
    flags = {flag for each in options for flag in (*each.opts, *each.secondary_opts)}
    found[words] = flags | {"-h", "--help", *getattr(command, "renamed", ())}
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        child = command.get_command(context, name)
        inner = typer.Context(child, parent=context, info_name=name, obj=context.obj)
        _walk(child, inner, (*words, name), found)
        if words == ("train",) or name == "ls":  # MODEL may be any; `runs` is `runs ls`
            found[words] |= found[(*words, name)]


def unknown_options(text: str) -> list[str]:
    """Return what a page names as options or commands of animekit, and animekit has not."""
    every = set().union(*tree().values())
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    lines = [line for block in blocks(text) for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    wrong = [flag for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", prose) if flag not in every]
    for span in (*spans, *lines):
        words = span.removeprefix("$ ").partition(" #")[0].split()
        flags = {flag[1] for word in words if (flag := re.match(r"(--?[a-zA-Z][\w-]*)", word))}
        if words[:1] == ["animekit"]:
            known = options_of(words[1:])
            wrong += [span] if known is None else sorted(flags - known)
        elif words and words[0] == "./run_gan.sh":
            wrong += sorted(flags - tree()["generate",])
        elif words and words[0].startswith("-"):
            wrong += sorted(flags - every)
    return wrong


def options_of(words: list[str]) -> set[str] | None:
    """Return the options that a command may have; None where there is no such command."""
    place: tuple[str, ...] = ()
    for word in words:
        if (*place, word) not in tree():
            break
        place = (*place, word)
    if not place and words and not words[0].startswith("-"):
        return set() if words[0] in PLANNED else None
    return tree()[place]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_document_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r'^    name = "([\w-]+)"', text, re.MULTILINE)  # of the plugins in it
    own = {"--" + each for name in shown for each in (name, name.replace("-", "_"))}
    unknown = unknown_options(text)
    assert [each for each in unknown if not own & set(each.split())] == []


def test_options_that_do_not_exist_are_found() -> None:
    assert (
        unknown_options("take `--gp-weight 5`, `-n`, --minutes, `runs -x`, `animekit runs`") == []
    )
    assert unknown_options("take `--gp-wait 5`, `-z` and --fast") == ["--fast", "--gp-wait", "-z"]
    assert unknown_options("`animekit generate --minutes 3`") == ["--minutes"]
    assert unknown_options("```sh\nanimekit train vae --gp-weight 1 # --x\n```") == ["--gp-weight"]
    assert unknown_options("`animekit genarate`") == ["animekit genarate"]


def test_planned_commands_do_not_exist_yet() -> None:
    assert not [name for name in PLANNED if (name,) in tree()]


# generated pages


def pages_of_make_docs() -> list[Path]:
    """Return the files that `make docs` writes."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "cogapp -I docs -r $(GENERATED)" in makefile
    (patterns,) = re.findall(r"^GENERATED := (.+)$", makefile, flags=re.MULTILINE)
    return sorted(path for pattern in patterns.split() for path in ROOT.glob(pattern))


def test_generated_pages_are_as_make_docs_would_write_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("import not_there_at_all\n")
    monkeypatch.setenv("ANIMEKIT_PLUGINS_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    files = pages_of_make_docs()
    assert [
        page for page in PAGES if "[[[cog" in page.read_text("utf-8") and page not in files
    ] == []
    arguments = ["cog", "--check", "-I", str(ROOT / "docs")]
    assert cogapp.Cog().main([*arguments, *map(str, files)]) == 0, "run make docs"
    stale = tmp_path / "cli.md"
    stale.write_text(
        (ROOT / "docs/reference/cli.md")
        .read_text(encoding="utf-8")
        .replace("| `--", "| `--old-", 1)
    )
    assert cogapp.Cog().main([*arguments, str(stale)]) != 0


# hooks


def missing_hooks(text: str) -> list[str]:
    """Return the hooks whose exact signature a page does not show."""
    lines = {
        name: f"def {name}{inspect.signature(hook)}:".replace("'", "")
        for name, hook in HOOKS.items()
    }
    return [name for name, line in lines.items() if line not in text]


def test_every_hook_is_documented_with_its_signature() -> None:
    assert len(HOOKS) == len(KINDS)
    text = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    assert missing_hooks(text) == []
    assert missing_hooks(text.replace("animekit_checks()", "animekit_checks(folder)")) == [
        "animekit_checks"
    ]


def test_every_hook_is_implemented() -> None:
    registry = plugins.load()
    assert [kind for kind in KINDS if not registry.all(kind)] == []


# links


def broken_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead to no file or no heading."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = page.parent / name if name else page
        if not place.exists() or (anchor and anchor not in anchors(place, page, text)):
            found.append(target)
    return found


def anchors(place: Path, page: Path, text: str) -> set[str]:
    """Return the anchors of a page, one a heading, as they are written in links."""
    if place != page:
        text = place.read_text(encoding="utf-8")
    heads = re.findall(r"^#+ (.*)", without_code(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def without_code(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_links_that_lead_nowhere_are_found() -> None:
    page = ROOT / "docs" / "index.md"
    good = "# One `two`\n[a](tutorial.md) [b](#one-two) [c](reference/cli.md#exit-codes) [d](x:y)\n"
    assert broken_links(page, good + "```\n[e](no.md)\n```\n") == []
    bad = "[a](tutorail.md) [b](#three) [c](reference/cli.md#exit)"
    assert broken_links(page, good + bad) == ["tutorail.md", "#three", "reference/cli.md#exit"]


# what no document says


def private_words(text: str) -> list[str]:
    """Return paths of a machine, and hosts that documents have no business to name."""
    paths = (
        r"(?<![\w.~])/(?:home|root|work|workspace|Users|mnt|srv|opt|usr|var|etc)\b\S*|\b[A-Z]:\\\S*"
    )
    registries = (
        r"\bpypi\b\S*|pythonhosted|download\.pytorch\S*|artifactory|nexus|localhost|\d+(?:\.\d+){3}"
    )
    found = re.findall(paths, text) + re.findall(registries, text, flags=re.IGNORECASE)
    found += [str(ROOT)] if str(ROOT) in text else []
    hosts = re.findall(r"https?://([^/\s)>`\"]+)", text)
    return found + [host for host in hosts if host.removeprefix("www.") not in HOSTS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_document_names_a_machine_or_a_registry(page: Path) -> None:
    assert private_words(page.read_text(encoding="utf-8")) == []


def test_private_words_are_found() -> None:
    assert (
        private_words("in `~/.cache/animekit`, `runs/7/home/x` and https://arxiv.org/abs/1") == []
    )
    bad = ["/home/me/x", "C:\\faces", "https://files.example.org/simple", "on PyPI", "10.0.0.7"]
    assert [text for text in bad if not private_words(text)] == []
    assert private_words(f"cd {ROOT}")


def gaps_of_changelog(text: str) -> list[str]:
    """Return the sections that the part for the next version lacks."""
    part = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    if part is None:
        return ["Unreleased"]
    wanted = ("CLI", "API", "Plugins")
    return [name for name in wanted if not re.search(rf"^### {name}\n\n- ", part[1], re.MULTILINE)]


def test_the_changelog_tells_of_the_next_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert gaps_of_changelog(text) == []
    assert gaps_of_changelog(text.replace("### API", "### Python")) == ["API"]
    assert gaps_of_changelog(text.replace("[Unreleased]", "[0.1.0]")) == ["Unreleased"]
    assert gaps_of_changelog("## [Unreleased]\n\n## [0.1.0]\n\n### CLI\n\n- x\n")[0] == "CLI"


def lost_names(text: str) -> list[str]:
    """Return the make targets and scripts that a page names and the repository lacks."""
    code = "\n".join([*blocks(text), *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)])
    targets = re.findall(r"^make ([a-z]+)", code, flags=re.MULTILINE)
    scripts = re.findall(r"^\./([\w/-]+\.sh)", code, flags=re.MULTILINE)
    lost = [f"make {name}" for name in targets if missing_target(name)]
    return lost + [name for name in scripts if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_and_scripts_that_a_document_names_exist(page: Path) -> None:
    assert lost_names(page.read_text(encoding="utf-8")) == []


def test_targets_and_scripts_that_do_not_exist_are_found() -> None:
    assert (
        lost_names("`make docs`, make sense, `./run_gan.sh -n`\n```\nmake check  # all\n```\n")
        == []
    )
    assert lost_names("`make sense`\n```\n./run_none.sh\n```\n") == ["make sense", "run_none.sh"]


def lost_files(text: str) -> list[str]:
    """Return the Python files that a page names in back-quotes and the repository lacks.

    A path begins at the top, or in animekit/.
    """
    found = re.findall(r"`((?:[\w-]+/)+\w+\.py)`", text)
    return [
        name
        for name in found
        if not re.search(r"\b[A-Z]{2,}\b|^my_plugins/", name)  # a blank to be filled in
        and not any((place / name).is_file() for place in (ROOT, ROOT / "animekit"))
    ]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name != "decisions"], ids=lambda page: page.name
)
def test_files_of_code_that_a_document_names_exist(page: Path) -> None:
    assert lost_files(page.read_text(encoding="utf-8")) == []


def test_files_of_code_that_do_not_exist_are_found() -> None:
    text = "`animekit/plugins.py` `cleaning/clean.py` `cleaning/cleaner.py` `animekit/no.py`"
    assert lost_files(text) == ["cleaning/cleaner.py", "animekit/no.py"]


def test_the_tree_of_the_guide_is_the_tree() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tree = blocks(text.partition("## Where things go")[2])[0]
    rooms = {f"{path.parent.name}/" for path in (ROOT / "animekit").glob("*/__init__.py")}
    named = set(re.findall(r"\b\w+/", tree)) - {"animekit/", "plugins/", "assets/", "KIND/", "_x/"}
    assert named == rooms | {f"{kind}s/" for kind in KINDS}
    ground = {path.stem for path in (ROOT / "animekit").glob("*.py")}
    assert ground <= set(re.findall(r"\w+", tree))
