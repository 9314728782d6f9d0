"""A FileStore under eight writers that are killed at random moments, and readers that look at every body."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.responses.cache.stores.hammer import BOUND, KEYS, check
from tests.responses.cache.stores.storing import put
from tests.responses.cache.stores.test_file import counted, taken
from wsgikit.responses.cache.stores.file import FileStore

WRITERS = 8
KILLS = 16
ROOT = Path(__file__).parents[4]


def hammer(job: str, folder: Path, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.responses.cache.stores.hammer", job, folder, str(seed)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate()
    return process.returncode, said


def kill(writer: subprocess.Popen[str], steps: int) -> None:
    """Kill a writer that has done so many steps, wherever in a later one it is."""
    assert writer.stdout is not None
    for _ in range(steps):
        assert writer.stdout.readline() == ".\n", ended(writer)
    writer.send_signal(signal.SIGKILL)
    assert ended(writer) == (-signal.SIGKILL, "")


def test_writers_killed_at_any_moment_leave_no_wrong_body_and_the_bound_holds(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    chance = random.Random(5)
    readers = [hammer("read", folder, seed) for seed in range(2)]
    writers = [hammer("write", folder, seed) for seed in range(WRITERS)]
    for number in range(KILLS):
        kill(writers.pop(chance.randrange(WRITERS)), chance.randrange(1, 12))
        writers.append(hammer("write", folder, WRITERS + number))
    for writer in writers:
        kill(writer, chance.randrange(1, 12))
    assert [ended(reader) for reader in readers] == [(0, "")] * len(readers)
    reopened = FileStore(folder, max_bytes=BOUND)
    put(reopened, "new", os.urandom(1000))  # the first to write removes what the dead have left
    assert list((folder / "partial").iterdir()) == []
    assert taken(folder) <= counted(folder) <= BOUND
    assert sum(check(reopened, f"key {number}") for number in range(KEYS)) > 0
