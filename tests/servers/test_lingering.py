"""An upload that is refused while nginx still sends it: the client hears the refusal, not that there was none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.servers.launch import PATIENCE, SETUPS, Place, free_port, launch, started

APP = """
from wsgikit.operations.bodylimit import BodyLimit

def page(environ, start_response):
    while environ["wsgi.input"].read(65536):
        pass
    start_response("200 OK", [("Content-Length", "0")])
    return []

application = BodyLimit(page, "1MB", linger="16MiB")
"""
UPLOAD = b"x" * 5_000_000

CONF = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    uwsgi_temp_path {folder}/uwsgi;
    fastcgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    server {{
        listen {place};
        location / {{
            proxy_pass http://unix:{socket};
            proxy_http_version 1.1;
        }}
        location /unbuffered {{
            proxy_pass http://unix:{socket};
            proxy_http_version 1.1;
            proxy_request_buffering off;
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, socket: Path | None) -> Iterator[int]:
    """The port of an nginx in front of a socket."""
    place, conf = Place(free_port()), folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    conf.write_text(CONF.format(folder=folder, place=place, socket=socket, user=user))
    words = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(conf)]
    with started(words, place, folder / "nginx.output", cwd=folder, env=dict(os.environ)):
        yield place.port


@pytest.mark.parametrize("name", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "uwsgi"])
def test_a_refusal_comes_through_nginx_whole(name: str, tmp_path: Path) -> None:
    if reason := SETUPS[name].missing() or SETUPS["nginx-uwsgi"].missing():
        pytest.skip(reason)
    (tmp_path / "wsgi.py").write_text(APP)
    with (
        launch(name, tmp_path, module_folder=tmp_path, unix=True) as running,
        nginx(tmp_path, running.socket) as port,
    ):
        for path in ("/", "/unbuffered") * 5:
            assert upload(port, path) == (413, b"413 Request Entity Too Large")


def upload(port: int, path: str) -> tuple[int, bytes]:
    """The status and the first line of the answer."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(len(UPLOAD)))
        connection.endheaders()
        for start in range(0, len(UPLOAD), 65536):
            try:
                connection.send(UPLOAD[start : start + 65536])
            except ConnectionError:
                break  # nginx has answered, and reads no more
        answer = connection.getresponse()
        return answer.status, answer.read().partition(b"\n")[0]
