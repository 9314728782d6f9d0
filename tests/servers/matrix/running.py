"""A set-up that serves the gateway, or the bare promises, for as long as it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.launch import SETUPS, Running, launch
from tests.servers.matrix.ask import FILE, Ask

HERE = Path(__file__).parent
GATEWAY, BARE = HERE / "gateway", HERE / "bare"


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that the server's user can use as well, whoever that is: Apache does not stay root."""
    with TemporaryDirectory(prefix="wsgikit-matrix-") as name:
        shared = Path(name)
        shared.chmod(0o777)
        (shared / "file.txt").write_bytes(FILE)
        yield shared


@contextmanager
def second_server(kind: str, shared: Path) -> Iterator[str]:
    """The bare promises under another kind of server, for the gateway to hand requests on to; gives its URL."""
    with started(kind, shared, BARE) as running:
        yield f"http://127.0.0.1:{running.port}"


@contextmanager
def started(
    name: str, shared: Path, module_folder: Path, *, unix: bool = False, **env: str
) -> Iterator[Running]:
    """One start of a set-up; its own files lie in a folder of its own below ``shared``."""
    own = shared / f"{name}{'-unix' if unix else ''}-{module_folder.name}"
    own.mkdir()
    own.chmod(0o777)
    env = {"MATRIX_FOLDER": str(shared), "WSGIKIT_SERVICE": "matrix", **env}
    with launch(name, own, module_folder=module_folder, env=env, unix=unix) as running:
        yield running


@contextmanager
def asked(name: str) -> Iterator[Ask]:
    """The gateway under this set-up, a second server behind it, and the client to ask it with."""
    kind = "gunicorn-gthread" if name == "waitress" else "waitress"
    with folder() as shared, second_server(kind, shared) as backend, ExitStack() as stack:
        running = stack.enter_context(started(name, shared, GATEWAY, MATRIX_BACKEND=backend))

        def by_unix_socket() -> Path:
            other = stack.enter_context(started(name, shared, GATEWAY, unix=True, MATRIX_BACKEND=backend))
            assert other.socket
            return other.socket

        yield Ask(running.port, shared, by_unix_socket if SETUPS[name].unix else None)


@contextmanager
def bare(name: str) -> Iterator[Ask]:
    """The promises with nothing around them under this set-up."""
    with folder() as shared, started(name, shared, BARE) as running:
        yield Ask(running.port, shared, base="")
