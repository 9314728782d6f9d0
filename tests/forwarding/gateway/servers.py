"""Real servers of the gateway protocols, each on a TCP port and on a unix socket: uWSGI speaks all three, flup two."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.launch import awaited, free_port

APP = Path(__file__).with_name("app.py")

_UWSGI_OPTIONS = {"uwsgi": "--socket", "scgi": "--scgi-socket", "fcgi": "--fastcgi-socket"}


@contextmanager
def uwsgi(
    program: str, folder: Path, app: Sequence[str] = ("--wsgi-file", str(APP))
) -> Iterator[dict[str, str]]:
    """A uWSGI server; the URLs it answers at, by ``scheme`` and ``scheme+unix``."""
    places = dict(_places(_UWSGI_OPTIONS, folder))
    command = [program, "--master", "--processes", "2", "--need-app", *app]
    for name, (_, place) in places.items():
        command += [_UWSGI_OPTIONS[name.partition("+")[0]], place]
    with _running(command, folder / "uwsgi.out", [place for _, place in places.values()]):
        yield {name: url for name, (url, _) in places.items()}


@contextmanager
def flup(folder: Path, name: str) -> Iterator[str]:
    """A flup server for ``scgi``, ``fcgi``, or one of them with ``+unix``; its URL."""
    scheme = name.partition("+")[0]
    url, place = dict(_places([scheme], folder))[name]
    with _running([sys.executable, str(APP), scheme, place], folder / "flup.out", [place]):
        yield url


def _places(schemes: Iterable[str], folder: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """By name: the URL, and the address as servers take it."""
    for scheme in schemes:
        port, path = f"127.0.0.1:{free_port()}", str(folder / f"{scheme}.sock")
        yield scheme, (f"{scheme}://{port}", port)
        yield f"{scheme}+unix", (f"{scheme}+unix:{path}", path)


@contextmanager
def _running(command: list[str], output: Path, places: list[str]) -> Iterator[None]:
    with output.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=APP.parent, stdout=written, stderr=written, start_new_session=True
        )
    try:
        for place in places:
            awaited(lambda place=place: _listening(place, process, output), f"server at {place}")
        yield
    finally:
        # Nothing in it is worth a goodbye, and flup waits for connections that are kept.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listening(place: str, process: subprocess.Popen[bytes], output: Path) -> str:
    """Whether ``place`` answers yet; the server's own words if it has ended instead."""
    if process.poll() is not None:
        raise AssertionError(f"the server ended with {process.returncode}:\n{output.read_text()}")
    host, colon, port = place.rpartition(":")
    with socket.socket(socket.AF_INET if colon else socket.AF_UNIX) as probe:
        try:
            probe.connect((host, int(port)) if colon else place)
        except OSError:
            return ""
    return "yes"
