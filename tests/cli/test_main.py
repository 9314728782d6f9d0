"""The commands, as a person types them."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("wsgikit"))

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("HTTP_X_FORWARDED_FOR", "nobody").encode()]

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *words], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def started(*words: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [COMMAND, *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Who runs the tests in the background has it ignored, and what is ignored is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # and not kill: the demo ends its backends, which hold the pipes too
        process.communicate()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+?:\d+", line)
    assert found, line
    return found[0]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_and_stops_cleanly(folder: Path, stop: signal.Signals) -> None:
    with started("serve", "shop:application", "--port", "0", cwd=folder) as process:
        request = urllib.request.Request(address(process), headers={"X-Forwarded-For": "203.0.113.9"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.read() == b"203.0.113.9"  # waitress by itself would have removed it
        process.send_signal(stop)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert out.endswith("Stopped.\n")
        assert "Traceback" not in err


def test_demo_serves_every_page_it_names_and_logs_each_request(tmp_path: Path) -> None:
    with started("demo", "--port", "0", cwd=tmp_path) as process:
        base = address(process)
        assert process.stdout is not None
        listed = []
        while "logged below" not in (line := process.stdout.readline()):
            listed.append(line.split()[0])
        assert len(listed) == 5
        for url in listed:
            assert url.startswith(base)
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert err.count('" 200 ') == 5
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("shop:aplication", "did you mean 'application'?"),
        ("shp:application", "there is no module 'shp'; did you mean 'shop'?"),
        ("shop", "did you mean 'shop:app'?"),
        ("shop:number", "is no WSGI app"),
    ],
)
def test_a_wrong_target_is_one_line_that_helps(folder: Path, target: str, said: str) -> None:
    for command in ("serve", "inspect"):
        done = run(command, target, cwd=folder)
        assert done.returncode == 1
        assert done.stderr.startswith((f"Error: wsgikit: TARGET={target!r} ", f"Error: {target!r}"))
        assert said in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("serve", "shop:application"), ("demo",)])
def test_an_address_that_is_taken_is_one_line(folder: Path, words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(*words, "--port", str(port), cwd=folder)
    assert done.returncode == 1
    assert done.stderr == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_inspect_draws_the_tree() -> None:
    gateway = Path(__file__).parents[2] / "examples" / "gateway"
    lines = run("inspect", "wsgi:application", cwd=gateway).stdout.splitlines()
    assert lines[0] == "ServerFix()"
    assert lines[1].startswith("AccessLog(")
    assert lines[2].startswith("TrustedProxies(networks=['loopback', 'unix'])")
    assert any(line.startswith("├─ /flask → flask.app.Flask") for line in lines)
    assert any("/hello/<name> → wsgi.hello" in line for line in lines)


def test_version() -> None:
    assert run("--version", cwd=Path.cwd()).stdout.startswith("wsgikit, version ")
