"""What the tests of all stores do with them."""

from __future__ import annotations

from typing import Any

from wsgikit.responses.cache.entry import Entry, Store, new_id

PAGE = b"<p>a page</p>\n" * 100


def entry(size: int = len(PAGE), **changed: Any) -> Entry:
    """An entry for a body of ``size`` bytes."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "vary": (),
        "status": 200,
        "reason": "OK",
        "headers": [("Content-Type", "text/html"), ("Content-Length", str(size))],
        "requested": 1_000_000.0,
        "received": 1_000_000.5,
        "tags": (),
        "size": size,
    }
    return Entry(**{**fields, **changed})


def put(store: Store, key: str, body: bytes = PAGE, **changed: Any) -> Entry:
    """Store a response; it has to be kept."""
    made = entry(len(body), **changed)
    writer = store.write(key)
    assert writer.write(body)
    assert writer.commit(made)
    return made


def content(store: Store, of: Entry) -> bytes | None:
    """The whole body, whatever it is handed out as."""
    body = store.body(of)
    if body is None or isinstance(body, bytes):
        return body
    with body:
        return body.read()
