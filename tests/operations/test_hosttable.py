"""The table that processes share: what it remembers, what it forgets, and whom it lets in."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.operations import hosttable
from wsgikit.operations.hosttable import WAYS, HostTable

NOW = 1000.0
PAYLOAD = 8
Make = Callable[..., HostTable]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(**options: Any) -> HostTable:
        defaults = {"payload": PAYLOAD, "buckets": 1, "longest": 100.0}
        return HostTable(str(tmp_path / "table"), **{**defaults, **options})

    return made


def digest(number: int) -> bytes:
    return number.to_bytes(4, "little") + b"d" * 12


def put(table: HostTable, number: int, expiry: float, text: bytes = b"payload!", now: float = NOW) -> None:
    with table.hold(digest(number), now) as record:
        record.put(expiry, text)


def get(table: HostTable, number: int, now: float = NOW) -> bytes:
    with table.hold(digest(number), now) as record:
        assert (record.expiry, record.payload) == table.peek(digest(number), now)
        return record.payload


def test_a_record_is_there_until_it_expires(make: Make) -> None:
    table = make()
    assert get(table, 1) == b""
    put(table, 1, NOW + 10)
    assert get(table, 1) == b"payload!"
    assert get(table, 2) == b""
    assert get(table, 1, NOW + 9.999) == b"payload!"
    assert get(table, 1, NOW + 10) == b""


def test_another_table_on_the_same_file_sees_it_at_once(make: Make) -> None:
    put(make(), 1, NOW + 10)
    assert get(make(), 1) == b"payload!"


def test_a_record_from_before_the_clock_was_set_back_has_expired(make: Make) -> None:
    table = make(longest=100.0)
    put(table, 1, NOW + 100)
    assert get(table, 1, NOW - 1) == b""


def test_a_full_bucket_gives_up_what_would_expire_first(make: Make) -> None:
    table = make()
    for number in range(WAYS):
        put(table, number, NOW + 50 - number)
    put(table, 99, NOW + 60)
    assert [get(table, number) for number in range(WAYS)] == [b"payload!"] * 7 + [b""]
    assert get(table, 99) == b"payload!"


def test_an_expired_record_goes_before_a_live_one(make: Make) -> None:
    table = make()
    put(table, 0, NOW + 90)  # from before the clock was set back
    for number in range(1, WAYS):
        put(table, number, NOW - 50, now=NOW - 100)
    put(table, 99, NOW - 40, now=NOW - 100)
    assert [number for number in range(WAYS) if not get(table, number, NOW - 100)] == [0]


def test_the_file_does_not_grow_beyond_its_records(make: Make) -> None:
    table = make(buckets=4)
    for number in range(1000):
        put(table, number, NOW + 10)
    assert Path(table.path).stat().st_size <= 4 * WAYS * (24 + PAYLOAD)


def test_an_error_inside_gives_the_lock_back(make: Make) -> None:
    table = make()
    with pytest.raises(KeyError), table.hold(digest(1), NOW):
        raise KeyError
    put(table, 1, NOW + 10)


def test_clear_forgets_everything(make: Make) -> None:
    table = make()
    put(table, 1, NOW + 10)
    table.clear()
    assert get(table, 1) == b""


def test_a_truncated_file_is_an_empty_table(make: Make) -> None:
    table = make()
    put(table, 1, NOW + 10)
    os.truncate(table.path, 24)  # a head that is whole, without its payload
    assert get(table, 1) == bytes(PAYLOAD)
    os.truncate(table.path, 0)
    assert get(table, 1) == b""
    put(table, 1, NOW + 10)
    assert get(table, 1) == b"payload!"


def test_a_file_that_was_removed_is_made_anew(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosttable, "_RECHECK", 0.0)
    table, other = make(), make()
    put(table, 1, NOW + 10)
    os.unlink(table.path)
    put(other, 1, NOW + 10, b"another!")
    assert get(table, 1) == b"another!"


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.floats(0, 30), st.floats(1, 99), st.binary(min_size=8, max_size=8)),
        max_size=60,
    )
)
def test_it_never_gives_what_was_not_put(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float, float, bytes]]
) -> None:
    """It may forget where a bucket is full, and only there."""
    table = HostTable(str(tmp_path_factory.mktemp("t") / "table"), payload=8, buckets=4, longest=100.0)
    model: dict[int, tuple[float, bytes]] = {}
    now = NOW
    for number, later, lives, text in steps:
        now += later
        put(table, number, now + lives, text, now)
        model[number] = (now + lives, text)
        for known, (expiry, put_there) in model.items():
            alive = [n for n, (until, _) in model.items() if until > now and n % 4 == known % 4]
            found = get(table, known, now)
            assert found in ((b"", put_there) if expiry > now else (b"",))
            if expiry > now and len(alive) <= WAYS and len({n for n in model if n % 4 == known % 4}) <= WAYS:
                assert found == put_there


# ---- strangers in a folder that everybody may write to


def test_the_file_is_for_its_owner_alone(make: Make) -> None:
    table = make()
    put(table, 1, NOW + 10)
    assert Path(table.path).stat().st_mode & 0o777 == 0o600


def test_a_link_is_not_followed(make: Make, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "table").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="table"):
        put(make(), 1, NOW + 10)
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_file_of_another_user_is_not_used(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table").touch()
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    with pytest.raises(PermissionError, match="not a file of this user's"):
        put(make(), 1, NOW + 10)


def test_what_is_no_file_is_not_used(make: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table")
    with pytest.raises(PermissionError, match="not a file of this user's"):
        put(make(), 1, NOW + 10)


# ---- one at a time

COUNT = """
import sys
from struct import Struct
from wsgikit.operations.hosttable import HostTable

path, times = sys.argv[1], int(sys.argv[2])
table, number = HostTable(path, payload=8, buckets=1, longest=1e12), Struct("<Q")
sys.stdin.readline()
for _ in range(times):
    with table.hold(b"d" * 16, 1.0) as record:
        count = number.unpack(record.payload)[0] if record.payload else 0
        record.put(1e9, number.pack(count + 1))
print("done", flush=True)
"""


def counter(table: HostTable, times: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COUNT, table.path, str(times)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def count_of(table: HostTable) -> int:
    return int.from_bytes(table.peek(b"d" * 16, 1.0)[1], "little")


def test_eight_processes_count_exactly(make: Make) -> None:
    table = make(longest=1e12)
    workers = [counter(table, 500) for _ in range(8)]
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        assert worker.communicate(timeout=60)[0] == "done\n"
    assert count_of(table) == 8 * 500


def test_eight_threads_count_exactly(make: Make) -> None:
    table = make(longest=1e12)

    def work() -> None:
        for _ in range(200):
            with table.hold(b"d" * 16, 1.0) as record:
                count = int.from_bytes(record.payload, "little")
                record.put(1e9, (count + 1).to_bytes(8, "little"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert count_of(table) == 8 * 200


def test_processes_that_are_killed_at_work_leave_a_table_that_works(make: Make) -> None:
    table = make(longest=1e12)
    for _ in range(5):
        worker = counter(table, 10**9)
        assert worker.stdin
        before = count_of(table)
        worker.stdin.write("go\n")
        worker.stdin.flush()
        while count_of(table) < before + 20:
            pass
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    with table.hold(b"d" * 16, 1.0) as record:
        assert record.payload
    last = counter(table, 10)
    before = count_of(table)
    assert last.communicate("go\n", timeout=60)[0] == "done\n"
    assert count_of(table) == before + 10


def test_a_lock_that_is_never_given_back_is_an_error_and_no_hang(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosttable, "_PATIENCE", 0.01)
    table = make()
    put(table, 1, NOW + 10)
    with open(table.path, "rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="locked by another process"):
            put(table, 1, NOW + 10)
        assert table.peek(digest(1), NOW)[1] == b"payload!"  # who only looks does not wait
    put(table, 1, NOW + 10)
    with table.hold(digest(1), NOW), pytest.raises(TimeoutError, match="locked by another thread"):
        put(table, 2, NOW + 10)


def test_a_dropped_table_closes_its_file(make: Make) -> None:
    table = make()
    put(table, 1, NOW + 10)
    fd = table._opened().fd
    os.fstat(fd)
    del table
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
