"""A server's processes: started in a group of their own, waited for, and stopped with all that they forked."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.launch.ports import Place, awaited, serving

# Seconds that a server has to end by itself. Some wait for connections that clients keep, and gunicorn and uWSGI for a
# worker that was not there yet when they were told.
GRACE = 3.0


@contextmanager
def started(
    words: Sequence[str], place: Place, output: Path, *, cwd: Path, env: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that serves at ``place``, in a group of its own, until it is stopped with all that it forked."""
    with output.open("ab") as written:
        process = subprocess.Popen(
            words, cwd=cwd, env=env, stdout=written, stderr=written, start_new_session=True
        )
    try:
        awaited_from(process, output, lambda: serving(place, process, output), f"server at {place}")
        yield process
    finally:
        stop(process)


def awaited_from(process: subprocess.Popen[bytes], output: Path, look: Callable[[], str], what: str) -> None:
    """Wait as ``awaited`` does, and tell what the process has written if there is nothing to be found."""
    try:
        awaited(look, what)
    except AssertionError as error:
        if process.poll() is None:  # otherwise it is said already
            error.add_note(output.read_text())
        raise


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and, if it was started in a group of its own, what it forked."""
    process.terminate()
    try:
        process.wait(timeout=GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
    try:  # workers outlive the first process of a uWSGI without a master, and of others that are killed
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    awaited(lambda: "" if group(process.pid) else "yes", f"end of the processes of {process.args!r}")


def group(leader: int) -> list[int]:
    """The living processes of the group that ``leader`` leads, itself first."""
    living = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:  # proc(5): what follows the name, which may hold anything
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        state, of, threads = fields[0], int(fields[2]), int(fields[17])
        # A killed process is a zombie when its first thread is; the others still listen.
        if of == leader and (state != "Z" or threads > 1):
            living.append(int(stat.parent.name))
    return sorted(living)


def peak(pid: int) -> int:
    """VmHWM of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
