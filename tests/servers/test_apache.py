"""How Apache is started: by whom, with which Python, and from whichever folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.servers.launch import SETUPS, apache, launch
from tests.servers.matrix.client import Connection

APP = """
import os
import sys

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getuid()} {os.environ.get('SHOP')} {'.'.join(map(str, sys.version_info[:2]))}".encode()]
"""
APACHES = [setup.name for setup in apache.SETUPS]


@pytest.mark.parametrize("name", APACHES)
def test_app_is_served_from_a_folder_with_a_space_by_a_user_who_is_not_root(
    name: str, tmp_path: Path
) -> None:
    if reason := SETUPS[name].missing():
        pytest.skip(reason)
    app, folder = tmp_path / "the app", tmp_path / "its server"
    for made in (app, folder):
        made.mkdir(mode=0o700)  # closed to everybody else
    (app / "wsgi.py").write_text(APP)
    with (
        launch(name, folder, module_folder=app, env={"SHOP": "open"}) as running,
        Connection(("127.0.0.1", running.port)) as connection,
    ):
        user, shop, python = connection.ask("/").text.split()
    assert (shop, python) == ("open", "{}.{}".format(*sys.version_info))
    assert int(user) == (os.geteuid() or 65534)


def test_module_with_another_python_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apache, "linked_python", lambda name: "3.9")
    embedded = apache.Embedded("mod_wsgi", "its-package", lambda: "4.9.4")
    assert "mod_wsgi embeds Python 3.9, and what it should serve is installed for 3." in embedded.missing()


def test_module_that_is_not_there_names_its_package() -> None:
    assert "it comes with the package its-package" in apache.module("mod_nothing", "its-package").missing()
