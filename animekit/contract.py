"""What a component of a plugin must be: its base, name, parameters, methods and words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from animekit import hookspecs
from animekit.config import Params
from animekit.errors import PluginError

NAME = re.compile(r"(?=[0-9_-]*[A-Za-z])[A-Za-z0-9]+([-_][A-Za-z0-9]+)*", re.ASCII)
RULE = "a name is ASCII letters and digits, with single - or _ between them, as in mean-colour"


def examine(kind: str, component: Any, base: type[Any]) -> None:
    """Raise PluginError where what a hook returned is no component of its kind."""
    if not isinstance(component, type) or not issubclass(component, base):
        raise PluginError(
            f"animekit_{kind}s returned {component!r}, which is no {base.__name__} class",
            f"return classes that are derived from {base.__module__}.{base.__name__}",
        )
    name = getattr(component, "name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PluginError(
            f"{component.__name__} has the name {name!r}, which nobody can type", RULE
        )
    params: Any = getattr(component, "Params", None)
    if not isinstance(params, type) or not issubclass(params, Params):
        raise PluginError(
            f"{component.__name__}.Params is no Params class",
            f"derive it from {Params.__module__}.{Params.__name__}",
        )
    for cls in component.__mro__:
        for method in vars(cls).get("must_define", ()):
            if getattr(component, method) is vars(cls).get(method):
                raise PluginError(
                    f"{component.__name__} has no {method}()",
                    f"define it: {base.__module__}.{base.__name__} says what it is to return",
                )
    _check_words(component)
    _check_methods(component)


def _check_words(component: type[Any]) -> None:
    """Refuse an attribute that is none of the words that its class allows, as in `better`."""
    for cls in filter(_is_ours, component.__mro__):
        for name, text in vars(cls).get("__annotations__", {}).items():
            if "Literal" not in str(text):
                continue
            kind = get_type_hints(cls, include_extras=True)[name]
            plain = get_args(kind)[0] if get_origin(kind) is ClassVar else kind
            words = get_args(plain)
            if get_origin(plain) is Literal and getattr(component, name, words[0]) not in words:
                raise PluginError(
                    f"{component.__name__}.{name} is {getattr(component, name)!r}",
                    "it is one of: " + " ".join(map(str, words)),
                )


def _check_methods(component: type[Any]) -> None:
    """Refuse a method that cannot be called as the method of its base is."""
    for cls, name, function in _own_methods(component):
        after = component.__mro__[component.__mro__.index(cls) + 1 :]
        base = next((each for each in after if _is_ours(each) and name in vars(each)), None)
        wanted = None if base is None else _function(vars(base)[name])
        if base is None or wanted is None or name == "__init__":
            continue
        names, given = _call(wanted, labels=getattr(component, "conditional", False))
        try:
            inspect.signature(function).bind(*[None] * (len(names) + 1), **given)
        except TypeError as error:
            code = function.__code__
            shown = f"{name}{inspect.signature(function)}"
            raise PluginError(
                f"{cls.__name__}.{shown} is called as {name}({', '.join([*names, *given])}):"
                f" {error} ({Path(code.co_filename).name}, line {code.co_firstlineno})",
                f"write it as {base.__name__} has it: {name}{inspect.signature(wanted)}",
            ) from None


def _own_methods(component: type[Any]) -> Iterator[tuple[type[Any], str, Any]]:
    """Yield the methods that classes of a plugin define, each with its class."""
    for cls in component.__mro__:
        if _is_ours(cls):
            continue
        for name, value in vars(cls).items():
            function = _function(value)
            if function is not None and getattr(component, name, None) is getattr(cls, name):
                yield cls, name, function


def _function(value: Any) -> Any:
    """Return the function of a method that gets the instance or the class; None for others."""
    found = value.__func__ if isinstance(value, classmethod) else value
    return found if inspect.isfunction(found) else None


def _call(function: Any, *, labels: bool) -> tuple[list[str], dict[str, None]]:
    """Return what a method is called with at least, in place and by name."""
    _, *parameters = inspect.signature(function).parameters.values()
    needed = [
        each
        for each in parameters
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        and (each.default is each.empty or (labels and each.name == "labels"))
    ]
    names = [each.name for each in needed if each.kind is not each.KEYWORD_ONLY]
    return names, {each.name: None for each in needed if each.kind is each.KEYWORD_ONLY}


def _is_ours(cls: type[Any]) -> bool:
    return cls.__module__.partition(".")[0] == hookspecs.PROJECT
