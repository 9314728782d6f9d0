"""A body passes through piece by piece, however long it is: measured in a process that does nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.certificates import certificate, trusted
from tests.forwarding.backends.process import BackendProcess
from tests.forwarding.gateway.servers import uwsgi

MEASURE = Path(__file__).parent / "backends" / "memory.py"
APP = Path(__file__).parent / "backends" / "bodies.py"
FLAT = 8 * 1024  # KiB

WAYS = ("upload-length", "upload-chunks", "download-length", "download-chunks")


@pytest.fixture(scope="module")
def backend() -> Iterator[BackendProcess]:
    with BackendProcess() as started:
        yield started


def growth(what: str, url: str, mebibytes: int, *authority: str) -> int:
    """KiB that the process of a proxy grows by while so much passes through it."""
    command = [sys.executable, str(MEASURE), what, url, str(mebibytes), *authority]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


@pytest.mark.parametrize("what", WAYS)
def test_a_gibibyte_passes_in_flat_memory(backend: BackendProcess, what: str) -> None:
    assert growth(what, backend.url, 1024) < FLAT


def test_so_does_one_that_is_sent_back_while_it_comes(backend: BackendProcess) -> None:
    assert growth("both", backend.url, 256) < FLAT


@pytest.mark.parametrize("what", [*WAYS, "both"])
def test_so_does_a_long_body_over_tls(tmp_path: Path, what: str) -> None:
    shown = tmp_path / "backend.pem"
    certificate().private_key_and_cert_chain_pem.write_to_path(str(shown))
    with BackendProcess(certificate=shown) as backend:
        assert growth(what, backend.url, 64, trusted(tmp_path)) < FLAT


@pytest.fixture(scope="module")
def at_uwsgi(
    program: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The URLs of a uWSGI server that has long bodies."""
    app = ("--wsgi-file", str(APP))
    with uwsgi(program("uwsgi", "pyuwsgi"), tmp_path_factory.mktemp("uwsgi"), app=app) as urls:
        yield urls


@pytest.mark.parametrize("scheme", ["uwsgi", "scgi", "fcgi"])
@pytest.mark.parametrize("what", ["upload-length", "upload-chunks", "download-length"])
def test_and_in_the_gateway_protocols(at_uwsgi: dict[str, str], scheme: str, what: str) -> None:
    assert growth(what, at_uwsgi[scheme], 64) < FLAT
