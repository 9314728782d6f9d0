from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wsgikit.mounting.mount import Mount
from wsgikit.operations.warmup import WarmUp, warm
from wsgikit.testing import call, lint
from wsgikit.testing.environ import build_environ

PATIENCE = 30.0


class Recorder:
    """An app that remembers what it was asked."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]


@pytest.fixture
def app() -> Recorder:
    return Recorder()


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "wsgikit.warmup"]


def test_the_first_request_finds_everything_warm(app: Recorder) -> None:
    layer = WarmUp(app, ["/", ("HEAD", "/login", {})], calls=[lambda: app.asked.append("called")])
    assert app.asked == []
    assert call(layer, path="/first").body == b"ok"
    assert app.asked == ["GET /", "HEAD /login", "called", "GET /first"]
    call(layer, path="/second")
    assert app.asked[4:] == ["GET /second"]


def test_import_warms_at_once_and_the_workers_forked_from_here_too(app: Recorder) -> None:
    layer = WarmUp(app, ["/"], when="import")
    assert app.asked == ["GET /"]
    assert in_a_child(lambda: asked_for(layer, app, "/x") == ["GET /", "GET /x"])


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_each_process_is_warmed(app: Recorder) -> None:
    layer = WarmUp(app, ["/"])
    assert asked_for(layer, app, "/x") == ["GET /", "GET /x"]
    assert in_a_child(lambda: asked_for(layer, app, "/y")[2:] == ["GET /", "GET /y"])


def asked_for(layer: WarmUp, app: Recorder, path: str) -> list[str]:
    call(layer, path=path)
    return app.asked


def in_a_child(check: Any) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if check() else 1)
    return os.waitpid(pid, 0)[1] == 0


def test_the_app_can_tell_a_warm_up_by_environ(app: Recorder) -> None:
    call(WarmUp(app, ["/"]), path="/real")
    synthetic, real = app.environs
    assert synthetic["wsgikit.warmup"] is True
    assert "wsgikit.warmup" not in real
    assert synthetic["REMOTE_ADDR"] == "127.0.0.1"


def test_its_requests_keep_to_the_pep() -> None:
    def reads(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield environ["wsgi.input"].read()

    layer = WarmUp(
        lint(reads), ["/", "/a%20b?c=d", ("OPTIONS", "https://shop.example:8443/x", {"Accept": "a"})]
    )
    assert call(layer).status == 200


def test_bodies_are_read_to_their_end_and_closed(app: Recorder) -> None:
    seen: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            seen.append("read")

        def close(self) -> None:
            seen.append("closed")

    def streams(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(b"written")
        return Body()

    layer = WarmUp(streams, ["/"])
    call(layer, stop_after=0)
    assert seen == ["read", "closed", "closed"]


def test_what_fails_is_logged_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def fails(environ: Any, start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/fails":
            raise LookupError("no such table")
        start_response("404 Not\x1b Found", [])
        return []

    def unlucky() -> None:
        raise OSError("no database")

    answer = call(WarmUp(fails, ["/fails", "/missing"], calls=[unlucky, lambda: asked.append("called")]))
    assert answer.status == 404
    assert asked == ["/fails", "/missing", "called", "/"]
    first, second, third = logged(caplog)
    assert first == "warm-up: GET /fails failed"
    assert "no such table" in caplog.text
    assert second == r"warm-up: GET /missing: '404 Not\x1b Found'"
    assert third.startswith("warm-up: <function test_what_fails")
    assert "no database" in caplog.text


def test_what_went_well_is_told_to_those_who_want_to_know(
    app: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wsgikit.warmup")
    call(WarmUp(app, ["/"]))
    first, last = logged(caplog)
    assert first == "warm-up: GET /: '200 OK'"
    assert last.startswith("warm after ")


class Slow(Recorder):
    """An app whose warm-up lasts until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.warming, self.go_on = threading.Event(), threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        if "wsgikit.warmup" in environ:
            self.warming.set()
            assert self.go_on.wait(PATIENCE)
        return super().__call__(environ, start_response)


def test_other_requests_wait_until_it_is_warm() -> None:
    slow = Slow()
    layer = WarmUp(slow, ["/"])
    clients = [threading.Thread(target=call, args=(layer, "GET", "/client")) for _ in range(4)]
    for client in clients:
        client.start()
    assert slow.warming.wait(PATIENCE)
    assert slow.asked == []
    slow.go_on.set()
    for client in clients:
        client.join(PATIENCE)
    assert slow.asked == ["GET /", *["GET /client"] * 4]


def test_they_wait_no_longer_than_the_timeout() -> None:
    slow = Slow()
    layer = WarmUp(slow, ["/"], timeout="1ms")
    first = threading.Thread(target=call, args=(layer, "GET", "/first"))
    first.start()
    assert slow.warming.wait(PATIENCE)
    call(layer, path="/impatient")
    assert slow.asked == ["GET /impatient"]
    slow.go_on.set()
    first.join(PATIENCE)


def test_a_call_that_comes_back_to_the_layer_does_not_wait_for_itself(app: Recorder) -> None:
    layer = WarmUp(app, calls=[lambda: call(layer, path="/from-inside")], timeout="1h")
    call(layer, path="/real")
    assert app.asked == ["GET /from-inside", "GET /real"]


def warm_now(layer: WarmUp) -> bool:
    """Whether it is warm after it was waited for."""
    layer._once.get().run(PATIENCE)
    return layer.warm


def test_a_probe_starts_it_and_is_told_no_until_it_is_done() -> None:
    slow = Slow()
    layer = WarmUp(slow, ["/"])
    assert not warm(layer)
    assert slow.warming.wait(PATIENCE)
    assert not warm(layer)
    slow.go_on.set()
    assert warm_now(layer)
    assert warm(layer)
    assert slow.asked == ["GET /"]


def test_a_probe_looks_all_over_the_tree(app: Recorder) -> None:
    layers = [WarmUp(app, ["/shop"]), WarmUp(app, ["/blog"])]
    mount = Mount({"/shop": layers[0], "/blog": lint(layers[1])})
    assert not warm(mount)
    for layer in layers:
        warm_now(layer)
    assert warm(mount)
    assert sorted(app.asked) == ["GET /blog", "GET /shop"]
    assert warm(app)  # nothing to wait for


def test_the_answer_is_the_apps_own(app: Recorder) -> None:
    body = [b"own"]

    def own(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return body

    assert WarmUp(own, ["/"])(build_environ(), lambda *_: lambda _: None) is body  # type: ignore[arg-type]


def test_freezing_the_collector_is_a_call_like_any_other(app: Recorder) -> None:
    before = gc.get_freeze_count()
    try:
        WarmUp(app, ["/"], calls=[gc.collect, gc.freeze], when="import")
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def imports_in_its_first_request(environ: Any, start_response: Any) -> list[bytes]:
    import lazily

    body = lazily.page(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


LAZILY = """
TABLE = [compile(f"{n} + {n}", "table", "eval") for n in range(1000)]
def page(path):
    return path.encode()
"""


def test_the_first_real_request_does_no_more_than_the_later_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lazily.py").write_text(LAZILY)
    monkeypatch.syspath_prepend(tmp_path)
    cold = WarmUp(imports_in_its_first_request)
    assert calls_made(cold) > 10 * calls_made(cold)
    monkeypatch.delitem(sys.modules, "lazily")
    warmed = WarmUp(imports_in_its_first_request, ["/"])
    assert warm_now(warmed)
    assert calls_made(warmed) == calls_made(warmed)


def calls_made(app: Any) -> int:
    """How many functions a request calls: its work, whatever else the machine does meanwhile."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        call(app)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"when": "boot"}, ValueError, "when='boot'"),
        ({"when": "imports"}, ValueError, "did you mean 'import'"),
        ({"requests": "/"}, TypeError, "requests='/'"),
        ({"requests": ["login"]}, ValueError, "requests='login'"),
        ({"requests": ["/a b"]}, ValueError, "requests='/a b'"),
        ({"requests": [3]}, TypeError, "requests=3"),
        ({"calls": ["gc.freeze"]}, TypeError, "calls='gc.freeze'"),
        ({"calls": print}, TypeError, "calls=<built-in"),
        ({"timeout": -1}, ValueError, "timeout=-1"),
    ],
)
def test_options_that_will_not_do(options: Any, error: type[Exception], words: str, app: Recorder) -> None:
    with pytest.raises(error, match="WarmUp: ") as raised:
        WarmUp(app, **options)
    assert words in str(raised.value)


def test_options_are_attributes(app: Recorder) -> None:
    layer = WarmUp(app, ["/"], timeout="2s")
    assert (layer.requests, layer.calls, layer.when, layer.timeout) == (("/",), (), "first", 2.0)
    assert layer.options() == {"requests": ["/"], "timeout": "2s"}
