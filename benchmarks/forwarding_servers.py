"""Proxied requests a second under uWSGI with one process, and through nginx's proxy_pass as the limit.

    python benchmarks/forwarding_servers.py [rounds]

The backends are nginx, with one worker each, and return 200. Each proxy is in a uWSGI of its own with one process
behind uWSGI's HTTP router, as ``uwsgi --http :8000`` starts it; the client keeps four connections to it. The proxies
take turns, and the best round of each counts.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from forwarding import SMALL, backends
from load import rate
from proxies import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
CONNECTIONS = 4
REQUESTS = 1000  # a round of one contestant
ROUNDS = 20
PEER = "WSGIProxy2, http.client"
UNDER_UWSGI = [
    "no proxy",
    "ReverseProxy, one backend",
    EVERYTHING,
    PEER,
    "WSGIProxy2, urllib3",
    "urllib3 by hand",
    "Paste Proxy",
    "Werkzeug ProxyMiddleware",
]
REQUEST = (
    b"GET /shop/hello?name=world HTTP/1.1\r\nHost: site.example\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n"
)
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/{port}.pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    upstream backends {{ {servers} keepalive 16; }}
    server {{ listen 127.0.0.1:{port}; {locations} }}
}}
"""
ANSWER = 'location / { return 200 "Hello, world!"; }'
PASS = "location / { proxy_pass http://backends; proxy_http_version 1.1; proxy_set_header Connection ''; }"


@contextmanager
def running(command: list[str], port: int, folder: str, **environ: str) -> Iterator[int]:
    """A server, from the moment it listens on ``port`` until the end; what it writes goes into ``folder``."""
    with open(f"{folder}/{port}.log", "w+") as log:
        process = subprocess.Popen(command, env={**os.environ, **environ}, cwd=HERE, stdout=log, stderr=log)
        try:
            while not listening(port):
                if process.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} ended with {process.returncode}: {log.read()}")
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait()


def nginx(program: str, folder: str, locations: str, servers: list[int]) -> AbstractContextManager[int]:
    """An nginx with one worker, before backends on these ports."""
    port = free_port()
    listed = " ".join(f"server 127.0.0.1:{server};" for server in servers or [port])
    config = Path(folder, f"{port}.conf")
    config.write_text(NGINX.format(folder=folder, port=port, locations=locations, servers=listed))
    return running([program, "-p", folder, "-c", str(config)], port, folder)


def uwsgi(name: str, folder: str, ports: list[int]) -> AbstractContextManager[int]:
    """A uWSGI with one process that serves the proxy of this name."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("uwsgi")),
        *["--http", f"127.0.0.1:{port}", "--http-keepalive", "--master", "--die-on-term", "--processes", "1"],
        *["--enable-threads", "--need-app", "--disable-logging", "--module", "proxies"],
    ]
    urls = " ".join(f"http://127.0.0.1:{backend}" for backend in ports)
    return running(command, port, folder, PROXY=name, BACKENDS=urls)


def listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def measure(servers: dict[str, int], rounds: int) -> dict[str, float]:
    """The best round of each, in requests a second."""
    best = dict.fromkeys(servers, 0.0)
    for _ in range(rounds):
        for name, port in servers.items():
            best[name] = max(
                best[name], rate(port, REQUEST, connections=CONNECTIONS, requests=REQUESTS, kept=True)
            )
    return best


def start(stack: ExitStack) -> dict[str, int]:
    """The servers that take part, and their ports."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    servers = {}
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        print("nginx is not installed: no limit to compare with, and a backend in Python, which is slower")
        process, ports = backends(SMALL)
        stack.callback(process.terminate)
    else:
        ports = [stack.enter_context(nginx(program, folder, ANSWER, [])) for _ in range(2)]
        servers["nginx proxy_pass"] = stack.enter_context(nginx(program, folder, PASS, ports[:1]))
    for name in UNDER_UWSGI:
        servers[f"uWSGI: {name}"] = stack.enter_context(uwsgi(name, folder, ports))
    return servers


def main() -> None:
    """Start everything, measure, and print the rates."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with ExitStack() as stack:
        best = measure(start(stack), rounds)
    print(f"{'':38}{'requests/s':>12}{'x WSGIProxy2':>14}")
    for name, figure in best.items():
        print(f"{name:38}{figure:12.0f}{figure / best[f'uWSGI: {PEER}']:14.2f}")


if __name__ == "__main__":
    main()
