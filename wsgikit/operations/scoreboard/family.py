"""Which start of a service a worker belongs to."""

from __future__ import annotations

import os
from hashlib import blake2b


def family() -> int:
    """A number for what forks the workers: those that come later in one start of a service have the same.

    It is made of the parent and the process group, each with the time it was started at. A server that forks is the
    parent of its workers; one that does not is given a process group of its own by shells and supervisors.
    """
    members = [(pid, _started(pid)) for pid in (os.getppid(), os.getpgrp())]
    return int.from_bytes(blake2b(repr(members).encode(), digest_size=7).digest(), "little")


def _started(pid: int) -> bytes:
    """When a process was started, in the kernel's own count, which tells it from others that have had its number."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[19]  # proc_pid_stat(5): starttime
    except (OSError, IndexError):
        return b""
