"""What the cache's stores cost by themselves, for a page of 50 KB: ``python benchmarks/stores.py [redis://host]``.

Minima of many short rounds taken in turn, so that a slow moment of the machine hits all alike. With the URL of a Redis
it is measured too, under keys of its own, which expire after a minute.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rounds import minima

from wsgikit.responses.cache.entry import Entry, new_id
from wsgikit.responses.cache.stores.file import FileStore
from wsgikit.responses.cache.stores.memory import MemoryStore
from wsgikit.responses.cache.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = b"<p>Hello, hello.</p>\n" * 2400
KEY = "https://shop.example/shop/items/7?page=2"
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("Cache-Control", "public, max-age=600"),
    ("Date", "Wed, 25 Nov 2026 14:29:01 GMT"),
    ("Last-Modified", "Tue, 24 Nov 2026 09:00:00 GMT"),
    ("ETag", '"0123456789abcdef"'),
    ("Vary", "Accept-Encoding"),
    ("X-Frame-Options", "DENY"),
]


def commit(store: Any) -> None:
    writer = store.write(KEY)
    writer.write(PAGE)
    writer.commit(
        Entry(
            id=new_id(),
            vary=(("accept-encoding", "br"),),
            status=200,
            reason="OK",
            headers=HEADERS,
            requested=0.0,
            received=0.5,
            size=len(PAGE),
        )
    )


def find_and_body(store: Any) -> None:
    body = store.body(store.find(KEY)[0])
    if not isinstance(body, bytes):
        body.close()


def cases(name: str, store: Any) -> dict[str, Callable[[], None]]:
    commit(store)
    return {
        f"{name}: find and body": lambda: find_and_body(store),
        f"{name}: find alone (a 304, a HEAD)": lambda: store.find(KEY),
        f"{name}: a miss": lambda: store.find("https://shop.example/nothing"),
    }


def main() -> None:
    with TemporaryDirectory() as folder:
        stores: dict[str, Any] = {"memory": MemoryStore(), "file": FileStore(folder)}
        if sys.argv[1:]:
            stores["redis"] = RedisStore(sys.argv[1], prefix=f"benchmark:{new_id()}:", ttl=60)
        reading = {
            label: once for name, store in stores.items() for label, once in cases(name, store).items()
        }
        writing = {f"{name}: a commit": lambda s=store: commit(s) for name, store in stores.items()}
        measured = minima(reading, calls=100) | minima(writing, rounds=20, calls=20)
        for label, microseconds in measured.items():
            print(f"{label:36} {microseconds:8.2f} us")


if __name__ == "__main__":
    main()
