from __future__ import annotations

import sys

import pytest

from wsgikit.testing import call


def answering(body, status="200 OK", headers=()):
    def app(environ, start_response):
        start_response(status, list(headers))
        return body

    return app


class Closing:
    """A body that counts its closes."""

    def __init__(self, *chunks):
        self.chunks = chunks
        self.pulled = 0
        self.closed = 0

    def __iter__(self):
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.pulled += 1
            yield chunk

    def close(self):
        self.closed += 1


def test_the_result_holds_the_whole_answer():
    headers = [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")]
    result = call(answering([b'{"a"', b"", b": 1}"], "404 Not Found", headers))
    assert (result.status, result.reason, result.headers) == (404, "Not Found", headers)
    assert result.chunks == [b'{"a"', b"", b": 1}"]
    assert (result.body, result.text, result.json()) == (b'{"a": 1}', '{"a": 1}', {"a": 1})
    assert result.all("SET-COOKIE") == ["a=1", "b=2"]
    assert (result.header("Set-Cookie"), result.header("X-None")) == ("a=1, b=2", None)


def test_what_is_written_to_wsgi_errors_is_in_the_result():
    def app(environ, start_response):
        environ["wsgi.errors"].write("oh\n")
        return answering([])(environ, start_response)

    assert call(app).errors == "oh\n"


def test_close_is_called_once_after_the_last_chunk():
    body = Closing(b"a", b"b")
    assert call(answering(body)).body == b"ab"
    assert body.closed == 1


def test_an_error_in_the_body_comes_out_after_close():
    body = Closing(b"a", KeyError("midway"))
    with pytest.raises(KeyError, match="midway"):
        call(answering(body))
    assert body.closed == 1


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_client_that_leaves_pulls_no_further_chunk(chunks):
    body = Closing(b"a", b"b", b"c")
    assert call(answering(body), stop_after=chunks).chunks == [b"a", b"b", b"c"][:chunks]
    assert (body.pulled, body.closed) == (chunks, 1)


def test_write_comes_before_the_iterable():
    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"first ")
        return [b"second"]

    assert call(app).body == b"first second"


def failing(*, after_bytes):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b""
        if after_bytes:
            yield b"begun"
        try:
            raise KeyError("late")
        except KeyError:
            start_response("500 Oh", [], sys.exc_info())
        yield b"an error page"

    return app


def test_exc_info_before_the_first_byte_replaces_the_head():
    result = call(failing(after_bytes=False))
    assert (result.status, result.body) == (500, b"an error page")


def test_exc_info_after_the_first_byte_is_raised_again():
    with pytest.raises(KeyError, match="late"):
        call(failing(after_bytes=True))


def test_a_second_start_response_is_refused():
    def app(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    with pytest.raises(AssertionError, match="again without exc_info"):
        call(app)


def test_a_body_before_start_response_is_refused():
    with pytest.raises(AssertionError, match="before start_response"):
        call(lambda environ, start_response: [b""])


def test_an_answer_without_start_response_is_refused():
    with pytest.raises(AssertionError, match="without calling start_response"):
        call(lambda environ, start_response: [])


def test_a_chunk_of_text_is_refused():
    with pytest.raises(AssertionError, match="not bytes"):
        call(answering(["text"]))


def test_keywords_to_start_response_are_refused():
    with pytest.raises(TypeError):
        call(lambda environ, start_response: start_response(status="200 OK", headers=[]) and [])


def test_the_header_list_is_taken_as_it_was_at_the_call():
    headers = [("X-A", "1")]

    def app(environ, start_response):
        start_response("200 OK", headers)
        headers.append(("X-B", "2"))
        return []

    assert call(app).headers == [("X-A", "1")]
