"""MemoryStore: what it takes, what goes first, and whose it is."""

from __future__ import annotations

import gc
import os
import threading
import tracemalloc
from typing import Any

import pytest

from tests.responses.cache.stores.storing import PAGE, entry, put
from wsgikit.responses.cache.stores.memory import MemoryStore


def kept(store: MemoryStore, keys: list[str]) -> list[str]:
    """Which keys are held, without asking for them in the way that counts."""
    held = store._shelf.get()._entries
    return [key for key in keys if key in held]


@pytest.mark.parametrize("size", [10, 3000, 50_000])
def test_k20_all_it_holds_stays_within_the_bound_heads_included(size: int) -> None:
    store = MemoryStore("4MiB")
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(3000 if size < 50_000 else 200):
            headers = [(f"X-{name}-{number}", f"value {number}") for name in "abcdef"]
            body = bytes(size) + b"%d" % number
            put(store, f"https://example.org/{number}", body, headers=headers, tags=(f"t{number}", "all"))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken <= 4 * 2**20
    assert taken > 3 * 2**20  # it does not count far too much either


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    store = MemoryStore(100_000)
    keys = [f"key {number}" for number in range(4)]
    for key in keys:
        put(store, key, bytes(20_000))
    store.find(keys[0])
    put(store, "new", bytes(20_000))
    assert kept(store, [*keys, "new"]) == [keys[0], keys[2], keys[3], "new"]


def test_of_one_key_the_oldest_variants_go_first() -> None:
    store = MemoryStore(100_000)
    made = [put(store, "key", bytes(24_000), vary=(("accept", str(n)),), received=n) for n in range(5)]
    assert store.find("key") == made[:1:-1]
    assert store.body(made[0]) is None


def test_the_body_of_one_chunk_is_that_chunk() -> None:
    store = MemoryStore()
    made = put(store, "key", PAGE)
    assert store.body(made) is PAGE


def test_a_body_of_many_chunks_is_one_object_at_each_hit() -> None:
    store = MemoryStore()
    writer = store.write("key")
    for byte in b"body":
        writer.write(bytes([byte]))
    made = entry(4)
    writer.commit(made)
    assert store.body(made) == b"body"
    assert store.body(made) is store.body(made)


def test_bodies_being_written_count_too() -> None:
    store = MemoryStore(100_000)
    writers: list[Any] = [store.write(str(number)) for number in range(5)]
    assert [writer.write(bytes(20_000)) for writer in writers] == [True] * 5
    late = store.write("late")
    assert not late.write(b"x")
    assert not late.commit(entry(1))
    writers[0].discard()
    writers[1] = None  # dropped without a word
    gc.collect()
    again = store.write("again")
    assert again.write(bytes(20_000))
    made = entry(20_000)
    assert again.commit(made)
    assert store.find("again") == [made]


def test_what_is_being_written_pushes_out_what_is_not_asked_for() -> None:
    store = MemoryStore(100_000)
    keys = [f"key {number}" for number in range(4)]
    for key in keys:
        put(store, key, bytes(20_000))
    writer = store.write("new")
    assert writer.write(bytes(24_000))
    assert kept(store, keys) == keys[1:]


def test_a_head_too_large_for_the_store_is_not_kept() -> None:
    store = MemoryStore(10_000)
    writer = store.write("key")
    assert writer.write(b"small")
    assert not writer.commit(entry(5, headers=[("X-Large", "x" * 10_000)]))
    assert store.find("key") == []
    put(store, "key", b"small")


def test_nothing_is_counted_once_all_is_forgotten() -> None:
    """What is added must be what is taken away, or the store shrinks with its years."""
    store = MemoryStore()
    for number in range(50):
        made = put(store, f"key {number % 7}", tags=("a", "a", str(number)), vary=(("x", str(number % 3)),))
        store.freshen(f"key {number % 7}", entry(id=made.id, tags=("b",), received=float(number)))
        store.write("dropped").write(PAGE)
    store.forget_tag("b")
    store.forget_tag("a")
    for number in range(7):
        store.forget(f"key {number}")
    shelf = store._shelf.get()
    assert shelf.reserve(0)  # takes back what dropped writers held
    assert (shelf._used, shelf.bodies, dict(shelf._entries), shelf._tagged) == (0, {}, {}, {})


def test_a_writer_that_a_collector_ends_amid_a_find_does_not_wait_for_itself() -> None:
    store = MemoryStore()
    writer: Any = store.write("key")
    writer.write(PAGE)
    done = threading.Event()

    def work() -> None:
        nonlocal writer
        with store._shelf.get()._lock:
            writer = None
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(10)


def test_each_process_has_its_own() -> None:
    store = MemoryStore()
    put(store, "key")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if store.find("key") == [] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_closing_gives_the_memory_back() -> None:
    store = MemoryStore()
    made = put(store, "key")
    store.close()
    assert store.find("key") == []
    assert store.body(made) is None


def test_it_shows_its_options() -> None:
    assert repr(MemoryStore("1MiB")) == "MemoryStore(max_bytes='1MiB')"
    assert MemoryStore("1MiB").max_bytes == "1MiB"
    assert MemoryStore().largest == 16 * 2**20


@pytest.mark.parametrize("size", [0, -1, "much", "0"])
def test_a_size_that_will_not_do_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match=r"MemoryStore: max_bytes=.* will not do"):
        MemoryStore(size)


def test_a_size_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"MemoryStore: max_bytes=1\.5 \(float\)"):
        MemoryStore(1.5)  # type: ignore[arg-type]
