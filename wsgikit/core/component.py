"""One word, four places: what a constructor was given is its options, repr, equality and pickle.

Everything wsgikit lets people build is configured once, by its constructor. ``Component`` keeps what
was passed, by name and before normalisation, and derives the rest from the signature alone, so a
class declares each option in one place only.
"""

from __future__ import annotations

from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, Self

from wsgikit.core.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIApplication

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class Component:
    """Something built once from options: it shows them, compares by them, and pickles and copies by them."""

    _passed: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        self._passed = bind(cls.__name__, own_signature(cls), args, kwargs)
        return self

    def options(self) -> dict[str, Any]:
        """What was passed to the constructor, by name, before normalisation."""
        return dict(self._passed)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The apps inside, as pairs of label and app, in the order in which requests try them."""
        return ()

    def _arguments(self) -> dict[str, Any]:
        """What would build this again as it is now; a class that changes while serving says so here."""
        return self._passed

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._arguments() == other._arguments()

    def __hash__(self) -> int:
        # Options are often lists, so equality cannot be hashed; equal things share their class at least.
        return hash(type(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._arguments())


def rebuild(cls: type[Component], passed: dict[str, Any]) -> Component:
    """The component that ``passed`` builds: how pickles and copies come back to life."""
    args: list[Any] = []
    kwargs = dict(passed)
    parameters = own_signature(cls).parameters.values()
    positional: tuple[Any, ...] = (Parameter.POSITIONAL_ONLY,)
    if any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters):
        positional += (Parameter.POSITIONAL_OR_KEYWORD,)  # what stands before *args cannot be named
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_POSITIONAL:
            args += kwargs.pop(parameter.name, ())
        elif parameter.kind in positional and parameter.name in kwargs:
            args.append(kwargs.pop(parameter.name))
    return cls(*args, **kwargs)


def own_signature(cls: Any) -> Signature:
    """What ``cls(...)`` takes: its ``__init__`` without ``self``."""
    if cls.__init__ is object.__init__:
        return Signature()  # object's own says that it takes anything
    parameters = list(signature(cls.__init__).parameters.values())
    return Signature(parameters[1:])


def bind(owner: str, known: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """``args`` and ``kwargs`` by parameter name; a ``TypeError`` names the option that does not fit."""
    unknown = _unknown(known, kwargs)
    if unknown:
        options = [p.name for p in known.parameters.values() if p.kind in _NAMED]
        takes = f"it takes {', '.join(options)}" if options else "it takes none"
        raise TypeError(f"{owner}: no option {unknown!r}{suggestion(unknown, options) or '; ' + takes}")
    try:
        bound = known.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"{owner}: {error}") from None
    for parameter in known.parameters.values():
        if parameter.kind is Parameter.VAR_KEYWORD:
            bound.update(bound.pop(parameter.name, {}))
    return dict(bound)


def _unknown(known: Signature, kwargs: dict[str, Any]) -> str | None:
    """The first keyword that the signature does not take, if any."""
    if any(p.kind is Parameter.VAR_KEYWORD for p in known.parameters.values()):
        return None
    names = {p.name for p in known.parameters.values() if p.kind in _NAMED}
    return next((name for name in kwargs if name not in names), None)
