"""Cache under real servers, its responses in files that the workers share: each sends and dates in its own way."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.responses.serving import Server, served
from tests.servers.launch import SERVERS

PAGE = b"".join(b"%07d\n" % number for number in range(25_000))

APP = """
import os
from wsgikit.responses.cache.layer import Cache
from wsgikit.responses.cache.stores.file import FileStore

PAGE = b"".join(b"%07d\\n" % number for number in range(25_000))


def app(environ, start_response):
    with open("calls", "a") as calls:
        calls.write(environ["PATH_INFO"] + "\\n")
    tag = '"v1"'
    if environ.get("HTTP_IF_NONE_MATCH") == tag:
        start_response("304 Not Modified", [("ETag", tag), ("Cache-Control", "max-age=600")])
        return []
    cc = "max-age=0, must-revalidate" if environ["PATH_INFO"] == "/stale" else "max-age=600"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", cc), ("ETag", tag)])
    return (PAGE[at : at + 10_000] for at in range(0, len(PAGE), 10_000))


application = Cache(app, store=FileStore("store"))
"""


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str, str], str],
) -> Iterator[Server]:
    with served(request.param, APP, tmp_path_factory.mktemp(request.param), program) as running:
        yield running


def calls(server: Server, path: str) -> int:
    """How often the app was asked for ``path``."""
    return (server.folder / "calls").read_text().splitlines().count(path)


def status(response: http.client.HTTPResponse) -> str:
    return response.getheader("Cache-Status") or ""


def test_whole_and_then_again(server: Server) -> None:
    first, body = server.ask("/again")
    assert (status(first), body) == ("wsgikit; fwd=uri-miss; stored", PAGE)
    for _ in range(4):  # whichever worker answers
        response, body = server.ask("/again")
        assert status(response).startswith("wsgikit; hit; ttl=")
        assert body == PAGE
        assert response.getheader("Content-Length") == str(len(PAGE))
        assert response.getheader("Age") is not None
        assert len(response.headers.get_all("Date") or []) == 1
    assert calls(server, "/again") == 1


def test_head_and_not_modified_have_no_body(server: Server) -> None:
    server.ask("/head")
    response, body = server.ask("/head", "HEAD")
    assert (response.status, body) == (200, b"")
    assert status(response).startswith("wsgikit; hit")
    response, body = server.ask("/head", If_None_Match='"v1"')
    assert (response.status, body) == (304, b"")
    assert response.getheader("ETag") == '"v1"'
    assert calls(server, "/head") == 1


def test_a_part_of_a_file(server: Server) -> None:
    server.ask("/part")
    response, body = server.ask("/part", Range="bytes=80000-80015")
    assert (response.status, body) == (206, PAGE[80_000:80_016])
    assert response.getheader("Content-Range") == f"bytes 80000-80015/{len(PAGE)}"
    response, body = server.ask("/part", Range="bytes=0-7,160000-160007")
    assert response.status == 206
    assert PAGE[:8] in body
    assert PAGE[160_000:160_008] in body
    assert calls(server, "/part") == 1


def test_a_stale_one_is_validated(server: Server) -> None:
    server.ask("/stale")
    response, body = server.ask("/stale")
    assert status(response).startswith("wsgikit; fwd=stale; fwd-status=304")
    assert body == PAGE


def test_a_change_removes_it_for_all_workers(server: Server) -> None:
    server.ask("/change")
    server.ask("/change", "POST")
    for _ in range(4):
        server.ask("/change")
    assert calls(server, "/change") == 3


def test_many_clients_at_once_get_whole_pages(server: Server) -> None:
    wrong: list[object] = []

    def ask() -> None:
        for turn in range(5):
            response, body = server.ask(f"/many/{turn}")
            if body != PAGE:
                wrong.append((response.status, len(body)))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
