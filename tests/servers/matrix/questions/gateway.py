"""What the gateway adds: content, cache, proxy, endpoints."""

from __future__ import annotations

import gzip
import json

from tests.servers.matrix.ask import FILE, Ask
from tests.servers.matrix.question import question
from tests.servers.matrix.questions.failures import broken
from tests.servers.matrix.questions.uploads import BODY, CHUNKED, chunks, digest

THEME = "Gateway"


@question(THEME, "content")
def content(ask: Ask) -> None:
    """Pages are changed (Replace, HTMLRewrite, Transform), and so are heads (SecurityHeaders, CORS, Headers)."""
    answer = ask("/content", fields=(("Origin", "https://friend.example"),))
    assert "<title>BOOKS</title>" in answer.text
    assert "NEW<ol>" in answer.text
    assert answer.text.endswith("<!-- the end --></body></html>")
    assert answer.get("X-Content-Type-Options") == "nosniff"
    assert answer.get("Access-Control-Allow-Origin") == "https://friend.example"
    assert answer.get("X-Content") == "yes"
    preflight = (("Origin", "https://friend.example"), ("Access-Control-Request-Method", "GET"))
    assert ask("/content", "OPTIONS", fields=preflight).status == 204


@question(THEME, "compression")
def compression(ask: Ask) -> None:
    """Who takes gzip gets gzip, who does not gets the text, and caches are told."""
    plain = ask("/content")
    packed = ask("/content", fields=(("Accept-Encoding", "gzip"),))
    assert not plain.all("Content-Encoding")
    assert packed.get("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert "accept-encoding" in plain.get("Vary").lower()


@question(THEME, "ranges")
def ranges(ask: Ask) -> None:
    """Ranges of a file: 206 with its part, 416, If-Range, and the file wrapper's position."""
    answer = ask("/file", fields=(("Range", "bytes=5-14"),))
    assert (answer.status, answer.body) == (206, FILE[5:15])
    assert answer.get("Content-Range") == f"bytes 5-14/{len(FILE)}"
    answer = ask("/file", fields=(("Range", "bytes=-7"), ("If-Range", '"the-file"')))
    assert (answer.status, answer.body) == (206, FILE[-7:])
    answer = ask("/file", fields=(("Range", "bytes=-7"), ("If-Range", '"another"')))
    assert (answer.status, answer.body) == (200, FILE)
    answer = ask("/file", fields=(("Range", f"bytes={len(FILE)}-"),))
    assert (answer.status, answer.get("Content-Range")) == (416, f"bytes */{len(FILE)}")


@question(THEME, "cache hit")
def cache_hit(ask: Ask) -> None:
    """The second request for a page that may be kept is answered from the cache, whichever process has it."""
    word = ask.word()
    first, second = ask(f"/cached/?{word}"), ask(f"/cached/?{word}")
    assert first.status == second.status == 200
    assert first.body == second.body
    assert second.get("Age")
    assert "hit" in second.get("Cache-Status")
    assert ask(f"/cached/?{ask.word()}").body != first.body


@question(THEME, "proxy")
def proxy(ask: Ask) -> None:
    """A second server of another kind answers through the gateway: heads, uploads in both framings, errors."""
    found = json.loads(ask("/proxy/seen?a=%20b", fields=(("X-Forwarded-For", "203.0.113.9"),)).body)
    assert found["QUERY_STRING"] == "a=%20b"
    assert found["HTTP_X_FORWARDED_FOR"] == "203.0.113.9, 127.0.0.1"
    assert found["HTTP_X_FORWARDED_PREFIX"] == "/proxy"
    assert ask("/proxy/upload", "POST", body=BODY).text == digest(BODY)
    assert ask("/proxy/upload", "POST", fields=CHUNKED, body=chunks(BODY[:9], BODY[9:])).text == digest(BODY)
    answer = ask("/proxy/late")
    assert (answer.status, answer.text) == (201, "one two")
    assert ask("/proxy/file").body == FILE[10:]
    assert ask("/proxy/raises").status == 500
    assert ask("/unreachable/").status == 502
    through = Ask(ask.port, ask.folder, base="/proxy")
    assert not broken(through, "raises-sized").whole


@question(THEME, "proxy streams")
def proxy_streams(ask: Ask) -> None:
    """The first chunk of the second server's answer is with the client before the last is made."""
    word = ask.word()
    with ask.connection() as connection:
        connection.send_request(f"/proxy/stream?{word}")
        head = connection.head()
        assert (head.status, connection.first(head)) == (200, b"first")
        ask.go(word)
        assert connection.rest(head, "GET").body == b"last"


@question(THEME, "endpoints")
def endpoints(ask: Ask) -> None:
    """Health, stats, metrics and the status page answer, and what they count is counted for all processes."""
    assert ask("/livez").status == 200
    assert ask("/readyz").status == 200
    ask("/books/1")
    stats = json.loads(ask("/-/stats").body)
    assert stats["wsgikit"]["requests"] > 0
    metrics = ask("/metrics")
    assert (metrics.status, b"http_requests_total" in metrics.body) == (200, True)
    assert ask("/-/status").status == 200
    outside = (("X-Forwarded-For", "203.0.113.9"),)
    assert ask("/-/stats", fields=outside).status == 404


@question(THEME, "maintenance")
def maintenance(ask: Ask) -> None:
    """A file turns all answers into 503 with Retry-After, in every process, and its absence back."""
    switch = ask.folder / "maintenance"
    switch.touch()
    try:
        ask.until("/", 503)
        assert ask("/").get("Retry-After") == "120"
    finally:
        switch.unlink()
    ask.until("/", 200)
