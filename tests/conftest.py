"""What every test may lean on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Generator
from functools import wraps
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from wsgikit.operations import service

IN_CI = os.environ.get("CI") == "true"

# No test is timed, by hypothesis neither. CI draws the same examples each time, so that what lands is what was seen;
# everywhere else they are new ones at each run.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if IN_CI else "here")


@pytest.fixture(scope="session", autouse=True)
def meeting_place(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """What the workers of a service share is kept out of /dev/shm, where it would outlive the tests."""
    folder = str(tmp_path_factory.mktemp("host"))

    @wraps(service._folder.__wrapped__)
    def elsewhere() -> str:
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_folder", elsewhere)
        yield


Reported = TypeVar("Reported", pytest.TestReport, pytest.CollectReport)


def without_a_skip(report: Reported) -> Reported:
    """Under CI a skip is a failure: it would hide that something was not tested."""
    if report.skipped and IN_CI:
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be under CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return without_a_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file may skip itself as a whole."""
    return without_a_skip((yield))


@pytest.fixture(scope="session")
def program() -> Callable[[str, str], str]:
    """``program("uwsgi", "pyuwsgi")``: the path of a program, or a skip that names the package that brings it.

    Looked for beside the interpreter first, where a virtual environment has its own.
    """

    def find(name: str, package: str) -> str:
        folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        path = shutil.which(name, path=folders)
        if path is None:
            pytest.skip(f"{name} is not installed: it comes with the package {package}")
        return path

    return find
