"""A process that writes to a FileStore at random, or reads it and judges: ``hammer.py write|read FOLDER SEED``.

A body repeats its entry's id, so that one that belongs to another, or is cut, or is mixed, tells. A line is printed
for each step. A writer goes on until it is killed, a reader until its standard input ends.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time

from wsgikit.responses.cache.entry import Entry, StoreError, new_id
from wsgikit.responses.cache.stores.file import FileStore

KEYS = 30
BOUND = 6_000_000
TAGS = ("red", "green", "blue")


def body_of(entry: Entry) -> bytes:
    return (entry.id.encode() * (entry.size // 32 + 1))[: entry.size]


def check(store: FileStore, key: str) -> int:
    """Read every body under a key; says how many were there."""
    read = 0
    for entry in store.find(key):
        assert entry.reason == key, f"{key} gave the entry of {entry.reason}"
        body = store.body(entry)
        if body is not None:
            with body:
                assert body.read() == body_of(entry), f"a wrong body for {entry}"
            read += 1
    return read


def write(store: FileStore, chance: random.Random) -> None:
    key = f"key {chance.randrange(KEYS)}"
    action = chance.random()
    if action < 0.05:
        store.forget(key)
    elif action < 0.08:
        store.forget_tag(chance.choice(TAGS))
    elif action < 0.15:
        for entry in store.find(key)[:1]:
            store.freshen(key, made(key, entry.id, entry.size, chance))
    else:
        entry = made(key, new_id(), chance.choice([0, 100, 20_000, 300_000, 1_200_000]), chance)
        body = body_of(entry)
        writer = store.write(key)
        for start in range(0, entry.size, 50_000):
            writer.write(body[start : start + 50_000])
        if action < 0.2:
            writer.discard()
        else:
            writer.commit(entry)


def made(key: str, id_: str, size: int, chance: random.Random) -> Entry:
    now = time.time()
    return Entry(
        id=id_,
        vary=(("accept", chance.choice(["a", "b"])),),
        status=200,
        reason=key,
        headers=[("X", "y")],
        requested=now,
        received=now,
        tags=tuple(chance.sample(TAGS, chance.randrange(3))),
        size=size,
    )


def main(job: str, folder: str, seed: str) -> None:
    store = FileStore(folder, max_bytes=BOUND)
    chance = random.Random(seed)
    over = threading.Event()
    if job == "read":
        threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    while not over.is_set():
        if job == "write":
            try:
                write(store, chance)
            except StoreError as error:
                if "locked by another" not in str(error):  # two cores may be too few for all of them
                    raise
            os.write(1, b".\n")
        else:
            check(store, f"key {chance.randrange(KEYS)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
