"""A set-up, where it is started, and what is running then."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.launch.needs import Need
from tests.servers.launch.ports import Place, awaited, free_port
from tests.servers.launch.processes import group, peak

ROOT = Path(__file__).parents[3]


@dataclass
class Site:
    """Where a server is started: a folder for whatever it writes, and the folder whose ``wsgi.py`` it serves."""

    folder: Path
    module_folder: Path
    env: dict[str, str] = field(default_factory=dict)
    unix: bool = False
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.place = Place(path=self.folder / "http.sock") if self.unix else Place(free_port())

    @property
    def output(self) -> Path:
        """The file for the words of every process."""
        return self.folder / "output"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every process: ours, with the app's folder first among the modules."""
        modules = os.pathsep.join([str(self.module_folder), str(ROOT)])
        ours = {**os.environ, "PYTHONPATH": modules, "PYTHONUNBUFFERED": "1"}
        ours.pop("PYTHONWARNINGS", None)  # flup uses what is deprecated: that is not for our tests to judge
        return {**ours, **self.env}


@dataclass
class Running:
    """A server that is up: where it listens, which processes it is, and what it has written.

    ``port`` is 0 where it listens on ``socket`` instead; ``behind`` is the process that a gateway hands requests to.
    """

    name: str
    process: subprocess.Popen[bytes]
    output: Path
    port: int = 0
    socket: Path | None = None
    behind: subprocess.Popen[bytes] | None = None

    def pids(self) -> list[int]:
        """The server's processes and those they have forked."""
        return [pid for process in (self.process, self.behind) if process for pid in group(process.pid)]

    def peak_memory(self) -> int:
        """The largest resident size, in KiB, that any of the processes has had so far."""
        return max(peak(pid) for pid in self.pids())

    @property
    def access_log(self) -> Path:
        """Where an app that keeps a log is told to write it."""
        return self.output.with_name("access.log")

    def log_line(self, part: str) -> str:
        """The access log's line that holds ``part``, as soon as it is there."""
        return awaited(
            lambda: next((line for line in self.log_lines() if part in line), ""), f"line with {part!r}"
        )

    def log_lines(self) -> list[str]:
        """The access log so far."""
        return self.access_log.read_text().splitlines() if self.access_log.exists() else []


@dataclass(frozen=True)
class Setup:
    """A way to serve an app, by its name in the table."""

    name: str
    title: str
    start: Callable[[Site], AbstractContextManager[Running]]
    needs: tuple[Need, ...]
    unix: bool = False

    @property
    def versions(self) -> str:
        """What it is made of here, as ``nginx 1.22.1, flup 1.0.3``."""
        return ", ".join(filter(None, (need.version() for need in self.needs)))

    def missing(self) -> str:
        """Why it cannot be started here; empty if it can."""
        return "; ".join(filter(None, (need.missing() for need in self.needs)))
