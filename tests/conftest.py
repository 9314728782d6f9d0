"""What every test may lean on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# No test is timed, by hypothesis neither. CI draws the same examples each time, so that what lands is what was seen;
# everywhere else they are new ones at each run.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")


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
