"""Finding plugins: the public door, loose files, broken ones, clashes, installed distributions."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from animekit import plugins
from animekit.errors import NotFoundError, PluginError
from animekit.plugins import Registry

ROOT = Path(__file__).parents[2]
LOOSE = ROOT / "tests" / "files" / "plugins"
BUILTIN = {"gan", "lsgan", "wgan", "wgangp"}

LOGGER = '''
"""A plugin."""
from animekit.training.logger import Logger
from animekit.hookspecs import hookimpl

class Quiet(Logger):
    """Say nothing."""
    name = "{name}"

@hookimpl
def animekit_loggers():
    return [Quiet]
'''


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable of the caller's, and no module of one test in the next."""
    for name in ("PLUGINS", "PLUGINS_DIR", "RAISE_PLUGIN_ERRORS"):
        monkeypatch.delenv(f"ANIMEKIT_{name}", raising=False)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("ak_", "animekit_loose")):
            del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    importlib.invalidate_caches()
    return folder


def install(site: Path, distribution: str, entry: str, **modules: str) -> None:
    """Put a distribution into a folder, as an installer does."""
    info = write(site, **modules) / f"{distribution.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[animekit.plugins]\n{entry}\n", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python finds installed distributions in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_the_built_in_models_come_through_the_entry_point() -> None:
    registry = plugins.load()
    assert set(registry.all("model")) >= BUILTIN
    assert not registry.failures, registry.failures[0].trace
    source = registry.sources[registry.get("model", "gan")]
    assert (source.module, source.origin) == ("animekit_plugins.models.gan", "animekit")
    assert str(source) == f"animekit_plugins.models.gan (animekit {source.version})"


def test_every_file_of_the_plugins_folder_is_a_plugin_of_its_own() -> None:
    kinds = (path for path in (ROOT / "plugins").iterdir() if path.is_dir())
    files = {path.stem for kind in kinds for path in kind.glob("[!_]*.py")}
    assert {source.module.rpartition(".")[2] for source in plugins.load().modules} == files


def test_a_loose_file_is_a_plugin_and_what_begins_with_an_underscore_is_not() -> None:
    registry = plugins.load(LOOSE)
    shout = registry.get("logger", "shout")
    assert not registry.failures
    assert registry.sources[shout].origin == str(LOOSE / "shout.py")
    logger = shout(shout.Params(mark="?"))
    logger.note(1, "info", "hello")
    assert logger.heard == ["HELLO?"]
    assert shout.summary() == "Keep each note in capitals."


def test_loading_again_gives_a_new_registry_and_leaves_the_old_one_alone() -> None:
    with_loose, without = plugins.load(LOOSE), plugins.load()
    assert "shout" in with_loose.all("logger")
    assert "shout" not in without.all("logger")


def test_a_variable_names_the_folder_and_the_option_is_stronger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "told", quiet=LOGGER.format(name="told"))
    monkeypatch.setenv("ANIMEKIT_PLUGINS_DIR", str(tmp_path / "told"))
    assert "told" in plugins.load().all("logger")
    loggers = plugins.load(str(LOOSE)).all("logger")
    assert "shout" in loggers
    assert "told" not in loggers


@pytest.mark.parametrize("by", ["--plugins-dir", "ANIMEKIT_PLUGINS_DIR"])
def test_a_missing_folder_is_exit_3_and_names_who_asked_for_it(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "none"
    if by.startswith("ANIMEKIT"):
        monkeypatch.setenv(by, str(missing))
    with pytest.raises(NotFoundError) as caught:
        plugins.load(missing if by == "--plugins-dir" else None)
    assert str(missing) in caught.value.message
    assert by in caught.value.message


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, quiet=LOGGER.format(name=name))
    first = plugins.load(tmp_path / "one").get("logger", "one")
    second = plugins.load(tmp_path / "two").get("logger", "two")
    assert first.__module__ != second.__module__
    assert sys.modules[first.__module__].Quiet is first
    again = plugins.load(tmp_path / "one").get("logger", "one")
    assert again.__module__ == first.__module__


MODEL = """
from animekit.training.logger import Logger
from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl

class Good(Logger):
    name = "half"

class NoName(Logger):
    pass

class BadName(Logger):
    name = "two words"

class NoComponent:
    name = "plain"

class Wrong(Metric):
    name = "wrong"
"""

BROKEN = {
    "import": ("import not_there_at_all", "ModuleNotFoundError: No module named"),
    "syntax": ("def f(:", "SyntaxError"),
    "error": ("raise ValueError('one\\ntwo')", "ValueError: one"),
    "exit": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "mark": ("def animekit_models(): return []", "animekit_models is not marked as a hook"),
    "hook": (
        MODEL + "@hookimpl\ndef animekit_modles(): return []",
        "unknown hook 'animekit_modles'",
    ),
    "argument": (
        MODEL + "@hookimpl\ndef animekit_models(registry): return []",
        "PluginValidationError",
    ),
    "none": (MODEL + "@hookimpl\ndef animekit_loggers(): pass", "returned None, not a list"),
    "class": (MODEL + "@hookimpl\ndef animekit_loggers(): return Good", "not a list"),
    "text": (MODEL + "@hookimpl\ndef animekit_loggers(): return 'Good'", "not a list"),
    "inside": (
        MODEL + "@hookimpl\ndef animekit_loggers():\n    yield Good\n    raise KeyError('x')",
        "KeyError",
    ),
    "instance": (
        MODEL + "@hookimpl\ndef animekit_loggers(): return [Good, Good()]",
        "which is no Logger class",
    ),
    "plain": (
        MODEL + "@hookimpl\ndef animekit_loggers(): return [Good, NoComponent]",
        "which is no Logger class",
    ),
    "wrong": (
        MODEL + "@hookimpl\ndef animekit_loggers(): return [Good, Wrong]",
        "which is no Logger class",
    ),
    "model": (
        MODEL + "@hookimpl\ndef animekit_models(): return [Good]",
        "which is no Model class",
    ),
    "dataset": (
        MODEL + "@hookimpl\ndef animekit_datasets(): return [Good]",
        "which is no Dataset class",
    ),
    "nameless": (
        MODEL + "@hookimpl\ndef animekit_loggers(): return [Good, NoName]",
        "NoName has the name None",
    ),
    "name": (
        MODEL + "@hookimpl\ndef animekit_loggers(): return [Good, BadName]",
        "BadName has the name 'two words'",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_kept_as_a_failure_and_the_others_work(how: str, tmp_path: Path) -> None:
    code, line = BROKEN[how]
    write(tmp_path, broken=code, zzz=LOGGER.format(name="later"))
    registry = plugins.load(tmp_path)
    (failure,) = registry.failures
    assert failure.module == "broken"
    assert failure.source == str(tmp_path / "broken.py")
    assert line in failure.line
    assert "\n" not in failure.line
    assert "Traceback" in failure.trace
    assert "broken.py" in failure.trace
    assert "later" in registry.all("logger")
    assert set(registry.all("model")) >= BUILTIN
    assert "half" not in registry.all("logger"), "all of a plugin, or nothing of it"
    assert "broken" not in {source.module for source in registry.modules}


@pytest.mark.parametrize("how", ["import", "syntax", "none", "exit"])
def test_authors_can_have_the_error_itself(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_RAISE_PLUGIN_ERRORS", "1")
    write(tmp_path, broken=BROKEN[how][0])
    kinds = (ModuleNotFoundError, SyntaxError, PluginError, SystemExit)
    with pytest.raises(kinds) as caught:
        plugins.load(tmp_path)
    assert caught.value.__notes__ == [
        f"while loading plugin broken ({tmp_path / 'broken.py'})",
    ]


def test_ctrl_c_while_a_plugin_loads_is_not_swallowed(tmp_path: Path) -> None:
    write(tmp_path, slow="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.load(tmp_path)


@pytest.mark.parametrize("raising", ["", "1"])
def test_two_components_of_one_name_are_an_error_that_names_both(
    raising: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_RAISE_PLUGIN_ERRORS", raising)
    write(tmp_path, first=LOGGER.format(name="same"), second=LOGGER.format(name="same"))
    with pytest.raises(PluginError, match='two loggers are called "same"') as caught:
        plugins.load(tmp_path)
    for name in ("first", "second"):
        assert f"{name} ({tmp_path / name}.py)" in caught.value.message
    assert caught.value.code == "plugin.clash"
    assert "ANIMEKIT_PLUGINS=''" in str(caught.value.hint)


def test_a_clash_with_a_built_in_model_names_its_module(tmp_path: Path) -> None:
    code = (ROOT / "plugins" / "models" / "gan.py").read_text(encoding="utf-8")
    write(tmp_path, mine=code)
    with pytest.raises(
        PluginError, match=r'models are called "gan".*animekit_plugins\.models\.gan'
    ):
        plugins.load(tmp_path)


def test_one_class_that_two_modules_return_is_no_clash(site: Path) -> None:
    again = "from ak_one import Quiet\nfrom animekit.hookspecs import hookimpl\n"
    again += "@hookimpl\ndef animekit_loggers(): return [Quiet]"
    install(site, "ak-one", "a = ak_one", ak_one=LOGGER.format(name="one"))
    install(site, "ak-two", "a = ak_two", ak_two=again)
    registry = plugins.load()
    assert registry.sources[registry.get("logger", "one")].module == "ak_one"


def test_an_installed_module_is_a_plugin_with_its_distribution_and_version(site: Path) -> None:
    install(site, "ak-quiet", "quiet = ak_quiet", ak_quiet=LOGGER.format(name="installed"))
    registry = plugins.load()
    source = registry.sources[registry.get("logger", "installed")]
    assert (source.module, source.origin, source.version) == ("ak_quiet", "ak-quiet", "1.5")


def test_an_installed_package_stands_for_each_module_in_it(site: Path) -> None:
    install(site, "ak-many", "many = ak_many")
    many = write(site / "ak_many", __init__="", one=LOGGER.format(name="one"), _shared="1 / 0")
    write(many / "deep", __init__="", two=LOGGER.format(name="two"), bad="1 / 0")
    write(many / "_deeper", __init__="", three=LOGGER.format(name="three"))
    registry = plugins.load()
    names = {source.module for source in registry.modules if source.origin == "ak-many"}
    assert names == {"ak_many.one", "ak_many.deep.two"}
    assert [failure.module for failure in registry.failures] == ["ak_many.deep.bad"]
    write(many, later=LOGGER.format(name="later"))
    assert "later" in plugins.load().all("logger"), "a new file is found without installing again"


@pytest.mark.parametrize(
    ("entry", "module", "line"),
    [
        ("a = ak_missing", "ak_missing", "ModuleNotFoundError"),
        ("a = ak_missing.deep", "ak_missing.deep", "ModuleNotFoundError"),
        ("a = ak_bad.module", "ak_bad.module", "ZeroDivisionError"),
        ("a = ak_bad", "ak_bad.module", "ZeroDivisionError"),
        ("a = ak_leaves.module", "ak_leaves.module", "SystemExit"),
    ],
)
def test_a_broken_distribution_is_a_failure_and_the_others_work(
    site: Path, entry: str, module: str, line: str
) -> None:
    install(site, "ak-broken", entry)
    write(site / "ak_bad", __init__="", module="1 / 0")
    write(site / "ak_leaves", __init__="raise SystemExit(1)", module="")
    registry = plugins.load()
    (failure,) = registry.failures
    assert (failure.module, failure.source) == (module, "ak-broken")
    assert line in failure.line
    assert set(registry.all("model")) >= BUILTIN


def test_a_distribution_that_python_sees_twice_is_loaded_once(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "ak-quiet", "quiet = ak_quiet", ak_quiet=LOGGER.format(name="installed"))
    install(tmp_path / "copy", "ak-quiet-old", "quiet = ak_quiet")
    monkeypatch.syspath_prepend(tmp_path / "copy")
    assert sum(source.module == "ak_quiet" for source in plugins.load().modules) == 1


def test_an_empty_variable_leaves_only_the_built_in_plugins(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "ak-bad", "bad = ak_bad", ak_bad="1 / 0")
    monkeypatch.setenv("ANIMEKIT_PLUGINS", "")
    registry = plugins.load(LOOSE)
    assert {source.origin for source in registry.modules} == {"animekit"}
    assert not registry.failures


def test_an_unknown_name_is_told_the_nearest_all_and_what_failed(tmp_path: Path) -> None:
    registry = plugins.load(write(tmp_path, margin="import not_there_at_all"))
    with pytest.raises(NotFoundError) as caught:
        registry.get("model", "WGAN-PG")
    assert caught.value.message == 'unknown model "WGAN-PG". Did you mean "wgangp"?'
    assert caught.value.code == "model.not_found"
    for word in (*BUILTIN, "No module named 'not_there_at_all' (margin.py, line 1))"):
        assert word in str(caught.value.hint)


def test_all_lists_a_kind_by_name() -> None:
    names = list(plugins.load().all("model"))
    assert names == sorted(names)


def test_an_empty_registry_knows_every_kind() -> None:
    assert all(Registry().all(kind) == {} for kind in plugins.KINDS)


@pytest.fixture(scope="module")
def margin() -> str:
    """The plugin of the guide, word for word."""
    guide = (ROOT / "docs" / "howto" / "write-a-plugin.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)[0]


def test_the_guides_plugin_is_about_30_lines(margin: str) -> None:
    assert sum(bool(line.strip()) for line in margin.splitlines()) <= 32


@pytest.mark.parametrize("way", ["loose", "installed"])
def test_the_guides_plugin_is_listed_trained_and_generated_with(
    way: str, margin: str, tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from animekit.generation.generate import generate
    from animekit.training.train import train

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "cache"))
    if way == "loose":
        registry = plugins.load(write(tmp_path / "my_plugins", margin=margin))
    else:
        install(site, "animekit-margin", "margin = ak_margin", ak_margin=margin)
        registry = plugins.load()
    model = registry.get("model", "margin")
    assert model.summary().endswith("(Lim and Ye, 2017).")
    small = {"g_channels": 4, "d_channels": 4, "z_dim": 8, "margin": 0.5, "batch_size": 4}
    run = train("margin", "synthetic:32", steps=2, params=small, size=32, registry=registry)
    assert run.config["plugin"]["origin"] == registry.sources[model].origin
    assert run.config["params"]["margin"] == 0.5
    made = generate(run, seeds=range(3), registry=registry)
    assert made.images.shape == (3, 32, 32, 3)


def test_the_guides_plugin_keeps_the_models_contract(margin: str, tmp_path: Path) -> None:
    from animekit.testing.check import check_model

    check_model(plugins.load(write(tmp_path, margin=margin)).get("model", "margin"))


def test_the_guide_shows_each_hook_as_it_is() -> None:
    guide = (ROOT / "docs" / "howto" / "write-a-plugin.md").read_text(encoding="utf-8")
    hookspecs = (ROOT / "animekit" / "hookspecs.py").read_text(encoding="utf-8")
    signatures = re.findall(r"^def animekit_\w+\(\) -> [^:]+:", hookspecs, flags=re.MULTILINE)
    assert len(signatures) == len(plugins.KINDS)
    assert not [line for line in signatures if line not in guide]
