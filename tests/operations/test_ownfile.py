"""Files that workers share, in a folder where strangers may have put something in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgikit.operations.accounting import Accounting
from wsgikit.operations.hosttable import HostTable
from wsgikit.operations.ownfile import open_own
from wsgikit.operations.turn import Turn
from wsgikit.testing import call


def test_it_is_made_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    for _ in range(2):
        os.close(open_own(str(tmp_path / "file")))
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_it_is_not_made_where_that_is_not_wanted(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_own(str(tmp_path / "file"), 0)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize(
    "use",
    [
        lambda path: HostTable(path, payload=8, buckets=1, longest=60.0).hold(b"d" * 16, 1.0),
        lambda path: Turn(path).take(0.0),
    ],
    ids=["table", "turn"],
)
def test_what_is_behind_a_link_is_left_alone(
    use: Callable[[str], object], link: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    (tmp_path / "valuable").write_text("data")
    (tmp_path / "valuable").chmod(0o600)
    link(tmp_path / "file", tmp_path / "valuable")
    with pytest.raises(OSError, match="file"):
        use(str(tmp_path / "file"))
    assert (tmp_path / "valuable").read_text() == "data"


def test_the_scoreboard_writes_over_no_file_of_ours_with_another_name(host: Path) -> None:
    valuable = host / "valuable"
    valuable.touch(0o600)
    (host / f"wsgikit-{os.geteuid()}-test-scoreboard-3").hardlink_to(valuable)

    def app(environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    layer = Accounting(app, "test")
    assert call(layer).body == b"hello"
    assert layer.snapshot().total.requests == 1
    assert valuable.stat().st_size == 0


@pytest.mark.parametrize("mode", [0o644, 0o620])
def test_what_others_may_read_or_write_is_not_used(mode: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(mode)
    with pytest.raises(PermissionError, match="not a file of this user's alone"):
        open_own(str(tmp_path / "file"))


def test_what_is_refused_is_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(PermissionError):
        open_own(str(tmp_path / "file"))
    assert os.listdir("/proc/self/fd") == before
