from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import werkzeug.exceptions
import werkzeug.wrappers

from tests.responses.conditional.counted import Body
from wsgikit.responses.conditional.conditionalget import ConditionalGet
from wsgikit.responses.conditional.ranges import Ranges
from wsgikit.testing import call, lint

BODY = b"0123456789"
CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sat, 05 Nov 1994 08:49:37 GMT"
LATER = "Mon, 07 Nov 1994 08:49:37 GMT"
HEADERS = [("ETag", '"x"'), ("Last-Modified", CHANGED)]

INM, IM, IMS, IUS, IR = (
    *("If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since"),
    "If-Range",
)


def bare(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "10"), *HEADERS])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [BODY]


def webob_app(environ: Any, start_response: Any) -> Any:
    import webob

    response = webob.Response(body=BODY, content_type="text/plain", conditional_response=True)
    response.headers.update(HEADERS)
    return response(environ, start_response)


def werkzeug_app(environ: Any, start_response: Any) -> Any:
    response = werkzeug.wrappers.Response(BODY, content_type="text/plain", headers=HEADERS)
    try:
        response.make_conditional(environ, accept_ranges=True, complete_length=len(BODY))
    except werkzeug.exceptions.HTTPException as error:
        return error.get_response(environ)(environ, start_response)
    return response(environ, start_response)


PEERS = {"webob": webob_app, "werkzeug": werkzeug_app}

# The 37 cases that WebOb and Werkzeug were measured by: what is asked, what is right, and what a peer says wrongly.
Asked = dict[str, str]
CASES: list[tuple[Asked, int, dict[str, int]]] = [
    ({}, 200, {}),
    ({INM: '"x"'}, 304, {}),
    ({INM: 'W/"x"'}, 304, {}),
    ({INM: '"y"'}, 200, {}),
    ({INM: '"y", "x"'}, 304, {}),
    ({INM: "*"}, 304, {"webob": 200}),
    ({INM: '"y"', IMS: CHANGED}, 200, {}),
    ({INM: '"x"', IMS: EARLIER}, 304, {}),
    ({IMS: CHANGED}, 304, {}),
    ({IMS: EARLIER}, 200, {}),
    ({IMS: LATER}, 304, {}),
    ({IMS: "Sunday, 06-Nov-94 08:49:37 GMT"}, 304, {}),
    ({IMS: "Sun Nov  6 08:49:37 1994"}, 304, {}),
    ({IMS: "yesterday"}, 200, {}),
    ({IM: '"x"'}, 200, {}),
    ({IM: '"y"'}, 412, {"webob": 200}),
    ({IM: 'W/"x"'}, 412, {"webob": 200}),
    ({IM: "*"}, 200, {"werkzeug": 412}),
    ({IUS: CHANGED}, 200, {}),
    ({IUS: EARLIER}, 412, {"webob": 200, "werkzeug": 200}),
    ({IM: '"x"', IUS: EARLIER}, 200, {}),
    ({IM: '"y"', INM: '"x"'}, 412, {"webob": 304}),
    ({"Range": "bytes=0-3"}, 206, {}),
    ({"Range": "bytes=4-"}, 206, {}),
    ({"Range": "bytes=-3"}, 206, {}),
    ({"Range": "bytes=5-99"}, 206, {}),
    ({"Range": "bytes=10-"}, 416, {}),
    ({"Range": "bytes=-0"}, 416, {"webob": 206}),
    ({"Range": "items=0-1"}, 200, {"werkzeug": 416}),
    ({"Range": "bytes=5-2"}, 200, {"werkzeug": 416}),
    ({"Range": "bytes=0-1,5-6"}, 206, {"werkzeug": 416}),  # webob gives the first of them
    ({"Range": "bytes=0-3", INM: '"x"'}, 304, {"werkzeug": 206}),
    ({"Range": "bytes=0-3", IR: '"x"'}, 206, {}),
    ({"Range": "bytes=0-3", IR: 'W/"x"'}, 200, {"werkzeug": 206}),
    ({"Range": "bytes=0-3", IR: CHANGED}, 206, {}),
    ({"Range": "bytes=0-3", IR: LATER}, 200, {"webob": 206, "werkzeug": 206}),
    ({"method": "HEAD", "Range": "bytes=0-3"}, 200, {"webob": 206, "werkzeug": 206}),
]
IDS = ["; ".join(f"{name}={value}" for name, value in asked.items()) or "nothing" for asked, *_ in CASES]


def status(app: Any, asked: Asked) -> int:
    asked = dict(asked)
    return call(app, asked.pop("method", "GET"), headers=asked).status


@pytest.mark.parametrize(("asked", "right", "wrong"), CASES, ids=IDS)
def test_R1_to_R10_each_case_of_the_table(asked: Asked, right: int, wrong: dict[str, int]) -> None:
    assert status(ConditionalGet(Ranges(bare)), asked) == right
    assert status(Ranges(ConditionalGet(bare)), asked) == right


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # WebOb, on Python before 3.13
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(("asked", "right", "wrong"), CASES, ids=IDS)
def test_the_peers_say_the_same_where_they_are_right(
    asked: Asked, right: int, wrong: dict[str, int], peer: str
) -> None:
    assert status(PEERS[peer], asked) == wrong.get(peer, right)


def answering(body: Any, *headers: tuple[str, str], status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [*HEADERS, *headers])
        return body

    return app


KNOWN = {INM: '"x"'}


def test_R5_a_304_keeps_what_updates_a_copy_and_nothing_about_the_content() -> None:
    kept = [
        ("Cache-Control", "max-age=5"),
        ("Content-Location", "/page.en"),
        ("Date", LATER),
        ("Expires", LATER),
        ("Vary", "Accept"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-Frame-Options", "DENY"),
    ]
    dropped = [
        *[("Content-Type", "text/html"), ("content-length", "10"), ("Content-Language", "en")],
        *[("Content-Encoding", "br"), ("Content-Disposition", "inline"), ("Content-MD5", "x")],
        *[("Content-Digest", "x"), ("Repr-Digest", "x"), ("Digest", "x")],
    ]
    app = lint(ConditionalGet(answering([BODY], *kept, *dropped)))
    answer = call(app, headers=KNOWN)
    assert (answer.status, answer.reason, answer.body) == (304, "Not Modified", b"")
    assert answer.headers == [("ETag", '"x"'), *kept]


def test_R5_last_modified_stays_where_there_is_no_tag() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Last-Modified", CHANGED)])
        return [BODY]

    assert call(ConditionalGet(app), headers={IMS: CHANGED}).headers == [("Last-Modified", CHANGED)]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_R6_after_another_method_nothing_is_changed(method: str) -> None:
    app = ConditionalGet(answering([BODY]))
    for asked in ({INM: '"x"'}, {INM: "*"}, {IM: '"y"'}, {IUS: EARLIER}):
        answer = call(app, method, headers=asked)
        assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize("status", ["201 Created", "203 OK", "301 Moved", "404 Not Found", "500 Error"])
def test_R6_only_a_200_is_conditional(status: str) -> None:
    body = [BODY]
    app = ConditionalGet(answering(body, status=status))
    environ = {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": '"x"'}
    assert app(environ, lambda *args: print) is body  # type: ignore[arg-type]


def test_R1_preconditions_come_before_a_range_that_the_app_has_cut() -> None:
    """Werkzeug's send_file gives a 206 in spite of If-None-Match."""
    app = lint(
        ConditionalGet(answering([b"01"], ("Content-Range", "bytes 0-1/10"), status="206 Partial Content"))
    )
    answer = call(app, headers={**KNOWN, "Range": "bytes=0-1"})
    assert (answer.status, answer.body, answer.header("Content-Range")) == (304, b"", None)


def test_head_is_conditional_too() -> None:
    app = lint(ConditionalGet(answering([])))
    assert call(app, "HEAD", headers=KNOWN).status == 304
    refused = call(app, "HEAD", headers={IM: '"y"'})
    assert (refused.status, refused.body) == (412, b"")


def test_a_412_says_why_and_nothing_of_the_representation() -> None:
    headers = [("Cache-Control", "max-age=5"), ("Content-Type", "image/png"), ("Content-Length", "10")]
    app = lint(ConditionalGet(answering([BODY], *headers, ("Vary", "Cookie"))))
    answer = call(app, headers={IM: '"y"'})
    assert answer.status == 412
    assert "If-Match" in answer.text
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.header("Content-Length") == str(len(answer.body))
    assert answer.header("Vary") == "Cookie"
    for name in ("ETag", "Last-Modified", "Cache-Control"):  # a cache would give it to others
        assert answer.header(name) is None


@pytest.mark.parametrize(("asked", "status", "read"), [(KNOWN, 304, 0), ({IM: '"y"'}, 412, 1)])
def test_P1_a_body_left_out_is_closed_once_and_not_read_through(asked: Asked, status: int, read: int) -> None:
    body = Body(*[BODY] * 1000)
    assert call(lint(ConditionalGet(answering(body))), headers=asked).status == status
    assert (body.closed, body.read) == (1, read)


def test_P1_a_lazy_body_is_not_read_through_either() -> None:
    given = []

    def lazy(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        for number in range(1000):
            given.append(number)
            yield BODY

    answer = call(lint(ConditionalGet(lazy)), headers=KNOWN)
    assert (answer.status, answer.body) == (304, b"")
    assert given == [0]


def test_P2_an_error_page_takes_the_place_of_a_304() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return [b"error"]

    answer = call(lint(ConditionalGet(app)), headers=KNOWN)
    assert (answer.status, answer.body) == (500, b"error")


def test_P2_a_body_that_is_under_way_is_not_left_out_when_its_head_changes() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("404 Not Found", [])
        return body(start_response)

    def body(start_response: Any) -> Iterator[bytes]:
        try:
            raise ValueError("late")
        except ValueError:
            start_response("200 OK", [*HEADERS], sys.exc_info())
        yield BODY

    answer = call(lint(ConditionalGet(app)), headers=KNOWN)
    assert (answer.status, answer.body) == (200, BODY)


def test_P3_what_is_written_is_left_out_of_a_304() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])(BODY)
        return [BODY]

    answer = call(lint(ConditionalGet(app)), headers=KNOWN)
    assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize("asked", [{}, {"HTTP_IF_NONE_MATCH": '"y"'}])
def test_P5_the_body_of_a_200_is_the_same_object(asked: Asked) -> None:
    body = Body(BODY)
    app = ConditionalGet(answering(body))
    assert app({"REQUEST_METHOD": "GET", **asked}, lambda *args: print) is body  # type: ignore[arg-type]


def test_P6_the_apps_header_list_is_left_alone() -> None:
    headers = [("ETag", '"x"'), ("Content-Type", "text/plain")]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return [BODY]

    assert call(ConditionalGet(app), headers=KNOWN).headers == [("ETag", '"x"')]
    assert headers == [("ETag", '"x"'), ("Content-Type", "text/plain")]


def test_an_app_that_edits_its_environ_does_not_change_what_was_asked() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        del environ["HTTP_IF_NONE_MATCH"]
        return bare(environ, start_response)

    assert call(ConditionalGet(app), headers=KNOWN).status == 304
