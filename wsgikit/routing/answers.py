"""The code that asks one route: for its method, its values and its condition, and that makes the match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.routing import BaseConverter, ValidationError
from werkzeug.routing.converters import NumberConverter

from wsgikit.routing.route import Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsgikit.routing.entry import Entry
    from wsgikit.routing.pattern import Variable

SLASH = object()
"""What a walk gives where a rule matches but for the slash at its end."""


class Spelling(NamedTuple):
    """A route that matches, and its values, where another one of its name may be the canonical spelling."""

    entry: Entry
    args: dict[str, Any]


class Constants:
    """The objects that generated code uses, by the names that it has for them."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "Match": Match,
            "Spelling": Spelling,
            "SLASH": SLASH,
            "ValidationError": ValidationError,
        }
        self._numbers: dict[int, int] = {}

    def number(self, thing: object) -> int:
        """A number for ``thing``, the same each time."""
        return self._numbers.setdefault(id(thing), len(self._numbers))

    def name(self, prefix: str, number: int, value: Any) -> str:
        """A name for ``value``."""
        self.names[f"{prefix}_{number}"] = value
        return f"{prefix}_{number}"


def answer(
    entry: Entry, values: Sequence[str], constants: Constants, *, result: str = "Match", counts: bool = True
) -> list[str]:
    """Lines that return ``result`` where the route takes the request.

    ``values`` are the expressions for the raw texts of its variables. ``result`` is ``Match``, ``Spelling`` or
    ``SLASH``. A miss for the method alone is noted in ``missed`` if it ``counts``.
    """
    number = constants.number(entry)
    made, rejected = _arguments(entry, values, constants, number)
    args = "args" if rejected else made
    if result == "Match":
        result = f"Match({constants.name('route', number, entry.route)}, {args})"
    elif result == "Spelling":
        result = f"Spelling({constants.name('entry', number, entry)}, {args})"
    lines = [f"return {result}"]
    if entry.route.when is not None:
        when = constants.name("when", number, entry.route.when)
        lines = [f"if environ is not None and {when}(environ):", *indented(lines)]
    if rejected:
        attempt = ["try:", f"    args = {made}", f"except {rejected}:", "    pass", "else:"]
        lines = [*attempt, *indented(lines)]
    shown = f"  # {entry!r}"
    if entry.route.methods is None:
        return [lines[0] + shown, *lines[1:]]
    methods = constants.name("methods", number, entry.route.methods)
    lines = [f"if method in {methods}:{shown}", *indented(lines)]
    if counts:
        raw = f"({', '.join(values)},)" if values else "()"
        noted = f"missed.append(({constants.name('entry', number, entry)}, {raw}))"
        lines += ["elif missed is not None:", *indented([noted])]
    return lines


def _arguments(entry: Entry, values: Sequence[str], constants: Constants, number: int) -> tuple[str, str]:
    """The expression for the values of a route, and what it raises where a converter rejects one, if it may."""
    kinds = {_kind(variable) for variable in entry.variables}
    shown = []
    for variable, raw in zip(entry.variables, values, strict=True):
        kind = _kind(variable)
        if kind == "text":
            shown.append(f"{variable.name!r}: {raw}")
        elif kind == "int" and "other" not in kinds:
            shown.append(f"{variable.name!r}: int({raw})")
        else:
            convert = constants.name(f"to_{variable.name}", number, variable.converter.to_python)
            shown.append(f"{variable.name!r}: {convert}({raw})")
    if entry.defaults:
        shown.append(f"**{constants.name('defaults', number, entry.defaults)}")
    # int() itself refuses thousands of digits; a converter's ValueError that is no rejection is a bug to be seen.
    rejected = "ValidationError" if "other" in kinds else "ValueError" if "int" in kinds else ""
    return "{" + ", ".join(shown) + "}", rejected


def _kind(variable: Variable) -> str:
    """How a value is made of its text: not at all, by ``int``, or by the converter's ``to_python``."""
    converter = variable.converter
    to_python = type(converter).to_python
    if to_python is BaseConverter.to_python:
        return "text"
    if to_python is NumberConverter.to_python and isinstance(converter, NumberConverter):
        bounded = converter.fixed_digits or converter.min is not None or converter.max is not None
        if type(converter).num_convert is int and not bounded:
            return "int"
    return "other"


def indented(lines: list[str]) -> list[str]:
    """The lines, one level in."""
    return [f"    {line}" for line in lines]
