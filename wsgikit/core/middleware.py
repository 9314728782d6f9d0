"""Composition: a layer wraps one app, an app holds many or none, a stack is layers in request order."""

from __future__ import annotations

from functools import cached_property
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component, bind, own_signature
from wsgikit.core.errors import wrong_type
from wsgikit.core.order import check_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Application(Component):
    """A WSGI app of wsgikit's own: it holds many apps or none."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise NotImplementedError(f"{type(self).__name__} answers no requests yet")


class Middleware(Application):
    """A layer: it wraps one app, and calls it with the request, or answers in its place."""

    app: WSGIApplication

    def __init__(self, app: WSGIApplication) -> None:
        if not callable(app):
            raise wrong_type(
                type(self).__name__, "app", app, "a WSGI app, called with environ and start_response"
            )
        self.app = app

    def options(self) -> dict[str, Any]:
        """What was passed to the constructor beside the app, by name, before normalisation."""
        passed = super().options()
        passed.pop("app", None)
        return passed

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The one app inside."""
        return (("app", self.app),)


class Layer:
    """A layer not yet bound to an app: ``Layer(Compress, level=4)(app)`` is ``Compress(app, level=4)``.

    ``factory`` is any callable whose first argument is the app: ours, or anybody's
    (``Layer(ProxyFix, x_for=1)``). The arguments are bound against its signature at once, so a mistyped
    option raises ``TypeError`` where the stack is written down, naming the nearest right one.
    """

    def __init__(self, factory: Callable[..., WSGIApplication], /, *args: Any, **options: Any) -> None:
        if not callable(factory):
            raise wrong_type(
                "Layer", "factory", factory, "a class or function whose first argument is the app"
            )
        if _is_a(factory, Application) and not _wraps_an_app(factory):
            raise TypeError(f"Layer: {factory.__name__} is an app, not a layer: it wraps no app")
        self.factory = factory
        self._args = args
        self._kwargs = options
        self._passed = bind(self.name, _beside_the_app(factory), args, options)

    @cached_property
    def name(self) -> str:
        """The factory's own name."""
        return getattr(self.factory, "__name__", None) or repr(self.factory)

    def __call__(self, app: WSGIApplication) -> WSGIApplication:
        """The factory's layer around ``app``."""
        return self.factory(app, *self._args, **self._kwargs)

    def options(self) -> dict[str, Any]:
        """What the factory will be given beside the app, by name."""
        return dict(self._passed)

    def __repr__(self) -> str:
        shown = "".join(f", {name}={value!r}" for name, value in self._passed.items())
        return f"Layer({self.name}{shown})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not Layer:
            return NotImplemented
        return self.factory == other.factory and self._passed == other._passed

    def __hash__(self) -> int:
        return hash(self.factory)

    def __reduce__(self) -> tuple[Any, ...]:
        return _layer, (self.factory, self._args, self._kwargs)


def _is_a(factory: Any, kind: type) -> bool:
    return isinstance(factory, type) and issubclass(factory, kind)


def _wraps_an_app(factory: Any) -> bool:
    """Whether an app of ours is a layer too: TransLogger and DispatcherMiddleware are, as their originals are."""
    first = next(iter(own_signature(factory).parameters), "")
    return _is_a(factory, Middleware) or first in ("app", "application")


def _beside_the_app(factory: Any) -> Signature:
    """What ``factory`` takes after the app."""
    if _is_a(factory, Component):
        takes = list(own_signature(factory).parameters.values())
    else:
        try:
            takes = list(signature(factory).parameters.values())
        except ValueError:  # some callables written in C do not say what they take
            return signature(_anything)
    if takes and takes[0].kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
        takes = takes[1:]
    return Signature(takes)


def _anything(*args: Any, **options: Any) -> None:
    """Has the signature that fits every call."""


def _layer(factory: Callable[..., WSGIApplication], args: tuple[Any, ...], options: dict[str, Any]) -> Layer:
    return Layer(factory, *args, **options)


class Stack(Component):
    """Layers in request order, outermost first: called with an app it gives the outermost app itself.

    ``layers``: each a ``Layer``, a ``Stack``, or any callable that takes an app and gives an app. No frame
    is left behind: ``Stack(Layer(A), Layer(B))(app)`` is ``A(B(app))``. Warns (``OrderWarning``) where two of our
    own layers stand in an order in which one of them cannot do what it is for.
    """

    def __init__(self, *layers: Callable[[WSGIApplication], WSGIApplication]) -> None:
        for layer in layers:
            if isinstance(layer, Application) or not callable(layer):
                raise wrong_type(
                    "Stack",
                    "layers",
                    layer,
                    "a layer not yet bound to an app, such as Layer(Compress, level=4)",
                )
        self.layers = layers
        check_order(_placed(self), stacklevel=2)

    def __call__(self, app: WSGIApplication) -> WSGIApplication:
        """The layers around ``app``."""
        for layer in reversed(self.layers):
            app = layer(app)
        return app

    def __repr__(self) -> str:
        return f"Stack({', '.join(map(repr, self.layers))})"


def _placed(stack: Stack) -> list[str]:
    """The names of our own layers in a stack and the stacks in it, outermost first."""
    found = []
    for layer in stack.layers:
        if isinstance(layer, Stack):
            found += _placed(layer)
            continue
        factory = layer.factory if isinstance(layer, Layer) else layer
        if _is_a(factory, Middleware) and factory.__module__.startswith("wsgikit."):
            found.append(factory.__name__)
    return found
