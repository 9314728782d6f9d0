"""Conditions: questions about a request, joined with ``&``, ``|`` and ``~``.

    Method("GET", "HEAD") & ~Path(prefix="/private") | ClientIP("loopback")

Python's own precedence holds: ``~`` binds before ``&``, and ``&`` before ``|``. Evaluation goes from left
to right and stops as soon as the answer is known, so the cheap or the likely condition goes first.
"""

from __future__ import annotations

from inspect import Parameter
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from wsgikit.core.component import Component, own_signature
from wsgikit.core.errors import wrong_type

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_WANTED = "a condition, such as Method('GET')"


class Condition(Component):
    """Holds for a request or does not: ``condition(environ)`` says which.

    A condition of one's own is a subclass with ``__call__``; one that also captures text overrides ``match``
    and names its captures in ``captures``. Conditions may be asked from many threads at once, and read
    environ without changing it.
    """

    captures: frozenset[str] = frozenset()
    """The names that ``match`` may capture."""

    _binds: ClassVar[int] = 3  # how tightly its text holds together, for the parentheses of repr()

    def __call__(self, environ: WSGIEnvironment) -> bool:
        """Whether the condition holds for this request."""
        raise NotImplementedError(f"{type(self).__name__} does not say when it holds: it lacks __call__")

    def match(self, environ: WSGIEnvironment) -> dict[str, str] | None:
        """The text captured where the condition holds, by name (often none at all: ``{}``); None otherwise."""
        return {} if self(environ) else None

    def __and__(self, other: Condition) -> Condition:
        """Holds where both do; the captures are merged, of two with one name the right one stays."""
        if not isinstance(other, Condition):
            return NotImplemented
        return AllOf(*_parts(AllOf, self), *_parts(AllOf, other))

    def __or__(self, other: Condition) -> Condition:
        """Holds where either does; the captures are those of the first that holds."""
        if not isinstance(other, Condition):
            return NotImplemented
        return AnyOf(*_parts(AnyOf, self), *_parts(AnyOf, other))

    def __invert__(self) -> Condition:
        """Holds where this one does not, and captures nothing."""
        return Not(self)

    def __bool__(self) -> NoReturn:
        # `a and b` would be b alone and `not a` always False, without a word.
        raise TypeError(
            f"{self!r} is neither true nor false without a request: "
            "join conditions with &, | and ~ (not and, or, not), and compare an option with None"
        )

    def __repr__(self) -> str:
        return as_written(self)

    def __hash__(self) -> int:
        try:
            return hash((type(self), *self._passed.values()))
        except TypeError:  # an option that is a list
            return hash(type(self))


class _Joined(Condition):
    """Conditions joined by one operator."""

    _operator: ClassVar[str]

    def __init__(self, *conditions: Condition) -> None:
        for condition in conditions:
            if not isinstance(condition, Condition):
                raise wrong_type(type(self).__name__, "conditions", condition, _WANTED)
        self.conditions = conditions
        self.captures = frozenset().union(*(condition.captures for condition in self.conditions))

    def __repr__(self) -> str:
        if len(self.conditions) < 2:
            return super().__repr__()
        return f" {self._operator} ".join(_enclosed(condition, self._binds) for condition in self.conditions)


class AllOf(_Joined):
    """Holds where every condition does, which is what ``&`` makes; asked from left to right until one does not."""

    _operator = "&"
    _binds = 1

    def __call__(self, environ: WSGIEnvironment) -> bool:
        for condition in self.conditions:  # noqa: SIM110 - all() and its generator cost twice as much
            if not condition(environ):
                return False
        return True

    def match(self, environ: WSGIEnvironment) -> dict[str, str] | None:
        merged: dict[str, str] = {}
        for condition in self.conditions:
            captured = condition.match(environ)
            if captured is None:
                return None
            merged.update(captured)
        return merged


class AnyOf(_Joined):
    """Holds where one of the conditions does, which is what ``|`` makes; asked from left to right until one does."""

    _operator = "|"
    _binds = 0

    def __call__(self, environ: WSGIEnvironment) -> bool:
        for condition in self.conditions:  # noqa: SIM110 - as in AllOf
            if condition(environ):
                return True
        return False

    def match(self, environ: WSGIEnvironment) -> dict[str, str] | None:
        for condition in self.conditions:
            captured = condition.match(environ)
            if captured is not None:
                return captured
        return None


class Not(Condition):
    """Holds where the condition does not, which is what ``~`` makes; captures nothing."""

    _binds = 2

    def __init__(self, condition: Condition) -> None:
        if not isinstance(condition, Condition):
            raise wrong_type("Not", "condition", condition, _WANTED)
        self.condition = condition

    def __call__(self, environ: WSGIEnvironment) -> bool:
        return not self.condition(environ)

    def __repr__(self) -> str:
        return f"~{_enclosed(self.condition, self._binds)}"


def _parts(kind: type[_Joined], condition: Condition) -> tuple[Condition, ...]:
    """What ``condition`` adds to a join of ``kind``: a join of the same kind is taken apart, to keep it flat."""
    return condition.conditions if isinstance(condition, kind) else (condition,)


def _enclosed(condition: Condition, binds: int) -> str:
    """The condition's text, in parentheses where it would fall apart beside an operator that binds tighter."""
    return repr(condition) if condition._binds >= binds else f"({condition!r})"


def as_written(component: Component) -> str:
    """The call that builds it, as one would write it: arguments in order while that is possible, by name after that."""
    passed: dict[str, Any] = component.options()
    shown: list[str] = []
    in_order = True
    for parameter in own_signature(type(component)).parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY or parameter.name not in passed:
            in_order = False
        elif parameter.kind is Parameter.VAR_POSITIONAL:
            shown += map(repr, passed.pop(parameter.name))
        elif in_order:
            shown.append(repr(passed.pop(parameter.name)))
    shown += [f"{name}={value!r}" for name, value in passed.items()]
    return f"{type(component).__name__}({', '.join(shown)})"
