"""What every test may lean on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest


@pytest.fixture
def program() -> Callable[[str, str], str]:
    """``program("nginx", "nginx-light")``: the path of a program, or a skip that names the package that brings it.

    Under CI a skip would hide that something was not tested, so there it is a failure.
    """

    def find(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is None:
            text = f"{name} is not installed: it comes with the package {package}"
            if os.environ.get("CI") == "true":
                pytest.fail(text)
            pytest.skip(text)
        return path

    return find
