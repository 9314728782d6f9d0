"""need-app: a target that cannot be had keeps a server from starting, with an exit code and a message that says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WSGI = """
from wsgikit.mounting.lazy import Lazy
from wsgikit.mounting.mount import Mount

app = Mount({"/shop": Lazy("shpo.wsgi:app", load="import", on_error="raise")})
"""
MESSAGE = "'shpo.wsgi:app': there is no module 'shpo'; did you mean 'shop'?"

GUNICORN = ("gunicorn", "--no-control-socket", "-b", "127.0.0.1:0")
UWSGI = ("uwsgi", "--http-socket", "127.0.0.1:0", "--master", "-p", "1", "--need-app")


@pytest.mark.parametrize(
    ("server", "exit_code"),
    [
        pytest.param((*GUNICORN, "wsgi:app"), 3, id="gunicorn"),
        pytest.param((*GUNICORN, "--preload", "wsgi:app"), 1, id="gunicorn --preload"),
        pytest.param((*UWSGI, "--module", "wsgi:app"), 22, id="uwsgi --need-app"),
        pytest.param((*UWSGI, "--lazy-apps", "--module", "wsgi:app"), 22, id="uwsgi --lazy-apps"),
        pytest.param(("waitress-serve", "--listen=127.0.0.1:0", "wsgi:app"), 1, id="waitress-serve"),
    ],
)
def test_the_server_does_not_start(server: tuple[str, ...], exit_code: int, tmp_path: Path) -> None:
    program, *arguments = server
    (tmp_path / "wsgi.py").write_text(WSGI)
    (tmp_path / "shop.py").write_text("")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert MESSAGE in done.stdout
    assert done.returncode == exit_code, done.stdout
