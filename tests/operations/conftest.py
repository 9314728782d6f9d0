"""A place of its own for what the workers of a host share."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgikit.operations import service


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where workers meet, empty, in the place of /dev/shm."""
    folder = tmp_path / "host"
    folder.mkdir()
    monkeypatch.setattr(service, "_folder", lambda: str(folder))
    monkeypatch.delenv("WSGIKIT_SERVICE", raising=False)
    return folder


class Clock:
    """Seconds since the epoch, as the test sets them."""

    def __init__(self, now: float = 1_800_000_000.123) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
