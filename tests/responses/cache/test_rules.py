"""The rules by themselves: header lists in, answers out, the clock passed in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.responses.cache.scene import NOON, date
from wsgikit.http.cachecontrol import parse
from wsgikit.responses.cache.age import age, age_at_arrival
from wsgikit.responses.cache.asked import Asked
from wsgikit.responses.cache.entry import Entry
from wsgikit.responses.cache.freshen import freshened, kept_headers, own_headers
from wsgikit.responses.cache.head import Head
from wsgikit.responses.cache.kept import Kept
from wsgikit.responses.cache.lifetime import explicit, lifetime
from wsgikit.responses.cache.storable import refusal
from wsgikit.responses.cache.validate import conditions, confirms

Pairs = list[tuple[str, str]]


def head(*headers: tuple[str, str], cc: str | None = None, status: int = 200) -> Head:
    return Head(status, [*headers, *([("Cache-Control", cc)] if cc is not None else [])])


def kept(*headers: tuple[str, str], cc: str | None = None, waited: float = 0.0) -> Kept:
    made = head(*headers, cc=cc)
    return Kept(
        Entry(
            id="a",
            vary=(),
            status=200,
            reason="OK",
            headers=made.headers,
            requested=NOON - waited,
            received=NOON,
            size=0,
        )
    )


# ---- head


@pytest.mark.parametrize(
    ("values", "length"),
    [
        ([], None),
        (["5"], 5),
        (["5, 5"], 5),
        (["5", "5"], 5),
        (["5", "6"], -1),
        (["+5"], -1),
        (["5_0"], -1),
        ([""], -1),
    ]
    + [(["٥"], -1), (["9" * 30], -1)],
)
def test_content_length_is_digits(values: list[str], length: int | None) -> None:
    assert head(*[("Content-Length", value) for value in values]).length() == length


@pytest.mark.parametrize(
    ("line", "status"), [("200 OK", 200), ("404", 404), ("2xx", 0), ("٢٠٠ OK", 0), ("", 0)]
)
def test_status_of_a_line(line: str, status: int) -> None:
    assert Head.of(line, []).status == status


# ---- lifetime and age


@pytest.mark.parametrize(
    ("headers", "cc", "said", "default", "seconds"),
    [
        ([], "max-age=60", 60.0, None, 60.0),
        ([], "max-age=60, s-maxage=0", 0.0, None, 0.0),
        ([("Expires", date(60))], None, 60.0, None, 60.0),
        ([("Expires", date(60)), ("Date", date(20))], None, 40.0, None, 40.0),
        ([("Expires", date(60)), ("Date", "never")], None, 60.0, None, 60.0),
        ([("Expires", date(-60))], None, 0.0, 99.0, 0.0),
        ([("CDN-Cache-Control", "no-store=?0"), ("Expires", date(60))], "max-age=60", None, None, 0.0),
        ([("Last-Modified", date(-100))], None, None, None, 10.0),
        ([("Last-Modified", date(-100))], None, None, 99.0, 99.0),
        ([("Last-Modified", date(100))], None, None, None, 0.0),
        ([("Last-Modified", date(-10 * 365 * 86400))], None, None, None, 7 * 86400.0),
        ([("Last-Modified", "then")], None, None, None, 0.0),
        ([], "no-cache", None, None, 0.0),
        ([], None, None, 99.0, 99.0),
    ],
)
def test_k5_lifetime(
    headers: Pairs, cc: str | None, said: float | None, default: float | None, seconds: float
) -> None:
    made = head(*headers, cc=cc)
    assert explicit(made, NOON) == said
    assert lifetime(made, NOON, default) == seconds


@pytest.mark.parametrize(
    ("headers", "waited", "at_arrival"),
    [
        ([], 0.0, 0.0),
        ([], 3.0, 3.0),
        ([("Date", date(-5))], 3.0, 5.0),
        ([("Date", date(5))], 0.0, 0.0),
        ([("Age", "4"), ("Date", date(-5))], 3.0, 7.0),
        ([("Age", "4"), ("Date", date(-9))], 3.0, 9.0),
        ([("Age", "4"), ("Age", "400")], 0.0, 4.0),
        ([("Age", "99999999999999")], 0.0, 2.0**31),
        ([("Age", "4;x")], 0.0, 0.0),
    ],
)
def test_k7_age_at_arrival(headers: Pairs, waited: float, at_arrival: float) -> None:
    made = head(*headers)
    assert age_at_arrival(made, NOON - waited, NOON) == at_arrival
    assert age(made, NOON - waited, NOON, NOON + 2) == at_arrival + 2
    assert age(made, NOON - waited, NOON, NOON - 999) == at_arrival  # the clock was set back


def test_k7_what_is_made_and_comes_within_one_second_has_no_age() -> None:
    assert age_at_arrival(head(("Date", date())), NOON + 0.9, NOON + 0.9) == 0.0


# ---- use


@pytest.mark.parametrize(
    ("cc", "wanted", "after", "use"),
    [
        ("max-age=60", "", 59.9, "fresh"),
        ("max-age=60", "", 60.0, "validate"),
        ("max-age=60, no-cache", "", 0.0, "validate"),
        ('max-age=60, no-cache="x"', "", 0.0, "fresh"),
        ("max-age=60, stale-while-revalidate=10", "", 70.0, "behind"),
        ("max-age=60, stale-while-revalidate=10", "", 70.1, "validate"),
        ("max-age=60, stale-while-revalidate=10", "max-age=65", 66.0, "validate"),
        ("max-age=60, stale-while-revalidate=10", "min-fresh=0", 61.0, "validate"),
        ("max-age=60", "max-stale=10", 70.0, "stale"),
        ("max-age=60, must-revalidate", "max-stale=10", 61.0, "validate"),
        ("max-age=60", "max-age=100, max-stale=60", 101.0, "validate"),
    ],
)
def test_k10_use(cc: str, wanted: str, after: float, use: str) -> None:
    assert kept(cc=cc).use(parse(wanted), NOON + after) == use


RESPONSE = st.lists(
    st.sampled_from(
        [
            "max-age=60",
            "max-age=5",
            "s-maxage=30",
            "no-cache",
            "must-revalidate",
            "stale-while-revalidate=20",
            "public",
        ]
        + [
            "max-age=x",
            "s-maxage",
            "no-store",
            'private="x"',
            "stale-if-error=20",
            "proxy-revalidate",
            'x="max-age=9',
        ]
    ),
    max_size=4,
).map(", ".join)
REQUEST = st.lists(
    st.sampled_from(
        ["no-cache", "max-age=10", "max-age=0", "min-fresh=20", "max-stale=15", "max-stale", "x"]
    ),
    max_size=3,
).map(", ".join)


@given(RESPONSE, REQUEST, st.floats(0, 200))
def test_k10_nothing_is_used_beyond_what_each_directive_allows(cc: str, wanted: str, after: float) -> None:
    stored, asked = kept(cc=cc), parse(wanted)
    use = stored.use(asked, NOON + after)
    said = stored.head.control
    if use == "validate":
        return
    assert not said.no_cache
    assert not asked.no_cache
    assert asked.max_age is None or after <= asked.max_age
    longest = said.max_age if said.s_maxage is None else said.s_maxage
    beyond = after - (longest or 0)
    if use == "fresh":
        assert beyond < 0
        assert asked.min_fresh is None or -beyond >= asked.min_fresh
    else:
        assert not said.must_revalidate
        assert not said.proxy_revalidate
        assert said.s_maxage is None
        limit = asked.max_stale if use == "stale" else said.stale_while_revalidate
        assert limit is not None
        assert beyond <= limit


# ---- storable


@pytest.mark.parametrize(
    ("headers", "cc", "why"),
    [
        ([], "max-age=60", None),
        ([], "no-store", "no-store"),
        ([], "private", "private"),
        ([], None, "no freshness"),
        ([("ETag", '"a"')], None, None),
        ([("ETag", "a")], None, "no freshness"),
        ([("Last-Modified", date(-9))], "no-cache", None),
        ([], "no-cache", "no freshness"),
        ([], "max-age=0", "no freshness"),
        ([], "max-age=0, stale-if-error=60", None),
        ([("Vary", "*")], "max-age=60", "vary"),
        ([("Set-Cookie", "a=1")], "max-age=60", "set-cookie"),
        ([("Content-Length", "x")], "max-age=60", "framing"),
        ([("Content-Type", "Text/Event-Stream")], "max-age=60", "stream"),
    ],
)
def test_k2_why_a_response_is_not_kept(headers: Pairs, cc: str | None, why: str | None) -> None:
    assert refusal(Asked({"REQUEST_METHOD": "GET"}), head(*headers, cc=cc), NOON) == why


# ---- validation and what comes of it


def test_k11_conditions_are_made_of_valid_validators_alone() -> None:
    assert conditions(head(("ETag", "a"), ("Last-Modified", "then"))) == {}
    assert conditions(head(("ETag", ' W/"a" '))) == {"HTTP_IF_NONE_MATCH": 'W/"a"'}


@pytest.mark.parametrize(
    ("stored", "answer", "same"),
    [
        ([("ETag", '"a"')], [("ETag", '"a"')], True),
        ([("ETag", '"a"')], [("ETag", '"b"')], False),
        ([("ETag", 'W/"a"')], [("ETag", '"a"')], False),
        ([("ETag", '"a"')], [("ETag", 'W/"a"')], True),
        ([("ETag", '"a"')], [("ETag", "a")], False),
        ([("ETag", '"a"')], [], True),
        ([("Last-Modified", date())], [("ETag", '"a"')], False),
        ([("Last-Modified", date())], [("Last-Modified", date())], True),
        ([("Last-Modified", date())], [("Last-Modified", date(1))], False),
        ([("Last-Modified", date())], [("Last-Modified", "then")], True),
    ],
)
def test_k12_which_response_a_304_confirms(stored: Pairs, answer: Pairs, same: bool) -> None:
    assert confirms(head(*answer, status=304), head(*stored)) is same


def test_k4_what_is_kept_of_a_head() -> None:
    made = head(
        *(("Connection", "X-Hop, close"), ("X-Hop", "1"), ("Keep-Alive", "1"), ("Proxy-Authenticate", "1")),
        *(
            ("Server-Timing", "app"),
            ("Cache-Status", "inner; hit"),
            ("Date", "never"),
            ("A", "1"),
            ("B", "1"),
        ),
        cc='max-age=60, no-cache="b"',
    )
    assert kept_headers(made, NOON) == [
        ("A", "1"),
        ("Cache-Control", 'max-age=60, no-cache="b"'),
        ("Date", date()),
    ]


def test_k12_lines_of_one_name_are_replaced_together_and_others_stay_in_place() -> None:
    stored = head(("A", "1"), ("B", "1"), ("a", "2"), ("Age", "9"), ("Content-Length", "5"))
    answer = head(("a", "3"), ("Content-Length", "0"), ("Date", date()), status=304)
    expected = [("B", "1"), ("Content-Length", "5"), ("a", "3"), ("Date", date())]
    assert freshened(stored, answer, NOON, cookies=False) == expected


@pytest.mark.parametrize(
    ("cookies", "own"), [(False, [("Set-Cookie", "a=1"), ("X", "1")]), (True, [("X", "1")])]
)
def test_k12_what_of_a_304_is_for_one_client(cookies: bool, own: Any) -> None:
    answer = head(("Set-Cookie", "a=1"), ("X", "1"), ("Y", "1"), cc='private="x"', status=304)
    assert own_headers(answer, cookies=cookies) == own
    names = [name for name, _ in freshened(head(), answer, NOON, cookies=cookies)]
    assert ("Set-Cookie" in names) is cookies
    assert "X" not in names
