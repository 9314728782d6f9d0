"""Layers put inside a framework's own app object, under its test client, and below other people's dispatchers."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import bottle
import falcon
import pytest
from a2wsgi import ASGIMiddleware
from flask import Flask, redirect, request, url_for
from webtest import TestApp
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from tests.neighbours.scene import Closing, Log, fails_at_once
from wsgikit import (
    CatchErrors,
    Compress,
    Head,
    Layer,
    Mount,
    RequestId,
    Route,
    Router,
    Stack,
    TrustedProxies,
)
from wsgikit.testing import call


@pytest.fixture
def shop() -> Flask:
    app = Flask("shop")

    @app.get("/cart")
    def cart() -> str:
        return (
            f"{url_for('cart')} {request.remote_addr} {request.environ['wsgikit.request_id']} " + "-" * 1000
        )

    return app


def test_a_flask_app_carries_its_layers_itself_and_its_test_client_meets_them(shop: Flask) -> None:
    log = Log("%a %>s")
    stack = Stack(log.layer, Layer(TrustedProxies, "loopback"), Layer(RequestId), Layer(Compress))
    shop.wsgi_app = stack(shop.wsgi_app)  # type: ignore[assignment,method-assign]
    answer = shop.test_client().get(
        "/cart", headers={"X-Forwarded-For": "203.0.113.9", "Accept-Encoding": "gzip"}
    )
    path, address, given, _ = gzip.decompress(answer.data).decode().split()
    assert (path, address, given) == ("/cart", "203.0.113.9", answer.headers["X-Request-Id"])
    assert log.lines == []  # its client closes no answer by itself
    answer.close()
    assert log.lines == ["203.0.113.9 200"]


def test_below_a_foreign_dispatcher_ours_see_and_say_where_they_are() -> None:
    pages = Router([Route("/cart/", Closing())])
    app = DispatcherMiddleware(fails_at_once, {"/shop": Mount({"/eu": pages}, redirect_slash=True)})
    assert call(app, path="/shop/eu/cart/").status == 200
    assert call(app, path="/shop/eu/cart").header("Location") == "/shop/eu/cart/"
    assert call(app, path="/shop/eu?a=1").header("Location") == "/shop/eu/?a=1"


def test_a_foreign_dispatcher_below_a_mount_moves_on_from_there() -> None:
    log = Log("%U")
    app = log.layer(Mount({"/shop": DispatcherMiddleware(fails_at_once, {"/eu": Closing()})}))
    assert call(app, path="/shop/eu/cart").status == 200
    assert log.lines == ["/shop/eu/cart"]


def test_webtest_which_lints_both_ways_has_nothing_to_say_about_a_gateway() -> None:
    stack = Stack(Log().layer, Layer(RequestId), Layer(CatchErrors), Layer(Compress), Layer(Head))
    client = TestApp(stack(Mount({"/shop": Closing()}, cookies="scoped", redirect_slash=True)), lint=True)
    page = client.get("/shop/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["ETag"] == 'W/"one"'  # it was packed on its way, and is unpacked here
    assert page.body == b"".join(Closing())
    assert client.get("/shop").follow().status_code == 200
    assert client.head("/shop/").body == b""
    assert client.get("/nothing", status=404).headers["X-Request-Id"]


def test_werkzeugs_client_buffers_and_closes_what_ours_stream() -> None:
    app = Closing()
    answer = Client(Stack(Layer(Compress), Layer(CatchErrors))(app)).get("/", buffered=True)
    assert answer.status_code == 200
    assert app.closed == 1


def test_an_asgi_app_has_a_thread_as_soon_as_it_is_made() -> None:
    """Before a fork, that is: after it there would be none, and ``Lazy`` has to make it in the worker."""
    before = set(threading.enumerate())
    app = ASGIMiddleware(Closing())  # type: ignore[arg-type]  # it is not called
    (thread,) = set(threading.enumerate()) - before
    assert thread.is_alive()
    app.loop.call_soon_threadsafe(app.loop.stop)
    thread.join()
    app.loop.close()


def test_falcon_leaves_head_to_its_resources() -> None:
    class Page:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            resp.text = "a page"

    app = falcon.App()
    app.add_route("/", Page())
    assert call(Head(app), "HEAD").status == 405


def bottle_app() -> bottle.Bottle:
    app = bottle.Bottle()
    app.get("/", name="home", callback=lambda: bottle.redirect(app.get_url("home")))
    return app


def flask_app() -> Flask:
    app = Flask("cafe")
    app.add_url_rule("/", "home", lambda: redirect(url_for("home")))
    return app


def falcon_app() -> falcon.App:
    class Home:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            raise falcon.HTTPFound(f"{req.prefix}/")

    app = falcon.App()
    app.add_route("/", Home())
    return app


@pytest.mark.parametrize(
    ("app", "encoded"), [(flask_app(), True), (bottle_app(), False), (falcon_app(), False)]
)
def test_a_mount_beyond_ascii_is_encoded_by_flask_and_not_by_all(app: Any, encoded: bool) -> None:
    location = str(call(Mount({"/café": app}), path="/caf%C3%A9/").header("Location"))
    assert location.endswith("/caf%C3%A9/") == encoded
