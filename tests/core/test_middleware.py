from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgikit.core.middleware import Application, Layer, Middleware, Stack


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"app"]


class Shout(Middleware):
    def __init__(self, app: Any, times: int = 1, *, loud: bool = False) -> None:
        super().__init__(app)
        self.times, self.loud = times, loud


class Table(Application):
    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows


def doubled(app: Any) -> Any:
    return Shout(app, 2)


def by_function(app: Any, *, depth: int) -> Any:
    return Shout(app, depth)


def test_a_layer_shows_its_options_and_its_app() -> None:
    shout = Shout(app, loud=True)
    assert repr(shout) == "Shout(loud=True)"
    assert shout.options() == {"loud": True}
    assert list(shout.children()) == [("app", app)]


def test_a_layer_around_something_that_is_no_app_is_refused() -> None:
    with pytest.raises(TypeError, match="Shout: app=None"):
        Shout(None)


def test_layers_compare_and_copy_with_their_app() -> None:
    assert Shout(app, 2) == Shout(app, 2)
    assert Shout(app, 2) != Shout(doubled, 2)
    assert copy.deepcopy(Shout(app, 2)).app is app
    assert pickle.loads(pickle.dumps(Shout(app, 2))) == Shout(app, 2)


def test_layer_binds_at_once() -> None:
    with pytest.raises(TypeError, match="Shout: no option 'lod'; did you mean 'loud'"):
        Layer(Shout, lod=True)
    with pytest.raises(TypeError, match="ProxyFix: no option 'x_fro'; did you mean 'x_for'"):
        Layer(ProxyFix, x_fro=1)
    with pytest.raises(TypeError, match=r"by_function: missing a required .*argument: 'depth'"):
        Layer(by_function)
    with pytest.raises(TypeError, match="Shout: too many positional arguments"):
        Layer(Shout, 1, 2)


def test_layer_takes_anybodys_middleware() -> None:
    fixed = Layer(ProxyFix, x_for=2)(app)
    assert isinstance(fixed, ProxyFix)
    assert fixed.x_for == 2
    assert Layer(by_function, depth=3)(app) == Shout(app, 3)


def test_layer_of_an_app_is_refused() -> None:
    with pytest.raises(TypeError, match="Table is an app, not a layer"):
        Layer(Table, [])
    with pytest.raises(TypeError, match="Layer: factory=3"):
        Layer(3)  # type: ignore[arg-type]


def test_layer_shows_options_and_compares() -> None:
    assert repr(Layer(Shout, 2, loud=True)) == "Layer(Shout, times=2, loud=True)"
    assert Layer(Shout, 2).options() == {"times": 2}
    assert Layer(Shout, 2) == Layer(Shout, times=2)
    assert Layer(Shout, 2) != Layer(Shout, 3)
    assert hash(Layer(Shout, 2)) == hash(Layer(Shout, times=2))
    assert pickle.loads(pickle.dumps(Layer(Shout, loud=True))) == Layer(Shout, loud=True)
    assert Layer(Shout) != object()


def test_stack_is_outermost_first_and_leaves_no_frame() -> None:
    built = Stack(Layer(Shout, 1), Stack(doubled, Layer(Shout, 3)))(app)
    assert built == Shout(Shout(Shout(app, 3), 2), 1)
    assert type(built) is Shout


def test_an_empty_stack_gives_the_app_itself() -> None:
    assert Stack()(app) is app


def test_stack_refuses_what_is_no_layer() -> None:
    with pytest.raises(TypeError, match="not yet bound to an app"):
        Stack(Shout(app))
    with pytest.raises(TypeError, match="Stack: layers=3"):
        Stack(3)  # type: ignore[arg-type]


def test_stack_shows_compares_and_copies() -> None:
    stack = Stack(Layer(Shout, loud=True), doubled)
    assert repr(stack) == f"Stack(Layer(Shout, loud=True), {doubled!r})"
    assert copy.deepcopy(stack) == stack == pickle.loads(pickle.dumps(stack))
