from __future__ import annotations

import copy
import logging
import pickle
import sys
from typing import Any

import pytest

from wsgikit.core.tree import children
from wsgikit.responses.errors.errorpages import ErrorPages
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import CLOSED, ERROR_PAGE, AwkwardError, RecordedBody, expectations

SORRY = b"<title>Sorry</title>"
HTML = ("Content-Type", "text/html; charset=utf-8")
KEPT = [
    ("WWW-Authenticate", 'Basic realm="x"'),
    ("Retry-After", "120"),
    ("Allow", "GET"),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=2"),
    ("Access-Control-Allow-Origin", "*"),
    ("Cache-Control", "no-store"),
    ("X-Request-Id", "7"),
    ("Content-Range", "bytes */7"),
]
ABOUT_THE_BODY = [
    ("Content-Type", "text/plain"),
    ("Content-Length", "5"),
    ("Content-Encoding", "identity"),
    ("ETag", '"original"'),
    ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
    ("Content-Digest", "sha-256=:x:"),
]


class Site:
    """An app with error pages below /errors/, and one status for everything else."""

    def __init__(self, status: str = "404 Not Found", headers: Any = (), page: Any = None) -> None:
        self.status, self.headers, self.page = status, headers, page or sorry
        self.requests: list[dict[str, Any]] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.requests.append(environ)
        if environ["PATH_INFO"].startswith("/errors/"):
            return self.page(environ, start_response)
        start_response(self.status, [*ABOUT_THE_BODY, *self.headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"plain"]


def sorry(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML, ("Content-Length", str(len(SORRY)))])
    return [SORRY]


def broken(environ: Any, start_response: Any) -> Any:
    raise AwkwardError("the page is broken")


def broken_midway(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML])
    yield b"<title>So"
    raise AwkwardError("the page is broken")


def silent(environ: Any, start_response: Any) -> Any:
    return []


def gone(environ: Any, start_response: Any) -> Any:
    start_response("410 Gone", [HTML])
    return [b"no page either"]


def moved(environ: Any, start_response: Any) -> Any:
    start_response("302 Found", [HTML, ("Location", "/login")])
    return [b"to the login"]


def ask(pages: Any, app: Any, method: str = "GET", path: str = "/shop", **options: Any) -> Any:
    return call(lint(ErrorPages(lint(app), pages)), method, path, **options)


# ---- which page


@pytest.mark.parametrize("page", ["/errors/404", sorry])
def test_the_page_is_sent_under_the_original_status(page: Any) -> None:
    result = ask({404: page}, Site())
    assert (result.status, result.reason, result.body) == (404, "Not Found", SORRY)
    assert result.headers == [HTML, ("Content-Length", str(len(SORRY)))]


def test_an_answer_that_no_page_is_for_stands_as_it_is() -> None:
    site = Site("404 Not Found")
    result = ask({403: sorry, "5xx": sorry}, site)
    assert (result.status, result.body, len(site.requests)) == (404, b"plain", 1)


def test_an_exact_status_goes_before_its_class() -> None:
    pages = {"5xx": "/errors/any", 503: "/errors/503", "504": "/errors/504"}
    found = {}
    for status in ("500 Internal Server Error", "503 Service Unavailable", "504 Gateway Timeout", "599 Odd"):
        site = Site(status)
        assert ask(pages, site).status == int(status[:3])
        found[status[:3]] = site.requests[-1]["PATH_INFO"]
    assert found == {"500": "/errors/any", "503": "/errors/503", "504": "/errors/504", "599": "/errors/any"}


def test_a_page_that_is_an_error_itself_is_not_replaced_in_turn() -> None:
    def not_found(environ: Any, start_response: Any) -> Any:
        start_response("404 Not Found", [HTML])
        return [SORRY]

    site = Site(page=not_found)
    assert ask({404: "/errors/404"}, site).body == SORRY
    assert len(site.requests) == 2


# ---- what is sent


def test_the_original_headers_that_are_not_about_its_body_are_kept() -> None:
    result = ask({"4xx": sorry}, Site("401 Unauthorized", KEPT))
    assert result.headers == [*KEPT, HTML, ("Content-Length", str(len(SORRY)))]


def test_of_the_page_only_what_describes_it_is_sent() -> None:
    def page(environ: Any, start_response: Any) -> Any:
        described = [HTML, ("Content-Language", "en"), ("Content-Security-Policy", "default-src 'none'")]
        own = [("Cache-Control", "max-age=31536000"), ("ETag", '"page"'), ("Set-Cookie", "s=1"), ("Age", "7")]
        start_response("200 OK", [*described, *own])
        return [SORRY]

    site = Site(headers=[("Content-Security-Policy", "default-src 'self'"), ("X-Own", "1")])
    assert ask({404: page}, site).headers == [
        ("X-Own", "1"),
        HTML,
        ("Content-Language", "en"),
        ("Content-Security-Policy", "default-src 'none'"),
        ("Content-Length", str(len(SORRY))),
    ]


def test_vary_is_merged() -> None:
    def page(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML, ("Vary", "Accept-Language, Origin")])
        return [SORRY]

    assert ask({404: page}, Site(headers=[("Vary", "Origin")])).all("Vary") == ["Origin, Accept-Language"]


def test_P9_head_has_the_headers_of_get_and_no_body() -> None:
    site = Site()
    assert ask({404: "/errors/404"}, site, "HEAD").headers == ask({404: "/errors/404"}, Site()).headers
    assert ask({404: "/errors/404"}, Site(), "HEAD").body == b""
    assert site.requests[-1]["REQUEST_METHOD"] == "GET"


# ---- how the page is asked for


def test_the_page_is_asked_for_with_get_and_knows_what_went_wrong() -> None:
    site = Site("405 Method Not Allowed")
    ask(
        {405: "/errors/405?lang=en"},
        site,
        "POST",
        "/shop/a%20b?x=1",
        body=b"form",
        headers={"If-None-Match": "*", "Range": "bytes=0-1", "Cookie": "a=1", "Content-Type": "text/x"},
        environ={"SCRIPT_NAME": "/mnt"},
    )
    asked = site.requests[-1]
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/mnt",
        "PATH_INFO": "/errors/405",
        "QUERY_STRING": "lang=en",
        "REQUEST_URI": "/mnt/errors/405?lang=en",
        "RAW_URI": "/mnt/errors/405?lang=en",
        "HTTP_COOKIE": "a=1",
        "CONTENT_LENGTH": "0",
        "wsgikit.error_status": 405,
        "wsgikit.error_method": "POST",
        "wsgikit.error_path": "/mnt/shop/a b",
        "wsgikit.error_query": "x=1",
    }
    assert {key: asked.get(key) for key in expected} == expected
    assert not {"HTTP_IF_NONE_MATCH", "HTTP_RANGE", "CONTENT_TYPE", "wsgi.file_wrapper"} & asked.keys()
    assert asked["wsgi.input"].read(10) == b""


def test_an_app_as_a_page_sees_the_path_that_failed() -> None:
    def page(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}".encode()]

    assert ask({404: page}, Site(), "POST", "/shop?x=1", body=b"form").text == "GET /shop?x=1"


def test_a_page_outside_of_ascii_is_asked_for_as_its_bytes() -> None:
    for page in ("/errors/größe", "/errors/gr%C3%B6%C3%9Fe"):
        site = Site()
        ask({404: page}, site)
        assert site.requests[-1]["PATH_INFO"] == "/errors/größe".encode().decode("latin-1")
        assert site.requests[-1]["REQUEST_URI"] == "/errors/gr%C3%B6%C3%9Fe"


def test_what_the_app_did_to_its_environ_does_not_reach_the_page() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"], environ["REQUEST_METHOD"] = "/changed", "CHANGED"
        start_response("404 Not Found", [])
        return []

    def page(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return [f"{environ['wsgikit.error_method']} {environ['wsgikit.error_path']}".encode()]

    assert call(ErrorPages(app, {404: page}), "PUT", "/shop").text == "PUT /shop"


def test_the_notes_of_the_page_are_its_own() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ["wsgikit.notes"]["upstream"] = environ["PATH_INFO"]
        start_response("200 OK" if environ["PATH_INFO"] == "/errors/404" else "404 Not Found", [HTML])
        return [SORRY]

    notes: dict[str, Any] = {}
    assert ask({404: "/errors/404"}, app, environ={"wsgikit.notes": notes}).body == SORRY
    assert notes == {"upstream": "/shop"}


# ---- pages that fail


@pytest.mark.parametrize("page", [broken, broken_midway, silent, gone, moved])
def test_a_path_that_fails_is_logged_and_a_sentence_is_sent(
    page: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = call(lint(ErrorPages(Site("503 Service Unavailable", KEPT[:3], page), {503: "/errors/503"})))
    assert (result.status, result.text) == (503, "503 Service Unavailable\n")
    assert set(KEPT[:3]) <= set(result.headers)
    assert [record.name for record in caplog.records] == ["wsgikit.errors"]
    assert "/errors/503" in caplog.text


@pytest.mark.parametrize("page", [broken, broken_midway, silent])
def test_so_is_an_app_that_fails(page: Any, caplog: pytest.LogCaptureFixture) -> None:
    result = ask({"4xx": page}, Site())
    assert (result.status, result.text) == (404, "404 Not Found\n")
    assert len(caplog.records) == 1


def test_an_app_for_a_page_may_answer_with_any_status() -> None:
    result = ask({"4xx": gone}, Site())
    assert (result.status, result.body) == (404, b"no page either")


def test_a_page_that_fails_never_shows_hostile_text_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ask({404: "/errors/404"}, Site("404 Not\x9f\x85Found", page=gone))
    assert "\x85" not in caplog.records[0].getMessage()


@pytest.mark.parametrize("page", [broken, sorry])
def test_the_bodies_of_pages_are_closed(page: Any) -> None:
    closed: list[str] = []

    def recorded(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return RecordedBody(page(environ, lambda *args: None), environ, "page")

    def failing(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])

        def chunks() -> Any:
            yield b""
            raise AwkwardError

        return RecordedBody(chunks(), environ, "page")

    ask({404: failing if page is broken else recorded}, Site(), environ={CLOSED: closed})
    assert closed == ["page"]


def test_a_page_may_write_and_change_its_mind() -> None:
    def page(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise AwkwardError
        except AwkwardError:
            write = start_response("200 OK", [HTML], sys.exc_info())
        write(b"a")

        def rest() -> Any:
            write(b"b")
            yield b"c"
            write(b"d")
            yield b"e"

        return rest()

    result = call(ErrorPages(Site(), {404: page}))
    assert (result.body, result.header("Content-Type"), result.header("Content-Length")) == (
        b"abcde",
        HTML[1],
        "5",
    )


# ---- transparency


def at_once(environ: Any, start_response: Any) -> Any:
    start_response("404 Not Found", [HTML])
    return RecordedBody([b"original"], environ, "original")


def lazily(environ: Any, start_response: Any) -> Any:
    def chunks() -> Any:
        start_response("404 Not Found", [HTML])
        yield b"original"

    return RecordedBody(chunks(), environ, "original")


def lazily_without_a_byte(environ: Any, start_response: Any) -> Any:
    def chunks() -> Any:
        start_response("404 Not Found", [HTML])
        yield from ()

    return RecordedBody(chunks(), environ, "original")


@pytest.mark.parametrize("app", [at_once, lazily, lazily_without_a_byte])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_P1_the_original_body_is_closed_once_before_the_page_is_asked_for(app: Any, method: str) -> None:
    closed: list[str] = []

    def page(environ: Any, start_response: Any) -> Any:
        assert closed == ["original"]
        return sorry(environ, start_response)

    result = call(ErrorPages(app, {404: page}), method, environ={CLOSED: closed})
    assert (result.status, result.body) == (404, SORRY if method == "GET" else b"")
    assert closed == ["original"]


def test_P1_the_original_body_is_not_read() -> None:
    class Chunks:
        def __iter__(self) -> Any:
            raise AssertionError("nobody asks for this")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("404 Not Found", [HTML])
        return Chunks()

    assert call(ErrorPages(app, {404: sorry})).body == SORRY


def test_P1_a_generator_around_the_original_body_closes_it() -> None:
    closed: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("404 Not Found", [HTML])
        body = RecordedBody([b"not here"], environ, "original")
        return held(body)

    def held(body: RecordedBody) -> Any:  # as OpenTelemetry's middleware does it
        try:
            yield from body
        finally:
            body.close()

    assert call(ErrorPages(app, {404: sorry}), environ={CLOSED: closed}).body == SORRY
    assert closed == ["original"]


def test_P2_a_head_that_is_decided_anew_gets_the_page_for_the_last_one() -> None:
    result = ask({500: sorry}, awkward_apps["exc_info before the first byte"])
    assert (result.status, result.body, result.header("X-Withdrawn")) == (500, SORRY, None)


@pytest.mark.parametrize(("first", "last"), [("404 Not Found", "200 OK"), ("404 Not Found", "500 Oops")])
def test_P2_a_refused_head_that_is_withdrawn_gets_no_page(first: str, last: str) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(first, [HTML])
        try:
            raise AwkwardError
        except AwkwardError:
            start_response(last, [HTML], sys.exc_info())
        return [b"the last word"]

    result = ask({404: sorry}, app)
    assert (result.status, result.body) == (int(last[:3]), b"the last word")


def test_P2_an_error_in_a_body_that_is_under_way_is_the_servers() -> None:
    result = ask({500: sorry}, awkward_apps["exc_info in a generator before the first byte"])
    assert result.status == 500

    with pytest.raises(AwkwardError):
        ask({500: sorry}, awkward_apps["exc_info after the first byte"])


def test_P2_what_was_withdrawn_too_late_is_raised_again_where_the_page_would_begin() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [HTML])
        write(b"under way")
        try:
            raise AwkwardError("too late")
        except AwkwardError:
            start_response("500 Internal Server Error", [HTML], sys.exc_info())
        return [b"error"]

    with pytest.raises(AwkwardError, match="too late"):
        call(ErrorPages(app, {500: sorry}))


def test_P3_what_a_refused_answer_writes_is_not_sent() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("404 Not Found", [HTML])(b"written")
        return [b"returned"]

    assert ask({404: sorry}, app).body == SORRY


def test_a_second_start_response_without_exc_info_is_a_mistake_as_ever() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("404 Not Found", [HTML])
        start_response("200 OK", [HTML])
        return []

    with pytest.raises(AssertionError, match="second time"):
        call(ErrorPages(app, {404: sorry}))


def test_P5_a_body_that_stands_is_the_same_object() -> None:
    body = [b"x"]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return body

    assert ErrorPages(app, {404: sorry})({}, lambda *args: None) is body  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("name", expectations)
def test_P1_to_P10_awkward_apps_arrive_right(name: str) -> None:
    expected = expectations[name]
    allowed = expected.breaks
    layer = lint(ErrorPages(lint(awkward_apps[name], allow=allowed), {"4xx": sorry}), allow=allowed)
    closed: list[str] = []
    request = {"body": expected.request_body, "environ": {CLOSED: closed}}
    if expected.raises:
        with pytest.raises(AwkwardError):
            call(layer, expected.method, expected.path, **request)
    else:
        result = call(layer, expected.method, expected.path, **request)
        assert (result.status, result.body) == (expected.status, expected.body)
    assert len(closed) == expected.closes


def test_the_default_error_page_of_the_awkward_apps_is_replaced_too() -> None:
    layer = ErrorPages(awkward_apps["exc_info before the first byte"], {"5xx": sorry})
    assert call(layer).body == SORRY != ERROR_PAGE


def test_an_exception_is_not_caught(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(AwkwardError):
        ask({"5xx": sorry}, awkward_apps["raises at once"])
    assert caplog.records == []


# ---- options


@pytest.mark.parametrize(
    ("pages", "error"),
    [
        ({200: sorry}, ValueError),
        ({"3xx": sorry}, ValueError),
        ({"40x": sorry}, ValueError),
        ({600: sorry}, ValueError),
        ({"": sorry}, ValueError),
        ({404.0: sorry}, TypeError),
        ({True: sorry}, TypeError),
        ({404: "errors/404"}, ValueError),
        ({404: "/errors#404"}, ValueError),
        ({404: "/errors?\r\n"}, ValueError),
        ({404: None}, TypeError),
        ({404: sorry, "404": "/errors/404"}, ValueError),
        ([404, sorry], TypeError),
    ],
)
def test_wrong_pages_are_refused(pages: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="ErrorPages: pages="):
        ErrorPages(sorry, pages)


def test_the_tree_shows_the_pages_that_are_apps() -> None:
    site = Site()
    assert children(ErrorPages(site, {404: "/errors/404", "5xx": sorry})) == [("app", site), ("5xx", sorry)]


def test_options_pickle_and_copy() -> None:
    layer = ErrorPages(gone, {"4xx": sorry})
    assert layer.options() == {"pages": {"4xx": sorry}}
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert call(twin).body == SORRY
