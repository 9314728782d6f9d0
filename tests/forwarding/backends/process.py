"""Backends in processes of their own, which can be killed, frozen, and started again where they were."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Self

PROGRAM = Path(__file__).with_name("program.py")


class Counts(NamedTuple):
    """What a backend has seen since it was started; ``checks`` came before the first request, and are none."""

    connections: int
    open: int
    requests: int
    checks: int


class BackendProcess:
    """A backend at one port, up or not: used as a context manager it is up to begin with, and gone in the end."""

    def __init__(self, certificate: Path | None = None) -> None:
        # Bound and never listening, this keeps the port for us: who connects while the process is gone is refused.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port: int = self._place.getsockname()[1]
        self.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self.port}"
        self._options = [] if certificate is None else [str(certificate)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._place.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Bring it up; it listens when this returns."""
        command = [sys.executable, "-I", "-S", str(PROGRAM), str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._line() == b"listening\n"

    def kill(self) -> None:
        """End it without a word; its connections end with it."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            with self._process:
                self._process = None

    def freeze(self) -> None:
        """Stop it: the kernel goes on to accept connections, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def counts(self, *, once_open_are: int = 1 << 30) -> Counts:
        """What it has counted, as soon as no more connections than that are open; after a while, in any case."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % once_open_are)
        self._process.stdin.flush()
        return Counts(**json.loads(self._line()))

    def _line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline()
