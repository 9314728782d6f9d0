"""Beaker's sessions around our layers and between them, and what it does to header lists."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from beaker.middleware import SessionMiddleware

from tests.conformance.test_matrix import LAYERS, bare
from tests.neighbours.scene import Closing
from wsgikit import Cache, Compress, Layer, Mount, Stack
from wsgikit.testing import call

BEAKER = Layer(SessionMiddleware, {"session.type": "memory", "session.auto": True, "session.key": "session"})


def counting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    session = environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
    return [b"visit %d" % session["visits"]]


def cookie_of(answer: object) -> str:
    (cookie,) = answer.all("Set-Cookie")  # type: ignore[attr-defined]
    return str(cookie)


@pytest.mark.parametrize("stack", [Stack(BEAKER, Layer(Compress)), Stack(Layer(Compress), BEAKER)])
def test_a_session_lives_on_either_side_of_a_layer(stack: Stack) -> None:
    app = stack(counting)
    pair = cookie_of(call(app)).partition(";")[0]
    assert call(app, headers={"Cookie": pair}).body == b"visit 2"


def test_a_session_inside_a_mount_is_kept_within_it() -> None:
    app = Mount({"/shop": BEAKER(counting), "/blog": BEAKER(counting)}, cookies="scoped")
    for mount in ("/shop", "/blog"):
        assert cookie_of(call(app, path=f"{mount}/")).lower().count(f"path={mount}") == 1


def test_a_session_around_the_mounts_is_the_same_in_all_of_them() -> None:
    app = BEAKER(Mount({"/shop": counting, "/blog": counting}, cookies="scoped"))
    first = cookie_of(call(app, path="/shop/"))
    assert "path=/" in first.lower()
    assert call(app, path="/blog/", headers={"Cookie": first.partition(";")[0]}).body == b"visit 2"


def test_inside_a_cache_an_answer_with_a_session_is_not_given_to_the_next() -> None:
    app = Stack(Layer(Cache), BEAKER)(counting)
    assert [call(app).body for _ in range(2)] == [b"visit 1", b"visit 1"]
    assert cookie_of(call(app)) != cookie_of(call(app))


def meddling(app: WSGIApplication) -> WSGIApplication:
    """What Beaker does, each time: it adds to the very list that it was given."""

    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            headers.append(("X-Meddled", "yes"))
            return start_response(status, headers, *rest)  # type: ignore[arg-type]

        return app(environ, start)  # type: ignore[arg-type]

    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_no_layer_gives_the_same_header_list_twice(name: str) -> None:
    app = meddling(bare(name)(Closing()))
    for path in ("/", "/livez", "/readyz", "/-/stats", "/-/status", "/metrics"):
        for headers in (
            {},
            {"If-None-Match": '"one"'},
            {"Origin": "https://shop.example"},
            {"Range": "bytes=9999-"},
        ):
            for _ in range(3):
                answer = call(app, path=path, headers=headers)
                assert answer.all("X-Meddled") == ["yes"]
