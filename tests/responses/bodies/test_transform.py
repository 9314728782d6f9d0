from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tests.responses.bodies.answering import HTML, Body, Heads, answering, start_nothing
from wsgikit.responses.bodies.transform import Transform
from wsgikit.testing import call, lint

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports the module cgi, on Python before 3.13
    import webob.exc

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.testing.call import Result

PAGE = "<p>naïve</p>".encode()
TAG = ("ETag", '"a"')


def ask(function: Callable[[Any, Any], Any], *headers: tuple[str, str], **options: Any) -> Result:
    return call(lint(Transform(answering([PAGE], *headers), function)), path="/path?a=1", **options)


def test_function_gets_webob_request_and_response() -> None:
    def function(request: Any, response: Any) -> None:
        assert (request.path, request.GET["a"], request.method) == ("/path", "1", "POST")
        assert (response.status, response.text) == ("200 OK", "<p>naïve</p>")
        assert response.headers["ETag"] == '"a"'
        seen.append(response)

    seen: list[Any] = []
    ask(function, TAG, method="POST")
    assert len(seen) == 1


def test_response_given_back_is_sent() -> None:
    def function(request: Any, response: Any) -> Any:
        response.text = response.text.upper()
        response.status = 201
        response.headers["X-New"] = "yes"
        return response

    result = ask(function)
    assert (result.status, result.text, result.header("X-New")) == (201, "<P>NAÏVE</P>", "yes")
    assert result.header("Content-Length") == str(len(result.body))


def test_None_stands_for_the_response_as_it_is_by_then() -> None:
    def function(request: Any, response: Any) -> None:
        response.text = response.text.upper()

    assert ask(function).text == "<P>NAÏVE</P>"


def test_another_response_is_sent_in_its_place() -> None:
    result = ask(lambda request, response: webob.Response("other", content_type="text/plain"), TAG)
    assert (result.text, result.header("ETag")) == ("other", None)
    assert result.header("Content-Type") == "text/plain; charset=UTF-8"


def test_response_left_alone_keeps_its_head_and_the_list_itself() -> None:
    body = [PAGE]
    headers = (TAG, ("Content-Digest", "sha-256=:x:"), ("Accept-Ranges", "bytes"))
    app = answering(body, *headers)
    assert Transform(app, lambda request, response: None)({}, start_nothing) is body
    assert ask(lambda request, response: response, *headers).headers == [HTML, *headers]


def test_headers_alone_may_change() -> None:
    def function(request: Any, response: Any) -> None:
        response.headers["X-New"] = "yes"

    result = ask(function, TAG)
    assert (result.body, result.headers) == (PAGE, [HTML, TAG, ("X-New", "yes")])


def test_T2_wrong_length_from_the_function_is_put_right() -> None:
    def function(request: Any, response: Any) -> None:
        response.content_length = 3

    result = ask(function, TAG)
    assert (result.body, result.header("Content-Length")) == (PAGE, str(len(PAGE)))
    assert result.header("ETag") == '"a"'


def test_T2_changed_content_loses_what_described_the_old_one() -> None:
    def function(request: Any, response: Any) -> None:
        response.body = response.body + b"!"

    stale = (("Content-MD5", "x"), ("Repr-Digest", "sha-256=:x:"), ("Accept-Ranges", "bytes"))
    result = ask(function, TAG, *stale, ("Last-Modified", "x"))
    assert result.headers == [
        HTML,
        ("ETag", 'W/"a"'),
        ("Last-Modified", "x"),
        ("Content-Length", str(len(PAGE) + 1)),
    ]


def test_T2_what_the_function_sets_anew_stays() -> None:
    def function(request: Any, response: Any) -> None:
        response.body = response.body + b"!"
        response.etag = "b"
        response.headers["Content-MD5"] = "new"

    result = ask(function, TAG, ("Content-MD5", "old"))
    assert (result.header("ETag"), result.header("Content-MD5")) == ('"b"', "new")


def test_content_encoded_by_the_function_says_so() -> None:
    def function(request: Any, response: Any) -> None:
        response.encode_content("gzip")

    result = ask(function, ("Content-Encoding", "identity"))
    assert result.header("Content-Encoding") == "gzip"


def test_body_that_streams_is_sent_and_closed() -> None:
    stream = Body([b"a", b"b"])
    inner = Body([PAGE])
    layer = Transform(answering(inner, TAG), lambda request, response: webob.Response(app_iter=stream))
    result = call(lint(layer))
    assert result.chunks == [b"a", b"b"]
    assert (stream.closed, inner.closed) == (1, 1)


def test_content_that_becomes_a_stream_keeps_no_old_length_or_tag() -> None:
    def function(request: Any, response: Any) -> None:
        response.app_iter = iter([b"longer ", b"than before"])

    result = ask(function, TAG, ("Content-Length", str(len(PAGE))))
    assert result.body == b"longer than before"
    assert (result.header("Content-Length"), result.header("ETag")) == (None, 'W/"a"')


def test_page_of_webobs_exceptions_is_sent_when_given_back() -> None:
    result = ask(lambda request, response: webob.exc.HTTPNotFound("no such thing"))
    assert (result.status, b"no such thing" in result.body) == (404, True)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_P9_answer_that_the_function_makes_bodiless_has_no_body(status: str) -> None:
    def function(request: Any, response: Any) -> None:
        response.status = status

    result = ask(function, ("Content-Length", str(len(PAGE))))
    assert (result.reason, result.body) == (status[4:], b"")
    assert result.header("Content-Length") is None


@pytest.mark.parametrize("body", [[PAGE], Body([PAGE])])
def test_P10_exception_in_the_function_comes_out(body: Any) -> None:
    def function(request: Any, response: Any) -> None:
        raise ZeroDivisionError

    heads = Heads()
    with pytest.raises(ZeroDivisionError):
        list(Transform(answering(body), function)({}, heads))
    assert heads == []


@pytest.mark.parametrize("given", ["text", b"bytes", 0, (200, "x")])
def test_anything_else_given_back_is_named(given: Any) -> None:
    with pytest.raises(TypeError, match=r"Transform: function=.*webob Response or None"):
        ask(lambda request, response: given)


def test_head_is_never_given_to_the_function() -> None:
    def function(request: Any, response: Any) -> None:
        raise ZeroDivisionError

    assert ask(function, method="HEAD").status == 200


def test_types_say_what_the_function_sees() -> None:
    layer = Transform(answering([b"{}"], kind="application/problem+json"), mark, types=["application/*+json"])
    assert call(layer).body == b"marked"
    assert layer.types == ("application/*+json",)


def mark(request: Any, response: Any) -> None:
    response.body = b"marked"


def test_T6_max_size_says_how_much_it_sees() -> None:
    app = answering([PAGE])
    assert call(Transform(app, mark, max_size=len(PAGE))).body == b"marked"
    assert call(Transform(app, mark, max_size=len(PAGE) - 1)).body == PAGE
    assert Transform(app, mark).max_size == 4 * 2**20


def test_function_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="Transform: function='upper'"):
        Transform(answering([]), "upper")  # type: ignore[arg-type]


def test_webob_is_imported_when_it_is_needed_without_its_warning() -> None:
    code = """
import sys, warnings
warnings.simplefilter("error")
from wsgikit.responses.bodies.transform import Transform
assert "webob" not in sys.modules
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"x"]
Transform(app, lambda request, response: None)({}, lambda *head: None)
assert "webob" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
