from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgikit.operations.turn import Turn

HOLDS = """
import os, sys
from wsgikit.operations.turn import Turn
turn = Turn(sys.argv[1])
print(turn.take(10.0), flush=True)
if sys.argv[2:]:
    child = os.fork()  # inherits what is open, as an app's own children may
    if child:
        print(child, flush=True)
        os._exit(0)
sys.stdin.read()
"""


def holder(path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLDS, str(path), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    return process


@pytest.fixture
def turn(tmp_path: Path) -> Turn:
    return Turn(str(tmp_path / "turn"))


def test_one_process_has_it_until_it_is_killed_and_another_came(turn: Turn, tmp_path: Path) -> None:
    with holder(tmp_path / "turn") as other:
        assert not turn.take(10.0)
        turn.pass_on()
        assert not turn.take(10.0)
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert turn.take(10.0)


def test_nobody_leaves_until_a_new_process_serves(turn: Turn, tmp_path: Path) -> None:
    with holder(tmp_path / "turn") as other:
        other.communicate()
    assert not turn.take(10.0)
    turn.pass_on()
    assert turn.take(10.0)


def test_nobody_waits_for_ever_for_a_new_process(turn: Turn, tmp_path: Path) -> None:
    with holder(tmp_path / "turn") as other:
        other.communicate()
    long_ago = time.time() - 11
    assert not turn.take(10.0)
    os.utime(tmp_path / "turn", times=(long_ago, long_ago))
    assert turn.take(10.0)


def test_a_child_of_the_process_does_not_keep_it(turn: Turn, tmp_path: Path) -> None:
    with holder(tmp_path / "turn", "fork") as other:  # whose child lives on until its input ends
        other.wait()
        turn.pass_on()
        assert turn.take(10.0)


def test_a_file_that_was_removed_is_made_again(turn: Turn, tmp_path: Path) -> None:
    path = tmp_path / "turn"
    with holder(path) as other:
        assert not turn.take(10.0)
        path.unlink()
        turn.pass_on()
        assert turn.take(10.0)
        assert path.stat().st_mode & 0o777 == 0o600
        other.communicate()


def test_a_place_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "missing" / "turn")
    with pytest.raises(FileNotFoundError):
        Turn(path).take(10.0)
    Turn(path).pass_on()


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_that_somebody_has_put_there_is_left_alone(
    link: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    valuable = tmp_path / "valuable"
    valuable.write_text("data")
    link(tmp_path / "turn", valuable)
    turn = Turn(str(tmp_path / "turn"))
    turn.pass_on()
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "turn"))):
        turn.take(10.0)
    assert valuable.read_text() == "data"


def test_a_process_whose_turn_it_is_keeps_it_although_another_layer_asks(turn: Turn, tmp_path: Path) -> None:
    """A second descriptor that is closed would give up the lock of the first."""
    assert turn.take(10.0)
    second = Turn(str(tmp_path / "turn"))
    second.pass_on()
    assert not second.take(0.0)
    asks = "import sys; from wsgikit.operations.turn import Turn; print(Turn(sys.argv[1]).take(0.0))"
    asked = subprocess.run(
        [sys.executable, "-c", asks, str(tmp_path / "turn")], capture_output=True, check=True
    )
    assert asked.stdout == b"False\n"


def test_a_turn_that_was_dropped_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        assert Turn(str(tmp_path / "turn")).take(0.0)
