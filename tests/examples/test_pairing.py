"""examples/production: what stands in several of its files is the same in all of them, and systemd takes the unit."""

from __future__ import annotations

import configparser
import os
import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.examples.production import FOLDER
from wsgikit import Layer

SOCKET = "/run/gateway/gateway.sock"


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(FOLDER / "gateway.service")
    return parser


@pytest.fixture
def gunicorn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    return runpy.run_path(str(FOLDER / "gunicorn.conf.py"))


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What wsgi.py gives each layer."""
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    names = runpy.run_path(str(FOLDER / "wsgi.py"))
    return {layer.name: layer.options() for layer in names["stack"].layers if isinstance(layer, Layer)}


def setting(file: str, name: str) -> str:
    """What nginx.conf or uwsgi.ini says of ``name``, said once."""
    (value,) = re.findall(rf"^\s*{name}(?:\s*=\s*|\s+)([^;\n]+)", (FOLDER / file).read_text(), re.MULTILINE)
    return str(value)


def test_all_meet_at_one_socket(unit: configparser.ConfigParser, gunicorn: dict[str, Any]) -> None:
    assert f"/run/{unit['Service']['RuntimeDirectory']}/gateway.sock" == SOCKET
    assert gunicorn["bind"] == f"unix:{SOCKET}"
    assert f"server unix:{SOCKET} fail_timeout=0;" in (FOLDER / "nginx.conf").read_text()
    assert "set-placeholder = run=/run/gateway\n" in (FOLDER / "uwsgi.ini").read_text()
    assert setting("uwsgi.ini", "http-socket") == "%(run)/gateway.sock"


def test_only_user_and_group_may_connect(gunicorn: dict[str, Any]) -> None:
    assert f"{0o777 & ~gunicorn['umask']:o}" == "770"
    assert setting("uwsgi.ini", "chmod-socket") == "660"


def test_nginx_and_the_app_have_one_limit_for_uploads(layers: dict[str, dict[str, Any]]) -> None:
    assert setting("nginx.conf", "client_max_body_size") == "10m"
    assert layers["BodyLimit"] == {"size": "10MiB"}


def test_a_thread_is_left_when_the_app_is_full(
    layers: dict[str, dict[str, Any]], gunicorn: dict[str, Any]
) -> None:
    full = layers["ConcurrencyLimit"]
    assert full["limit"] + full["queue"] == gunicorn["threads"] - 1
    assert int(setting("uwsgi.ini", "threads")) == gunicorn["threads"]


def test_systemd_waits_for_those_that_are_to_end(
    unit: configparser.ConfigParser, gunicorn: dict[str, Any]
) -> None:
    (drained,) = re.findall(r"sleep (\d+)", unit["Service"]["ExecStop"])
    patience = int(unit["Service"]["TimeoutStopSec"])
    assert patience > int(drained) + gunicorn["graceful_timeout"]
    assert patience > int(drained) + int(setting("uwsgi.ini", "worker-reload-mercy"))


@pytest.mark.parametrize(("mainpid", "drained"), [("4711", True), ("", False)])
def test_a_stop_drains_first_and_a_crash_does_not(
    unit: configparser.ConfigParser,
    layers: dict[str, dict[str, Any]],
    tmp_path: Path,
    mainpid: str,
    drained: bool,
) -> None:
    switch = layers["Health"]["switch"]
    assert f"touch {switch};" in unit["Service"]["ExecStop"]
    here = unit["Service"]["ExecStop"].replace(switch, str(tmp_path / "drain")).replace("sleep 5", "true")
    subprocess.run(shlex.split(here), env={"MAINPID": mainpid, "PATH": os.environ["PATH"]}, check=True)
    assert (tmp_path / "drain").exists() is drained


def test_the_unit_is_one_that_systemd_takes(unit: configparser.ConfigParser, tmp_path: Path) -> None:
    """By `systemd-analyze verify`, which is not everywhere; and parsed, which always is."""
    service = unit["Service"]
    program = Path(service["ExecStart"])
    assert program.parent == Path(service["WorkingDirectory"]) / ".venv" / "bin"
    assert (service["Type"], service["KillMode"]) == ("notify", "mixed")
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    here = tmp_path / ".venv" / "bin" / program.name
    here.parent.mkdir(parents=True)
    here.symlink_to("/bin/true")
    copy = tmp_path / "gateway.service"
    copy.write_text((FOLDER / copy.name).read_text().replace(service["WorkingDirectory"], str(tmp_path)))
    done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, timeout=30)
    # It complains of this machine's own units as well, and answers 0 to what it ignores.
    assert [line for line in done.stderr.splitlines() if "gateway" in line] == []
