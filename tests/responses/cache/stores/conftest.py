"""Stores to test: one of each kind, and the Redis server behind one of them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wsgikit.responses.cache.stores.file import FileStore
from wsgikit.responses.cache.stores.memory import MemoryStore
from wsgikit.responses.cache.stores.redis import RedisStore


class RedisServer:
    """A redis-server on a Unix socket, which can be killed and started again, and forgets everything by that."""

    def __init__(self, program: str, folder: str) -> None:
        self.url = f"unix://{folder}/redis.sock"
        self.socket = f"{folder}/redis.sock"
        self._command = [program, "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", folder]
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            if "ready to accept connections" in line.lower():
                return
            lines.append(line)
        pytest.fail("redis-server did not start: " + "".join(lines))

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def redis_server(program: Callable[[str, str], str]) -> Iterator[RedisServer]:
    found = program("redis-server", "redis-server")
    folder = tempfile.mkdtemp(prefix="wsgikit-redis-")  # pytest's own paths are too long for a socket
    server = RedisServer(found, folder)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture(params=["memory", "file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A store of each kind, empty, which keeps bodies of up to a million bytes."""
    made: MemoryStore | FileStore | RedisStore
    if request.param == "memory":
        made = MemoryStore(max_bytes=4_000_000)
    elif request.param == "file":
        made = FileStore(tmp_path / "cache", max_bytes=4_000_000)
    else:
        url = request.getfixturevalue("redis_url")
        made = RedisStore(url, prefix=f"{os.urandom(8).hex()}:", largest=1_000_000)
    yield made
    made.close()
