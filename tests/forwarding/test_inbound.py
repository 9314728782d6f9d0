from __future__ import annotations

import pytest

from wsgikit.forwarding import inbound
from wsgikit.forwarding.errors import BrokenAnswer


def head(*fields: tuple[str, str], code: int = 200, phrase: str = "OK", version: str = "1.1") -> inbound.Head:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    return inbound.head(code, phrase.encode("latin-1"), version, pairs)


def test_fields_are_kept_in_order_and_apart() -> None:
    found = head(("Set-Cookie", "a=1"), ("X-One", "\xe9 "), ("set-cookie", "b=2"), ("X-One", "2"))
    assert found.headers == [("X-One", "\xe9"), ("X-One", "2"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")]


def test_fields_of_the_connection_are_dropped() -> None:
    found = head(
        ("Connection", "X-Named, close"),
        ("connection", "x-also"),
        ("X-Named", "1"),
        ("X-Also", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "Basic"),
        ("Trailer", "X"),
        ("Upgrade", "h2c"),
        ("Transfer-Encoding", "chunked"),
        ("X-Kept", "1"),
    )
    assert found.headers == [("X-Kept", "1")]


def test_what_wsgi_forbids_and_http_does_not_is_put_right() -> None:
    found = head(("Status", "500 No"), ("X-One", "a\tb"), ("Location", "/a\tb"), phrase="All\tright")
    assert found.status == "200 All right"
    assert found.headers == [("X-One", "a b"), ("Location", "/a b")]


def test_a_connection_is_kept_unless_somebody_says_otherwise() -> None:
    assert head().persistent
    assert not head(("Connection", "Close")).persistent
    assert not head(("Connection", "x"), ("Connection", "close")).persistent
    assert not head(version="1.0").persistent
    assert head(("Connection", "Keep-Alive"), version="1.0").persistent


def test_a_body_is_delimited_by_length_or_chunks() -> None:
    assert head(("Content-Length", "5")).delimited
    assert head(("transfer-encoding", "Chunked")).delimited
    assert not head().delimited


@pytest.mark.parametrize(
    "codings", [["chunked, chunked"], ["chunked"] * 2, ["gzip, chunked"], ["identity"], [""]]
)
def test_other_transfer_codings_break_the_answer(codings: list[str]) -> None:
    with pytest.raises(BrokenAnswer):
        head(*[("Transfer-Encoding", coding) for coding in codings])


@pytest.mark.parametrize(
    ("code", "version"), [(99, "1.1"), (600, "1.1"), (999, "1.1"), (200, "2.0"), (200, "0.9")]
)
def test_other_versions_and_codes_break_the_answer(code: int, version: str) -> None:
    with pytest.raises(BrokenAnswer):
        head(code=code, version=version)


def test_a_status_always_has_a_reason_and_no_control_characters() -> None:
    assert head(phrase="Fine").status == "200 Fine"
    assert head(phrase="").status == "200 OK"
    assert head(phrase="O\x1bK", code=404).status == "404 Not Found"
    assert head(phrase="", code=299).status == "299 Status"


def test_204_has_no_length() -> None:
    assert head(("Content-Length", "0"), code=204).headers == []
    assert head(("Content-Length", "9"), code=304).headers == [("Content-Length", "9")]


def test_references_are_noticed() -> None:
    assert not head(("Content-Length", "0")).references
    for name in ("Location", "content-location", "Set-Cookie"):
        assert head((name, "/x")).references


def test_a_body_announced_where_there_must_be_none_is_noticed() -> None:
    assert head(("Content-Length", "9"), code=304).silenced
    assert head(("Transfer-Encoding", "chunked"), code=204).silenced
    assert not head(code=304).silenced
    assert not head(("Content-Length", "9")).silenced
