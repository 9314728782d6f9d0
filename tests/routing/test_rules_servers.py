"""Response splitting and its cousins, tried over a socket against real servers."""

from __future__ import annotations

import http.client
import socket
import threading
from urllib.parse import parse_qsl, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from waitress.server import create_server

from wsgikit.routing.actions import ResponseHeader, Rewrite, SetHeader
from wsgikit.routing.conditions import Header, Path, Query
from wsgikit.routing.responders import Redirect, Respond
from wsgikit.routing.rules import Rule, Rules


def show(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection-Test", "1")])
    return [f"{environ['QUERY_STRING']}\n{environ.get('HTTP_X_IN', '')}".encode()]


RULES = Rules(
    show,
    [
        Rule(Path(regex="^/redirect/(?P<x>.*)"), Redirect("/new/{x}?x={x}", keep_query=False)),
        Rule(Path(regex="^/root(?P<x>/.*)"), Redirect("{x}")),
        Rule(Path(regex="^/header/(?P<x>.*)"), ResponseHeader("X-P", "{x}"), SetHeader("X-In", "{x}")),
        Rule(Path(regex="^/query/(?P<x>.*)"), Rewrite("/env", query="x={x}&last=1")),
        Rule(Header("User-Agent", regex="^(?P<agent>evil .*)"), Redirect("/ua/{agent}")),
        Rule(Query("next", regex="(?P<next>.*)"), Respond(200, "next", headers={"X-Next": "{next}"})),
    ],
)


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def wsgiref_server():
    server = make_server("127.0.0.1", 0, RULES, handler_class=Quiet)
    return server.server_port, server.serve_forever, lambda: (server.shutdown(), server.server_close())


def waitress_server():
    channels = {}
    server = create_server(
        RULES, host="127.0.0.1", port=0, threads=2, map=channels, clear_untrusted_proxy_headers=True
    )
    stopping = threading.Event()

    def serve():
        while not stopping.is_set():
            server.asyncore.loop(timeout=0.05, map=channels, count=1)
        server.task_dispatcher.shutdown()
        server.asyncore.close_all(channels)

    return server.effective_port, serve, stopping.set


@pytest.fixture(scope="module", params=[wsgiref_server, waitress_server], ids=["wsgiref", "waitress"])
def port(request):
    port, serve, stop = request.param()
    thread = threading.Thread(target=serve)
    thread.start()
    yield port
    stop()
    thread.join()


def ask(port, target, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", target, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body.decode()


def raw(port, target):
    """The whole answer as bytes: what a browser's parser would be given."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: shop.example\r\n\r\n".encode("latin-1"))
        return b"".join(iter(lambda: connection.recv(65536), b""))


ATTACKS = [
    "a%0d%0aSet-Cookie:%20evil=1",
    "a%0aSet-Cookie:%20evil=1",
    "a%0dSet-Cookie:%20evil=1",
    "a%00b",
    "%0d%0a%0d%0a<script>",
    "%E5%98%8A%E5%98%8DSet-Cookie:evil=1",  # U+560A U+560D, which lose their upper byte in careless encoders
    "%C2%85Set-Cookie:evil=1",
    "a%26y=1%3fz=2%23f",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("place", ["/redirect/", "/root/", "/header/", "/?next="])
def test_no_capture_ends_a_header_line(port, place, attack):
    answer = raw(port, place + attack)
    head = answer.partition(b"\r\n\r\n")[0].lower()
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    assert b"set-cookie" not in names
    assert b"y" not in names
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\x00" not in head


def test_the_attack_would_work_unencoded(port):
    """The same capture does arrive with its line end: what is tested above is not the server's own doing."""
    response, _ = ask(port, "/redirect/a%0d%0aSet-Cookie:%20evil=1")
    query = parse_qsl(urlsplit(response.getheader("Location")).query)
    assert query == [("x", "a\r\nSet-Cookie: evil=1")]


def test_a_capture_adds_no_parameter(port):
    _, body = ask(port, "/query/p%26y=1%23z;w=2")
    assert parse_qsl(body.splitlines()[0]) == [("x", "p&y=1#z;w=2"), ("last", "1")]


def test_a_capture_does_not_redirect_to_another_host(port):
    for target in (
        "/root//evil.example/x",
        "/root/%5cevil.example",
        "/root/%09/evil.example",
        "/root///evil.example",
    ):
        response, _ = ask(port, target)
        location = response.getheader("Location")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))
        assert urlsplit(location).netloc == ""


def test_a_user_agent_with_spaces_makes_a_location_without(port):
    response, _ = ask(port, "/", headers=[("User-Agent", "evil agent; x")])
    assert response.getheader("Location") == "/ua/evil%20agent;%20x"


def test_a_header_for_the_app_is_one_line_too(port):
    _, body = ask(port, "/header/a%0d%0ab")
    assert body.splitlines()[-1] == "a%0D%0Ab"
