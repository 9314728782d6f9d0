"""What every test may lean on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def program() -> Callable[[str, str], str]:
    """``program("uwsgi", "pyuwsgi")``: the path of a program, or a skip that names the package that brings it.

    Looked for beside the interpreter first, where a virtual environment has its own. Under CI a skip would hide
    that something was not tested, so there it is a failure.
    """

    def find(name: str, package: str) -> str:
        path = shutil.which(
            name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        )
        if path is None:
            text = f"{name} is not installed: it comes with the package {package}"
            if os.environ.get("CI") == "true":
                pytest.fail(text)
            pytest.skip(text)
        return path

    return find
