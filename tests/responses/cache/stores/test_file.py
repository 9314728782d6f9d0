"""FileStore: what is on the disk, who may read it, and what becomes of it when things go wrong."""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
import re
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.responses.cache.stores.conftest import Clock
from tests.responses.cache.stores.storing import PAGE, content, entry, put
from tests.responses.cache.stores.test_record import Bomb
from wsgikit.responses.cache.entry import StoreError, StoreResting, new_id
from wsgikit.responses.cache.stores import file, filewriter, folder, ledger
from wsgikit.responses.cache.stores.file import FileStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(path: Path) -> FileStore:
    return FileStore(path)


def files(path: Path, kind: str = "*") -> list[Path]:
    return sorted(found for found in path.rglob(f"*.{kind}") if found.is_file())


def only(path: Path, kind: str) -> Path:
    (found,) = files(path, kind)
    return found


def taken(path: Path) -> int:
    """What the files of a store take on disk."""
    return sum(ledger.cost(found.stat().st_size) for found in [*files(path), *(path / "partial").iterdir()])


def counted(path: Path) -> int:
    with ledger.locked(f"{path}/ledger") as counts:
        return counts.total


def aged(store: FileStore, path: Path, keys: dict[str, float]) -> None:
    """Let responses have been used last so many seconds ago."""
    for key, seconds in keys.items():
        before = set(files(path))
        put(store, key, bytes(20_000))
        for new in set(files(path)) - before:
            os.utime(new, (time.time() - seconds,) * 2)


def served(store: FileStore, key: str) -> bool:
    """Whether a response is there with its body, as a hit would need it."""
    return any(content(store, found) is not None for found in store.find(key))


# Who may read it


def test_only_the_owner_may_read_or_write(store: FileStore, path: Path) -> None:
    old = os.umask(0)
    try:
        put(store, "key", tags=("a",))
        writer = store.write("long")
        writer.write(bytes(600_000))
    finally:
        os.umask(old)
    for found in [path, *path.rglob("*")]:
        mode = stat.S_IMODE(found.stat().st_mode)
        assert mode == (0o700 if found.is_dir() else 0o600), found


def test_no_key_tag_or_id_becomes_a_path(store: FileStore, path: Path) -> None:
    put(store, "../../evil", id="../../evil", tags=("../../evil",))
    names = [str(found.relative_to(path)) for found in path.rglob("*") if found.is_file()]
    assert all(re.fullmatch(r"ledger|[0-9a-f./]+(meta|body)?|tags/[0-9a-f/]+", name) for name in names)
    assert not any("evil" in str(found) for found in path.parent.rglob("*"))


def test_a_folder_that_others_may_write_to_is_refused(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(ValueError, match=r"FileStore: path=.* only its owner may write to"):
        FileStore(path)


def test_a_folder_opened_to_others_later_is_not_used(path: Path) -> None:
    store = FileStore(path)
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(StoreError, match="may be written by others"):
        store.find("key")
    with pytest.raises(StoreError, match="may be written by others"):
        store.write("key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_somebody_elses_folder_is_not_used(path: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12345)
    with pytest.raises(StoreError, match="may be written by others"):
        FileStore(path).find("key")


def test_files_that_are_not_its_own_are_left_alone(path: Path) -> None:
    (path / "ab").mkdir(parents=True, mode=0o700)
    path.chmod(0o700)
    strange = [path / "notes.txt", path / "ab" / "notes.txt", path / "ab" / "x.body"]
    for found in strange:
        found.write_bytes(b"mine")
        os.utime(found, (0, 0))
    store = FileStore(path, max_bytes=200_000)
    for number in range(30):
        put(store, str(number), bytes(20_000))
    assert [found.read_bytes() for found in strange] == [b"mine"] * 3


# Bodies


def test_a_body_is_an_open_file_at_its_beginning_and_holds_nothing_else(store: FileStore, path: Path) -> None:
    made = put(store, "key")
    body = store.body(made)
    assert body is not None
    with body:
        assert (body.tell(), os.fstat(body.fileno()).st_size) == (0, len(PAGE))
        body.seek(5)
        assert body.read() == PAGE[5:]
    assert only(path, "body").read_bytes() == PAGE


def test_who_has_a_body_open_reads_on_when_it_is_replaced_or_forgotten(store: FileStore) -> None:
    first = store.body(put(store, "key", b"first"))
    second = store.body(put(store, "key", b"second"))
    store.forget("key")
    assert first is not None
    assert second is not None
    with first, second:
        assert (first.read(), second.read()) == (b"first", b"second")


def test_what_one_process_stores_another_finds(store: FileStore, path: Path) -> None:
    made = put(store, "key")
    other = FileStore(path)
    assert other.find("key") == [made]
    assert content(other, made) == PAGE
    assert other.forget("key") == 1
    assert store.find("key") == []


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = FileStore("cache")
    monkeypatch.chdir("/")
    made = put(store, "key")
    assert FileStore(tmp_path / "cache").find("key") == [made]


# Room


def test_k20_all_its_files_stay_within_the_bound(path: Path) -> None:
    store = FileStore(path, max_bytes=1_000_000)
    for number in range(150):
        put(store, f"key {number % 100}", os.urandom(number * 200), tags=(f"t{number % 3}",))
        if number % 10 == 9:
            assert taken(path) <= 1_000_000
            assert counted(path) == taken(path)
    assert len(files(path, "body")) > 20


def test_bodies_being_written_count_too(path: Path) -> None:
    store = FileStore(path, max_bytes=4_000_000)
    writers = [store.write(str(number)) for number in range(5)]
    assert [writer.write(bytes(900_000)) for writer in writers] == [True] * 4 + [False]
    assert taken(path) <= 4_000_000
    for writer in writers:
        writer.discard()
    assert taken(path) == 0
    again = store.write("again")
    assert again.write(bytes(900_000))
    assert counted(path) == taken(path)
    again.discard()


def test_what_was_not_used_for_the_longest_goes_first(path: Path) -> None:
    store = FileStore(path, max_bytes=120_000)
    aged(store, path, {"a": 1000, "b": 3000, "c": 2000, "d": 4000})
    assert served(store, "d")
    put(store, "new", bytes(20_000))
    assert [key for key in ["a", "b", "c", "d", "new"] if served(store, key)] == ["a", "c", "d", "new"]


def test_a_hit_is_noted_once_a_minute_and_not_more(store: FileStore, path: Path) -> None:
    made = put(store, "key")
    now = time.time()
    for seconds, noted in [(30, False), (90, True), (-3600, True)]:
        for found in files(path):
            os.utime(found, (now - seconds, now - seconds))
        store.find("key")
        assert content(store, made) == PAGE
        for found in files(path):
            assert (found.stat().st_mtime != pytest.approx(now - seconds, abs=0.01)) == noted


def test_evicted_responses_leave_no_tags_behind(path: Path) -> None:
    store = FileStore(path, max_bytes=200_000)
    for number in range(40):
        put(store, str(number), bytes(20_000), tags=("all", str(number)))
    marks = [found for found in (path / "tags").rglob("*") if found.is_file()]
    assert len(marks) == 2 * len(files(path, "meta"))
    assert store.forget_tag("all") == len(files(path, "meta")) + len(marks) // 2 - len(files(path))
    assert list((path / "tags").iterdir()) == []


def test_a_store_of_more_files_than_a_sample_evicts_old_ones(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgikit.responses.cache.stores.eviction._SAMPLE", 40)
    store = FileStore(path, max_bytes=2_000_000)
    aged(store, path, {f"old {number}": 5000 for number in range(20)})
    aged(store, path, {f"young {number}": 100 for number in range(30)})
    for number in range(40):
        put(store, f"new {number}", bytes(20_000))
    assert taken(path) <= 2_000_000
    assert sum(bool(store.find(f"new {number}")) for number in range(40)) > 30


# Damage


@pytest.mark.parametrize("kind", ["meta", "body"])
def test_a_file_that_vanished_is_a_miss(store: FileStore, path: Path, kind: str) -> None:
    put(store, "key")
    only(path, kind).unlink()
    assert not served(store, "key")
    new = put(store, "key", b"new")
    assert content(store, new) == b"new"


@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_damaged_records_are_a_miss_and_removed(
    store: FileStore, path: Path, place: float, change: int
) -> None:
    made = put(store, "key", tags=("a",))
    found = only(path, "meta")
    data = bytearray(found.read_bytes())
    at = int(place * len(data))
    if data[at] == change:
        del data[at:]
    else:
        data[at] = change
    found.write_bytes(data)
    assert store.find("key") == []
    assert not found.exists()
    assert put(store, "key").id != made.id
    store.forget("key")
    for body in files(path, "body"):
        body.unlink()


@pytest.mark.parametrize("data", [b"", b"wsgikit\x01", b"<html>", pickle.dumps(Bomb())])
def test_foreign_records_are_a_miss_and_removed(store: FileStore, path: Path, data: bytes) -> None:
    put(store, "key")
    found = only(path, "meta")
    found.write_bytes(data)
    assert store.find("key") == []
    assert files(path, "meta") == []


def test_records_under_another_keys_name_are_a_miss(store: FileStore, path: Path) -> None:
    put(store, "one")
    found = only(path, "meta")
    put(store, "other")
    (other,) = set(files(path, "meta")) - {found}
    other.write_bytes(found.read_bytes())
    assert store.find("other") == []
    assert len(store.find("one")) == 1


@pytest.mark.parametrize("length", [0, len(PAGE) - 1, len(PAGE) + 1])
def test_a_body_of_another_length_is_a_miss_and_removed(store: FileStore, path: Path, length: int) -> None:
    made = put(store, "key")
    os.truncate(only(path, "body"), length)
    assert store.body(made) is None
    assert files(path, "body") == []


@pytest.fixture
def reboot(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def to(boot: str) -> None:
        for module in (file, filewriter, folder):
            monkeypatch.setattr(module, "BOOT", boot)

    return to


def test_after_a_power_cut_whole_bodies_are_used(store: FileStore, reboot: Callable[[str], None]) -> None:
    made = [
        put(store, "key", body, vary=(("x", str(n)),), received=-n)
        for n, body in enumerate([PAGE, b"", bytes(2_000_000)])
    ]
    reboot("another")
    assert store.find("key") == made
    assert content(store, made[0]) == PAGE


def test_after_a_power_cut_a_body_is_read_through_once(
    store: FileStore, path: Path, reboot: Callable[[str], None]
) -> None:
    made = put(store, "key")
    reboot("another")
    assert store.find("key") == [made]
    only(path, "body").write_bytes(bytes(len(PAGE)))  # would be noticed if it was read again
    assert store.find("key") == [made]


def test_after_a_power_cut_a_body_of_zeros_is_a_miss_and_removed(
    store: FileStore, path: Path, reboot: Callable[[str], None]
) -> None:
    put(store, "key", vary=(("x", "1"),))
    only(path, "body").write_bytes(bytes(len(PAGE)))
    whole = put(store, "key", vary=(("x", "2"),))
    reboot("another")
    assert store.find("key") == [whole]
    assert only(path, "body").read_bytes() == PAGE


def test_where_no_boot_is_named_files_are_synced(
    store: FileStore, reboot: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reboot("")
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), fsync(fd)))
    made = put(store, "key")
    assert synced[0] == len(PAGE)
    assert len(synced) == 2
    assert store.find("key") == [made]


def test_the_folder_may_be_removed_at_any_time(store: FileStore, path: Path) -> None:
    put(store, "key", tags=("a",))
    writer = store.write("long")
    writer.write(bytes(600_000))
    subprocess.run(["rm", "-r", path], check=True)
    assert store.find("key") == []
    with pytest.raises(StoreError):
        writer.commit(entry(600_000))
    made = put(store, "key", tags=("a",))
    assert store.find("key") == [made]
    assert store.forget_tag("a") == 1


@pytest.mark.parametrize("damage", [b"", b"x", bytes(8 * 300), None])
def test_a_ledger_that_was_damaged_is_made_anew(store: FileStore, path: Path, damage: bytes | None) -> None:
    put(store, "key")
    if damage is None:
        (path / "ledger").unlink()
    else:
        (path / "ledger").write_bytes(damage)
    put(store, "other", tags=("a",))
    assert counted(path) == taken(path)


def test_what_was_counted_too_high_by_a_kill_is_put_right_when_room_is_needed(path: Path) -> None:
    store = FileStore(path, max_bytes=1_000_000)
    made = put(store, "key")
    with ledger.locked(f"{path}/ledger") as counts:
        for shard in range(ledger.SHARDS + 1):
            counts.add(shard, 100_000)
    new = put(store, "new", bytes(100_000))
    assert counted(path) == taken(path)
    assert (store.find("key"), store.find("new")) == ([made], [new])


# Others


def test_leftovers_of_the_dead_are_removed_and_those_at_work_are_not(store: FileStore, path: Path) -> None:
    put(store, "key")
    (path / "partial" / "left").write_bytes(bytes(50_000))
    writer = store.write("long")
    writer.write(bytes(600_000))
    fresh = FileStore(path)
    put(fresh, "other")
    assert len(list((path / "partial").iterdir())) == 1
    assert counted(path) == taken(path)
    made = entry(600_000)
    assert writer.commit(made)
    assert content(fresh, made) == bytes(600_000)


def test_a_hit_takes_no_lock(store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_PATIENCE", 0.05)
    made = put(store, "key")
    with (path / "ledger").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert store.find("key") == [made]
        assert content(store, made) == PAGE


def test_a_lock_that_is_never_given_back_is_a_store_error(
    store: FileStore, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "monotonic", clock)
    monkeypatch.setattr(ledger, "_PATIENCE", 0.05)
    made = put(store, "key")
    writer = store.write("new")
    writer.write(PAGE)
    with (path / "ledger").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="locked by another for"):
            writer.commit(entry())
        with pytest.raises(StoreResting):  # who comes next does not wait
            store.forget("key")
        assert store.find("new") == []
        assert store.find("key") == [made]
    clock.now += 1
    put(store, "new")


def test_a_forked_child_that_drops_a_writer_leaves_the_parents_file(store: FileStore) -> None:
    writer: Any = store.write("key")
    writer.write(bytes(600_000))
    pid = os.fork()
    if pid == 0:
        writer = None
        os._exit(0)
    os.waitpid(pid, 0)
    made = entry(600_000)
    assert writer.commit(made)
    assert content(store, made) == bytes(600_000)


# The disk is full


FULL = """
import resource, sys
from tests.responses.cache.stores.storing import content, entry, put
from wsgikit.responses.cache.entry import StoreError
from wsgikit.responses.cache.stores.file import FileStore

store = FileStore(sys.argv[1])
old = put(store, "key", b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for size in (150_000, 600_000):
    writer = store.write("key")
    try:
        writer.write(bytes(size))
        writer.commit(entry(size))
    except StoreError as error:
        print(error)
    assert not writer.commit(entry(size))
    assert store.find("key") == [old]
    assert content(store, old) == b"old"
put(store, "small", b"small")
"""


def test_a_disk_that_takes_no_more_is_a_store_error_and_keeps_what_it_has(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], cwd=Path(__file__).parents[4], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("File too large") == 2
    assert list((path / "partial").iterdir()) == []
    put(FileStore(path), "new")


@pytest.mark.parametrize("call", ["open", "write", "rename", "ftruncate", "pwrite"])
@pytest.mark.parametrize("turn", range(5))
def test_whichever_call_finds_the_disk_full_no_half_response_is_seen(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch, call: str, turn: int
) -> None:
    old = put(store, "key", b"old", tags=("a",))
    real = getattr(os, call)
    left = [turn]

    def full(*args: Any, **kwargs: Any) -> Any:
        writes = call != "open" or (len(args) > 1 and args[1] & os.O_CREAT)
        if writes:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    new = entry(tags=("b",))
    writer = store.write("key")
    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        try:
            writer.write(PAGE)
            kept = writer.commit(new)
        except StoreError as error:
            assert "No space left" in str(error)  # noqa: PT017 - it need not come for each call at each turn
            kept = False
    found = store.find("key")
    assert found in ([old], [new])
    assert new in found or not kept
    assert content(store, found[0]) == (b"old" if found == [old] else PAGE)
    assert list((path / "partial").iterdir()) == []
    made = put(store, "key", b"later", tags=("b",))
    assert store.find("key") == [made]
    assert store.forget_tag("b") == 1


def test_running_out_of_descriptors_is_a_store_error(store: FileStore) -> None:
    made = put(store, "key")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        with pytest.raises(StoreError, match="Too many open files"):
            store.find("key")
        with pytest.raises(StoreError, match="Too many open files"):
            store.body(made)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# Options


def test_it_shows_its_options(path: Path) -> None:
    store = FileStore(str(path), max_bytes="1MiB")
    assert repr(store) == f"FileStore(path={str(path)!r}, max_bytes='1MiB')"
    assert (store.path, store.max_bytes, store.largest) == (str(path), "1MiB", 2**18)
    assert not path.exists()  # it may be built as root, before the server gives that up


@pytest.mark.parametrize(
    ("wrong", "kind"), [("", ValueError), (__file__, ValueError), (b"/tmp", TypeError), (None, TypeError)]
)
def test_a_path_that_will_not_do_is_refused(wrong: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"FileStore: path=.* will not do: a folder"):
        FileStore(wrong)


@pytest.mark.parametrize("size", [0, -1, "much"])
def test_a_size_that_will_not_do_is_refused(path: Path, size: Any) -> None:
    with pytest.raises(ValueError, match=r"FileStore: max_bytes=.* will not do"):
        FileStore(path, max_bytes=size)


def test_ids_are_not_given_twice() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
