"""Sticky: bound by a cookie that tells nothing, cannot be forged and outlives restarts."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forwarding.balancing.fakes import Fake
from wsgikit.forwarding.balancing.sticky import Sticky

SECRET = "correct horse battery staple"
URLS = ("http://10.0.0.1:8000", "http://10.0.0.2:8000", "unix:/run/app.sock")
BACKENDS = [Fake(url) for url in URLS]
ONE, OTHER, THIRD = BACKENDS


def sticky(**options: Any) -> Sticky:
    return Sticky("srv", **{"secret": SECRET, **options})


def cookie(layer: Sticky, url: str) -> str:
    """The pair that a browser sends back."""
    return layer.cookie_for(url, {})[1].partition(";")[0]


def value(layer: Sticky, url: str) -> str:
    return cookie(layer, url).partition("=")[2]


def sent(header: str) -> dict[str, str]:
    return {"HTTP_COOKIE": header}


# ---- binding


@pytest.mark.parametrize("backend", BACKENDS)
def test_cookie_leads_back_to_its_backend(backend: Fake) -> None:
    layer = sticky()
    assert layer.chosen(sent(cookie(layer, backend.url)), BACKENDS) is backend


def test_backend_that_cannot_be_used_now_is_not_chosen() -> None:
    layer = sticky()
    assert layer.chosen(sent(cookie(layer, ONE.url)), [OTHER, THIRD]) is None


@pytest.mark.parametrize(
    "environ", [{}, {"HTTP_COOKIE": ""}, {"HTTP_COOKIE": "a=b"}, {"HTTP_COOKIE": "srv="}]
)
def test_client_without_cookie_is_not_bound(environ: dict[str, str]) -> None:
    assert sticky().chosen(environ, BACKENDS) is None


def test_cookie_is_found_among_others() -> None:
    layer = sticky()
    bound = cookie(layer, OTHER.url)
    assert (
        layer.chosen(sent(f"x{cookie(layer, ONE.url)}; a={cookie(layer, ONE.url)}; {bound}; z"), BACKENDS)
        is OTHER
    )


def test_quoted_cookie_is_understood() -> None:
    layer = sticky()
    assert layer.chosen(sent(f'srv="{value(layer, OTHER.url)}"'), BACKENDS) is OTHER


def test_first_of_several_counts() -> None:
    layer = sticky()
    header = f"{cookie(layer, ONE.url)}; {cookie(layer, OTHER.url)}"
    assert layer.chosen(sent(header), BACKENDS) is ONE


def test_it_survives_a_restart() -> None:
    script = f"from tests.forwarding.balancing.test_sticky import *;print(value(sticky(), {ONE.url!r}))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == value(sticky(), ONE.url)


def test_it_is_the_same_in_every_version() -> None:
    """An upgrade moves nobody."""
    assert value(sticky(), ONE.url) == "mDdcqgt0Di7_dmpr.2CVokIowPvEabhDr9A_UgxhRx9u2tL0hqJ93-_GlyuM"


# ---- forging


def test_cookie_says_nothing_about_the_backend() -> None:
    names = {value(sticky(secret=secret), ONE.url).partition(".")[0] for secret in (SECRET, SECRET + "!")}
    assert len(names) == 2  # nor can addresses be tried out without the secret


def test_cookie_of_another_secret_counts_as_none() -> None:
    stranger = sticky(secret="another secret of a stranger")
    assert sticky().chosen(sent(cookie(stranger, ONE.url)), BACKENDS) is None


def test_cookie_of_another_name_counts_as_none() -> None:
    namesake = Sticky("other", secret=SECRET)
    assert sticky().chosen(sent(f"srv={value(namesake, ONE.url)}"), BACKENDS) is None


def test_name_of_one_with_the_signature_of_another_counts_as_none() -> None:
    layer = sticky()
    name, _, _ = value(layer, ONE.url).partition(".")
    _, _, signature = value(layer, OTHER.url).partition(".")
    assert layer.chosen(sent(f"srv={name}.{signature}"), BACKENDS) is None


def test_name_without_signature_counts_as_none() -> None:
    layer = sticky()
    name, _, _ = value(layer, ONE.url).partition(".")
    assert layer.chosen(sent(f"srv={name}"), BACKENDS) is None
    assert layer.chosen(sent(f"srv={name}."), BACKENDS) is None


@given(st.data())
def test_any_change_makes_it_worthless(data: Any) -> None:
    layer = sticky()
    good = value(layer, ONE.url)
    place = data.draw(st.integers(0, len(good) - 1))
    character = data.draw(st.characters(exclude_characters=good[place] + ";", codec="latin-1"))
    changed = good[:place] + character + good[place + 1 :]
    assert layer.chosen(sent(f"srv={changed}; a=b"), BACKENDS) is None


@given(st.text())
def test_any_text_is_no_cookie_of_ours(text: str) -> None:
    assert sticky().chosen(sent(text), BACKENDS) is None
    assert sticky().chosen(sent(f"srv={text}"), BACKENDS) is None


def test_strangers_cookies_take_no_memory() -> None:
    layer = sticky()
    for number in range(100):
        layer.chosen(sent(f"srv={number}"), BACKENDS)
    assert layer._values.cache_info().currsize == len(BACKENDS)


def test_values_are_computed_once_for_each_backend() -> None:
    layer = sticky()
    for _ in range(10):
        layer.chosen(sent(cookie(layer, THIRD.url)), BACKENDS)
    assert layer._values.cache_info().misses == len(BACKENDS)


# ---- secrets


def test_secret_is_text_or_bytes() -> None:
    assert value(sticky(secret=SECRET.encode()), ONE.url) == value(sticky(), ONE.url)


def test_newest_secret_signs_and_older_ones_still_hold() -> None:
    old, new = sticky(), sticky(secret=["a newer secret than that", SECRET])
    assert value(new, ONE.url) == value(sticky(secret="a newer secret than that"), ONE.url)
    assert new.chosen(sent(cookie(old, OTHER.url)), BACKENDS) is OTHER
    assert new.chosen(sent(cookie(new, OTHER.url)), BACKENDS) is OTHER


def test_secret_that_was_dropped_holds_no_more() -> None:
    assert (
        sticky(secret=("a newer secret than that",)).chosen(sent(cookie(sticky(), ONE.url)), BACKENDS) is None
    )


def test_secret_is_never_shown() -> None:
    layer = sticky(secret=[SECRET, "older " + SECRET])
    assert repr(layer) == "Sticky(cookie='srv', secret='[hidden]')"
    assert SECRET not in repr(layer.options())


def test_it_is_pickled_copied_and_compared_by_what_it_is() -> None:
    layer = sticky(max_age="1d")
    for again in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer), copy.copy(layer)):
        assert again == layer
        assert again.cookie_for(ONE.url, {}) == layer.cookie_for(ONE.url, {})
    assert layer != sticky(secret="another secret of a stranger", max_age="1d")


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ("", ValueError),
        (b"", ValueError),
        ([], ValueError),
        ([SECRET, ""], ValueError),
        (None, TypeError),
        (1234567890123456789, TypeError),
        ([SECRET, 1234567890123456789], TypeError),
        ({"hunter2hunter2!": SECRET}, TypeError),
    ],
)
def test_secret_that_will_not_do_is_refused_without_showing_it(secret: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Sticky: secret=\[hidden\] .*none empty") as raised:
        sticky(secret=secret)
    for shown in ("hunter", "12345", SECRET):
        assert shown not in str(raised.value)


def test_secret_has_to_be_given() -> None:
    with pytest.raises(TypeError, match=r"Sticky: missing a required (keyword-only )?argument: 'secret'"):
        Sticky("srv")  # type: ignore[call-arg]


# ---- the header


def test_header_sets_a_cookie_for_the_whole_site() -> None:
    name, text = sticky().cookie_for(ONE.url, {"wsgi.url_scheme": "http"})
    assert name == "Set-Cookie"
    assert text == f"srv={value(sticky(), ONE.url)}; Path=/; HttpOnly; SameSite=Lax"


def test_cookie_set_over_https_stays_there() -> None:
    _, text = sticky().cookie_for(ONE.url, {"wsgi.url_scheme": "https"})
    assert text.endswith("; Secure")


@pytest.mark.parametrize("name", ["__Host-srv", "__secure-srv"])
def test_cookie_with_a_prefix_is_secure_always(name: str) -> None:
    _, text = Sticky(name, secret=SECRET).cookie_for(ONE.url, {"wsgi.url_scheme": "http"})
    assert text.endswith("; Secure")


@pytest.mark.parametrize(
    ("age", "attribute"), [(3600, "3600"), ("1d", "86400"), (1.0, "1"), (1e9, "1000000000")]
)
def test_max_age_is_sent(age: Any, attribute: str) -> None:
    morsel = SimpleCookie(sticky(max_age=age).cookie_for(ONE.url, {})[1])["srv"]
    assert morsel["max-age"] == attribute


def test_value_needs_no_quotes() -> None:
    assert SimpleCookie(cookie(sticky(), ONE.url))["srv"].coded_value == value(sticky(), ONE.url)
    assert len(value(sticky(), "http://[2001:db8::1]:8080/base")) == 60


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "é", "a\r\nb", '"a"'])
def test_cookie_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"Sticky: cookie=.* will not do: a name"):
        Sticky(name, secret=SECRET)


def test_cookie_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Sticky: cookie=b'srv' \(bytes\) will not do"):
        Sticky(b"srv", secret=SECRET)  # type: ignore[arg-type]


@pytest.mark.parametrize("age", [0, 0.5, "500ms", -1, "soon"])
def test_max_age_below_a_second_is_refused(age: Any) -> None:
    with pytest.raises(ValueError, match=r"Sticky: max_age=.* will not do"):
        sticky(max_age=age)


def test_options_are_attributes() -> None:
    layer = sticky(max_age="1h")
    assert (layer.cookie, layer.secret, layer.max_age) == ("srv", SECRET, 3600.0)


# ---- the extra


def test_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    with pytest.raises(
        ImportError, match=r"Sticky: itsdangerous is not installed; wsgikit\[sticky\] brings it"
    ):
        sticky()


def test_library_is_not_needed_before_the_first_sticky() -> None:
    script = "import sys, wsgikit.forwarding.balancing.sticky; sys.exit('itsdangerous' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
