"""P1 to P10 for the cache, and every awkward app stored and given again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.responses.cache.scene import Scene, hit
from wsgikit.responses.cache.layer import Cache
from wsgikit.responses.cache.stores.memory import MemoryStore
from wsgikit.testing import call, expectations, lint
from wsgikit.testing.apps import CLOSED, AwkwardApp, AwkwardError
from wsgikit.testing.environ import build_environ

STORED = [
    case for case in expectations.values() if case.method == "GET" and not case.raises and case.status == 200
]
HTML = ("Content-Type", "text/html")


def ask(app: Any, case: AwkwardApp, closed: list[str], **options: Any) -> Any:
    environ = {CLOSED: closed, "wsgi.file_wrapper": FileWrapper}
    return call(app, case.method, case.path, body=case.request_body, environ=environ, **options)


@pytest.mark.parametrize("case", STORED, ids=lambda case: case.name)
def test_awkward_apps_are_given_again_as_they_were(case: AwkwardApp) -> None:
    closed: list[str] = []
    cache = Cache(lint(case.app, allow=case.breaks), default_ttl=60)
    app = lint(cache, allow=case.breaks)
    first = ask(app, case, closed)
    assert first.body == case.body
    assert len(closed) == case.closes
    again = ask(app, case, closed)
    assert (again.status, again.body) == (first.status, first.body)
    assert hit(again) is (case.name != "several Set-Cookie")
    assert all(type(text) is str for pair in again.headers for text in pair)


@pytest.mark.parametrize(
    "case", [case for case in expectations.values() if case.raises], ids=lambda case: case.name
)
def test_awkward_errors_come_out_and_leave_nothing(case: AwkwardApp) -> None:
    closed: list[str] = []
    cache = Cache(lint(case.app), default_ttl=60)
    with pytest.raises(AwkwardError):
        ask(lint(cache), case, closed)
    assert len(closed) == case.closes
    assert cache.store.find("http://localhost/") == []
    fills = cache._lookups.get().storage.fills
    assert not fills._under_way


class Body:
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("stop_after", [None, 0, 1])
@pytest.mark.parametrize("cc", ["max-age=60", "private"])
@pytest.mark.parametrize("condition", [{}, {"If_None_Match": "*"}])
def test_p1_body_is_closed_once(stop_after: int | None, cc: str, condition: dict[str, str]) -> None:
    body = Body([b"a", b"b"])
    scene = Scene().answers(cc=cc, body=lambda: body)
    scene.get(stop_after=stop_after, **condition)
    assert body.closed == 1


@pytest.mark.parametrize("answer", [304, 500])
def test_p1_body_of_an_answer_that_is_not_sent_is_closed_unread(answer: int) -> None:
    scene = Scene().answers(("ETag", '"a"'), cc="max-age=60, stale-if-error=60")
    scene.get()

    def unread() -> Iterator[bytes]:
        raise AssertionError("read")
        yield b""

    body = Body(unread())

    def app(environ: Any, start_response: Any) -> Any:
        start_response(f"{answer} Said So", [HTML] if answer == 500 else [("ETag", '"a"')])
        return body

    scene.cache.app = app
    assert scene.wait(61).get().body == b"hello"
    assert body.closed == 1


def test_p2_exc_info_before_the_first_byte_decides_anew() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [HTML, ("Cache-Control", "max-age=60")])
        try:
            raise KeyError
        except KeyError:
            start_response("500 Oh", [HTML], sys.exc_info())
        yield b"oh"

    cache = Cache(app)
    result = call(lint(cache), "GET", "/")
    assert (result.status, result.body) == (500, b"oh")
    assert cache.store.find("http://localhost/") == []


def test_p2_head_withdrawn_after_it_was_passed_on_is_not_stored() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML, ("Cache-Control", "max-age=60")])
        return late(start_response)

    def late(start_response: Any) -> Iterator[bytes]:
        try:
            raise KeyError
        except KeyError:
            start_response("500 Oh", [HTML], sys.exc_info())
        yield b"oh"

    cache = Cache(app)
    result = call(lint(cache), "GET", "/")
    assert (result.status, result.body) == (500, b"oh")
    assert cache.store.find("http://localhost/") == []


def test_p2_error_after_the_first_byte_is_raised_again() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [HTML, ("Cache-Control", "max-age=60")])
        yield b"a"
        try:
            raise KeyError("late")
        except KeyError:
            start_response("500 Oh", [HTML], sys.exc_info())

    cache = Cache(app)
    with pytest.raises(KeyError, match="late"):
        call(lint(cache), "GET", "/")
    assert cache.store.find("http://localhost/") == []


def test_p3_write_keeps_its_order_and_is_stored() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [HTML, ("Cache-Control", "max-age=60")])
        write(b"a")
        write(b"b")
        return [b"c", b"d"]

    cache = lint(Cache(app))
    assert [call(cache, "GET", "/").body for _ in range(2)] == [b"abcd", b"abcd"]
    assert hit(call(cache, "GET", "/"))


def test_p3_what_is_written_in_place_of_a_stale_answer_is_not_sent() -> None:
    scene = Scene().answers(cc="max-age=60, stale-if-error=60")
    scene.get()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("500 Oh", [HTML])
        write(b"oh")
        return [b"no"]

    scene.cache.app = app
    result = scene.wait(61).get()
    assert (result.status, result.body) == (200, b"hello")


def test_p3_an_app_that_raises_after_it_has_written_is_not_rescued() -> None:
    scene = Scene().answers(cc="max-age=60")
    scene.get()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML])(b"half")
        raise KeyError("late")

    scene.cache.app = app
    with pytest.raises(KeyError, match="late"):
        scene.wait(61).get()


@pytest.mark.parametrize("cc", ["private", "no-store", ""])
@pytest.mark.parametrize("kind", [list, iter, lambda chunks: FileWrapper(chunks)])
def test_p5_what_is_not_stored_is_the_apps_own_object(cc: str, kind: Any) -> None:
    body = kind([b"hello"])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML, ("Cache-Control", cc)])
        return body

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "x", "SERVER_PORT": "80"}
    assert Cache(app)(environ, lambda *head: print) is body


def test_p5_a_list_that_is_stored_is_the_apps_own_object() -> None:
    scene = Scene().answers(cc="max-age=60")
    body: list[bytes] = [b"hello"]
    scene.cache.app = lambda environ, start: (start("200 OK", [("Cache-Control", "max-age=60")]), body)[1]
    assert scene.open("/page") is body
    assert hit(scene.get())


def test_p6_the_apps_headers_are_left_alone() -> None:
    given = [HTML, ("Cache-Control", "max-age=60"), ("ETag", '"a"')]
    scene = Scene()
    scene.cache.app = lambda environ, start: (start("200 OK", given), [b"x"])[1]
    for headers in ({}, {}, {"Cookie": "a"}):
        scene.get(**headers)
    scene.get(method="POST")
    assert given == [HTML, ("Cache-Control", "max-age=60"), ("ETag", '"a"')]


def test_p6_what_servers_add_to_a_header_list_is_not_stored() -> None:
    scene = Scene().answers(cc="max-age=60")

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        headers.append(("Server", "adds"))

    scene.cache.app = scene._app
    for _ in range(2):
        assert scene.cache({**build_environ("GET", "/page"), "HTTP_HOST": "testserver"}, start) == [b"hello"]
    assert scene.get().header("Server") is None


def test_p8_answers_under_way_at_once_do_not_mix() -> None:
    scene = Scene()
    pages = [b"%d" % number * 10 for number in range(3)]
    bodies = []
    for number, page in enumerate(pages):
        scene.answers(cc="max-age=60", body=lambda page=page: iter([page[:5], page[5:]]))  # type: ignore[misc]
        bodies.append(scene.open(f"/{number}"))
    for part in (slice(5), slice(5, None)):
        assert [next(body) for body in bodies] == [page[part] for page in pages]
    for body in bodies:
        assert list(body) == []
        body.close()
    assert [scene.get(f"/{number}").body for number in range(3)] == pages


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_p9_a_304_and_a_head_from_the_store_have_no_body(method: str) -> None:
    scene = Scene().answers(("ETag", '"a"'), cc="max-age=60")
    scene.get()
    assert scene.get(method=method, If_None_Match='"a"').chunks == []
    assert scene.get(method="HEAD").chunks == []


def test_a_lazy_app_that_confirms_is_answered_from_the_store() -> None:
    scene = Scene().answers(("ETag", '"a"'), cc="max-age=60")
    scene.get()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("304 Not Modified", [("ETag", '"a"')])
        yield from ()

    scene.cache.app = app
    assert scene.wait(61).get().body == b"hello"


def test_a_lazy_app_that_raises_at_its_first_chunk_is_stood_in_for() -> None:
    scene = Scene().answers(cc="max-age=60")
    scene.get()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        raise OSError("gone")
        yield b""

    scene.cache.app = app
    assert scene.wait(61).get().body == b"hello"


def test_a_lazy_304_about_something_else_is_asked_again() -> None:
    scene = Scene().answers(("ETag", '"a"'), cc="max-age=60")
    scene.get()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        if "HTTP_IF_NONE_MATCH" in environ:
            start_response("304 Not Modified", [("ETag", '"b"')])
            return
        start_response("200 OK", [HTML, ("ETag", '"b"'), ("Cache-Control", "max-age=60")])
        yield b"ne"
        yield b"w"

    scene.cache.app = app
    result = scene.wait(61).get()
    assert result.chunks == [b"ne", b"w"]
    assert hit(scene.get())


def test_an_app_that_changes_its_environ_does_not_mislead_the_cache() -> None:
    scene = Scene()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        language = environ["HTTP_ACCEPT_LANGUAGE"]
        environ.update(HTTP_ACCEPT_LANGUAGE="xx", REQUEST_METHOD="HEAD", PATH_INFO="/other", QUERY_STRING="z")
        start_response("200 OK", [HTML, ("Cache-Control", "max-age=60"), ("Vary", "Accept-Language")])
        return iter([language.encode()])

    scene.cache.app = app
    for language in ("en", "de", "en", "de"):
        assert scene.get(Accept_Language=language).body == language.encode()
    assert hit(scene.get(Accept_Language="en"))


def test_a_client_that_has_it_does_not_wait_for_a_body_that_is_not_stored() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    scene = Scene(store=MemoryStore("256KiB")).answers(("ETag", '"a"'), cc="max-age=60", body=endless)
    answer = scene.get(If_None_Match='"a"')
    assert (answer.status, answer.chunks) == (304, [])
