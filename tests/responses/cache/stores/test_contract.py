"""What every store does, whatever it keeps things in."""

from __future__ import annotations

import gc
import os
import pickle
import threading
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.responses.cache.stores.storing import PAGE, content, entry, put
from wsgikit.responses.cache.entry import Entry, Store, StoreError, new_id
from wsgikit.responses.cache.stores.variants import MOST

latin = st.text(st.characters(max_codepoint=255, blacklist_categories=["Cc"]), max_size=20)
token = st.text("!#$%&'*+-.^_`|~0123456789abcdefghijABCDEFGHIJ", min_size=1, max_size=12)
seconds = st.floats(0, 1e10)
bodies = st.lists(st.binary(max_size=300), max_size=5)


@st.composite
def entries(draw: Any) -> Entry:
    return entry(
        0,
        vary=tuple(draw(st.lists(st.tuples(token, st.none() | latin), max_size=3))),
        status=draw(st.integers(200, 599)),
        reason=draw(latin),
        headers=draw(st.lists(st.tuples(token, latin), max_size=8)),
        requested=draw(seconds),
        received=draw(seconds),
        tags=tuple(draw(st.lists(latin, max_size=3))),
    )


def sized(made: Entry, size: int) -> Entry:
    return replace(made, id=new_id(), size=size)


# The store is empty only for the first example; each has a key of its own.
several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@given(made=entries(), chunks=bodies, key=st.text(max_size=50))
@several
def test_what_is_committed_is_found_as_it_was(
    store: Store, made: Entry, chunks: list[bytes], key: str
) -> None:
    key = new_id() + key
    made = sized(made, sum(map(len, chunks)))
    writer = store.write(key)
    for chunk in chunks:
        assert writer.write(chunk)
    assert writer.commit(made)
    assert store.find(key) == [made]
    assert content(store, made) == b"".join(chunks)


@given(data=st.data())
@several
def test_a_key_holds_what_a_plain_dictionary_would(store: Store, data: st.DataObject) -> None:
    """Any order of commits, refreshes and removals, beside a model of three lines."""
    model: dict[str, dict[tuple[Any, ...], tuple[Entry, bytes]]] = {}
    keys = [new_id() for _ in range(2)]
    for step in range(data.draw(st.integers(1, 8))):
        key = data.draw(st.sampled_from(keys))
        known = model.setdefault(key, {})
        action = data.draw(st.sampled_from(["put", "put", "freshen", "forget", "tag"]))
        if action == "put":
            vary = (("accept", data.draw(st.sampled_from(["a", "b", None]))),)
            body = data.draw(st.binary(max_size=50))
            tags = data.draw(st.sampled_from([(), (keys[0],), (keys[0], "b")]))
            known[vary] = put(store, key, body, vary=vary, received=float(step), tags=tags), body
        elif action == "freshen" and known:
            old, body = data.draw(st.sampled_from(list(known.values())))
            new = entry(old.size, id=old.id, vary=old.vary, received=float(step), tags=("c",))
            store.freshen(key, new)
            known[old.vary] = new, body
        elif action == "forget" and known:
            old, _ = data.draw(st.sampled_from(list(known.values())))
            assert store.forget(key, old.id) == 1
            del known[old.vary]
        elif action == "tag":
            bearers = [
                (within, made.vary)
                for within in model.values()
                for made, _ in within.values()
                if keys[0] in made.tags
            ]
            assert store.forget_tag(keys[0]) == len(bearers)
            for within, vary in bearers:
                del within[vary]
    for key, known in model.items():
        expected = sorted(known.values(), key=lambda pair: pair[0].received, reverse=True)
        assert store.find(key) == [made for made, _ in expected]
        assert [content(store, made) for made, _ in expected] == [body for _, body in expected]


def test_an_unknown_key_has_no_variants(store: Store) -> None:
    assert store.find("nothing") == []
    assert store.body(entry()) is None
    assert store.forget("nothing") == 0
    assert store.forget("nothing", new_id()) == 0
    assert store.forget_tag("nothing") == 0


def test_k21_nothing_is_visible_before_it_is_complete(store: Store) -> None:
    writer = store.write("key")
    writer.write(PAGE)
    made = entry()
    assert store.find("key") == []
    assert store.body(made) is None
    assert writer.commit(made)
    assert store.find("key") == [made]


@pytest.mark.parametrize("size", [10, 600_000], ids=["short", "long"])
@pytest.mark.parametrize("end", ["discarded", "dropped", "wrong size"])
def test_a_response_that_is_not_committed_leaves_nothing(store: Store, size: int, end: str) -> None:
    old = put(store, "key")
    writer: Any = store.write("key")
    assert writer.write(bytes(size))
    made = entry(size)
    if end == "discarded":
        writer.discard()
        assert not writer.write(b"more")
        assert not writer.commit(made)
    elif end == "dropped":
        writer = None
        gc.collect()
    else:
        with pytest.raises(StoreError, match=f"{size + 1} bytes .* {size} were written"):
            writer.commit(entry(size + 1))
        assert not writer.commit(made)
    assert store.find("key") == [old]
    assert content(store, old) == PAGE
    assert store.body(made) is None


def test_the_first_end_of_a_writer_counts(store: Store) -> None:
    writer = store.write("key")
    writer.write(PAGE)
    made = entry()
    assert writer.commit(made)
    writer.discard()
    assert not writer.commit(entry())
    assert not writer.write(b"more")
    assert store.find("key") == [made]
    assert content(store, made) == PAGE


def test_a_body_may_be_empty(store: Store) -> None:
    made = entry(0)
    assert store.write("key").commit(made)
    assert store.find("key") == [made]
    assert content(store, made) == b""


def test_the_same_vary_is_replaced_and_its_body_goes(store: Store) -> None:
    old = put(store, "key", b"old", vary=(("accept", "a"),))
    other = put(store, "key", b"other", vary=(("accept", None),), received=1_000_001.0)
    new = put(store, "key", b"new", vary=(("accept", "a"),), received=1_000_002.0)
    assert store.find("key") == [new, other]
    assert content(store, new) == b"new"
    assert content(store, other) == b"other"
    assert store.body(old) is None


def test_variants_stand_newest_first_whatever_came_first(store: Store) -> None:
    times = [5.0, 9.0, 1.0, 7.0]
    for time in times:
        put(store, "key", vary=(("accept", str(time)),), received=time)
    assert [found.received for found in store.find("key")] == sorted(times, reverse=True)


def test_a_key_holds_no_more_variants_than_can_be_looked_through(store: Store) -> None:
    made = [put(store, "key", b"%d" % n, vary=(("user-agent", str(n)),), received=n) for n in range(MOST + 3)]
    assert store.find("key") == made[:2:-1]
    assert [content(store, old) for old in made[:4]] == [None, None, None, b"3"]


def test_k20_a_body_longer_than_the_store_takes_is_told_early(store: Store) -> None:
    assert store.largest == 1_000_000
    writer = store.write("key")
    chunks = 0
    while writer.write(bytes(100_000)):
        chunks += 1
    assert chunks == 10
    assert not writer.commit(entry(1_100_000))
    assert store.find("key") == []


def test_a_body_as_long_as_the_store_takes_is_kept(store: Store) -> None:
    body = os.urandom(store.largest)
    made = entry(len(body))
    writer = store.write("key")
    for start in range(0, len(body), 70_001):
        assert writer.write(body[start : start + 70_001])
    assert writer.commit(made)
    assert content(store, made) == body


def test_freshening_changes_the_head_and_keeps_the_body(store: Store) -> None:
    old = put(store, "key", tags=("a",))
    new = entry(id=old.id, headers=[("ETag", '"2"')], received=2_000_000.0, tags=("b",))
    store.freshen("key", new)
    assert store.find("key") == [new]
    assert content(store, new) == PAGE
    assert store.forget_tag("a") == 0
    assert store.forget_tag("b") == 1


def test_freshening_what_is_gone_does_nothing(store: Store) -> None:
    kept = put(store, "key")
    store.freshen("key", entry(received=2_000_000.0))
    store.freshen("other", kept)
    assert store.find("key") == [kept]
    assert store.find("other") == []


def test_a_variant_or_a_whole_key_is_forgotten(store: Store) -> None:
    made = [put(store, "key", vary=(("accept", str(n)),), received=n) for n in range(3)]
    assert store.forget("key", made[1].id) == 1
    assert store.forget("key", made[1].id) == 0
    assert store.find("key") == [made[2], made[0]]
    assert store.body(made[1]) is None
    assert store.forget("key") == 2
    assert store.find("key") == []
    assert [store.body(old) for old in made] == [None] * 3


def test_a_tag_is_forgotten_over_all_keys(store: Store) -> None:
    product = [put(store, f"product {n}", tags=("product", str(n), str(n))) for n in range(3)]
    both = put(store, "both", vary=(("accept", None),), tags=("page", "product"))
    page = put(store, "both", vary=(("accept", "a"),), tags=("page",))
    assert store.forget_tag("1") == 1
    assert store.forget_tag("product") == 3
    assert store.forget_tag("product") == 0
    assert store.find("both") == [page]
    assert [store.body(old) for old in [*product, both]] == [None] * 4


def test_a_tag_goes_with_the_entry_that_bore_it(store: Store) -> None:
    put(store, "key", tags=("old",))
    new = put(store, "key", tags=("new",))
    assert store.forget_tag("old") == 0
    assert store.find("key") == [new]


HOSTILE = {
    "empty": "",
    "dots": "../../../../tmp/evil",
    "absolute": "/etc/passwd",
    "null": "a\0b",
    "long": "x" * 100_000,
    "surrogates": "\udcff\ud800",
    "star": "*",
    "lines": "k\r\nFLUSHALL\r\n",
    "cyrillic": "ключ",
}


@pytest.mark.parametrize("key", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_key_is_a_key_like_any_other(store: Store, key: str) -> None:
    other = put(store, key + "x")
    made = put(store, key, tags=(key.encode("utf-8", "replace").decode(),))
    assert store.find(key) == [made]
    assert content(store, made) == PAGE
    assert store.forget(key) == 1
    assert store.find(key + "x") == [other]


def test_the_list_found_is_the_callers(store: Store) -> None:
    made = put(store, "key")
    store.find("key").clear()
    assert store.find("key") == [made]


def test_a_copy_or_a_pickle_is_the_same_store(store: Any) -> None:
    put(store, "key")
    for copy in (deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert copy == store
        assert repr(copy) == repr(store)
        assert copy.largest == store.largest
        put(copy, "copy's")
        copy.close()


def test_a_store_that_was_closed_opens_again(store: Store) -> None:
    put(store, "key")
    store.close()
    store.close()
    made = put(store, "other")
    assert store.find("other") == [made]


def test_a_process_forked_after_use_can_use_the_store(store: Store) -> None:
    made = put(store, "key")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            new = put(store, "child's", b"of the child")
            if store.find("child's") == [new] and content(store, new) == b"of the child":
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.find("key") == [made]
    assert content(store, made) == PAGE


def test_many_threads_at_once_find_whole_bodies_or_none(store: Store) -> None:
    """Each body says which entry it belongs to."""
    wrong: list[object] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        try:
            for turn in range(25):
                key = f"key {(number + turn) % 3}"
                made = entry(3200, vary=(("accept", str(turn % 2)),), tags=(f"t{turn % 2}",))
                writer = store.write(key)
                for _ in range(100):
                    writer.write(made.id.encode())
                writer.commit(made)
                for found in store.find(key):
                    body = content(store, found)
                    if body is not None and body != found.id.encode() * 100:
                        wrong.append((found, body))
                if turn % 10 == 9:
                    store.forget_tag("t1")
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
