"""CPU cost of one proxied GET in the proxying process: a bare socket exchange, ReverseProxy, and its peers.

    python benchmarks/forwarding.py [rounds]

The backends are a process of their own that answers fixed bytes on kept connections; what is measured is the CPU
time, user and system, of this process from environ to the last byte of the body. The contestants take turns, so
that a busy machine is busy for all of them, and the best round of each counts.
"""

from __future__ import annotations

import gc
import multiprocessing
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from proxies import EVERYTHING, PROXIES

from wsgikit.testing import build_environ

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

ROUNDS = 80  # short ones: where the kernel puts the two processes changes from one moment to the next
BARE = "bare socket exchange"

HEADERS = {
    "Host": "site.example",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Cookie": "session=0123456789abcdef0123456789abcdef; theme=dark",
    "Connection": "keep-alive",
}
ANSWER_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n"
)
SMALL = ANSWER_HEAD % 13 + b"Hello, world!"
LARGE = ANSWER_HEAD % (1 << 20) + b"x" * (1 << 20)


def serve(listener: socket.socket, answer: bytes) -> None:
    """Answer every request with the same bytes."""

    def exchange(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while connection.recv(65536):
                connection.sendall(answer)
        except ConnectionError:
            pass  # a health check has read as much as it wants to know

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=exchange, args=(connection,), daemon=True).start()


def backends(answer: bytes) -> tuple[Any, list[int]]:
    """A running process with two backends, and their ports."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    process = multiprocessing.get_context("fork").Process(target=run, args=(listeners, answer), daemon=True)
    process.start()
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return process, ports


def run(listeners: list[socket.socket], answer: bytes) -> None:
    threads = [threading.Thread(target=serve, args=(listener, answer)) for listener in listeners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def bare(port: int, answer: bytes) -> Callable[[], None]:
    """The least that has to be done: fixed bytes out, and in until they are complete."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    request = f"GET /shop/hello?name=world HTTP/1.1\r\n{fields}\r\n".encode()
    size = len(answer)

    def exchange() -> None:
        sock.sendall(request)
        left = size
        while left:
            left -= len(sock.recv(65536))

    return exchange


def through(app: WSGIApplication, size: int) -> Callable[[], None]:
    """One request to ``app``, its body taken and closed as a server does."""
    environ = build_environ("GET", "/shop/hello?name=world", headers=HEADERS)
    cookie = cookie_from(app, environ.copy())
    if cookie:
        environ["HTTP_COOKIE"] += f"; {cookie}"

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
        assert status.startswith("200")
        return len

    def exchange() -> None:
        body: Any = app(environ.copy(), start_response)
        received = 0
        for chunk in body:
            received += len(chunk)
        if hasattr(body, "close"):
            body.close()
        assert received == size

    return exchange


def cookie_from(app: WSGIApplication, environ: dict[str, Any]) -> str:
    """The cookie that the first answer sets, as a browser sends it back from then on; empty for none."""
    found: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
        found.extend(value.partition(";")[0] for name, value in headers if name == "Set-Cookie")
        return len

    body: Any = app(environ, start_response)
    for _ in body:
        pass
    if hasattr(body, "close"):
        body.close()
    return "; ".join(found)


def contestants(ports: list[int], answer: bytes) -> dict[str, Callable[[], None]]:
    """Who takes part."""
    size = len(answer.partition(b"\r\n\r\n")[2])
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    proxies = {name: through(make(urls), size) for name, make in PROXIES.items()}
    return {BARE: bare(ports[0], answer), **proxies}


def measure(found: dict[str, Callable[[], None]], requests: int, rounds: int) -> dict[str, float]:
    """The best round of each, in microseconds of CPU a request."""
    best = dict.fromkeys(found, float("inf"))
    gc.disable()
    for _ in range(rounds):
        for name, exchange in found.items():
            exchange()
            begun = time.process_time()
            for _ in range(requests):
                exchange()
            best[name] = min(best[name], (time.process_time() - begun) / requests * 1e6)
            gc.collect()
    gc.enable()
    return best


def table(title: str, best: dict[str, float]) -> None:
    """Print the figures, and how they compare."""
    floor, ours = best[BARE], best[EVERYTHING]
    print(f"{title:<34}{'CPU us':>10}{'x bare':>10}{'x everything on':>17}")
    for name, cost in best.items():
        print(f"  {name:<32}{cost:>10.1f}{cost / floor:>10.2f}{cost / ours:>17.2f}")
    print()


def main() -> None:
    """Measure a small answer and one of 1 MiB."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    for title, answer, requests in (("GET, 13 bytes", SMALL, 200), ("GET, 1 MiB", LARGE, 10)):
        process, ports = backends(answer)
        try:
            table(title, measure(contestants(ports, answer), requests, rounds))
        finally:
            process.terminate()
            process.join()


if __name__ == "__main__":
    main()
