"""The tree of layers and apps, in request order: what a person at night reads from the top down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Where the middleware of others keeps the app it wraps: Werkzeug and most, WebOb and Paste, Flask.
_INNER = ("app", "application", "wsgi_app")


def children(app: Any) -> list[tuple[str, Any]]:
    """The apps inside ``app``: what it says itself, or the one that another's middleware wraps."""
    if isinstance(app, Component):
        return list(app.children())
    held = getattr(app, "__dict__", {})
    return [(name, held[name]) for name in _INNER if callable(held.get(name))][:1]


def walk(app: Any, label: str = "") -> Iterator[tuple[int, str, Any]]:
    """Depth, label and app of everything from ``app`` inwards; a thing already above itself is not entered."""
    yield from _walk(app, label, 0, ())


def _walk(app: Any, label: str, depth: int, above: tuple[int, ...]) -> Iterator[tuple[int, str, Any]]:
    yield depth, label, app
    if id(app) in above:
        return
    for name, inner in children(app):
        yield from _walk(inner, name, depth + 1, (*above, id(app)))


def describe(app: Any) -> str:
    """One line for one thing: its class and options, or where its code lives."""
    if isinstance(app, Component):
        inner = [child for _, child in app.children()]
        shown = [f"{name}={value!r}" for name, value in app.options().items() if not _holds(value, inner)]
        return f"{type(app).__name__}({', '.join(shown)})"
    if isinstance(app, type) or hasattr(app, "__qualname__"):
        return f"{app.__module__}.{app.__qualname__}"
    return f"{type(app).__module__}.{type(app).__qualname__}"


def _holds(value: Any, apps: Iterable[Any]) -> bool:
    """Whether an option holds the apps that stand below it in the tree anyway."""
    if isinstance(value, dict):
        return any(_holds(item, apps) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds(getattr(item, "app", item), apps) for item in value)
    return any(value is app for app in apps)


def draw(app: Any) -> str:
    """The whole tree as text, a line each: layers stand below each other, branches are indented."""
    lines: list[str] = []
    _draw(app, "", "", "", lines, ())
    return "\n".join(lines)


def _draw(app: Any, label: str, first: str, rest: str, lines: list[str], above: tuple[int, ...]) -> None:
    lines.append(f"{first}{label}{describe(app)}")
    if id(app) in above:
        return
    inner = children(app)
    wraps = len(inner) == 1 and inner[0][0] in _INNER
    for number, (name, child) in enumerate(inner, 1):
        label = "" if wraps else f"{name} → "
        if wraps:
            step, further = rest, rest
        else:
            last = number == len(inner)
            step, further = rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")
        _draw(child, label, step, further, lines, (*above, id(app)))
