"""The end of a CGI process, which is the end of its request."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys
from wsgiref.handlers import CGIHandler
from wsgikit.servers.fix import ServerFix

class Body:
    def __iter__(self):
        yield b"first"
        {in_the_body}
        yield b"second"
    def close(self):
        {in_close}
        sys.stderr.write("closed")

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Body()

class Handler(CGIHandler):
    def _write(self, data):
        if data == b"first":
            {in_write}
        super()._write(data)

{before}
Handler().run(ServerFix(app))
"""
TERM = "os.kill(os.getpid(), signal.SIGTERM)"


def run(**code: str) -> subprocess.CompletedProcess[str]:
    text = SCRIPT.format(
        **{"in_the_body": "pass", "in_close": "pass", "in_write": "pass", "before": "", **code}
    )
    environ = {
        **os.environ,
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "GET",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        env=environ,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_a_client_that_leaves_has_the_body_closed() -> None:
    done = run(in_the_body=TERM)
    assert "closed" in done.stderr
    assert done.stdout.endswith("first")


def test_a_signal_that_comes_while_the_server_writes_waits_for_the_app() -> None:
    """Its error may be on the way to ``close()``: a ``SystemExit`` in between would skip that."""
    done = run(in_write=f"{TERM}; raise BrokenPipeError")
    assert "closed" in done.stderr
    done = run(in_write=TERM)
    assert done.stdout.endswith("first")
    assert "closed" in done.stderr


def test_a_close_that_has_begun_runs_to_its_end() -> None:
    done = run(in_close=TERM)
    assert done.stderr == "closed"
    assert done.returncode == 0


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "lambda *_: sys.stderr.write('theirs ')"])
def test_somebody_elses_handler_stays(handler: str) -> None:
    done = run(in_the_body=TERM, before=f"signal.signal(signal.SIGTERM, {handler})")
    assert done.stdout.endswith("firstsecond")
    assert done.stderr.endswith("closed")


def test_the_signals_of_other_processes_are_not_touched() -> None:
    from wsgikit.servers.cgi import orderly_end

    before = signal.getsignal(signal.SIGTERM)
    orderly_end({"wsgi.run_once": False})
    assert signal.getsignal(signal.SIGTERM) is before
