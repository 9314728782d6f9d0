"""examples/production as it stands there, started: a server on a unix socket, nginx before it, a backend behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

from tests.certificates import authority, certificate
from tests.servers.launch import PATIENCE, awaited, free_port, listening

FOLDER = Path(__file__).parents[2] / "examples" / "production"
HOST = "gateway.example"
CLIENT = "127.0.0.7"  # also this machine, and told apart from whatever else is

COMMANDS = {
    "gunicorn": [sys.executable, "-m", "gunicorn"],  # it finds gunicorn.conf.py by itself
    "uwsgi": [str(Path(sys.executable).with_name("uwsgi")), "--ini", "uwsgi.ini", "--processes", "2"],
}

# What a distribution's nginx.conf has around the files of conf.d.
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    include {folder}/gateway.conf;
}}
"""


@dataclass
class Answer:
    """An answer, read to its end."""

    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """The whole of it: where nginx listens, and what the server has written."""

    tls: int
    plain: int
    operators: int
    run: Path
    process: subprocess.Popen[bytes]
    output: Path
    nginx_log: Path

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Over TLS, from CLIENT, as a browser would."""
        raw = socket.create_connection(("127.0.0.1", self.tls), PATIENCE, source_address=(CLIENT, 0))
        with closing(HTTPConnection(HOST)) as connection:
            connection.sock = trusting().wrap_socket(raw, server_hostname=HOST)
            return exchange(connection, method, path, body, headers)

    def ask_here(self, path: str, **headers: str) -> Answer:
        """As an operator on this host does."""
        with closing(HTTPConnection("127.0.0.1", self.operators, timeout=PATIENCE)) as connection:
            return exchange(connection, "GET", path, None, headers)

    def ask_as_nginx(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """On the socket, as nginx asks for whoever ``headers`` say: the head alone."""
        with closing(HTTPConnection(HOST)) as connection:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(PATIENCE)
            connection.sock.connect(str(self.run / "gateway.sock"))
            return exchange(connection, method, path, None, headers)

    def stats(self) -> dict[str, Any]:
        """What uwsgitop would read."""
        document: dict[str, Any] = self.ask_here("/-/stats").json()
        return document

    def logged(self, part: str) -> dict[str, Any]:
        """The access log's entry that holds ``part``, as soon as it is there."""
        line = awaited(
            lambda: next((line for line in self._lines() if part in line), ""), f"line with {part!r}"
        )
        entry: dict[str, Any] = json.loads(line)
        return entry

    def _lines(self) -> list[str]:
        return [line for line in self.output.read_text().splitlines() if line.startswith('{"time"')]


def exchange(
    connection: HTTPConnection, method: str, path: str, body: Any, headers: Mapping[str, str]
) -> Answer:
    """One request and its answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named, encode_chunked=not hasattr(body, "__len__"))
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def trusting() -> ssl.SSLContext:
    """A client's context, which knows the tests' own authority."""
    context = ssl.create_default_context()
    authority("ours").configure_trust(context)
    return context


@contextmanager
def service(server: str, folder: Path, nginx: str, **environ: str) -> Iterator[Service]:
    """``server`` and ``nginx``, each with its file of the example; ``environ`` is what else is in the server's."""
    run = folder / "run"
    run.mkdir()
    name = f"production-{os.getpid()}-{folder.name}"  # of its own, as another may run at the same time
    try:
        with running(server, folder, run, WSGIKIT_SERVICE=name, **environ) as (process, output):
            plain, tls, operators = free_port(), free_port(), free_port()
            with proxy(nginx, folder, run, {"80": plain, "443": tls, "8081": operators}):
                yield Service(tls, plain, operators, run, process, output, folder / "nginx.log")
    finally:
        for place in ("/dev/shm", tempfile.gettempdir()):  # what the workers shared
            for left in Path(place).glob(f"wsgikit-*-{name}-*"):
                left.unlink()


@contextmanager
def running(
    server: str, folder: Path, run: Path, **environ: str
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The server, as soon as it tells systemd that it is ready."""
    output = folder / "output"
    with output.open("wb") as written, closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(PATIENCE)
        process = subprocess.Popen(
            COMMANDS[server],
            cwd=FOLDER,
            env={
                **os.environ,
                "RUNTIME_DIRECTORY": str(run),
                "NOTIFY_SOCKET": str(folder / "notify"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "WEB_CONCURRENCY": "2",
                **environ,
            },
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
        try:
            while b"READY=1" not in heard(systemd, process, output):
                pass
            yield process, output
        finally:
            end(process)


def heard(systemd: socket.socket, process: subprocess.Popen[bytes], output: Path) -> bytes:
    try:
        return systemd.recv(4096)
    except TimeoutError:
        raise AssertionError(f"not ready (ended with {process.poll()}):\n{output.read_text()}") from None


def end(process: subprocess.Popen[bytes]) -> None:
    """Without ado, and what it forked as well: the group is its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def proxy(nginx: str, folder: Path, run: Path, ports: Mapping[str, int]) -> Iterator[None]:
    """nginx with nginx.conf, in which ports and places are the test's own."""
    text = (FOLDER / "nginx.conf").read_text()
    for port, ours in ports.items():
        text, count = re.subn(rf"listen (127\.0\.0\.1:)?{port}\b", f"listen 127.0.0.1:{ours}", text)
        assert count == 1, f"nginx.conf listens on {port} {count} times"
    for theirs, here in {
        "/run/gateway": run,
        "/etc/ssl/gateway": folder,
        "/var/log/nginx/gateway.log": folder / "nginx.log",
    }.items():
        assert theirs in text
        text = text.replace(theirs, str(here))
    (folder / "gateway.conf").write_text(text)
    shown = certificate(HOST)
    shown.private_key_pem.write_to_path(str(folder / "privkey.pem"))
    for number, pem in enumerate(shown.cert_chain_pems):
        pem.write_to_path(str(folder / "fullchain.pem"), append=number > 0)
    # Started by root, its workers are somebody else, who may not come into a test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
    output = folder / "nginx.error.log"
    with (folder / "nginx.out").open("wb") as written:
        process = subprocess.Popen(
            [nginx, "-p", str(folder), "-e", str(output), "-c", str(folder / "nginx.conf")],
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        last = [*ports.values()][-1]  # it opens them all before it takes anything
        awaited(lambda: listening(last, process, output), f"nginx on port {last}")
        yield
    finally:
        end(process)
