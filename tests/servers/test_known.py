"""Statuses and fields that were seen before, and what is remembered of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.headers import valid_name, valid_value
from wsgikit.servers import known
from wsgikit.servers.known import BENT, DATED, fields, statuses


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    for memo in (statuses, fields, known._names, fields._kept):
        memo.clear()


@pytest.mark.parametrize(
    ("status", "without_content"), [("204 No Content", True), ("304", True), ("200 OK", False)]
)
def test_a_status_tells_whether_there_is_content(status: str, without_content: bool) -> None:
    assert statuses[status][1] is without_content


@pytest.mark.parametrize("name", ["Connection", "transfer-encoding", "Status", "X A"])
def test_a_field_of_the_servers_is_not_in_order(name: str) -> None:
    assert fields[name, "x"] == BENT


def test_a_field_says_what_it_says_of_the_answer() -> None:
    assert fields["CONTENT-LENGTH", "5"] == 5
    assert fields["Content-Length", "+5"] == BENT
    assert fields["date", "now"] == fields["Server", "wsgikit"] == DATED
    assert fields["Content-Type", "text/plain"] is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_field_is_only_taken_as_it_is_when_it_can_be_sent(name: str, value: str) -> None:
    if (fields[name, value] or 0) >= 0:
        assert valid_name(name)
        assert valid_value(value)


def test_what_is_remembered_is_bounded_by_name_and_in_all() -> None:
    for number in range(5000):
        assert fields["X-Number", str(number)] is None
        assert fields[f"X-{number}", "1"] is None
        assert fields["Content-Length", str(number)] == number
        assert statuses[f"200 Number {number}"]
    assert len(fields) <= 2048
    assert len(fields._kept) <= 2048
    assert len(known._names) <= 2048
    assert len(statuses) <= 2048
    assert len([name for name, _ in fields if name == "X-Number"]) == 64


def test_what_is_long_is_not_remembered() -> None:
    assert fields["X-Long", "x" * 5000] is None
    assert fields["X" * 5000, "x"] is None
    assert statuses["200 " + "x" * 5000]
    assert not statuses
    assert not fields


def test_what_is_one_clients_is_not_remembered() -> None:
    assert fields["Set-Cookie", "session=secret"] is None
    assert ("Set-Cookie", "session=secret") not in fields


@pytest.mark.parametrize("value", ["1\n", "\x7f", "\u20ac", "1\x00"])
def test_a_name_that_is_known_does_not_vouch_for_the_next_value(value: str) -> None:
    assert fields["X-Known", "1"] is None
    assert fields["X-Known", value] == BENT
