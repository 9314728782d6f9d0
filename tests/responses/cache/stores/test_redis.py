"""RedisStore: a real server, what is in it, and what becomes of requests when it dies, hangs or is full."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.responses.cache.stores.conftest import Clock, RedisServer
from tests.responses.cache.stores.storing import PAGE, content, entry, put
from tests.responses.cache.stores.test_record import Bomb
from wsgikit.responses.cache.entry import StoreError, StoreResting
from wsgikit.responses.cache.stores import redisserver
from wsgikit.responses.cache.stores.record import packed
from wsgikit.responses.cache.stores.redis import RedisStore


@pytest.fixture(autouse=True)
def stopped(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redisserver, "monotonic", clock)


@pytest.fixture
def make(redis_url: str) -> Iterator[Callable[..., RedisStore]]:
    """Makes stores of one prefix, which no other test has."""
    prefix = os.urandom(8).hex()
    made: list[RedisStore] = []

    def make(**options: Any) -> RedisStore:
        made.append(RedisStore(redis_url, **{"prefix": prefix, "timeout": 5, **options}))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make: Callable[..., RedisStore]) -> RedisStore:
    return make()


def client(store: RedisStore) -> Any:
    return store._server._live.get().client


def keys(store: RedisStore, kind: str = "") -> list[bytes]:
    return sorted(client(store).keys(f"{store.prefix}{kind}*"))


# What is in it


def test_what_one_host_stores_another_finds(make: Callable[..., RedisStore]) -> None:
    made = put(make(), "key")
    other = make()
    assert other.find("key") == [made]
    assert other.body(made) == PAGE


def test_another_prefix_is_another_store(make: Callable[..., RedisStore]) -> None:
    put(make(), "key", tags=("a",))
    other = make(prefix="other:")
    assert other.find("key") == []
    assert other.forget_tag("a") == 0


def test_a_body_is_fetched_only_when_it_is_asked_for(store: RedisStore) -> None:
    (made,) = [put(store, "key")]
    (body,) = keys(store, "body:")
    client(store).delete(body)
    assert store.find("key") == [made]
    assert store.body(made) is None


def test_whatever_is_stored_expires(make: Callable[..., RedisStore]) -> None:
    store = make(ttl="10m")
    made = put(store, "key", tags=("a", "b"))
    for key in keys(store):
        client(store).expire(key, 5)
    store.freshen("key", entry(id=made.id, tags=("a", "b", "c")))
    assert len(keys(store)) == 5
    for key in keys(store):
        assert 590 < client(store).ttl(key) <= 660


def test_nothing_is_left_once_all_is_forgotten(store: RedisStore) -> None:
    for number in range(20):
        put(store, f"key {number % 5}", tags=("all", str(number)), vary=(("x", str(number % 2)),))
    assert store.forget_tag("all") == 10
    assert keys(store, "meta:") == keys(store, "body:") == []


def test_two_at_once_with_the_same_vary_leave_one(make: Callable[..., RedisStore]) -> None:
    start = threading.Barrier(4)

    def commit() -> None:
        store = make()
        start.wait()
        for _ in range(20):
            put(store, "key")

    threads = [threading.Thread(target=commit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = make()
    (found,) = store.find("key")
    assert store.body(found) == PAGE
    assert len(keys(store, "body:")) == 1


# Damage


def test_foreign_values_are_a_miss_and_removed(store: RedisStore) -> None:
    put(store, "key")
    (meta,) = keys(store, "meta:")
    known = client(store).get(meta)
    evil = entry(headers=[("X-A", "b\r\nSet-Cookie: c=d")])
    values = [b"", b"<html>", pickle.dumps(Bomb()), known[:-1], known + b"x"]
    for value in [*values, packed([meta.rpartition(b":")[2].decode(), [evil]])]:
        client(store).set(meta, value)
        assert store.find("key") == []
        assert not client(store).exists(meta)


@pytest.mark.parametrize("kind", ["meta:", "body:"])
def test_a_value_of_another_type_is_a_miss_and_removed(store: RedisStore, kind: str) -> None:
    made = put(store, "key")
    (key,) = keys(store, kind)
    client(store).delete(key)
    client(store).lpush(key, "a list")
    if kind == "meta:":
        assert store.find("key") == []
    else:
        assert store.body(made) is None
    assert not client(store).exists(key)


@pytest.mark.parametrize("action", ["put", "forget"])
def test_a_value_of_another_type_is_replaced_or_removed(store: RedisStore, action: str) -> None:
    put(store, "key")
    (key,) = keys(store, "meta:")
    client(store).delete(key)
    client(store).lpush(key, "a list")
    if action == "put":
        made = put(store, "key")
        assert store.find("key") == [made]
    else:
        assert store.forget("key") == 0
        assert not client(store).exists(key)


def test_entries_under_another_keys_name_are_a_miss(store: RedisStore) -> None:
    put(store, "one")
    (one,) = keys(store, "meta:")
    put(store, "other")
    (other,) = set(keys(store, "meta:")) - {one}
    client(store).copy(one, other, replace=True)
    assert store.find("other") == []
    assert len(store.find("one")) == 1


@pytest.mark.parametrize("body", [b"", PAGE[:-1], PAGE + b"x"])
def test_a_body_of_another_length_is_a_miss_and_removed(store: RedisStore, body: bytes) -> None:
    made = put(store, "key")
    (key,) = keys(store, "body:")
    client(store).set(key, body)
    assert store.body(made) is None
    assert keys(store, "body:") == []


# A server that fails


def test_a_server_that_was_killed_is_a_store_error_and_found_again(
    store: RedisStore, redis_server: RedisServer, clock: Clock
) -> None:
    made = put(store, "key")
    writer = store.write("key")
    writer.write(PAGE)
    redis_server.kill()
    try:
        with pytest.raises(StoreError, match="redis: "):
            store.find("key")
        for ask in (
            lambda: store.find("key"),
            lambda: store.body(made),
            lambda: writer.commit(entry()),
            lambda: store.freshen("key", made),
            lambda: store.forget("key"),
            lambda: store.forget_tag("a"),
        ):
            with pytest.raises(StoreResting):
                ask()
        clock.now += 1
        with pytest.raises(StoreError, match="redis: "):
            store.body(made)
    finally:
        redis_server.start()
    clock.now += 1
    assert store.find("key") == []
    new = put(store, "key")
    assert store.find("key") == [new]


def test_a_server_that_hangs_costs_one_request_a_second(
    make: Callable[..., RedisStore], redis_server: RedisServer, clock: Clock
) -> None:
    store = make(timeout="50ms")
    made = put(store, "key")
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            with pytest.raises(StoreError, match="Timeout"):
                store.find("key")
            for _ in range(100):
                with pytest.raises(StoreResting):
                    store.find("key")
            clock.now += 1
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
    assert make().find("key") == [made]  # it has caught up
    assert store.find("key") == [made]


def test_after_the_rest_one_finds_out_for_all(
    store: RedisStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = store._server._live.get()
    live.failed, live.again = True, clock.now
    asked, answered = threading.Event(), threading.Event()

    def get(key: str) -> None:
        asked.set()
        answered.wait(10)

    monkeypatch.setattr(live.client, "get", get)
    first = threading.Thread(target=store.find, args=("key",))
    first.start()
    assert asked.wait(10)
    with pytest.raises(StoreResting):
        store.find("key")
    answered.set()
    first.join()
    assert store.find("key") == []


def test_threads_whose_server_dies_in_mid_run_see_store_errors_and_no_wrong_body(
    make: Callable[..., RedisStore], redis_server: RedisServer, clock: Clock
) -> None:
    store = make()
    wrong: list[object] = []
    failed, over = threading.Event(), threading.Event()

    def work(number: int) -> None:
        while not over.is_set():
            clock.now += 1  # no rest
            made = entry(3200, vary=(("accept", str(number % 2)),))
            try:
                writer = store.write("key")
                writer.write(made.id.encode() * 100)
                writer.commit(made)
                for found in store.find("key"):
                    body = content(store, found)
                    if body not in (None, found.id.encode() * 100):
                        wrong.append((found, body))
            except StoreError:
                failed.set()
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            failed.clear()
            redis_server.kill()
            assert failed.wait(10)
            redis_server.start()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    clock.now += 1
    made = put(store, "key")
    assert made in store.find("key")


def test_a_server_that_is_full_is_a_store_error_and_still_read(store: RedisStore) -> None:
    made = put(store, "key")
    client(store).config_set("maxmemory", 1)
    try:
        writer = store.write("new")
        writer.write(PAGE)
        with pytest.raises(StoreError, match="maxmemory"):
            writer.commit(entry())
        assert store.find("key") == [made]
        assert store.body(made) == PAGE
    finally:
        client(store).config_set("maxmemory", 0)
    put(store, "new")


def test_a_server_that_is_not_there_is_a_store_error() -> None:
    store = RedisStore("unix:///nowhere/redis.sock")
    with pytest.raises(StoreError, match="redis: "):
        store.find("key")


def test_a_forked_child_has_its_own_connections(store: RedisStore) -> None:
    made = put(store, "key")
    mine = client(store)
    pid = os.fork()
    if pid == 0:
        own = client(store) is not mine and store.find("key") == [made]
        os._exit(0 if own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.find("key") == [made]


# Options


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://user:se:cr@et@host", "rediss://user:***@host"),
        ("unix://user:secret@/run/redis.sock?db=1", "unix://user:***@/run/redis.sock?db=1"),
        ("redis://host/0?password=secret&db=1", "redis://host/0?password=***&db=1"),
        ("valkey://host:6379", "valkey://host:6379"),
    ],
)
def test_it_shows_its_options_without_the_password(url: str, shown: str) -> None:
    store = RedisStore(url, ttl="1h")
    assert repr(store) == f"RedisStore(url={shown!r}, ttl='1h')"
    assert store.options()["url"] == shown
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert copy.url == url


def test_it_has_its_options_under_their_names() -> None:
    store = RedisStore("redis://host")
    assert (store.prefix, store.ttl, store.largest, store.timeout) == (
        "wsgikit:cache:",
        "1d",
        16 * 2**20,
        "250ms",
    )


@pytest.mark.parametrize(("scheme", "tls"), [("valkey", False), ("valkeys", True), ("rediss", True)])
def test_valkey_is_spoken_to_like_redis(scheme: str, tls: bool) -> None:
    pool = client(RedisStore(f"{scheme}://host:7000/2")).connection_pool
    assert (pool.connection_kwargs["host"], pool.connection_kwargs["port"], pool.connection_kwargs["db"]) == (
        "host",
        7000,
        2,
    )
    assert ("SSL" in pool.connection_class.__name__) == tls


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"url": "http://host"}, ValueError),
        ({"url": "host:6379"}, ValueError),
        ({"url": "redis://host:port"}, ValueError),
        ({"url": None}, TypeError),
        ({"ttl": 0}, ValueError),
        ({"ttl": "soon"}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"prefix": b"x"}, TypeError),
        ({"largest": "much"}, ValueError),
    ],
)
def test_an_option_that_will_not_do_is_refused(options: dict[str, Any], kind: type[Exception]) -> None:
    (name,) = options
    with pytest.raises(kind, match=rf"RedisStore: {name}=.* will not do"):
        RedisStore(**{"url": "redis://host", **options})


def test_a_wrong_url_is_told_without_its_password() -> None:
    with pytest.raises(ValueError, match="will not do") as told:
        RedisStore("redis://:secret@host:port")
    assert "secret" not in str(told.value)


def test_without_redis_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"redis is not installed; wsgikit\[redis\] brings it"):
        RedisStore("redis://host")
