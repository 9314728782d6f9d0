"""K1 to K22: what a shared HTTP cache does (docs/behaviours.md), each test named by its code.

Many of the cases are those by which other caches were found wrong, hishel above all.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from tests.responses.cache.scene import NOON, Scene, date, hit
from wsgikit.responses.cache import collapse
from wsgikit.responses.cache.entry import StoreError, StoreResting
from wsgikit.responses.cache.layer import Cache
from wsgikit.responses.cache.stores.memory import MemoryStore
from wsgikit.testing import call

FRESH = "max-age=60"


def reused(scene: Scene, **options: Any) -> bool:
    """Whether a second request like the first is answered without the app."""
    scene.get(**options)
    return hit(scene.get(**options))


# ---- K1: what is stored


@pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414, 501, 599])
def test_k1_final_answers_with_explicit_freshness_are_stored(status: int) -> None:
    assert reused(Scene().answers(status=status, cc=FRESH))


@pytest.mark.parametrize("status", [304, 412, 416, 428, 429, 431, 511])
def test_k1_answers_to_one_request_alone_are_not_stored(status: int) -> None:
    assert not reused(Scene().answers(status=status, cc=FRESH))


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND", "PUT", "DELETE", "POST", "FOO"])
def test_k1_only_get_is_stored(method: str) -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get(method=method)
    scene.get(method=method)
    scene.get()
    assert scene.calls == 3


def test_k1_head_alone_stores_nothing() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get(method="HEAD")
    assert not hit(scene.get())


@pytest.mark.parametrize(
    ("headers", "cc", "stored"),
    [
        ([("Content-Location", "/page")], FRESH, True),
        ([("Content-Location", "")], FRESH, True),
        ([("Content-Location", "HTTP://TestServer:80/page")], FRESH, True),
        ([("Content-Location", "http://[")], FRESH, False),
        ([("Content-Location", "/other")], FRESH, False),
        ([], FRESH, False),
        ([("Content-Location", "/page")], None, False),
        ([("Content-Location", "/page")], "max-age=60, no-store", False),
    ],
)
def test_k1_post_with_freshness_and_its_own_content_location_answers_a_later_get(
    headers: list[tuple[str, str]], cc: str | None, stored: bool
) -> None:
    scene = Scene().answers(*headers, cc=cc, body=b"posted")
    scene.get(method="POST", body=b"x")
    scene.answers(cc=FRESH, body=b"got")
    answer = scene.get(environ={"HTTP_HOST": "testserver"})
    assert hit(answer) is stored
    assert answer.body == (b"posted" if stored else b"got")


# ---- K2: what is never stored


@pytest.mark.parametrize(
    ("headers", "cc"),
    [
        ([], "max-age=60, no-store"),
        ([], "max-age=60, No-StOrE"),
        ([], "max-age=60, private"),
        ([], 'max-age=60, private=""'),
        ([("Vary", "*")], FRESH),
        ([("Vary", "Foo, *")], FRESH),
        ([("Vary", ", *")], FRESH),
        ([("Set-Cookie", "a=1")], FRESH),
        ([("Content-Length", "5"), ("Content-Length", "6")], FRESH),
    ],
)
def test_k2_never_stored(headers: list[tuple[str, str]], cc: str) -> None:
    scene = Scene().answers(*headers, cc=cc, body=lambda: iter([b"hello"]))
    scene.cache.app = scene._app  # no lint: it refuses some of these heads
    call(scene.cache, "GET", "/page")
    call(scene.cache, "GET", "/page")
    assert scene.calls == 2


def test_k2_request_with_no_store_leaves_nothing_behind() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get(Cache_Control="no-store")
    assert not hit(scene.get())


@pytest.mark.parametrize(
    ("cc", "stored"),
    [
        ("max-age=60", False),
        ("max-age=60, public", True),
        ("s-maxage=60", True),
        ("max-age=60, must-revalidate", True),
        ("max-age=60, proxy-revalidate", False),
    ],
)
@pytest.mark.parametrize("credentials", [{"Authorization": "Basic eA=="}, {"environ": {"REMOTE_USER": "jo"}}])
def test_k2_answer_to_credentials_is_kept_only_where_the_app_allows_it(
    cc: str, stored: bool, credentials: dict[str, Any]
) -> None:
    scene = Scene().answers(cc=cc)
    scene.get(**credentials)
    assert hit(scene.get(**credentials)) is stored


def test_k2_request_with_credentials_is_not_given_what_was_made_without() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    assert not hit(scene.get(Authorization="Basic eA=="))


def test_k2_set_cookie_is_stored_when_told() -> None:
    assert reused(Scene(store_set_cookie=True).answers(("Set-Cookie", "a=1"), cc=FRESH))


@pytest.mark.parametrize("cc", ['max-age=60, private="set-cookie"', 'max-age=60, no-cache="Set-Cookie"'])
def test_k2_set_cookie_can_be_left_out_by_the_answer_itself(cc: str) -> None:
    scene = Scene().answers(("Set-Cookie", "a=1"), cc=cc)
    assert scene.get().header("Set-Cookie") == "a=1"
    again = scene.get()
    assert hit(again)
    assert again.header("Set-Cookie") is None


def test_k2_body_shorter_than_its_content_length_is_not_stored() -> None:
    scene = Scene().answers(("Content-Length", "6"), cc=FRESH, body=lambda: iter([b"hello"]))
    app = Cache(scene._app)
    call(app, "GET", "/page")
    call(app, "GET", "/page")
    assert scene.calls == 2


def test_k2_body_cut_by_an_exception_is_not_stored() -> None:
    def cut() -> Iterator[bytes]:
        yield b"hel"
        raise OSError("cut")

    scene = Scene().answers(cc=FRESH, body=cut)
    with pytest.raises(OSError, match="cut"):
        scene.get()
    scene.answers(cc=FRESH)
    assert not hit(scene.get())


def test_k2_body_that_a_client_did_not_take_to_its_end_is_not_stored() -> None:
    scene = Scene().answers(cc=FRESH, body=lambda: iter([b"hel", b"lo"]))
    scene.get(stop_after=1)
    assert not hit(scene.get())


def test_k2_request_with_a_body_passes_by_as_its_body_is_in_no_key() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get(body=b"fat")
    assert not hit(scene.get())


@pytest.mark.parametrize(
    "headers",
    [
        [("Cache-Control", 'private="cache-control", max-age=0')],
        [("Cache-Control", "max-age=0"), ("Connection", "cache-control")],
        [("Cache-Control", 'no-cache="expires, date"'), ("Expires", "0")],
    ],
)
def test_k2_not_stored_without_what_says_for_how_long(headers: list[tuple[str, str]]) -> None:
    """What is left would seem fresh for a tenth of its age."""
    scene = Scene().answers(*headers, ("Last-Modified", date(-1000)))
    scene.cache.app = scene._app  # no lint: Connection is the server's affair
    call(scene.cache, "GET", "/page")
    call(scene.cache, "GET", "/page")
    assert scene.calls == 2


# ---- K3


@pytest.mark.parametrize(("status", "stored"), [(200, True), (404, True), (299, False), (599, False)])
def test_k3_must_understand_overrides_no_store_for_known_statuses_alone(status: int, stored: bool) -> None:
    assert reused(Scene().answers(status=status, cc="max-age=60, no-store, must-understand")) is stored


# ---- K4


@pytest.mark.parametrize("directive", ["no-cache", "private"])
def test_k4_named_fields_are_left_out_of_what_is_stored(directive: str) -> None:
    scene = Scene().answers(("A", "1"), ("B", "2"), ("C", "3"), cc=f'max-age=60, {directive}="a, B"')
    assert scene.get().header("A") == "1"
    again = scene.get()
    assert hit(again)
    assert (again.header("A"), again.header("B"), again.header("C")) == (None, None, "3")


def test_k4_fields_of_one_connection_are_not_stored() -> None:
    scene = Scene().answers(
        ("Connection", "a, b"), ("A", "1"), ("Proxy-Authenticate", "x"), ("C", "3"), cc=FRESH
    )
    scene.cache.app = scene._app  # a lint refuses to see Connection
    call(scene.cache, "GET", "/page")
    again = call(scene.cache, "GET", "/page")
    assert again.header("C") == "3"
    assert [again.header(name) for name in ("Connection", "A", "Proxy-Authenticate")] == [None] * 3


# ---- K5, K6: lifetime (more in test_lifetime.py)


@pytest.mark.parametrize(
    ("headers", "cc", "seconds"),
    [
        ([("CDN-Cache-Control", "max-age=30")], "max-age=60, s-maxage=90", 30),
        ([("CDN-Cache-Control", "max-age=30")], "no-store", 30),
        ([("CDN-Cache-Control", "max-age=30, &&")], "max-age=60", 60),
        ([], "max-age=60, s-maxage=90", 90),
        ([("Expires", date(90))], "max-age=60", 60),
        ([("Expires", date(90)), ("Date", date(-10))], None, 90),
        ([("Last-Modified", date(-1000))], None, 100),
        ([("Last-Modified", date(-1000))], "must-revalidate", 100),
    ],
)
def test_k5_lifetime_by_rank(headers: list[tuple[str, str]], cc: str | None, seconds: int) -> None:
    scene = Scene().answers(*headers, cc=cc)
    scene.get()
    scene.wait(seconds - 1)
    assert hit(scene.get())
    scene.wait(1)
    assert not hit(scene.get())


@pytest.mark.parametrize(
    ("status", "guessed"), [(200, True), (404, True), (201, False), (403, False), (503, False)]
)
def test_k5_heuristic_is_for_some_statuses(status: int, guessed: bool) -> None:
    assert reused(Scene().answers(("Last-Modified", date(-1000)), status=status)) is guessed


def test_k5_heuristic_is_for_any_status_that_is_public() -> None:
    assert reused(Scene().answers(("Last-Modified", date(-1000)), status=599, cc="public"))


@pytest.mark.parametrize(
    "expires", ["0", "-1", "", "tomorrow", "Sat, 06 Nov 2094 08:49:37", "2094-11-06T08:49:37Z"]
)
def test_k6_invalid_expires_is_in_the_past(expires: str) -> None:
    assert not reused(Scene().answers(("Expires", expires), ("Last-Modified", date(-1000))))


def test_k6_expires_given_twice_is_in_the_past() -> None:
    assert not reused(Scene().answers(("Expires", date(60)), ("Expires", date(60))))


@pytest.mark.parametrize(
    ("cc", "seconds"),
    [
        ("max-age=a60", 0),
        ("max-age=60s", 0),
        ("max-age=-60", 0),
        ("max-age=60.0", 0),
        ("max-age=", 0),
        ("max-age", 0),
        ("max-age =60", 0),
        ("max-age= 60", 0),
        ("max-age='60'", 0),
        ("max-age=60, max-age=10", 10),
        ("max-age=10, max-age=60", 10),
        ('max-age="60"', 60),
        ("max-age=0060", 60),
        ("MaX-aGe=60", 60),
        ('ext="max-age=900", max-age=60', 60),
        ("max-age=99999999999999999999", 2**31),
    ],
)
def test_k6_numbers_are_read_strictly(cc: str, seconds: int) -> None:
    scene = Scene().answers(cc=cc)
    scene.get()
    if seconds:
        assert hit(scene.wait(seconds - 1).get())
        scene.wait(1)
    assert not hit(scene.get())


# ---- K7, K8: age


def test_k7_incoming_age_counts() -> None:
    """hishel counts a response that is 50000 seconds old as fresh."""
    assert not reused(Scene().answers(("Age", "50000"), ("Date", date()), cc="max-age=3600"))


@pytest.mark.parametrize(
    ("age", "counted"),
    [("30", 30), ("30, 0", 30), ("0, 30", 0), ("abc", 0), ("-30", 0), ("30.0", 0), ("", 0)],
)
def test_k7_the_first_age_counts_and_garbage_does_not(age: str, counted: int) -> None:
    scene = Scene().answers(("Age", age), ("Date", date()), cc=FRESH)
    scene.get()
    assert scene.get().header("Age") == str(counted)


def test_k7_age_is_the_larger_of_both_clocks_and_grows() -> None:
    scene = Scene().answers(("Age", "10"), ("Date", date(-40)), cc="max-age=1000")
    scene.get()
    assert scene.wait(5).get().header("Age") == "45"


def test_k7_the_time_under_way_counts() -> None:
    scene = Scene().answers(("Age", "10"), cc="max-age=1000")
    scene.takes = 7.0
    scene.get()
    assert scene.get().header("Age") == "17"


def test_k8_age_on_every_reuse_and_date_and_expires_unchanged() -> None:
    scene = Scene().answers(("Date", date()), ("Expires", date(100)))
    scene.get()
    for method, headers in (
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"Range": "bytes=0-1"}),
        ("GET", {"If_None_Match": "*"}),
    ):
        answer = scene.wait(1).get(method=method, **headers)
        assert answer.header("Age") == str(int(scene.now - NOON))
        assert answer.header("Date") == date()
        assert answer.header("Expires") == date(100)


def test_k8_date_is_added_where_it_is_missing() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    assert scene.wait(5).get().header("Date") == date()


def test_k8_one_age_only() -> None:
    scene = Scene().answers(("Age", "10"), cc=FRESH)
    scene.get()
    assert scene.get().all("Age") == ["10"]


# ---- K9: keys and variants (more in test_keys.py and test_vary.py)


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/other"},
        {"path": "/page?a=1"},
        {"environ": {"SCRIPT_NAME": "/mount"}},
        {"environ": {"HTTP_HOST": "elsewhere"}},
        {"environ": {"wsgi.url_scheme": "https"}},
    ],
)
def test_k9_each_part_of_the_url_counts(other: dict[str, Any]) -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    assert not hit(scene.get(**other))


def test_k9_mount_point_and_path_are_one() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get("/mount/page")
    assert hit(scene.get("/page", environ={"SCRIPT_NAME": "/mount", "RAW_URI": "", "REQUEST_URI": ""}))


def test_k9_every_member_of_vary_has_to_match() -> None:
    scene = Scene().answers(("Vary", "Foo"), ("Vary", "bar"), cc=FRESH)
    scene.get(Foo="1", Bar="2")
    assert hit(scene.get(Foo="1", Bar="2"))
    assert not hit(scene.get(Foo="1", Bar="3"))
    assert not hit(scene.get(Foo="1"))
    assert not hit(scene.get())


def test_k9_space_does_not_count() -> None:
    scene = Scene().answers(("Vary", "Accept-Language"), cc=FRESH)
    scene.get(Accept_Language="en , de;q=0.5")
    assert hit(scene.get(Accept_Language=" en,de; q=0.5"))


def test_k9_several_variants_are_kept_side_by_side() -> None:
    scene = Scene()
    for language in ("en", "de"):
        scene.answers(("Vary", "Accept-Language"), cc=FRESH, body=language.encode())
        scene.get(Accept_Language=language)
    for language in ("en", "de"):
        answer = scene.get(Accept_Language=language)
        assert hit(answer)
        assert answer.body == language.encode()


def test_k9_the_newest_date_wins() -> None:
    scene = Scene().answers(("Vary", "Foo"), ("Date", date(10)), cc="max-age=600", body=b"newer")
    scene.get(Foo="1")
    scene.answers(("Vary", "Bar"), ("Date", date()), cc="max-age=600", body=b"older")
    scene.get(Foo="2", Bar="2")
    assert scene.get(Foo="1", Bar="2").body == b"newer"


def test_k9_variants_of_one_url_are_limited() -> None:
    scene = Scene().answers(("Vary", "Foo"), cc=FRESH)
    for number in range(100):
        scene.get(Foo=str(number))
    assert len(scene.cache.store.find("http://testserver/page")) <= 64
    assert hit(scene.get(Foo="99"))


# ---- K10: what the client wants


@pytest.mark.parametrize(
    ("wanted", "after", "served"),
    [
        ("no-cache", 0, False),
        ("max-age=0", 0, False),
        ("max-age=10", 10, True),
        ("max-age=10", 11, False),
        ("min-fresh=30", 30, True),
        ("min-fresh=30", 31, False),
        ("min-fresh=junk", 0, False),
        ("max-stale=10", 70, True),
        ("max-stale=10", 71, False),
        ("max-stale", 9999, True),
        ("max-stale=junk", 61, False),
        ("no-store", 0, False),
        ("no-transform", 0, True),
        ("only-if-cached", 0, True),
    ],
)
def test_k10_request_directives_are_obeyed(wanted: str, after: float, served: bool) -> None:
    """hishel ignores max-age, min-fresh, max-stale, only-if-cached and no-store of a request."""
    scene = Scene().answers(cc=FRESH)
    scene.get()
    assert hit(scene.wait(after).get(Cache_Control=wanted)) is served


@pytest.mark.parametrize("forbids", ["must-revalidate", "proxy-revalidate", "s-maxage=60"])
def test_k10_max_stale_does_not_overrule_the_app(forbids: str) -> None:
    scene = Scene().answers(cc=f"max-age=60, {forbids}")
    scene.get()
    assert not hit(scene.wait(61).get(Cache_Control="max-stale"))


def test_k10_only_if_cached_is_504_where_there_is_nothing() -> None:
    scene = Scene().answers(cc=FRESH)
    answer = scene.get(Cache_Control="only-if-cached")
    assert (answer.status, scene.calls) == (504, 0)
    scene.get()
    assert scene.wait(61).get(Cache_Control="only-if-cached").status == 504


def test_k10_pragma_counts_without_cache_control_alone() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    assert hit(scene.get(Pragma="no-cache", Cache_Control="max-age=100"))
    assert not hit(scene.get(Pragma="no-cache"))


def test_k10_clients_can_be_ignored() -> None:
    scene = Scene(client_directives=False).answers(cc=FRESH)
    scene.get(Cache_Control="no-store")
    assert hit(scene.get(Cache_Control="no-cache"))


# ---- K11, K12: validation


@pytest.mark.parametrize(
    ("validators", "sent"),
    [
        ([("ETag", '"a"')], {"HTTP_IF_NONE_MATCH": '"a"'}),
        ([("ETag", 'W/"a"')], {"HTTP_IF_NONE_MATCH": 'W/"a"'}),
        ([("Last-Modified", date(-9))], {"HTTP_IF_MODIFIED_SINCE": date(-9)}),
        (
            [("ETag", '"a"'), ("Last-Modified", date(-9))],
            {"HTTP_IF_NONE_MATCH": '"a"', "HTTP_IF_MODIFIED_SINCE": date(-9)},
        ),
    ],
)
def test_k11_what_is_stale_is_validated_with_its_own_validators(
    validators: list[tuple[str, str]], sent: dict[str, str]
) -> None:
    scene = Scene().answers(*validators, cc=FRESH, conditional=True)
    scene.get()
    answer = scene.wait(61).get()
    names = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")
    assert {name: scene.asked[1][name] for name in names if name in scene.asked[1]} == sent
    assert (answer.status, answer.body, answer.header("Age")) == (200, b"hello", "0")
    assert answer.environ["wsgikit.notes"]["cache"] == "revalidated"
    assert hit(scene.get())


def test_k11_another_variant_is_not_validated() -> None:
    """hishel validates the English page for a request for the German one, and serves it."""
    scene = Scene().answers(("Vary", "Accept-Language"), ("Last-Modified", date(-9)), cc=FRESH, body=b"en")
    scene.get(Accept_Language="en")
    scene.answers(
        ("Vary", "Accept-Language"), ("Last-Modified", date(-9)), cc=FRESH, body=b"de", conditional=True
    )
    for wait in (0, 61):
        answer = scene.wait(wait).get(Accept_Language="de")
        assert answer.body == b"de"
    assert "HTTP_IF_MODIFIED_SINCE" not in scene.asked[1]


def test_k11_clients_own_conditions_are_answered_from_the_refreshed_entry() -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH, conditional=True)
    scene.get()
    answer = scene.wait(61).get(If_None_Match='"a", "b"')
    assert (answer.status, answer.body, answer.header("ETag")) == (304, b"", '"a"')
    assert scene.asked[1]["HTTP_IF_NONE_MATCH"] == '"a"'
    assert scene.wait(61).get(If_None_Match='"b"').body == b"hello"


def test_k11_clients_own_conditions_are_answered_from_a_fresh_entry() -> None:
    scene = Scene().answers(("ETag", '"a"'), ("Last-Modified", date(-100)), cc=FRESH)
    scene.get()
    answers = {
        '"a"': {"If_None_Match": '"a"'},
        "weak": {"If_None_Match": 'W/"a"'},
        "any": {"If_None_Match": "*"},
        "rather than the date": {"If_None_Match": '"a"', "If_Modified_Since": date(-200)},
        "date": {"If_Modified_Since": date(-100)},
        "later": {"If_Modified_Since": date(-50)},
    }
    assert {name: scene.get(**headers).status for name, headers in answers.items()} == dict.fromkeys(
        answers, 304
    )
    assert scene.get(If_None_Match='"b"').status == 200
    assert scene.get(If_Modified_Since=date(-101)).status == 200
    assert scene.calls == 1


def test_k11_without_last_modified_the_date_is_compared() -> None:
    scene = Scene().answers(("Date", date()), cc=FRESH)
    scene.get()
    assert scene.get(If_Modified_Since=date()).status == 304
    assert scene.get(If_Modified_Since=date(-1)).status == 200


def test_k11_clients_conditions_do_not_keep_the_cache_from_filling() -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH, conditional=True, body=lambda: iter([b"hel", b"lo"]))
    answer = scene.get(If_None_Match='"a"')
    assert (answer.status, answer.body) == (304, b"")
    again = scene.get()
    assert hit(again)
    assert again.body == b"hello"


def test_k12_304_updates_all_fields_but_those_of_the_bytes() -> None:
    scene = Scene().answers(("ETag", '"a"'), ("A", "1"), ("B", "1"), ("B", "2"), ("C", "1"), cc=FRESH)
    scene.get()
    scene.answers(
        *(("ETag", '"a"'), ("B", "3"), ("C", "2"), ("D", "4"), ("Content-Encoding", "gzip")),
        *(("Content-Length", "0"), ("Content-Foo", "new"), ("Content-MD5", "of nothing")),
        cc="max-age=100",
        status=304,
    )
    scene._headers[0] = ("Content-Type", "image/png")
    scene.cache.app = scene._app  # a 304 like many servers': no lint would let it pass
    scene.wait(61)
    for _ in range(2):
        answer = scene.get()
        assert answer.body == b"hello"
        assert [answer.header(name) for name in ("A", "B", "C", "D", "Content-Foo")] == [
            "1",
            "3",
            "2",
            "4",
            "new",
        ]
        assert [answer.header(name) for name in ("Content-Type", "Content-Encoding")] == ["text/plain", None]
        assert answer.header("Content-MD5") is None
        assert answer.header("Content-Length") == "5"
        assert answer.header("Cache-Control") == "max-age=100"
    assert hit(answer)


@pytest.mark.parametrize(
    ("cookie", "cc"),
    [
        ("Set-Cookie", FRESH),
        ("X-Own", 'max-age=60, private="x-own"'),
        ("X-Own", 'max-age=60, no-cache="x-own"'),
    ],
)
def test_k12_what_a_304_brings_for_one_client_is_not_for_the_next(cookie: str, cc: str) -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH)
    scene.get()
    scene.answers(("ETag", '"a"'), (cookie, "a=1"), cc=cc, conditional=True)
    assert scene.wait(61).get().header(cookie) == "a=1"
    again = scene.get()
    assert (hit(again), again.body, again.header(cookie)) == (True, b"hello", None)


def test_k12_a_field_that_a_304_takes_out_is_no_longer_kept() -> None:
    scene = Scene().answers(("ETag", '"a"'), ("A", "1"), cc=FRESH)
    scene.get()
    scene.answers(("ETag", '"a"'), cc='max-age=60, private="a"', conditional=True)
    assert scene.wait(61).get().header("A") is None


def test_k12_304_makes_an_aged_response_young() -> None:
    scene = Scene().answers(("ETag", '"a"'), ("Age", "50"), ("Date", date(-50)), cc=FRESH, conditional=True)
    scene.get()
    scene.answers(("ETag", '"a"'), cc=FRESH, conditional=True)
    assert scene.wait(20).get().header("Age") == "0"
    assert hit(scene.wait(59).get())


@pytest.mark.parametrize("other", [("ETag", '"b"'), ("ETag", 'W/"b"'), ("Last-Modified", date(-5))])
def test_k12_304_about_something_else_is_asked_again_without_conditions(other: tuple[str, str]) -> None:
    scene = Scene().answers(("ETag", '"a"'), ("Last-Modified", date(-9)), cc=FRESH)
    scene.get()

    def confused(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        scene.asked.append(environ)
        asked = "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
        start_response("304 Not Modified" if asked else "200 OK", [other, ("Cache-Control", FRESH)])
        return [] if asked else [b"other"]

    scene.cache.app = confused
    answer = scene.wait(61).get()
    assert (answer.status, answer.body, scene.calls) == (200, b"other", 3)
    assert hit(scene.get())


def test_k12_a_304_that_forbids_storing_is_the_last_use() -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH, conditional=True)
    scene.get()
    scene.answers(("ETag", '"a"'), cc="no-store", conditional=True)
    assert scene.wait(61).get().body == b"hello"
    assert not hit(scene.get())
    assert "HTTP_IF_NONE_MATCH" not in scene.asked[2]


def test_k12_a_new_200_takes_the_old_ones_place() -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH)
    scene.get()
    scene.answers(("ETag", '"b"'), cc=FRESH, body=b"new")
    assert scene.wait(61).get().body == b"new"
    again = scene.get()
    assert hit(again)
    assert again.body == b"new"


def test_k11_an_error_after_the_clients_own_version_comes_with_its_body() -> None:
    """The client was to get a 304, and then the app has started over."""
    scene = Scene()

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Cache-Control", FRESH), ("ETag", '"a"')])
        yield b""
        yield b"half"
        try:
            raise OSError("gone")
        except OSError:
            start_response("500 Oops", [("Content-Length", "4")], sys.exc_info())
        yield b"oops"

    scene.cache.app = app
    answer = scene.get(If_None_Match='"a"')
    assert (answer.status, answer.body) == (500, b"oops")


@pytest.mark.parametrize("vary", [[], [("Vary", "Bar")]])
def test_k12_a_304_makes_a_variant_answer_nobody_else(vary: list[tuple[str, str]]) -> None:
    """A layer may add its own Vary to a 304, and the app that of the whole response alone."""
    scene = Scene().answers(("Vary", "Foo"), ("ETag", '"a"'), cc=FRESH)
    scene.get(Foo="1")
    scene.answers(*vary, ("ETag", '"a"'), cc=FRESH, conditional=True)
    assert scene.wait(61).get(Foo="1").status == 200
    assert hit(scene.get(Foo="1"))
    assert not hit(scene.get(Foo="2"))
    assert hit(scene.get(Foo="1", Bar="1")) is (not vary)


def test_k12_a_304_that_hides_its_cache_control_ends_the_stored_response() -> None:
    scene = Scene().answers(("ETag", '"a"'), ("Last-Modified", date(-10000)), cc="max-age=1")
    scene.get()
    hidden = 'private="cache-control", max-age=0'
    scene.answers(("ETag", '"a"'), cc=hidden, conditional=True).wait(2).get()
    assert not hit(scene.get())


# ---- K13: when the app fails


def fail(scene: Scene, how: str) -> None:
    if how == "raises":
        scene.answers(raises=OSError("gone"))
    elif how == "raises late":
        scene.answers(body=_raising)
    elif how == "unreachable":
        scene.answers(status=502)
        app = scene.cache.app

        def proxied(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ["wsgikit.notes"]["upstream_error"] = "refused"
            return app(environ, start_response)

        scene.cache.app = proxied
    else:
        scene.answers(status=int(how))


def _raising() -> Iterator[bytes]:
    raise OSError("gone")
    yield b""


@pytest.mark.parametrize("how", ["raises", "raises late", "unreachable", "500", "502", "503", "504"])
def test_k13_stale_if_error_covers_every_failure_within_its_window(how: str) -> None:
    scene = Scene(stale_if_unreachable=False).answers(cc="max-age=60, stale-if-error=40")
    scene.get()
    fail(scene, how)
    answer = scene.wait(100).get()
    assert (answer.status, answer.body, answer.header("Age")) == (200, b"hello", "100")
    assert answer.environ["wsgikit.notes"]["cache"] == "stale"
    scene.wait(1)
    if how.startswith("raises"):
        with pytest.raises(OSError, match="gone"):
            scene.get()
    else:
        assert scene.get().status >= 500


def test_k13_the_client_may_allow_it_too() -> None:
    scene = Scene(stale_if_unreachable=False).answers(cc=FRESH)
    scene.get()
    scene.wait(100).answers(status=500)
    assert scene.get(Cache_Control="stale-if-error=40").status == 200
    assert scene.get(Cache_Control="stale-if-error=39").status == 500


@pytest.mark.parametrize("how", ["raises", "raises late", "unreachable"])
def test_k13_when_the_app_is_unreachable_any_age_will_do(how: str) -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    fail(scene, how)
    assert scene.wait(10**6).get().body == b"hello"


@pytest.mark.parametrize("how", ["500", "502", "503", "504"])
def test_k13_an_app_that_answers_is_not_unreachable(how: str) -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    fail(scene, how)
    assert scene.wait(61).get().status == int(how)


@pytest.mark.parametrize("how", ["raises", "unreachable"])
def test_k13_unless_that_is_switched_off(how: str) -> None:
    scene = Scene(stale_if_unreachable=False).answers(cc=FRESH)
    scene.get()
    fail(scene, how)
    scene.wait(61)
    if how == "raises":
        with pytest.raises(OSError, match="gone"):
            scene.get()
    else:
        assert scene.get().status == 502


@pytest.mark.parametrize("forbids", ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"])
@pytest.mark.parametrize("how", ["raises", "unreachable", "500"])
def test_k13_never_against_the_apps_word(how: str, forbids: str) -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=f"max-age=60, stale-if-error=9999, {forbids}")
    scene.get()
    fail(scene, how)
    scene.wait(61)
    if how == "raises":
        with pytest.raises(OSError, match="gone"):
            scene.get()
    else:
        assert scene.get().status >= 500


def test_k13_nor_against_a_clients_no_cache() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    fail(scene, "raises")
    with pytest.raises(OSError, match="gone"):
        scene.get(Cache_Control="no-cache")


def test_k13_the_error_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    fail(scene, "raises")
    scene.wait(61).get()
    [record] = caplog.records
    assert (record.name, record.levelno) == ("wsgikit.cache", logging.ERROR)
    assert record.exc_info is not None


# ---- K14: stale-while-revalidate


class Refreshing(Scene):
    """A scene whose app tells when it has been asked in the background, and waits for leave to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.go = threading.Event()
        self.ended = threading.Event()
        front = threading.get_ident()
        inner = self.cache.app

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if threading.get_ident() == front:
                return inner(environ, start_response)
            self.begun.set()
            assert self.go.wait(10)
            return inner(environ, start_response)

        self.cache.app = app
        fills = self.cache._lookups.get().storage.fills
        end = fills.end

        def told(fill: collapse.Fill) -> None:
            end(fill)
            if threading.get_ident() != front:
                self.ended.set()

        fills.end = told  # type: ignore[method-assign]


@pytest.mark.parametrize("conditional", [False, True])
def test_k14_served_at_once_and_refreshed_once_in_the_background(conditional: bool) -> None:
    scene = Refreshing()
    headers = [("ETag", '"a"')] if conditional else []
    scene.answers(*headers, cc="max-age=60, stale-while-revalidate=40", conditional=conditional)
    scene.get()
    scene.wait(80)
    for _ in range(3):  # while the refresh waits for leave, nobody else begins one
        answer = scene.get()
        assert hit(answer)
        assert answer.environ["wsgikit.notes"]["cache"] == "stale"
    assert scene.begun.wait(10)
    scene.go.set()
    assert scene.ended.wait(10)
    assert scene.calls == 2
    assert ("HTTP_IF_NONE_MATCH" in scene.asked[1]) is conditional
    answer = scene.get()
    assert (hit(answer), answer.header("Age")) == (True, "0")


def test_k14_the_window_is_bounded() -> None:
    scene = Scene().answers(cc="max-age=60, stale-while-revalidate=40")
    scene.get()
    assert not hit(scene.wait(101).get())


@pytest.mark.parametrize("forbids", ["must-revalidate", "proxy-revalidate", "s-maxage=60"])
def test_k14_not_against_the_apps_word(forbids: str) -> None:
    scene = Scene().answers(cc=f"max-age=60, stale-while-revalidate=40, {forbids}")
    scene.get()
    assert not hit(scene.wait(61).get())


def test_k14_an_error_behind_leaves_the_stale_one(caplog: pytest.LogCaptureFixture) -> None:
    scene = Refreshing()
    scene.answers(cc="max-age=60, stale-while-revalidate=40")
    scene.get()
    scene.answers(raises=OSError("gone"))
    scene.go.set()
    scene.wait(61).get()
    assert scene.ended.wait(10)
    assert hit(scene.get())


# ---- K15: invalidation


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO"])
@pytest.mark.parametrize("status", [200, 201, 204, 303])
def test_k15_a_change_removes_its_target(method: str, status: int) -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    scene.answers(status=status).get(method=method, body=b"x")
    assert not hit(scene.answers(cc=FRESH).get())


@pytest.mark.parametrize("status", [400, 404, 500])
def test_k15_an_error_does_not(status: int) -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    scene.answers(status=status).get(method="POST", body=b"x")
    assert hit(scene.get())


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize(
    ("place", "removed"),
    [("/other", True), ("http://testserver/other", True), ("other", True)]
    + [("http://elsewhere/other", False), ("https://testserver/other", False), ("//[", False)],
)
def test_k15_places_of_the_same_origin_too(name: str, place: str, removed: bool) -> None:
    scene = Scene().answers(cc=FRESH)
    environ = {"HTTP_HOST": "testserver"}
    for host in ("testserver", "elsewhere"):
        scene.get("/other", environ={"HTTP_HOST": host})
    scene.answers((name, place)).get(method="POST", body=b"x", environ=environ)
    assert hit(scene.answers(cc=FRESH).get("/other", environ=environ)) is not removed
    assert hit(scene.get("/other", environ={"HTTP_HOST": "elsewhere"}))


def test_k15_a_change_with_cookies_invalidates_as_well() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    scene.answers().get(method="POST", body=b"x", Cookie="a=1")
    assert not hit(scene.answers(cc=FRESH).get())


def test_k15_what_was_asked_for_before_a_change_is_not_stored_after_it() -> None:
    scene = Scene().answers(cc=FRESH, body=lambda: iter([b"ol", b"d"]))
    with closing(scene.open("/page")) as body:
        assert next(body) == b"ol"
        scene.answers(status=204).get(method="POST", body=b"x")
        assert list(body) == [b"d"]
    assert not hit(scene.answers(cc=FRESH).get())


def test_k15_a_change_is_done_once_though_the_app_fails() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    scene.answers(raises=OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        scene.get(method="POST", body=b"x")
    assert scene.calls == 2


# ---- K16: HEAD


def test_k16_head_is_answered_from_a_stored_get() -> None:
    scene = Scene().answers(("A", "1"), cc=FRESH)
    scene.get()
    answer = scene.get(method="HEAD")
    assert (hit(answer), answer.body, answer.header("Content-Length"), answer.header("A")) == (
        True,
        b"",
        "5",
        "1",
    )


@pytest.mark.parametrize("other", [("ETag", '"b"'), ("Last-Modified", date(-1)), ("Content-Length", "6")])
def test_k16_head_that_describes_another_response_ends_the_stored_one(other: tuple[str, str]) -> None:
    scene = Scene().answers(
        ("ETag", '"a"'), ("Last-Modified", date(-9)), cc="max-age=60, stale-while-revalidate=99"
    )
    scene.get()
    scene.answers(other, cc=FRESH).get(method="HEAD", Cache_Control="no-cache")
    assert not hit(scene.answers(cc=FRESH).get())


def test_k16_head_that_confirms_it_makes_it_fresh_again() -> None:
    scene = Scene().answers(("ETag", '"a"'), ("A", "1"), cc=FRESH)
    scene.get()
    scene.wait(61).answers(("ETag", '"a"'), ("A", "2"), cc="max-age=90").get(method="HEAD")
    answer = scene.wait(80).get()
    assert (hit(answer), answer.header("A"), answer.body) == (True, "2", b"hello")


# ---- K17: ranges


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-1", 206, b"he", "bytes 0-1/5"),
        ("bytes=1-", 206, b"ello", "bytes 1-4/5"),
        ("bytes=-2", 206, b"lo", "bytes 3-4/5"),
        ("bytes=2-99", 206, b"llo", "bytes 2-4/5"),
        ("bytes=9-", 416, None, "bytes */5"),
        ("bytes=-0", 416, None, "bytes */5"),
        ("bytes=3-1", 200, b"hello", None),
        ("lines=1-2", 200, b"hello", None),
    ],
)
def test_k17_ranges_are_answered_from_a_complete_response(
    wanted: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH)
    scene.get()
    answer = scene.get(Range=wanted)
    assert (hit(answer), answer.status, answer.header("Content-Range")) == (True, status, content_range)
    assert body is None or answer.body == body
    assert answer.header("Content-Length") == str(len(answer.body))


@pytest.mark.parametrize(("condition", "status"), [('"a"', 206), ('"b"', 200), ('W/"a"', 200)])
def test_k17_if_range(condition: str, status: int) -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH)
    scene.get()
    assert scene.get(Range="bytes=0-1", If_Range=condition).status == status


def test_k17_validation_asks_for_the_whole_and_answers_the_range() -> None:
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH, conditional=True)
    scene.get()
    answer = scene.wait(61).get(Range="bytes=0-1")
    assert "HTTP_RANGE" not in scene.asked[1]
    assert (answer.status, answer.body) == (206, b"he")


def test_k17_several_ranges_come_as_multipart() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    answer = scene.get(Range="bytes=0-0,4-4")
    assert answer.status == 206
    assert (answer.header("Content-Type") or "").startswith("multipart/byteranges")


# ---- K18: collapsing


class Crowd(Scene):
    """Requests from many threads at once; the app's first call waits until all the others are on their way."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.entered = threading.Event()
        self.go = threading.Event()
        self.lock = threading.Lock()
        inner = self.cache.app

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.entered.set()
            assert self.go.wait(10)
            return inner(environ, start_response)

        self.cache.app = app

    def together(self, count: int, **options: Any) -> list[Any]:
        """The results of ``count`` requests at once; an exception where the app raised."""
        results: list[Any] = []

        def one() -> None:
            try:
                result = self.get(**options)
            except Exception as error:
                result = error
            with self.lock:
                results.append(result)

        leader = threading.Thread(target=one)
        leader.start()
        assert self.entered.wait(10)
        followers = [threading.Thread(target=one) for _ in range(count - 1)]
        fills = self.cache._lookups.get().storage.fills
        begun = threading.Semaphore(0)
        begin = fills.begin

        def told(*args: Any, **options: Any) -> Any:
            found = begin(*args, **options)
            begun.release()
            return found

        fills.begin = told  # type: ignore[method-assign]
        for thread in followers:
            thread.start()
        for _ in followers:
            assert begun.acquire(timeout=10)
        self.go.set()
        for thread in (leader, *followers):
            thread.join(10)
            assert not thread.is_alive()
        return results


def test_k18_many_misses_at_once_are_one_call() -> None:
    scene = Crowd()
    scene.answers(cc=FRESH)
    results = scene.together(8)
    assert scene.calls == 1
    assert {result.body for result in results} == {b"hello"}
    assert sum("collapsed" in result.header("Cache-Status") for result in results) == 7


def test_k18_many_validations_at_once_are_one_call() -> None:
    scene = Crowd()
    scene.go.set()
    scene.answers(("ETag", '"a"'), cc=FRESH, conditional=True).get()
    scene.go.clear()
    scene.entered.clear()
    scene.wait(61)
    assert {result.body for result in scene.together(5)} == {b"hello"}
    assert scene.calls == 2


def test_k18_those_who_wait_for_a_304_are_woken_when_what_it_brought_is_kept() -> None:
    """Before that they would find the stale response, and ask the app each for themselves."""
    scene = Scene().answers(("ETag", '"a"'), cc=FRESH, conditional=True)
    scene.get()
    fills = scene.cache._lookups.get().storage.fills
    freshen = scene.cache.store.freshen
    under_way: list[bool] = []

    def watched(key: str, entry: Any) -> None:
        under_way.append(bool(fills._under_way))
        freshen(key, entry)

    scene.cache.store.freshen = watched  # type: ignore[method-assign]
    scene.wait(61).get()
    assert under_way == [True]
    assert not fills._under_way


@pytest.mark.parametrize("known", ["cookies", "vary"])
def test_k18_nobody_waits_for_an_answer_that_is_known_to_be_for_others(known: str) -> None:
    scene = Scene(vary_cookies=True).answers(("Vary", "Foo"), cc=FRESH)
    other, mine = {"cookies": ({"Cookie": "a=1"}, {"Cookie": "a=2"}), "vary": ({"Foo": "1"}, {"Foo": "2"})}[
        known
    ]
    if known == "vary":
        scene.get()
    entered, held = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        entered.set()
        if threading.current_thread().name == "other":
            assert held.wait(10)
        yield b"hello"

    scene.answers(("Vary", "Foo"), cc=FRESH, body=body)
    slow = threading.Thread(target=lambda: scene.get(**other), name="other")
    slow.start()
    assert entered.wait(10)
    quick = threading.Thread(target=lambda: scene.get(**mine))
    quick.start()
    quick.join(5)  # half of what it would wait
    waited = quick.is_alive()
    held.set()
    slow.join(10)
    quick.join(10)
    assert not waited


def test_k18_what_cannot_be_shared_is_not_waited_for() -> None:
    """Waiters go on as soon as the leader's head is there, though its body has not ended."""
    scene = Crowd()
    held = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"private"
        if threading.current_thread().name == "leader":
            assert held.wait(10)

    scene.answers(cc="private", body=body)
    results: list[Any] = []
    leader = threading.Thread(target=lambda: results.append(scene.get()), name="leader")
    leader.start()
    assert scene.entered.wait(10)
    follower = threading.Thread(target=lambda: results.append(scene.get()))
    follower.start()
    scene.go.set()
    follower.join(10)
    assert not follower.is_alive()
    assert leader.is_alive()
    held.set()
    leader.join(10)
    assert [result.body for result in results] == [b"private"] * 2
    assert scene.calls == 2


def test_k18_a_leader_that_crashes_frees_the_others() -> None:
    scene = Crowd()
    scene.answers(raises=OSError("gone"))
    results = scene.together(4)
    assert all(isinstance(result, OSError) for result in results)
    assert scene.calls == 4


def test_k18_an_app_that_asks_its_own_cache_does_not_wait_for_itself() -> None:
    scene = Scene().answers(cc=FRESH)
    inner = scene.cache.app

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "test.nested" not in environ:
            scene.get(environ={"test.nested": True})
        return inner(environ, start_response)

    scene.cache.app = app
    assert scene.get().body == b"hello"


def test_k18_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgikit.responses.cache.lookup.PATIENCE", 0.0)
    scene = Scene().answers(cc=FRESH)
    fills = scene.cache._lookups.get().storage.fills
    leading = threading.Thread(target=fills.lead, args=("http://testserver/page",))
    leading.start()
    leading.join()
    assert scene.get(environ={"HTTP_HOST": "testserver"}).body == b"hello"


# ---- K19: Cache-Status


def test_k19_cache_status_says_what_was_done() -> None:
    scene = Scene().answers(("ETag", '"a"'), ("Vary", "Foo"), cc=FRESH, conditional=True)
    said = [scene.get().header("Cache-Status"), scene.wait(10).get().header("Cache-Status")]
    said += [
        scene.get(Foo="1").header("Cache-Status"),
        scene.get(Cache_Control="no-cache").header("Cache-Status"),
    ]
    said += [scene.wait(61).get().header("Cache-Status"), scene.get(Cookie="a=1").header("Cache-Status")]
    said += [scene.get(method="POST").header("Cache-Status")]
    assert said == [
        "wsgikit; fwd=uri-miss; stored",
        "wsgikit; hit; ttl=50",
        "wsgikit; fwd=vary-miss; stored",
        "wsgikit; fwd=request; fwd-status=304; ttl=60",
        "wsgikit; fwd=stale; fwd-status=304; ttl=60",
        "wsgikit; fwd=bypass",
        "wsgikit; fwd=method",
    ]


def test_k19_an_inner_caches_word_comes_first_and_is_not_stored() -> None:
    scene = Scene().answers(("Cache-Status", "inner; fwd=miss"), cc=FRESH)
    assert scene.get().all("Cache-Status") == ["inner; fwd=miss", "wsgikit; fwd=uri-miss; stored"]
    assert scene.get().all("Cache-Status") == ["wsgikit; hit; ttl=60"]


@pytest.mark.parametrize(
    ("headers", "note"), [({}, "hit"), ({"Cookie": "a"}, "bypass"), ({"Cache_Control": "no-cache"}, "miss")]
)
def test_k19_the_access_log_gets_a_note(headers: dict[str, str], note: str) -> None:
    scene = Scene().answers(cc=FRESH)
    assert scene.get().environ["wsgikit.notes"] == {"cache": "miss"}
    assert scene.get(**headers).environ["wsgikit.notes"] == {"cache": note}


# ---- K20, K21: size and streams


@pytest.mark.parametrize("announced", [False, True])
def test_k20_what_is_longer_than_the_cap_streams_through_unstored(announced: bool) -> None:
    scene = Scene(store=MemoryStore("64KiB"))
    length = [("Content-Length", str(100 * 1024))] if announced else []
    scene.answers(*length, cc=FRESH, body=lambda: iter([b"x" * 1024] * 100))
    assert len(scene.get().body) == 100 * 1024
    assert not hit(scene.get())
    fills = scene.cache._lookups.get().storage.fills
    assert announced or fills._is_vain("http://testserver/page")  # nobody waits for the next one


def test_k21_the_first_byte_is_not_delayed_and_nothing_is_visible_before_the_end() -> None:
    pulled: list[int] = []

    def body() -> Iterator[bytes]:
        for number in range(3):
            pulled.append(number)
            yield b"%d" % number

    scene = Scene().answers(cc=FRESH, body=body)
    with closing(scene.open("/page")) as chunks:
        for number in range(3):
            assert next(chunks) == b"%d" % number
            assert pulled == list(range(number + 1))
            assert scene.cache.store.find("http://testserver/page") == []
        assert list(chunks) == []
    assert len(scene.cache.store.find("http://testserver/page")) == 1


def test_k21_a_body_of_announced_length_is_whole_with_its_last_byte() -> None:
    scene = Scene().answers(("Content-Length", "5"), cc=FRESH, body=lambda: iter([b"hel", b"lo"]))
    scene.get(stop_after=2)
    assert hit(scene.get())


def test_k21_an_endless_stream_passes() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"data: x\n\n"

    scene = Scene().answers(cc=FRESH, body=endless)
    assert len(scene.get(stop_after=50).chunks) == 50


# ---- K22: inputs that no key knows


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Host",
    ]
    + ["X-Forwarded-Scheme", "X-HTTP-Method-Override"],
)
def test_k22_what_steers_urls_is_not_shared(name: str) -> None:
    """The poisoner's page is not served to others, though the app says nothing in Vary."""
    scene = Scene().answers(cc=FRESH, body=b"<a href=http://evil>")
    scene.get(**{name.replace("-", "_"): "evil"})
    scene.answers(cc=FRESH, body=b"<a href=http://good>")
    assert scene.get().body == b"<a href=http://good>"


def test_k22_a_slash_in_host_leads_to_no_other_path() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get("/page", environ={"HTTP_HOST": "testserver/admin"})
    assert not hit(scene.get("/admin/page"))


def test_k22_forwarded_counts_by_its_host_and_scheme_alone() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get(Forwarded="for=203.0.113.9;host=a;proto=https")
    assert hit(scene.get(Forwarded="for=198.51.100.7;host=a;proto=https"))
    assert not hit(scene.get(Forwarded="for=203.0.113.9;host=b;proto=https"))


def test_k22_an_address_of_the_client_does_not_count() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get(X_Forwarded_For="203.0.113.9")
    assert hit(scene.get(X_Forwarded_For="198.51.100.7"))


def test_k22_an_escaped_slash_is_another_resource() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get("/a/b")
    assert not hit(scene.get("/a%2Fb"))
    assert hit(scene.get("/a%2fb"))
    assert hit(scene.get("/%61/b"))


# ---- cookies


def test_requests_with_cookies_pass_by() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get(Cookie="a=1")
    assert not hit(scene.get(Cookie="a=1"))
    assert not hit(scene.get())
    assert hit(scene.get())


def test_requests_with_cookies_are_kept_apart_on_demand() -> None:
    scene = Scene(vary_cookies=True).answers(cc=FRESH)
    scene.get(Cookie="a=1")
    assert hit(scene.get(Cookie="a=1"))
    assert not hit(scene.get(Cookie="a=2"))
    assert not hit(scene.get())


@pytest.mark.parametrize("apart", [False, True])
def test_what_is_posted_with_a_cookie_is_kept_for_that_client_at_most(apart: bool) -> None:
    scene = Scene(vary_cookies=apart).answers(("Content-Location", "/page"), cc=FRESH)
    scene.get(method="POST", body=b"x", Cookie="a=1")
    assert not hit(scene.get())
    assert hit(scene.get(Cookie="a=1")) is apart


# ---- default_ttl


@pytest.mark.parametrize(
    ("cc", "status", "served"), [(None, 200, True), (None, 404, True), (None, 403, False)]
)
def test_default_ttl_is_for_answers_that_say_nothing(cc: str | None, status: int, served: bool) -> None:
    scene = Scene(default_ttl="1m").answers(status=status, cc=cc)
    scene.get()
    assert hit(scene.wait(59).get()) is served
    assert not hit(scene.wait(61).get())


@pytest.mark.parametrize("cc", ["max-age=10", "no-store", "private", "no-cache", "max-age=junk"])
def test_default_ttl_does_not_overrule_the_app(cc: str) -> None:
    scene = Scene(default_ttl=60).answers(cc=cc)
    scene.get()
    assert not hit(scene.wait(11).get())


# ---- purge


def test_purge_removes_all_variants_of_a_url() -> None:
    scene = Scene().answers(("Vary", "Foo"), cc=FRESH)
    environ = {"HTTP_HOST": "testserver"}
    scene.get("/a%2Fb?x=1", Foo="1", environ=environ)
    scene.get("/a%2Fb?x=1", Foo="2", environ=environ)
    assert scene.cache.purge("http://testserver/a%2Fb") == 0
    assert scene.cache.purge("HTTP://TestServer:80/a%2fb?x=1") == 2
    assert not hit(scene.get("/a%2Fb?x=1", Foo="1", environ=environ))


@pytest.mark.parametrize("url", ["/page", "", "ftp://x/", "http://", "page"])
def test_purge_wants_an_absolute_url(url: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        Scene().cache.purge(url)


@pytest.mark.parametrize(
    ("option", "header", "value"),
    [
        ("Surrogate-Key", "Surrogate-Key", "a b"),
        ("Cache-Tag", "Cache-Tag", "a, b"),
        (("X-Tags",), "X-Tags", "a,b"),
    ],
)
def test_purge_tag_removes_what_bears_it(option: Any, header: str, value: str) -> None:
    scene = Scene(tags=option).answers((header, value), cc=FRESH)
    scene.get()
    scene.get("/other")
    assert scene.cache.purge_tag("c") == 0
    assert scene.cache.purge_tag("b") == 2
    assert not hit(scene.get())


def test_cache_tags_may_hold_spaces() -> None:
    scene = Scene(tags="Cache-Tag").answers(("Cache-Tag", "a b, c"), cc=FRESH)
    scene.get()
    assert scene.cache.purge_tag("a") == 0
    assert scene.cache.purge_tag("a b") == 1


@pytest.mark.parametrize("purge", [lambda c: c.purge("http://testserver/page"), lambda c: c.purge_tag("t")])
def test_what_is_purged_while_under_way_is_not_stored(purge: Any) -> None:
    scene = Scene().answers(("Surrogate-Key", "t"), cc=FRESH, body=lambda: iter([b"hel", b"lo"]))
    with closing(scene.open("/page")) as body:
        next(body)
        purge(scene.cache)
        assert list(body) == [b"lo"]
    assert scene.cache.store.find("http://testserver/page") == []


# ---- a store that fails


class Broken(MemoryStore):
    """Raises in the method that is named."""

    def __init__(self) -> None:
        super().__init__()
        self.method = ""
        self.error: Exception = StoreError("the disk is full")

    def __getattribute__(self, name: str) -> Any:
        if name in ("find", "body", "write", "freshen", "forget") and name == self.method:
            return self._fail
        return super().__getattribute__(name)

    def _fail(self, *args: Any) -> Any:
        raise self.error


MISTAKE = RuntimeError("the disk is full, and nobody caught it")


@pytest.mark.parametrize("error", [StoreError("the disk is full"), MISTAKE])
@pytest.mark.parametrize("method", ["find", "body", "write", "freshen", "forget"])
def test_a_store_that_fails_is_a_miss_and_a_line(
    method: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store = Broken()
    store.error = error
    scene = Scene(store=store).answers(("ETag", '"a"'), cc=FRESH, conditional=True)
    scene.get()
    store.method = method
    if method == "write":
        scene.get("/new")
    elif method == "forget":
        scene.answers().get(method="POST", body=b"x")
    elif method == "freshen":
        scene.wait(61).get()
    assert scene.get().body == b"hello"
    assert any("the disk is full" in record.getMessage() for record in caplog.records)
    assert {record.name for record in caplog.records} == {"wsgikit.cache"}
    assert all((record.exc_info is not None) is (error is MISTAKE) for record in caplog.records)


def test_a_store_that_rests_after_a_failure_is_a_miss_without_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Broken()
    store.method, store.error = "find", StoreResting("it failed a moment ago")
    assert Scene(store=store).answers(cc=FRESH).get().body == b"hello"
    assert caplog.records == []


@pytest.mark.parametrize("when", ["write", "commit", "discard"])
def test_a_writer_that_fails_lets_the_body_pass(when: str, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(MemoryStore):
        def write(self, key: str) -> Any:
            writer = super().write(key)
            steps = {name: getattr(writer, name) for name in ("write", "commit", "discard")}
            return SimpleNamespace(**{**steps, when: fail})

    def fail(*args: Any) -> Any:
        raise StoreError("the disk is full")

    scene = Scene(store=Failing()).answers(
        ("Content-Length", "6"), cc=FRESH, body=lambda: iter([b"hel", b"lo!"])
    )
    stop = 1 if when == "discard" else None
    assert scene.get(stop_after=stop).body == (b"hel" if stop else b"hello!")
    assert {record.getMessage().rpartition(": ")[2] for record in caplog.records} == {"'the disk is full'"}
    assert not scene.cache._lookups.get().storage.fills._under_way


def test_a_body_that_is_gone_is_a_miss() -> None:
    class Forgetful(MemoryStore):
        def body(self, entry: Any) -> None:
            return None

    scene = Scene(store=Forgetful()).answers(("ETag", '"a"'), cc=FRESH, conditional=True)
    for wait in (0, 0, 61):
        assert scene.wait(wait).get().body == b"hello"
    assert scene.calls == 4  # after a 304 for what is gone the app is asked again


# ---- bodies in files


class Files(MemoryStore):
    """Gives bodies as open files, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[io.BytesIO] = []

    def body(self, entry: Any) -> Any:
        self.opened.append(io.BytesIO(super().body(entry) or b""))
        return self.opened[-1]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    "headers", [{}, {"Range": "bytes=1-2"}, {"Range": "bytes=0-0,4-4"}, {"If_None_Match": "*"}]
)
def test_files_are_sent_and_closed(wrapped: bool, headers: dict[str, str]) -> None:
    from wsgiref.util import FileWrapper

    store = Files()
    scene = Scene(store=store).answers(cc=FRESH)
    scene.get()
    environ = {"wsgi.file_wrapper": FileWrapper} if wrapped else {}
    answer = scene.get(environ=environ, **headers)
    assert hit(answer)
    assert all(file.closed for file in store.opened)
    if "Range" not in headers and "If_None_Match" not in headers:
        assert answer.body == b"hello"
    elif headers == {"Range": "bytes=1-2"}:
        assert answer.body == b"el"


def test_a_whole_file_keeps_the_servers_wrapper() -> None:
    from wsgiref.util import FileWrapper

    scene = Scene(store=Files()).answers(cc=FRESH)
    scene.get()
    with closing(scene.open("/page", **{"wsgi.file_wrapper": FileWrapper})) as body:
        assert type(body) is FileWrapper


# ---- options


@pytest.mark.parametrize(
    "options",
    [
        {"store": "memory"},
        {"store": object()},
        {"store": MemoryStore},
        {"vary_cookies": "no"},
        {"stale_if_unreachable": None},
        {"default_ttl": "soon"},
        {"default_ttl": -1},
        {"tags": "Surrogate Key"},
        {"tags": 7},
        {"client_directives": 1},
        {"store_set_cookie": "yes"},
    ],
)
def test_wrong_options_are_named(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises((TypeError, ValueError), match=f"Cache: {name}="):
        Cache(lambda environ, start: [], **options)


def test_options_are_attributes() -> None:
    cache = Cache(print, default_ttl="1m", tags="Cache-Tag", vary_cookies=True)  # type: ignore[arg-type]
    assert (cache.default_ttl, cache.tags, cache.vary_cookies) == (60.0, "Cache-Tag", True)
    assert repr(cache) == "Cache(vary_cookies=True, default_ttl='1m', tags='Cache-Tag')"


def test_what_the_app_no_longer_lets_be_stored_does_not_outlast_it() -> None:
    scene = Scene().answers(cc=FRESH)
    scene.get()
    scene.wait(61).answers(cc="private").get()
    scene.answers(raises=OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        scene.get()


def test_event_streams_are_not_for_keeping() -> None:
    scene = Scene(default_ttl=60).answers(("ETag", '"a"'))
    scene._headers[0] = ("Content-Type", "text/event-stream; charset=utf-8")
    assert not reused(scene)


@pytest.mark.parametrize("status", [204, 205])
def test_content_that_does_not_belong_there_is_not_stored(status: int) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(f"{status} Said So", [("Cache-Control", FRESH)])
        return [b"wrong"]

    cache = Cache(app)
    call(cache, "GET", "/")
    assert cache.store.find("http://localhost/") == []
