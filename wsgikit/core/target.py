"""Targets: the things in Python code that configuration points at, written ``"package.module:attribute"``."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import suggestion, wrong_type, wrong_value

if TYPE_CHECKING:
    from collections.abc import Iterable

_WANTED = 'a target "module:attribute", such as "shop.wsgi:app"'
_FILE = re.compile(r"(?:\./)?([\w/]+)\.py(?::([\w.]+))?")
_CALL = re.compile(r"([\w.]+:[\w.]+)\(.*\)")


class TargetError(ImportError):
    """A target that cannot be had: the text names it, says what went wrong, and names the nearest right name."""


def parse_target(owner: str, option: str, value: Any) -> tuple[str, str]:
    """The module and the attribute (dots lead further in) that ``value`` names; nothing is imported.

    Raises ``ValueError`` or ``TypeError`` for what names none, on behalf of ``owner`` and its ``option``.
    """
    if not isinstance(value, str):
        raise wrong_type(owner, option, value, _WANTED)
    module, _, attribute = value.partition(":")
    if not (_dotted(module) and _dotted(attribute)):
        raise wrong_value(owner, option, value, _WANTED + _hint(value))
    return module, attribute


def load_target(target: str) -> Any:
    """The object that ``target`` names, its module imported for it.

    Raises `TargetError`, with what the module itself raised as its cause. A module that calls ``sys.exit()`` raises it
    too: one target that cannot be had is no reason to end the process.
    """
    module, attribute = parse_target("target", "text", target)
    found = _import(target, module)
    reached = f"module {module!r}"
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            near = suggestion(name, _public(dir(found)))
            raise TargetError(f"{target!r}: {reached} has no attribute {name!r}{near}") from None
        reached = f"{name!r}"
    return found


def load_app(target: str) -> Any:
    """The WSGI app that ``target`` names; a `TargetError` if what is there cannot be called."""
    found = load_target(target)
    if not callable(found):
        raise TargetError(f"{target!r} is no WSGI app but {type(found).__name__} {found!r:.60}")
    return found


def _import(target: str, module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _broken(target, module, error) from error  # a module that the target's own wants
        raise TargetError(f"{target!r}: {_missing(error.name)}") from None
    except (Exception, SystemExit) as error:
        raise _broken(target, module, error) from error


def _broken(target: str, module: str, error: BaseException) -> TargetError:
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return TargetError(f"{target!r}: importing {module!r} failed: {said}")


def _missing(name: str) -> str:
    """There is no module ``name``, and which of those beside it was perhaps meant."""
    from pkgutil import iter_modules  # wanted only on the way to an error

    parent, _, own = name.rpartition(".")
    if not parent:
        own_modules = set(_names(iter_modules())) - sys.stdlib_module_names  # no app is one of Python's own
        return f"there is no module {name!r}{suggestion(own, sorted(own_modules))}"
    package = import_module(parent)  # it was imported a moment ago, on the way to its module
    paths = getattr(package, "__path__", None)
    if paths is None:
        return f"there is no module {name!r}: {parent!r} is a module, not a package"
    return f"there is no module {name!r} in {parent!r}{suggestion(own, _names(iter_modules(paths)))}"


def _names(found: Iterable[Any]) -> list[str]:
    return [module.name for module in found]


def _public(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("__")]


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _hint(value: str) -> str:
    """What people write instead of a target, put right."""
    called = _CALL.fullmatch(value)
    if called:
        return (
            f"; a factory is not called for you: write `app = ...()` in a module and name that, not {value!r}"
        )
    file = _FILE.fullmatch(value)
    if file:
        return f"; did you mean {file[1].replace('/', '.') + ':' + (file[2] or 'app')!r}?"
    return f"; did you mean {value + ':app'!r}?" if value and _dotted(value) else ""
