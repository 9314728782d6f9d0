from __future__ import annotations

import io
from wsgiref.util import request_uri

from wsgikit.testing import build_environ


def test_a_plain_request_is_a_get_of_the_root():
    environ = build_environ()
    assert (environ["REQUEST_METHOD"], environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("GET", "", "/")
    assert request_uri(environ) == "http://localhost/"
    assert environ["wsgi.input"].read() == b""
    assert "CONTENT_LENGTH" not in environ


def test_the_path_is_decoded_to_the_latin1_view_of_its_bytes():
    environ = build_environ(path="/a%2Fb/%C3%A9/%E9%00")
    assert environ["PATH_INFO"] == "/a/b/\xc3\xa9/\xe9\x00"
    assert environ["RAW_URI"] == environ["REQUEST_URI"] == "/a%2Fb/%C3%A9/%E9%00"


def test_text_in_the_path_is_taken_as_utf8():
    environ = build_environ(path="/é")
    assert (environ["PATH_INFO"], environ["RAW_URI"]) == ("/\xc3\xa9", "/%C3%A9")


def test_bad_escapes_stay_as_they_are():
    environ = build_environ(path="/%zz%")
    assert environ["PATH_INFO"] == environ["RAW_URI"] == "/%zz%"


def test_the_query_may_come_with_the_path_or_beside_it():
    assert build_environ(path="/a?b=%20")["QUERY_STRING"] == "b=%20"
    assert build_environ(path="/a", query="b=1")["QUERY_STRING"] == "b=1"
    both = build_environ(path="/a?b=1", query="c=2")
    assert (both["QUERY_STRING"], both["RAW_URI"], both["PATH_INFO"]) == ("b=1&c=2", "/a?b=1&c=2", "/a")


def test_headers_become_cgi_variables():
    environ = build_environ(headers={"X-Name": "1", "content-type": "text/plain", "Content-Length": "0"})
    assert environ["HTTP_X_NAME"] == "1"
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/plain", "0")
    assert "HTTP_CONTENT_TYPE" not in environ


def test_repeated_headers_are_joined_as_servers_join_them():
    pairs = [("X-Forwarded-For", "a"), ("Cookie", "a=1"), ("x-forwarded-for", "b"), ("Cookie", "b=2")]
    environ = build_environ(headers=pairs)
    assert (environ["HTTP_X_FORWARDED_FOR"], environ["HTTP_COOKIE"]) == ("a,b", "a=1; b=2")


def test_the_host_header_names_the_server():
    named = build_environ(headers={"Host": "shop.example:8080"})
    assert (named["HTTP_HOST"], named["SERVER_NAME"], named["SERVER_PORT"]) == (
        "shop.example:8080",
        "shop.example",
        "8080",
    )
    bare = build_environ(headers={"Host": "[::1]"})
    assert (bare["SERVER_NAME"], bare["SERVER_PORT"]) == ("[::1]", "80")


def test_bytes_have_a_length():
    environ = build_environ("POST", body=b"hello")
    assert (environ["CONTENT_LENGTH"], environ["wsgi.input"].read()) == ("5", b"hello")
    assert build_environ("POST")["CONTENT_LENGTH"] == "0"


def test_pieces_come_as_a_chunked_body_and_no_sooner_than_asked_for():
    asked = []

    def pieces():
        for piece in (b"one\n", b"", b"two"):
            asked.append(piece)
            yield piece

    environ = build_environ("POST", body=pieces())
    assert "CONTENT_LENGTH" not in environ
    assert environ["wsgi.input_terminated"] is True
    assert environ["wsgi.input"].readline() == b"one\n"
    assert asked == [b"one\n"]
    assert environ["wsgi.input"].read() == b"two"
    assert environ["wsgi.input"].read() == b""


def test_a_file_is_the_input_itself():
    file = io.BytesIO(b"hello")
    assert build_environ("POST", body=file)["wsgi.input"] is file


def test_what_is_given_in_environ_goes_over_the_rest():
    environ = build_environ(path="/a", environ={"PATH_INFO": "/b", "wsgi.url_scheme": "https"})
    assert (environ["PATH_INFO"], environ["wsgi.url_scheme"]) == ("/b", "https")
