from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.rewrite import Place, rewritten

PLACE = Place("backend:8080", "", "backend:8080", "/mnt")
BASED = Place("backend:8080", "/base", "backend:8080", "/mnt")
CLIENT = Place("backend:8080", "", "site.example", "/mnt")
ROOT = Place("backend:80", "", "backend:80", "")
BASED_ROOT = Place("backend:80", "/base", "backend:80", "")


@pytest.mark.parametrize(
    ("place", "location", "moved"),
    [
        (PLACE, "/x?y#z", "/mnt/x?y#z"),
        (PLACE, "/", "/mnt/"),
        (PLACE, "http://backend:8080/x", "/mnt/x"),
        (PLACE, "HTTP://Backend:8080/x", "/mnt/x"),
        (PLACE, "http://backend:8080", "/mnt/"),
        (PLACE, "http://backend:8080?q", "/mnt/?q"),
        (PLACE, "//backend:8080/x", "/mnt/x"),
        (PLACE, "http://backend/x", "http://backend/x"),
        (PLACE, "https://login.example/x", "https://login.example/x"),
        (PLACE, "//login.example/x", "//login.example/x"),
        (PLACE, "x/y", "x/y"),
        (PLACE, "?page=2", "?page=2"),
        (PLACE, "", ""),
        (PLACE, "mailto:a@b", "mailto:a@b"),
        (PLACE, "/mnt/x", "/mnt/x"),
        (PLACE, "/mntx", "/mnt/mntx"),
        (BASED, "/base/x", "/mnt/x"),
        (BASED, "/base", "/mnt/"),
        (BASED, "/basement", "/basement"),
        (BASED, "http://backend:8080/base/x", "/mnt/x"),
        (BASED, "http://backend:8080/x", "http://backend:8080/x"),
        (CLIENT, "https://site.example/x", "/mnt/x"),
        (CLIENT, "https://site.example:443/x", "/mnt/x"),
        (CLIENT, "http://backend:8080/x", "/mnt/x"),
        (ROOT, "http://backend/x", "/x"),
        (ROOT, "/x", "/x"),
        (ROOT, "http://backend//evil.example/", "/.//evil.example/"),
        (ROOT, "http://backend/\\evil.example/", "/./\\evil.example/"),
        (ROOT, "http://backend/\t/evil.example/", "/./\t/evil.example/"),
        (BASED_ROOT, "/base//evil.example/?x", "/.//evil.example/?x"),
        (PLACE, "http://backend:8080//evil.example/", "/mnt//evil.example/"),
        (ROOT, "/\\as.it.came/", "/\\as.it.came/"),
    ],
)
def test_location(place: Place, location: str, moved: str) -> None:
    assert place.location(location) == moved


@given(st.text("/\\.ab", max_size=6), st.sampled_from([PLACE, BASED, ROOT, BASED_ROOT]))
def test_no_location_of_the_backends_own_leads_to_another_host(path: str, place: Place) -> None:
    asked = "http://site.example/page"
    for location in (
        f"http://{place.host}{place.base}/{path}",
        f"{place.base}/{path}" if place.base else "/",
    ):
        moved = place.location(location).replace("\\", "/")  # as browsers do
        assert urlsplit(urljoin(asked, moved)).netloc == "site.example"


@pytest.mark.parametrize(
    ("cookie", "moved"),
    [
        ("a=1; Path=/; HttpOnly", "a=1; Path=/mnt; HttpOnly"),
        ("a=1; path=/x", "a=1; path=/mnt/x"),
        ("a=1", "a=1"),
        ("a=/; Path=x", "a=/; Path=x"),
        ("a=1; Domain=.Backend; Path=/", "a=1; Path=/mnt"),
        ("a=1; Domain=other.example", "a=1; Domain=other.example"),
        ("__Host-a=1; Path=/; Secure", "__Host-a=1; Path=/; Secure"),
        ("__HOST-a=1; Path=/; Secure", "__HOST-a=1; Path=/; Secure"),
    ],
)
def test_cookie(cookie: str, moved: str) -> None:
    assert PLACE.cookie(cookie) == moved


def test_only_what_is_asked_for_is_rewritten() -> None:
    headers = [("Location", "/x"), ("Content-Location", "/y"), ("Set-Cookie", "a=1; Path=/"), ("Link", "/z")]
    assert rewritten(headers, PLACE, locations=True, cookies=False) == [
        ("Location", "/mnt/x"),
        ("Content-Location", "/mnt/y"),
        ("Set-Cookie", "a=1; Path=/"),
        ("Link", "/z"),
    ]
    assert rewritten(headers, PLACE, locations=False, cookies=True)[2] == ("Set-Cookie", "a=1; Path=/mnt")
